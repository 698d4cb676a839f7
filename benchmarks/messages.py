"""Workloads of WebSockets, by a client of frames that are made before anything is measured."""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from benchmarks.apps.payloads import END, MESSAGE
from benchmarks.client import BenchmarkError, Connection
from benchmarks.measure import Meter, Sample, Scale
from benchmarks.memory import check_open, settled_memory_kib, warm_memory_kib
from benchmarks.process import Server
from benchmarks.pump import BUFFER_BYTES, WARM_UP_S, Pump

# RFC 6455 1.3: its own example; nobody needs it to be random here.
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
MASK: Final = bytes.fromhex("37fa213d")
FIN_TEXT: Final = 0x81
MASKED: Final = 0x80
# As many frames as 64 KiB have.
FRAMES_A_SEND: Final = 900
# Messages to the room that are under way at one time: the server has the next, and a read takes several.
ROOM_MESSAGES: Final = 8


def masked(text: str) -> bytes:
    """Return a client's frame with a short text of ASCII."""
    payload = text.encode()
    content = bytes(a ^ b for a, b in zip(payload, itertools.cycle(MASK), strict=False))
    return bytes((FIN_TEXT, MASKED | len(payload))) + MASK + content


def plain(text: str) -> bytes:
    """Return a server's frame with a short text of ASCII."""
    return bytes((FIN_TEXT, len(text))) + text.encode()


def upgrade(server: Server, path: str) -> Connection:
    """Open a WebSocket.

    Raises:
        BenchmarkError: The server has another answer.
    """
    connection = Connection(server.address)
    connection.socket.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # Byte by byte: what follows is frames.
        head += connection.some(1)
    if not head.startswith(b"HTTP/1.1 101"):
        connection.socket.close()
        raise BenchmarkError(f"unexpected answer: {head[:80]!r}")
    return connection


@contextmanager
def _open(server: Server, path: str, count: int) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(upgrade(server, path)) for _ in range(count)]


def idle_sockets(server: Server, scale: Scale) -> list[Sample]:
    """Divide the growth by sockets that have had one message come back and stay."""
    before = warm_memory_kib(server)
    with _open(server, "/ws/echo", scale.idle_connections) as connections:
        for connection in connections:
            connection.socket.sendall(masked(MESSAGE))
            if connection.some() != plain(MESSAGE):
                raise BenchmarkError("the message that came back is another one")
        growth = settled_memory_kib(server, lambda: 0) - before
        check_open(connections)
    return [Sample("ws-idle", growth / scale.idle_connections)]


def echo(server: Server, scale: Scale) -> list[Sample]:
    """Have a message come back, over and over, on each of some sockets."""
    answer = plain(MESSAGE)
    with (
        _open(server, "/ws/echo", scale.connections) as connections,
        Pump(connections, (masked(MESSAGE),), answer, len(answer)) as pump,
    ):
        pump.run(WARM_UP_S)
        meter = Meter(server)
        answers = pump.run(scale.seconds)
        usage = meter.usage(answers)
    return [Sample("ws-echo", answers / usage.wall_s, usage=usage)]


def messages_up(server: Server, scale: Scale) -> list[Sample]:
    """Send messages to a handler that counts them."""
    whole, rest = divmod(scale.messages, FRAMES_A_SEND)
    frames = masked(MESSAGE) * FRAMES_A_SEND
    with upgrade(server, "/ws/count") as connection:
        meter = Meter(server)
        for _ in range(whole):
            connection.socket.sendall(frames)
        connection.socket.sendall(masked(MESSAGE) * rest + masked(END))
        told = connection.some()
        usage = meter.usage(scale.messages)
    if told != plain(str(scale.messages)):
        raise BenchmarkError(f"unexpected answer: {told[:80]!r}")
    return [Sample("ws-up", scale.messages / usage.wall_s, usage=usage)]


def messages_down(server: Server, scale: Scale) -> list[Sample]:
    """Receive messages from a handler that awaits each send."""
    expected = plain(MESSAGE) * scale.messages
    received = bytearray()
    meter = Meter(server)
    with upgrade(server, f"/ws/messages?n={scale.messages}") as connection:
        while len(received) < len(expected):
            received += connection.some()
        usage = meter.usage(scale.messages)
    # A Close may follow.
    if not received.startswith(expected):
        raise BenchmarkError("the messages are not those that were expected")
    return [Sample("ws-down", scale.messages / usage.wall_s, usage=usage)]


def broadcast(server: Server, scale: Scale) -> list[Sample]:
    """Send messages to a room, one after the other; count their copies, to everybody who is in it."""
    with _open(server, "/ws/room", scale.room) as connections, _Room(connections) as room:
        room.run(scale.room)
        meter = Meter(server)
        room.run(scale.copies)
        usage = meter.usage(scale.copies)
    return [Sample("ws-broadcast", scale.copies / usage.wall_s, usage=usage)]


class _Room:
    """All the sockets of a room, watched at once; they are its caller's to close."""

    def __init__(self, connections: list[Connection]) -> None:
        self._sender = connections[0].socket
        self._members = len(connections)
        self._poll = select.epoll()
        self._receive: dict[int, Callable[[bytearray], int]] = {}
        for connection in connections:
            self._poll.register(connection.socket, select.EPOLLIN)
            self._receive[connection.socket.fileno()] = connection.socket.recv_into

    def __enter__(self) -> _Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()

    def run(self, copies: int) -> None:
        """Send as many messages as make so many copies, and wait for all of these.

        Raises:
            BenchmarkError: Something else came.
        """
        copy = plain(MESSAGE)
        buffer = bytearray(BUFFER_BYTES)
        rounds = copies // self._members
        received, due, sent = 0, len(copy) * self._members * rounds, 0
        while received < due:
            while sent < rounds and sent < received // (len(copy) * self._members) + ROOM_MESSAGES:
                self._sender.sendall(masked(MESSAGE))
                sent += 1
            for fd, _ in self._poll.poll():
                count = self._receive[fd](buffer)
                if count % len(copy) or not buffer.startswith(copy):
                    raise BenchmarkError(f"unexpected message: {bytes(buffer[:80])!r}")
                received += count
