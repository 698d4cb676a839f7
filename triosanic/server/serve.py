"""Accept connections, and let them end in order."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from contextvars import Context
from heapq import nsmallest
from math import inf
from operator import attrgetter
from typing import Final

import trio

from triosanic.config import Config
from triosanic.http.application import Application
from triosanic.http.connection import ACTIVE_S, Connection
from triosanic.http.limits import Limits
from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.reply import render
from triosanic.http.timers import Timers
from triosanic.http.wire import PIECE_BYTES, SocketWire, Wire, WireBroken
from triosanic.log import logger

# Errors of accept() that are the system's want, and not the listener's end.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.1
# How many idle connections are closed at once for new ones. More than one, because handlers want descriptors
# as well; few, because a client that comes back has to connect anew.
_SHED_AT_ONCE: Final = 16
# A want of descriptors is over when none was felt for this long.
_CALM_S: Final = 5.0
# What is still taken from a backlog before its listener is closed: Linux lets none be longer by default.
_BACKLOG: Final = 4096
# A batch of connections that is accepted before other tasks have their turn.
_ACCEPTS_A_TURN: Final = 64


class Server:
    """The connections of some listening sockets.

    Args:
        app: Answers the exchanges.
        limits: Bounds of each connection.
        context: Copied for each request.
        max_connections: How many may be open at once; `None`: any number.
        make_connection: Called with the arguments of `Connection`.
    """

    __slots__ = (
        "_app",
        "_connections",
        "_context",
        "_empty",
        "_limits",
        "_make",
        "_max_connections",
        "_poller",
        "_shed",
        "_shed_after",
        "_short_at",
        "_timers",
    )

    def __init__(
        self,
        app: Application,
        limits: Limits,
        context: Context,
        *,
        max_connections: int | None = None,
        make_connection: Callable[..., Connection] = Connection,
    ) -> None:
        self._app = app
        self._make = make_connection
        self._limits = limits
        self._context = context
        self._max_connections = inf if max_connections is None else max_connections
        self._connections: set[Connection] = set()
        self._timers = Timers()
        self._poller: Poller | None = None
        self._empty: trio.Event | None = None
        self._short_at: float | None = None  # when descriptors were last wanted; None: all is well
        self._shed = 0  # connections that were closed for it
        self._shed_after = 0.0  # before this time there is nobody idle to be closed

    def obey(self, config: Config) -> None:
        """Bound the connections that come from now on as ``config`` says. Checkpoint: never."""
        self._limits = Limits.from_config(config)
        self._max_connections = inf if config.MAX_CONNECTIONS is None else config.MAX_CONNECTIONS

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def tasks(self) -> list[str]:
        """Return the requests that are being handled, as method and target. Checkpoint: never."""
        return sorted(filter(None, (connection.task for connection in self._connections)))

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
        connection = self._make(wire, self._app, self._limits, self._context, timers=self._timers)
        self._connections.add(connection)
        return connection

    async def accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        """Accept connections into ``nursery`` until cancelled; then close ``listener``.

        Raises:
            OSError: The listener itself is broken.

        Checkpoint: always.
        """
        try:
            while True:
                await trio.lowlevel.wait_readable(listener)
                try:
                    self._accept_all(listener, nursery, _ACCEPTS_A_TURN)
                except OSError as exc:
                    if exc.errno in _EXHAUSTED:
                        await trio.sleep(_PAUSE_S / 10 if self._run_short(exc) else _PAUSE_S)
                    elif listener.fileno() < 0 or exc.errno in (errno.EBADF, errno.EINVAL):
                        raise
                    # else a peer that left before it was accepted (ECONNABORTED and the like)
                await trio.lowlevel.checkpoint()
        finally:
            # Who is in the backlog has connected, and may have sent a request: a close would reset it.
            with suppress(OSError):
                self._accept_all(listener, nursery, _BACKLOG)
            trio.lowlevel.notify_closing(listener)
            listener.close()

    def _accept_all(self, listener: socket.socket, nursery: trio.Nursery, most: int) -> None:
        try:
            for _ in range(most):
                self._open(*listener.accept(), nursery)
        except BlockingIOError:
            return

    def _run_short(self, error: OSError) -> bool:
        """Make room for connections that cannot be accepted; return whether there is some now."""
        now = trio.current_time()
        if self._short_at is None:
            logger.warning(
                "can't accept connections for the time being, and close those that are idle: %s", error
            )
        self._short_at = now
        shed = self._make_room()
        self._shed += shed
        return shed > 0

    def _make_room(self) -> int:
        """Close the connections that have been idle longest; never one that was active of late."""
        now = trio.current_time()
        if now < self._shed_after:
            return 0
        idle = nsmallest(_SHED_AT_ONCE, self._connections, key=attrgetter("idle_since"))
        shed = [one for one in idle if one.idle_since <= now - ACTIVE_S and one.shed()]
        self._connections.difference_update(shed)  # they count no more: each ends within a few steps
        if not shed:
            self._shed_after = now + _PAUSE_S  # looking through all of them has its price
        return len(shed)

    def _end_shortage(self) -> None:
        if self._short_at is not None and trio.current_time() - self._short_at > _CALM_S:
            logger.info("connections are accepted again; idle ones that were closed for it: %d", self._shed)
            self._short_at = None
            self._shed = 0

    async def take(self, wires: trio.abc.ReceiveChannel[Wire], nursery: trio.Nursery) -> None:
        """Serve in ``nursery`` what something else has accepted, until cancelled; then close ``wires``.

        Checkpoint: always.
        """
        async with wires:
            async for wire in wires:
                if self._full():
                    nursery.start_soon(self._turn_away, wire)
                else:
                    nursery.start_soon(self.run, self.connect(wire))

    async def _turn_away(self, wire: Wire) -> None:
        try:
            with trio.move_on_after(self._limits.linger_timeout_s), suppress(WireBroken):
                await wire.send_some(memoryview(_busy()))
        finally:
            await wire.aclose()

    def _full(self) -> bool:
        """Whether there is no place, also after those that are idle have given up theirs."""
        if len(self._connections) < self._max_connections:
            return False
        return self._make_room() == 0

    def _open(self, sock: socket.socket, peer: object, nursery: trio.Nursery) -> None:
        try:
            sock.setblocking(False)
            if self._full():
                _turn_away_now(sock)
                return
            self._end_shortage()
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


def _turn_away_now(sock: socket.socket) -> None:
    """Tell a client that there is no place for it; what it has sent is read, else the close were a reset."""
    with sock:
        sock.send(_busy())
        sock.shutdown(socket.SHUT_WR)
        sock.recv(PIECE_BYTES)


def _busy() -> bytes:
    """Make the answer to a connection that is one too many."""
    return render(503, [("retry-after", "1")], b"", content_type=None, keep_alive=False, head_only=False)


def _address(name: object) -> tuple[str, int] | str:
    """A socket's name as we show it; Unix sockets have a path, or bytes, or nothing."""
    if isinstance(name, tuple):
        return (name[0], name[1])
    return os.fsdecode(name) if isinstance(name, (str, bytes)) else ""
