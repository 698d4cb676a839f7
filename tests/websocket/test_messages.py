"""Sanic's names on the socket, and Trio's: sending, receiving, pings."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.websocket.frames import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Frame,
    ask,
    close_code,
    deflate,
    frame,
    receive_frame,
)
from triosanic import Request, Sanic, Websocket
from triosanic.exceptions import ServerError, WebsocketClosed
from triosanic.testing import open_raw, running


@pytest.mark.parametrize(
    ("message", "received"),
    [
        ("", ""),
        ("\U0001f600" * 50_000, "\U0001f600" * 50_000),
        (b"", b""),
        (b"a" * 125, b"a" * 125),
        (bytearray(b"a" * 126), b"a" * 126),
        (memoryview(b"ab" * 40_000)[::2], b"a" * 40_000),
    ],
    ids=["empty", "text", "no bytes", "short", "bytearray", "memoryview"],
)
async def test_what_can_be_sent(app: Sanic, message: Any, received: str | bytes) -> None:
    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send(message)
        assert await ws.recv() == received

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.receive() == received
        await ws.send(received)
        assert await ws.wait_closed() == 1000


@pytest.mark.parametrize(
    ("message", "error"),
    [({"a": 1}, TypeError), (["a"], NotImplementedError), (5, TypeError), (None, TypeError)],
    ids=repr,
)
async def test_what_cannot_be_sent(app: Sanic, message: Any, error: type[Exception]) -> None:
    """Sanic 25.12 ``ws.send``; the socket lives on."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        with pytest.raises(error, match="message"):
            await ws.send(message)
        await ws.send("after")

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.receive() == "after"


async def test_recv_with_a_timeout_loses_no_message(app: Sanic) -> None:
    """Sanic 25.12: None if none came in time."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        assert await ws.recv(0) is None
        assert await ws.recv(timeout=5) is None
        assert trio.current_time() - start == 5
        got = [await ws.recv(timeout=0.3) for _ in range(8)]
        await ws.send(repr([one for one in got if one is not None]))

    async with running(app) as client, client.websocket("/") as ws:
        start = trio.current_time()
        await trio.sleep(5.1)
        for number in range(3):
            await ws.send(str(number))
            await trio.sleep(0.3)
        assert await ws.receive() == "['0', '1', '2']"


async def test_recv_without_waiting_takes_what_has_come(app: Sanic) -> None:
    """Sanic 25.12: a timeout of 0 asks whether there is a message."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await trio.sleep(1)
        got = [await ws.recv(0) for _ in range(3)]
        await ws.send(repr(got))

    async with open_raw(app) as connection:
        await connection.send(ask() + frame(TEXT, b"a") + frame(TEXT, b"b"))
        await connection.head()
        assert (await receive_frame(connection)).payload == b"['a', 'b', None]"


async def test_a_burst_is_bounded_and_lets_others_run(app: Sanic) -> None:
    """What comes in compressed may be a thousand times as long: together it is as one message may be."""
    sizes: list[int] = []
    turns: list[int] = []

    async def count() -> None:
        while True:
            turns.append(1)
            await trio.lowlevel.checkpoint()

    @app.websocket("/", compression=True)
    async def handler(request: Request, ws: Websocket) -> None:
        await trio.sleep(1)
        request.nursery.start_soon(count)
        while not sizes or sizes[-1]:
            sizes.append(sum(map(len, await ws.recv_burst())))
        request.nursery.cancel_scope.cancel()

    async with open_raw(app) as connection:
        await connection.send(ask("/", "Sec-WebSocket-Extensions: permessage-deflate"))
        await connection.head()
        await connection.send(frame(BINARY, deflate(bytes(65_536)), rsv=4) * 100)
        assert await close_code(connection) == 1000
    assert sum(sizes) == 100 * 65_536
    assert max(sizes) == 2**20
    assert len(turns) > 10


async def test_recv_burst(app: Sanic) -> None:
    """Sanic 25.12: what has come, which may be nothing; more than one read is not waited for."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        assert await ws.recv_burst() == []
        await ws.send("go")
        first = await ws.recv()
        two = await ws.recv_burst(2)
        assert await ws.recv_burst(0) == []
        await ws.send(repr([first, two, await ws.recv_burst()]))

    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        await receive_frame(connection)
        await connection.send(b"".join(frame(TEXT, b"%d" % n) for n in range(5)))
        assert (await receive_frame(connection)).payload == b"['0', ['1', '2'], ['3', '4']]"


async def test_recv_streaming_gives_pieces_as_they_come(app: Sanic) -> None:
    """Sanic 25.12 ``recv_streaming``: one message."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        async for piece in ws.recv_streaming():
            await ws.send(piece)
        await ws.send(b"end")
        await ws.send(f"next {await ws.recv()!r}")

    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        for piece, fin in ((b"a", False), ("ü".encode()[:1], False), ("ü".encode()[1:], False), (b"c", True)):
            await connection.send(frame(TEXT if piece == b"a" else 0, piece, fin=fin))
            if piece != "ü".encode()[:1]:
                expected = piece if piece in b"ac" else "ü".encode()
                assert await receive_frame(connection) == Frame(TEXT, expected)
        assert await receive_frame(connection) == Frame(BINARY, b"end")
        await connection.send(frame(TEXT, b"x"))
        assert await receive_frame(connection) == Frame(TEXT, b"next 'x'")


async def test_a_message_that_has_begun_can_be_streamed_and_left(app: Sanic) -> None:
    """What came before the handler asked is its first piece; what is left of it, nobody wants."""
    seen: list[object] = []

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await begun.wait()
        seen.append(await anext(ws.recv_streaming()))
        seen.append(await ws.recv())

    async with open_raw(app) as connection:
        begun = trio.Event()
        await connection.send(ask() + frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False))
        await wait_all_tasks_blocked()
        begun.set()
        await wait_all_tasks_blocked()
        await connection.send(frame(0, b"c", fin=False) + frame(0, b"d") + frame(TEXT, b"e"))
        await connection.head()
        await receive_frame(connection)
    assert seen == ["ab", "e"]


@pytest.mark.parametrize(
    "again",
    [
        lambda ws: ws.recv(),
        lambda ws: ws.recv(0),
        lambda ws: ws.recv_burst(),
        lambda ws: anext(ws.recv_streaming()),
        lambda ws: anext(aiter(ws)),
        lambda ws: ws.get_message(),
    ],
    ids=["recv", "recv(0)", "burst", "streaming", "iteration", "get_message"],
)
async def test_only_one_task_receives(app: Sanic, again: Callable[[Websocket], Any]) -> None:
    """Sanic 25.12: ServerError."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.recv)
            await wait_all_tasks_blocked()
            with pytest.raises(ServerError, match="already waiting"):
                await again(ws)
            await ws.send("refused")

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.receive() == "refused"
        await ws.send("for the first")
        assert await ws.wait_closed() == 1000


async def test_trios_names(app: Sanic) -> None:
    """trio-websocket: send_message, get_message."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send_message(await ws.get_message())

    async with running(app) as client, client.websocket("/") as ws:
        await ws.send(b"a")
        assert await ws.receive() == b"a"


async def test_many_tasks_may_send(app: Sanic) -> None:
    """Each message is whole, however little the peer takes at a time."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ws.send, f"{number:02}" * 5000)

    async with running(app, buffer_bytes=1000) as client, client.websocket("/") as ws:
        messages = [str(await ws.receive()) for _ in range(20)]
        assert sorted(messages) == [f"{number:02}" * 5000 for number in range(20)]


async def test_ping_and_its_pong(app: Sanic) -> None:
    """Sanic 25.12: ``pong_waiter = await ws.ping()``, which can be awaited."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        first = await ws.ping("a")
        with pytest.raises(ServerError, match="same data"):
            await ws.ping(b"a")
        await (await ws.ping())
        assert first.answered
        await ws.pong(b"here")
        with pytest.raises(ValueError, match="at most 125 bytes, not 126"):
            await ws.ping("a" * 126)
        with pytest.raises(TypeError, match="str or bytes"):
            await ws.pong(5)  # type: ignore[arg-type]  # what is tested

    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        assert await receive_frame(connection) == Frame(PING, b"a")
        second = await receive_frame(connection)
        assert len(second.payload) == 4
        # RFC 6455 5.5.3: it answers the one before too; and a pong that nobody asked for is nothing.
        await connection.send(frame(PONG, b"zzz") + frame(PONG, second.payload))
        assert await receive_frame(connection) == Frame(PONG, b"here")


async def test_pings_that_are_never_answered_are_bounded(app: Sanic) -> None:
    @app.websocket("/", cancel_on_disconnect=False)
    async def handler(request: Request, ws: Websocket) -> None:
        waiters = [await ws.ping() for _ in range(100)]
        await ws.send("sent")
        with pytest.raises(WebsocketClosed, match="before the pong"):
            await waiters[0]
        with pytest.raises(WebsocketClosed, match="before the pong"):
            await waiters[-1]
        ended.set()

    async with open_raw(app) as connection:
        ended = trio.Event()
        await connection.send(ask())
        await connection.head()
        while await receive_frame(connection) != Frame(TEXT, b"sent"):
            pass
        connection.abort()
        await ended.wait()


async def test_the_facts(app: Sanic) -> None:
    facts: list[object] = []

    @app.websocket("/<name>", subprotocols=["v1"], cancel_on_disconnect=False)
    async def handler(request: Request, ws: Websocket, name: str) -> None:
        facts.extend((name, request.scheme, request.route.extra.websocket, ws.subprotocol, ws.ws_proto is ws))
        facts.extend((ws.open, ws.closed, ws.close_code, ws.close_reason, ws.state.name, ws.compressed))
        ws.user = "a program's own"  # type: ignore[attr-defined]  # what is tested
        assert ws in WeakSet([ws])
        with pytest.raises(WebsocketClosed):
            await ws.recv()
        facts.extend((ws.open, ws.closed, ws.close_code, ws.close_reason, ws.state.name, repr(ws)))

    async with running(app) as client, client.websocket("/a", subprotocols=["v1"]) as ws:
        assert await ws.close(4001, "so long") == 4001
    assert facts == [
        *("a", "ws", True, "v1", True),
        *(True, False, None, None, "OPEN", False),
        *(False, True, 4001, "so long", "CLOSED", "<Websocket: closed>"),
    ]


async def test_a_ping_that_was_not_sent_is_not_waited_for(app: Sanic) -> None:
    """Cancelled before its turn, it has sent nothing; its content can be sent again."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        request.nursery.start_soon(ws.send, "a" * 1_000_000)
        await wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            await ws.ping("p")
        assert scope.cancelled_caught
        await ws.ping("p")

    async with running(app) as client, client.websocket("/") as ws:
        await trio.sleep(2)
        assert await ws.receive() == "a" * 1_000_000
        assert await ws.wait_closed() == 1000
    assert ws.pings == [b"p"]


@pytest.mark.parametrize(
    "parts",
    [[frame(TEXT, b"ab")], [frame(TEXT, b"a", fin=False), frame(0, b"b")]],
    ids=["whole", "in fragments"],
)
async def test_streaming_that_is_left_before_a_message_loses_none(app: Sanic, parts: list[bytes]) -> None:
    """What is dropped is the rest of a message that has begun."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        with trio.move_on_after(1):
            await anext(ws.recv_streaming())
        await ws.send("left")
        await trio.sleep(1)
        await ws.send(await ws.get_message())

    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        assert (await receive_frame(connection)).payload == b"left"
        for sent in parts:
            await connection.send(sent)
            await trio.sleep(0.1)
        with trio.fail_after(2):
            assert (await receive_frame(connection)).payload == b"ab"


async def test_each_stream_is_one_message(app: Sanic) -> None:
    """The rest of one that was left is not taken for the next."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        first = await anext(ws.recv_streaming())
        await ws.send(first)
        await ws.send("".join([str(piece) async for piece in ws.recv_streaming()]))

    async with open_raw(app) as connection:
        await connection.send(ask() + frame(TEXT, b"a", fin=False))
        await connection.head()
        assert (await receive_frame(connection)).payload == b"a"
        await connection.send(frame(0, b"b", fin=False) + frame(0, b"c") + frame(TEXT, b"next"))
        assert (await receive_frame(connection)).payload == b"next"
