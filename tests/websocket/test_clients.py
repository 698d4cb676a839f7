"""Clients that others have written, over real sockets."""

import logging
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

import pytest
import trio
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.websocket.frames import TEXT, ask, closing, frame
from triosanic import Request, Sanic, Websocket
from triosanic.websocket import Broadcast

REAL_TIME: Final = True
LIMIT_S: Final = 20


@pytest.fixture
def chat(app: Sanic) -> Sanic:
    room = Broadcast(max_queued=1000)
    app.config.WEBSOCKET_PING_INTERVAL = 0.05

    @app.websocket("/echo", subprotocols=["v2"], compression=True)
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/room")
    async def join(request: Request, ws: Websocket) -> None:
        with room.member(ws):
            await ws.send("in")
            async for message in ws:
                await room.send(message)

    @app.websocket("/small", max_size=10)
    async def small(request: Request, ws: Websocket) -> None:
        await ws.recv()

    return app


@contextmanager
def served(app: Sanic) -> Iterator[str]:
    """Serve in a thread, as a client without Trio needs it; stop in order."""
    address: list[str] = []
    started = threading.Event()

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            [(host, port)] = await nursery.start(partial(app.serve, port=0))
            address.append(f"ws://{host}:{port}")
            tokens.append(trio.lowlevel.current_trio_token())
            started.set()

    tokens: list[trio.lowlevel.TrioToken] = []
    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert started.wait(LIMIT_S)
    try:
        yield address[0]
    finally:
        tokens[0].run_sync_soon(app.stop)
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_websockets_library(chat: Sanic) -> None:
    """Echo with and without compression, subprotocol, ping, long and fragmented messages, close."""
    with served(chat) as url:
        for compression in ("deflate", None):
            with connect(f"{url}/echo", compression=compression, subprotocols=[Subprotocol("v2")]) as ws:
                assert ws.subprotocol == "v2"
                for message in ("", "a€", b"\0" * 60_000, random.randbytes(1_000_000), "x" * 50_000):
                    ws.send(message)
                    assert ws.recv(LIMIT_S) == message
                ws.send(["frag", "men", "ts"])
                assert ws.recv(LIMIT_S) == "fragments"
                assert ws.ping().wait(LIMIT_S)
            assert (ws.close_code, ws.close_reason) == (1000, "")


def test_websockets_library_is_refused_and_limited(chat: Sanic) -> None:
    with served(chat) as url:
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{url}/nowhere")
        assert refused.value.response.status_code == 404
        with connect(f"{url}/small") as ws:
            ws.send("a" * 11)
            with pytest.raises(ConnectionClosedError):
                ws.recv(LIMIT_S)
            assert ws.close_code == 1009


def test_a_room_and_a_stop(chat: Sanic) -> None:
    """Fifty clients, each of which hears all; the stop closes all with 1001."""
    with ExitStack() as stack:
        with served(chat) as url:
            clients = [stack.enter_context(connect(f"{url}/room")) for _ in range(50)]
            assert {ws.recv(LIMIT_S) for ws in clients} == {"in"}
            for number, ws in enumerate(clients):
                ws.send(str(number))
            for ws in clients:
                assert {ws.recv(LIMIT_S) for _ in clients} == {str(number) for number in range(50)}
        for ws in clients:
            with pytest.raises(ConnectionClosedOK, match="1001"):
                ws.recv(LIMIT_S)


@pytest.mark.parametrize(
    ("sent", "code"), [(closing(4000), 4000), (frame(3), 1002), (frame(TEXT, b"a" * 11), 1009)]
)
async def test_a_reset_right_behind_what_ends_it_is_no_failure(
    app: Sanic, caplog: pytest.LogCaptureFixture, sent: bytes, code: int
) -> None:
    """What came before the reset is read; then even the first byte of our Close can't be sent."""
    codes: list[int | None] = []

    @app.websocket("/", max_size=10)
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            await ws.recv()
        finally:
            codes.append(ws.close_code)

    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(app.serve, port=0))
        with socket.create_connection(address) as client:
            client.send(ask())
            await trio.lowlevel.wait_readable(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.send(sent)  # and a reset, at once: the server reads neither before the other
        with trio.fail_after(LIMIT_S):
            while not codes:  # noqa: ASYNC110  # it is told of no other way
                await trio.sleep(0.01)
        app.stop()
    assert codes == [code]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
