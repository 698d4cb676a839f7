"""A connection in memory that behaves as one of TCP: bounded, half-closeable, and it can be reset.

The network makes pairs of streams; they promise what Trio's stream checks ask for, on any clock.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

import trio

# 64 KiB: what the server reads at once, so that the pipe is never what a whole read waits for.
BUFFER_BYTES: Final = 65_536


class End(Enum):
    """How a direction stands, as its sender left it."""

    OPEN = auto()
    ENDED = auto()
    RESET = auto()


class Pipe:
    """One direction: a bounded buffer of bytes between a sender and a receiver.

    Attributes:
        data: What was sent and not received yet.
        end: How the sender left it.
        deaf: Whether the receiver has closed.
    """

    __slots__ = ("_changes", "_max_bytes", "data", "deaf", "end")

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self.end = End.OPEN
        self.deaf = False
        self._max_bytes = max_bytes
        self._changes = trio.lowlevel.ParkingLot()

    @property
    def room(self) -> int:
        """How many bytes it takes."""
        return self._max_bytes - len(self.data)

    def put(self, data: bytes | memoryview) -> int:
        """Take what there is room for; return how much."""
        taken = min(self.room, len(data))
        self.data += data[:taken]
        self.changed()
        return taken

    def take(self, max_bytes: int | None) -> bytes:
        """Give what there is, up to ``max_bytes``."""
        taken = bytes(self.data[:max_bytes])
        del self.data[:max_bytes]
        self.changed()
        return taken

    def leave(self, end: End) -> None:
        """Let the sender end it; what ended before stays as it ended."""
        if self.end is End.OPEN:
            self.end = end
        self.changed()

    def stop_listening(self) -> None:
        """Let the receiver close; what nobody will receive is dropped."""
        self.deaf = True
        self.data.clear()
        self.changed()

    def changed(self) -> None:
        """Let both sides look again."""
        if self._changes:
            self._changes.unpark_all()

    async def wait(self) -> None:
        """Wait until something has changed. Checkpoint: always."""
        await self._changes.park()


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of a connection in memory; `memory_pair` makes both.

    Closing it gracefully is TCP's FIN: the peer receives what is under way, and then an end. Closing it
    forcefully (`abort`, `trio.aclose_forcefully`) is a reset: the peer receives what is under way, and then
    `trio.BrokenResourceError`. Unlike TCP's, a graceful close with bytes unread is no reset.

    Args:
        incoming: What the peer sends.
        outgoing: What the peer receives.

    Attributes:
        address: Where the peer thinks that it comes from; ``None`` if nobody has said.
    """

    __slots__ = ("_busy", "_closed", "_incoming", "_outgoing", "address")

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self._busy: set[str] = set()
        self.address: tuple[str, int] | None = None

    @property
    def readable(self) -> bool:
        """Whether `receive_some` would not wait."""
        return self._closed or bool(self._incoming.data) or self._incoming.end is not End.OPEN

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._closed

    @property
    def stuffed(self) -> bool:
        """Whether the peer must wait until something is received here."""
        return not self._incoming.room

    async def wait_peer_closed(self) -> None:
        """Wait until the peer has closed its end, whatever is unread here. Checkpoint: maybe."""
        while not self._outgoing.deaf:
            await self._outgoing.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Take what has come; ``b""`` once the peer has ended its side.

        Args:
            max_bytes: Upper bound in bytes; ``None`` for all there is.

        Raises:
            trio.BrokenResourceError: The peer has reset the connection.
            trio.ClosedResourceError: This end is closed.
            trio.BusyResourceError: Another task receives.
            ValueError: ``max_bytes`` is less than 1.

        Checkpoint: always. Cancelling loses no byte.
        """
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes!r}")
        with self._alone("receiving"):
            if self.readable:
                await trio.lowlevel.checkpoint()
            while not self.readable:
                await self._incoming.wait()
        if self._closed:
            raise trio.ClosedResourceError("this end is closed")
        if self._incoming.data:
            return self._incoming.take(max_bytes)
        if self._incoming.end is End.RESET:
            raise trio.BrokenResourceError("the peer has reset the connection")
        return b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, which waits while the peer does not take it.

        Raises:
            trio.BrokenResourceError: The peer has closed its end.
            trio.ClosedResourceError: This end, or its sending side, is closed.
            trio.BusyResourceError: Another task sends.

        Checkpoint: always. Cancelling may leave a part of ``data`` sent.
        """
        with self._alone("sending"), memoryview(data).cast("B") as view:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            sent = 0
            while sent < len(view):
                if not self._outgoing.room:
                    await self._outgoing.wait()
                    self._check_sending()
                with view[sent:] as rest:
                    sent += self._outgoing.put(rest)

    def send_nowait(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send what there is room for, as a socket does; return how many bytes that was. Checkpoint: never.

        Raises:
            trio.BrokenResourceError: The peer has closed its end.
            trio.ClosedResourceError: This end, or its sending side, is closed.
            trio.BusyResourceError: Another task sends.
        """
        with self._alone("sending"):
            self._check_sending()
            sent = 0
            for part in parts:
                if not self._outgoing.room:
                    break
                sent += self._outgoing.put(part)
            return sent

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room; see `send_all`, also for errors. Checkpoint: always."""
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            self._check_sending()
            while not self._outgoing.room:
                await self._outgoing.wait()
                self._check_sending()

    async def send_eof(self) -> None:
        """End our side; the peer's goes on.

        Raises:
            trio.ClosedResourceError: This end is closed.
            trio.BusyResourceError: Another task sends.

        Checkpoint: always.
        """
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            if self._closed:
                raise trio.ClosedResourceError("this end is closed")
            self._outgoing.leave(End.ENDED)

    def abort(self) -> None:
        """Reset the connection. Checkpoint: never."""
        self._close(End.RESET)

    async def aclose(self) -> None:
        """Close this end; a cancelled call resets the connection. Checkpoint: always."""
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self.abort()
            raise
        self._close(End.ENDED)

    def _close(self, end: End) -> None:
        if not self._closed:
            self._closed = True
            self._outgoing.leave(end)
            self._incoming.stop_listening()

    def _check_sending(self) -> None:
        if self._closed or self._outgoing.end is not End.OPEN:
            raise trio.ClosedResourceError("this side is closed")
        if self._outgoing.deaf:
            raise trio.BrokenResourceError("the peer has closed its end")

    def _alone(self, doing: str) -> _Alone:
        """Refuse a second task, whose bytes would mix with the first one's."""
        if doing in self._busy:
            raise trio.BusyResourceError(f"another task is {doing} on this stream")
        return _Alone(self._busy, doing)


class _Alone:
    """What one task does alone; a generator would cost three times as much, twice a message."""

    __slots__ = ("_busy", "_doing")

    def __init__(self, busy: set[str], doing: str) -> None:
        self._busy = busy
        self._doing = doing

    def __enter__(self) -> None:
        self._busy.add(self._doing)

    def __exit__(self, *_: object) -> None:
        self._busy.remove(self._doing)


def memory_pair(max_bytes: int = BUFFER_BYTES) -> tuple[MemoryStream, MemoryStream]:
    """Return both ends of a connection.

    Args:
        max_bytes: What each direction holds before its sender waits; at least 1.

    Raises:
        ValueError: ``max_bytes`` is less than 1.
    """
    if max_bytes < 1:
        raise ValueError(f"max_bytes must be at least 1, not {max_bytes!r}")
    there, back = Pipe(max_bytes), Pipe(max_bytes)
    return MemoryStream(back, there), MemoryStream(there, back)
