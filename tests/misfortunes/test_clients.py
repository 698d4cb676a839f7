"""Clients that leave, half-close, or stop to send or to read, in each state of a connection."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock
from trio.testing import wait_all_tasks_blocked as settled

from tests.http.wires import get, post
from tests.misfortunes.peers import Peer, cut_short, noting, served, soon
from triosanic import Sanic
from triosanic.request import Request
from triosanic.response import HTTPResponse, text

Leave = Callable[[Peer], Awaitable[None]]
TRUNCATED = post(b"x" * 1000)[:-500]


@pytest.fixture(params=[Peer.leave, Peer.reset], ids=["fin", "rst"])
def leave(request: pytest.FixtureRequest) -> Leave:
    """The two ways of leaving."""
    found: Leave = request.param
    return found


async def test_client_leaves_before_a_head(app: Sanic, leave: Leave) -> None:
    async with served(app) as connect:
        await leave(await connect())


async def test_client_leaves_in_a_head(app: Sanic, leave: Leave) -> None:
    async with served(app) as connect:
        peer = await connect()
        await peer.send(get()[:-4])
        await leave(peer)


async def test_client_leaves_when_idle(app: Sanic, leave: Leave) -> None:
    async with served(app) as connect:
        peer = await connect()
        assert await peer.kept()
        await leave(peer)


async def test_client_leaves_in_the_body_of_a_stream_route(app: Sanic, saw: list[str], leave: Leave) -> None:
    """A body cut short never looks complete, and no middleware runs for a dead peer."""
    begun, ended = trio.Event(), trio.Event()

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        try:
            with noting(saw):
                while await request.stream.read() is not None:
                    begun.set()
        finally:
            ended.set()
        return text("whole")

    app.register_middleware(lambda request, response: saw.append(request.path), "response")
    async with served(app) as connect:
        peer = await connect()
        await peer.send(TRUNCATED)
        await soon(begun)
        await leave(peer)
        await soon(ended)
    assert saw == ["Cancelled", "/alive"]


async def test_client_leaves_in_the_body_and_its_handler_goes_on(
    app: Sanic, saw: list[str], leave: Leave
) -> None:
    """A handler that opted out is told by its next read."""
    begun, ended = trio.Event(), trio.Event()

    @app.post("/", stream=True, cancel_on_disconnect=False)
    async def handler(request: Request) -> HTTPResponse:
        try:
            with noting(saw):
                while await request.stream.read() is not None:
                    begun.set()
        finally:
            await trio.lowlevel.checkpoint()
            ended.set()
        return text("whole")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(TRUNCATED)
        await soon(begun)
        await leave(peer)
        await soon(ended)
    assert saw == ["ClientGone"]


async def test_client_leaves_in_the_body_of_a_buffered_route(
    app: Sanic, saw: list[str], leave: Leave
) -> None:
    """Half a body never reaches a handler, and no middleware runs for a dead peer."""

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        saw.append("half a body")
        return text("whole")

    app.register_middleware(lambda request, response: saw.append(request.path), "response")
    async with served(app) as connect:
        peer = await connect()
        await peer.send(TRUNCATED)
        await settled(0.02)
        await leave(peer)
    assert saw == ["/alive"]


async def test_client_leaves_while_the_handler_runs(app: Sanic, saw: list[str], leave: Leave) -> None:
    begun, ended = trio.Event(), trio.Event()

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        begun.set()
        try:
            with noting(saw):
                await trio.sleep_forever()
        finally:
            ended.set()
        return text("never")

    app.register_middleware(lambda request, response: saw.append(request.path), "response")
    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await soon(begun)
        await leave(peer)
        await soon(ended)
    assert saw == ["Cancelled", "/alive"]


async def test_client_leaves_and_its_handler_goes_on(app: Sanic, saw: list[str], leave: Leave) -> None:
    """``cancel_on_disconnect=False``: the handler comes to its end."""
    begun, left, ended = trio.Event(), trio.Event(), trio.Event()

    @app.get("/", cancel_on_disconnect=False)
    async def handler(request: Request) -> HTTPResponse:
        begun.set()
        with noting(saw):
            await soon(left)
            await settled(0.02)
        ended.set()
        return text("for nobody")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await soon(begun)
        await leave(peer)
        left.set()
        await soon(ended)
    assert saw == []


async def test_client_leaves_while_a_response_streams(app: Sanic, saw: list[str], leave: Leave) -> None:
    ended = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        try:
            with noting(saw):
                await response.send("part")
                await trio.sleep_forever()
        finally:
            ended.set()

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await peer.until(b"200 OK")
        await peer.until(b"part")
        await leave(peer)
        await soon(ended)
    assert saw == ["Cancelled"]


async def test_client_half_closes_and_is_cancelled(
    app: Sanic, saw: list[str], autojump_clock: MockClock
) -> None:
    """``HALF_CLOSED_CLIENTS = "cancel"``, the default: the end of its side counts as its leaving."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep(1)
        return text("never")

    async with served(app, memory=True) as connect:
        peer = await connect()
        await peer.send(get())
        await settled()
        await peer.half_close()
        assert (await peer.answer()).status == 0
        assert await peer.end() == "closed"
    assert saw == ["Cancelled"]


async def test_client_half_closes_and_its_handler_goes_on(
    app: Sanic, saw: list[str], autojump_clock: MockClock
) -> None:
    """``cancel_on_disconnect=False``: who still listens gets the answer."""

    @app.get("/", cancel_on_disconnect=False)
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep(1)
        return text("done")

    async with served(app, memory=True) as connect:
        peer = await connect()
        await peer.send(get())
        await settled()
        await peer.half_close()
        answer = await peer.answer()
        assert (answer.status, answer.body) == (200, b"done")
        assert await peer.end() == "closed"
    assert saw == []


async def test_client_half_closes_and_is_answered(
    app: Sanic, saw: list[str], autojump_clock: MockClock
) -> None:
    """``HALF_CLOSED_CLIENTS = "finish"``."""
    app.config.HALF_CLOSED_CLIENTS = "finish"

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep(1)
        return text("done")

    async with served(app, memory=True) as connect:
        peer = await connect()
        await peer.send(get())
        await settled()
        await peer.half_close()
        answer = await peer.answer()
        assert (answer.status, answer.body) == (200, b"done")
        assert await peer.end() == "closed"
    assert saw == []


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "buffered"])
async def test_client_half_closes_in_the_body_and_is_answered(
    app: Sanic, saw: list[str], stream: bool
) -> None:
    """RFC 9112 §8: a request that was cut short; in "finish" mode the client is told."""
    app.config.HALF_CLOSED_CLIENTS = "finish"

    @app.post("/", stream=stream)
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            while await request.stream.read() is not None:
                pass
        return text("whole")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(TRUNCATED)
        await peer.half_close()
        assert (await peer.answer()).status == 400
        assert await peer.end() == "closed"
    assert saw == (["ClientGone"] if stream else [])


async def test_client_sends_nothing(app: Sanic, autojump_clock: MockClock) -> None:
    async with served(app, memory=True) as connect:
        start = trio.current_time()
        peer = await connect(patience_s=100)
        assert (await peer.answer()).status == 0
        assert await peer.end() == "closed"
        assert trio.current_time() - start == 30


async def test_client_stays_idle(app: Sanic, autojump_clock: MockClock) -> None:
    async with served(app, memory=True) as connect:
        peer = await connect(patience_s=200)
        assert await peer.kept()
        start = trio.current_time()
        assert await peer.end() == "closed"
        assert trio.current_time() - start == 120


async def test_client_trickles_its_head(app: Sanic, autojump_clock: MockClock) -> None:
    """The deadline counts from the first byte, however the head trickles."""
    async with served(app, memory=True) as connect:
        peer = await connect()
        start = trio.current_time()
        for byte in get()[:4]:
            await peer.send(bytes([byte]))
            await trio.sleep(2)
        assert (await peer.answer()).status == 408
        assert trio.current_time() - start == 10
        assert await peer.end() == "closed"


async def test_client_stops_reading(app: Sanic, saw: list[str], autojump_clock: MockClock) -> None:
    ended: list[float] = []

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        try:
            with noting(saw):
                while True:
                    await response.send(bytes(65_536))
        finally:
            ended.append(trio.current_time())

    async with served(app, memory=True) as connect:
        peer = await connect()
        start = trio.current_time()
        await peer.send(get())
        await trio.sleep(100)
        assert ended == [start + 60]
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
    assert saw == ["Cancelled"]


async def test_client_stops_reading_a_complete_response(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return HTTPResponse(bytes(1 << 20))

    async with served(app, memory=True) as connect:
        peer = await connect()
        await peer.send(get())
        await trio.sleep(100)
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
