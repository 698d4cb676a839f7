"""A request, as handlers see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from json import loads as loads_json
from types import SimpleNamespace
from typing import Any, Final, Self
from urllib.parse import parse_qsl

from triosanic.exceptions import BadRequest, ServerError
from triosanic.headers import Header
from triosanic.http.body import RequestBody
from triosanic.http.exchange import Exchange
from triosanic.response import BaseHTTPResponse, HTTPResponse
from triosanic.scope import RequestNursery

_current: Final[ContextVar[Request]] = ContextVar("triosanic.request")
Respond = Callable[["Request", BaseHTTPResponse], Awaitable[BaseHTTPResponse]]


class RequestParameters(dict[str, list[str]]):
    """Parameters that may come several times: ``get`` gives the first value, ``getlist`` all."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the first value of ``name``, or ``default``."""
        values = super().get(name)
        return values[0] if values else default

    def getlist(self, name: str, default: Any = None) -> Any:
        """Return all values of ``name``, or ``default``, or an empty list."""
        return super().get(name, [] if default is None else default)


class Request:
    """One request. Made by the server; a program may pass a subclass as the app's ``request_class``.

    Attributes:
        app: The app that serves it.
        body: The whole content, on routes that do not stream; ``b""`` on those that do.
        method: The method, as the client wrote it.
        path: The target without its query, not decoded.
        query_string: What follows the question mark, not decoded.
        route: The route that serves it; ``None`` before and without one.
        match_info: The path's parameters.
        exchange: The way to the client, below HTTP's semantics.
    """

    __slots__ = (
        "__weakref__",
        "_args",
        "_ctx",
        "_headers",
        "_json",
        "_nursery",
        "_respond",
        "app",
        "body",
        "exchange",
        "match_info",
        "method",
        "path",
        "query_string",
        "response",
        "route",
    )

    def __init__(self, exchange: Exchange, app: Any, respond: Respond) -> None:
        head = exchange.head
        self.exchange = exchange
        self.app = app
        self.method = head.method
        self.path, _, self.query_string = head.target.partition("?")
        self.body = b""
        self.route: Any = None
        self.match_info: Mapping[str, Any] = {}
        self.response: BaseHTTPResponse | None = None
        self._respond = respond
        self._ctx: SimpleNamespace | None = None
        self._headers: Header | None = None
        self._nursery: RequestNursery | None = None
        self._args: RequestParameters | None = None
        self._json: Any = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.method} {self.path}>"

    @classmethod
    def get_current(cls) -> Self:
        """Return the request that this task handles. Checkpoint: never.

        Raises:
            ServerError: There is none.
        """
        request = _current.get(None)
        if not isinstance(request, cls):
            raise ServerError("No current request")
        return request

    def make_current(self) -> None:
        """Let `get_current` return this request in this task and in those it starts."""
        _current.set(self)

    # The head.

    @property
    def headers(self) -> Header:
        """The header fields."""
        if self._headers is None:
            self._headers = Header(self.exchange.head.headers)
        return self._headers

    @property
    def version(self) -> str:
        """The version of HTTP: ``1.1`` or ``1.0``."""
        return "1.1" if self.exchange.head.http11 else "1.0"

    @property
    def raw_url(self) -> bytes:
        """The target as bytes."""
        return self.exchange.head.target.encode("ascii")

    @property
    def host(self) -> str:
        """The Host field, with the port if it names one; ``""`` without."""
        return self.exchange.head.host

    @property
    def scheme(self) -> str:
        """The URL's scheme: ``http``."""
        return "http"

    @property
    def url(self) -> str:
        """The whole URL."""
        query = f"?{self.query_string}" if self.query_string else ""
        return f"{self.scheme}://{self.host}{self.path}{query}"

    @property
    def content_type(self) -> str:
        """The Content-Type field; ``application/octet-stream`` without one."""
        return self.headers.get("content-type", "application/octet-stream")

    @property
    def args(self) -> RequestParameters:
        """The parameters of the query; those without a value are left out."""
        if self._args is None:
            self._args = RequestParameters()
            for name, value in parse_qsl(self.query_string):
                self._args.setdefault(name, []).append(value)
        return self._args

    # The peer.

    @property
    def ip(self) -> str:
        """The peer's address; ``""`` where it has none."""
        peer = self.exchange.link.wire.peer
        return peer if isinstance(peer, str) else peer[0]

    @property
    def port(self) -> int:
        """The peer's port; 0 where it has none."""
        peer = self.exchange.link.wire.peer
        return 0 if isinstance(peer, str) else peer[1]

    # The body.

    @property
    def json(self) -> Any:
        """The content read as JSON; ``None`` if there is none.

        Raises:
            BadRequest: It is not JSON.
        """
        if self._json is None:
            self._json = self.load_json()
        return self._json

    def load_json(self, loads: Callable[[bytes], Any] = loads_json) -> Any:
        """Return the content read by ``loads``; ``None`` if there is none.

        Raises:
            BadRequest: It is not JSON.
        """
        if not self.body:
            return None
        try:
            return loads(self.body)
        except (ValueError, RecursionError) as exc:
            raise BadRequest("Failed when parsing body as json") from exc

    @property
    def stream(self) -> RequestBody:
        """The content as a stream; at its end already on routes that do not stream."""
        return self.exchange.body

    async def receive_body(self) -> None:
        """Read the whole content into `body`, where the route did not. Checkpoint: if it is still to come.

        Raises:
            PayloadTooLarge: It is longer than ``REQUEST_MAX_SIZE``.
            ServerError: See `RequestBody.read`, also for the others.
        """
        if self.stream:
            self.body = await self.stream.read_all(self.app.config.REQUEST_MAX_SIZE)

    # The answer, and what lives as long as the request.

    @property
    def ctx(self) -> SimpleNamespace:
        """Room for the program's own attributes."""
        if self._ctx is None:
            self._ctx = SimpleNamespace()
        return self._ctx

    @property
    def nursery(self) -> RequestNursery:
        """A nursery that ends with this request; see `RequestNursery`."""
        if self._nursery is None:
            exchange = self.exchange
            self._nursery = RequestNursery(
                exchange.link.spawn, lambda error: exchange.link.interrupt(exchange, error)
            )
        return self._nursery

    async def join(self) -> None:
        """Wait for the tasks in `nursery`, if it was asked for. Checkpoint: if there are any."""
        if self._nursery is not None:
            await self._nursery.join()

    async def close(self) -> None:
        """Stop the tasks in `nursery`, if it was asked for. Checkpoint: if there are any."""
        if self._nursery is not None:
            await self._nursery.close()

    @property
    def responded(self) -> bool:
        """Whether the handler has begun a response by `respond`."""
        return self.response is not None

    async def respond(
        self,
        response: BaseHTTPResponse | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, Any] | None = None,
        content_type: str | None = None,
    ) -> BaseHTTPResponse:
        """Begin to answer, after the response middleware: what it returns takes `send` and `eof`.

        Args:
            response: What to begin with; its content is sent first.
            status: Status code, without ``response``.
            headers: Header fields, without ``response``.
            content_type: Value of Content-Type, without ``response``.

        Raises:
            ServerError: The request was answered before, or a header can't be sent.

        Checkpoint: as the middleware.
        """
        if self.response is not None:
            raise ServerError("Second respond call is not allowed.")
        if response is None:
            response = HTTPResponse(None, status, headers, content_type)
        self.response = response  # before the middleware runs: a second call must not get in between
        response = await self._respond(self, response)
        response.start(self.exchange)
        self.response = response
        return response
