"""Peers for tests of connections: bytes in, bytes out, over memory that loses and reorders nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import h11
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from triosanic import Sanic
from triosanic.blueprints import compile_error_handler, compile_router
from triosanic.dispatch import Dispatcher, Plan
from triosanic.exceptions import SanicException
from triosanic.http.application import Application
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.http.wire import StreamWire
from triosanic.sending import sender_of
from triosanic.testing import memory_pair

Answering: TypeAlias = Callable[[Exchange], Awaitable[None]]

GET: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TEXT: Final = "text/plain"


def run_in_virtual_time(
    async_fn: Callable[..., Awaitable[object]],
    *args: object,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> None:
    """Run a test with a clock that jumps when all tasks wait; after two of its hours the test has failed."""

    async def limited() -> None:
        with trio.fail_after(7200):
            await async_fn(*args)

    trio.run(limited, clock=clock or MockClock(autojump_threshold=0), instruments=instruments)


def run_in_real_time(
    async_fn: Callable[..., Awaitable[object]],
    *args: object,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> None:
    """Run a test whose sockets are the system's, which knows no virtual time."""

    async def limited() -> None:
        with trio.fail_after(30):
            await async_fn(*args)

    trio.run(limited, clock=clock, instruments=instruments)


def choose_clocks(items: Sequence[pytest.Item], folder: Path) -> None:
    """Let time pass when nothing else does, so that a test that hangs ends at once; not with `REAL_TIME`."""
    for item in items:
        if folder in item.path.parents and item.get_closest_marker("trio"):
            real = isinstance(item, pytest.Function) and getattr(item.module, "REAL_TIME", False)
            run = run_in_real_time if real else run_in_virtual_time
            item.add_marker(pytest.mark.trio(run=run), append=False)


def get(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Give the bytes of a request's head."""
    lines = [f"{method} {path} HTTP/{version}", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


def post(body: bytes = b"", path: str = "/", *fields: str, version: str = "1.1") -> bytes:
    """Give the bytes of a request with a body of declared length."""
    return get(path, f"Content-Length: {len(body)}", *fields, method="POST", version=version) + body


def chunked(*pieces: bytes, path: str = "/", trailers: bytes = b"", fields: tuple[str, ...] = ()) -> bytes:
    """Give the bytes of a request whose body is those chunks."""
    head = get(path, "Transfer-Encoding: chunked", *fields, method="POST")
    return head + b"".join(chunk(piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, as an h11 client reads it: `whole` is what h11 says, not what came."""

    status: int
    body: bytes
    headers: dict[str, str]
    whole: bool = True
    informational: tuple[int, ...] = ()

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection") != "close"


class Client:
    """The peer of a connection: sends bytes, and reads what an h11 client makes of the answer.

    Attributes:
        connection: The server's side of it.
        ended: Set once the connection's task is over.
    """

    def __init__(
        self, stream: trio.abc.Stream, connection: Connection, reset: Callable[[], None] | None = None
    ) -> None:
        self._stream = stream
        self._reset = reset
        self._buffer = b""
        self.connection = connection
        self.ended = trio.Event()

    async def send(self, data: bytes) -> None:
        """Send, and let the server do all it can with it."""
        await self._stream.send_all(data)
        await wait_all_tasks_blocked()

    async def send_only(self, data: bytes) -> None:
        """Send, and wait for nothing."""
        await self._stream.send_all(data)

    async def half_close(self) -> None:
        """End this side."""
        assert isinstance(self._stream, trio.abc.HalfCloseableStream)
        await self._stream.send_eof()
        await wait_all_tasks_blocked()

    async def leave(self) -> None:
        """Close both sides."""
        await self._stream.aclose()

    def reset(self) -> None:
        """Close so that the server sees a connection reset by peer."""
        assert self._reset is not None
        self._reset()

    async def some(self, max_bytes: int = 65_536) -> bytes:
        """Take what is there, or wait for it; ``b""`` at the end."""
        if not self._buffer:
            return bytes(await self._stream.receive_some(max_bytes))
        data, self._buffer = self._buffer, b""
        return data

    async def at_once(self) -> bytes:
        """Take what has come by now, be it nothing."""
        data, self._buffer = self._buffer, b""
        while True:
            await wait_all_tasks_blocked()
            piece = b""
            with trio.move_on_after(0.0005):
                piece = bytes(await self._stream.receive_some())
            if not piece:
                return data
            data += piece

    async def rest(self) -> bytes:
        """Take everything until the server's end."""
        pieces = []
        while piece := await self.some():
            pieces.append(piece)
        return b"".join(pieces)

    async def answer(self, method: str = "GET") -> Answer:
        """Read one response; what comes after it stays for the next."""
        machine = h11.Connection(h11.CLIENT)
        machine.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        machine.send(h11.EndOfMessage())
        found = Answer(0, b"", {}, whole=False)
        pieces: list[bytes] = []
        while True:
            event = machine.next_event()
            if event is h11.NEED_DATA:
                try:
                    machine.receive_data(await self.some())
                    event = machine.next_event()
                except (h11.RemoteProtocolError, trio.BrokenResourceError):
                    return replace(found, body=b"".join(pieces))
            if isinstance(event, h11.InformationalResponse):
                found = replace(found, informational=(*found.informational, event.status_code))
            elif isinstance(event, h11.Response):
                headers = {k.decode(): v.decode() for k, v in event.headers}
                found = replace(found, status=event.status_code, headers=headers)
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._buffer = bytes(machine.trailing_data[0])
                return replace(found, body=b"".join(pieces), whole=True)
            elif isinstance(event, h11.ConnectionClosed):
                return replace(found, body=b"".join(pieces))

    async def ask(self, data: bytes) -> Answer:
        """Send a request and read the answer."""
        await self.send_only(data)
        return await self.answer("HEAD" if data.startswith(b"HEAD ") else "GET")


async def reply(exchange: Exchange, body: bytes = b"ok", status: int = 200) -> None:
    """Answer with a complete response."""
    await exchange.reply(status, (), body, TEXT)


async def forever(exchange: Exchange) -> None:
    """Answer never."""
    await trio.sleep_forever()


@dataclass
class App:
    """An application of one function; `seen` lists the targets of the requests it was asked to answer."""

    answering: Answering = reply
    seen: list[str] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> None:
        self.seen.append(exchange.head.target)
        await self.answering(exchange)

    async def fail(self, exchange: Exchange, error: Exception) -> None:
        status = error.status_code if isinstance(error, SanicException) else 500
        await reply(exchange, str(error).encode(), status)


def application_of(app: Sanic) -> Dispatcher:
    """Compile a Sanic app to what connections call."""
    router = compile_router(app)
    return Dispatcher(
        Plan(
            app=app,
            router=router,
            error_handler=compile_error_handler(app, router, app.error_handler),
            request_class=app.request_class,
            request_max_bytes=app.config.REQUEST_MAX_SIZE,
            sender=sender_of(router, app.config),
        )
    )


def connect(
    nursery: trio.Nursery,
    app: Application | Sanic,
    *,
    window: int = 65_536,
    context: Context | None = None,
    **limits: Any,
) -> Client:
    """Serve an app to one client.

    Args:
        nursery: Where the connection's task runs.
        app: A Sanic app, or an application as connections know it.
        window: What the streams hold in each direction, in bytes.
        context: Copied for each request; ``None`` takes an empty one.
        limits: Fields of `Limits` that are not the default.
    """
    ours, theirs = memory_pair(window)
    application = application_of(app) if isinstance(app, Sanic) else app
    connection = Connection(StreamWire(ours), application, Limits(**limits), context or Context())
    client = Client(theirs, connection, theirs.abort)

    async def run() -> None:
        try:
            await connection.run()
        finally:
            client.ended.set()

    nursery.start_soon(run)
    return client


@asynccontextmanager
async def alone(app: Application | Sanic, **options: Any) -> AsyncIterator[Client]:
    """Serve one client; at the end, with the client gone, the connection's task must end by itself."""
    async with trio.open_nursery() as nursery:
        client = connect(nursery, app, **options)
        yield client
        await client.leave()
        with trio.fail_after(600):
            await client.ended.wait()


def serving(handler: Callable[..., Any], *uris: str, **options: Any) -> Sanic:
    """Make a Sanic app with one handler, for GET and POST on ``/`` or ``uris``."""
    app = Sanic("test")
    for number, uri in enumerate(uris or ("/",)):
        app.add_route(handler, uri, ["GET", "POST", "HEAD"], name=f"r{number}", **options)
    return app
