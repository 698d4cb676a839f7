"""Cases of our own, of chunked bodies, and of what follows on a connection."""

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
_posted: Final = partial(taken, seen="POST /")


def _unexpected(name: str, source: str, data: bytes) -> Case:
    """What follows is a body or a request: whoever takes it for one of them can be made to err."""
    return Case(name, source, data, (417,), State.CLOSED, ())


def _sized(line: bytes) -> bytes:
    return post(CHUNKED) + line + b"\r\nhello\r\n" + _LAST


def _trailed(fields: bytes) -> bytes:
    return post(CHUNKED) + _HELLO + b"0\r\n" + fields + b"\r\n\r\n"


def _chunks() -> Iterator[Case]:
    size = "RFC 9112 7.1; http-rules 1.3"
    yield from each(
        broken, "chunk size", size, _sized,
        b"", b" 5", b"\t5", b"5 ", b"5\t", b"5\x0b", b"5\0", b"+5", b"-5", b"-0", b"0x5", b"5h", b"5_0",
        b"5.0", b"g", b"\xb2",
        b"\xd9\xa5", b'"5"', b"5,5", b"0" * 16 + b"5", b"f" * 17, b"5\n", b"5\r", b"\n5", b"\r\n5", b"5\r\r",
        b"\x00", b"\xa05",
    )  # fmt: skip
    yield from each(
        partial(_posted, body=b"hello"), "chunk size", size, _sized,
        b"5", b"05", b"0005", b"0" * 15 + b"5",
    )  # fmt: skip
    ext = "RFC 9112 7.1.1; http-rules 0, 1.3"
    yield from each(
        partial(_posted, body=b"hello"), "chunk extension", ext, _sized,
        b"5;a", b"5;a=b", b"5;a;b=c", b"5 ;a", b"5; a = b", b"5\t;\ta", b'5;a="b c"', b'5;a=""',
        b'5;a="\\""', b'5;a=";"', b'5;a="\xe9"',
        b"5;" + b"a" * 255,
    )  # fmt: skip
    yield from each(
        broken, "chunk extension", ext, _sized,
        b"5;", b"5;;a", b"5;a;", b"5;=b", b"5;a=", b"5;a b", b"5;a=b c", b"5;a=b=c", b'5;a="b', b'5;a="b"c',
        b'5;a="\\', b"5;(a)", b"5;a,b",
        b"5;a\0", b"5;a=\x01", b'5;a="\x7f"', b'5;a="\x0b"', b"5;a\x0b", b"5;\xe9", b"5;a\n", b"5;a\nhello",
        b"5;a\r", b'5;a="\r"', b"5;a ",
        b"5;" + b"a" * 256,
    )  # fmt: skip
    chunk = b"1;" + b"a" * 255 + b"\r\nx\r\n"
    yield _posted("chunk extensions of 8 KiB", ext, post(CHUNKED) + chunk * 32 + _LAST, body=b"x" * 32)
    yield broken("chunk extensions of more than 8 KiB", ext, post(CHUNKED) + chunk * 33 + _LAST)
    end = "RFC 9112 7.1; CVE-2025-43859"
    yield from each(
        broken, "after the chunk", end, lambda text: post(CHUNKED) + b"5\r\nhello" + text + _LAST,
        b"", b"\n", b"\r", b"\n\r", b"\r\r\n", b"XX", b"\0\0", b"  ", b" \r\n", b"\r\n\r\n",
    )  # fmt: skip
    yield from each(
        broken, "a chunk longer or shorter than it says", end, lambda text: post(CHUNKED) + text + _LAST,
        b"6\r\nhello\r\n", b"4\r\nhello\r\n", b"7\r\nhello\r\n", b"0\r\nhello\r\n",
    )  # fmt: skip
    yield from each(
        partial(_posted, body=b""), "the last chunk", size, lambda text: post(CHUNKED) + text + b"\r\n",
        b"0\r\n", b"000\r\n", b"0;a=b\r\n",
    )  # fmt: skip
    yield _posted("CRLF as content", size, post(CHUNKED) + b"2\r\n\r\n\r\n" + _LAST, body=b"\r\n")
    yield _posted("chunks as content", size, post(CHUNKED) + b"5\r\n0\r\n\r\n\r\n" + _LAST, body=_LAST)
    yield _posted(
        "all bytes as content",
        size,
        post(CHUNKED) + b"100\r\n%b\r\n" % bytes(range(256)) + _LAST,
        body=bytes(range(256)),
    )
    data = post(CHUNKED) + b"f" * 16 + b"\r\nhello"
    yield Case("a chunk of 16 digits is waited for", "http-rules 0", data, (), State.TIMED_OUT, ())


def _trailers() -> Iterator[Case]:
    source = "RFC 9110 6.5.1, RFC 9112 7.1.2; http-rules 1.3"
    yield from each(
        partial(_posted, body=b"hello"), "trailer", source, _trailed,
        b"X: y", b"X:", b"Server-Timing: a", b"ETag: \"a\"", b"Digest: a\r\nX: y", b"X: \xc3\xa9",
        b"\r\n".join([b"X: y"] * 32), b"X: " + b"y" * 8000,
    )  # fmt: skip
    yield from each(
        broken, "trailer", source, _trailed,
        b"Content-Length: 5", b"content-length: 5", b"Transfer-Encoding: chunked", b"Host: b",
        b"Authorization: x", b"Cookie: a=b",
        b"Content-Type: a/b", b"Content-Encoding: gzip", b"Content-Range: x", b"Connection: close",
        b"Expect: x", b"If-Match: *",
        b"Proxy-Authorization: x", b"Range: x", b"TE: x", b"Trailer: X", b"Upgrade: x", b"Max-Forwards: 1",
        b"Cache-Control: x",
        b"X: y\r\nHOST: b", b"X : y", b" X: y", b"X: y\r\n z", b": y", b"X", b"X: \0", b"X: \x7f",
        b"\xe9: y", b"GET / HTTP/1.1",
        b"\r\n".join([b"X: y"] * 33), b"X: " + b"y" * 8192, b"X: " + b"y" * 70_000,
    )  # fmt: skip
    yield from each(
        broken, "the end of trailers", source, lambda text: post(CHUNKED) + _HELLO + text,
        b"0\r\n\n", b"0\n\r\n", b"0\r\n\rX", b"0\r\nX: y\n\r\n", b"0\r\nX: y\r\n\n",
        b"0\r\nX: y\rZ: z\r\n\r\n", b"0\r\n \r\n\r\n",
    )  # fmt: skip
    for name, text in (("", b""), (" behind a trailer", b"X: y")):
        data = post(CHUNKED) + b"0\r\n" + text + b"\n"
        yield Case(f"a bare LF{name} is not waited for", source, data, (400,), State.CLOSED, ())
    data = post(CHUNKED, target=b"/echo") + b"0\r\nX-Evil: 1\r\n\r\n"
    body = b"host: a\ntransfer-encoding: chunked\n"
    yield taken("trailers are no headers", source, data, "POST /echo", body)


def _connections() -> Iterator[Case]:
    source = "RFC 9112 9.3, 9.6"
    yield from each(
        last, "Connection", source, lambda text: get(b"Connection:" + text),
        b"close", b" CLOSE", b" Close", b" x, close", b" close, x", b" keep-alive, close", b" ,close,",
        b"\tclose\t", b" upgrade,close",
    )  # fmt: skip
    yield last("two Connection fields", source, get(b"Connection: keep-alive", b"connection: close"))
    yield from each(
        taken, "Connection", source, lambda text: get(b"Connection:" + text),
        b"", b" ,", b" keep-alive", b" Keep-Alive", b" closed", b" x-close", b' "close"', b" Host",
        b" Content-Length",
    )  # fmt: skip
    yield taken("Proxy-Connection is none", "RFC 9112 C.2.2", get(b"Proxy-Connection: close"))
    up = "RFC 9110 7.8; http-rules 1.3"
    h2c = (b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk")
    yield from each(
        taken, "Upgrade", up, lambda text: get(*h2c, b"Upgrade: " + text),
        b"h2c", b"h2c, websocket", b"websocket", b"TLS/1.0", b"HTTP/2.0", b"x y", b"",
    )  # fmt: skip
    yield Case(
        "the preface of HTTP/2 after a request to upgrade",
        up,
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
        + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        (200, 505),
        State.CLOSED,
        ("GET /",),
        plain=True,
    )
    data = post(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 5") + b"hello"
    yield _posted("an upgrade with a body", up, data, body=b"hello")


def _expectations() -> Iterator[Case]:
    source = "RFC 9110 10.1.1"
    for text in (b"100-continue", b"100-Continue", b"\t100-CONTINUE "):
        data = post(b"Expect:" + text, b"Content-Length: 5") + b"hello"
        yield _posted(f"Expect {text!a}", source, data, body=b"hello")
    yield _posted(
        "Expect with chunks", source, post(b"Expect: 100-continue", CHUNKED) + _HELLO + _LAST, body=b"hello"
    )
    yield taken("Expect without a body", source, get(b"Expect: 100-continue"))
    lists = "RFC 9110 5.6.1.2, 10.1.1"
    yield from each(
        taken, "Expect", lists, lambda text: get(b"Expect:" + text),
        b"", b" ,", b" 100-continue,", b" , 100-continue", b" 100-continue, 100-Continue",
        b" 100-continue\r\nExpect: 100-continue",
    )  # fmt: skip
    for other in ("100", "200-ok", "100-continue, x", "100-continue;a=b", "101-continue"):
        data = get(f"Expect: {other}".encode()) + GET
        yield Case(f"Expect {other}", source, data, (417, 200), State.OPEN, (SEEN,))
    yield from each(
        _unexpected, "a body that may not come", "RFC 9110 10.1.1, RFC 9112 11.2", lambda text: post(text),
        b"Expect: x\r\nContent-Length: 9", b"Expect: 100-continue, x\r\nContent-Length: 99999",
        b"Expect: x\r\n" + CHUNKED,
    )  # fmt: skip


def _pipelines() -> Iterator[Case]:
    order = "RFC 9112 9.3.2; CVE-2023-46137"
    paths = [f"/{number}" for number in range(40)]
    many = b"".join(get(target=path.encode()) for path in paths)
    yield Case("forty at once", order, many, (200,) * 40, State.OPEN, tuple(f"GET {path}" for path in paths))
    bodies = [f"body {number}".encode() for number in range(20)]
    posts = b"".join(post(b"Content-Length: %d" % len(body)) + body for body in bodies)
    yield Case(
        "twenty bodies at once", order, posts, (200,) * 20, State.OPEN, ("POST /",) * 20, bodies=tuple(bodies)
    )
    chunks = b"".join(post(CHUNKED) + b"6\r\n%b\r\n" % body + _LAST for body in bodies[:10])
    yield Case(
        "ten chunked bodies at once",
        order,
        chunks,
        (200,) * 10,
        State.OPEN,
        ("POST /",) * 10,
        bodies=tuple(bodies[:10]),
    )
    asked = head(b"HEAD / HTTP/1.1", b"Host: a") + GET
    yield Case(
        "HEAD and GET",
        "RFC 9110 9.3.2",
        asked,
        (200, 200),
        State.OPEN,
        ("HEAD /", SEEN),
        bodies=(b"", b"OK"),
        methods=("HEAD",),
    )
    yield taken("an empty line between", "RFC 9112 2.2", get() + b"\r\n")
    rest = "CVE-2024-49768; http-rules 1.3"
    for name, bad, status in (
        ("a field", get(b"X : y"), 400),
        ("two empty lines", b"\r\n\r\n", 400),
        ("garbage", b"\x16\x03\x01\0" + b"\x9a" * 60, 400),
        ("a version", get(version=b"HTTP/2.0"), 505),
        ("CONNECT", head(b"CONNECT a:1 HTTP/1.1", b"Host: a"), 501),
        ("a coding", post(b"Transfer-Encoding: x"), 501),
        ("a target", get(target=b"/" + b"y" * 9000), 414),
        ("a large head", get(b"X: " + b"y" * 20_000), 431),
    ):
        data = get() + bad + GET
        yield Case(
            f"the second is bad: {name}", rest, data, (200, status), State.CLOSED, ("GET /",), plain=True
        )
    yield Case(
        "the body of the second is bad",
        rest,
        get() + post(CHUNKED) + b"x\r\n" + GET,
        (200, 400),
        State.CLOSED,
        ("GET /",),
    )
    closed = "RFC 9112 9.6"
    yield from each(
        last, "after Connection: close", closed, lambda text: get(b"Connection: close") + text,
        b"", b"\0", b"garbage", b"\r\n\r\n\r\n", b"POST / HTTP/1.1\r\n",
    )  # fmt: skip
    data = post(b"Connection: close", b"Content-Length: 5") + b"hello" + GET
    yield Case(
        "after Connection: close and a body",
        closed,
        data,
        (200,),
        State.CLOSED,
        ("POST /",),
        bodies=(b"hello",),
    )


def _smuggled() -> Iterator[Case]:
    source = "RFC 9112 11.2"
    inner = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    size = b"Content-Length: %d" % len(inner)
    yield _posted("a request as content", source, post(size) + inner, body=inner)
    yield taken("a request as content of GET", source, get(size) + inner)
    yield _posted(
        "a request in a chunk",
        source,
        post(CHUNKED) + b"%x\r\n%b\r\n" % (len(inner), inner) + _LAST,
        body=inner,
    )
    yield _posted(
        "a request as content, expected", source, post(size, b"Expect: 100-continue") + inner, body=inner
    )
    yield broken("a request in place of a chunk", source, post(CHUNKED) + inner)
    yield broken("a request in place of trailers", source, post(CHUNKED) + b"0\r\n" + inner)
    yield broken("a request in a chunk extension", source, post(CHUNKED) + b"5;" + inner)
    for name, fields, body in (
        ("CL.TE", (size, CHUNKED), _LAST + inner),
        ("TE.CL", (CHUNKED, b"Content-Length: 4"), b"%x\r\n%b\r\n" % (len(inner), inner) + _LAST),
        ("TE.TE, the first", (CHUNKED, b"Transfer-Encoding: x"), _LAST + inner),
        ("TE.TE, the second", (b"Transfer-Encoding: x", CHUNKED), _LAST + inner),
    ):
        status = 501 if name.startswith("TE.TE, ") else 400
        yield refused(f"smuggled: {name}", source, post(*fields) + body, status)
    yield refused("smuggled: CL.CL", source, post(b"Content-Length: 0", size) + inner)
    data = post(b"Content-Length: 0") + inner + GET
    yield Case(
        "CL.0 is two requests", source, data, (200, 200, 200), State.OPEN, ("POST /", "GET /evil", SEEN)
    )
    data = post(b"Content-Length: 0") + b"X" + GET
    yield Case("a byte too many", source, data, (200, 405), State.OPEN, ("POST /", "XGET /next"))
    data = post(b"Content-Length: 10") + b"hello"
    yield Case("a byte too few", "RFC 9112 8", data, (), State.TIMED_OUT, ())
    yield refused("a response as a request", source, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


BODIES: Final = (
    *_chunks(),
    *_trailers(),
    *_connections(),
    *_expectations(),
    *_pipelines(),
    *_smuggled(),
)
