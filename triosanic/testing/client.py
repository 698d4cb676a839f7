"""The client for pytest-trio, and the app's life around it: no port, no thread, and any clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, Protocol

import trio

from triosanic.http.wire import Wire
from triosanic.testing.extra import httpx
from triosanic.testing.leaving import ClientResponse
from triosanic.testing.network import Network
from triosanic.testing.raw import RawConnection
from triosanic.testing.streams import BUFFER_BYTES
from triosanic.testing.transport import Transport

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
        network: Network,
        *,
        base_url: str = BASE_URL,
        timeout: float | httpx.Timeout | None = None,
        response_class: type[httpx.Response] = ClientResponse,
        **options: Any,
    ) -> None:
        super().__init__(
            transport=Transport(network, response_class), base_url=base_url, timeout=timeout, **options
        )
        self._network = network

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
    # 0: a connection is made when the server takes it, and not before.
    send, receive = trio.open_memory_channel[Wire](0)
    with _without_group():
        async with send, trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, sock=(), wires=receive))
            async with Client(Network(send, buffer_bytes=buffer_bytes), **options) as client:
                yield client
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
