"""Workloads that ask how much memory connections take that do nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from benchmarks.client import BenchmarkError, Connection, get, post_head
from benchmarks.measure import GIB, Sample, Scale
from benchmarks.process import Server

WARM_UP_REQUESTS: Final = 10
BODY: Final = bytes(2**18)
KIB_PER_MIB: Final = 1024

# linux/tcp_states.h; the state is the first byte of struct tcp_info.
TCP_ESTABLISHED: Final = 1

# Memory and traffic count as settled when neither has moved for this long.
QUIET_S: Final = 1.5
SETTLED_KIB: Final = 64
SETTLE_LIMIT_S: Final = 25.0
# A server that takes this much is not going to stop, and the machine would run out before it did.
RUNAWAY_KIB: Final = 2 * 2**20


def idle_connections(server: Server, scale: Scale) -> list[Sample]:
    """Divide the growth by connections that have made one request and are kept alive."""
    before = warm_memory_kib(server)
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.address)) for _ in range(scale.idle_connections)]
        for connection in connections:
            connection.exchange(get("/hello"))
        growth = settled_memory_kib(server, lambda: 0) - before
        check_open(connections)
    return [Sample("idle", growth / scale.idle_connections)]


def stalled_uploads(server: Server, scale: Scale) -> list[Sample]:
    """Let every client push a gigabyte at a handler that reads one piece and then sleeps."""
    before = warm_memory_kib(server)
    head = post_head("/stall-up", f"Content-Length: {GIB}")
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.address)) for _ in range(scale.stalled_clients)]
        for connection in connections:
            connection.socket.sendall(head)
            connection.socket.setblocking(False)

        def push() -> int:
            return sum(_push(connection.socket) for connection in connections)

        growth = settled_memory_kib(server, push) - before
        check_open(connections)
        _check_silent(connections)
    return [Sample("stalled-up", growth / KIB_PER_MIB)]


def stalled_downloads(server: Server, scale: Scale) -> list[Sample]:
    """Let every client ask for an endless response and read nothing of it."""
    before = warm_memory_kib(server)
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.address)) for _ in range(scale.stalled_clients)]
        for connection in connections:
            connection.socket.sendall(get("/endless"))
        growth = settled_memory_kib(server, lambda: 0) - before
        check_open(connections)
        for connection in connections:
            connection.read_head()
    return [Sample("stalled-down", growth / KIB_PER_MIB)]


def warm_memory_kib(server: Server) -> int:
    """Return the server's memory once it has answered some requests."""
    for _ in range(WARM_UP_REQUESTS):
        with Connection(server.address) as connection:
            connection.exchange(get("/hello"))
    return settled_memory_kib(server, lambda: 0)


def settled_memory_kib(server: Server, traffic: Callable[[], int]) -> int:
    """Return the server's memory once it has stopped moving.

    Args:
        server: Whose.
        traffic: Called all the time; keeps things going and returns the bytes that still moved.
    """
    limit = time.monotonic() + SETTLE_LIMIT_S
    quiet_since, settled = time.monotonic(), server.memory_kib()
    while time.monotonic() - quiet_since < QUIET_S:
        moved, memory = traffic(), server.memory_kib()
        if moved or abs(memory - settled) > SETTLED_KIB:
            quiet_since, settled = time.monotonic(), memory
        if memory > RUNAWAY_KIB or time.monotonic() > limit:
            raise BenchmarkError(f"still growing at {memory // KIB_PER_MIB:,} MiB")
        time.sleep(0.02)
    return server.memory_kib()


def _push(sock: socket.socket) -> int:
    try:
        return sock.send(BODY)
    except BlockingIOError:
        return 0


def check_open(connections: list[Connection]) -> None:
    """Raise if the server has closed, or shut, any of them."""
    states = [c.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for c in connections]
    still_open = states.count(TCP_ESTABLISHED)
    if still_open < len(connections):
        raise BenchmarkError(f"only {still_open} of {len(connections)} connections were still open")


def _check_silent(connections: list[Connection]) -> None:
    """Raise if the server has answered on any of them: its handlers were not asleep then."""
    for connection in connections:
        try:
            answer = connection.socket.recv(80, socket.MSG_PEEK)
        except BlockingIOError:
            continue
        raise BenchmarkError(f"unexpected answer: {answer!r}")
