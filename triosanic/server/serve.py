"""Accept connections, and let them end in order."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from contextvars import Context
from math import inf
from typing import Final

import trio

from triosanic.http.connection import Application, Connection
from triosanic.http.limits import Limits
from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.timers import Timers
from triosanic.http.wire import SocketWire, Wire, WireBroken
from triosanic.log import logger

# Errors of accept() that are the system's want, and not the listener's end.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.1
# A batch of connections that is accepted before other tasks have their turn.
_ACCEPTS_A_TURN: Final = 64
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\nretry-after: 1\r\n\r\n"
)


class Server:
    """The connections of some listening sockets.

    Args:
        app: Answers the exchanges.
        limits: Bounds of each connection.
        context: Copied for each request.
        max_connections: How many may be open at once; `None`: any number.
    """

    __slots__ = (
        "_app",
        "_connections",
        "_context",
        "_empty",
        "_limits",
        "_max_connections",
        "_poller",
        "_timers",
    )

    def __init__(
        self, app: Application, limits: Limits, context: Context, *, max_connections: int | None = None
    ) -> None:
        self._app = app
        self._limits = limits
        self._context = context
        self._max_connections = inf if max_connections is None else max_connections
        self._connections: set[Connection] = set()
        self._timers = Timers()
        self._poller: Poller | None = None
        self._empty: trio.Event | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[trio.Nursery]:
        """Give the nursery for connections, and what they share; at the end they are cut off.

        Checkpoint: at the end.
        """
        async with trio.open_nursery() as shared:
            shared.start_soon(self._timers.run)
            with Poller() if AVAILABLE else nullcontext() as self._poller:
                if self._poller is not None:
                    shared.start_soon(self._poller.run)
                async with trio.open_nursery() as nursery:
                    yield nursery
                    nursery.cancel_scope.cancel()
                shared.cancel_scope.cancel()

    def connect(self, wire: Wire) -> Connection:
        """Make a connection of this server, which counts from now on; `run` it. Checkpoint: never."""
        connection = Connection(wire, self._app, self._limits, self._context, timers=self._timers)
        self._connections.add(connection)
        return connection

    async def accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        """Accept connections into ``nursery`` until cancelled; then close ``listener``.

        Raises:
            OSError: The listener itself is broken.

        Checkpoint: always.
        """
        exhausted = False
        try:
            while True:
                await trio.lowlevel.wait_readable(listener)
                try:
                    for _ in range(_ACCEPTS_A_TURN):
                        self._open(*listener.accept(), nursery)
                        exhausted = False
                except BlockingIOError:
                    continue
                except OSError as exc:
                    if exc.errno not in _EXHAUSTED:
                        if listener.fileno() < 0 or exc.errno in (errno.EBADF, errno.EINVAL):
                            raise
                        continue  # a peer that left before it was accepted (ECONNABORTED and the like)
                    if not exhausted:
                        exhausted = True
                        logger.warning("can't accept connections for the time being: %s", exc)
                    await trio.sleep(_PAUSE_S)
                await trio.lowlevel.checkpoint()
        finally:
            trio.lowlevel.notify_closing(listener)
            listener.close()

    async def take(self, wires: trio.abc.ReceiveChannel[Wire], nursery: trio.Nursery) -> None:
        """Serve in ``nursery`` what something else has accepted, until cancelled; then close ``wires``.

        Checkpoint: always.
        """
        async with wires:
            async for wire in wires:
                if len(self._connections) >= self._max_connections:
                    nursery.start_soon(self._turn_away, wire)
                else:
                    nursery.start_soon(self.run, self.connect(wire))

    async def _turn_away(self, wire: Wire) -> None:
        try:
            with trio.move_on_after(self._limits.linger_timeout_s), suppress(WireBroken):
                await wire.send_some(memoryview(_BUSY))
        finally:
            await wire.aclose()

    def _open(self, sock: socket.socket, peer: object, nursery: trio.Nursery) -> None:
        try:
            sock.setblocking(False)
            if len(self._connections) >= self._max_connections:
                sock.send(_BUSY)
                sock.close()
                return
            wire = SocketWire(sock, _address(peer), _address(sock.getsockname()), self._poller)
        except OSError:  # the peer has left already
            sock.close()
            return
        nursery.start_soon(self.run, self.connect(wire))

    async def run(self, connection: Connection) -> None:
        """Serve a connection that `connect` made. Checkpoint: always."""
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if self._empty is not None and not self._connections:
                self._empty.set()

    async def drain(self) -> None:
        """Let connections close, when idle or after their response; wait for the last. Checkpoint: always."""
        self._empty = trio.Event()
        for connection in self._connections:
            connection.shut_down()
        if not self._connections:
            self._empty.set()
        await self._empty.wait()


def _address(name: object) -> tuple[str, int] | str:
    """A socket's name as we show it; Unix sockets have a path, or bytes, or nothing."""
    if isinstance(name, tuple):
        return (name[0], name[1])
    return os.fsdecode(name) if isinstance(name, (str, bytes)) else ""
