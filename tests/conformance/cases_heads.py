"""Cases of our own, of heads: lines, fields, targets, hosts, methods, versions and framing fields."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from tests.conformance.case import (
    CHUNKED,
    END,
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

_405: Final = partial(Case, statuses=(405, 200), state=State.OPEN)
_KELVIN: Final = "\N{KELVIN SIGN}".encode()  # whose lower case is k
_FIVE: Final = "\N{ARABIC-INDIC DIGIT FIVE}".encode()  # which int() takes
_NEL: Final = b"\xc2\x85"  # which str.strip() takes for white space, as it does NBSP
_NBSP: Final = b"\xc2\xa0"


def _field(value: bytes) -> bytes:
    return get(value)


def _body(fields: bytes) -> bytes:
    return post(fields) + b"hello"


def _lines() -> Iterator[Case]:
    line = "RFC 9112 2.2"
    yield from each(
        refused,
        "line ends",
        line,
        bytes,
        b"GET / HTTP/1.1\nHost: a" + END,
        b"GET / HTTP/1.1\r\nHost: a\nX: y" + END,
        b"GET / HTTP/1.1\r\nHost: a\rX: y" + END,
        b"GET / HTTP/1.1\r\nHost: a\r\r\nX: y" + END,
        b"GET / HTTP/1.1\r\nHost: a\n\r\nX: y" + END,
        b"GET / HTTP/1.1\r\nHost: a\r\n\nX: y" + END,
        b"GET / HTTP/1.1\r\nHost: a\n\n",
        b"\nGET / HTTP/1.1\r\nHost: a" + END,
        b"\rGET / HTTP/1.1\r\nHost: a" + END,
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a" + END,
    )
    yield taken("one empty line before the request", line, b"\r\n" + get())
    yield from each(
        refused,
        "white space before the request",
        "RFC 9112 3",
        lambda space: space + get(),
        b" ",
        b"\t",
        b"\x0b",
        b"\x0c",
        _NBSP,
        b"\xef\xbb\xbf",
    )
    yield from each(
        refused, "white space after the target", "RFC 9112 3",
        lambda s: head(b"GET /" + s + b"HTTP/1.1", b"Host: a"),
        b"", b"\t", b"\x0b", b"\x0c", b"\r", b"\xa0", _NEL, b" \t ",
    )  # fmt: skip
    yield from each(
        refused, "white space after the method", "RFC 9112 3",
        lambda s: head(b"GET" + s + b"/ HTTP/1.1", b"Host: a"),
        b"", b"  ", b"\t", b"\x0b", b"\x0c", b"\r", b"\xa0",
    )  # fmt: skip
    yield from each(
        refused, "white space after the version", "RFC 9112 3", lambda s: get(version=b"HTTP/1.1" + s),
        b" ", b"\t", b"\xa0", b"\0",
    )  # fmt: skip
    yield from each(
        refused, "no request line", "RFC 9112 3", lambda s: head(s, b"Host: a"),
        b"GET", b"GET ", b"GET /", b"GET / ", b"/", b"HTTP/1.1", b"GET HTTP/1.1", b"GET /  HTTP/1.1",
        b"GET / x HTTP/1.1", b"GET / HTTP/1.1 HTTP/1.1", b"GET / HTTP/1.1HTTP/1.1",
    )  # fmt: skip
    yield refused("SSH", "RFC 9112 3", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
    yield refused("TLS", "RFC 9112 3", b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + b"\x9a" * 200)


def _fields() -> Iterator[Case]:
    name = "RFC 9110 5.6.2, RFC 9112 5.1"
    yield from each(
        refused, "a field line", name, _field,
        b"X : y", b"X\t: y", b"X\x0b: y", b"X\xa0: y", b"X\0: y", b": y", b"X", b"X y", b"X y: z", b"(X): y",
        b"X,Y: z", b"X=Y: z", b"X/Y: z", b'"X": y', b"X\xe9: y", b"X@Y: z", b"X;Y: z", b"{X}: y", b"X\\Y: z",
    )  # fmt: skip
    value = "RFC 9110 5.5"
    yield from each(
        refused, "a value", value, lambda byte: get(b"X: a" + byte + b"b"),
        b"\0", b"\x01", b"\x07", b"\x08", b"\x0b", b"\x0c", b"\x0e", b"\x1b", b"\x1f", b"\x7f",
    )  # fmt: skip
    yield from each(
        taken, "a value", value, lambda text: get(b"X:" + text),
        b"", b" ", b"\t", b"y", b" \t y \t ", b" a\tb", b" a  b", b" \xc3\xa9", b" \xe9", b" \x80",
        b" a" + _NEL + b"b",
        b" :", b" ,;=()<>@\"{}", b" %0d%0a",
    )  # fmt: skip
    yield taken("a name of all characters", name, get(b"!#$%&'*+-.^_`|~09azAZ: y"))
    fold = "RFC 9112 5.2; http-rules 1.3"
    yield from each(
        refused, "a folded line", fold, _field,
        b"X: y\r\n z", b"X: y\r\n\tz", b"X:\r\n y", b"X: y\r\n ", b"X: y\r\n \r\nZ: z",
        b"Content-Length:\r\n 5", b"Content-Length: 5\r\n 0",
        b"Content-Length: 5\r\n Transfer-Encoding: chunked",
    )  # fmt: skip
    yield refused("the first line folded", fold, head(b"GET / HTTP/1.1", b" Host: a"))
    yield refused("Host folded", fold, head(b"GET / HTTP/1.1", b"Host:", b" a"))
    limit = "http-rules 0"
    yield taken("100 fields", limit, get(*(b"X: y" for _ in range(99))))
    yield refused("101 fields", limit, get(*(b"X: y" for _ in range(100))), 431)
    whole = 16_384 - len(get(b"X: "))
    yield taken("a head of REQUEST_MAX_HEADER_SIZE", limit, get(b"X: " + b"y" * (whole + 4)))
    yield refused("a head one byte larger", limit, get(b"X: " + b"y" * (whole + 5)), 431)
    yield refused("a head without end", limit, get()[:-2] + b"X: " + b"y" * 100_000, 431)
    yield taken("the largest target", limit, get(target=b"/" + b"y" * 8191), "GET /" + "y" * 8191)
    yield refused("a target one byte larger", limit, get(target=b"/" + b"y" * 8192), 414)
    yield refused("a target without end", limit, b"GET /" + b"y" * 100_000, 414)


def _methods() -> Iterator[Case]:
    source = "RFC 9110 9.1, RFC 9112 3.1"
    for method in ("get", "Get", "GETS", "G3T", "!#$%&'*+-.^_`|~", "TRACE", "X" * 32):
        seen = (f"{method} /", "GET /next")
        data = head(f"{method} / HTTP/1.1".encode(), b"Host: a") + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
        yield _405(f"method {method}", source, data, seen=seen)
    allow = "RFC 9110 15.5.6"
    data = head(b"FOO / HTTP/1.1", b"Host: a")
    yield Case("405 says what is allowed", allow, data, (405,), State.OPEN, ("FOO /",), has="allow")
    data = head(b"CONNECT / HTTP/1.1", b"Host: a")
    yield Case("CONNECT of a path", "http-rules 1.3", data, (405,), State.OPEN, ("CONNECT /",), has="allow")
    server = "RFC 9110 9.3.7"
    for name, fields in (("", b"X: y"), (" with a body", b"Content-Length: 5")):
        asked = head(b"OPTIONS * HTTP/1.1", b"Host: a", fields) + (b"hello" if name else b"") + GET
        yield Case(f"OPTIONS *{name}", server, asked, (200, 200), State.OPEN, (SEEN,), bodies=(b"", b"OK"))
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        yield taken(
            f"method {method}", source, head(f"{method} / HTTP/1.1".encode(), b"Host: a"), f"{method} /"
        )
    yield from each(
        refused, "method", source, lambda method: head(method + b" / HTTP/1.1", b"Host: a"),
        b"", b"GET,", b"GET/", b'"GET"', b"G\xc3\x89T", b"G(T", b"GE\0T", b"GET:", b"X" * 33, b"X" * 100,
        b"X" * 9000,
    )  # fmt: skip
    yield refused("a method without end", "http-rules 0", b"X" * 100_000)


def _versions() -> Iterator[Case]:
    source = "RFC 9112 2.3; http-rules 1.3"
    foreign = partial(refused, status=505)
    yield from each(
        foreign, "version", source, lambda text: get(version=text),
        b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/0.0", b"HTTP/9.9",
    )  # fmt: skip
    yield from each(
        refused, "version", source, lambda text: get(version=text),
        b"HTTP/1", b"HTTP/11", b"HTTP/1.", b"HTTP/.1", b"HTTP/1.1.1", b"HTTP/1.10", b"HTTP/1.01",
        b"HTTP/01.1",
        b"http/1.1", b"Http/1.1", b"HTTP/+1.1", b"HTTP/1.-1", b"HTTP/1,1", b"HTTP/1. 1", b"HTTP /1.1",
        b"HTTPS/1.1",
        b"XHTTP/1.1", b"HTTP\\1.1", b"HTTP/1.1x", b"HTTP/1.1\x0b", b"HTTP/1." + _FIVE, b"ICAP/1.0",
        b"RTSP/1.0",
    )  # fmt: skip
    ten = "RFC 9112 9.3, C.2.2"
    old = partial(get, version=b"HTTP/1.0")
    yield last("HTTP/1.0", ten, old())
    yield last("HTTP/1.0 without Host", ten, head(b"GET / HTTP/1.0"))
    yield last("HTTP/1.0 and close", ten, old(b"Connection: keep-alive, close"))
    yield taken("HTTP/1.0 and keep-alive", ten, old(b"Connection: keep-alive"))
    yield taken("HTTP/1.0 and Keep-Alive", ten, old(b"Connection: x, Keep-Alive"))
    yield last("HTTP/1.0 and an expectation", "RFC 9110 10.1.1", old(b"Expect: 100-continue"))
    yield last("HTTP/1.0 and an unknown expectation", "RFC 9110 10.1.1", old(b"Expect: x"))
    expecting = (b"Host: a", b"Expect: 100-continue", b"Content-Length: 5")
    data = head(b"POST / HTTP/1.0", *expecting) + b"hello"
    yield last("HTTP/1.0 and an expectation with a body", "RFC 9110 10.1.1", data, "POST /")
    yield last("HTTP/1.0 and an upgrade", "RFC 9110 7.8", old(b"Connection: upgrade", b"Upgrade: h2c"))
    yield refused("HTTP/1.0 with chunks", "RFC 9112 6.1", old(CHUNKED) + b"0\r\n\r\n")
    yield refused("HTTP/1.0 with two hosts", "RFC 9112 3.2", head(b"GET / HTTP/1.0", b"Host: a", b"Host: a"))
    yield refused("HTTP/1.0 with an empty host", "http-rules 1.3", head(b"GET / HTTP/1.0", b"Host:"))


def _targets() -> Iterator[Case]:
    source = "RFC 9112 3.2; http-rules 1.3"
    yield from each(
        refused, "target", source, lambda text: get(target=text),
        b"foo", b"a/b", b"?x", b"*", b"**", b"a:80", b"./", b"../", b"#", b"/#", b"/a#b", b"/\x7f", b"/\x01",
        b"/\xa0",
        b"/\x0b", b"/\xc3\xa9", b"\\", b"%2f", b";x", b"&", b"http:", b"http:/a", b"http:a", b"http//a",
        b"://a/",
        b"http://", b"http:///", b"http:///a", b"http://?x", b"http://#", b"http://a/#b", b"ftp://a/",
        b"ws://a/",
        b"file:///a", b"javascript:1", b"mailto:a@a", b"http://u@a/", b"http://u:p@a/", b"http://@a/",
        b"http://a@/",
        b"http://b/", b"http://a:81/", b"http://a:80/", b"http://a:/", b"http://a./", b"http://a%2f/",
        b"http://a,a/",
        b"http://a\\b/", b"http://[a/", b"http://a]/", b"http://[]/", b"http:\\\\a\\",
    )  # fmt: skip
    for target, seen in (
        ("http://a/", "/"),
        ("http://a", "/"),
        ("http://a?x=1", "/?x=1"),
        ("http://A/x", "/x"),
        ("HTTP://a/x", "/x"),
        ("https://a/x", "/x"),
        ("http://a//b", "//b"),
        ("http://a/http://b/", "/http://b/"),
        ("//b/c", "//b/c"),
        ("/http://b/", "/http://b/"),
        ("/*", "/*"),
        ("/x?y?z", "/x?y?z"),
        ("/a%2f..%2f%00", "/a%2f..%2f%00"),
        ("/%", "/%"),
        ("/%zz", "/%zz"),
        ("/a/../b", "/a/../b"),
        ("/?q={}|^`\\", "/?q={}|^`\\"),
        ("/a@b:c;d=e,f", "/a@b:c;d=e,f"),
    ):
        yield taken(f"target {target}", source, get(target=target.encode()), f"GET {seen}")
    alone = head(b"GET http://a:81/host HTTP/1.0", b"Connection: keep-alive")
    yield taken("the authority is the host", source, alone, "GET /host", b"http://a:81/host")
    missing = head(b"GET http://a/ HTTP/1.1")
    yield refused("an authority does not replace Host", source, missing)
    connect = partial(refused, status=501)
    yield from each(
        connect, "CONNECT", source, lambda text: head(b"CONNECT " + text + b" HTTP/1.1", b"Host: a"),
        b"a:443", b"a", b"http://a/", b"[::1]:443",
    )  # fmt: skip
    yield from each(
        refused, "the target * for", source, lambda method: head(method + b" * HTTP/1.1", b"Host: a"),
        b"POST", b"HEAD", b"options", b"CONNECT",
    )  # fmt: skip


def _hosts() -> Iterator[Case]:
    source = "RFC 9112 3.2, RFC 3986 3.2; http-rules 1.3"
    yield from each(
        refused, "host", source, lambda text: head(b"GET / HTTP/1.1", b"Host: " + text),
        b"", b"\t", b"a,a", b"a, b", b"a b", b"u@a", b"u:p@a", b"@a", b"a@", b"a/", b"a/b", b"/", b"a?b",
        b"a#b", b"a\\b",
        b"http://a", b'"a"', b"<a>", b"a^b", b"a|b", b"a`b", b"a{b}", b"a\xe9", b"\xc3\xa9", b"a" + _NBSP,
        b"a\x0b", b"a\0",
        b"a:b", b"a:+80", b"a:-1", b"a: 80", b"a:80:80", b"a:8 0", b":80", b":", b"a:65536", b"a:99999",
        b"a:123456",
        b"a:" + _FIVE, b"a%", b"a%2", b"a%zz", b"[", b"[]", b"[::1", b"::1", b"[::1]x", b"x[::1]", b"[::g]",
        b"[:::1]",
        b"[1.2.3.4]", b"[::1%25lo]", b"[v1.a]", b"[::1]:65536", b"[::1]::80", b"[.]",
    )  # fmt: skip
    for host in (
        *("a:80", "a:", "a:0", "a:65535", "a:00080", "a.", "A.b-C", "a_b.c", "a..b", "1.2.3.4", "1.2.3.4:80"),
        *(
            "[::1]",
            "[::1]:8080",
            "[::ffff:1.2.3.4]",
            "[FE80::1]",
            "xn--bcher-kva.example",
            "a%41",
            "%C3%A9",
            "a;b",
            "a!$&'()*+=",
        ),
        "a" * 253,
    ):
        data = head(b"GET /host HTTP/1.1", b"Host:  " + host.encode() + b"\t")
        yield taken(f"host {host}", source, data, "GET /host", f"http://{host}/host".encode())
    yield refused("no host", source, head(b"GET / HTTP/1.1"))
    yield refused("two hosts, in other letters", source, get(b"HOST: a"))
    yield refused("three hosts", source, get(b"host: a", b"hosT: a"))
    yield refused("a host and an empty one", source, get(b"Host:"))
    yield taken(
        "the host comes last",
        source,
        head(b"GET /host HTTP/1.1", b"X: y", b"Host: b"),
        "GET /host",
        b"http://b/host",
    )
    yield taken(
        "X-Host is none",
        source,
        get(b"X-Host: b", b"X-Forwarded-Host: c", target=b"/host"),
        "GET /host",
        b"http://a/host",
    )
    yield refused("X-Host does not replace it", source, head(b"GET / HTTP/1.1", b"X-Host: a"))


def _lengths() -> Iterator[Case]:
    source = "RFC 9112 6.3, RFC 9110 8.6; http-rules 1.3"
    yield from each(
        refused, "length", source, lambda text: _body(b"Content-Length: " + text),
        b"", b"+5", b"-5", b"-0", b"0x5", b"0o5", b"0b1", b"5.0", b"5e0", b"1_0", b"5a", b"a5", b"5,5",
        b"5, 5", b"5 5",
        b"5;", b"5;a=b", b'"5"', b"'5'", b"5\0", b"\x0b5", b"5\x0c", b"5\xa0", _NBSP + b"5", b"5" + _NEL,
        _FIVE, b"\xb2",
        b"9" * 19, b"9" * 20, b"0" * 18 + b"5", b"9" * 400, b"null", b"NaN", b"(5)",
    )  # fmt: skip
    for text in (b"5", b"05", b"000000000000000005", b" 5", b"\t5 \t"):
        yield taken(f"length {text!a}", source, _body(b"Content-Length:" + text), "POST /", b"hello")
    yield taken("a GET with a body", source, get(b"Content-Length: 5") + b"hello")
    yield taken("a GET with an empty body", source, get(b"Content-Length: 0"))
    for name, fields in (
        ("two lengths", (b"Content-Length: 5", b"Content-Length: 5")),
        ("two lengths, in other letters", (b"content-length: 5", b"CONTENT-LENGTH: 5")),
        ("two lengths that differ", (b"Content-Length: 5", b"X: y", b"Content-Length: 6")),
        ("a length and an empty one", (b"Content-Length: 5", b"Content-Length:")),
        ("a length with white space before its colon", (b"Content-Length : 5",)),
        ("a length with NBSP before its colon", (b"Content-Length\xa0: 5",)),
        ("two content types", (b"Content-Length: 5", b"Content-Type: a/b", b"content-type: a/b")),
    ):
        yield refused(name, source, post(*fields) + b"hello")
    data = post(b"Content-Length: " + b"9" * 18) + get()
    yield Case("a body that is declared too large", "http-rules 0", data, (413,), State.CLOSED, ())


def _codings() -> Iterator[Case]:
    source = "RFC 9112 6.1, 7; http-rules 1.3"
    chunks = b"5\r\nhello\r\n0\r\n\r\n"

    def coded(text: bytes) -> bytes:
        return post(b"Transfer-Encoding:" + text) + chunks

    yield from each(
        refused, "coding", source, coded,
        b"", b" ", b" ,", b" chunked,", b" ,chunked", b" chunked, chunked", b" chunked,chunked",
        b" chunked, gzip", b" gzip",
        b" identity", b" identity, chunked", b" chunked, identity", b" chunked;q=1", b" chunked; a=b",
        b' "chunked"',
        b" chunked\x0b", b" \x0bchunked", b" \x0cchunked", b" chunked\0", b" chunked\xa0",
        b" " + _NBSP + b"chunked",
        b" chunked" + _NEL, b" chunked\x7f", b" chun ked", b" chun" + _KELVIN + b"ed", b" chunked chunked",
        b" chunked:", b" [chunked]",
    )  # fmt: skip
    yield from each(
        partial(refused, status=501), "coding", source, coded,
        b" gzip, chunked", b" xchunked", b" chunkedx", b" chunke", b" cow", b" 'chunked'", b" trailers",
        b" chunked, cow", b" br",
    )  # fmt: skip
    yield from each(
        partial(taken, seen="POST /", body=b"hello"), "coding", source, coded,
        b"chunked", b" Chunked", b" CHUNKED", b"\tchunked\t ",
    )  # fmt: skip
    for name, fields in (
        ("chunked and a length", (CHUNKED, b"Content-Length: 5")),
        ("a length of zero, and chunked", (b"Content-Length: 0", CHUNKED)),
        (
            "chunked and a length, in other letters",
            (b"TRANSFER-ENCODING: CHUNKED", b"X: y", b"content-length: 5"),
        ),
        ("chunked and a length, and close", (CHUNKED, b"Content-Length: 5", b"Connection: close")),
        ("chunked and a length that is none", (CHUNKED, b"Content-Length: x")),
        ("chunked and an empty length", (CHUNKED, b"Content-Length:")),
        ("an empty coding and a length", (b"Transfer-Encoding:", b"Content-Length: 5")),
        ("chunked twice", (CHUNKED, CHUNKED)),
        ("chunked twice, in other letters", (CHUNKED, b"transfer-encoding: Chunked")),
        ("chunked, and identity in another field", (CHUNKED, b"Transfer-Encoding: identity")),
        ("identity, and chunked in another field", (b"Transfer-Encoding: identity", CHUNKED)),
        ("chunked, and an empty field", (CHUNKED, b"Transfer-Encoding:")),
        ("chunked, with white space before its colon", (b"Transfer-Encoding : chunked",)),
        ("chunked, with a tab before its colon", (b"Transfer-Encoding\t: chunked",)),
        ("chunked, with VT before its colon", (b"Transfer-Encoding\x0b: chunked",)),
        ("chunked, with NUL before its colon", (b"Transfer-Encoding\0: chunked",)),
        ("chunked, behind a bare LF", (b"X: y\nTransfer-Encoding: chunked",)),
        ("chunked, behind a bare CR", (b"X: y\rTransfer-Encoding: chunked",)),
        ("chunked, in a folded line", (b"X: y", b" Transfer-Encoding: chunked")),
        ("chunked, with the name folded", (b"Transfer-Encoding", b" : chunked")),
        ("chunked, with a space in its name", (b"Transfer Encoding: chunked",)),
        ("chunked, without a colon", (b"Transfer-Encoding chunked",)),
    ):
        yield refused(name, source, post(*fields) + chunks)
    for field in (
        b"Transfer_Encoding: chunked",
        b"X-Transfer-Encoding: chunked",
        b"TE: chunked",
        b"Content-Encoding: chunked",
    ):
        yield taken(
            f"no coding: {field.decode()}",
            source,
            _body(field + b"\r\nContent-Length: 5"),
            "POST /",
            b"hello",
        )
    yield broken("chunked, and a body that is not", source, post(CHUNKED) + b"hello")
    yield taken("a GET with chunks", source, get(CHUNKED) + chunks)


HEADS: Final = (
    *_lines(),
    *_fields(),
    *_methods(),
    *_versions(),
    *_targets(),
    *_hosts(),
    *_lengths(),
    *_codings(),
)
