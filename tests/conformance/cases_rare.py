"""Cases of our own, of what is rarer: more forms of the same kinds, and what they do to a connection."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from tests.conformance.case import (
    CHUNKED,
    GET,
    SEEN,
    Case,
    broken,
    each,
    get,
    head,
    last,
    post,
    refused,
    taken,
)
from tests.conformance.play import State

_LAST: Final = b"0\r\n\r\n"
_HELLO: Final = b"5\r\nhello\r\n"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_posted: Final = partial(taken, seen="POST /", body=b"hello")
_unknown: Final = partial(refused, status=501)
_foreign: Final = partial(refused, status=505)


def _lines() -> Iterator[Case]:
    line = "RFC 9112 3"
    yield from each(
        refused, "no request line", line, lambda text: head(text, b"Host: a"),
        b"GET\t/\tHTTP/1.1", b"GET / HTTP/1.1\tx", b"GET /a b HTTP/1.1", b"GET / HTTP/1.1;",
        b"GET /\xff HTTP/1.1",
        b"GET / HTTP/1.1,HTTP/1.0", b": / HTTP/1.1", b"Host: a", b"\0GET / HTTP/1.1", b"GET / HTTP",
        b"GET / HTTP/",
        b"GET http://a/\0 HTTP/1.1", b"GET / HTTP/1.1\x1b",
    )  # fmt: skip
    yield from each(
        refused, "method", "RFC 9110 9.1", lambda method: head(method + b" / HTTP/1.1", b"Host: a"),
        b"GET;", b"GET=1", b"GE T", b"[GET]", b"{GET}", b"GET@", b"<GET>", b"GET\\", b"\x7fGET", b"G\tET",
        b"GET,POST",
    )  # fmt: skip
    version = "RFC 9112 2.3"
    yield from each(
        _foreign, "version", version, lambda text: get(version=text), b"HTTP/1.3", b"HTTP/2.1", b"HTTP/4.0",
        b"HTTP/0.1"
    )  # fmt: skip
    yield from each(
        refused, "version", version, lambda text: get(version=text),
        b"HTTP/2", b"HTTP/0.99", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP/1:1", b"HTTP/1_1", b"HTTP/a.b",
        b"HTTP/0x1.1",
        b"HTTP/-1.1", b"TTP/1.1", b"HTTTP/1.1", b"HTTP/1.1\xc2\x85",
    )  # fmt: skip
    yield _foreign("the preface of HTTP/2", "RFC 9113 3.4", _PREFACE + b"\0\0\0\x04\0\0\0\0\0")


def _targets() -> Iterator[Case]:
    source = "RFC 9112 3.2"
    yield from each(
        refused, "target", source, lambda text: get(target=text),
        b"http://a:65536/", b"http://a\t/", b"https:///", b"httpss://a/", b"http:://a/", b"*/", b"*?x", b"..",
        b"./x",
        b"@/", b"http://.a/", b"http://%61/", b"[::1]:443", b"<http://a/>", b'"/"',
    )  # fmt: skip
    for target, seen in (
        *(
            ("http://a/?", "/?"),
            ("http://a??x", "/??x"),
            ("HtTpS://A", "/"),
            ("http://a//", "//"),
            ("//", "//"),
        ),
        *(
            ("http://a/?http://b/", "/?http://b/"),
            ("/:80", "/:80"),
            ("/%2e%2e/", "/%2e%2e/"),
            ("/%FF", "/%FF"),
        ),
        *(("/<>\"'", "/<>\"'"), ("/[]^`{|}~", "/[]^`{|}~")),
    ):
        yield taken(f"target {target}", source, get(target=target.encode()), f"GET {seen}")
    for host in ("[::1]:80", "1.2.3.4", "a.b:8080"):
        data = head(f"GET http://{host}/x HTTP/1.1".encode(), f"Host: {host}".encode())
        yield taken(f"target http://{host}/x", source, data, "GET /x")
    yield from each(
        refused, "an authority that Host repeats", source,
        lambda text: head(b"GET http://" + text + b"/ HTTP/1.1", b"Host: " + text),
        b"u@a", b"a:x", b"[::g]", b"a,b", b"a%", b":80",
    )  # fmt: skip
    yield from each(
        _unknown, "CONNECT", source, lambda text: head(b"CONNECT " + text + b" HTTP/1.1", b"Host: a"),
        b"*:1", b":1", b"a:99999", b"?", b"a:80/x",
    )  # fmt: skip
    yield _unknown("CONNECT of HTTP/1.0", source, head(b"CONNECT a:80 HTTP/1.0"))
    yield refused("CONNECT without Host", source, head(b"CONNECT a:80 HTTP/1.1"))
    size = 8192 - len(b"http://a/")
    whole = b"http://a/" + b"y" * size
    yield taken("the largest absolute target", "http-rules 0", get(target=whole), "GET /" + "y" * size)
    yield refused("an absolute target one byte larger", "http-rules 0", get(target=whole + b"y"), 414)
    asked = b"OPTIONS * HTTP/1.1"
    server = "RFC 9110 9.3.7"
    for name, text in (
        ("and close", head(asked, b"Host: a", b"Connection: close")),
        ("of 1.0", head(asked[:-1] + b"0")),
    ):
        yield Case(f"OPTIONS * {name}", server, text + GET, (200,), State.CLOSED, ())
    data = head(b"TRACE / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"hello" + GET
    yield Case("TRACE with a body", "RFC 9110 9.3.8", data, (405, 200), State.OPEN, ("TRACE /", SEEN))


def _hosts() -> Iterator[Case]:
    source = "RFC 9112 3.2, RFC 3986 3.2.2"
    yield from each(
        refused, "host", source, lambda text: head(b"GET / HTTP/1.1", b"Host: " + text),
        b"[::1]]", b"[[::1]]", b"[::1]a:80", b"[::1]:x", b"[::1]:-1", b"[fe80::1%eth0]", b"[v1.fe80::a+en1]",
        b"[1:2:3:4:5:6:7]", b"[1:2:3:4:5:6:7:8:9]", b"[12345::]", b"[::256.1.1.1]", b"[::1.2.3]",
        b"[::01.2.3.4]",
        b"[ ::1]", b"[::1 ]", b"[::1]/x", b"a[::1]", b"a:65540", b"a:70000", b"a:000080", b"a:1e3", b"a:0x50",
        b"a:\xc2\xb2",
        b"a%g0", b"%", b"a%%41", b"a\tb", b"a;b,c", b",a", b"//a", b"a:80/", b"a:80?", b"a:80#x", b"a:80@b",
        b"a::80",
        b"a:80:",
    )  # fmt: skip
    for host in (
        *(
            "a:9999",
            "a:10000",
            "a:59999",
            "a:60000",
            "a:65529",
            "a:65530",
            "[::]",
            "[::]:65535",
            "[::1]:",
            "http:",
        ),
        *(
            "[1:2:3:4:5:6:7:8]",
            "[1::8]:0",
            "[::FFFF:0.0.0.0]",
            "-",
            "~",
            "%00",
            "%41%42",
            "256.256.256.256",
            ".",
        ),
    ):
        data = head(b"GET /host HTTP/1.1", b"Host: " + host.encode())
        yield taken(f"host {host}", source, data, "GET /host", f"http://{host}/host".encode())
    yield from each(
        refused, "the Host line", source, lambda text: head(b"GET / HTTP/1.1", text),
        b"Host : a", b"Host\t: a", b"Host; a", b"Host= a", b"Hos\xc5\xa3: a", b"Host: a\r\nX: y\r\nHost: a",
        b"Host: a\r\n b",
    )  # fmt: skip


def _framings() -> Iterator[Case]:
    source = "RFC 9112 6"
    yield from each(
        refused, "length", source, lambda text: post(b"Content-Length: " + text) + b"hello",
        b"5\t5", b"5,", b",5", b"5,6", b"5 ,5", b"--5", b"5-", b"05h", b"5L", b"\x005", b"5\r",
        b"\xef\xbc\x95", b"%35",
        b"infinity", b"chunked", b"5\r\n ", b"1" * 19,
    )  # fmt: skip

    def coded(text: bytes) -> bytes:
        return post(b"Transfer-Encoding: " + text) + _HELLO + _LAST

    yield from each(
        refused, "coding", source, coded,
        b"chunked,\t", b",,chunked", b"CHUNKED, chunked", b"chunked;", b"chunked=1", b"chunked/1",
        b"chunked\r\n ",
        b"identity;q=0", b"deflate", b"compress, gzip", b"gzip;q=1, chunked", b"(chunked)",
        b"chunked\xe2\x80\x8b",
        b"chunked, gzip, chunked", b"chunked\x1f", b"chunked\x0b, chunked", b"Identity",
    )  # fmt: skip
    yield from each(
        _unknown, "coding", source, coded, b"deflate, chunked", b"gzip,chunked", b"chunked-x", b"chunked.",
        b"*", b"0"
    )  # fmt: skip
    yield from each(_posted, "coding", source, coded, b"cHuNkEd", b"  \t chunked \t")
    for name, fields in (
        ("a length, and identity", (b"Content-Length: 5", b"Transfer-Encoding: identity")),
        ("a length, and an unknown coding", (b"Content-Length: 5", b"Transfer-Encoding: x")),
        ("a length, and a list of codings", (b"Content-Length: 5", b"Transfer-Encoding: gzip, chunked")),
        ("two lengths, and chunked", (b"Content-Length: 5", b"Content-Length: 5", CHUNKED)),
        ("chunked twice, apart", (CHUNKED, b"X: y", CHUNKED)),
    ):
        yield refused(name, source, post(*fields) + _HELLO + _LAST)
    yield from each(
        refused, "in HTTP/1.0", "RFC 9112 6.1", lambda text: get(text, version=b"HTTP/1.0") + _HELLO + _LAST,
        b"Transfer-Encoding: identity", b"Transfer-Encoding:",
        b"Transfer-Encoding: x", CHUNKED + b"\r\nConnection: keep-alive",
        CHUNKED + b"\r\nContent-Length: 5",
    )  # fmt: skip
    for field in (
        b"Content-Length-X: 9",
        b"X-Content-Length: 9",
        b"Content_Length: 9",
        b"Transfer-Encodin: chunked",
    ):
        yield taken(f"no framing: {field.decode()}", source, get(field))


def _chunks() -> Iterator[Case]:
    size = "RFC 9112 7.1"

    def sized(text: bytes) -> bytes:
        return post(CHUNKED) + text + b"\r\nhello\r\n" + _LAST

    yield from each(
        broken, "chunk size", size, sized,
        b"0X5", b"x5", b"5x", b"%35", b"5:", b"5=", b"(5)", b"5 5", b" \t5", b"--5", b"5-", b"\xef\xbc\x95",
        b"5\x85", b"5\x7f",
        b"f" * 16 + b"0", b"0" * 17, b"0x", b"5 ;", b"5; ", b"5;a==b", b'5;"a"', b"5;a='b c'", b'5;a="b"x',
        b'5;a="b\\\0"',
        b"5;a=b\\", b"5;a=b;;c", b"5;a:b", b"5;a\r;b", b'5;a="b\n"', b"5;a=b,c=d", b"5:a",
    )  # fmt: skip
    yield from each(
        _posted, "chunk size", size, sized,
        b"00000005", b"5;x-y", b"5;a=0", b"5;A=B;C", b"5 ; a", b"5;a =b", b"5;a= b", b'5;a="b;c=d"',
        b'5;a="\\\\"', b'5;a="b\t"',
        b"5;!#$%&'*+-.^_`|~=1",
    )  # fmt: skip
    yield from each(
        broken, "the end of chunks", size, lambda text: post(CHUNKED) + _HELLO + text,
        b"0;\r\n\r\n", b"0 \r\n\r\n", b"-0\r\n\r\n", b"0x0\r\n\r\n", b"0" * 17 + b"\r\n\r\n", b"0\r\r\n\r\n",
        b"0\n\n", b"\r\n",
        b"0\r\n\r\r\n", b"0;a=\r\n\r\n",
    )  # fmt: skip
    yield from each(
        broken, "data end", size, lambda text: post(CHUNKED) + b"5\r\nhello" + text + _LAST,
        b"\n\n", b"\r\r", b"\rX", b"X\n", b"\t\r\n", b"\0\r\n", b"0\r\n",
    )  # fmt: skip
    trailer = "RFC 9110 6.5.1"

    def trailed(text: bytes) -> bytes:
        return post(CHUNKED) + _HELLO + b"0\r\n" + text + b"\r\n\r\n"

    yield from each(
        _posted, "trailer", trailer, trailed, b"X: \xff", b"X:\ty\t", b"x-content-length: 5", b"Date: x"
    )
    yield from each(
        broken, "trailer", trailer, trailed,
        b"TRANSFER-ENCODING: x", b"Keep-Alive: x", b"If-None-Match: x", b"If-Range: x", b"X\t: y", b"X\0: y",
        b"X: y\0",
        b"\tX: y", b"X: y\r\n\tz", b"X Y: z", b"X: y\r\n: z",
    )  # fmt: skip
    whole = b"X: " + b"y" * (8192 - 3)
    yield _posted("trailers of REQUEST_MAX_TRAILER_SIZE", "http-rules 0", trailed(whole))
    yield broken("trailers one byte larger", "http-rules 0", trailed(whole + b"y"))


def _connections() -> Iterator[Case]:
    source = "RFC 9112 9.3, 9.6"
    yield from each(
        last, "Connection", source, lambda text: get(b"Connection: " + text),
        b"close, TE", b"TE,close", b"close,keep-alive", b"cLoSe", b",,close", b"close,", b"close\t,x",
    )  # fmt: skip
    yield from each(
        taken, "Connection", source, lambda text: get(b"Connection: " + text),
        b"clos", b"closee", b"close;q=1", b"close=1", b"not-close", b"close x", b"cl\xc5\xbfose", b"TE",
        b"\xe9",
    )  # fmt: skip
    old = partial(get, version=b"HTTP/1.0")
    yield from each(
        taken, "HTTP/1.0 and", source, lambda text: old(b"Connection: " + text), b"KEEP-ALIVE",
        b"x,keep-alive", b", keep-alive"
    )  # fmt: skip
    yield from each(
        last, "HTTP/1.0 and", source, lambda text: old(b"Connection: " + text),
        b"keep-alive=1", b"keepalive", b'"keep-alive"', b"",
    )  # fmt: skip
    yield last("HTTP/1.0 and a Keep-Alive", source, old(b"Keep-Alive: timeout=5"))
    data = head(b"POST / HTTP/1.0") + b"hello"
    yield last("HTTP/1.0 without a length has no body", "RFC 9112 6.3", data, "POST /")
    data = head(b"HEAD / HTTP/1.0", b"Connection: keep-alive") + GET
    yield Case("HEAD of HTTP/1.0", source, data, (200, 200), State.OPEN, ("HEAD /", SEEN), methods=("HEAD",))
    data = head(b"HEAD / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"hello" + GET
    yield Case("HEAD with a body", source, data, (200, 200), State.OPEN, ("HEAD /", SEEN), methods=("HEAD",))
    for method in ("DELETE", "OPTIONS", "PATCH", "PUT"):
        data = head(f"{method} / HTTP/1.1".encode(), b"Host: a", CHUNKED) + _HELLO + _LAST
        yield taken(f"{method} with chunks", source, data, f"{method} /")


def _pipelines() -> Iterator[Case]:
    source = "RFC 9112 9.3.2; CVE-2024-49768"
    for name, bad, status in (
        ("TE.CL", post(CHUNKED, b"Content-Length: 5") + _HELLO, 400),
        ("no host", head(b"GET / HTTP/1.1"), 400),
        ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400),
        ("the preface of HTTP/2", _PREFACE, 505),
        ("HTTP/0.9", b"GET /\r\n\r\n", 400),
        ("a response", b"HTTP/1.1 200 OK\r\n\r\n", 400),
        ("HTTP/1.0 with chunks", get(CHUNKED, version=b"HTTP/1.0"), 400),
    ):
        for what, first in (
            ("a body", post(b"Content-Length: 5") + b"hello"),
            ("chunks", post(CHUNKED) + _HELLO + _LAST),
        ):
            data = first + bad + GET
            yield Case(
                f"{name} behind {what}", source, data, (200, status), State.CLOSED, ("POST /",), plain=True
            )
    data = post(b"Content-Length: 6") + b"hello" + GET
    yield Case("the next request as content", source, data, (200, 405), State.OPEN, ("POST /", "ET /next"))
    waited = "RFC 9112 8"
    for name, data in (
        ("a line", b"GET / HT"),
        ("an empty line", b"\r\n"),
        ("a head", b"GET / HTTP/1.1\r\nHost: a\r\n\r"),
        ("the end of a chunk", post(CHUNKED) + b"5\r\nhello\r"),
        ("a chunk size", post(CHUNKED) + b"5\r"),
        ("a chunk extension", post(CHUNKED) + b'5;a="'),
        ("trailers", post(CHUNKED) + b"0\r\nX: y\r\n\r"),
    ):
        yield Case(f"half of it is waited for: {name}", waited, data, (), State.TIMED_OUT, ())


RARE: Final = (
    *_lines(),
    *_targets(),
    *_hosts(),
    *_framings(),
    *_chunks(),
    *_connections(),
    *_pipelines(),
)
