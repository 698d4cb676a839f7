"""The client for pytest-trio, and the app's life around it: no port, no thread, and any clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, Protocol, Unpack

import trio

from triosanic.http.wire import Wire
from triosanic.testing.events import EventStream
from triosanic.testing.extra import httpx
from triosanic.testing.leaving import ClientResponse
from triosanic.testing.network import Connects, Network
from triosanic.testing.raw import RawConnection
from triosanic.testing.streams import BUFFER_BYTES
from triosanic.testing.transport import Transport
from triosanic.testing.websocket import Handshake, TestWebsocket, closing, shake_hands

BASE_URL: Final = "http://127.0.0.1"


class App(Protocol):
    """What a client needs of an app; see `Sanic`."""

    @property
    def serve(self) -> Callable[..., Coroutine[Any, Any, None]]:
        """Serve until stopped."""

    def stop(self) -> None:
        """Begin the shutdown."""


class Client(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests reach one app, whatever host their URL names.

    It has no timeout of its own, unlike httpx's: with a clock that jumps, those would end what a test wants
    to see the server end.

    Args:
        network: Connects to the app.
        base_url: What paths are relative to.
        timeout: Seconds, or httpx's object; ``None``: none.
        response_class: What requests are answered with.
        options: As httpx's, but for those of its transport.
    """

    def __init__(
        self,
        network: Connects,
        *,
        base_url: str = BASE_URL,
        timeout: float | httpx.Timeout | None = None,
        response_class: type[httpx.Response] = ClientResponse,
        **options: Any,
    ) -> None:
        transport = Transport(network, response_class)
        super().__init__(transport=transport, base_url=base_url, timeout=timeout, **options)
        self._network = network
        self._connections = transport

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[RawConnection]:
        """Open a connection for bytes, which is closed in order at the end of the block.

        Raises:
            ConnectionRefusedError: The app has been stopped.

        Checkpoint: always.
        """
        async with await self._network.connect(self.base_url.port or 80) as stream:
            yield RawConnection(stream)

    @asynccontextmanager
    async def events(
        self, url: str, *, last_event_id: str = "", **options: Any
    ) -> AsyncIterator[EventStream]:
        """Open a stream of server-sent events, as an ``EventSource`` does; it ends with the block.

        Args:
            url: Where they are.
            last_event_id: What it has seen last, where it connects again.
            options: As those of `httpx.AsyncClient.stream`.

        Raises:
            ValueError: The answer is no stream of events.

        Checkpoint: always.
        """
        fields = {"accept": "text/event-stream", "cache-control": "no-store"}
        headers = httpx.Headers(fields, encoding="utf-8")
        headers.update(options.pop("headers", None))
        if last_event_id:  # in UTF-8: WHATWG HTML 9.2.3
            headers["last-event-id"] = last_event_id
        async with self.stream("GET", url, headers=headers, **options) as response:
            yield EventStream(response)

    async def disconnect(self) -> None:
        """Close the connections of requests; the next one opens its own. Checkpoint: if there are any."""
        await self._connections.aclose()

    @asynccontextmanager
    async def websocket(
        self, path: str, *, host: str = "127.0.0.1", **options: Unpack[Handshake]
    ) -> AsyncIterator[TestWebsocket]:
        """Open a WebSocket, which is closed at the end of the block.

        Args:
            path: With its query.
            host: The Host field.
            options: ``subprotocols``, ``headers``, ``compression`` and ``early``; see `shake_hands`.

        Raises:
            UpgradeRefused: The server has another answer.
            ConnectionRefusedError: The app has been stopped.

        Checkpoint: always.
        """
        async with (
            await self._network.connect(self.base_url.port or 80) as stream,
            closing(await shake_hands(stream, host, path, **options)) as ws,
        ):
            yield ws


@asynccontextmanager
async def running(app: App, *, buffer_bytes: int = BUFFER_BYTES, **options: Any) -> AsyncIterator[Client]:
    """Run ``app`` in the test's own task tree for the length of a block, and give a client for it.

    Listeners, ``app.nursery`` and the shutdown are those of ``app.serve``. A block that ends in order stops
    the app as SIGTERM does; one that raises cancels it. A single error is raised as it is, not in a group.

    Args:
        app: Must not serve already.
        buffer_bytes: What each direction of a connection holds before its sender waits.
        options: See `Client`.

    Raises:
        BaseException: What the block, a start listener or a task in ``app.nursery`` raised.

    Checkpoint: always.
    """
    async with serving(app, buffer_bytes=buffer_bytes) as network, Client(network, **options) as client:
        yield client


@asynccontextmanager
async def serving(app: App, *, buffer_bytes: int = BUFFER_BYTES) -> AsyncIterator[Network]:
    """Run ``app`` for the length of a block, and give what connects to it; see `running`."""
    # 0: a connection is made when the server takes it, and not before.
    send, receive = trio.open_memory_channel[Wire](0)
    with _without_group():
        async with send, trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, sock=(), wires=receive))
            yield Network(send, buffer_bytes=buffer_bytes)
            app.stop()


@asynccontextmanager
async def open_raw(app: App, *, buffer_bytes: int = BUFFER_BYTES) -> AsyncIterator[RawConnection]:
    """Run ``app`` for the length of a block, and give one connection for bytes; see `running`."""
    async with running(app, buffer_bytes=buffer_bytes) as client, client.connect() as connection:
        yield connection


@contextmanager
def _without_group() -> Iterator[None]:
    """Raise what the nursery wraps into a group of one as what it is, so that ``pytest.raises`` sees it."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        error = group.exceptions[0]
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context  # else it were the group, which has it in itself
