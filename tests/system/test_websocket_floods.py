"""WebSockets whose peers send without end, or take nothing: as `test_floods` has it of requests."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, product
from typing import Final

import pytest
import trio

from tests.system.floods import (
    FLOOD_S,
    GROWTH_BYTES,
    KIB,
    MIB,
    Flood,
    Flooded,
    assert_nobody_waits,
    assert_nothing_is_left,
    flooded,
    many,
    waits_during,
)
from tests.system.tools import START_S
from tests.websocket.frames import BINARY, PING, PONG, TEXT, ask, closing, deflate, frame

pytestmark = pytest.mark.system

FULL: Final = os.environ.get("TRIOSANIC_FULL") == "1"
OFFER: Final = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
MORE: Final = 0  # the opcode of a fragment that is not the first
# docs/websockets.md: a socket whose peer does nothing.
IDLE: Final = 20 * KIB
# What each may take when all are busy: a message, most of which are small, and what was read ahead.
BUSY: Final = 256 * KIB
PATHS: Final = ("echo", "unread", "slow", "streamed", "burst")


def opened(path: str) -> bytes:
    """Ask for a WebSocket."""
    return ask(f"/ws/{path}", OFFER)


def fragment(data: bytes = b"") -> bytes:
    return frame(MORE, data, fin=False)


def zeros(size: int) -> bytes:
    """Compress so many."""
    return deflate(bytes(size))


# Of the largest size; the second takes four times as much once it is decoded.
LARGE: Final = frame(BINARY, bytes(MIB))
WIDE: Final = frame(TEXT, "\N{GRINNING FACE}".encode() + b"a" * (MIB - 4))
FIRST: Final = frame(TEXT, fin=False)
# What is sent after the handshake, once, and then without end; to handlers of each kind.
PIECES: Final = {
    "tiny messages": (b"", many(frame(TEXT, b"a"))),
    "empty messages": (b"", many(frame(BINARY))),
    "messages": (b"", many(frame(TEXT, b"a" * 1000))),
    "messages that are too large": (b"", frame(BINARY, bytes(MIB + 1))),
    "a message in large fragments": (FIRST, many(fragment(b"a" * 1000))),
    "a message in tiny fragments": (FIRST, many(fragment(b"a"))),
    "a message in empty fragments": (FIRST, many(fragment())),
    "wide text in fragments": (
        frame(TEXT, "\N{GRINNING FACE}".encode(), fin=False),
        many(fragment(b"a" * 500)),
    ),
    "pings amid fragments": (FIRST, many(fragment(b"a" * 20) + frame(PING, b"p" * 125))),
    "pings": (b"", many(frame(PING, b"p" * 125))),
    "empty pings": (b"", many(frame(PING))),
    "pings behind messages": (frame(TEXT, b"a") * 2, many(frame(PING, b"p"))),
    "pongs": (b"", many(frame(PONG, b"p" * 125))),
    "compressed messages": (b"", many(frame(TEXT, deflate(b"hello" * 50), rsv=4))),
    "empty compressed messages": (b"", many(frame(TEXT, b"\0", rsv=4))),
    "zeros within the free bytes": (b"", many(frame(BINARY, zeros(64 * KIB), rsv=4))),
    "bombs": (b"", many(frame(BINARY, zeros(32 * MIB), rsv=4))),
    "a bomb in fragments": (frame(BINARY, b"", fin=False, rsv=4), many(fragment(zeros(MIB)))),
    "a length without end": (frame(BINARY, b"", length=b"\x7f\x7f" + b"\xff" * 7), many(b"x")),
    "closes": (closing(1000), many(closing(1000))),
    "messages behind a close": (closing(1000), many(frame(TEXT, b"a" * 1000))),
    "bad closes": (b"", many(closing(1005))),
    "frames without a mask": (b"", many(frame(TEXT, b"a", mask=None))),
    "zeros": (b"", many(b"\0")),
    "garbage": (b"", os.urandom(64 * KIB)),
    "more handshakes": (b"", many(opened("echo"))),
}
# What is sent to handlers that take their time, or pieces, too.
TAKEN: Final = ("tiny messages", "messages", "a message in tiny fragments", "pings", "bombs")
# How handlers take what is sent; whether the peer reads what they answer.
WAYS: Final = (("echo", True), ("echo", False), ("unread", False), ("burst", True))
# At full length all are sent each way, two minutes; else each one way.
ALL: Final = tuple(product(PIECES.items(), WAYS))
SOME: Final = tuple(zip(PIECES.items(), cycle(WAYS), strict=False))
FLOODS: Final = {
    **{
        f"{name}, {path}, {'read' if reads else 'unread'}": Flood(opened(path) + start, piece, reads=reads)
        for (name, (start, piece)), (path, reads) in (ALL if FULL else SOME)
    },
    **{
        f"{name}, {path}": Flood(opened(path) + PIECES[name][0], PIECES[name][1])
        for name, path in product(TAKEN, ("slow", "streamed"))
    },
    "large messages that nobody takes": Flood(opened("unread"), LARGE),
    "wide text that nobody takes": Flood(opened("unread"), WIDE),
    # A handler has one and sends another, while the next is put together.
    "large messages": Flood(opened("echo"), LARGE, reads=True, client_bytes=3 * MIB),
    "large messages, echoed to nobody": Flood(opened("echo"), LARGE, client_bytes=3 * MIB),
    "tiny packets": Flood(opened("echo") + FIRST, fragment(b"a")),
    "messages byte by byte": Flood(opened("echo"), b"\x81", clients=50, client_bytes=IDLE, pause_s=0.01),
    "messages that nobody reads": Flood(opened("down")),
    "messages that are read": Flood(opened("down"), reads=True),
    "pings that nobody reads": Flood(opened("pings")),
    "pings that are read": Flood(opened("pings"), reads=True),
    "handshakes that are refused": Flood(b"", many(ask("/ws/echo", "Sec-WebSocket-Version: 8")), reads=True),
    "half handshakes": Flood(opened("echo")[:-2], clients=150, client_bytes=IDLE),
    "half heads of frames": Flood(opened("echo") + b"\x81\xfe", clients=150, client_bytes=IDLE),
    "half frames": Flood(opened("echo") + frame(TEXT, b"a" * 1000)[:-1], clients=150, client_bytes=IDLE),
    "half messages": Flood(opened("echo") + FIRST, clients=150, client_bytes=IDLE),
    "peers that wait": Flood(opened("echo"), clients=150, client_bytes=IDLE),
    "closes that are not finished": Flood(opened("echo") + closing(1000), clients=150, client_bytes=IDLE),
}


@dataclass(slots=True)
class Neighbour:
    """Another client, with one WebSocket for all that it says."""

    stream: trio.SocketStream

    async def __call__(self, port: int) -> None:
        """Have a message come back, whole: another may follow."""
        with trio.CancelScope(shield=True), trio.fail_after(START_S):
            await self.stream.send_all(frame(TEXT, b"hello"))
            while (opcode := (await self._receive(2))[0] & 15) == PING:
                await self._receive(4)
            assert (opcode, await self._receive(5)) == (TEXT, b"hello")

    async def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += (piece := await self.stream.receive_some(size - len(data)))
            assert piece, "its connection has ended"
        return data


async def talk(port: int, data: bytes) -> None:
    """Send what ends in a Close, and read to the end."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, data)
        async for _ in stream:
            pass


async def _warm_up(port: int) -> None:
    large = frame(BINARY, bytes(MIB // 2), fin=False) + frame(MORE, bytes(MIB // 2))
    usual = frame(TEXT, deflate(b"a" * 500), rsv=4) + large + closing(1000)
    for path in PATHS:
        if path != "unread":
            for _ in range(3):
                await talk(port, opened(path) + usual)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flooded]:
    """A server that has done once what is usual."""
    with flooded(tmp_path_factory.mktemp("floods"), _warm_up) as server:
        yield server


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_takes_no_memory_and_nobody_waits_for_it(flood: Flood, server: Flooded) -> None:
    """Design: bounded memory and time for every peer; and no neighbour's connection ends."""
    before = server.settle()
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(ask("/ws/echo"))
        while not (await stream.receive_some()).endswith(b"\r\n\r\n"):
            pass
        await assert_nobody_waits(server, flood.run, FLOOD_S, Neighbour(stream))
    assert server.peak_bytes() - before <= GROWTH_BYTES + flood.clients * flood.client_bytes
    await assert_nothing_is_left(server)


async def test_all_floods_at_once_take_what_their_clients_may(server: Flooded) -> None:
    """As above, of memory: each client has its bound, and others are still answered."""

    async def flood_all(port: int) -> None:
        async with trio.open_nursery() as nursery:
            for flood in FLOODS.values():
                nursery.start_soon(replace(flood, clients=1).run, port)

    before = server.settle()
    assert len(await waits_during(server, flood_all, 4)) > 2
    assert server.peak_bytes() - before <= GROWTH_BYTES + len(FLOODS) * BUSY
    await assert_nothing_is_left(server)
