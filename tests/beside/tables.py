"""The requests, by program; each names the paragraph of Sanic's interface that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tests.beside.requests import Paragraph, Request, basic, frame, multipart

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=BB"
PAGE: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CLOSE: Final = b"Host: a.example\r\nConnection: close\r\n"
CHUNKS: Final = b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"
LONG_CHUNK: Final = b"800\r\n" + b"y" * 0x800 + b"\r\n0\r\n\r\n"
# What the program `answering` can make.
RESPONSES: Final = """
    text text-all text-bytes text-number html html-object html-repr html-number json json-indent
    json-dumps json-none json-nan json-date json-keys json-all json-decimal json-uuid json-tuple
    json-set json-bytes json-enum json-long json-control json-float json-empty json-emoji json-unescaped
    raw raw-text raw-none raw-untyped empty empty-200 redirect redirect-301 redirect-type redirect-lines
    plain plain-204 plain-304 plain-299 plain-205 plain-101 plain-type plain-length plain-wrong-length
    plain-untyped field-list field-number field-float field-none field-true field-object field-empty
    field-space field-tab field-umlaut field-lines field-nul field-name field-vary field-encoding
    nothing a-text bytes a-dict a-tuple
"""
SET_COOKIES: Final = """
    plain all quoted comma quote umlaut empty number lines partitioned partitioned-alone samesite-none
    samesite-lower samesite-off samesite-bad max-age-zero max-age-negative max-age-text max-age-bad
    expires-bad host host-path host-domain host-insecure secure secure-insecure both key-space
    key-reserved key-equals path-semicolon path-none
"""
APP, CONFIG, ROUTING, BLUEPRINTS = Paragraph("1.2"), Paragraph("1.3"), Paragraph("1.4"), Paragraph("1.5")
MIDDLEWARE, LISTENERS, SIGNALS, VIEWS = Paragraph("1.6"), Paragraph("1.7"), Paragraph("1.8"), Paragraph("1.9")
ASKING, ANSWERING, STREAMING, STATIC = (
    Paragraph("1.10"),
    Paragraph("1.11"),
    Paragraph("1.12"),
    Paragraph("1.13"),
)
COOKIES, ERRORS, WEBSOCKETS = Paragraph("1.14"), Paragraph("1.15"), Paragraph("1.16")
NAMES, OLD = Paragraph("1.1"), Paragraph("2")


@dataclass(frozen=True, slots=True)
class Run:
    """A program, what its environment has, and what is asked of it."""

    program: str
    requests: Sequence[Request]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def app() -> Iterator[Request]:
    yield from NAMES.gets("/names", "/names/exceptions", "/constants")
    yield from OLD.gets("/names/gone")
    yield from APP.gets(
        "/app", "/app/names", "/app/late", "/tasks", "/url_for", "/item/5", "/word/x", "/outcomes"
    )
    yield from CONFIG.gets("/config", "/config/defaults", "/config/use", "/config/converters")


def routing() -> Iterator[Request]:
    yield from ROUTING.gets(
        *(
            "/str/a",
            "/str/",
            "/str/a/b",
            "/str/%C3%A4",
            "/str/a%2Fb",
            "/str/a+b",
            "/strorempty/",
            "/strorempty/a",
        ),
        *(
            "/int/7",
            "/int/-7",
            "/int/%31",
            "/int/x",
            "/int/1.5",
            "/string/a",
            "/number/1.5",
            "/number/a",
            "/float/1.5",
            "/float/1",
            "/float/.5",
            "/float/-2.",
        ),
        *(
            "/float/x",
            "/alpha/abc",
            "/alpha/a1",
            "/slug/a-b-1",
            "/slug/A",
            "/slug/-a",
            "/path/a/b/c",
            "/path/a",
        ),
        *("/path/", "/path/a/", "/ymd/2020-02-29", "/ymd/2020-02-30", "/ymd/20-1-1", "/day/2020-01-02"),
        *("/uuid/12345678-1234-5678-1234-567812345678", "/uuid/x", "/ext/a.txt", "/ext/a", "/ext/a.tar.gz"),
        *("/extension/a.jpg", "/extension/a.gif", "/numbered/5.tar.gz", "/numbered/x.tar.gz", "/regex/123"),
        *("/regex/1234", "/group/12.jpg", "/group/a.jpg", "/two/a/1", "/two/a/b", "/mixed/1", "/mixed/a"),
        *("/mixed/fixed", "/unquoted/%C3%A4", "/unquoted/a%2Fb", "/unquoted/path/a%20b/c", "/%C3%BCn%C3%AF"),
        *("/quoted/%C3%A4", "/no/slash", "/own/24", "/own/13"),
        *("/inferred/1/2.5/w/12345678-1234-5678-1234-567812345678", "/inferred/x/2.5/w/y"),
        *("/loose", "/loose/", "/loose/slash", "/loose/slash/", "/strict", "/strict/"),
        *("/strict/slash", "/strict/slash/", "//loose", "/loose//", "/v1/versioned", "/v1.1/versioned"),
        *(
            "/v2/versioned",
            "/api/v3/versioned",
            "/versioned",
            "/v4/versioned",
            "/ctx",
            "/route",
            "/nobody",
            "/",
        ),
        *("/methods?a=1", "/refusals", "/hosted"),
    )
    for host in ("one.example", "two.example", "three.example:8000", "three.example", "ONE.example"):
        yield ROUTING.ask("/hosted", host=host)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        yield ROUTING.ask("/verbs", method=method, body=b"body")
    for method in ("GET", "HEAD", "OPTIONS", "DELETE", "POST"):
        yield ROUTING.ask("/verb", method=method, body=b"body" if method == "DELETE" else b"")
    for method in ("HEAD", "PUT", "OPTIONS", "POST", "get"):
        yield ROUTING.ask("/methods", method=method)
    yield ROUTING.ask("/nobody", method="HEAD")
    yield ROUTING.ask("/body/ignored", body=b"body")
    yield ROUTING.ask("/body/heeded", body=b"body")


def blueprints() -> Iterator[Request]:
    yield from BLUEPRINTS.gets(
        *("/plain", "/plain/", "/plain/item/5", "/plain/item/x", "/plain/fails", "/plain/nobody", "/bare"),
        *("/bare/fails", "/bare/missing", "/hosted/x", "/strict/x", "/strict/x/", "/strict/loose/"),
        *("/v1/versioned/x", "/v2/versioned/two", "/v1/versioned/two", "/parameter/s/x/5", "/v4/copied"),
        *(
            "/v4/copied/item/5",
            "/v4/copied/fails",
            "/copied",
            "/elsewhere/x",
            "/moved/x",
            "/v9/reversioned/x",
        ),
        *(
            "/v1/reversioned/x",
            "/api/v2/outer/inner/one/x",
            "/api/v3/outer/inner/two/x",
            "/v3/outer/inner/two/x",
        ),
        *("/api/v2/outer/alone/x", "/api/v2/outer/alone/fails", "/outer/alone/x", "/prefixed/x", "/facts"),
    )
    yield BLUEPRINTS.ask("/hosted/x", host="one.example")
    yield BLUEPRINTS.post("/plain/item/5")


def order() -> Iterator[Request]:
    yield from MIDDLEWARE.gets(
        "/", "/other", "/fails", "/streams", "/nobody", "/number/5", "/number/5?request=match"
    )
    yield MIDDLEWARE.post("/", b"body")
    yield MIDDLEWARE.post("/number/5")
    for what in ("answers", "empty", "fails", "forbids", "header", "method", "body"):
        yield MIDDLEWARE.ask(f"/?request={what}")
    for what in ("answers", "fails", "forbids", "status", "body", "type", "header", "cookie"):
        yield MIDDLEWARE.ask(f"/?response={what}")
    yield from MIDDLEWARE.gets(
        "/nobody?request=answers", "/nobody?response=answers", "/nobody?response=status"
    )
    yield from MIDDLEWARE.gets(
        "/fails?response=answers", "/fails?response=header", "/streams?response=header"
    )
    yield from LISTENERS.gets("/listeners", "/listeners/refused")
    yield from SIGNALS.gets(
        "/signals", "/signals/both", "/signals/failing", "/signals/unknown", "/signals/quiet"
    )
    yield from SIGNALS.gets("/signals/refused", "/lifecycle/x")


def views() -> Iterator[Request]:
    for target in ("/plain", "/plain/x", "/decorated", "/heads", "/shop/view"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            yield VIEWS.ask(target, method=method, body=b"body" if method == "POST" else b"")
    yield from VIEWS.gets("/built", "/attached", "/attached/", "/v2/by/method", "/name")
    yield VIEWS.ask("/plain", method="PUT")
    yield OLD.post("/streaming", b"x" * 5000)
    yield OLD.ask("/streaming", method="PUT", body=b"x" * 50)
    yield OLD.ask("/streaming")
    yield OLD.post("/stream", b"x" * 5000)
    yield OLD.post("/stream")
    yield OLD.ask("/stream")
    yield OLD.post("/stream/nobody", b"body")
    yield OLD.post("/plain/body", b"body")
    yield from OLD.gets("/cookie/2017", "/stream/2017", "/listener/2017")


def asking() -> Iterator[Request]:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield ASKING.ask("/who/x?a=1", method=method, body=b"body")
    for host in ("example.com", "example.com:80", "[::1]:99", "EXAMPLE.com"):
        yield ASKING.ask("/who/x", host=host)
    yield from ASKING.gets("/who/%C3%A4", "/who/a%20b?", "/who/a+b?x=%20", "http://other.example/who/x?a=1")
    yield ASKING.raw("HTTP/1.0", b"GET /who/x HTTP/1.0\r\nHost: a.example\r\n\r\n")
    yield from ASKING.gets(
        *(
            "/args?a=1&a=2&b=&c&d=%20x+y&e=%C3%A4&f=%FF",
            "/args?=x&&a=1;b=2",
            "/args?a=1&a=%",
            "/args?",
            "/args",
        ),
        *("/args/strict?a=1", "/args/strict?a=%E4", "/args/strict?a", "/parsers"),
    )
    yield from requests_with_fields()
    yield from requests_with_bodies()


def requests_with_fields() -> Iterator[Request]:
    """Give those whose point is a field of their head."""
    for accept in (
        *(
            "text/html;q=0.5, application/json, */*;q=0.1",
            "*/*",
            "text/*",
            "",
            "text/html;q=0",
            "application/json",
        ),
        *("text/html;level=1, text/html", "garbage", "image/png", "text/html;q=0.2, */*;q=0.9"),
    ):
        yield ASKING.ask("/accept", accept=accept)
    yield ASKING.ask("/accept")
    for credentials in (
        *("Bearer abc", "bearer abc", "Token abc", "abc", "Digest x=y", "Bearer", "Basic !!!"),
        *(basic("user:pass"), basic("user:pa:ss"), basic("user")),
    ):
        yield ASKING.ask("/credentials", authorization=credentials)
    yield ASKING.ask("/credentials")
    for cookie in (
        *(
            "a=1; b=2; a=3",
            'a="x y\\073"; b=; c',
            "__Host-a=1; a=2; __Secure-b=3",
            "a=%20x; $v=1",
            "",
            "a=b=c",
            "b=1",
        ),
        *("a = 1 ;b=2", "a=1,b=2"),
    ):
        yield COOKIES.ask("/cookies", cookie=cookie)
    yield COOKIES.raw(
        "two Cookie fields",
        b"GET /cookies HTTP/1.1\r\n" + CLOSE + b"Cookie: a=1\r\nCookie: b=2\r\n\r\n",
    )
    yield ASKING.ask("/headers", x_a="1", x_b="")
    yield ASKING.ask("/headers")
    yield ASKING.raw(
        "one field twice",
        b"GET /headers HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
    )
    for identity in ("7", "-5", "abc", "12345678-1234-5678-1234-567812345678", "0x1"):
        yield ASKING.ask("/id", x_request_id=identity)


def requests_with_bodies() -> Iterator[Request]:
    """Give those whose point is what their body becomes."""
    for body in (b'{"a":1}', b"{bad", b"", b"\xff", b'"x"', b"null", b"NaN", b"[1,"):
        yield ASKING.post("/json", body, content_type="application/json")
    for number in (b"-", b"01", b"1."):
        yield ASKING.post("/json", number, content_type="application/json; odd=1")
    yield ASKING.post("/json", b'{"a":1}')
    yield ASKING.post("/json/twice", b'{"a":1}', content_type="application/json")
    for body in (b"a=1&a=2&b=&c=%C3%A4+x", b"a", b"%FF=%FF", b"", b"a=1;b=2"):
        yield ASKING.post("/form", body, content_type=FORM)
    yield ASKING.post("/form", b"a=%E4", content_type=f"{FORM}; charset=latin-1")
    yield ASKING.post("/form", b"a=1")
    field, again = (
        ('Content-Disposition: form-data; name="a"', b"1"),
        ('Content-Disposition: form-data; name="a"', b"2"),
    )
    file = 'Content-Disposition: form-data; name="f"; filename='
    for parts in (
        [field, again],
        [field, (f'{file}"x.txt"\r\nContent-Type: text/plain', b"hi")],
        [(f'{file}"x.bin"', b"\x00\xff"), (f'{file}"y"\r\nContent-Type: image/png', b"")],
        [(f'{file}""\r\nContent-Type: application/octet-stream', b"")],
        [('content-disposition: form-data; NAME="a"', b"1")],
        [("Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''%e4%bd%a0.txt", b"hi")],
    ):
        yield ASKING.post("/form", multipart(*parts), content_type=MULTIPART)
    yield ASKING.post("/form", multipart(field), content_type='multipart/form-data; boundary="BB"')
    yield ASKING.post("/form", multipart(field), content_type="multipart/form-data")
    yield ASKING.post("/form", multipart(field)[:-9], content_type=MULTIPART)


def forwarded() -> Iterator[Request]:
    fields: dict[str, Any] = {
        "x_forwarded_for": "1.1.1.1, 2.2.2.2, 3.3.3.3",
        "x_forwarded_proto": "https",
        "x_forwarded_host": "fwd.example",
        "x_forwarded_port": "444",
        "x_forwarded_path": "/app",
    }
    yield ASKING.ask("/forwarded")
    yield ASKING.ask("/forwarded", **fields)
    yield ASKING.ask("/forwarded", x_real_ip="9.9.9.9", **fields)
    for value in (
        *('for=1.2.3.4;proto=https;host=f.example:99;path="/p";secret=s3', "for=1.1.1.1;secret=bad"),
        *("for=1.1.1.1, for=2.2.2.2;secret=s3, for=3.3.3.3", 'for=_hidden;secret="s3"'),
        'for="[2001:db8::1]:80";by=s3;proto=HTTPS',
    ):
        yield ASKING.ask("/forwarded", forwarded=value)
    yield ASKING.ask("/forwarded", x_forwarded_for="unknown, ::1", x_scheme="https")


def answering() -> Iterator[Request]:
    yield from ANSWERING.gets(*(f"/made/{name}" for name in RESPONSES.split()))
    for name in ("text", "json", "empty", "plain", "redirect"):
        yield ANSWERING.ask(f"/made/{name}", method="HEAD")
    yield from ANSWERING.gets(*(f"/json/changed/{how}" for how in ("dict", "list", "set_body", "raw_body")))
    yield from ANSWERING.gets("/json/misused", "/attributes", "/raised/NotFound", "/outcome")
    yield from COOKIES.gets(*(f"/cookie/{name}" for name in SET_COOKIES.split()))
    yield from COOKIES.gets(*(f"/cookies/deleted/{how}" for how in ("plain", "added", "all", "host")))
    yield from COOKIES.gets("/cookies/jar", "/cookies/same", "/cookies/paths")


def streaming() -> Iterator[Request]:
    for target in ("/read", "/iterate", "/receive", "/limited", "/unread", "/refused", "/echo", "/body"):
        for body in (b"", b"hello", b"x" * 1000, b"x" * 1001):
            yield STREAMING.post(target, body)
        for name, body in (("chunks", CHUNKS), ("a long chunk", LONG_CHUNK)):
            head = f"POST {target} HTTP/1.1\r\n".encode() + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n"
            yield STREAMING.raw(f"{name} to {target}", head + body)
        yield STREAMING.post(target, b"hello", expect="100-continue")
        yield STREAMING.post(target, b"hello", expect="foo")
        yield STREAMING.ask(target)
    yield from STREAMING.gets(
        *(
            "/pieces",
            "/ended",
            "/only-eof",
            "/nothing-sent",
            "/empty-pieces",
            "/status",
            "/untyped",
            "/numbers",
            "/prepared",
        ),
        *("/prepared/returned", "/prepared/more", "/prepared/cookie", "/with", "/late/fields", "/length"),
        *(
            "/length/less",
            "/204",
            "/second",
            "/after/end",
            "/last?end",
            "/after/length",
            "/last?length",
            "/ignored",
            "/reset",
        ),
        *("/fails/before", "/fails/midway"),
    )
    yield STREAMING.ask("/pieces", method="HEAD")
    yield STREAMING.raw("HTTP/1.0", b"GET /pieces HTTP/1.0\r\nHost: a\r\n\r\n")
    yield OLD.raw("not HTTP", b"garbage\r\n\r\n")
    yield OLD.raw("no Host", b"GET /pieces HTTP/1.1\r\nConnection: close\r\n\r\n")
    yield OLD.raw("bad length", b"POST /body HTTP/1.1\r\n" + CLOSE + b"Content-Length: x\r\n\r\n")
    yield OLD.raw("long field", b"GET /pieces HTTP/1.1\r\n" + CLOSE + b"X: " + b"y" * 20_000 + b"\r\n\r\n")
    yield OLD.raw("long target", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")


def files() -> Iterator[Request]:
    yield from STATIC.gets(
        *(f"/s/{name}" for name in ("a.txt", "b.html", "c.js", "d.css", "e.json", "noext", "g.svg", "h.PNG")),
        *(
            "/s/%C3%BC%20%C3%B6.txt",
            "/s/a+b.txt",
            "/s/100%25.txt",
            "/s/.hidden",
            "/s/sub/x.txt",
            "/s/sub",
            "/s/sub/",
        ),
        *(
            "/s/missing",
            "/s/inside",
            "/s/link",
            "/s/linked/k",
            "/s/broken",
            "/s/../secret.txt",
            "/s/..%2fsecret.txt",
        ),
        *(
            "/s/%2e%2e/secret.txt",
            "/s/sub/../a.txt",
            "/s//etc/passwd",
            "/s/sub//x.txt",
            "/s/a.txt/",
            "/s/a.txt%00",
        ),
        *("/s/sub%2Fx.txt", "/s/a.txt?x=1", "/s", "/s/", "/s/A.TXT", "/s/t.tar.gz", "/s/empty.txt"),
        *("/index/", "/index", "/index/sub/", "/index/sub", "/index/empty/", "/indexes/", "/index/a.txt"),
        *("/view/a.txt", "/view/missing/", "/follow/link", "/follow/linked/k", "/one", "/one/", "/typed"),
        *("/pattern/a.txt", "/pattern/b.html", "/pattern/sub/x.txt", "/strict", "/strict/", "/hosted/a.txt"),
        *("/group/versioned/s/a.txt", "/v1/group/versioned/s/a.txt", "/homed/s/a.txt"),
        *("/shop/s/a.txt", "/large/a.txt", "/unmodified/a.txt", "/urls", "/ranges/missing"),
    )
    yield STATIC.ask("/view/", accept="text/html")
    yield STATIC.ask("/hosted/a.txt", host="one.example")
    yield STATIC.ask("/homed/s/a.txt", host="one.example")
    for method in ("HEAD", "POST", "OPTIONS"):
        for target in ("/s/a.txt", "/large/a.txt", "/s/missing"):
            yield STATIC.ask(target, method=method)
    for part in (
        *(
            "bytes=0-3",
            "bytes=2-",
            "bytes=-2",
            "bytes=0-999",
            "bytes=50-60",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=-",
        ),
        *("bytes=", "bytes", "items=0-1", "bytes=0-0", "bytes=0-1,3-4", "bytes=-0", "bytes=-999"),
    ):
        yield STATIC.ask("/ranges/a.txt", range=part)
        yield STATIC.ask("/range", range=part)
    yield STATIC.ask("/ranges/a.txt", method="HEAD", range="bytes=0-3")
    yield STATIC.ask("/s/a.txt", range="bytes=0-3")
    yield STATIC.ask("/large/a.txt", range="bytes=0-3")
    for moment in (
        "Sun, 13 Sep 2020 12:26:40 GMT",
        "Sun, 13 Sep 2020 12:26:39 GMT",
        "not a date",
        "Tue, 01 Jan 2030 00:00:00 GMT",
    ):
        for target in ("/s/a.txt", "/unmodified/a.txt", "/file/validated", "/validate"):
            yield STATIC.ask(target, if_modified_since=moment)
    for how in (
        "plain",
        "typed",
        "named",
        "named-umlaut",
        "max-age",
        "no-store",
        "unmodified",
        "modified",
        "missing",
    ):
        yield ANSWERING.ask(f"/file/{how}")
    yield ANSWERING.ask("/stream")
    yield ANSWERING.ask("/stream", method="HEAD")


def failing() -> Iterator[Request]:
    names = """
        NotFound BadRequest InvalidUsage BadURL ServerError InternalServerError ServiceUnavailable
        URLBuildError RequestTimeout PayloadTooLarge HeaderNotFound InvalidHeader ExpectationFailed
        HeaderExpectationFailed Forbidden Unauthorized InvalidSignal SanicException HTTPException
        LoadFileException WebsocketClosed
    """
    for name in names.split():
        yield ERRORS.ask(f"/raise/{name}")
        yield ERRORS.ask(f"/raise/{name}/full")
    yield from ERRORS.gets(
        "/coded/418", "/coded/299", "/coded/777", "/uncommented/404", "/uncommented/418", "/facts"
    )
    yield from ERRORS.gets(
        *(
            f"/special/{name}"
            for name in ("method", "range", "basic", "digest", "bearer", "teapot", "teapot-own")
        ),
        *(
            f"/special/{name}"
            for name in ("value", "group", "own", "derived", "broken", "silent", "lines", "special")
        ),
        *(f"/special/{name}" for name in ("timeout", "bytes", "base-503")),
    )
    for kind in ("json", "html", "text", "auto"):
        yield ERRORS.ask(f"/format/{kind}")
        yield ERRORS.ask(f"/format/{kind}/unexpected")
    yield from ERRORS.gets("/inferred/json", "/inferred/html", "/inferred/text", "/nobody")
    for target in ("/raise/NotFound/full", "/special/value", "/special/basic", "/nobody", "/format/json"):
        for accept in (
            "application/json",
            "text/plain",
            "*/*",
            "application/xml",
            "application/json, text/html;q=0.5",
            PAGE,
        ):
            yield ERRORS.ask(target, accept=accept)
    for content_type, body in (("application/json", b"{}"), (FORM, b"a=1"), ("text/html", b"x")):
        yield ERRORS.post("/raise/NotFound", body, content_type=content_type)
    yield ERRORS.ask("/raise/NotFound", method="HEAD")
    yield ERRORS.ask("/facts", method="POST")
    yield ERRORS.ask("/facts", method="POST", accept="application/json")


def talking() -> Iterator[Request]:
    fields: dict[str, Any] = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec_websocket_version": "13",
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    bye = frame(8, b"\x03\xe8")

    def ask(name: str, target: str, *then: tuple[int, bytes], **more: Any) -> Request:
        return WEBSOCKETS.raw(name, WEBSOCKETS.ask(target, **(fields | more)).raw, then)

    hello, umlaut, binary = frame(1, b"hello"), frame(1, "ä".encode()), frame(2, b"\x00\xff")
    yield ask("echo", "/echo", (0, hello), (1, umlaut), (2, binary), (3, bye))
    yield ask("ping", "/echo", (0, frame(9, b"are you there")), (1, bye))
    yield ask("close without a code", "/echo", (0, frame(8, b"")))
    yield ask("kinds", "/kinds", (0, frame(1, b"a")), (1, frame(2, b"b")), (2, frame(1, b"")), (3, bye))
    yield ask("no subprotocol", "/subprotocols", (1, bye))
    yield ask("subprotocol", "/subprotocols", (1, bye), sec_websocket_protocol="one, three, two")
    yield ask("unknown subprotocol", "/subprotocols", (1, bye), sec_websocket_protocol="one")
    yield ask("parameter", "/greeting/you", (1, bye))
    yield ask("closed by the handler", "/closes", (1, frame(8, b"\x0f\xa1")))
    yield ask("failing handler", "/fails", (1, bye))
    yield ask("misused", "/misused", (3, bye))
    yield ask("added", "/added", (1, bye))
    yield ask("of a blueprint", "/shop/feed", (1, bye))
    yield ask("not a websocket's", "/plain", connection="Upgrade, close")
    yield ask("no route", "/nobody", connection="Upgrade, close")
    yield ask("unmasked", "/echo", (0, b"\x81\x02hi"), (1, frame(8, b"\x03\xea")))
    yield ask("old version", "/echo", sec_websocket_version="8", connection="Upgrade, close")
    yield WEBSOCKETS.ask("/echo")
    yield WEBSOCKETS.ask("/echo", method="POST")


def idioms() -> Iterator[Request]:
    me, todo = "Bearer ada", b'{"what": "tea"}'
    yield VIEWS.ask("/v1/todos")
    yield VIEWS.post("/v1/todos", todo, authorization=me)
    yield VIEWS.post("/v1/todos", b"{", authorization=me)
    yield VIEWS.post("/v1/todos", b"x" * 600, authorization=me)
    yield VIEWS.ask("/v1/todos/1", authorization=me)
    yield VIEWS.ask("/v1/todos/1", method="DELETE", authorization=me)
    yield VIEWS.ask("/v1/todos/1?again", authorization=me)
    yield VIEWS.ask("/v1/todos/x", authorization=me)
    yield VIEWS.ask("/v1/todos", method="PATCH", authorization=me)
    for method in ("POST", "PUT"):
        yield VIEWS.ask("/mixed", method=method, body=b"body")
    for method in ("GET", "POST", "DELETE"):
        yield ROUTING.ask("/split/5", method=method)
    yield ROUTING.ask("/annotated/5")
    yield from STATIC.gets("/shelf/files/", "/shelf/files/b.html")
    yield ERRORS.ask("/passed")
    yield COOKIES.post("/login", b"user=ada", content_type=FORM)
    yield COOKIES.post("/login")
    yield CONFIG.ask("/settings", cookie="user=ada")
    for target in ("/fails/value", "/fails/quietly", "/nobody/"):
        for accept in ("image/png", "application/json", "*/*"):
            yield ERRORS.ask(target, accept=accept)
    yield ERRORS.ask("/nobody/", accept="garbage")
    yield from ERRORS.gets("/rendered/text", "/rendered/json", "/rendered/chosen")
    yield ERRORS.ask("/rendered/chosen", accept="application/json")
    yield from NAMES.gets("/errors", "/names")


RUNS: Final[Mapping[str, Run]] = {
    "app": Run("app", [*app()]),
    "routing": Run("routing", [*routing()]),
    "blueprints": Run("blueprints", [*blueprints()]),
    "order": Run("order", [*order()]),
    "views": Run("views", [*views()]),
    "asking": Run("asking", [*asking()]),
    "behind one proxy": Run("asking", [*forwarded()], {"SANIC_PROXIES_COUNT": "1"}),
    "real IP": Run("asking", [*forwarded()], {"SANIC_REAL_IP_HEADER": "x-real-ip"}),
    "forwarded secret": Run("asking", [*forwarded()], {"SANIC_FORWARDED_SECRET": "s3"}),
    "not behind a proxy": Run("asking", [*forwarded()], {"SANIC_SERVER_NAME": "https://srv.example:9/x"}),
    "answering": Run("answering", [*answering()]),
    "streaming": Run("streaming", [*streaming()]),
    "files": Run("files", [*files()]),
    "failing": Run("failing", [*failing()]),
    "failing, as JSON": Run("failing", [*failing()], {"SANIC_FALLBACK_ERROR_FORMAT": "json"}),
    "talking": Run("talking", [*talking()]),
    "idioms": Run("idioms", [*idioms()]),
}
