"""A file as the content of a response, sent without a copy through this process where that can be done.

A socket takes it by `os.sendfile`; TLS, memory and systems without that call get pieces that a thread reads.
Neither way lets a slow disk stop the event loop, and neither holds more than one piece.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from stat import S_ISDIR, S_ISREG
from typing import Final

import trio

from triosanic.exceptions import ServerError
from triosanic.http.exchange import Link
from triosanic.http.wire import SocketWire

# How much one call of sendfile may take: some 0.2 ms, if the peer is as fast as that.
_AT_ONCE: Final = 1 << 20
# How much a thread reads at once: its switch costs as much as copying 256 KiB.
_READ_BYTES: Final = 256 << 10
# How much it reads into one place, to have it in the system's memory: malloc would map more anew each time.
_LOAD_BYTES: Final = 64 << 10
# How far apart we look whether a file is in memory: Linux reads ahead in steps of 128 KiB.
_PROBE_STEP: Final = 128 << 10
# Linux: read only what is in memory already.
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)
# Not every kind of file can be sent so, nor on every system.
_UNSENDABLE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW})

# Opening a FIFO would wait for its writer, and opening a terminal could make it ours.
OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class OpenFile:
    """A regular file that is open for reading.

    It is closed by `close`, or when nothing refers to it any more: a response may never be sent.

    Args:
        fd: The descriptor, which is ours from now on.

    Attributes:
        size: In bytes, when it was opened.
        mtime_ns: When it was changed last, in nanoseconds since 1970.

    Raises:
        IsADirectoryError: It is a folder.
        OSError: It is a device, a socket or a FIFO.
    """

    __slots__ = ("fd", "mtime_ns", "size")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        stat = os.fstat(fd)
        self.size = stat.st_size
        self.mtime_ns = stat.st_mtime_ns
        if not S_ISREG(stat.st_mode):
            self.close()
            if S_ISDIR(stat.st_mode):
                raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file")
            raise OSError(errno.EINVAL, "only regular files are sent")

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the second time does nothing. Checkpoint: never."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def read(self, start: int, size: int) -> bytes:
        """Read ``size`` bytes, or less at the file's end. It may wait for a disk: for threads."""
        return os.pread(self.fd, size, start)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: ``size`` bytes from ``start`` on."""

    start: int
    size: int


class FileContent:
    """What a response has of a file, and between the parts of it.

    Args:
        file: Closed by `close`.
        parts: Sent in this order.

    Attributes:
        size: Length of the content, in bytes.
    """

    __slots__ = ("_file", "_parts", "size")

    def __init__(self, file: OpenFile, parts: tuple[bytes | Span, ...]) -> None:
        self._file = file
        self._parts = parts
        self.size = sum(part.size if isinstance(part, Span) else len(part) for part in parts)

    def close(self) -> None:
        """Close the file. Checkpoint: never."""
        self._file.close()

    async def send(self, link: Link, sent: Callable[[int], None]) -> None:
        """Send all of it, each piece under a fresh ``WRITE_TIMEOUT``.

        Args:
            link: The connection; the response's head has left.
            sent: Called with the size of each piece; of what ``link.send`` gets, before it has left.

        Raises:
            ServerError: The file has become shorter, or was closed before.
            OSError: It can't be read.
            WireBroken: The peer has gone.

        Checkpoint: always.
        """
        self._check_open()
        for part in self._parts:
            if isinstance(part, Span):
                await self._send_span(link, part, sent)
            else:
                sent(len(part))
                await link.send([part])

    async def copy(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Read all of it in a thread, and hand it to ``write`` piece by piece.

        Raises:
            ServerError: The file has become shorter, or was closed before.
            OSError: It can't be read.

        Checkpoint: always.
        """
        self._check_open()
        for part in self._parts:
            if isinstance(part, bytes):
                await write(part)
                continue
            at, end = part.start, part.start + part.size
            while at < end:
                data = await self._read(at, end)
                await write(data)
                at += len(data)

    def _check_open(self) -> None:
        if self._file.fd < 0:
            raise ServerError("the file of this response was sent already: make a response for each request")

    async def _read(self, at: int, end: int) -> bytes:
        data = await trio.to_thread.run_sync(self._file.read, at, min(end - at, _READ_BYTES))
        if not data:
            raise ServerError(f"a file became {end - at} bytes shorter while it was sent")
        return data

    async def _send_span(self, link: Link, span: Span, sent: Callable[[int], None]) -> None:
        at, end = span.start, span.start + span.size
        wire = link.wire
        direct = hasattr(os, "sendfile") and isinstance(wire, SocketWire)
        while at < end:
            size = min(end - at, _AT_ONCE)
            if direct and isinstance(wire, SocketWire):
                try:
                    count = await self._sendfile(link, wire, at, size)
                    sent(count)
                except OSError as exc:
                    if exc.errno not in _UNSENDABLE:
                        raise
                    direct = False
                    continue
            else:
                data = await trio.to_thread.run_sync(self._file.read, at, min(size, _READ_BYTES))
                count = len(data)
                sent(count)
                await link.send([data])
            if not count:
                raise ServerError(f"a file became {end - at} bytes shorter while it was sent")
            at += count

    async def _sendfile(self, link: Link, wire: SocketWire, at: int, size: int) -> int:
        # sendfile waits for the disk, and everybody else for us: what is not in memory, a thread reads first.
        if not _in_memory(self._file.fd, at, size):
            await trio.to_thread.run_sync(_load, self._file.fd, at, size)
        link.await_taking()
        count = await wire.send_file(self._file.fd, at, size)
        link.clock.write_at = inf
        return count


def open_file(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> OpenFile:
    """Open a regular file. It may wait for a disk: for threads.

    Raises:
        OSError: See `OpenFile` and `os.open`.
    """
    return OpenFile(os.open(path, OPEN_FLAGS))


def _in_memory(fd: int, start: int, size: int) -> bool:
    """Say whether part of a file can be read without waiting, as far as a few looks can tell."""
    byte = bytearray(1)
    try:
        for at in (*range(start, start + size, _PROBE_STEP), start + size - 1):
            os.preadv(fd, [byte], at, _NOWAIT)
    except OSError:  # BlockingIOError: it is not; others: nothing can tell
        return False
    return bool(_NOWAIT)


def _load(fd: int, start: int, size: int) -> None:
    """Have the system read part of a file into its memory."""
    room = bytearray(_LOAD_BYTES)
    for at in range(start, start + size, _LOAD_BYTES):
        os.preadv(fd, [room], at)
