"""JSON lines, and what else a configuration says of the log."""

import importlib
import json
import logging
import sys
import warnings
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic import Config, Sanic
from triosanic.log import (
    LOGGING_CONFIG_DEFAULTS,
    Colors,
    JSONFormatter,
    LineFormatter,
    LogStyle,
    VerbosityFilter,
    deprecation,
)
from triosanic.log.setup import styled
from triosanic.options import RunOptions, log_style

anything = st.text(st.characters(codec=None, exclude_categories=[]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything | st.binary() | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(anything | st.integers(), inner),
    max_leaves=5,
)


def record(message: str = "hello", exc_info: Any = None, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("sanic.root").makeRecord(
        "sanic.root", logging.INFO, "p", 1, message, (), exc_info, extra=extra
    )


# logging itself refuses to have these overwritten.
TAKEN = frozenset({*vars(record()), "message", "asctime", "taskName", "verbosity"})


def told(made: logging.LogRecord, **options: Any) -> dict[str, Any]:
    """Format a record, and read the one line that it must be."""
    line = JSONFormatter(**options).format(made)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line, object_pairs_hook=_once, parse_constant=_refuse)
    assert isinstance(found, dict)
    return found


def fail(text: str) -> None:
    raise ValueError(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _refuse(name: str) -> None:
    pytest.fail(f"{name} is not JSON")


def test_a_record_has_its_members_in_order() -> None:
    made = record("a %s")
    made.args, made.created, made.process = ("b",), 1_764_357_539.1239, 7
    assert list(told(made).items()) == [
        ("time", "2025-11-28T19:18:59.123Z"),
        ("level", "INFO"),
        ("logger", "sanic.root"),
        ("process", 7),
        ("message", "a b"),
    ]


def test_the_time_can_be_read_and_always_has_milliseconds() -> None:
    """ISO 8601, as `datetime` reads it."""
    made = record()
    made.created = 86_400.0
    assert told(made)["time"] == "1970-01-02T00:00:00.000Z"
    assert datetime.fromisoformat(told(made)["time"]) == datetime(1970, 1, 2, tzinfo=UTC)


def test_an_exchange_has_sanics_fields_as_members() -> None:
    """Contract 1.17: status, byte, host, request, duration."""
    fields: dict[str, Any] = {"host": "127.0.0.1:5", "request": "GET /", "status": 200, "byte": 4}
    fields["duration"] = "0.9ms"
    for extra in (True, False):
        assert fields.items() <= told(record("", **fields), extra=extra).items()


@given(message=anything, extra=st.dictionaries(anything.filter(lambda name: name not in TAKEN), values))
def test_whatever_is_logged_is_one_line_of_json(message: str, extra: dict[str, Any]) -> None:
    """CVE-2020-7694; what a client sends can never make a second line."""
    found = told(record(message, **extra))
    assert found["logger"] == "sanic.root"
    assert len(found) == 5 + len(extra)


def test_added_fields_are_members_as_they_are() -> None:
    extra: dict[str, Any] = {"order": 7, "price": 1.5, "tags": ["a"], "more": {"b": None}, "name of": "é\n"}
    assert extra.items() <= told(record(**extra)).items()
    assert not extra.keys() & told(record(**extra), extra=False).keys()


class Broken:
    def __str__(self) -> str:
        raise ValueError("this cannot be shown")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"x", "b'x'"),
        (datetime(2026, 11, 28, tzinfo=UTC), "2026-11-28 00:00:00+00:00"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ([b"x"], ["b'x'"]),
        (Broken(), "<a Broken that cannot be shown>"),
    ],
)
def test_what_json_has_no_form_for_is_told_as_text(value: object, shown: object) -> None:
    assert told(record(field=value))["field"] == shown


def test_a_circle_is_told_as_text() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert told(record(field=circle))["field"] == "[[...]]"


def test_no_added_field_takes_the_place_of_another() -> None:
    found = told(record(time=1, extra_time=2, level=3, exception=4, status=200))
    assert found["level"] == "INFO"
    assert "exception" not in found
    added = {name: found[name] for name in found if name.startswith("extra_")}
    assert sorted(added.values()) == [1, 2, 3, 4]


def test_an_exception_is_one_string() -> None:
    """Also after another formatter has formatted it in its own way, and kept that in the record."""
    try:
        fail("bad\n[2030-01-01] forged")
    except ValueError:
        made = record("it failed", exc_info=sys.exc_info())
    LineFormatter("%(message)s").format(made)
    text = told(made)["exception"]
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert text.endswith("ValueError: bad\n[2030-01-01] forged")


def test_a_stack_is_one_string() -> None:
    made = record()
    made.stack_info = "Stack (most recent call last):\n  File"
    assert told(made)["stack"] == made.stack_info


def test_added_fields_follow_a_line_indented() -> None:
    """As Sanic's LOG_EXTRA, but no line of them can pass for a record."""
    formatted = LineFormatter("%(message)s", extra=True).format(record(a=1, b="x\n[INFO] forged", status=200))
    assert formatted.split("\n") == ["hello", "    a=1", r"    b=x\n[INFO] forged"]
    assert LineFormatter("%(message)s").format(record(a=1)) == "hello"


@pytest.mark.parametrize(("level", "code"), [("INFO", "32"), ("WARNING", "33"), ("ERROR", "31")])
def test_a_level_has_its_colour_and_a_message_brings_none(level: str, code: str) -> None:
    made = record("\x1b[31mred")
    made.levelname, made.levelno = level, getattr(logging, level)
    line = LineFormatter("[%(levelname)s] %(message)s", color=True).format(made)
    assert line == f"[\x1b[{code}m{level}\x1b[0m] \\x1b[31mred"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def colored(style: LogStyle) -> set[str]:
    """Name the handlers that colour."""
    config = styled(style)
    return {
        name
        for name, handler in config["handlers"].items()
        if config["formatters"][handler["formatter"]].get("color")
    }


def test_what_is_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert colored(LogStyle()) == {"error_console"}
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert colored(LogStyle()) == {"console", "error_console", "access_console"}
    assert colored(LogStyle(color=False)) == colored(LogStyle(json_lines=True)) == set()
    monkeypatch.setenv("NO_COLOR", "1")
    assert colored(LogStyle()) == set()
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert colored(LogStyle()) == set()


def test_a_process_without_a_stdout_has_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert colored(LogStyle()) == set()


def test_a_style_leaves_the_defaults_alone() -> None:
    """Programs copy them."""
    before = json.dumps(LOGGING_CONFIG_DEFAULTS)
    for json_lines in (True, False):
        styled(LogStyle(json_lines=json_lines, debug=True, extra=True, verbosity=2))
    assert json.dumps(LOGGING_CONFIG_DEFAULTS) == before


def test_a_style_of_nothing_is_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    config = styled(LogStyle())
    for formatter in config["formatters"].values():
        assert formatter.pop("extra") is False
    assert config == LOGGING_CONFIG_DEFAULTS


def test_what_is_verbose_passes_where_it_is_asked_for() -> None:
    """Source: Sanic 25.12."""
    for verbosity, passes in ((0, [True, False, False]), (1, [True, True, False])):
        judge = VerbosityFilter(verbosity=verbosity)
        records = [record(), record(verbosity=1), record(verbosity=2)]
        assert [judge.filter(made) for made in records] == passes
    assert VerbosityFilter().filter(record(verbosity="much"))


def test_a_configuration_chooses_the_style() -> None:
    config = Config(env_prefix=None)
    assert log_style(config, False, None) == LogStyle()
    config.update(LOG_FORMAT="json", LOG_EXTRA=False, NO_COLOR=True)
    assert log_style(config, True, RunOptions(verbosity=2)) == LogStyle(
        json_lines=True, extra=False, color=False, debug=True, verbosity=2
    )
    with pytest.raises(ValueError, match="LOG_FORMAT must be one of 'text', 'json', not 'xml'"):
        config.LOG_FORMAT = "xml"


def test_the_environment_chooses_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANIC_LOG_FORMAT", "json")
    assert log_style(Config(), False, None).json_lines


def test_run_takes_verbosity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("app")
    app.prepare(verbosity=2)
    assert app.state.options is not None
    assert app.state.options.verbosity == 2


def test_a_deprecation_warns_whoever_calls_what_is_old() -> None:
    """Source: Sanic 25.12."""

    def old() -> None:
        deprecation("use new()", 26.6)

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        old()
    assert str(found[0].message) == "[DEPRECATION v26.6] use new()"
    assert found[0].filename == __file__


@pytest.mark.parametrize("color", [True, False])
def test_nothing_in_a_message_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch, color: bool) -> None:
    """CVE-2020-7694: neither ``log.Colors`` nor what looks like their escapes, which a client may send."""
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    try:
        colors = importlib.reload(sys.modules["triosanic.log.colors"])
        assert colors.Colors.GREEN == "\x1b[32m"
        made = logging.makeLogRecord({"msg": f"{colors.Colors.GREEN}done \\x1b[31m"})
        assert LineFormatter("%(message)s", color=color).format(made) == "\\x1b[32mdone \\x1b[31m"
    finally:
        monkeypatch.undo()
        importlib.reload(sys.modules["triosanic.log.colors"])


def test_elsewhere_colours_are_empty() -> None:
    assert "".join(Colors) == ""
