"""Connected pairs of a wire and its peer, one of each kind, for the contract that all wires keep."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final

import trio
import trustme

from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.wire import SocketWire, StreamWire, Wire
from triosanic.testing import memory_pair

KINDS: Final = ["socket", *(["polled"] if AVAILABLE else []), "unix", "tls", "memory"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A wire, its peer, and what differs between kinds.

    Attributes:
        half_closes: Whether one side can end while the other goes on.
        resets: Whether the peer can tell an abort from a regular end.
    """

    wire: Wire
    peer: trio.abc.Stream
    nursery: trio.Nursery
    reset_peer: Callable[[], None]
    half_closes: bool = True
    resets: bool = True

    async def send_all(self, data: bytes) -> None:
        """Send all of it through the wire, as a connection does."""
        sent = self.wire.send_nowait([data])
        with memoryview(data) as view:
            while sent < len(data):
                sent += await self.wire.send_some(view[sent:])

    async def receive_all(self) -> bytes:
        """Receive through the wire until the end."""
        got = bytearray()
        while data := await self.wire.receive(65_536):
            got += data
        return bytes(got)

    async def drain(self) -> None:
        """Receive at the peer until it is closed."""
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            await self.peer_receives_all()

    async def peer_receives_all(self) -> bytes:
        """Receive at the peer until the end."""
        got = bytearray()
        async for data in self.peer:
            got += data
        return bytes(got)


def sockets(family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    """Connect two sockets; those of TCP over the loopback."""
    if family == socket.AF_UNIX:
        return socket.socketpair(family)
    with socket.create_server(("127.0.0.1", 0), family=family) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


def reset(sock: socket.socket) -> None:
    """Close with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    trio.lowlevel.notify_closing(sock)
    sock.close()


@asynccontextmanager
async def socket_pair(kind: str) -> AsyncIterator[Pair]:
    ours, theirs = sockets(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    ours.setblocking(False)
    peer = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    made = Poller() if kind == "polled" else nullcontext()
    with made as poller:
        async with trio.open_nursery() as nursery:
            if poller is not None:
                nursery.start_soon(poller.run)
            wire = SocketWire(ours, "", "", poller)
            try:
                yield Pair(wire, peer, nursery, lambda: reset(theirs), resets=kind != "unix")
            finally:
                await wire.aclose()
                await peer.aclose()
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def memory() -> AsyncIterator[Pair]:
    ours, theirs = memory_pair()
    async with trio.open_nursery() as nursery:
        wire = StreamWire(ours)
        try:
            yield Pair(wire, theirs, nursery, theirs.abort)
        finally:
            await wire.aclose()
            await theirs.aclose()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def tls(ca: trustme.CA) -> AsyncIterator[Pair]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    ours, theirs = sockets(socket.AF_INET)
    inner = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    outer = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    stream = trio.SSLStream(inner, server, server_side=True)
    peer = trio.SSLStream(outer, client, server_hostname="localhost")
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as handshakes:
            handshakes.start_soon(stream.do_handshake)
            handshakes.start_soon(peer.do_handshake)
        wire = StreamWire(stream)
        try:
            yield Pair(wire, peer, nursery, lambda: reset(theirs), half_closes=False)
        finally:
            await trio.aclose_forcefully(peer)
            await wire.aclose()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def pair_of(kind: str, ca: trustme.CA) -> AsyncIterator[Pair]:
    """Give a pair of that kind; all of it is closed at the end."""
    made = memory() if kind == "memory" else tls(ca) if kind == "tls" else socket_pair(kind)
    async with made as pair:
        yield pair
