"""A minimal HTTP client on blocking sockets: no more than the workloads need, so that it costs little."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

Address = tuple[str, int]

# No wait in any workload is longer on a server that works.
STUCK_S: Final = 120.0
HEAD_END: Final = b"\r\n\r\n"


class BenchmarkError(Exception):
    """A server did not do what the workload asks, so that there is nothing to measure."""


def get(path: str) -> bytes:
    """Return a request with the two headers that every client sends."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode()


def post_head(path: str, framing: str) -> bytes:
    """Return the head of a POST whose body follows as the ``framing`` header says."""
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode()


class ChunkCounter:
    """Measures a chunked body without copying it.

    ``total`` is the content so far in bytes; ``done`` turns true with the last byte of the body.
    """

    def __init__(self) -> None:
        self.total = 0
        self.done = False
        self._skip = 0
        self._line = b""
        self._last_seen = False

    def feed(self, buffer: bytearray, start: int, end: int) -> None:
        """Take the bytes of ``buffer`` from ``start`` to ``end``."""
        at = start
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
                continue
            newline = buffer.find(b"\n", at, end)
            if newline < 0:
                self._line += buffer[at:end]
                return
            self._take_line(self._line + buffer[at:newline])
            self._line = b""
            at = newline + 1

    def _take_line(self, line: bytes) -> None:
        if self._last_seen:
            self.done = line == b"\r"
            return
        size = int(line.split(b";")[0], 16)
        self.total += size
        self._last_seen = size == 0
        self._skip = size + 2 if size else 0


class LengthCounter:
    """The same for a body of known length."""

    def __init__(self, length: int) -> None:
        self.total = 0
        self.done = length == 0
        self._length = length

    def feed(self, buffer: bytearray, start: int, end: int) -> None:
        """As `ChunkCounter.feed`."""
        del buffer
        self.total += end - start
        self.done = self.total >= self._length


class Connection:
    """One connection to a server. Every reading method raises ``BenchmarkError`` if it is cut short."""

    def __init__(self, address: Address) -> None:
        self.socket = socket.create_connection(address, timeout=STUCK_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def read_head(self) -> tuple[bytes, bytes]:
        """Return a response's head and what of its body came with it.

        Raises:
            BenchmarkError: The status is not 200.
        """
        data = b""
        while HEAD_END not in data:
            data += self.some()
        head, _, rest = data.partition(HEAD_END)
        if not head.startswith(b"HTTP/1.1 200"):
            raise BenchmarkError(f"unexpected answer: {head[:80]!r}")
        return head, rest

    def read_answer(self) -> tuple[int, bytes]:
        """Return the size of a response with a Content-Length, head included, and its body."""
        head, body = self.read_head()
        length = content_length(head)
        while len(body) < length:
            body += self.some()
        return len(head) + len(HEAD_END) + length, body

    def measure_body(self, request: bytes, buffer: bytearray) -> int:
        """Send a request and return the size of the answer's body, which goes through ``buffer``."""
        self.socket.sendall(request)
        head, rest = self.read_head()
        counter = ChunkCounter() if _is_chunked(head) else LengthCounter(content_length(head))
        counter.feed(bytearray(rest), 0, len(rest))
        while not counter.done:
            received = self.socket.recv_into(buffer)
            if not received:
                raise BenchmarkError(f"the response ended after {counter.total} bytes")
            counter.feed(buffer, 0, received)
        return counter.total

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return what `read_answer` does."""
        self.socket.sendall(request)
        return self.read_answer()

    def some(self, max_bytes: int = 65_536) -> bytes:
        """Return what has come, waiting for the first byte."""
        data = self.socket.recv(max_bytes)
        if not data:
            raise BenchmarkError("the server closed the connection")
        return data


def _is_chunked(head: bytes) -> bool:
    return b"\r\ntransfer-encoding: chunked" in head.lower()


def content_length(head: bytes) -> int:
    """Return the Content-Length that ``head`` declares.

    Raises:
        BenchmarkError: It declares none.
    """
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise BenchmarkError(f"no content-length in {head[:80]!r}")
