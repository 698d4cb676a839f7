"""Streamed responses on the wire: framing, back-pressure, order, and the ways to begin and end one."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.wires import GET, App, alone, chunked, get, post, serving
from triosanic.exceptions import ResponseBufferFull, ServerError
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text
from triosanic.testing import open_raw

Response = StreamingHTTPResponse
HEADS = [GET, b"\r\n" + GET, post(b"abc"), chunked(b"abc")]


async def three(response: Response) -> None:
    response.write("foo,")
    response.write("bar")
    await response.write("!")


@pytest.mark.parametrize("head", HEADS, ids=["get", "empty line", "post", "chunked"])
async def test_a_stream_is_chunked_and_the_connection_goes_on(head: bytes) -> None:
    """RFC 9112 §7.1; the seed's page: `response.write('foo,')`."""
    async with alone(serving(lambda request: stream(three, content_type="text/csv"))) as client:
        for _ in range(2):
            await client.send_only(head)
            answer = await client.answer()
            assert (answer.status, answer.body, answer.whole) == (200, b"foo,bar!", True)
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.headers["content-type"] == "text/csv"


async def test_a_stream_of_declared_length_is_not_chunked() -> None:
    """RFC 9112 §6.3."""
    async with alone(serving(lambda request: stream(three, headers={"Content-Length": "8"}))) as client:
        answer = await client.ask(GET)
        assert (answer.body, answer.whole, answer.keeps_alive) == (b"foo,bar!", True, True)
        assert "transfer-encoding" not in answer.headers


async def test_a_stream_to_http_1_0_ends_with_the_connection() -> None:
    """RFC 9112 §6.3: HTTP/1.0 knows no chunks."""
    async with alone(serving(lambda request: stream(three))) as client:
        answer = await client.ask(get("/", "Connection: keep-alive", version="1.0"))
        assert (answer.body, answer.whole, answer.keeps_alive) == (b"foo,bar!", True, False)
        assert "transfer-encoding" not in answer.headers


async def test_head_does_not_run_what_streams() -> None:
    """Design: HEAD does not run the streaming function; RFC 9110 §9.3.2: but has GET's fields."""
    ran: list[str] = []

    async def streaming(response: Response) -> None:
        ran.append("ran")

    async with alone(serving(lambda request: stream(streaming))) as client:
        await client.send(get(method="HEAD"))
        raw = await client.at_once()
        assert raw.endswith(b"\r\n\r\n")
        assert raw.count(b"\r\n\r\n") == 1
        assert b"content-type: text/plain" in raw.lower()
        assert ran == []
        assert (await client.ask(GET)).whole


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_content_sends_none_of_what_is_written(status: int) -> None:
    """RFC 9110 §15.3.5, §15.4.5; §8.6: no Content-Length in a 204."""
    headers = {"Content-Length": "8"}
    async with alone(serving(lambda request: stream(three, status, headers))) as client:
        await client.send(GET)
        raw = await client.at_once()
        assert raw.startswith(b"HTTP/1.1 %d " % status)
        assert raw.endswith(b"\r\n\r\n")
        assert b"transfer-encoding" not in raw.lower()
        assert status != 204 or b"content-length" not in raw.lower()
        assert (await client.ask(GET)).status == status


async def test_more_than_the_declared_length_is_an_error_and_never_sent() -> None:
    """RFC 9110 §8.6: what follows would be taken for the next response."""
    outcome: list[Exception] = []

    async def streaming(response: Response) -> None:
        await response.write("abc")
        try:
            await response.write("de")
        except ServerError as exc:
            outcome.append(exc)
            raise

    headers = {"Content-Length": "4"}
    async with alone(serving(lambda request: stream(streaming, headers=headers))) as client:
        answer = await client.ask(GET)
        assert str(outcome[0]) == "Response was bigger than content-length"
        assert answer.status == 500 or (answer.whole, answer.body) == (False, b"abc")


async def test_less_than_the_declared_length_is_aborted() -> None:
    """RFC 9112 §8: the client must not wait, nor take it for whole."""

    async def streaming(response: Response) -> None:
        await response.write("abc")

    headers = {"Content-Length": "4"}
    async with alone(serving(lambda request: stream(streaming, headers=headers))) as client:
        assert not (await client.ask(GET)).whole


async def test_writes_that_are_not_awaited_are_sent_all_the_same() -> None:
    """The seed's page."""

    async def streaming(response: Response) -> None:
        for number in range(3000):
            response.write(f"{number} ")

    async with alone(serving(lambda request: stream(streaming))) as client:
        answer = await client.ask(GET)
        assert answer.body == b"".join(b"%d " % number for number in range(3000))


async def test_what_is_written_leaves_at_once_and_not_at_the_end() -> None:
    """The seed's page: streaming is for what comes bit by bit."""
    goes_on = trio.Event()

    async def streaming(response: Response) -> None:
        response.write("first")
        await goes_on.wait()
        response.write("second")

    async with alone(serving(lambda request: stream(streaming))) as client:
        await client.send(GET)
        assert (await client.at_once()).endswith(b"5\r\nfirst\r\n")
        goes_on.set()
        assert (await client.at_once()) == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_the_head_leaves_before_the_first_piece_if_that_takes_a_while() -> None:
    """`SendChannel`: the client knows that it is being served."""

    async def streaming(response: Response) -> None:
        await trio.sleep(1)
        response.write("x")

    async with alone(serving(lambda request: stream(streaming))) as client:
        await client.send(GET)
        assert (await client.at_once()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_awaited_write_waits_for_a_client_that_does_not_read() -> None:
    """Design: real back-pressure: one high-water mark, and one piece under way."""
    written = 0

    async def streaming(response: Response) -> None:
        nonlocal written
        while True:
            await response.write(b"x" * 10_000)
            written += 10_000

    async with alone(serving(lambda request: stream(streaming)), write_timeout_s=1e6) as client:
        await client.send(GET)
        await trio.sleep(100)
        # The wire's own buffer, what is being sent, and what may wait.
        assert 60_000 <= written <= 65_536 + 2 * (65_536 + 10_000)
        before = written
        await client.some()
        await wait_all_tasks_blocked()
        assert written > before


async def test_request_stream_waits_while_the_client_does_not_take_what_was_not_awaited() -> None:
    """Design: the seed's echo handlers push back by themselves."""
    echoed = 0

    async def handler(request: Request) -> Response:
        async def streaming(response: Response) -> None:
            nonlocal echoed
            while (piece := await request.stream.read()) is not None:
                response.write(piece)
                echoed += len(piece)

        return stream(streaming)

    async with alone(serving(handler, stream=True), write_timeout_s=1e6) as client:
        with trio.move_on_after(10):
            await client.send_only(post(b"x" * 5_000_000))
        assert echoed <= 5 * 65_536


async def test_a_producer_that_never_awaits_is_told_so_in_the_end() -> None:
    """Design: `ResponseBufferFull` at `RESPONSE_BUFFER_LIMIT`, which names the remedy."""
    outcome: list[str] = []

    async def streaming(response: Response) -> None:
        try:
            while True:
                response.write(b"x" * 1000)
        except ResponseBufferFull as exc:
            outcome.append(str(exc))
            raise

    async with alone(serving(lambda request: stream(streaming)), response_buffer_bytes=50_000) as client:
        answer = await client.ask(GET)
        assert answer.status == 500 or not answer.whole
    assert "RESPONSE_BUFFER_LIMIT" in outcome[0]
    assert "await response.write()" in outcome[0]


async def test_a_producer_that_awaits_never_meets_the_bound_of_those_who_do_not() -> None:
    """Table: `RESPONSE_BUFFER_LIMIT` is for output that is not awaited, also below `RESPONSE_HIGH_WATER`."""

    async def handler(request: Request) -> None:
        response = await request.respond()
        for _ in range(10):
            await response.send(b"x" * 900)

    app = serving(handler)
    app.config.RESPONSE_BUFFER_LIMIT = 1000
    async with open_raw(app) as conn:
        await conn.send(GET)
        assert (await conn.head()).startswith(b"HTTP/1.1 200")


async def test_pieces_of_many_tasks_are_sent_in_the_order_they_were_written() -> None:
    """`SendChannel.write` takes the data at once."""
    order: list[bytes] = []

    async def handler(request: Request) -> HTTPResponse:
        response = await request.respond(content_type="text/plain")

        async def child(number: int) -> None:
            for piece in range(30):
                data = b"%d.%d;" % (number, piece) + b"x" * 3000
                order.append(data)
                await response.send(data, False)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(child, number)
        await response.eof()
        return response  # type: ignore[return-value]  # what respond() gives may be returned

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).body == b"".join(order)


async def test_an_async_generator_is_a_response() -> None:
    """Design: an async generator may be returned as a response."""

    async def handler(request: Request) -> AsyncIterator[str | bytes]:
        yield "a"
        await trio.sleep(1)
        yield b"b"

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).body == b"ab"


async def test_a_generator_is_closed_when_its_client_leaves() -> None:
    """Design: `finally` blocks run."""
    ended = trio.Event()

    async def handler(request: Request) -> AsyncIterator[str]:
        try:
            while True:
                yield "a"
                await trio.sleep(1)
        finally:
            ended.set()

    async with alone(serving(handler)) as client:
        await client.send(GET)
    assert ended.is_set()


@pytest.mark.parametrize("last", ["send", "eof", "with", "send(True)", "write"])
async def test_the_ways_to_end_what_respond_gives(last: str) -> None:
    """Sanic 21.3: `send(end_stream=True)`, `send()` without data, `eof()`, leaving the `async with`."""

    async def handler(request: Request) -> object:
        response = await request.respond(content_type="text/plain")
        if last == "with":
            async with response as send:
                await send("a", False)
                await send("b", False)
            return None
        await response.send("a", False)
        if last == "write":
            await response.write("b")
            return response
        await response.send("b", last == "send(True)")
        if last == "send":
            await response.send()
        elif last == "eof":
            await response.eof()
        return None

    async with alone(serving(handler)) as client:
        for _ in range(2):
            answer = await client.ask(GET)
            assert (answer.body, answer.whole) == (b"ab", True)


async def test_nothing_can_be_written_after_the_end() -> None:
    """Sanic's wording."""
    outcome: list[str] = []

    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.eof()
        try:
            await response.send("more", False)
        except ServerError as exc:
            outcome.append(str(exc))

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).whole
    assert outcome == ["Response stream was ended, no more response data is allowed to be sent."]


async def test_a_second_answer_is_an_error() -> None:
    """RFC 9112 §9.3.2: one response each."""

    async def handle(exchange: Exchange) -> None:
        await exchange.reply(200, (), b"one", None)
        with pytest.raises(ServerError):
            await exchange.reply(200, (), b"two", None)
        with pytest.raises(ServerError):
            exchange.start(200, ())

    async with alone(App(handle)) as client:
        assert (await client.ask(GET)).body == b"one"
        assert (await client.ask(GET)).body == b"one"


async def test_a_stream_can_answer_while_the_body_still_comes() -> None:
    """The seed's page: an echo of a body of any length, on one connection, again and again."""

    async def handler(request: Request) -> Response:
        async def streaming(response: Response) -> None:
            while (body := await request.stream.get()) is not None:
                response.write(body.replace(b"1", b"A"))

        return stream(streaming)

    async with alone(serving(handler, stream=True)) as client:
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send_only, post(b"123" * 200_000))
                answer = await client.answer("POST")
            assert (answer.whole, answer.body == b"A23" * 200_000) == (True, True)


async def test_a_stream_that_did_not_read_its_body_leaves_the_connection_in_order() -> None:
    """Design: an unread body is drained; never a stuck connection."""
    async with alone(serving(lambda request: stream(three), stream=True)) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_only, post(b"x" * 300_000))
            assert (await client.answer("POST")).whole
        assert (await client.ask(GET)).body == b"foo,bar!"


async def test_large_pieces_arrive_as_they_were() -> None:
    """One piece may be larger than every buffer."""
    body = bytes(range(256)) * 12_000

    async def streaming(response: Response) -> None:
        await response.write(body)
        response.write(memoryview(body))
        await response.write(bytearray(body))

    async with alone(serving(lambda request: stream(streaming))) as client:
        assert (await client.ask(GET)).body == body * 3


async def test_a_mutable_buffer_may_be_used_again_at_once() -> None:
    """`SendChannel.write`: a mutable buffer is copied."""

    async def streaming(response: Response) -> None:
        buffer = bytearray(b"abc")
        for _ in range(3):
            response.write(buffer)
            buffer[:] = bytes(byte + 1 for byte in buffer)

    async with alone(serving(lambda request: stream(streaming))) as client:
        assert (await client.ask(GET)).body == b"abcbcdcde"


async def test_a_stream_sees_its_client_leave_between_two_pieces() -> None:
    """Design: within milliseconds."""
    ended: list[float] = []

    async def streaming(response: Response) -> None:
        try:
            response.write("a")
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with alone(serving(lambda request: stream(streaming))) as client:
        await client.send(GET)
        await trio.sleep(7)
        await client.leave()
        await wait_all_tasks_blocked()
    assert ended == [pytest.approx(7, abs=0.001)]


@pytest.mark.parametrize("how", ["its header can't be sent", "its middleware is cancelled"])
async def test_a_respond_that_fails_leaves_room_for_another_answer(how: str) -> None:
    """RFC 9112 §9.3.2: one response each, and never none: the next would be taken for this one's."""

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        with trio.move_on_after(1), suppress(ServerError):
            await request.respond(headers={"x": "y\r\nz"} if "header" in how else None)
        return text("another")

    app = serving(handler, "/", "/next")
    if "middleware" in how:

        @app.on_response
        async def linger(request: Request, response: HTTPResponse) -> None:
            await trio.sleep(2)

    async with alone(app) as client:
        await client.send_only(GET + get("/next"))
        assert (await client.answer()).body == b"another"
        assert (await client.answer()).body == b"next"


@pytest.mark.parametrize("last", ["send", "eof", "return"])
async def test_the_head_may_change_until_the_first_piece(last: str) -> None:
    """Sanic 25.12 writes the head with the first piece: a cookie may be added after respond()."""

    async def handler(request: Request) -> object:
        response = await request.respond(headers={"a": "1"})
        response.status = 203
        response.content_type = "x/y"
        response.headers["a"] = "2"
        response.add_cookie("c", "d")
        response.headers["content-length"] = "1" if last == "send" else "0"
        if last == "return":
            return None
        await (response.send("b") if last == "send" else response.eof())
        response.status = 500  # too late
        return None

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
    assert (answer.status, answer.body, answer.whole) == (203, b"b" if last == "send" else b"", True)
    assert answer.headers["content-type"] == "x/y"


async def test_a_head_that_cannot_be_sent_is_refused_at_the_first_piece() -> None:
    async def handler(request: Request) -> None:
        response = await request.respond()
        response.headers["a"] = "b\r\nc: d"
        await response.send("x")

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert answer.status == 500
        assert "c" not in answer.headers


async def test_a_changed_head_that_fails_leaves_room_for_another_answer() -> None:
    """RFC 9112 §9.3.2: one response each, and never none."""

    async def handler(request: Request) -> HTTPResponse:
        response = await request.respond()
        response.headers["a"] = "b\r\nc: d"
        with pytest.raises(ServerError, match="control bytes"):
            await response.send("x")
        with pytest.raises(ServerError, match="has not begun"):
            await response.send("x")
        return text("another")

    async with alone(serving(handler)) as client:
        for _ in range(2):
            assert (await client.ask(GET)).body == b"another"


async def test_a_head_that_has_left_does_not_change() -> None:
    async def handler(request: Request) -> None:
        response = await request.respond()
        await trio.sleep(1)
        response.status = 203
        await response.send("x")

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body) == (200, b"x")


async def test_a_response_returned_after_respond_is_ignored() -> None:
    """Sanic: the response that was begun is the answer."""

    async def handler(request: Request) -> HTTPResponse:
        response = await request.respond()
        await response.send("begun", False)
        return text("ignored")

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).body == b"begun"
