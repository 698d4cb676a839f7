"""A request's body as its handler reads it: ``request.stream``.

The reader `put`s pieces, one at a time, and each waits until the handler takes it: that is what stops a
client at its TCP window. Handlers call the rest.
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


class RequestBody(trio.abc.ReceiveStream):
    """A stream of the body's bytes, which ends with it.

    It is falsy once all has been read. The body of a request that has ended can't be read any more.

    Attributes:
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
        "_reading",
        "_receive",
        "_rest",
        "_resume",
        "_send",
        "_size",
        "request_max_size",
        "trailers",
    )

    def __init__(self, whole: bytes | None = None) -> None:
        """Make a body that lies whole in memory, or, without ``whole``, one that is still to come."""
        self.request_max_size: int | None = None
        self.trailers: Headers = ()
        self._rest = whole or b""
        self._ended = whole is not None
        self._size = len(self._rest)
        self._error: Exception | None = None
        self._reading = False
        self._closed = False
        self._before_read: Callable[[], Awaitable[None]] = _nothing
        self._hold: Callable[[], None] | None = None
        self._resume: Callable[[], None] | None = None
        self._send: trio.MemorySendChannel[bytes] | None = None
        self._receive: trio.MemoryReceiveChannel[bytes] | None = None
        if not self._ended:
            self._send, self._receive = trio.open_memory_channel(0)  # 0: a piece waits for its reader

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

    async def put(self, piece: bytes) -> None:
        """Hand over a piece once the handler wants it.

        Raises:
            trio.BrokenResourceError: Nobody will read the rest.
        """
        assert self._send is not None
        try:
            self._send.send_nowait(piece)
        except trio.WouldBlock:
            await self._send.send(piece)

    def finish(self, trailers: Headers) -> None:
        """Mark the end: the whole body has been put."""
        self.trailers = trailers
        self._ended = True
        if self._send is not None:
            self._send.close()

    def fail(self, error: Exception) -> None:
        """Let the reads from now on raise ``error``: the body will never be whole."""
        self._error = self._error or error
        if self._send is not None:
            self._send.close()

    def close(self, error: Exception | None = None) -> None:
        """Let go of what was not read. Later reads raise, because the request has ended."""
        self._closed = True
        self._error = error
        self._rest = b""
        if self._receive is not None:
            self._receive.close()

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
        if self._rest:
            await trio.lowlevel.checkpoint()
            piece, self._rest = self._rest, b""
            self._check_size()
            return piece
        if self._receive is None:
            self._check_error()
            await trio.lowlevel.checkpoint()
            return None
        piece = await self._take(self._receive)
        self._size += len(piece)
        self._check_size()
        return piece or None

    async def _take(self, receive: trio.MemoryReceiveChannel[bytes]) -> bytes:
        if self._hold is not None:
            self._hold()
        try:
            return await receive.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            self._check_error()
            return b""
        finally:
            if self._resume is not None:
                self._resume()

    def _check_size(self) -> None:
        if self.request_max_size is not None and self._size > self.request_max_size:
            self.fail(PayloadTooLarge(_TOO_LARGE))
            self._check_error()

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

        Checkpoint: always, unless it lies in memory.
        """
        self.request_max_size = max_bytes
        if self._receive is None:
            self._check_size()
            piece, self._rest = self._rest, b""
            return piece
        pieces = [piece async for piece in self]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
