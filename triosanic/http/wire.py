"""The wire: the one way in which a connection touches its peer.

A connection calls a `Wire`; it promises the same of a socket, of TLS and of memory, which one contract
suite checks on all three. Foreign exceptions end here: whatever breaks is a `WireBroken`.
"""

from __future__ import annotations

import socket
import struct
from typing import Final, Protocol

import trio

# The size of a piece that a stream must take before its peer counts as stuck: `WRITE_TIMEOUT` for each.
PIECE_BYTES: Final = 65_536
# SO_LINGER on with a time of zero: close() sends RST.
_RESET: Final = struct.pack("ii", 1, 0)

Address = tuple[str, int] | tuple[str, int, int, int] | str


def show(address: Address) -> str:
    """Return an address as ``host:port``, as it stands in a log or a URL."""
    if isinstance(address, str):
        return address
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


class WireBroken(Exception):
    """The peer reset the connection, or the wire was closed beneath a call."""


class Wire(Protocol):
    """Bytes to and from one peer. One task may receive while another sends."""

    @property
    def peer(self) -> Address:
        """The peer's address; ``""`` where it has none."""

    @property
    def local(self) -> Address:
        """Our own address; ``""`` where there is none."""

    async def receive(self, max_bytes: int) -> bytes:
        """Take what has come, up to ``max_bytes``; ``b""`` once the peer has ended its side.

        Raises:
            WireBroken: The connection is gone.

        Checkpoint: whenever nothing is there yet. Cancelling loses no byte.
        """

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what the wire takes at once; the count may be 0.

        Raises:
            WireBroken: The connection is gone.
        """

    async def send_some(self, data: memoryview) -> int:
        """Wait until the wire takes some of ``data``; return how much.

        Raises:
            WireBroken: The connection is gone.

        Checkpoint: always. A cancelled call leaves the wire fit only for `abort`.
        """

    async def send_eof(self) -> None:
        """End our side (half-close), as far as the wire can. Checkpoint: maybe."""

    def abort(self) -> None:
        """Close so that the peer can't take it for a regular end: TCP's reset."""

    async def aclose(self) -> None:
        """Close. Checkpoint: maybe."""


class SocketWire:
    """A connected, non-blocking TCP or Unix socket, without a stream object between.

    Non-blocking calls with Trio's `wait_readable` and `wait_writable` cost 4 to 8 µs less a request than
    `trio.SocketStream`; its ``TCP_NOTSENT_LOWAT`` would double the CPU of long writes.
    """

    __slots__ = ("_more", "_sock", "local", "peer")

    def __init__(self, sock: socket.socket, peer: Address, local: Address) -> None:
        self._sock = sock
        self.peer = peer
        self.local = local
        self._more = False  # whether the last read was full, so that trying first is likely to succeed
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def receive(self, max_bytes: int) -> bytes:
        """See `Wire.receive`."""
        try:
            if not self._more:
                await trio.lowlevel.wait_readable(self._sock)
            else:
                await trio.lowlevel.checkpoint_if_cancelled()
            while True:
                try:
                    data = self._sock.recv(max_bytes)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(self._sock)
                else:
                    self._more = len(data) == max_bytes
                    return data
        except (OSError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    def send_nowait(self, data: bytes | memoryview) -> int:
        """See `Wire.send_nowait`."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise WireBroken(str(exc)) from exc

    async def send_some(self, data: memoryview) -> int:
        """See `Wire.send_some`."""
        try:
            while True:
                await trio.lowlevel.wait_writable(self._sock)
                try:
                    return self._sock.send(data)
                except BlockingIOError:
                    continue
        except (OSError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    async def send_eof(self) -> None:
        """See `Wire.send_eof`."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise WireBroken(str(exc)) from exc

    def abort(self) -> None:
        """See `Wire.abort`."""
        if self._sock.fileno() >= 0 and self._sock.family != socket.AF_UNIX:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close()

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        self._close()

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            # Wakes whoever waits on the descriptor, before its number can be another's.
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()


class StreamWire:
    """Any Trio stream: TLS (`trio.SSLStream`) or memory (`trio.testing.memory_stream_pair`)."""

    __slots__ = ("_aborted", "_sending", "_stream", "local", "peer")

    def __init__(self, stream: trio.abc.Stream, peer: Address = "", local: Address = "") -> None:
        self._stream = stream
        self.peer = peer
        self.local = local
        self._aborted = False
        self._sending = trio.CancelScope()

    async def receive(self, max_bytes: int) -> bytes:
        """See `Wire.receive`."""
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    def send_nowait(self, data: bytes | memoryview) -> int:  # noqa: ARG002  # the interface's
        """See `Wire.send_nowait`: a stream has no such call, so it takes nothing at once."""
        if self._aborted:
            raise WireBroken("this wire was aborted")
        return 0

    async def send_some(self, data: memoryview) -> int:
        """See `Wire.send_some`."""
        piece = data[:PIECE_BYTES]
        try:
            with self._sending:
                await self._stream.send_all(piece)
                return len(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc
        finally:
            self._sending = trio.CancelScope()
        raise WireBroken("this wire was aborted")

    async def send_eof(self) -> None:
        """See `Wire.send_eof`: TLS has no half-close that peers agree on, so it does nothing there."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                raise WireBroken(str(exc)) from exc

    def abort(self) -> None:
        """See `Wire.abort`."""
        self._aborted = True
        self._sending.cancel()

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        if self._aborted:
            await trio.aclose_forcefully(self._stream)
        else:
            await self._stream.aclose()
