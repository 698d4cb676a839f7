"""Pings that the server sends, and what a peer's silence means; in virtual time."""

import trio
from trio.testing import wait_all_tasks_blocked

from tests.websocket.frames import CLOSE, PING, PONG, TEXT, ask, frame, receive_frame
from triosanic import Request, Sanic, Websocket
from triosanic.testing import open_raw, running


def waiting(app: Sanic) -> trio.Event:
    """Serve ``/`` with a handler that receives for ever; give what is set when it has ended."""
    ended = trio.Event()

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            async for _ in ws:
                pass
        finally:
            ended.set()

    return ended


async def test_a_peer_that_answers_is_pinged_for_ever(app: Sanic) -> None:
    """WEBSOCKET_PING_INTERVAL, from the pong on; each ping has another content."""
    waiting(app)
    async with running(app) as client, client.websocket("/") as ws:
        with trio.move_on_after(210):
            await ws.receive()
        assert len(ws.pings) == len(set(ws.pings)) == 10


async def test_a_silent_peer_is_given_up(app: Sanic) -> None:
    """WEBSOCKET_PING_TIMEOUT; the handler is cancelled, and the Close says why."""
    ended = waiting(app)
    app.config.WEBSOCKET_PING_INTERVAL = 30
    app.config.WEBSOCKET_PING_TIMEOUT = 7
    async with open_raw(app) as connection:
        begin = trio.current_time()
        await connection.send(ask())
        await connection.head()
        assert (await receive_frame(connection)).opcode == PING
        assert trio.current_time() == begin + 30
        await ended.wait()
        assert trio.current_time() == begin + 37
        found = await receive_frame(connection)
        assert (found.opcode, found.code, found.payload[2:]) == (CLOSE, 1011, b"ping timeout")


async def test_whatever_comes_is_a_sign_of_life(app: Sanic) -> None:
    """A peer that is busy sending may have its pong behind it; then its silence counts."""
    ended = waiting(app)
    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        for _ in range(20):
            await trio.sleep(15)
            await connection.send(frame(PONG, b"wrong"))
        assert not ended.is_set()
        begin = trio.current_time()
        await ended.wait()
        assert trio.current_time() == begin + 20


async def test_no_timeout(app: Sanic) -> None:
    ended = waiting(app)
    app.config.WEBSOCKET_PING_TIMEOUT = None
    async with open_raw(app) as connection:
        await connection.send(ask())
        await trio.sleep(5000)
        assert not ended.is_set()


async def test_the_deadline_is_suspended_while_our_own_queue_is_full(app: Sanic) -> None:
    """It is we who do not listen; once we do, the peer has its time anew."""
    took = trio.Event()
    outcome: list[object] = []

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            await trio.sleep(500)
            outcome.append(await ws.recv())
            took.set()
            await ws.recv()
        finally:
            outcome.append((trio.current_time() - begin, ws.close_code))

    async with open_raw(app) as connection:
        begin = trio.current_time()
        await connection.send(ask() + frame(TEXT, b"a"))
        await took.wait()
        await wait_all_tasks_blocked()
        assert outcome == ["a"]
        await trio.sleep(100)
    [_, (seconds, code)] = outcome  # type: ignore[misc]  # of one element, and one pair
    assert 500 < seconds <= 520  # type: ignore[has-type]
    assert code == 1011  # type: ignore[has-type]

async def test_a_peer_that_has_gone_is_found_while_nobody_receives(app: Sanic) -> None:
    """Its Close and its end lie behind a message that is not taken; a ping meets no connection."""
    ended = trio.Event()

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with running(app) as client:
        begin = trio.current_time()
        async with client.connect() as connection:
            await connection.send(ask())
            await connection.head()
            await connection.send(frame(TEXT, b"a"))
            await trio.sleep(30)
        await ended.wait()
        assert 30 < trio.current_time() - begin <= 60


async def test_no_heartbeat_while_something_is_on_its_way(app: Sanic) -> None:
    """The write deadline watches over that; afterwards pings go on."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send("a" * 200_000)
        await ws.recv()

    app.config.WEBSOCKET_PING_INTERVAL = 5
    async with running(app, buffer_bytes=1000) as client, client.connect() as connection:
        await connection.send(ask())
        await connection.head()
        await trio.sleep(50)
        found = await receive_frame(connection)
        assert (found.opcode, len(found.payload)) == (TEXT, 200_000)
        assert (await receive_frame(connection)).opcode == PING


async def test_no_ping_follows_our_close(app: Sanic) -> None:
    """And the wait for the peer's Close costs no steps."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.close()

    app.config.WEBSOCKET_PING_INTERVAL = 1
    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        assert (await receive_frame(connection)).opcode == CLOSE
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        await trio.sleep(9)
        trio.lowlevel.remove_instrument(steps)
        assert steps.count < 20
        assert await connection.rest() == b""


class Steps(trio.abc.Instrument):
    """Counts the steps of all tasks."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1
