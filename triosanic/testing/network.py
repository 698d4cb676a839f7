"""The network between a test and the app: each connection is a pair of memory streams.

A client opens connections here; the server takes the other halves, as it takes those of sockets.
"""

from __future__ import annotations

from typing import Final, Protocol

import trio

from triosanic.http.wire import StreamWire, Wire
from triosanic.testing.streams import BUFFER_BYTES, MemoryStream, memory_pair

# Where clients seem to come from, so that `request.ip` is what it is behind a socket.
_HOST: Final = "127.0.0.1"
# The first of the ports that systems give to clients (RFC 6335 §6).
_FIRST_PORT: Final = 49_152


class Connects(Protocol):
    """What a client needs of a network."""

    async def connect(self, port: int) -> MemoryStream:
        """Open a connection; see `Network.connect`."""


class Network:
    """Connects to one server.

    Args:
        wires: Where the server takes connections from.
        buffer_bytes: What each direction of a connection holds before its sender waits.
    """

    __slots__ = ("_buffer_bytes", "_opened", "_wires")

    def __init__(self, wires: trio.abc.SendChannel[Wire], *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._wires = wires
        self._buffer_bytes = buffer_bytes
        self._opened = 0

    async def connect(self, port: int = 80) -> MemoryStream:
        """Open a connection; return the client's end.

        Args:
            port: The server's port, as handlers see it.

        Raises:
            ConnectionRefusedError: The server does not accept any more.

        Checkpoint: always.
        """
        ours, theirs = memory_pair(self._buffer_bytes)
        ours.address = (_HOST, _FIRST_PORT + self._opened)
        self._opened += 1
        wire = StreamWire(theirs, ours.address, (_HOST, port))
        try:
            await self._wires.send(wire)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise ConnectionRefusedError("the app does not accept connections: it has been stopped") from exc
        return ours
