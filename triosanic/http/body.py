"""A request's body as its handler reads it: ``request.stream``.

The reader `put`s a piece when none is `waiting` to be taken, and reads no more until then: that is what stops
a client at its TCP window. Handlers call the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Self

import trio

from triosanic.exceptions import BadRequest, PayloadTooLarge, ServerError
from triosanic.http.framing import Headers

# So many pieces that are there already are taken with one schedule point: a quarter of a millisecond.
_PIECES_A_TURN: Final = 8
# So many lines, which may be empty, are a millisecond.
_LINES_A_TURN: Final = 512
_TOO_LARGE: Final = "Request body exceeds the size limit"


def _no_clock() -> None:
    """Around a wait: nobody counts the time."""


class RequestBody(trio.abc.ReceiveStream):
    """A stream of the body's bytes, which ends with it.

    It is falsy once all has been read. The body of a request that has ended can't be read any more.

    Attributes:
        before_read: Awaited before each read, if there is something to do then.
        on_taken: Called when a piece has been taken, so that the next one can come.
        request_max_size: Bound of the whole body in bytes; ``None``: no bound. A handler may set it.
        trailers: The trailer fields (RFC 9110 6.5), once the body has ended; ``()`` before and without any.

    Source: Sanic's ``request.stream`` of all eras, and Trio's `trio.abc.ReceiveStream`.
    """

    __slots__ = (
        "_at",
        "_closed",
        "_ended",
        "_error",
        "_hold",
        "_reader",
        "_reading",
        "_rest",
        "_resume",
        "_size",
        "_turns",
        "before_read",
        "on_taken",
        "request_max_size",
        "trailers",
    )

    def __init__(self, whole: bytes | None = None) -> None:
        """Make a body that lies whole in memory, or, without ``whole``, one that is still to come."""
        self.on_taken: Callable[[], None] | None = None
        self.request_max_size: int | None = None
        self.trailers: Headers = ()
        self._rest = whole or b""  # a piece that has come
        self._at = 0  # how much of it was taken
        self._ended = whole is not None
        self._size = len(self._rest)  # that has come, taken or not
        self._error: Exception | None = None
        self._reading = False
        self._turns = 0
        self._closed = False
        self._reader: trio.lowlevel.Task | None = None
        self.before_read: Callable[[], Awaitable[None]] | None = None
        self._hold: Callable[[], None] = _no_clock
        self._resume: Callable[[], None] = _no_clock

    # The reader's side.

    def watch(self, hold: Callable[[], None], resume: Callable[[], None]) -> None:
        """Call ``hold`` and ``resume`` around waits for the peer."""
        self._hold, self._resume = hold, resume

    @property
    def failed(self) -> bool:
        """Whether it can't be read to its end any more."""
        return self._error is not None or self._closed

    @property
    def waiting(self) -> bool:
        """Whether there is something that the handler has not taken yet."""
        return bool(self._rest)

    def put(self, piece: bytes) -> None:
        """Hand over a piece, when none is `waiting`. Checkpoint: never."""
        if not self._closed:
            self._rest, self._at = piece, 0
            self._size += len(piece)
            self._wake()

    def finish(self, trailers: Headers) -> None:
        """Mark the end: the whole body has been put. Checkpoint: never."""
        self.trailers = trailers
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """Let reads raise ``error`` once what is waiting is taken: the body will never be whole.

        Checkpoint: never.
        """
        if not self._ended:
            self._error = self._error or error
            self._wake()

    def close(self, error: Exception | None = None) -> None:
        """Let go of what was not read; reads raise from now on. Checkpoint: never.

        Args:
            error: What they raise; without one, that the request has ended.
        """
        self._closed = True
        # The traceback of an error that was raised holds all that its reader had collected.
        self._error = (self._error or error) if error is not None else None
        self._rest = b""
        self.before_read = None
        self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)

    # The handler's side.

    async def read(self) -> bytes | None:
        """Take the next piece of the body, or ``None`` once it has ended, and for ever after.

        Raises:
            PayloadTooLarge: More than `request_max_size` bytes arrived.
            BadRequest: The body's framing is broken.
            ClientGone: The peer hung up before the body was complete.
            RequestTimeout: The peer sent too slowly (``REQUEST_TIMEOUT``, ``BODY_MIN_RATE``).
            ServerError: Another task is reading, or the request has ended.

        Checkpoint: always for cancellation; it yields when it waits, and once in 8 pieces.
        """
        return await self._next() or None

    get = read  # the seed's name for it

    async def wait(self) -> None:
        """Wait for a piece, or for the end, however the body ends; take nothing. Checkpoint: if it waits."""
        while not self._rest and not self._over:
            await self._wait()

    async def _next(self, max_bytes: int | None = None) -> bytes:
        """Take the next piece, or as much of it as is wanted; ``b""`` at the end."""
        self._begin_reading()
        try:
            if self._rest or self._over:
                await self._take_turns()
            await self._fill()
            return self._take(len(self._rest) if max_bytes is None else self._at + max_bytes)
        finally:
            self._reading = False

    async def _take_turns(self) -> None:
        """Let others run now and then, and be cancelled at any time."""
        if self._turns % _PIECES_A_TURN:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        self._turns += 1

    async def _fill(self) -> None:
        """Wait until there is a piece; there is none at the end."""
        if self.before_read is not None:
            await self.before_read()
        if not self._rest:
            await self.wait()
        if self.request_max_size is not None and self._size > self.request_max_size:
            self._error = PayloadTooLarge(_TOO_LARGE)
            self._rest = b""
        if not self._rest:
            self._check_error()

    def _take(self, end: int) -> bytes:
        """Take the piece up to ``end``; once all of it is taken, let the next one come."""
        piece = self._rest[self._at : end] if self._at or end < len(self._rest) else self._rest
        self._at += len(piece)
        if self._at == len(self._rest):
            self._rest, self._at = b"", 0
            if piece and self.on_taken is not None:
                self.on_taken()
        return piece

    @contextmanager
    def _all_or_nothing(self, pieces: list[bytes]) -> Iterator[None]:
        """Give ``pieces`` back, which were taken for something that was not completed."""
        try:
            yield
        except BaseException:
            if not self._closed:
                self._rest, self._at = b"".join([*pieces, self._rest[self._at :]]), 0
            raise

    def _begin_reading(self) -> None:
        if self._reading:
            raise ServerError("another task is already reading this request's body")
        self._reading = True

    async def _wait(self) -> None:
        self._hold()
        self._reader = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            await trio.lowlevel.wait_task_rescheduled(abort)
        finally:
            self._resume()

    @property
    def _over(self) -> bool:
        return self._ended or self._closed or self._error is not None

    def _check_error(self) -> None:
        if self._error is not None:
            raise self._error
        if self._closed:
            raise ServerError("the body can't be read any more: its request has ended")

    def __bool__(self) -> bool:
        return not self._ended or bool(self._rest)

    # __aiter__ is trio.abc.ReceiveStream's.

    async def __anext__(self) -> bytes:
        piece = await self.read()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Take up to ``max_bytes``, or ``b""`` once the body has ended: Trio's `trio.abc.ReceiveStream`.

        Raises:
            ValueError: ``max_bytes`` is less than 1.
            ServerError: See `read` for this and the others.

        Checkpoint: always.
        """
        if max_bytes is not None and max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes!r}")
        return await self._next(max_bytes)

    async def aclose(self) -> None:
        """Read no more of it; the connection drains or ends what is left. Checkpoint: always."""
        self.close(ServerError("the body can't be read any more: it was closed"))
        await trio.lowlevel.checkpoint()

    async def readexactly(self, n: int) -> bytes:
        """Take exactly ``n`` bytes.

        Raises:
            ValueError: ``n`` is negative.
            BadRequest: The body ends before.
            ServerError: See `read` for this and the others.

        Checkpoint: always. Whatever it raises, what was there can still be read.
        """
        if n < 0:
            raise ValueError(f"n must be at least 0, not {n!r}")
        pieces: list[bytes] = []
        size = 0
        await trio.lowlevel.checkpoint()
        with self._all_or_nothing(pieces):
            while size < n:
                piece = await self._next(n - size)
                if not piece:
                    raise BadRequest(f"The body ended after {size} of {n} bytes")
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces)

    def lines(self, max_bytes: int = 65_536) -> Lines:
        r"""Iterate over the lines, without their ``\n`` or ``\r\n``; the last may lack one.

        Args:
            max_bytes: Bound of a line, in bytes, without its end.

        Raises:
            PayloadTooLarge: In the iteration: a line is longer.
            ServerError: In the iteration; see `read` for this and the others.

        Checkpoint: in the iteration, for each piece of the body and each 512 lines. What is left after it can
        still be read.
        """
        return Lines(self._read_line, max_bytes)

    async def _read_line(self, max_bytes: int) -> bytes | None:
        pieces: list[bytes] = []
        size = 0
        self._begin_reading()
        with self._all_or_nothing(pieces):
            try:
                while True:
                    if not self._rest:
                        await self._fill()
                    end = self._rest.find(b"\n", self._at) + 1
                    piece = self._take(end or len(self._rest))
                    pieces.append(piece)
                    size += len(piece)
                    if end or not piece:
                        break
                    if size > max_bytes + 1:  # 1: it may be the "\r" of the line's end
                        raise _too_long(max_bytes)
            finally:
                self._reading = False
            line = b"".join(pieces).removesuffix(b"\n").removesuffix(b"\r")
            if len(line) > max_bytes:
                raise _too_long(max_bytes)
        return line if size else None

    def take_whole(self, max_bytes: int) -> bytes | None:
        """Take the whole body, if it is there and nobody has begun to read it; else ``None``.

        Args:
            max_bytes: What is longer is left, for `read_all` to refuse.

        Checkpoint: never.
        """
        if not self._ended or self._at or self._size != len(self._rest) or self._size > max_bytes:
            return None
        whole, self._rest = self._rest, b""
        if whole and self.on_taken is not None:
            self.on_taken()
        return whole

    async def read_all(self, max_bytes: int) -> bytes:
        """Take the whole body, for a handler that wants it so.

        Raises:
            PayloadTooLarge: It is longer than ``max_bytes``.
            ServerError: See `read` for this and the others.

        Checkpoint: always.
        """
        self.request_max_size = max_bytes
        pieces = [piece async for piece in self]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Lines:
    """The lines of a body; see `RequestBody.lines`."""

    __slots__ = ("_count", "_max_bytes", "_read_line")

    def __init__(self, read_line: Callable[[int], Awaitable[bytes | None]], max_bytes: int) -> None:
        self._read_line = read_line
        self._max_bytes = max_bytes
        self._count = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self._count += 1
        if self._count % _LINES_A_TURN == 0:
            await trio.lowlevel.checkpoint()
        line = await self._read_line(self._max_bytes)
        if line is None:
            raise StopAsyncIteration
        return line


def _too_long(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"A line of the body exceeds {max_bytes} bytes")
