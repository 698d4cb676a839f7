"""The way of a streamed response to its peer: a channel that is bounded in bytes.

Handlers `write` into it; one writer task takes everything that waits and sends it as one piece.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from enum import Enum, auto
from typing import Any, ClassVar, Final

import trio

from triosanic.exceptions import ClientGone, ResponseBufferFull, ServerError
from triosanic.http.framing import Outbound
from triosanic.http.wire import WireBroken

# An awaited write yields at the latest after this many calls, however small the pieces are: some 0.5 ms.
CALLS_A_TURN: Final = 1024
# Pieces of at least this size are offered to the wire once they are more than the high-water mark, if the
# writer sends nothing: a task switch costs as much as the system call. What is below the mark is collected:
# a system call for each 64 KiB is half as fast as one for two of them (1,800 to 2,700 MiB/s). Smaller pieces
# are left to the writer, so that others have their turn.
_DIRECT_BYTES: Final = 16_384
# An awaited write yields at the latest after this much has left so: a quarter of a millisecond.
_DIRECT_A_TURN: Final = 1 << 20
# Parts of this size on average are copied into one: cheaper than a list of buffers for the system.
_SMALL_BYTES: Final = 4096


class _State(Enum):
    OPEN = auto()
    ENDING = auto()  # no more is taken, and what waits is being sent
    ENDED = auto()
    BROKEN = auto()  # the peer has gone, or the stream was given up


class _Ready:
    """What `SendChannel.write` returns when there is room: awaiting it costs nothing and does not yield."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return _EXHAUSTED


_EXHAUSTED: Final[Generator[Any, Any, None]] = iter(())  # type: ignore[assignment]  # it is only iterated
_READY: Final = _Ready()


class Later:
    """An awaitable that starts when it is awaited, and warns nobody if it never is."""

    __slots__ = ("_wait",)

    def __init__(self, wait: Callable[[], Awaitable[None]]) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()


class SendChannel:
    """The body of a streamed response, on its way.

    Attributes:
        begun: Whether the head is on its way.
        size: Bytes that were written and have not left yet.
        sent: Bytes of content that have left, or are being sent.
    """

    __slots__ = (
        "_direct",
        "_discards",
        "_head",
        "_high",
        "_idle",
        "_items",
        "_left",
        "_limit",
        "_outbound",
        "_rest",
        "_rest_size",
        "_room",
        "_send",
        "_send_nowait",
        "_sending",
        "_spawn",
        "_state",
        "_writer",
        "begun",
        "sent",
        "size",
    )

    # Whether the writer takes a part of what waits, which is work, and lets others have their turn then.
    _slices: ClassVar[bool] = False

    def __init__(
        self,
        head: Callable[[], bytes],
        outbound: Outbound,
        send: Callable[[list[bytes]], Awaitable[None]],
        send_nowait: Callable[[list[bytes]], int],
        spawn: Callable[[SendChannel], None],
        *,
        length: int | None,
        discards: bool,
        high_water_bytes: int,
        limit_bytes: int,
    ) -> None:
        """Make a channel; nothing leaves it before `begin`, the first write or the end.

        Args:
            head: Makes the response's head, which leaves with the first piece, or before it if that is late.
            outbound: The framing.
            send: Sends to the peer.
            send_nowait: Sends what the wire takes at once; returns how much that was.
            spawn: Starts a task that runs `run`.
            length: The declared Content-Length, if any.
            discards: Whether content is dropped, because the response must not have any.
            high_water_bytes: An awaited write waits while more than this is on its way.
            limit_bytes: A write raises when more than this is on its way.
        """
        self._head: Callable[[], bytes] | None = head
        self._outbound = outbound
        self._send = send
        self._send_nowait = send_nowait
        self._direct = 0  # bytes that have left at once since a write last yielded
        self._rest: list[bytes] = []  # framed already; the wire has not taken it at once
        self._rest_size = 0  # bytes of content in it
        self._spawn: Callable[[SendChannel], None] | None = spawn
        self._discards = discards
        self._left = None if discards else length
        self._high = high_water_bytes
        self._limit = limit_bytes
        self._items: list[bytes] = []
        self._state = _State.OPEN
        self._room = trio.lowlevel.ParkingLot()
        self._idle = True  # whether there is a writer to start or to wake
        self._sending = False  # whether the writer is about it
        self._writer: trio.lowlevel.Task | None = None
        self.begun = False
        self.size = 0
        self.sent = 0

    def write(self, data: object) -> Awaitable[None]:
        """Take ``data`` at once; awaited, wait until the peer keeps up.

        Awaiting yields once more than ``RESPONSE_HIGH_WATER`` bytes, or 1,024 pieces, are on their way,
        and returns when they have left; it also yields after each MiB that left at once. Not awaited,
        the data is buffered and sent all the same.

        Args:
            data: bytes-like, str (sent as UTF-8) or a number (sent as its text); nothing happens if it is
                empty. A mutable buffer is copied.

        Raises:
            TypeError: It is something else.
            ServerError: The stream has ended, or ``data`` is more than the content-length leaves.
            ResponseBufferFull: More than ``RESPONSE_BUFFER_LIMIT`` bytes have not left: await the writes.
            ClientGone: The peer has gone.

        Checkpoint: see above.
        """
        if type(data) is not bytes:
            data = encode(data)
        if self._state is not _State.OPEN:
            raise self._refusal()
        if not data or self._discards:
            return _READY
        if self.size > self._limit:
            raise ResponseBufferFull(
                f"{self.size} bytes of the response wait to be sent, which is more than RESPONSE_BUFFER_LIMIT"
                f" ({self._limit}): await response.write() so that the handler keeps pace with its client"
            )
        if self._left is not None:
            if len(data) > self._left:
                raise ServerError("Response was bigger than content-length")
            self._left -= len(data)
        self._items.append(data)
        self.size += len(data)
        if self._idle:
            self._wake()
        if self.size <= self._high and len(self._items) < CALLS_A_TURN:
            return _READY
        if len(data) >= _DIRECT_BYTES and self.begun and not self._sending and not self._rest:
            return self._send_now()
        return Later(self.wait_for_room)

    def _send_now(self) -> Awaitable[None]:
        """Send all that waits before the writer has its turn; what the wire does not take is left to it."""
        items, self._items = self._items, []
        parts = self._outbound.data(items, self.size)
        try:
            sent = self._send_nowait(parts)
        except WireBroken as exc:
            self.fail()
            raise self._refusal() from exc
        if sent < sum(map(len, parts)):
            for part in parts:
                if sent < len(part):
                    self._rest.append(part[sent:] if sent else part)
                sent = max(0, sent - len(part))
            self._rest_size = self.size
            return Later(self.wait_for_room)
        self.sent += self.size
        self._direct += self.size
        self.size = 0
        if self._direct < _DIRECT_A_TURN:
            return _READY
        self._direct = 0
        return Later(trio.lowlevel.checkpoint)

    def begin(self) -> None:
        """Let the head leave."""
        if self._spawn is not None:
            self._wake()

    def end(self) -> None:
        """Take no more. What waits is still sent, and then the body's end."""
        if self._state is _State.OPEN:
            self._state = _State.ENDING
            self._wake()

    def fail(self) -> None:
        """Give up: the peer has gone, or the stream is to be aborted."""
        if self._state is not _State.ENDED:
            self._state = _State.BROKEN
            self._items.clear()
            self._head = self._spawn = None
            self._wake()
            self._room.unpark_all()

    @property
    def open(self) -> bool:
        """Whether it takes data."""
        return self._state is _State.OPEN

    @property
    def ended(self) -> bool:
        """Whether everything has left, the end included."""
        return self._state is _State.ENDED

    @property
    def missing(self) -> int:
        """How many bytes the declared content-length still wants."""
        return self._left or 0

    async def wait_for_room(self) -> None:
        """Wait until no more than the high-water mark is on its way.

        Raises:
            ClientGone: The peer has gone.

        Checkpoint: if it has to wait.
        """
        while self.size > self._high or len(self._items) >= CALLS_A_TURN:
            if self._state is _State.BROKEN:
                raise self._refusal()
            await self._room.park()

    async def wait_ended(self) -> None:
        """Wait until everything has left.

        Raises:
            ClientGone: The peer has gone before.

        Checkpoint: if it has to wait.
        """
        while self._state is not _State.ENDED:
            if self._state is _State.BROKEN:
                raise self._refusal()
            await self._room.park()

    async def run(self) -> None:
        """Send what is written until the end: the writer task.

        Raises:
            WireBroken: The peer has gone.

        Checkpoint: whenever nothing is there to send.
        """
        if self._state is _State.BROKEN:
            return
        self.begun = True
        assert self._head is not None
        parts = [self._head()]
        self._head = None  # it knows the exchange, which knows us
        while self._state is not _State.BROKEN:
            size, ended = self._frame(parts)
            if parts:  # else a write has sent it
                self._sending = True
                await self._send_parts(parts)
                self._sending = False
            parts = []
            self.size -= size
            if ended:
                self._state = _State.ENDED
            self._room.unpark_all()
            if ended:
                return
            if self.waits:
                if self._slices:
                    await trio.lowlevel.checkpoint()
            elif self._state is _State.OPEN:
                await self._park()

    @property
    def ending(self) -> bool:
        """Whether no more is taken, and what waits is still to be sent."""
        return self._state is _State.ENDING

    @property
    def waits(self) -> bool:
        """Whether something waits for the writer."""
        return bool(self._items)

    def _frame(self, parts: list[bytes]) -> tuple[int, bool]:
        """Move what waits to ``parts``, framed; return how much content it is, and whether it is the end."""
        items, self._items = self._items, []
        size = sum(map(len, items))
        parts += self._rest
        if items:
            parts += self._outbound.data(items, size)
        ended = self.ending
        if ended:
            parts.append(self._outbound.end())
        size, self._rest, self._rest_size = size + self._rest_size, [], 0
        self.sent += size
        return size, ended

    async def _send_parts(self, parts: list[bytes]) -> None:
        if sum(map(len, parts)) <= len(parts) * _SMALL_BYTES:
            parts = [b"".join(parts)]
        await self._send(parts)

    async def _park(self) -> None:
        self._writer = trio.lowlevel.current_task()
        self._idle = True

        def abort(_: object) -> trio.lowlevel.Abort:
            self._idle = False
            self._writer = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake(self) -> None:
        """Start the writer, or let it go on, if it waits for something to send."""
        self._idle = False
        spawn, self._spawn = self._spawn, None
        writer, self._writer = self._writer, None
        if spawn is not None:
            spawn(self)
        elif writer is not None:
            trio.lowlevel.reschedule(writer)

    def _refusal(self) -> Exception:
        if self._state is _State.BROKEN:
            return ClientGone("the client has gone: the response can't be sent any more")
        return ServerError("Response stream was ended, no more response data is allowed to be sent.")


def encode(data: object) -> bytes:
    """Return ``data`` as the bytes that are sent for it.

    Raises:
        TypeError: It is neither bytes-like nor str nor a number.
    """
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, (int, float)):  # the seed's `write(record[0])`
        return str(data).encode()
    raise TypeError(f"a response takes bytes, str or a number, not {type(data).__name__}: encode it first")
