"""The client with awaited calls, as in sanic-testing: ``_, response = await app.asgi_client.get("/")``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partialmethod
from typing import Any, Final, Self, cast

from triosanic.request import Request
from triosanic.testing.client import Client, serving
from triosanic.testing.collecting import PlainApp, collecting
from triosanic.testing.network import Network
from triosanic.testing.plain import Response
from triosanic.testing.streams import MemoryStream

# Those of sanic-testing.
ASGI_HOST: Final = "mockserver"
ASGI_PORT: Final = 1234
ASGI_BASE_URL: Final = f"http://{ASGI_HOST}:{ASGI_PORT}"


class _Line:
    """Connects to the app while it serves."""

    def __init__(self) -> None:
        self.network: Network | None = None

    async def connect(self, port: int) -> MemoryStream:
        if self.network is None:
            raise ConnectionRefusedError("the app does not serve: send this within `async with client`")
        return await self.network.connect(port)


class _OfSession:
    """An attribute of the client of httpx."""

    __slots__ = ("_name",)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: SanicASGITestClient, kind: type) -> Any:
        return getattr(client.session, self._name)

    def __set__(self, client: SanicASGITestClient, value: object) -> None:
        setattr(client.session, self._name, value)


class SanicASGITestClient:
    """Sends requests to an app from async code; ``app.asgi_client`` is one.

    Each call starts the app in the caller's task tree, with its listeners, sends one request over a
    connection in memory, and stops the app. Within ``async with client`` the app serves for the length of
    the block, and several tasks may call at one time. Cookies are kept from call to call.

    There is no ASGI in it: the name is sanic-testing's.

    Args:
        app: Must not serve already.
        base_url: What paths are relative to.
        suppress_exceptions: sanic-testing's; what a handler raises is always answered.
        options: Arguments of `Client`.

    Attributes:
        app: The app.
        session: The client of httpx, for what needs one, as ``session.stream`` within the block.

    Source: sanic-testing 24.6 ``SanicASGITestClient``, without WebSockets.
    """

    __slots__ = ("_life", "_line", "_requests", "app", "session")

    def __init__(
        self,
        app: PlainApp,
        base_url: str = ASGI_BASE_URL,
        suppress_exceptions: bool = False,  # noqa: ARG002  # as above
        **options: Any,
    ) -> None:
        self.app = app
        self._line = _Line()
        self._life: AbstractAsyncContextManager[list[Request]] | None = None
        self._requests: list[Request] = []
        self.session = Client(self._line, base_url=base_url, response_class=Response, **options)

    # sanic-testing's is a client of httpx itself: tests read and set what is sent with every request.
    auth: Any = _OfSession()
    base_url: Any = _OfSession()
    cookies: Any = _OfSession()
    headers: Any = _OfSession()
    params: Any = _OfSession()

    async def request(
        self,
        method: str,
        url: str,
        gather_request: bool = True,
        *,
        allow_redirects: bool = False,
        **options: Any,
    ) -> tuple[Request | None, Response]:
        """Send one request; return it as its handler saw it, and the response.

        Args:
            method: The method.
            url: A path, or a whole ``http://`` URL.
            gather_request: Whether to return the request too; otherwise there is ``None`` in its place.
            allow_redirects: Whether to follow redirects; the request that is returned is the last.
            options: Arguments of `httpx.AsyncClient.request`: ``headers``, ``json``, ``data`` and others.

        Raises:
            httpx.HTTPError: No response came.
            ServerError: The app serves already, and not in this client's block.
            BaseException: What a start listener or a task in ``app.nursery`` raised.

        Checkpoint: always.
        """
        options = {"follow_redirects": allow_redirects, **options}
        if self._life is not None:
            return await self._send(self._requests if gather_request else (), method, url, **options)
        async with self._serving() as requests:
            return await self._send(requests if gather_request else (), method, url, **options)

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")
    options = partialmethod(request, "OPTIONS")
    head = partialmethod(request, "HEAD")

    async def aclose(self) -> None:
        """Do nothing: a call leaves nothing open. Checkpoint: never. Source: sanic-testing 24.6."""

    async def __aenter__(self) -> Self:
        life = self._serving()
        self._requests = await life.__aenter__()
        self._life = life
        return self

    async def __aexit__(self, *error: Any) -> None:
        assert self._life is not None
        life, self._life = self._life, None
        await life.__aexit__(*error)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[list[Request]]:
        """Serve the app, and list its requests."""
        with collecting(self.app) as requests:
            async with serving(self.app) as network:
                self._line.network = network
                try:
                    yield requests
                finally:
                    self._line.network = None
                    await self.session.disconnect()

    async def _send(
        self, requests: Sequence[Request], method: str, url: str, **options: Any
    ) -> tuple[Request | None, Response]:
        response = cast(Response, await self.session.request(method, url, **options))
        # Several calls may be under way, each with a connection of its own.
        address = response.extensions["network_stream"].get_extra_info("client_addr")
        own = (request for request in reversed(requests) if request.conn_info.peername == address)
        return next(own, None), response
