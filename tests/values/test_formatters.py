"""Formatters by Sanic's names, for a program's ``log_config``."""

import json
import logging
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from triosanic.log import LOGGING_CONFIG_DEFAULTS, access_logger, configure, error_logger, log_access, logger
from triosanic.logging import formatter
from triosanic.logging.formatter import JSONAccessFormatter, JSONFormatter

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def output(capsys: Capture) -> Iterator[Capture]:
    """Take down what a test sets up in its body: pytest swaps the streams before that."""
    yield capsys
    for ours in (logger, error_logger, access_logger):
        ours.handlers.clear()
        ours.setLevel(logging.NOTSET)


def record(**fields: Any) -> logging.LogRecord:
    own = {"name": "sanic.root", "levelno": 20, "levelname": "INFO", "pathname": "/p.py", "lineno": 3}
    return logging.makeLogRecord({**own, "module": "p", "filename": "p.py", "created": 0.0, **fields})


def configured(generic: str, access: str) -> dict[str, Any]:
    config = deepcopy(LOGGING_CONFIG_DEFAULTS)
    config["formatters"] = {
        name: {"class": f"triosanic.logging.formatter.{kind}"}
        for name, kind in (("generic", generic), ("access", access))
    }
    return config


def test_json_lines(output: Capture) -> None:
    configure(configured("JSONFormatter", "JSONAccessFormatter"))
    logger.info("hello %s", "w\n\u2028orld", extra={"user": "bob"})
    log_access(host="h:1", request="GET /\x1b", status=200, sent_bytes=12, duration_s=0.0123)
    first, second = output.readouterr().out.splitlines()
    assert json.loads(first)["message"] == "hello w\n\u2028orld"
    assert json.loads(first)["user"] == "bob"
    fields = {"host": "h:1", "request": r"GET /\x1b", "status": 200, "byte": 12, "duration": "12.3ms"}
    assert fields.items() <= json.loads(second).items()


def test_the_fields_are_sanics() -> None:
    """Sanic 25.12, in its order."""
    names = ["timestamp", "level", "message", "name", "levelno", "pathname", "module", "filename", "lineno"]
    said = json.loads(JSONFormatter().format(record(msg="a %s", args=("b",), extra_field=1)))
    assert list(said) == [*names, "extra_field"]
    assert said["message"] == "a b"
    assert said["timestamp"].startswith(("1970-01-01 ", "1969-12-31 "))
    said = json.loads(JSONAccessFormatter().format(record(msg="a")))
    assert list(said) == [*names[:3], "host", "request", "status", "byte", "duration"]
    assert said["status"] is None


def fail(text: str) -> None:
    raise ValueError(text)


def test_a_traceback_is_a_field() -> None:
    try:
        fail("x\ny")
    except ValueError:
        said = JSONFormatter().format(record(msg="failed", exc_info=sys.exc_info(), stack_info="Stack"))
    assert "\n" not in said
    assert json.loads(said)["exc_info"].endswith("ValueError: x\ny")
    assert json.loads(said)["stack_info"] == "Stack"


def test_what_json_has_no_form_for_is_text() -> None:
    said = json.loads(JSONFormatter().format(record(msg="a", where={1: {object}})))
    assert said["where"] == {"1": "{<class 'object'>}"}


def test_it_is_always_json_and_no_added_field_takes_the_place_of_another() -> None:
    """As the formatter that `LOG_FORMAT` chooses."""
    made = record(msg="a", level="forged", exc_info=None, timestamp=1, nan=float("nan"), keys={(1, 2): 3})
    said = json.loads(JSONFormatter().format(made), parse_constant=pytest.fail)
    assert (said["level"], said["extra_level"], said["extra_timestamp"]) == ("INFO", "forged", 1)
    assert (said["nan"], said["keys"]) == ("nan", "{(1, 2): 3}")


@pytest.mark.parametrize("kind", ["Auto", "Prod", "Debug", "Legacy"])
def test_lines_of_text(output: Capture, kind: str) -> None:
    configure(configured(f"{kind}Formatter", f"{kind}AccessFormatter"))
    logger.info("hello\n%s", "world")
    access_logger.info("a program's own")
    log_access(host="h:1", request="GET /", status=200, sent_bytes=12, duration_s=0.0123)
    first, second, third = output.readouterr().out.splitlines()
    assert first.endswith(r"[INFO] hello\nworld")
    assert "a program's own" in second
    assert third.endswith("[h:1]: GET /  200 12 12.3ms")


def test_a_program_may_choose_the_format() -> None:
    assert formatter.LegacyFormatter("%(levelname)s %(message)s").format(record(msg="a")) == "INFO a"
