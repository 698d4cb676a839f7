"""The client of tests that are not async, as in sanic-testing: ``_, response = app.test_client.get("/")``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial, partialmethod
from http.cookiejar import Cookie
from typing import Any, Final, Unpack, cast

import trio

from triosanic.exceptions import WebsocketClosed
from triosanic.request import Request
from triosanic.testing.client import App, running
from triosanic.testing.collecting import PlainApp, collecting, debugging
from triosanic.testing.extra import httpx
from triosanic.testing.websocket import Handshake, TestWebsocket

HOST: Final = "127.0.0.1"
# sanic-testing takes a port that is free. Tests put it into the URLs that they expect: so it is one that
# URLs show.
PORT: Final = 1234
# httpx's own default: here a handler that hangs would hang the machine's seconds.
TIMEOUT_S: Final = 5.0
# What the client of sanic-testing calls an end in order.
_CLOSED_IN_ORDER: Final = frozenset({1000, 1001})


class Response(httpx.Response):
    """An `httpx.Response`, with Sanic's names for what it has."""

    @property
    def status(self) -> int:
        """The status code."""
        return self.status_code

    @property
    def body(self) -> bytes:
        """The content."""
        return self.content

    @property
    def content_type(self) -> str | None:
        """The Content-Type field."""
        found: str | None = self.headers.get("content-type")
        return found

    @property
    def json(self) -> Any:
        """The content read as JSON; ``None`` if it is not JSON."""
        try:
            return super().json()
        except ValueError:
            return None

    @property
    def raw_cookies(self) -> Mapping[str, Cookie]:
        """The cookies that it sets, with all that it says about them, by name."""
        return {cookie.name: cookie for cookie in self.cookies.jar}


@dataclass(slots=True)
class WebsocketResponse:
    """What went over a WebSocket.

    Attributes:
        client_sent: The messages that the client has sent.
        client_received: The messages that it has received.
        close_code: Of the Close that has come.
        opened: Whether there was one: a handshake that is refused raises.
    """

    client_sent: list[str | bytes] = field(default_factory=list)
    client_received: list[str | bytes] = field(default_factory=list)
    close_code: int | None = None
    opened: bool = True

    @property
    def server_sent(self) -> list[str | bytes]:
        """The messages that the client has received, as sanic-testing tells of them."""
        return self.client_received

    @property
    def server_received(self) -> list[str | bytes]:
        """The messages that the client has sent, likewise."""
        return self.client_sent


class MimicWebsocket:
    """The client's side of a WebSocket, as sanic-testing's tests use it; what goes over it is noted.

    Args:
        ws: The same, as async tests use it.
        response: Where it is noted.
    """

    def __init__(self, ws: TestWebsocket, response: WebsocketResponse) -> None:
        self.ws = ws
        self._response = response

    async def send(self, message: str | bytes) -> None:
        """Send a message; see `TestWebsocket.send`."""
        await self.ws.send(message)
        self._response.client_sent.append(message)

    async def recv(self) -> str | bytes:
        """Receive a message; see `TestWebsocket.receive`."""
        message = await self.ws.receive()
        self._response.client_received.append(message)
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; see `TestWebsocket.close`."""
        await self.ws.close(code, reason)


Mimic = Callable[[MimicWebsocket], Awaitable[None]]


class SanicTestClient:
    """Sends requests to an app from code that is not async; ``app.test_client`` makes one.

    Each call starts the app, with its listeners, sends one request over a connection in memory, and stops
    the app. The clock is the machine's.

    Args:
        app: Must not serve already.
        port: The port of URLs; ``None`` takes `PORT`. Nothing listens there.
        host: Their host.

    Source: sanic-testing 24.6 ``SanicTestClient``.
    """

    __slots__ = ("app", "host", "port")

    def __init__(self, app: PlainApp, port: int | None = None, host: str = HOST) -> None:
        self.app = app
        self.port = PORT if port is None else port
        self.host = host

    def request(
        self,
        uri: str = "/",
        gather_request: bool = True,
        debug: bool = False,
        *,
        http_method: str = "GET",
        server_kwargs: Mapping[str, object] | None = None,  # noqa: ARG002  # nothing listens
        host: str | None = None,
        allow_none: bool = False,
        allow_redirects: bool = True,
        raw_cookies: bool = False,  # noqa: ARG002  # they are always there
        session_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> tuple[Request | None, Response | None]:
        """Send one request; return it as its handler saw it, and the response.

        Args:
            uri: A path, or a whole ``http://`` URL.
            gather_request: Whether to return the request too; otherwise there is ``None`` in its place.
            debug: Whether the app's ``debug`` is on meanwhile.
            http_method: The method.
            server_kwargs: sanic-testing's arguments of ``app.run``; nothing listens, so they do nothing.
            host: The URL's host, where ``uri`` is a path.
            allow_none: Whether to return ``None`` rather than raise if no response comes.
            allow_redirects: Whether to follow redirects; the request that is returned is the first.
            raw_cookies: sanic-testing's; `Response.raw_cookies` needs no asking.
            session_kwargs: Arguments of `Client`.
            options: Arguments of `httpx.AsyncClient.request`: ``headers``, ``json``, ``data`` and others.

        Raises:
            httpx.HTTPError: No response came.
            RuntimeError: Called from async code.
            BaseException: What a start listener or a task in ``app.nursery`` raised.
        """
        refuse_async("test_client")
        base_url = f"http://{host or self.host}:{self.port}"
        session = {"base_url": base_url, "timeout": TIMEOUT_S, **(session_kwargs or {})}
        options = {"follow_redirects": allow_redirects, **options}
        with collecting(self.app) as requests, debugging(self.app, debug):
            try:
                response = trio.run(partial(_send, self.app, session, http_method, uri, **options))
            except httpx.HTTPError:
                if not allow_none:
                    raise
                response = None
        return (requests[0] if gather_request and requests else None), response

    def websocket(
        self, uri: str = "/", *, mimic: Mimic | None = None, **options: Unpack[Handshake]
    ) -> tuple[Request | None, WebsocketResponse]:
        """Open a WebSocket, let ``mimic`` be its client, send an empty message, and close it.

        The empty message ends a handler that reads on, as in sanic-testing, whose tests count it.

        Args:
            uri: A path, with its query.
            mimic: Called with the client's side, a `MimicWebsocket`; ``None`` closes at once.
            options: See `Handshake`.

        Returns:
            The request, and what was sent and received.

        Raises:
            UpgradeRefused: The server has another answer.
            TooSlowError: It took 5 s.
            RuntimeError: Called from async code.
            BaseException: What ``mimic``, a start listener or a task in ``app.nursery`` raised; but a mimic
                may read until the server closes with 1000 or 1001.
        """
        refuse_async("test_client")
        with collecting(self.app) as requests:
            response = trio.run(partial(_converse, self.app, uri, mimic, options))
        return (requests[0] if requests else None), response

    get = partialmethod(request, http_method="GET")
    post = partialmethod(request, http_method="POST")
    put = partialmethod(request, http_method="PUT")
    patch = partialmethod(request, http_method="PATCH")
    delete = partialmethod(request, http_method="DELETE")
    options = partialmethod(request, http_method="OPTIONS")
    head = partialmethod(request, http_method="HEAD")


async def _converse(app: App, uri: str, mimic: Mimic | None, options: Handshake) -> WebsocketResponse:
    response = WebsocketResponse()
    with trio.fail_after(TIMEOUT_S):
        async with running(app) as client, client.websocket(uri, **options) as ws:
            if mimic is not None:
                await _talk(mimic, MimicWebsocket(ws, response))
    response.close_code = ws.close_code
    return response


async def _talk(mimic: Mimic, client: MimicWebsocket) -> None:
    try:
        await mimic(client)
    except WebsocketClosed:
        if client.ws.close_code not in _CLOSED_IN_ORDER:
            raise
        return
    with suppress(WebsocketClosed, trio.BrokenResourceError):  # it may be closed by now
        await client.send("")


async def _send(app: App, session: Mapping[str, Any], *request: str, **options: Any) -> Response:
    async with running(app, response_class=Response, **session) as client:
        return cast(Response, await client.request(*request, **options))


def refuse_async(name: str) -> None:
    """Raise if this is async code, where a run of its own would stop all others.

    Raises:
        RuntimeError: It is.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"{name} is not for async code: use `async with running(app) as client`, or app.asgi_client"
        )
