"""When a peer's or a handler's time is up, to the millisecond of the virtual clock: http-rules, the table."""

from functools import partial

import pytest
import trio

from tests.http.wires import GET, App, Client, alone, chunk, connect, get, post, reply, serving
from triosanic import Sanic
from triosanic.http.exchange import Exchange
from triosanic.http.wire import StreamWire
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text
from triosanic.testing import open_raw

HEAD = get("/", "Content-Length: 1000000", method="POST")
approx = partial(pytest.approx, abs=0.001)


async def hello(request: Request) -> HTTPResponse:
    return text("hello")


async def read_all(request: Request) -> HTTPResponse:
    return text(str(len(await request.stream.read_all(1 << 20))))


async def seconds_to_end(client: Client) -> float:
    start = trio.current_time()
    await client.ended.wait()
    return trio.current_time() - start


async def test_a_connection_that_says_nothing_is_closed_in_silence_after_30_s() -> None:
    """Table: a new connection's first byte, at most 30 s; silent close before any byte."""
    async with alone(App()) as client:
        start = trio.current_time()
        assert await client.rest() == b""
        assert trio.current_time() - start == approx(30)


async def test_request_timeout_bounds_the_first_byte_too() -> None:
    """Table: `REQUEST_TIMEOUT` where it is less than 30 s."""
    async with alone(App(), request_timeout_s=7) as client:
        start = trio.current_time()
        assert await client.rest() == b""
        assert trio.current_time() - start == approx(7)


async def test_a_head_has_10_s_from_its_first_byte_however_it_trickles() -> None:
    """Table: `REQUEST_HEAD_TIMEOUT`, absolute: 408 and close."""
    async with alone(App()) as client, trio.open_nursery() as nursery:

        async def trickle() -> None:
            for byte in GET[:-1]:
                await client.send_only(bytes([byte]))
                await trio.sleep(0.9)

        await trio.sleep(20)
        start = trio.current_time()
        nursery.start_soon(trickle)
        answer = await client.answer()
        assert trio.current_time() - start == approx(10)
        assert (answer.status, answer.keeps_alive) == (408, False)
        nursery.cancel_scope.cancel()


async def test_a_later_head_has_10_s_from_its_own_first_byte() -> None:
    """As above, on a connection that was idle for a while."""
    async with alone(App()) as client:
        await client.ask(GET)
        await trio.sleep(100)
        await client.send_only(b"G")
        start = trio.current_time()
        assert (await client.answer()).status == 408
        assert trio.current_time() - start == approx(10)


async def test_request_timeout_bounds_the_head_too() -> None:
    """Table: a head never has longer than `REQUEST_TIMEOUT`."""
    async with alone(App(), request_timeout_s=3) as client:
        await client.send_only(b"G")
        start = trio.current_time()
        assert (await client.answer()).status == 408
        assert trio.current_time() - start == approx(3)


async def test_a_pipelined_head_has_its_time_once_the_request_before_is_answered() -> None:
    """As above: while we work, it is not the client that is late."""

    async def slow(exchange: Exchange) -> None:
        await trio.sleep(50)
        await reply(exchange)

    async with alone(App(slow)) as client:
        await client.send_only(GET + b"GET / HT")
        assert (await client.answer()).status == 200
        start = trio.current_time()
        assert (await client.answer()).status == 408
        assert trio.current_time() - start == approx(10)


async def test_an_idle_connection_is_closed_after_120_s() -> None:
    """Table: `KEEP_ALIVE_TIMEOUT`."""
    async with alone(App()) as client:
        await client.ask(GET)
        start = trio.current_time()
        assert await client.rest() == b""
        assert trio.current_time() - start == approx(120)


async def test_the_idle_time_begins_anew_after_each_answer() -> None:
    """As above."""
    async with alone(App()) as client:
        for _ in range(5):
            assert (await client.ask(GET)).status == 200
            await trio.sleep(119)
        start = trio.current_time()
        await client.rest()
        assert trio.current_time() - start == approx(1)


@pytest.mark.parametrize("rate", [240, 0])
async def test_a_body_that_stalls_is_408(rate: int) -> None:
    """Table: at 240 B/s after 5 s of grace; without a rate, `REQUEST_TIMEOUT` without a byte."""
    async with alone(serving(read_all, stream=True), body_min_rate=rate) as client:
        await client.send_only(HEAD + b"x" * 2400)
        start = trio.current_time()
        answer = await client.answer("POST")
        assert trio.current_time() - start == approx(5 + 2400 / 240 if rate else 60)
        assert (answer.status, answer.whole, answer.keeps_alive) == (408, True, False)


async def test_each_byte_of_a_body_gives_60_s_where_no_rate_is_asked_for() -> None:
    """Table: `REQUEST_TIMEOUT` counts from the last byte."""
    async with alone(serving(read_all, stream=True), body_min_rate=0) as client:
        await client.send_only(HEAD)
        for _ in range(5):
            await trio.sleep(59)
            await client.send_only(b"x")
        start = trio.current_time()
        assert (await client.answer("POST")).status == 408
        assert trio.current_time() - start == approx(60)


@pytest.mark.parametrize(("rate", "status"), [(239, 408), (241, 200)])
async def test_a_body_must_come_at_240_bytes_a_second(rate: int, status: int) -> None:
    """Table: `BODY_MIN_RATE`; a client a little above it may go on as long as it takes."""
    async with alone(serving(read_all, stream=True)) as client, trio.open_nursery() as nursery:

        async def trickle() -> None:
            await client.send_only(get("/", f"Content-Length: {rate * 2000}", method="POST"))
            for _ in range(2000):
                await trio.sleep(1)
                await client.send_only(b"x" * rate)

        start = trio.current_time()
        nursery.start_soon(trickle)
        assert (await client.answer("POST")).status == status
        assert trio.current_time() - start > 900
        nursery.cancel_scope.cancel()


async def test_framing_does_not_count_as_a_body_that_comes() -> None:
    """Table: the rate is that of what was received; a chunk a second is not stalled if its bytes suffice."""
    async with alone(serving(read_all, stream=True)) as client, trio.open_nursery() as nursery:

        async def trickle() -> None:
            await client.send_only(get("/", "Transfer-Encoding: chunked", method="POST"))
            while True:
                await client.send_only(chunk(b"x"))
                await trio.sleep(1)

        start = trio.current_time()
        nursery.start_soon(trickle)
        assert (await client.answer("POST")).status == 408
        assert 5 <= trio.current_time() - start <= 6
        nursery.cancel_scope.cancel()


async def test_the_body_clock_stops_while_the_handler_does_not_read() -> None:
    """Table: the clock stops while we hold the client back."""

    async def slow(request: Request) -> HTTPResponse:
        size = 0
        async for piece in request.stream:
            size += len(piece)
            await trio.sleep(100)
        return text(str(size))

    async with alone(serving(slow, stream=True), response_timeout_s=1e6) as client:
        answer = await client.ask(post(b"x" * 500_000))
        assert (answer.status, answer.body) == (200, b"500000")


@pytest.mark.parametrize("name", ["readexactly", "lines"])
async def test_the_body_clock_stops_when_the_handler_gives_back_what_it_took(name: str) -> None:
    """Table: as above; what was taken for something that was cancelled waits for its handler again."""

    async def handler(request: Request) -> HTTPResponse:
        with trio.move_on_after(1):
            if name == "readexactly":
                await request.stream.readexactly(100)
            else:
                await anext(request.stream.lines())
        await trio.sleep(100)
        return text(str(len(await request.stream.read_all(1000))))

    async with alone(serving(handler, stream=True), response_timeout_s=1e6) as client:
        await client.send_only(get("/", "Content-Length: 100", method="POST") + b"x" * 50)
        await trio.sleep(102)
        answer = await client.ask(b"x" * 50)
        assert (answer.status, answer.body) == (200, b"100")

async def test_a_handler_has_60_s_until_the_first_byte_of_its_response() -> None:
    """Table: `RESPONSE_TIMEOUT`, 503; the connection can be used again."""
    cancelled = trio.Event()

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/":
            try:
                await trio.sleep_forever()
            finally:
                cancelled.set()
        return text("fine")

    async with alone(serving(handler, "/", "/fine")) as client:
        start = trio.current_time()
        answer = await client.ask(GET)
        assert trio.current_time() - start == approx(60)
        assert (answer.status, answer.whole, cancelled.is_set()) == (503, True, True)
        assert answer.keeps_alive
        assert (await client.ask(get("/fine"))).body == b"fine"


@pytest.mark.parametrize("seconds", [1.5, 600.0], ids=str)
async def test_a_route_can_have_its_own_response_timeout(seconds: float) -> None:
    """Table: a per-route override, shorter or longer."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep_forever()
        return text("never")

    async with alone(serving(handler, response_timeout=seconds)) as client:
        start = trio.current_time()
        assert (await client.ask(GET)).status == 503
        assert trio.current_time() - start == approx(seconds)


@pytest.mark.parametrize("how", ["raises", "hangs", "streams and raises"])
async def test_an_error_handler_that_hangs_leaves_nobody_without_an_answer(how: str) -> None:
    """Table: `RESPONSE_TIMEOUT`; after it the error handler has the same time again, and no more."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        raise ValueError

    async def handler(request: Request) -> HTTPResponse | StreamingHTTPResponse:
        if how == "hangs":
            await trio.sleep_forever()
        if how == "raises":
            raise ValueError
        return stream(streaming)

    async def hang(request: Request, error: Exception) -> None:
        await trio.sleep_forever()

    app = serving(handler)
    app.error_handler.add(Exception, hang)
    async with alone(app) as client:
        start = trio.current_time()
        answer = await client.ask(GET)
        assert (answer.status, answer.body, answer.whole) == (503, b"Service Unavailable\n", True)
        assert trio.current_time() - start == approx(120)
        assert not answer.keeps_alive


async def test_a_stream_whose_head_has_not_left_has_the_deadline() -> None:
    """Table: `RESPONSE_TIMEOUT`, until the first byte; here it waits for a read or a write."""

    async def handler(request: Request) -> None:
        await request.respond()
        await trio.sleep_forever()

    async with alone(serving(handler, stream=True)) as client:
        start = trio.current_time()
        head = get("/", "Content-Length: 5", "Expect: 100-continue", method="POST")
        assert (await client.ask(head)).status == 503
        assert trio.current_time() - start == approx(60)

async def test_the_response_clock_stops_while_the_handler_waits_for_the_client() -> None:
    """Table: counted only while the server is not waiting for the client."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(30)
        await request.stream.read_all(1000)
        await trio.sleep(50)
        return text("never")

    async with alone(serving(handler, stream=True), body_min_rate=0) as client:
        start = trio.current_time()
        await client.send_only(get("/", "Content-Length: 5", method="POST"))
        for _ in range(5):
            await trio.sleep(50)
            await client.send_only(b"x")
        assert (await client.answer("POST")).status == 503
        # 30 s before the first read count, 220 s of waiting do not.
        assert trio.current_time() - start == approx(250 + 30)


async def test_a_response_that_streams_has_no_such_deadline() -> None:
    """Table: `RESPONSE_TIMEOUT` ends with the first byte of the response."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        for _ in range(3):
            await trio.sleep(1000)
            await response.write("x")

    async with alone(serving(lambda request: stream(streaming))) as client:
        assert (await client.ask(GET)).body == b"xxx"


@pytest.mark.parametrize("opted_out", [False, True], ids=["", "opted out"])
async def test_a_client_that_takes_nothing_for_60_s_is_reset(opted_out: bool) -> None:
    """Table: `WRITE_TIMEOUT`, abort; the handler is cancelled, or its next write raises."""
    outcome: list[BaseException] = []

    async def streaming(response: StreamingHTTPResponse) -> None:
        try:
            while True:
                await response.write(b"x" * 100_000)
        except BaseException as exc:
            outcome.append(exc)
            raise

    app = serving(lambda request: stream(streaming), cancel_on_disconnect=not opted_out)
    async with alone(app) as client:
        await client.send(GET)
        assert await seconds_to_end(client) == approx(60)
        with pytest.raises(trio.BrokenResourceError):
            await client.rest()
    assert [type(exc).__name__ for exc in outcome] == ["ClientGone" if opted_out else "Cancelled"]


async def test_a_client_that_takes_a_little_each_minute_is_served() -> None:
    """Table: no progress of a write; pieces of at most 64 KiB."""
    body = b"x" * 650_000

    async with alone(serving(lambda request: HTTPResponse(body))) as client:
        await client.send(GET)
        got = b""
        while not got.endswith(body):
            got += await client.some()
            await trio.sleep(55)
        assert (await client.ask(get(method="HEAD"))).whole


async def test_a_complete_response_that_nobody_takes_is_cut_off() -> None:
    """Table: `WRITE_TIMEOUT` holds for complete responses too."""
    async with alone(serving(lambda request: HTTPResponse(b"x" * 500_000))) as client:
        await client.send(GET)
        assert await seconds_to_end(client) == approx(60)
        with pytest.raises(trio.BrokenResourceError):
            await client.rest()


async def test_a_refusal_that_nobody_takes_is_cut_off(nursery: trio.Nursery) -> None:
    """Table: `WRITE_TIMEOUT` holds for refusals too."""
    client = connect(nursery, App(), window=20)
    await client.send_only(b"BAD\r\n\r\n")
    assert await seconds_to_end(client) == approx(60)


async def test_lingering_after_a_refusal_ends_after_2_s() -> None:
    """Table: `LINGER_TIMEOUT`."""
    async with alone(App()) as client:
        start = trio.current_time()
        assert (await client.ask(b"BAD\r\n\r\n")).status == 400
        assert await client.rest() == b""
        assert trio.current_time() - start == approx(0)  # our side is ended at once
        assert await seconds_to_end(client) == approx(2)


async def test_lingering_ends_as_soon_as_the_client_leaves() -> None:
    """As above: nobody is waited for who has gone."""
    async with alone(App()) as client:
        assert (await client.ask(b"BAD\r\n\r\n")).status == 400
        await client.half_close()
        assert await seconds_to_end(client) == approx(0)


async def test_a_client_that_leaves_as_we_end_our_side_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As above, where a wire takes a moment to end our side."""
    send_eof = StreamWire.send_eof

    async def slowly(wire: StreamWire) -> None:
        await send_eof(wire)
        await trio.sleep(1)

    monkeypatch.setattr(StreamWire, "send_eof", slowly)
    async with alone(App()) as client:
        assert (await client.ask(b"GET\r\n\r\n")).status == 400
        await client.leave()
        assert await seconds_to_end(client) == approx(1)


async def test_a_pipe_of_garbage_ends_lingering_after_1_mib() -> None:
    """Table: `LINGER_SIZE`."""
    async with alone(App()) as client:
        assert (await client.ask(b"BAD\r\n\r\n")).status == 400
        sent = 0
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await client.send_only(b"x" * 65_536)
                sent += 65_536
        assert 1 << 20 <= sent <= (1 << 20) + 3 * 65_536


async def test_a_head_that_is_longer_than_the_read_ahead_is_read_all_the_same() -> None:
    """Table: `REQUEST_BUFFER_SIZE` bounds what is read while a request is handled, and no head."""
    app = Sanic("small")
    app.config.REQUEST_BUFFER_SIZE = 1024
    app.add_route(hello, "/")
    async with open_raw(app) as conn:
        await conn.send(get("/", "X: " + "y" * 12_000))
        assert (await conn.head()).startswith(b"HTTP/1.1 200")
        assert trio.current_time() == 0
