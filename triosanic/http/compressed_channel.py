"""The way of a streamed response that is compressed as it leaves."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from triosanic.compression import SLICE_BYTES, Compressor
from triosanic.http.send_channel import Later, SendChannel


class CompressedChannel(SendChannel):
    """A channel whose writer compresses what it takes, a slice at a time.

    It flushes the compressor whenever nothing waits any more. So what a handler has written before it waits
    for something else is all on its way, while a handler that writes faster than its client reads costs no
    flush; and what waits is counted as it was written.

    Args:
        compressor: Has taken nothing yet.
        args: Those of `SendChannel`.
        options: Likewise.
    """

    __slots__ = ("_block", "_compressor")
    _slices = True

    def __init__(self, compressor: Compressor, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._compressor: Compressor | None = None if self._discards else compressor
        self._block = memoryview(b"")  # what has been taken, and not compressed yet

    @property
    def waits(self) -> bool:
        """Whether something waits for the writer."""
        return bool(self._items or self._block)

    def _send_now(self) -> Awaitable[None]:
        """Leave it to the writer, which lets others have their turn."""
        return Later(self.wait_for_room)

    def _frame(self, parts: list[bytes]) -> tuple[int, bool]:
        """Compress a slice of what waits; see `SendChannel._frame`."""
        if not self._block and self._items:
            items, self._items = self._items, []
            self._block = memoryview(items[0] if len(items) == 1 else b"".join(items))
        piece, self._block = self._block[:SLICE_BYTES], self._block[SLICE_BYTES:]
        ended = self.ending and not self.waits
        data = self._compress(piece, ended)
        if data:
            self.sent += len(data)
            parts += self._outbound.data([data], len(data))
        if ended:
            parts.append(self._outbound.end())
        return len(piece), ended

    def _compress(self, piece: memoryview, ended: bool) -> bytes:
        if self._compressor is None:
            return b""
        data = self._compressor.compress(piece) if piece else b""
        if ended:
            return data + self._compressor.finish()
        return data + self._compressor.flush() if piece and not self.waits else data
