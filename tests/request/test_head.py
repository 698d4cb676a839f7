"""What a request says of its head, its route and its peer."""

import ssl
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import trio

from tests.request.made import link_of, request_of
from triosanic import BadRequest, DefaultRequest, DefaultSanic, HTTPResponse, Request, Sanic, json, text
from triosanic.exceptions import InvalidHeader, ServerError
from triosanic.http.wire import StreamWire
from triosanic.testing import memory_pair, running

UUID_TEXT = "1e1d3a8a-9f5c-4c8d-8e67-7d2d5d0e0f3a"


def test_the_head_as_it_came() -> None:
    """Sanic 25.12: without the empty line that ends it."""
    request = request_of("X-A:  b ", line="GET /a?b=c HTTP/1.1", host="h")
    assert request.head == b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A:  b "
    assert request.request_line == b"GET /a?b=c HTTP/1.1"
    assert request.raw_headers == b"Host: h\r\nX-A:  b "
    assert request.raw_url == b"/a?b=c"
    assert (request.path, request.query_string, request.version) == ("/a", "b=c", "1.1")
    assert request_of(line="GET / HTTP/1.0").version == "1.0"


@pytest.mark.parametrize(
    ("method", "safe", "idempotent", "cacheable"),
    [
        ("GET", True, True, True),
        ("HEAD", True, True, True),
        ("OPTIONS", True, True, False),
        ("PUT", False, True, False),
        ("DELETE", False, True, False),
        ("POST", False, False, False),
        ("PATCH", False, False, False),
        ("BREW", False, False, False),
    ],
)
def test_methods(method: str, safe: bool, idempotent: bool, cacheable: bool) -> None:
    """RFC 9110 §9.2; Sanic counts POST as not cacheable."""
    request = request_of(line=f"{method} / HTTP/1.1")
    assert (request.is_safe, request.is_idempotent, request.is_cacheable) == (safe, idempotent, cacheable)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (UUID_TEXT, UUID(UUID_TEXT)),
        (UUID_TEXT.replace("-", "").upper(), UUID(UUID_TEXT)),
        ("4711", 4711),
        ("-5", -5),
        ("99999999999999999999", 99999999999999999999),
        ("abc", "abc"),
        ("1_0", "1_0"),
        ("\u0661", "\u0661"),
        ("9" * 5000, "9" * 5000),
        ("{" + UUID_TEXT + "}", "{" + UUID_TEXT + "}"),
    ],
)
def test_the_id_is_the_clients(field: str, expected: object) -> None:
    """Sanic 25.12: UUID, then int, then text; what only Python's own reading takes stays text."""
    request = request_of(f"X-Request-ID: {field}")
    assert request.id == expected
    assert type(request.id) is type(expected)


def test_the_id_is_made_where_the_client_sends_none() -> None:
    request = request_of()
    assert isinstance(request.id, UUID)
    assert request.id is request.id
    assert request_of().id != request.id
    assert isinstance(request_of("X-Request-ID: ").id, UUID)


def test_the_header_of_the_id_is_a_setting() -> None:
    assert request_of("X-Amzn-Trace-Id: 7", REQUEST_ID_HEADER="X-Amzn-Trace-Id").id == 7


def test_a_subclass_makes_ids_as_sanics_guide_writes_it() -> None:
    class Numbered(Request):
        @classmethod
        def generate_id(*_: Any) -> int:
            return 4711

    assert request_of(kind=Numbered).id == 4711


def test_a_subclass_may_have_attributes_and_a_context() -> None:
    """Sanic 25.12 ``request_class``, ``make_context``."""

    class Context:
        user = "none"

    class Own(Request):
        tenant = "public"

        @staticmethod
        def make_context() -> Context:
            return Context()

    request: Any = request_of(kind=Own)
    assert request.tenant == "public"
    request.tenant = "acme"
    assert (request.tenant, request_of(kind=Own).ctx.user) == ("acme", "none")
    assert request.ctx is request.ctx


def test_args_group_values_by_name() -> None:
    request = request_of(line="GET /?a=1&b=2&a=3&c=&d HTTP/1.1")
    assert request.args == {"a": ["1", "3"], "b": ["2"]}
    assert request.args.get("a") == "1"
    assert request.args.getlist("a") == ["1", "3"]
    assert request.args.get("c") is None
    assert request.args.getlist("c") == []
    assert request.query_args == [("a", "1"), ("b", "2"), ("a", "3")]


def test_args_are_read_once_for_the_same_options() -> None:
    """Sanic 25.12."""
    request = request_of(line="GET /?a=1&c= HTTP/1.1")
    assert request.args is request.get_args()
    assert request.get_args(keep_blank_values=True) == {"a": ["1"], "c": [""]}
    assert request.get_args(True) is request.get_args(keep_blank_values=True)
    assert request.args == {"a": ["1"]}
    assert request.get_query_args(keep_blank_values=True) == [("a", "1"), ("c", "")]
    assert request.get_query_args() is request.query_args


def test_args_in_another_encoding() -> None:
    request = request_of(line="GET /?a=%E9 HTTP/1.1")
    assert request.args.get("a") == "\ufffd"
    assert request.get_args(encoding="latin-1").get("a") == "é"
    with pytest.raises(BadRequest, match="query of the URL is malformed"):
        request.get_args(errors="strict")


def test_strict_parsing_refuses_as_the_clients_fault() -> None:
    """Sanic lets the ValueError out, which is a 500."""
    with pytest.raises(BadRequest, match="query of the URL is malformed"):
        request_of(line="GET /?a HTTP/1.1").get_args(strict_parsing=True)


def test_a_semicolon_parts_nothing() -> None:
    """CVE-2020-28473 (bottle): a cache in front reads one parameter, and the server must too."""
    assert request_of(line="GET /?a=1;b=2 HTTP/1.1").args == {"a": ["1;b=2"]}


def test_accept_is_read_from_all_its_fields() -> None:
    """RFC 9110 §5.3: fields of one name are a list."""
    request = request_of("Accept: text/html;q=0.5", "Accept: application/json")
    assert request.accept.match("text/html", "application/json") == "application/json"
    assert request.accept is request.accept
    assert request_of().accept.match("a/b") == "a/b"
    with pytest.raises(InvalidHeader):
        request_of("Accept: nonsense").accept.match("a/b")


@pytest.mark.parametrize(
    ("field", "scheme", "token"),
    [
        ("Bearer abc", "Bearer", "abc"),
        ("token abc", "Token", "abc"),
        ("Basic YTpi", "Basic", "YTpi"),
        ("Digest a=b", None, "Digest a=b"),
    ],
)
def test_credentials(field: str, scheme: str | None, token: str) -> None:
    """Sanic 25.12."""
    credentials = request_of(f"Authorization: {field}").credentials
    assert credentials is not None
    assert (credentials.auth_type, credentials.token) == (scheme, token)


def test_basic_credentials_have_a_name_and_a_password() -> None:
    """RFC 7617 §2: only the name has no colon."""
    credentials = request_of("Authorization: Basic w7w6YTpi").credentials
    assert credentials is not None
    assert (credentials.username, credentials.password) == ("ü", "a:b")
    assert "w7w6YTpi" not in repr(credentials)


def test_other_credentials_have_none() -> None:
    credentials = request_of("Authorization: Bearer abc").credentials
    assert credentials is not None
    with pytest.raises(AttributeError, match="Username is available for Basic Auth only"):
        _ = credentials.username
    with pytest.raises(AttributeError, match="Password is available for Basic Auth only"):
        _ = credentials.password


@pytest.mark.parametrize("field", ["Basic", "Basic !!", "Basic YQ==", "Basic //8=", "Basic YTpi YTpi", ""])
def test_malformed_basic_credentials_are_none(field: str) -> None:
    """As in Sanic: who checks them answers 401, and never 500."""
    assert request_of(f"Authorization: {field}").credentials is None


def test_the_token_is_that_of_bearer_and_token() -> None:
    """Sanic 25.12."""
    assert request_of("Authorization: bearer abc").token == "abc"
    assert request_of("Authorization: Token abc").token == "abc"
    assert request_of("Authorization: Basic YTpi").token == "Basic YTpi"
    assert request_of().token is None
    assert request_of().credentials is None


def test_the_url_without_proxies() -> None:
    request = request_of(line="GET /a%20b?c=d HTTP/1.1", host="Example.com:8080")
    assert request.url == "http://Example.com:8080/a%20b?c=d"
    assert (request.host, request.server_name, request.server_port) == (
        "Example.com:8080",
        "example.com",
        8080,
    )
    assert (request.scheme, request.server_path) == ("http", "/a%20b")
    assert request_of().server_port == 80


def test_the_url_over_tls() -> None:
    request = request_of(link=link_of(tls=True))
    assert (request.url, request.server_port) == ("https://example.com/", 443)


def test_the_url_of_a_websocket() -> None:
    request = request_of()
    request.route = SimpleNamespace(extra=SimpleNamespace(websocket=True))
    assert request.url == "ws://example.com/"


@pytest.mark.parametrize(
    ("own", "scheme", "host", "name", "port"),
    [
        ("own.tld", "http", "own.tld", "own.tld", 80),
        ("own.tld:81", "http", "own.tld:81", "own.tld", 81),
        ("https://own.tld", "https", "own.tld", "own.tld", 443),
        ("https://own.tld:8443/x", "https", "own.tld:8443", "own.tld", 8443),
        ("//own.tld", "http", "own.tld", "own.tld", 80),
        ("", "http", "example.com", "example.com", 80),
    ],
)
def test_server_name_is_what_counts_most(own: str, scheme: str, host: str, name: str, port: int) -> None:
    """Sanic 25.12 ``SERVER_NAME``."""
    request = request_of(SERVER_NAME=own)
    assert (request.scheme, request.host, request.server_name, request.server_port) == (
        scheme,
        host,
        name,
        port,
    )


@pytest.mark.parametrize("host", ["a&b", "a%41", "[::1]:80", "a:", "x--"])
def test_no_host_moves_the_path(host: str) -> None:
    """CVE-2026-48710 (starlette): what stands in Host must not become a part of the path."""
    assert request_of(host=host, line="GET /admin HTTP/1.1").url == f"http://{host}/admin"


def test_url_for_asks_the_app() -> None:
    """Sanic 25.12: a whole URL, of the host that the request was for."""

    class App:
        config = request_of().app.config

        def url_for(self, view_name: str, **kwargs: Any) -> str:
            return f"{view_name} {sorted(kwargs.items())}"

    request = request_of(app=App(), host="a:81")
    assert request.url_for("v", b=1) == (
        "v [('_external', True), ('_scheme', 'http'), ('_server', 'a:81'), ('b', 1)]"
    )
    assert "'_server', 'a')" in request_of(app=App(), host="a:80").url_for("v")
    assert request.url_for("v", _external=False) == "v [('_external', False)]"


async def test_url_for_behind_a_proxy(app: Sanic, autojump_clock: object) -> None:
    app.config.PROXIES_COUNT = 1

    @app.get("/items/<id:int>")
    async def item(request: Request, id: int) -> HTTPResponse:
        return text(request.url_for("app.item", id=id + 1))

    told = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.tld"}
    async with running(app) as client:
        assert (await client.get("/items/7", headers=told)).text == "https://shop.tld/items/8"
        assert (await client.get("/items/7", headers={"Host": "a:81"})).text == "http://a:81/items/8"


def test_the_peer() -> None:
    request = request_of(link=link_of(("1.2.3.4", 5), ("6.7.8.9", 80)))
    assert (request.ip, request.port, request.socket) == ("1.2.3.4", 5, ("1.2.3.4", 5))
    assert (request.client_ip, request.remote_addr) == ("1.2.3.4", "")
    assert request.network_paths == []


def test_the_connection() -> None:
    """Sanic 25.12 ``conn_info``."""
    link = link_of(("::1", 5, 0, 0), ("::2", 8000, 0, 0))
    info = request_of(link=link).conn_info
    assert (info.client, info.client_ip, info.client_port) == ("[::1]", "::1", 5)
    assert (info.server, info.server_port) == ("[::2]:8000", 8000)
    assert (info.peername, info.sockname) == (("::1", 5, 0, 0), ("::2", 8000, 0, 0))
    assert (info.ssl, info.cert, info.server_name, info.lost) == (False, {}, "", False)
    assert request_of(link=link_of("", ("1.2.3.4", 80))).conn_info.server == "1.2.3.4"
    assert request_of(link=link_of("", ("1.2.3.4", 80), tls=True)).conn_info.server == "1.2.3.4:80"


def test_the_connection_of_a_unix_socket() -> None:
    info = request_of(link=link_of("", "/run/app.sock")).conn_info
    assert (info.client, info.client_ip, info.client_port, info.peername) == ("", "", 0, None)
    assert (info.server, info.server_port, info.sockname) == ("/run/app.sock", 0, "/run/app.sock")


def test_the_connection_is_one_for_all_its_requests() -> None:
    link = link_of()
    first, second = request_of(link=link), request_of(link=link)
    first.conn_info.ctx.user = "ann"
    assert second.conn_info is first.conn_info
    assert second.conn_info.ctx.user == "ann"
    assert not hasattr(request_of().conn_info.ctx, "user")


def test_what_belongs_to_other_servers_says_so() -> None:
    request = request_of()
    with pytest.raises(AttributeError, match=r"no asyncio transport: request\.conn_info"):
        _ = request.transport
    with pytest.raises(AttributeError, match="no asyncio protocol"):
        _ = request.protocol
    with pytest.raises(NotImplementedError, match="Scope is only available for ASGI apps"):
        _ = request.scope
    with pytest.raises(ServerError, match="only a property of a HTTP/3 request"):
        _ = request.stream_id


def test_annotations_may_say_which_app_and_context() -> None:
    """Source: Sanic 25.12, where the classes are generic."""
    generic: Any = Request
    assert generic[Sanic, SimpleNamespace].__origin__ is Request
    assert (DefaultRequest, DefaultSanic) == (Request, Sanic)


def test_without_a_route_there_is_no_name() -> None:
    request = request_of()
    assert (request.name, request.endpoint, request.uri_template) == (None, None, None)
    assert request.match_info == {}


async def test_with_a_route(app: Sanic, autojump_clock: object) -> None:
    @app.on_request
    async def translate(request: Request) -> None:
        assert request.match_info == {"id": 7}
        request.match_info = {"id": 8}

    @app.get("/items/<id:int>")
    async def item(request: Request, id: int) -> HTTPResponse:
        return text(f"{request.name} {request.endpoint} {request.uri_template} {request.match_info} {id}")

    async with running(app) as client:
        answer = await client.get("/items/7")
    assert answer.text == "app.item app.item /items/<id:int> {'id': 8} 8"


async def test_match_info_is_the_requests_own(app: Sanic, autojump_clock: object) -> None:
    """Source: Sanic 25.12: a dictionary of each request, and what the handler is called with."""

    @app.on_request
    def translate(request: Request) -> None:
        if "lang" in request.args:
            request.match_info["lang"] = request.args.get("lang")

    @app.get("/")
    def handler(request: Request, lang: str = "en") -> HTTPResponse:
        return json([request.match_info, lang])

    async with running(app) as client:
        assert (await client.get("/?lang=de")).json() == [{"lang": "de"}, "de"]
        assert (await client.get("/")).json() == [{}, "en"]


async def test_a_context_lives_as_long_as_its_connection(app: Sanic, autojump_clock: object) -> None:
    @app.get("/")
    async def count(request: Request) -> HTTPResponse:
        ctx = request.conn_info.ctx
        ctx.count = getattr(ctx, "count", 0) + 1
        return text(str(ctx.count))

    async with running(app) as client:
        assert [(await client.get("/")).text for _ in range(3)] == ["1", "2", "3"]
    async with running(app) as client:
        assert (await client.get("/")).text == "1"


def test_a_tls_stream_is_known_as_one() -> None:
    ours, _ = memory_pair()
    over_tls = trio.SSLStream(ours, ssl.create_default_context(), server_hostname="a")
    assert StreamWire(over_tls).tls
    assert not StreamWire(ours).tls


def test_without_a_request_there_is_no_current_one() -> None:
    """Sanic's words."""
    with pytest.raises(ServerError, match="No current request"):
        Request.get_current()
