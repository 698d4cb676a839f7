"""What a request's head says, with what the connection and trusted proxies add to it.

Everything is read when it is asked for, and once.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from triosanic.constants import (
    CACHEABLE_HTTP_METHODS,
    DEFAULT_HTTP_CONTENT_TYPE,
    IDEMPOTENT_HTTP_METHODS,
    SAFE_HTTP_METHODS,
)
from triosanic.cookies import parse_cookie
from triosanic.exceptions import BadRequest
from triosanic.headers import (
    AcceptList,
    Forwarded,
    Header,
    parse_accept,
    parse_credentials,
    parse_host,
    read_forwarded,
)
from triosanic.http.exchange import Exchange
from triosanic.http.wire import Address
from triosanic.request.connection import ConnInfo
from triosanic.request.credentials import Credentials, read_credentials
from triosanic.request.parameters import CookieRequestParameters, RequestParameters

# The forms that UUIDs are written in; Python's own reading takes underscores, too.
_is_uuid: Final = re.compile(r"[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}").fullmatch
# Longer than any counter, and short of what takes Python long.
_is_integer: Final = re.compile(r"-?[0-9]{1,100}").fullmatch
_PORTS: Final = frozenset({("http", 80), ("ws", 80), ("https", 443), ("wss", 443)})
_TOKEN_SCHEMES: Final = ("Bearer", "Token")

ArgsKey = tuple[bool, bool, str, str]


class RequestHead:
    """The head of a request; see `Request`, which fills it.

    Attributes:
        app: The app that serves it.
        exchange: The way to the client, below HTTP's semantics.
        method: The method, as the client wrote it.
        path: The target without its query, not decoded.
        query_string: What follows the question mark, not decoded.
        route: The route that serves it; ``None`` before and without one.
        match_info: The path's parameters.
    """

    # What few handlers ask for is in __dict__, which is not made before: the defaults are those of the class.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_headers",
        "app",
        "exchange",
        "match_info",
        "method",
        "path",
        "query_string",
        "route",
    )

    app: Any
    exchange: Exchange
    method: str
    path: str
    query_string: str
    route: Any
    match_info: dict[str, Any]
    _headers: Header | None

    parsed_accept: AcceptList | None = None
    parsed_args: dict[ArgsKey, RequestParameters] | None = None
    parsed_not_grouped_args: dict[ArgsKey, list[tuple[str, str]]] | None = None
    parsed_cookies: CookieRequestParameters | None = None
    parsed_credentials: Credentials | None = None
    parsed_forwarded: Forwarded | None = None
    parsed_token: str | None = None
    _id: UUID | int | str | None = None

    # The bytes.

    @property
    def head(self) -> bytes:
        """The head as it came: the request line and the fields, without the empty line that ends it."""
        return self.exchange.head.raw.strip(b"\r\n")

    @property
    def request_line(self) -> bytes:
        """The first line, as it came."""
        return self.head.partition(b"\r\n")[0]

    @property
    def raw_headers(self) -> bytes:
        """The lines of the fields, as they came."""
        return self.head.partition(b"\r\n")[2]

    @property
    def raw_url(self) -> bytes:
        """The target as bytes."""
        return self.exchange.head.target.encode("ascii")

    @property
    def version(self) -> str:
        """The version of HTTP: ``1.1`` or ``1.0``."""
        return "1.1" if self.exchange.head.http11 else "1.0"

    # The fields.

    @property
    def headers(self) -> Header:
        """The header fields."""
        if self._headers is None:
            self._headers = Header(self.exchange.head.headers)
        return self._headers

    @property
    def content_type(self) -> str:
        """The Content-Type field; ``application/octet-stream`` without one."""
        return self.headers.get("content-type", DEFAULT_HTTP_CONTENT_TYPE)

    @property
    def accept(self) -> AcceptList:
        """The media types that the client takes, what it likes best first; see `AcceptList.match`.

        Raises:
            InvalidHeader: The Accept field is malformed.
        """
        if self.parsed_accept is None:
            fields = self.headers.getall("accept", None)
            self.parsed_accept = parse_accept(None if fields is None else ",".join(fields))
        return self.parsed_accept

    @property
    def cookies(self) -> CookieRequestParameters:
        """The cookies: ``cookies.get("a")`` and ``cookies.a`` give the first value, ``cookies["a"]`` all."""
        if self.parsed_cookies is None:
            # Proxies that come from HTTP/2 may hand them on as several fields (RFC 9113 §8.2.3).
            fields = self.headers.getall("cookie", [])
            self.parsed_cookies = CookieRequestParameters(parse_cookie("; ".join(fields)))
        return self.parsed_cookies

    @property
    def last_event_id(self) -> str:
        """The id of the last event that an ``EventSource`` has seen which connects again; ``""``: none.

        Source: WHATWG HTML 9.2.4.
        """
        return self.headers.get("last-event-id", "")

    @property
    def token(self) -> str | None:
        """What follows ``Bearer`` or ``Token`` in the Authorization field; with another scheme, all of it."""
        if self.parsed_token is None:
            _, self.parsed_token = parse_credentials(self.headers.get("authorization"), _TOKEN_SCHEMES)
        return self.parsed_token

    @property
    def credentials(self) -> Credentials | None:
        """What the Authorization field says; ``None`` without one, or with Basic ones that are malformed."""
        if self.parsed_credentials is None:
            self.parsed_credentials = read_credentials(self.headers.get("authorization"))
        return self.parsed_credentials

    @property
    def id(self) -> UUID | int | str:
        """What tells this request from others: the ``REQUEST_ID_HEADER`` of the client, or `generate_id`.

        A text that reads as a UUID or a whole number is given as that. A client can send what it likes.
        """
        if self._id is None:
            value = self.headers.get(self.app.config.REQUEST_ID_HEADER) or type(self).generate_id(self)
            self._id = _read_id(value) if isinstance(value, str) else value
        return self._id

    @classmethod
    def generate_id(cls, *_: Any) -> UUID | int | str:
        """Make the `id` of a request that brings none; a subclass may do it otherwise.

        Called with the request.
        """
        return uuid4()

    # The method.

    @property
    def is_safe(self) -> bool:
        """Whether the method changes nothing (RFC 9110 §9.2.1)."""
        return self.method in SAFE_HTTP_METHODS

    @property
    def is_idempotent(self) -> bool:
        """Whether the method may be repeated (RFC 9110 §9.2.2)."""
        return self.method in IDEMPOTENT_HTTP_METHODS

    @property
    def is_cacheable(self) -> bool:
        """Whether the answer to the method may be kept (RFC 9110 §9.2.3)."""
        return self.method in CACHEABLE_HTTP_METHODS

    # The query.

    @property
    def args(self) -> RequestParameters:
        """The parameters of the query; those without a value are left out."""
        return self.get_args()

    @property
    def raw_args(self) -> dict[str, str]:
        """The first value of each of `args`. Source: Sanic 0.5; gone in 20.12."""
        return {name: values[0] for name, values in self.args.items()}

    @property
    def query_args(self) -> list[tuple[str, str]]:
        """The parameters of the query as pairs, in their order; those without a value are left out."""
        return self.get_query_args()

    def get_args(
        self,
        keep_blank_values: bool = False,
        strict_parsing: bool = False,
        encoding: str = "utf-8",
        errors: str = "replace",
    ) -> RequestParameters:
        """Read the query; done once for the same arguments.

        Args:
            keep_blank_values: Whether parameters without a value count, as ``""``.
            strict_parsing: Whether a piece that is no ``name=value`` is an error.
            encoding: How percent-encoded bytes become text.
            errors: What becomes of those that are none; see ``bytes.decode``.

        Raises:
            BadRequest: See ``strict_parsing``; or ``errors`` is ``"strict"`` and they are no such text.
        """
        key = (keep_blank_values, strict_parsing, encoding, errors)
        if self.parsed_args is None:
            self.parsed_args = {}
        if key not in self.parsed_args:
            parameters = self.parsed_args[key] = RequestParameters()
            for name, value in self.get_query_args(*key):
                parameters.setdefault(name, []).append(value)
        return self.parsed_args[key]

    def get_query_args(
        self,
        keep_blank_values: bool = False,
        strict_parsing: bool = False,
        encoding: str = "utf-8",
        errors: str = "replace",
    ) -> list[tuple[str, str]]:
        """Read the query as pairs, in their order; see `get_args`, also for errors."""
        key = (keep_blank_values, strict_parsing, encoding, errors)
        if self.parsed_not_grouped_args is None:
            self.parsed_not_grouped_args = {}
        if key not in self.parsed_not_grouped_args:
            try:
                self.parsed_not_grouped_args[key] = parse_qsl(self.query_string, *key)
            except ValueError as exc:
                raise BadRequest(f"The query of the URL is malformed: {exc}") from exc
        return self.parsed_not_grouped_args[key]

    # The URL, as the client sees it.

    @property
    def forwarded(self) -> Forwarded:
        """What trusted proxies say: ``for``, ``proto``, ``host``, ``port``, ``path``, as far as they do."""
        if self.parsed_forwarded is None:
            self.parsed_forwarded = read_forwarded(self.headers, self.app.config)
        return self.parsed_forwarded

    @property
    def scheme(self) -> str:
        """The URL's scheme: ``http``, ``https``, ``ws`` or ``wss``."""
        scheme, slashes, _ = self._own_name.partition("//")
        if slashes and scheme:
            return scheme.removesuffix(":")
        if "proto" in self.forwarded:
            return str(self.forwarded["proto"])
        websocket = self.route is not None and getattr(self.route.extra, "websocket", False)
        return ("ws" if websocket else "http") + ("s" if self.conn_info.ssl else "")

    @property
    def host(self) -> str:
        """The host, with the port if one is named: ``SERVER_NAME``, or as proxies or the Host field say."""
        if self._own_name:
            return self._own_name.rpartition("//")[2].partition("/")[0]
        return str(self.forwarded.get("host") or self.exchange.head.host)

    @property
    def server_name(self) -> str:
        """The `host` without its port, in lower case."""
        return parse_host(self.host)[0] or ""

    @property
    def server_port(self) -> int:
        """The port: as proxies or `host` say, or else the scheme's own."""
        port = self.forwarded.get("port") or parse_host(self.host)[1]
        return port or (80 if self.scheme in {"http", "ws"} else 443)

    @property
    def server_path(self) -> str:
        """The path as proxies saw it, decoded; without any, `path`."""
        return str(self.forwarded.get("path") or self.path)

    @property
    def url(self) -> str:
        """The whole URL."""
        query = f"?{self.query_string}" if self.query_string else ""
        return f"{self.scheme}://{self.host}{self.path}{query}"

    def url_for(self, view_name: str, **kwargs: Any) -> str:
        """Make the whole URL of a route, on the host that this request was for; see ``app.url_for``."""
        if kwargs.setdefault("_external", True) and "//" not in self._own_name:
            scheme, name, port = self.scheme, self.server_name, self.server_port
            kwargs.setdefault("_scheme", scheme)
            kwargs.setdefault("_server", name if (scheme, port) in _PORTS else f"{name}:{port}")
        return str(self.app.url_for(view_name, **kwargs))

    @property
    def _own_name(self) -> str:
        config = self.app.config
        return str(config.SERVER_NAME) if "SERVER_NAME" in config else ""

    # The route.

    @property
    def name(self) -> str | None:
        """The name of the route, as ``app.handler``; ``None`` without one."""
        return None if self.route is None else self.route.name

    endpoint = name

    @property
    def uri_template(self) -> str | None:
        """The path of the route, as ``/items/<id:int>``; ``None`` without one."""
        return None if self.route is None else f"/{self.route.path}"

    # The peer.

    @property
    def conn_info(self) -> ConnInfo:
        """The connection; its ``ctx`` is room for the program's own, for all requests that come on it."""
        link = self.exchange.link
        if link.ctx is None:
            link.ctx = ConnInfo(link)
        info: ConnInfo = link.ctx
        return info

    @property
    def ip(self) -> str:
        """The peer's address, which may be a proxy's; ``""`` where it has none."""
        return self.conn_info.client_ip

    @property
    def port(self) -> int:
        """The peer's port; 0 where it has none."""
        return self.conn_info.client_port

    @property
    def socket(self) -> Address | tuple[None, None]:
        """The peer's address and port; ``(None, None)`` where it has none."""
        return self.conn_info.peername or (None, None)

    @property
    def remote_addr(self) -> str:
        """The client's address as trusted proxies say, an IPv6 one in brackets; ``""`` without any."""
        return str(self.forwarded.get("for", ""))

    @property
    def client_ip(self) -> str:
        """The client's address: `remote_addr`, or without trusted proxies `ip`."""
        return self.remote_addr or self.ip

    @property
    def network_paths(self) -> list[Any]:
        """The paths of an HTTP/3 connection; always empty here."""
        return self.conn_info.network_paths


def _read_id(text: str) -> UUID | int | str:
    if _is_uuid(text):
        return UUID(text)
    return int(text) if _is_integer(text) else text
