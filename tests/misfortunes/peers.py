"""A served app and its clients, who see what becomes of their connections."""

import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final, Literal, Protocol, TypeAlias

import h11
import trio

from tests.http.wires import Answer, get
from triosanic import Sanic
from triosanic.http.wire import Wire
from triosanic.lifespan import single_errors
from triosanic.request import Request
from triosanic.response import HTTPResponse, text
from triosanic.testing import Network

End: TypeAlias = Literal["closed", "reset"]
# What must happen at once happens within this, also on a machine that does much else.
SOON_S: Final = 10
ALIVE: Final = get("/alive")
_RESET: Final = struct.pack("ii", 1, 0)
_QUESTION: Final = h11.Request(method="GET", target="/", headers=[("Host", "a")])


class Peer:
    """A client of the server, byte by byte; a piece that it waits for must come within ``patience_s``."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, patience_s: float) -> None:
        self._stream = stream
        self._buffer = b""
        self._patience_s = patience_s
        self._end: End | None = None

    async def send(self, data: bytes) -> None:
        """Send."""
        await self._stream.send_all(data)

    async def pour(self, data: bytes) -> None:
        """Send, and go on as if nothing had happened if the server closes before the end."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            return

    async def half_close(self) -> None:
        """End this side."""
        await self._stream.send_eof()

    async def leave(self) -> None:
        """Close in order."""
        await self._stream.aclose()

    async def reset(self) -> None:
        """Close so that the server sees a connection reset by peer."""
        if isinstance(self._stream, trio.SocketStream):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        await trio.aclose_forcefully(self._stream)

    async def some(self) -> bytes:
        """Take what is there, or wait for it; ``b""`` at the end, however the server made it."""
        data, self._buffer = self._buffer, b""
        if data:
            return data
        try:
            with trio.fail_after(self._patience_s):
                data = bytes(await self._stream.receive_some(65_536))
        except trio.BrokenResourceError:
            self._end = "reset"
        else:
            self._end = None if data else "closed"
        return data

    async def until(self, piece: bytes) -> None:
        """Wait until ``piece`` has come; it and what is before it stays to be read."""
        data = b""
        while piece not in data:
            more = await self.some()
            assert more, f"{piece!r} did not come, but {data!r}"
            data += more
        self._buffer = data

    async def answer(self) -> Answer:
        """Read one response, as far as it comes; its status is 0 if nothing does."""
        machine = h11.Connection(h11.CLIENT)
        machine.send(_QUESTION)
        machine.send(h11.EndOfMessage())
        found = Answer(0, b"", {}, whole=False)
        while not found.whole:
            event = machine.next_event()
            if event is h11.NEED_DATA:
                data = await self.some()
                if not data:
                    break
                machine.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                found = replace(found, informational=(*found.informational, event.status_code))
            elif isinstance(event, h11.Response):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                found = replace(found, status=event.status_code, headers=headers)
            elif isinstance(event, h11.Data):
                found = replace(found, body=found.body + bytes(event.data))
            else:
                found = replace(found, whole=True)
                self._buffer = bytes(machine.trailing_data[0])
        return found

    async def ask(self, data: bytes) -> Answer:
        """Send a request and read the answer."""
        await self.send(data)
        return await self.answer()

    async def kept(self) -> bool:
        """Whether the connection serves another request."""
        return (await self.ask(ALIVE)).body == b"alive"

    async def end(self) -> End:
        """Wait until the server ends the connection, and say how it did."""
        while self._end is None:
            await self.some()
        return self._end


async def cut_short(peer: Peer) -> int:
    """Read a response that its framing tells to be cut short, and give its status."""
    answer = await peer.answer()
    assert not answer.whole
    return answer.status


class Connect(Protocol):
    """Connects to an app."""

    async def __call__(self, patience_s: float = SOON_S) -> Peer: ...


@asynccontextmanager
async def served(app: Sanic, *, memory: bool = False) -> AsyncIterator[Connect]:
    """Serve an app on a free port, or in memory, where the clock may jump; give what connects to it.

    When the block is over the app must still answer, and stop at once: no handler may have been left behind.
    """
    app.config.ACCESS_LOG = True
    app.add_route(_alive, "/alive")
    send, receive = trio.open_memory_channel[Wire](0)
    where = {"sock": (), "wires": receive} if memory else {"port": 0}
    with single_errors():
        async with send, receive, AsyncExitStack() as stack, trio.open_nursery() as nursery:
            addresses = await nursery.start(partial(app.serve, **where))
            network = Network(send)

            async def connect(patience_s: float = SOON_S) -> Peer:
                stream: trio.abc.HalfCloseableStream = (
                    await network.connect() if memory else await trio.open_tcp_stream(*addresses[0])
                )
                return Peer(await stack.enter_async_context(stream), patience_s)

            yield connect
            assert await (await connect()).kept()
            await stack.aclose()
            app.stop()
            nursery.cancel_scope.deadline = trio.current_time() + SOON_S
        assert not nursery.cancel_scope.cancelled_caught, "the app did not stop"


async def _alive(request: Request) -> HTTPResponse:
    return text("alive")


@contextmanager
def noting(saw: list[str]) -> Iterator[None]:
    """Note the name of what is raised in a handler."""
    try:
        yield
    except BaseException as error:
        saw.append(type(error).__name__)
        raise


async def soon(event: trio.Event) -> None:
    """Wait for what must happen soon."""
    with trio.fail_after(SOON_S):
        await event.wait()


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a record is the server's, and not what it always says when it starts."""
    return record.name.startswith("sanic.") and "serves on" not in record.getMessage()
