"""A file in memory that goes on as one on disk, in threads: the event loop never waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, Final, TypeVar

import trio

# How long removing a file may hold up a cancellation; a disk that takes longer is left to its thread.
CLEANUP_S: Final = 5

_T = TypeVar("_T")


class Spool:
    """What was uploaded, from its first byte; `Part.spool` makes one.

    Attributes:
        file: The file itself, for code that runs in a thread: its reads may wait for the disk.
        size: Its length, in bytes.
        in_memory: Whether it is in memory only.
    """

    __slots__ = ("_max_memory", "file", "in_memory", "size")

    def __init__(self, max_memory: int) -> None:
        self._max_memory = max_memory
        self.file: BinaryIO = BytesIO()
        self.size = 0
        self.in_memory = True

    async def write(self, data: bytes) -> None:
        """Add ``data``. Checkpoint: once it is on disk, or goes there."""
        self.size += len(data)
        if self.in_memory and self.size > self._max_memory:
            self.in_memory = False
            await trio.to_thread.run_sync(self._roll_over)
        await self._run(lambda: self.file.write(data))

    async def read(self, max_bytes: int = -1) -> bytes:
        """Read on, up to ``max_bytes``, or to the end; ``b""`` at the end. Checkpoint: always."""
        await trio.lowlevel.checkpoint()
        return await self._run(lambda: self.file.read(max_bytes))

    async def seek(self, position: int) -> None:
        """Go to a position, in bytes from the start. Checkpoint: once it is on disk."""
        await self._run(lambda: self.file.seek(position))

    async def aclose(self) -> None:
        """Remove it; in a cancelled scope too. Checkpoint: if it is on disk."""
        await run_to_the_end(self.file.close) if not self.in_memory else self.file.close()

    async def _run(self, act: Callable[[], _T]) -> _T:
        return act() if self.in_memory else await trio.to_thread.run_sync(act)

    def _roll_over(self) -> None:
        memory, self.file = self.file, TemporaryFile()  # noqa: SIM115  # closed by aclose
        memory.seek(0)
        self.file.write(memory.read())
        memory.close()


async def run_to_the_end(act: Callable[[], object]) -> None:
    """Call ``act`` in a thread, in a cancelled scope too, and wait for it for `CLEANUP_S`."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLEANUP_S):
        await trio.to_thread.run_sync(act, abandon_on_cancel=True)
