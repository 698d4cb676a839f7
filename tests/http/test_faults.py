"""Whatever a program does wrong: its client sees an error or a broken answer, and nobody else anything."""

import gc
import logging

import pytest
import trio

from tests.http.wires import GET, App, alone, connect, get, post, reply, serving
from triosanic.exceptions import NotFound
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text

FAILURES = [
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
]


@pytest.mark.parametrize("error", FAILURES, ids=repr)
async def test_what_a_handler_raises_is_answered_with_500_and_the_connection_goes_on(
    error: BaseException,
) -> None:
    """Design: every exception becomes a response inside the worker."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/bad":
            raise error
        return text("fine")

    async with alone(serving(handler, "/", "/bad")) as client:
        answer = await client.ask(get("/bad"))
        assert (answer.status, answer.whole) == (500, True)
        assert (await client.ask(GET)).body == b"fine"


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


@pytest.mark.parametrize("status", [0, 99, 100, 101, 1000, -1])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_status_that_is_none_is_an_error(status: int, streamed: bool) -> None:
    """RFC 9110 §15: a final status has three digits and begins with 2 to 5."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("never")

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        return stream(streaming, status) if streamed else text("never", status)

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.whole) == (500, True)


@pytest.mark.parametrize("length", ["-1", "x", "1_0", "+2", "0x2", "²", "9" * 5000, "2, 2"], ids=ascii)
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


async def test_a_handler_that_fails_as_its_time_is_up_leaves_nobody_without_an_answer() -> None:
    """RFC 9112 §9.3.2: the next answer must not be taken for this one's."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in the cleanup")

    async with alone(serving(handler, "/", "/next")) as client:
        await client.send_only(GET + get("/next"))
        answer = await client.answer()
        assert answer.status in {500, 503} or not answer.whole
        if answer.whole and answer.keeps_alive:
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
