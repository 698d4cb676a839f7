"""A request's body as its handler reads it: ``request.stream``.

The reader `put`s a piece when none is `waiting` to be taken, and reads no more until then: that is what stops
a client at its TCP window. Handlers call the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import trio

from triosanic.exceptions import BadRequest, PayloadTooLarge, ServerError
from triosanic.http.framing import Headers

_TOO_LARGE: Final = "Request body exceeds the size limit"


async def _nothing() -> None:
    """Before a read: nothing to do."""


def _no_clock() -> None:
    """Around a wait: nobody counts the time."""


class RequestBody(trio.abc.ReceiveStream):
    """A stream of the body's bytes, which ends with it.

    It is falsy once all has been read. The body of a request that has ended can't be read any more.

    Attributes:
        on_taken: Called when a piece has been taken, so that the next one can come.
        request_max_size: Bound of the whole body in bytes; ``None``: no bound. A handler may set it.
        trailers: The trailer fields (RFC 9110 6.5), once the body has ended; ``()`` before and without any.

    Source: Sanic's ``request.stream`` of all eras, and Trio's `trio.abc.ReceiveStream`.
    """

    __slots__ = (
        "_before_read",
        "_closed",
        "_ended",
        "_error",
        "_hold",
        "_reader",
        "_reading",
        "_rest",
        "_resume",
        "_size",
        "on_taken",
        "request_max_size",
        "trailers",
    )

    def __init__(self, whole: bytes | None = None) -> None:
        """Make a body that lies whole in memory, or, without ``whole``, one that is still to come."""
        self.on_taken: Callable[[], None] | None = None
        self.request_max_size: int | None = None
        self.trailers: Headers = ()
        self._rest = whole or b""
        self._ended = whole is not None
        self._size = len(self._rest)  # that has come, taken or not
        self._error: Exception | None = None
        self._reading = False
        self._closed = False
        self._reader: trio.lowlevel.Task | None = None
        self._before_read: Callable[[], Awaitable[None]] = _nothing
        self._hold: Callable[[], None] = _no_clock
        self._resume: Callable[[], None] = _no_clock

    # The reader's side.

    def watch(
        self, before_read: Callable[[], Awaitable[None]], hold: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        """Await ``before_read`` before each read; call ``hold`` and ``resume`` around waits for the peer."""
        self._before_read, self._hold, self._resume = before_read, hold, resume

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
        self._rest = piece
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
        self._error = self._error or error
        self._rest = b""
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

        Checkpoint: always.
        """
        if self._reading:
            raise ServerError("another task is already reading this request's body")
        self._reading = True
        try:
            return await self._next()
        finally:
            self._reading = False

    get = read  # the seed's name for it

    async def _next(self) -> bytes | None:
        await self._before_read()
        if self._rest or self._over:
            await trio.lowlevel.checkpoint()
        while not self._rest:
            if self._over:
                self._check_error()
                return None
            await self._wait()
        if self.request_max_size is not None and self._size > self.request_max_size:
            self._error = PayloadTooLarge(_TOO_LARGE)
            self._rest = b""
            raise self._error
        piece, self._rest = self._rest, b""
        if self.on_taken is not None:
            self.on_taken()
        return piece

    async def _wait(self) -> None:
        """Wait for a piece, or for the end, however the body ends."""
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
        piece = await self.read() or b""
        if max_bytes is not None and len(piece) > max_bytes:
            piece, rest = piece[:max_bytes], piece[max_bytes:]
            self._rest = rest
        return piece

    async def aclose(self) -> None:
        """Read no more of it; the connection drains or ends what is left. Checkpoint: always."""
        self.close(ServerError("the body can't be read any more: it was closed"))
        await trio.lowlevel.checkpoint()

    async def readexactly(self, n: int) -> bytes:
        """Take exactly ``n`` bytes.

        Raises:
            ValueError: ``n`` is negative.
            BadRequest: The body ends before; what there was of it is lost.
            ServerError: See `read` for this and the others.

        Checkpoint: always.
        """
        if n < 0:
            raise ValueError(f"n must be at least 0, not {n!r}")
        pieces: list[bytes] = []
        size = 0
        await trio.lowlevel.checkpoint()
        while size < n:
            piece = await self.read()
            if piece is None:
                raise BadRequest(f"The body ended after {size} of {n} bytes")
            pieces.append(piece)
            size += len(piece)
        whole = b"".join(pieces)
        self._rest = whole[n:]
        return whole[:n]

    async def lines(self, max_bytes: int = 65_536) -> AsyncIterator[bytes]:
        r"""Iterate over the lines, without their ``\n`` or ``\r\n``; the last may lack one.

        Args:
            max_bytes: Bound of a line, in bytes.

        Raises:
            PayloadTooLarge: A line is longer.
            ServerError: See `read` for this and the others.

        Checkpoint: for each piece of the body.
        """
        tail: list[bytes] = []  # of a line whose end has not come; a list, so that a long line is joined once
        size = 0
        while (piece := await self.read()) is not None:
            first, *more = piece.split(b"\n")
            tail.append(first)
            size += len(first)
            if size > max_bytes or any(len(line) > max_bytes for line in more):
                raise PayloadTooLarge(f"A line of the body exceeds {max_bytes} bytes")
            for line in more:
                yield b"".join(tail).removesuffix(b"\r")
                tail, size = [line], len(line)
        if size:
            yield b"".join(tail).removesuffix(b"\r")

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
