"""`Expect: 100-continue`: who gets the 100, when, and what happens to the connection without it."""

import pytest
import trio

from tests.http.wires import GET, alone, chunk, get, post, serving
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD = get("/", "Expect: 100-continue", "Content-Length: 5", method="POST")


async def read_all(request: Request) -> HTTPResponse:
    pieces = [piece async for piece in request.stream]
    return text(b"".join(pieces).decode())


async def test_the_100_is_sent_at_the_first_read_and_never_before() -> None:
    """Design: `100 Continue` is sent at the first read."""
    reads = trio.Event()

    async def handler(request: Request) -> HTTPResponse:
        await reads.wait()
        return await read_all(request)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        assert await client.at_once() == b""
        reads.set()
        assert await client.at_once() == CONTINUE
        await client.send_only(b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.body, answer.keeps_alive) == (200, b"hello", True)
        assert (await client.ask(GET)).status == 200


async def test_a_first_read_that_is_cancelled_at_once_breaks_nothing() -> None:
    """A 100 is sent whole or not at all, on every wire."""

    async def handler(request: Request) -> HTTPResponse:
        with trio.move_on_after(0):
            await request.stream.read()
        return await read_all(request)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        assert await client.at_once() == CONTINUE
        assert (await client.ask(b"hello")).body == b"hello"

async def test_a_buffered_route_asks_for_the_body_too() -> None:
    """RFC 9110 §10.1.1: whoever reads, the client is told to go on, once."""

    async def handler(request: Request) -> HTTPResponse:
        return text(request.body.decode())

    async with alone(serving(handler)) as client:
        await client.send(HEAD)
        assert await client.at_once() == CONTINUE
        await client.send_only(b"hello")
        assert (await client.answer("POST")).body == b"hello"


@pytest.mark.parametrize("streamed", [False, True], ids=["buffered", "streamed"])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Content-Length: 5", b"hello"),
        ("Content-Length: 0", b""),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
    ids=["length", "nothing", "chunked nothing"],
)
async def test_a_body_that_has_come_whole_needs_no_100(framing: str, body: bytes, streamed: bool) -> None:
    """RFC 9110 §10.1.1: a 100 may be omitted once the content has come; the connection is kept."""

    async def handler(request: Request) -> HTTPResponse:
        return await read_all(request) if streamed else text(request.body.decode())

    async with alone(serving(handler, stream=streamed)) as client:
        answer = await client.ask(get("/", "Expect: 100-continue", framing, method="POST") + body)
        assert (answer.status, answer.informational, answer.keeps_alive) == (200, (), True)
        assert (await client.ask(GET)).status == 200


async def test_http_1_0_never_gets_a_100() -> None:
    """RFC 9110 §10.1.1: an HTTP/1.0 expectation is ignored."""
    async with alone(serving(read_all, stream=True)) as client:
        await client.send(post(b"", "/", "Expect: 100-continue", version="1.0")[:-2])
        await client.send(b"\r\n")
        answer = await client.answer("POST")
        assert (answer.status, answer.informational) == (200, ())


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_an_upload_that_is_refused_by_its_head_gets_no_100(method: str) -> None:
    """RFC 9110 §10.1.1: a final status instead of the 100, and the connection can't be used any more."""

    async def handler(request: Request) -> HTTPResponse:
        return text("no", status=413)

    app = serving(handler, stream=True)
    app.add_route(handler, "/put", ["PUT"], name="put", stream=True)
    async with alone(app) as client:
        path = "/put" if method == "PUT" else "/"
        await client.send(get(path, "Expect: 100-continue", "Content-Length: 5", method=method))
        answer = await client.answer(method)
        assert (answer.status, answer.informational, answer.keeps_alive) == (413, (), False)
        assert await client.rest() == b""


async def test_a_declared_length_above_the_limit_is_refused_without_a_100() -> None:
    """RFC 9110 §10.1.1, `REQUEST_MAX_SIZE`."""
    app = serving(lambda request: text("ok"))
    app.config.REQUEST_MAX_SIZE = 4
    async with alone(app) as client:
        answer = await client.ask(HEAD)
        assert (answer.status, answer.informational, answer.keeps_alive) == (413, (), False)


async def test_an_unknown_path_gets_no_100() -> None:
    """RFC 9110 §10.1.1: a final status instead."""
    async with alone(serving(read_all, stream=True)) as client:
        answer = await client.ask(HEAD.replace(b"/ HTTP", b"/no HTTP"))
        assert (answer.status, answer.informational) == (404, ())


async def test_the_handler_may_take_its_time_before_the_first_read() -> None:
    """http-rules, table: a body's clocks stop while we hold the client back, as by the 100 we owe."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(50)
        return await read_all(request)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        assert await client.some() == CONTINUE
        await client.send_only(b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.body) == (200, b"hello")


async def test_the_rate_counts_from_the_100_on() -> None:
    """http-rules, table, `BODY_MIN_RATE_GRACE`: after the 100 it is the client that we wait for."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(20)
        return await read_all(request)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        assert await client.some() == CONTINUE
        start = trio.current_time()
        assert (await client.answer("POST")).status == 408
        assert trio.current_time() - start == pytest.approx(5, abs=0.001)


@pytest.mark.parametrize("first", ["read", "write"])
async def test_the_head_of_a_streamed_response_waits_for_the_first_read_or_write(first: str) -> None:
    """Design: while a 100 is owed, the head waits; a read sends the 100, a write the final head."""
    goes_on = trio.Event()

    async def handler(request: Request) -> StreamingHTTPResponse:
        async def streaming(response: StreamingHTTPResponse) -> None:
            await goes_on.wait()
            if first == "read":
                await response.write(await request.stream.read())
            else:
                await response.write(b"written")

        return stream(streaming)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        assert await client.at_once() == b""
        goes_on.set()
        if first == "read":
            await client.send(b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.whole) == (200, True)
        assert answer.informational == ((100,) if first == "read" else ())
        assert answer.body == (b"hello" if first == "read" else b"written")


async def test_a_write_just_before_the_first_read_does_not_mix_with_the_100() -> None:
    """RFC 9110 §15.2: a 100 comes before the final head or not at all, and never in the midst of it."""

    async def handler(request: Request) -> None:
        response = await request.respond()
        response.write(b"hi ")
        await response.send(await request.stream.read(), True)

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        await client.send(b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.body, answer.whole) == (200, b"hi hello", True)


async def test_reading_and_writing_at_once_does_not_mix_with_the_100() -> None:
    """As above, with a task that writes beside the one that reads."""

    async def handler(request: Request) -> None:
        response = await request.respond()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(request.stream.read)
            response.write(b"hi")
        await response.eof()

    async with alone(serving(handler, stream=True)) as client:
        await client.send(HEAD)
        await client.send(b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.body, answer.whole) == (200, b"hi", True)


async def test_a_client_that_does_not_wait_for_the_100_is_served() -> None:
    """RFC 9110 §10.1.1: a client need not wait."""
    async with alone(serving(read_all, stream=True)) as client:
        await client.send_only(HEAD + b"hello")
        answer = await client.answer("POST")
        assert (answer.status, answer.body) == (200, b"hello")


async def test_a_body_that_is_here_already_keeps_the_connection() -> None:
    """RFC 9110 §10.1.1: nothing is left open, so that there is no reason to close."""
    async with alone(serving(read_all, stream=True)) as client:
        assert (await client.ask(HEAD + b"hello")).keeps_alive
        assert (await client.ask(GET)).status == 200


async def test_a_chunked_body_may_be_expected_as_well() -> None:
    """RFC 9110 §10.1.1."""
    async with alone(serving(read_all, stream=True)) as client:
        await client.send(get("/", "Expect: 100-Continue", "Transfer-Encoding: chunked", method="POST"))
        assert await client.at_once() == CONTINUE
        await client.send_only(chunk(b"hello") + b"0\r\n\r\n")
        assert (await client.answer("POST")).body == b"hello"
