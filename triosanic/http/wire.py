"""The wire: the one way in which a connection touches its peer.

A connection calls a `Wire`; it promises the same of a socket, of TLS and of memory, which one contract
suite checks on all three. Foreign exceptions end here: whatever breaks is a `WireBroken`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import trio

from triosanic.http.poller import Poller

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

# The size of a piece that a stream must take before its peer counts as stuck: `WRITE_TIMEOUT` for each.
PIECE_BYTES: Final = 65_536
# SO_LINGER on with a time of zero: close() sends RST.
_RESET: Final = struct.pack("ii", 1, 0)

# What a file may make sendfile fail with, beside the peer.
_FILE_ERRORS: Final = frozenset(
    {errno.EIO, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW, errno.EBADF}
)

# A peer from which an answer takes less than this many microseconds is in the same house. For it the system's
# own send buffer, which grows to megabytes, only leaves the processor's cache: 256 KiB, which Linux doubles,
# carry 8 Gbit/s over half a millisecond. Over an ocean they would carry 40 Mbit/s: there the system decides.
NEAR_US: Final = 500
_NEAR_BUFFER_BYTES: Final = 262_144
_RTT: Final = slice(68, 72)  # where the kernel's `struct tcp_info` has the smoothed round-trip time

# What one system call takes of a list of buffers on every system (IOV_MAX).
_MAX_PARTS: Final = 1024

Address = tuple[str, int] | tuple[str, int, int, int] | str


def show(address: Address) -> str:
    """Return an address as ``host:port``, as it stands in a log or a URL."""
    if isinstance(address, str):
        return address
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


class WireBroken(Exception):
    """The peer reset the connection, or the wire was closed beneath a call."""


class Sink(Protocol):
    """Who takes what a wire receives; see `reader.Reader`."""

    @property
    def wants(self) -> int:
        """How many bytes to read next, at most; 0: none for now."""

    def on_data(self, data: bytes) -> None:
        """Take what was read. Checkpoint: never."""

    def on_end(self, *, broken: bool) -> None:
        """The peer has ended its side, or, ``broken``, reset the connection. Checkpoint: never."""


class Wire(Protocol):
    """Bytes to and from one peer. One task may receive while another sends."""

    @property
    def peer(self) -> Address:
        """The peer's address; ``""`` where it has none."""

    @property
    def local(self) -> Address:
        """Our own address; ``""`` where there is none."""

    @property
    def tls(self) -> bool:
        """Whether the peer speaks TLS."""

    def deliver(self, sink: Sink, nursery: trio.Nursery) -> None:
        """Read for ``sink`` from now on, whenever it wants something, until the peer's end or `aclose`.

        Checkpoint: never; a task in ``nursery`` may do it.
        """

    def resume(self) -> None:
        """See again what the sink wants, because that was nothing before. Checkpoint: never."""

    def look(self) -> None:
        """Read at once what has come and was not seen yet, where that takes no task. Checkpoint: never."""

    def expect_much(self) -> None:
        """A long response begins: choose buffers for it. Checkpoint: never."""

    @property
    def queued(self) -> int:
        """How many bytes the system has of us and the peer has not; 0 also where that can't be told."""

    async def receive(self, max_bytes: int) -> bytes:
        """Take what has come, up to ``max_bytes``; ``b""`` once the peer has ended its side.

        Raises:
            WireBroken: The connection is gone.

        Checkpoint: whenever nothing is there yet. Cancelling loses no byte.
        """

    def hold(self, send: Callable[[], None]) -> bool:
        """Call ``send`` soon, to send together with others; return whether it will be called.

        Checkpoint: never. It must not raise.
        """

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        """Send what the wire takes of ``parts`` at once; the count may be 0.

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

    Args:
        sock: The socket; the wire closes it.
        peer: The peer's address.
        local: Our own.
        poller: Waits for it together with others; ``None``: a task of its own does.
    """

    __slots__ = (
        "_buffered",
        "_more",
        "_paused",
        "_poller",
        "_pump",
        "_receiving",
        "_sink",
        "_sock",
        "local",
        "peer",
    )

    def __init__(
        self, sock: socket.socket, peer: Address, local: Address, poller: Poller | None = None
    ) -> None:
        self._sock = sock
        self.peer = peer
        self.local = local
        self._poller = poller
        self._pump: Pump | None = None
        self._sink: Sink | None = None
        self._paused = False
        self._receiving = False
        self._more = False  # whether the last read was full, so that trying first is likely to succeed
        self._buffered = sys.platform != "linux" or sock.family == socket.AF_UNIX  # see `expect_much`
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def tls(self) -> bool:
        """See `Wire.tls`."""
        return False

    def deliver(self, sink: Sink, nursery: trio.Nursery) -> None:
        """See `Wire.deliver`."""
        self._sink = sink
        if self._poller is None:
            self._pump = Pump(self, sink)
            nursery.start_soon(self._pump.run)
        else:
            self._poller.add(self._sock.fileno(), self._on_readable)

    def resume(self) -> None:
        """See `Wire.resume`."""
        if self._pump is not None:
            self._pump.resume()
        elif self._poller is not None and self._sock.fileno() >= 0:
            if self._paused:
                self._paused = False
                self._poller.resume(self._sock.fileno())
            if self._more and not self._receiving:
                self._on_readable()  # after a full read there is likely more, and no need to wait for news

    def look(self) -> None:
        """See `Wire.look`."""
        if self._poller is not None and self._sink is not None and self._sock.fileno() >= 0:
            self._on_readable()

    def expect_much(self) -> None:
        """See `Wire.expect_much`: for a peer that is near, a small send buffer is twice as fast."""
        if self._buffered or self._sock.fileno() < 0:
            return
        self._buffered = True
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT.stop)
            if int.from_bytes(info[_RTT], sys.byteorder) < NEAR_US:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _NEAR_BUFFER_BYTES)
        except OSError:
            return  # the peer has gone, as the next write will tell

    @property
    def queued(self) -> int:
        """See `Wire.queued`."""
        if sys.platform != "linux" or self._sock.fileno() < 0:
            return 0
        size = array("i", [0])
        ioctl(self._sock.fileno(), TIOCOUTQ, size)
        return size[0]

    def _on_readable(self) -> None:
        self._receiving = True
        try:
            self._receive_once()
        except BaseException:  # an error of ours: what was read may be lost, so nothing can follow it
            self.abort()
            if self._sink is not None:
                self._sink.on_end(broken=True)
            raise
        finally:
            self._receiving = False

    def _receive_once(self) -> None:
        assert self._sink is not None
        assert self._poller is not None
        self._more = False
        wants = self._sink.wants
        if self._paused or not wants:
            if not self._paused:
                self._paused = True
                self._poller.pause(self._sock.fileno())
                return
            # RFC 9293 3.5.2: a reset flushes what was not read. To read up to it could take megabytes.
            if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._poller.remove(self._sock.fileno())
                self._sink.on_end(broken=True)
                return
            wants = PIECE_BYTES
        try:
            data = self._sock.recv(wants)
        except BlockingIOError:
            return
        except OSError:
            self._poller.remove(self._sock.fileno())
            self._sink.on_end(broken=True)
            return
        if data:
            self._more = len(data) == wants
            self._sink.on_data(data)
        else:
            self._poller.remove(self._sock.fileno())
            self._sink.on_end(broken=False)

    async def receive(self, max_bytes: int) -> bytes:
        """See `Wire.receive`."""
        self._check_open()
        try:
            if not self._more:
                await trio.lowlevel.wait_readable(self._sock)
            else:
                await trio.lowlevel.checkpoint()
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

    def hold(self, send: Callable[[], None]) -> bool:
        """See `Wire.hold`: a peer on this machine that is awake already is not woken, which takes 10 µs."""
        if self._poller is None or not self._poller.bursting:
            return False
        if self.queued:  # a peer that has yet to take the last one might not take this one either
            return False
        self._poller.hold(send)
        return True

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        """See `Wire.send_nowait`."""
        try:
            return self._sock.send(parts[0]) if len(parts) == 1 else self._sock.sendmsg(parts[:_MAX_PARTS])
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise WireBroken(str(exc)) from exc

    async def send_some(self, data: memoryview) -> int:
        """See `Wire.send_some`."""
        self._check_open()
        try:
            while True:
                await trio.lowlevel.wait_writable(self._sock)
                try:
                    return self._sock.send(data)
                except BlockingIOError:
                    continue
        except (OSError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    async def send_file(self, fd: int, offset: int, max_bytes: int) -> int:
        """Let the system send some of a file; return how much it took: 0 at the file's end.

        Raises:
            WireBroken: The connection is gone.
            OSError: The file can't be read, or not sent so.

        Checkpoint: always. A cancelled call leaves the wire fit only for `abort`.
        """
        self._check_open()
        await trio.lowlevel.checkpoint()
        try:
            while True:
                try:
                    return os.sendfile(self._sock.fileno(), fd, offset, max_bytes)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._sock)
        except (OSError, trio.ClosedResourceError) as exc:
            if isinstance(exc, OSError) and exc.errno in _FILE_ERRORS and self._sock.fileno() >= 0:
                raise
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

    def _check_open(self) -> None:
        if self._sock.fileno() < 0:
            raise WireBroken("this wire was closed")

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            if self._poller is not None:
                self._poller.remove(self._sock.fileno())
            # Wakes whoever waits on the descriptor, before its number can be another's.
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()


class Pump:
    """A task that reads a wire for a sink."""

    __slots__ = ("_sink", "_task", "_wire")

    def __init__(self, wire: Wire, sink: Sink) -> None:
        self._wire = wire
        self._sink = sink
        self._task: trio.lowlevel.Task | None = None

    def resume(self) -> None:
        """See again what the sink wants. Checkpoint: never."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def run(self) -> None:
        """Read until the peer's end. Checkpoint: always."""
        try:
            while True:
                wants = self._sink.wants
                if not wants:
                    await self._park()
                    continue
                data = await self._wire.receive(wants)
                if not data:
                    break
                self._sink.on_data(data)
        except WireBroken:
            self._sink.on_end(broken=True)
        else:
            self._sink.on_end(broken=False)

    async def _park(self) -> None:
        self._task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


class StreamWire:
    """Any Trio stream: TLS (`trio.SSLStream`) or memory (`trio.testing.memory_stream_pair`)."""

    __slots__ = ("_aborted", "_pump", "_sending", "_stream", "local", "peer")

    def __init__(self, stream: trio.abc.Stream, peer: Address = "", local: Address = "") -> None:
        self._stream = stream
        self.peer = peer
        self.local = local
        self._aborted = False
        self._pump: Pump | None = None
        self._sending = trio.CancelScope()

    @property
    def tls(self) -> bool:
        """See `Wire.tls`."""
        return isinstance(self._stream, trio.SSLStream)

    def deliver(self, sink: Sink, nursery: trio.Nursery) -> None:
        """See `Wire.deliver`."""
        self._pump = Pump(self, sink)
        nursery.start_soon(self._pump.run)

    def resume(self) -> None:
        """See `Wire.resume`."""
        if self._pump is not None:
            self._pump.resume()

    def look(self) -> None:
        """See `Wire.look`: only the pump's task can."""

    def expect_much(self) -> None:
        """See `Wire.expect_much`: what is below the stream is its own affair."""

    @property
    def queued(self) -> int:
        """See `Wire.queued`: what is below the stream is its own affair."""
        return 0

    async def receive(self, max_bytes: int) -> bytes:
        """See `Wire.receive`."""
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    def hold(self, send: Callable[[], None]) -> bool:  # noqa: ARG002  # a wire's
        """See `Wire.hold`."""
        return False

    def send_nowait(self, parts: Sequence[bytes]) -> int:  # noqa: ARG002  # the interface's
        """See `Wire.send_nowait`: a stream has no such call, so it takes nothing at once."""
        self._check_open()
        return 0

    async def send_some(self, data: memoryview) -> int:
        """See `Wire.send_some`."""
        piece = data[:PIECE_BYTES]
        self._check_open()
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
        self._check_open()
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

    def _check_open(self) -> None:
        if self._aborted:
            raise WireBroken("this wire was aborted")
