"""One call is one line, whatever a client put into it."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic.log import (
    LOGGING_CONFIG_DEFAULTS,
    LineFormatter,
    access_logger,
    configure,
    error_logger,
    escape_controls,
    log_access,
    logger,
    server_logger,
    websockets_logger,
)

OURS = (logger, error_logger, access_logger, server_logger, websockets_logger)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def output(capsys: Capture) -> Iterator[Capture]:
    """Take down what a test sets up in its body: pytest swaps the streams before that."""
    yield capsys
    for ours in OURS:
        ours.handlers.clear()
        ours.setLevel(logging.NOTSET)


def fail(text: str) -> None:
    raise ValueError(text)


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_escaped_text_is_one_line_that_any_stream_takes(text: str) -> None:
    """CVE-2020-7694."""
    escaped = escape_controls(text)
    assert len(escaped.splitlines()) <= 1
    assert escaped.encode().decode() == escaped
    assert escape_controls(escaped) == escaped


@given(st.characters(max_codepoint=0x9F))
def test_every_control_is_escaped_and_nothing_else_below_latin(character: str) -> None:
    """C0, DEL and C1."""
    is_control = ord(character) < 0x20 or ord(character) >= 0x7F
    assert (escape_controls(character) != character) == is_control


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a\r\nb", r"a\r\nb"), ("\x1b[31m", r"\x1b[31m"), ("\u2028", r"\u2028"), ("\u202e", r"\u202e")],
    ids=["line break", "terminal", "line separator", "direction"],
)
def test_escapes_are_pythons(text: str, escaped: str) -> None:
    assert escape_controls(text) == escaped


@pytest.mark.parametrize("text", ["", "GET /a?b=c", "naïve \xa0 日本 🎉", "a\\nb"])
def test_harmless_text_stays(text: str) -> None:
    assert escape_controls(text) == text


def test_the_names_are_sanics() -> None:
    """Programs configure them."""
    names = {"sanic.root", "sanic.error", "sanic.access", "sanic.server", "sanic.websockets"}
    assert {ours.name for ours in OURS} == names == set(LOGGING_CONFIG_DEFAULTS["loggers"])


def test_importing_configures_nothing() -> None:
    """In a process of its own, because tests that run an app configure logging as programs do."""
    names = [ours.name for ours in OURS]
    code = f"import logging, triosanic; assert not any(logging.getLogger(n).handlers for n in {names})"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_message_is_one_line(output: Capture) -> None:
    configure()
    logger.info("path %s", "/\n[2030-01-01] [1] [INFO] forged")
    (line,) = output.readouterr().out.splitlines()
    assert line.endswith(r"[INFO] path /\n[2030-01-01] [1] [INFO] forged")


def test_a_traceback_is_indented(output: Capture) -> None:
    """The text of an exception may be a client's."""
    configure()
    try:
        fail("bad\n[2030-01-01] [1] [INFO] forged\x1b")
    except ValueError:
        error_logger.exception("it failed", stack_info=True)
    first, *rest = output.readouterr().err.splitlines()
    assert first.endswith("[ERROR] it failed")
    assert all(line.startswith("    ") for line in rest)
    assert r"    [2030-01-01] [1] [INFO] forged\x1b" in rest


def test_an_exchange_is_one_line(output: Capture) -> None:
    configure()
    log_access(host="127.0.0.1:5", request="GET /\x1b\n", status=200, sent_bytes=12, duration_s=0.0123)
    (line,) = output.readouterr().out.splitlines()
    assert line.endswith(r"(sanic.access)[INFO][127.0.0.1:5]: GET /\x1b\n  200 12 12.3ms")


def test_an_exchange_has_sanics_fields_escaped(caplog: pytest.LogCaptureFixture) -> None:
    """Sanic 25.12; a program may have a formatter of its own for them."""
    caplog.set_level(logging.INFO, "sanic.access")
    log_access(host="h\n", request="GET /\n", status=404, sent_bytes=3, duration_s=1.5)
    (record,) = caplog.records
    fields = {"host": r"h\n", "request": r"GET /\n", "status": 404, "byte": 3, "duration": "1500.0ms"}
    assert fields.items() <= vars(record).items()


def test_a_silent_access_log_costs_no_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "sanic.access")
    log_access(host="h", request="r", status=200, sent_bytes=0, duration_s=0)
    assert not caplog.records


def test_a_program_may_log_to_the_access_log(output: Capture) -> None:
    """Without the fields of an exchange."""
    configure()
    access_logger.info("hello")
    assert "hello" in output.readouterr().out


def test_a_program_brings_its_own_configuration(output: Capture) -> None:
    config = deepcopy(LOGGING_CONFIG_DEFAULTS)
    config["formatters"]["generic"]["fmt"] = "MINE %(message)s"
    configure(config)
    logger.info("hello")
    assert output.readouterr().out == "MINE hello\n"


def test_a_wrong_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        configure({"version": 2})


def test_formatter_keeps_the_record() -> None:
    """Other handlers, with other formatters, get the message as it was."""
    record = logging.LogRecord("n", logging.INFO, "p", 1, "a\nb", (), None)
    assert LineFormatter("%(message)s").format(record) == r"a\nb"
    assert record.message == "a\nb"
