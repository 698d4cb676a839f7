"""An app runs in the test's own task tree, with the life it has behind sockets, on the test's clock."""

from functools import partial

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from triosanic import HTTPResponse, Request, Sanic, text
from triosanic.testing import open_raw, running

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def serve_hello(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("hello")


def note_events(app: Sanic) -> list[str]:
    """List what happens in the app's life."""
    noted: list[str] = []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: noted.append(event), event)
    return noted


async def test_an_idle_connection_is_closed_after_75_seconds(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)
    app.config.KEEP_ALIVE_TIMEOUT = 75
    async with open_raw(app) as conn:
        await conn.send(GET)
        await conn.head()
        began = trio.current_time()
        assert await conn.rest() == b"hello"
        assert trio.current_time() - began == 75


async def test_a_slow_handler_is_answered_for_after_60_seconds(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep_forever()

    async with running(app) as client:
        response = await client.get("/")
        assert response.status_code == 503
        assert trio.current_time() == pytest.approx(60)


async def test_a_client_that_leaves_cancels_its_handler(app: Sanic, autojump_clock: MockClock) -> None:
    left = []

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        try:
            await trio.sleep_forever()
        finally:
            left.append(trio.current_time())

    async with running(app) as client:
        with trio.move_on_after(5):
            await client.get("/")
        await wait_all_tasks_blocked()
        assert left == [pytest.approx(5)]


async def test_a_client_that_does_not_read_holds_its_handler_back(
    app: Sanic, autojump_clock: MockClock
) -> None:
    sent = []

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        for _ in range(1000):
            await response.send(bytes(1000))
            sent.append(1000)

    async with running(app, buffer_bytes=10_000) as client, client.stream("GET", "/") as response:
        await trio.sleep(30)
        held = sum(sent)
        # At most: the pipe and what the client has read, the writer's piece, and the send channel.
        assert 10_000 < held < 10_000 + 10_000 + 65_536 + 66_536
        await trio.sleep(29)
        assert sum(sent) == held
        assert len(await response.aread()) == 1_000_000


async def test_a_client_that_never_reads_is_cut_off_after_60_seconds(
    app: Sanic, autojump_clock: MockClock
) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        while True:
            await response.send(bytes(1000))

    async with running(app) as client, client.stream("GET", "/") as response:
        began = trio.current_time()
        await trio.sleep(61)
        with pytest.raises(httpx.ReadError):
            await response.aread()
        assert trio.current_time() - began == 61


async def test_a_handler_takes_pieces_while_the_upload_goes_on(app: Sanic, autojump_clock: MockClock) -> None:
    taken = []

    @app.post("/", stream=True)
    async def echo(request: Request) -> None:
        response = await request.respond()
        async for piece in request.stream:
            taken.append(piece)
            await response.send(piece.upper())

    async def upload(pieces: trio.MemoryReceiveChannel[bytes]) -> None:
        assert (await client.post("/", content=pieces)).text == "ABC"

    async with running(app) as client, trio.open_nursery() as uploads:
        send, receive = trio.open_memory_channel[bytes](0)
        uploads.start_soon(upload, receive)
        for number, piece in enumerate((b"a", b"b", b"c"), 1):
            await send.send(piece)
            await wait_all_tasks_blocked()
            assert len(taken) == number
        await send.aclose()
    assert taken == [b"a", b"b", b"c"]


async def test_an_echo_goes_both_ways_at_once(app: Sanic, autojump_clock: MockClock) -> None:
    """A client that reads while it sends may send any amount; httpx reads after it has sent."""

    @app.post("/", stream=True)
    async def echo(request: Request) -> None:
        response = await request.respond(headers={"content-length": "1000000"})
        async for piece in request.stream:
            await response.send(piece)

    async with open_raw(app) as conn, trio.open_nursery() as nursery:
        await conn.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        nursery.start_soon(conn.send, bytes(1_000_000))
        assert (await conn.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await conn.receive(1_000_000) == bytes(1_000_000)
    assert trio.current_time() == pytest.approx(0)


async def test_life_goes_as_behind_sockets(app: Sanic, autojump_clock: MockClock) -> None:
    noted = note_events(app)

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        noted.append("request")
        app.nursery.start_soon(in_background)
        return text("")

    async def in_background() -> None:
        await trio.sleep(10)
        noted.append("task")

    async with running(app) as client:
        assert (await client.get("/")).status_code == 200
        noted.append("block's end")
    assert noted == [
        *("before_server_start", "after_server_start", "request", "block's end"),
        *("before_server_stop", "task", "after_server_stop"),
    ]


async def test_an_app_can_run_again(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)
    for _ in range(2):
        async with running(app) as client:
            assert (await client.get("/")).text == "hello"


async def test_a_block_that_raises_ends_the_app_and_is_not_wrapped(
    app: Sanic, autojump_clock: MockClock
) -> None:
    serve_hello(app)
    noted = note_events(app)
    with pytest.raises(AssertionError, match="of the test") as caught:
        async with running(app):
            raise AssertionError("of the test")
    assert caught.value.__context__ is None
    assert noted[-1] == "after_server_stop"


async def test_errors_of_block_and_app_are_both_raised(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)

    async def fail() -> None:
        raise KeyError

    with pytest.RaisesGroup(KeyError, AssertionError):
        async with running(app):
            app.nursery.start_soon(fail)
            try:
                await trio.sleep_forever()
            finally:
                raise AssertionError


async def test_a_start_listener_that_fails_fails_the_test(app: Sanic) -> None:
    serve_hello(app)

    @app.before_server_start
    async def fail(app: Sanic) -> None:
        raise KeyError("no database")

    with pytest.raises(KeyError, match="no database"):
        async with running(app):
            raise AssertionError("not reached")


async def test_a_cancelled_block_ends_the_app(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)
    noted = note_events(app)
    with trio.move_on_after(5) as scope:
        async with running(app):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert noted[-1] == "after_server_stop"


async def test_a_stopped_app_refuses_connections(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)
    async with running(app) as client:
        app.stop()
        await wait_all_tasks_blocked()
        with pytest.raises(httpx.ConnectError, match="has been stopped"):
            await client.get("/")
        with pytest.raises(ConnectionRefusedError):
            async with client.connect():
                raise AssertionError("not reached")


async def test_a_cancelled_connect_leaves_the_app_whole(app: Sanic, autojump_clock: MockClock) -> None:
    serve_hello(app)
    async with running(app) as client:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with client.connect():
                raise AssertionError("not reached")
        assert (await client.get("/")).text == "hello"


async def test_the_connection_limit_holds(app: Sanic, autojump_clock: MockClock) -> None:
    """What is past ``MAX_CONNECTIONS`` gets its 503 at the door, as from a socket."""
    serve_hello(app)
    app.config.MAX_CONNECTIONS = 1
    async with running(app) as client, client.connect(), client.connect() as second:
        assert (await second.head()).startswith(b"HTTP/1.1 503 ")
        assert await second.rest() == b""


async def test_memory_and_sockets_are_served_side_by_side(app: Sanic, nursery: trio.Nursery) -> None:
    """``wires`` is for whoever accepts connections in a way of their own."""
    serve_hello(app)
    async with running(app) as client:
        assert (await client.get("/")).text == "hello"
    (address,) = await nursery.start(partial(app.serve, port=0))
    async with httpx.AsyncClient() as over_socket:
        assert (await over_socket.get(f"http://127.0.0.1:{address[1]}/")).text == "hello"
    app.stop()
