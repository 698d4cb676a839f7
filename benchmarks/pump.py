"""Keeps many connections busy from one thread: as soon as one has its answer it sends the next request."""

from __future__ import annotations

import itertools
import select
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from benchmarks.client import Address, BenchmarkError, Connection

# Far more than one response.
BUFFER_BYTES: Final = 65_536
# Before anything is measured.
WARM_UP_S: Final = 0.3


class Pump:
    """A closed loop over open connections, each with one request under way.

    Every answer is checked for how it begins, and for its size.
    The connections close with the ``with`` block.

    Args:
        connections: Over which nothing is on its way.
        requests: Sent in turn, over all connections; all have answers of the same size.
        begins: What every answer begins with.
        size: Of every answer, in bytes.
    """

    def __init__(
        self, connections: Sequence[Connection], requests: Sequence[bytes], begins: bytes, size: int
    ) -> None:
        self._next_request = itertools.cycle(requests).__next__
        self._connections = connections
        self._begins = begins
        self._size = size
        self._poll = select.epoll()
        self._received: dict[int, int] = {}
        self._calls: dict[int, tuple[Callable[[bytearray], int], Callable[[bytes], int]]] = {}
        for connection in self._connections:
            sock = connection.socket
            sock.setblocking(False)
            self._poll.register(sock, select.EPOLLIN)
            self._received[sock.fileno()] = 0
            self._calls[sock.fileno()] = (sock.recv_into, sock.send)
            sock.send(self._next_request())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._poll.close()
        for connection in self._connections:
            connection.socket.close()

    def run(self, seconds: float) -> int:
        """Go on for some time and return the number of answers.

        Raises:
            BenchmarkError: An answer was not the expected one, or a connection was closed.
        """
        answers = 0
        buffer = bytearray(BUFFER_BYTES)
        received, calls, next_request = self._received, self._calls, self._next_request
        size, begins = self._size, self._begins
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left):
                receive_into, send = calls[fd]
                before = received[fd]
                count = receive_into(buffer)
                if before == 0 and not buffer.startswith(begins):
                    raise BenchmarkError(f"unexpected answer: {bytes(buffer[:80])!r}")
                if count == 0 or before + count > size:
                    raise BenchmarkError(f"{before + count} bytes of answer, not {size}")
                if before + count < size:
                    received[fd] = before + count
                    continue
                received[fd] = 0
                answers += 1
                send(next_request())
        return answers


def http_pump(address: Address, requests: Sequence[bytes], connections: int) -> Pump:
    """Return a pump of new connections, whose answers have status 200 and the size of the first one."""
    opened = [Connection(address) for _ in range(connections)]
    size, _ = opened[0].exchange(requests[0])
    return Pump(opened, requests, b"HTTP/1.1 200", size)
