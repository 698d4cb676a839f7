"""Whatever a program does wrong: its client sees an error or a broken answer, and nobody else anything."""

import asyncio
import gc
import logging
import re
import sys
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
import trio

from tests.http.wires import GET, App, alone, connect, get, post, reply, serving
from triosanic.exceptions import NotFound
from triosanic.http.exchange import Exchange
from triosanic.log import logger, loggers
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, raw, stream, text


class Unshowable(Exception):
    """What can not be shown in any way."""

    def __str__(self) -> str:
        raise ValueError("str")

    __repr__ = __str__


class Elusive:
    """What raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> object:
        raise ValueError(name)

    def __repr__(self) -> str:
        raise ValueError("repr")


def cancelled_once() -> trio.Cancelled:
    """A cancellation that was kept from another time."""

    async def keep() -> trio.Cancelled:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                kept = error
        return kept

    return trio.run(keep)


FAILURES: list[BaseException] = [
    ValueError("x"),
    MemoryError(),
    RecursionError(),
    AssertionError(),
    StopIteration(),
    StopAsyncIteration(),
    trio.TooSlowError(),
    trio.BrokenResourceError(),
    trio.ClosedResourceError(),
    trio.EndOfChannel(),
    OSError(24, "Too many open files"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ExceptionGroup("g", [ValueError(), KeyError()]),
    ExceptionGroup("g", [ExceptionGroup("h", [ValueError()])]),
    BaseExceptionGroup("b", [ValueError(), KeyError()]),
    BaseExceptionGroup("b", [GeneratorExit(), ExceptionGroup("h", [ValueError()])]),
    GeneratorExit(),
    BaseException("of no class that is known"),
    asyncio.CancelledError(),
    cancelled_once(),
    Unshowable(),
    ExceptionGroup("g", [Unshowable(), Unshowable()]),
]
NAMES = [f"{type(error).__name__}-{number}" for number, error in enumerate(FAILURES)]


@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_what_a_handler_raises_is_answered_with_500_and_the_connection_goes_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Design: every exception becomes a response inside the worker, and one record."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/bad":
            raise error
        return text("fine")

    async with alone(serving(handler, "/", "/bad")) as client:
        answer = await client.ask(get("/bad"))
        assert (answer.status, answer.whole, answer.keeps_alive) == (500, True, True)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert (await client.ask(GET)).body == b"fine"


@pytest.mark.parametrize(
    "place", ["request middleware", "response middleware", "error handler", "stream", "sync"]
)
@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_wherever_a_program_raises_only_its_exchange_ends(
    error: BaseException, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As above; only what fails in a response middleware leaves the response as it is."""

    def raises(*_: object) -> HTTPResponse:
        raise error

    async def raises_later(*_: object) -> None:
        raise error

    def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        if place == "sync":
            raise error
        if place == "error handler":
            raise LookupError
        return stream(raises_later) if place == "stream" else text("fine")

    app = serving(handler)
    if place == "request middleware":
        app.on_request(raises)
    elif place == "response middleware":
        app.on_response(raises_later)
    elif place == "error handler":
        app.exception(LookupError)(raises)
    async with alone(app) as client:
        answer = await client.ask(GET)
        spared = place == "response middleware" and isinstance(error, Exception)
        assert (answer.status, answer.whole) == (200 if spared else 500, True)
        assert len(caplog.records) == 1  # middleware runs once a request, and not again for the 500
        assert (await client.ask(GET) if answer.keeps_alive else answer).status == answer.status


@pytest.mark.parametrize("error", FAILURES, ids=NAMES)
async def test_what_a_stream_raises_after_its_head_is_one_record(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """docs/misfortunes.md: aborted, with what was sent; the log is not what fails then."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("half")
        await trio.sleep(1)
        raise error

    async with alone(serving(lambda request: stream(streaming))) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body, answer.whole) == (200, b"half", False)
    [record] = caplog.records
    assert record.getMessage().startswith("GET / was aborted after 4 bytes of its response: ")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
async def test_what_is_meant_to_end_the_process_passes(error: BaseException, nursery: trio.Nursery) -> None:
    """Trio's and Python's rule: nobody but the main program catches these."""

    async def handler(request: Request) -> HTTPResponse:
        raise error

    with pytest.raises(BaseExceptionGroup) as caught:
        async with alone(serving(handler)) as client:
            await client.send(GET)
            await trio.sleep_forever()
    assert caught.value.split(type(error))[1] is None


@pytest.mark.parametrize("name", ["sanic.error", "sanic.access", "sanic.root"])
@pytest.mark.parametrize("fault", ["handler", "filter", "full", "closed"])
async def test_a_log_that_fails_harms_nobody(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """http-rules §2 (1): a full disk (ENOSPC), a closed stderr, handlers and filters that raise."""

    class Raises(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(28, "No space left on device")

    log = logging.getLogger(name)
    handler: logging.Handler = Raises()
    if fault == "filter":
        handler.addFilter(lambda record: bool(1 / 0))
    elif fault == "full":
        handler = logging.FileHandler("/dev/full", encoding="utf-8")
    elif fault == "closed":
        handler = logging.StreamHandler(StringIO())
        handler.stream.close()
        monkeypatch.setattr(sys, "stderr", handler.stream)
    monkeypatch.setattr(log, "handlers", [handler])
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log, "level", logging.INFO)

    async def answering(request: Request) -> HTTPResponse | None:
        logger.info("by the program")
        if request.path == "/bad":
            raise ValueError
        return text("fine")

    async with alone(serving(answering, "/", "/bad"), access_log=True) as client:
        for _ in range(2):
            assert (await client.ask(GET)).body == b"fine"
            assert (await client.ask(get("/bad"))).status == 500
    with suppress(OSError):  # of what a full disk has not taken
        handler.close()


@pytest.mark.parametrize("error", [trio.BrokenResourceError(), trio.ClosedResourceError()], ids=repr)
async def test_a_stream_of_the_program_that_breaks_is_not_the_client_that_leaves(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error as any other: logged, and answered."""

    async def handler(request: Request) -> HTTPResponse:
        await request.stream.read()
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.aclose()
        if isinstance(error, trio.ClosedResourceError):
            await ours.aclose()
        await ours.send_all(b"x")
        return text("never")

    async with alone(serving(handler, stream=True)) as client:
        assert (await client.ask(post(b"abc"))).status == 500
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is type(error)


def test_a_logger_that_a_program_has_made_before_is_guarded_too() -> None:
    """The order of imports decides nothing."""
    made = logging.getLogger("made.before")
    assert loggers._guarded("made.before") is made  # noqa: SLF001
    made.handlers = [logging.NullHandler()]
    made.addFilter(lambda record: bool(1 / 0))
    made.error("harmless")


@pytest.mark.parametrize("depth", [1, 3], ids=str)
async def test_a_group_of_one_is_looked_through(depth: int) -> None:
    """Design: handlers that raise a group of one are looked through."""

    async def handler(request: Request) -> HTTPResponse:
        error: Exception = NotFound("gone fishing")
        for _ in range(depth):
            error = ExceptionGroup("one", [error])
        raise error

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).status == 404


async def test_recursion_without_end_is_answered() -> None:
    """As above, with the stack really used up."""

    async def handler(request: Request) -> HTTPResponse:
        return await handler(request)

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).status == 500


@pytest.mark.parametrize("result", [None, "text", b"bytes", 7, {"a": 1}, object], ids=repr)
async def test_a_handler_that_returns_no_response_is_500(result: object) -> None:
    """Sanic: invalid response type."""

    async def handler(request: Request) -> object:
        return result

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).status == 500


@pytest.mark.parametrize("place", ["result", "header", "written"])
async def test_an_object_that_raises_whatever_is_asked_of_it_is_500(place: str) -> None:
    """As above, with every attribute, its class and its representation."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write(Elusive())

    async def handler(request: Request) -> object:
        if place == "written":
            return stream(streaming)
        return Elusive() if place == "result" else text("never", headers={"x": Elusive()})

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).status == 500
        assert (await client.ask(GET)).status == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\0"), ("a b", "c"), ("", "c"), ("x", "\ud800"), ("x:", "c")],
    ids=ascii,
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_header_that_would_break_its_line_is_never_sent(
    name: str, value: str, streamed: bool
) -> None:
    """CVE-2018-1000164, CVE-2020-7695: an error instead, with nothing of it on the wire."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("never")

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        headers = {name: value}
        return stream(streaming, headers=headers) if streamed else text("never", headers=headers)

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.whole) == (500, True)
        assert b"never" not in answer.body
        assert (await client.ask(GET)).status == 500


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\t", "", " ", "é", "日本", "a\x80"], ids=ascii)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_odd_header_value_is_sent_the_same_streamed_or_not(value: str, streamed: bool) -> None:
    """RFC 9110 §5.5: white space around a value is no part of it; both ways of sending agree."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("ok")

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        return stream(streaming, headers={"x": value}) if streamed else text("ok", headers={"x": value})

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body, answer.whole) == (200, b"ok", True)
        assert answer.headers["x"] == value.strip(" \t")


@pytest.mark.parametrize("status", [0, 99, 100, 101, 1000, -1, 404.5, "ok", None], ids=str)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_status_that_is_none_is_an_error(
    status: Any, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 9110 §15: a final status has three digits and begins with 2 to 5."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("never")

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        return stream(streaming, status) if streamed else text("never", status)

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.whole) == (500, True)
    assert f"must be a whole number from 200 to 999, not {status!r}" in caplog.text


@pytest.mark.parametrize(
    "length", ["-1", "x", "1_0", "+2", "0x2", "²", "9" * 21, "9" * 5000, "2, 2"], ids=ascii
)
async def test_a_content_length_that_is_none_is_an_error(length: str) -> None:
    """RFC 9110 §8.6: digits, and nothing else."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("ok")

    async def handler(request: Request) -> StreamingHTTPResponse:
        return stream(streaming, headers={"content-length": length})

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.whole) == (500, True)


async def test_an_error_handler_that_fails_is_answered_too() -> None:
    """Design: an answer for whatever a program raises."""

    async def handler(request: Request) -> HTTPResponse:
        raise ValueError

    async def fails(request: Request, error: Exception) -> HTTPResponse:
        raise KeyError

    app = serving(handler)
    app.exception(ValueError)(fails)
    async with alone(app) as client:
        assert (await client.ask(GET)).status == 500
        assert (await client.ask(GET)).status == 500


@pytest.mark.parametrize("written", [b"", b"half"])
async def test_a_stream_that_fails_is_cut_off_and_not_ended(written: bytes) -> None:
    """Design: a client never takes half an answer for a whole one."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write(written)
        await trio.sleep(1)
        raise ValueError

    async def handler(request: Request) -> StreamingHTTPResponse:
        return stream(streaming)

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body, answer.whole) == (200, written, False)
        with pytest.raises(trio.BrokenResourceError):
            await client.rest()


async def test_a_stream_to_http_1_0_that_fails_is_reset() -> None:
    """RFC 9112 §8: where the close is the end of the body, only a reset can say that it is not whole."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("half")
        await trio.sleep(1)
        raise ValueError

    async with alone(serving(lambda request: stream(streaming))) as client:
        await client.send(get(version="1.0"))
        with pytest.raises(trio.BrokenResourceError):
            await client.rest()


async def test_an_application_that_breaks_ends_its_connection_and_no_other(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault wall: `Connection.run` never raises what a peer or an application did."""

    async def broken(exchange: Exchange) -> None:
        raise MemoryError

    client = connect(nursery, App(broken))
    await client.send(GET)
    await client.ended.wait()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert (await connect(nursery, App()).ask(GET)).status == 200


@pytest.mark.parametrize("how", ["shutdown", "leaves", "times out"])
async def test_what_fails_while_it_is_cancelled_stays_inside(how: str) -> None:
    """http-rules §2 (1): any exception in a connection's task stays inside, in a group with Cancelled too."""

    async def fails_at_the_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in the cleanup")

    async def handler(request: Request) -> HTTPResponse:
        async with trio.open_nursery() as children:
            children.start_soon(fails_at_the_end)
            children.start_soon(trio.sleep_forever)
        return text("never")

    async with trio.open_nursery() as connections:
        client = connect(connections, serving(handler))
        await client.send(GET)
        if how == "shutdown":
            connections.cancel_scope.cancel()
        elif how == "leaves":
            await client.leave()
        else:
            assert (await client.answer()).status == 503
            await client.leave()


@pytest.mark.parametrize("error", [ValueError, GeneratorExit])
async def test_a_handler_that_fails_as_its_time_is_up_leaves_nobody_without_an_answer(
    error: type[BaseException],
) -> None:
    """RFC 9112 §9.3.2: the next answer must not be taken for this one's."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        try:
            await trio.sleep_forever()
        finally:
            raise error("in the cleanup")

    async with alone(serving(handler, "/", "/next")) as client:
        await client.send_only(GET + get("/next"))
        answer = await client.answer()
        assert (answer.status, answer.whole) == (503, True)
        assert (await client.answer()).body == b"next"


async def test_a_handler_that_ends_as_its_time_is_up_leaves_nobody_without_an_answer() -> None:
    """As above, with its own timeout of the same length as ours: the order of the two is random."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        with trio.move_on_after(60):
            await trio.sleep_forever()
        return text("in time")

    for _ in range(20):
        async with alone(serving(handler, "/", "/next"), response_timeout_s=60) as client:
            await client.send_only(GET + get("/next"))
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"in time") or answer.status == 503
            assert (await client.answer()).body == b"next"


async def test_the_error_of_one_request_is_never_answered_to_the_next() -> None:
    """A handler is stopped for its own request only."""

    async def handle(exchange: Exchange) -> None:
        if exchange.head.target == "/":
            with trio.move_on_after(60):
                await trio.sleep_forever()
        await reply(exchange, exchange.head.target.encode())

    for _ in range(20):
        async with alone(App(handle), response_timeout_s=60) as client:
            await client.send_only(GET + get("/next") + get("/last"))
            assert (await client.answer()).status in {200, 503}
            assert (await client.answer()).body == b"/next"
            assert (await client.answer()).body == b"/last"


async def test_an_answer_behind_a_shield_does_not_make_the_next_request_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As above: what is answered in spite of its timeout leaves its error and its cancellation behind."""

    async def handler(request: Request) -> HTTPResponse | None:
        if request.path == "/next":
            return text("next")
        with trio.CancelScope(shield=True):
            await trio.sleep(100)
            await (await request.respond()).send("late", True)
        return None

    async with alone(serving(handler, "/", "/next")) as client:
        await client.send_only(GET + get("/next"))
        assert (await client.answer()).body == b"late"
        assert await client.rest() == b""
    assert "failed" not in caplog.text

async def test_generators_leave_no_warning_behind() -> None:
    """No coroutine, socket or generator is left to the garbage collector."""

    async def pieces(request: Request) -> object:
        yield "a"
        yield "b"

    app = serving(lambda request: pieces(request))
    async with alone(app) as client:
        assert (await client.ask(GET)).body == b"ab"
        await client.ask(get(method="HEAD"))
        await client.ask(post(b"x"))
    gc.collect()


@pytest.mark.parametrize("how", ["WRITE_TIMEOUT", "stopped", "gone"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_response_that_is_cut_is_told_of_with_the_bytes_that_have_left(
    streamed: bool, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line of the reason, and the access log's; what the wire was offered and did not take counts not."""
    caplog.set_level(logging.INFO)
    size = 1 << 20

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write(b"x" * size)

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        return stream(streaming) if streamed else raw(b"x" * size)

    async with trio.open_nursery() as connections:
        client = connect(connections, serving(handler), window=200_000, access_log=True, write_timeout_s=9)
        await client.send(GET)
        if how == "gone":
            await client.leave()
        elif how == "stopped":
            connections.cancel_scope.cancel()
        await client.ended.wait()
    reason = {
        "WRITE_TIMEOUT": "the client took nothing for WRITE_TIMEOUT",
        "stopped": "the server was stopped",
    }
    cut, access = caplog.records
    line = r"GET / was aborted after (\d+) bytes of its response: (.*)"
    found = re.fullmatch(line, cut.getMessage())
    assert found is not None
    assert found[2].startswith(reason.get(how, "the client has gone"))
    assert int(found[1]) == vars(access)["byte"]
    assert 0 < 3 * 65_536 - vars(access)["byte"] < 300  # whole pieces, without the head
