"""The client of tests that are not async, as in sanic-testing: ``_, response = app.test_client.get("/")``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial, partialmethod
from http.cookiejar import Cookie
from typing import Any, Final, Protocol, cast

import trio

from triosanic.request import Request
from triosanic.testing.client import App, running
from triosanic.testing.extra import httpx

_HOST: Final = "127.0.0.1"
# httpx's own default: here a handler that hangs would hang the machine's seconds.
_TIMEOUT_S: Final = 5.0


class PlainApp(App, Protocol):
    """What `SanicTestClient` needs of an app; see `Sanic`."""

    debug: bool
    request_class: type[Request]


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


class SanicTestClient:
    """Sends requests to an app from code that is not async; ``app.test_client`` makes one.

    Each call starts the app, with its listeners, sends one request over a connection in memory, and stops
    the app. The clock is the machine's.

    Args:
        app: Must not serve already.

    Source: sanic-testing 24.6 ``SanicTestClient``, without WebSockets.
    """

    __slots__ = ("app",)

    def __init__(self, app: PlainApp) -> None:
        self.app = app

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
        if trio.lowlevel.in_trio_run():
            raise RuntimeError("test_client is not for async code: use `async with running(app) as client`")
        session = {"base_url": f"http://{host or _HOST}", "timeout": _TIMEOUT_S, **(session_kwargs or {})}
        options = {"follow_redirects": allow_redirects, **options}
        with _collecting(self.app, debug=debug) as requests:
            try:
                response = trio.run(partial(_send, self.app, session, http_method, uri, **options))
            except httpx.HTTPError:
                if not allow_none:
                    raise
                response = None
        return (requests[0] if gather_request and requests else None), response

    get = partialmethod(request, http_method="GET")
    post = partialmethod(request, http_method="POST")
    put = partialmethod(request, http_method="PUT")
    patch = partialmethod(request, http_method="PATCH")
    delete = partialmethod(request, http_method="DELETE")
    options = partialmethod(request, http_method="OPTIONS")
    head = partialmethod(request, http_method="HEAD")


async def _send(app: App, session: Mapping[str, Any], *request: str, **options: Any) -> Response:
    async with running(app, response_class=Response, **session) as client:
        return cast(Response, await client.request(*request, **options))


@contextmanager
def _collecting(app: PlainApp, *, debug: bool) -> Iterator[list[Request]]:
    """Let the app's requests be of a class that lists them."""
    requests: list[Request] = []
    before = app.request_class, app.debug

    def make_current(request: Request) -> None:
        requests.append(request)
        before[0].make_current(request)

    members = {"__slots__": (), "make_current": make_current}
    app.request_class = cast(type[Request], type(before[0].__name__, (before[0],), members))
    app.debug = app.debug or debug
    try:
        yield requests
    finally:
        app.request_class, app.debug = before
