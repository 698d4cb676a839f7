"""A connection for tests that speak bytes: what no HTTP client would send, cut where it hurts."""

from __future__ import annotations

from triosanic.testing.streams import MemoryStream

_END_OF_HEAD = b"\r\n\r\n"


class RawConnection:
    """A client's connection, byte by byte.

    Args:
        stream: The client's end.
    """

    __slots__ = ("_buffer", "_stream")

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        """Send ``data``, which waits while the server does not take it.

        Raises:
            trio.BrokenResourceError: The server has closed the connection.

        Checkpoint: always.
        """
        await self._stream.send_all(data)

    async def send_eof(self) -> None:
        """End our side, as TCP's half-close: we can still receive. Checkpoint: always."""
        await self._stream.send_eof()

    def abort(self) -> None:
        """Reset the connection. Checkpoint: never."""
        self._stream.abort()

    async def aclose(self) -> None:
        """Close the connection, in order. Checkpoint: always."""
        await self._stream.aclose()

    async def receive_some(self, max_bytes: int = 65_536) -> bytes:
        """Take what has come; ``b""`` once the server has ended its side.

        Raises:
            trio.BrokenResourceError: The server has reset the connection.

        Checkpoint: if nothing is there yet.
        """
        if not self._buffer:
            return await self._stream.receive_some(max_bytes)
        return self._cut(min(max_bytes, len(self._buffer)))

    async def receive(self, count: int) -> bytes:
        """Take exactly ``count`` bytes.

        Raises:
            EOFError: The server ended its side before; the message shows what came.
            trio.BrokenResourceError: The server has reset the connection.

        Checkpoint: if they are not all there yet.
        """
        while len(self._buffer) < count:
            await self._receive_more()
        return self._cut(count)

    async def until(self, separator: bytes) -> bytes:
        """Take what comes before ``separator``, which is dropped.

        Raises:
            EOFError: The server ended its side before; the message shows what came.
            trio.BrokenResourceError: The server has reset the connection.

        Checkpoint: if it is not all there yet.
        """
        while (end := self._buffer.find(separator)) < 0:
            await self._receive_more()
        found = self._cut(end)
        self._cut(len(separator))
        return found

    async def head(self) -> bytes:
        """Take a response's head: its status line and fields, without the empty line; see `until`."""
        return await self.until(_END_OF_HEAD)

    async def rest(self) -> bytes:
        """Take all that comes until the server ends its side; ``b""`` if nothing does.

        Raises:
            trio.BrokenResourceError: The server has reset the connection.

        Checkpoint: always.
        """
        pieces = [self._cut(len(self._buffer))]
        while piece := await self._stream.receive_some():
            pieces.append(piece)
        return b"".join(pieces)

    def _cut(self, count: int) -> bytes:
        cut, self._buffer = self._buffer[:count], self._buffer[count:]
        return cut

    async def _receive_more(self) -> None:
        data = await self._stream.receive_some()
        if not data:
            raise EOFError(f"the server ended its side; before that came {self._buffer!r}")
        self._buffer += data
