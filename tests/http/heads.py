"""Heads of requests, good and bad, as tables: http-rules 1.3 and 1.4."""

from collections.abc import Callable, Iterator
from typing import Final

END: Final = b"\r\n\r\n"


def line(text: bytes) -> bytes:
    """Give a head with that request line."""
    return text + b"\r\nHost: a" + END


def field(text: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    """Give a head with that field."""
    return line + b"\r\nHost: a\r\n" + text + END


def host(value: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: " + value + END


def target(value: bytes, method: bytes = b"GET") -> bytes:
    return line(method + b" " + value + b" HTTP/1.1")


def length(value: bytes) -> bytes:
    return field(b"Content-Length: " + value)


def coding(value: bytes) -> bytes:
    return field(b"Transfer-Encoding: " + value)


def version(value: bytes) -> bytes:
    return line(b"GET / " + value)


def each(status: int, make: Callable[[bytes], bytes], *values: bytes) -> Iterator[tuple[bytes, int]]:
    """Give heads that are all answered with that status."""
    for value in values:
        yield make(value), status


CHUNKED: Final = b"Transfer-Encoding: chunked"
CONTROLS: Final = [bytes([byte]) for byte in {*range(32), 127} - {9, 10, 13}]
NO_TOKEN: Final = [bytes([byte]) for byte in b'\0\x01 \t"(),/;<=>?@[\\]{}\x7f\xe9']
KELVIN: Final = "\N{KELVIN SIGN}".encode()  # whose lower case is k
FIVE: Final = "\N{ARABIC-INDIC DIGIT FIVE}".encode()  # which int() takes

REFUSED: Final[list[tuple[bytes, int]]] = [
    # Framing: RFC 9112 6.1 to 6.3.
    (field(b"Content-Length: 5\r\n" + CHUNKED), 400),
    (field(CHUNKED + b"\r\nContent-Length: 0"), 400),
    (field(b"Content-Length: 5\r\nContent-Length: 5"), 400),
    (field(b"Content-Length: 5\r\nContent-Length: 6"), 400),
    *each(400, length, b"5, 5", b"5,6", b"5 5", b"5;5", b"", b"\t", b"+5", b"-5", b"0x5", b"5_0", b"5.0"),
    *each(400, length, b"5e1", FIVE, b"\xb2", b"5\xa0", b"5a", b'"5"', b"9" * 19, b"9" * 5000),
    (field(CHUNKED, b"POST / HTTP/1.0"), 400),
    *each(400, coding, b"chunked, chunked", b"identity", b"", b",", b", chunked", b'"chunked"', b"chunked,"),
    *each(400, coding, b"chunked, identity", b"\x0bchunked", b"chunked\x0b", b"\xa0chunked", b"gzip"),
    *each(400, coding, b"chun ked", b"chunked;q=1", b"chunked\xc2\xa0", b"chun" + KELVIN + b"ed"),
    *each(501, coding, b"gzip, chunked", b"xchunked", b"cow", b"chunke"),
    (field(CHUNKED + b"\r\n" + CHUNKED), 400),
    (field(CHUNKED + b"\r\nTransfer-Encoding: identity"), 400),
    (field(b"Transfer-Encoding: identity\r\n" + CHUNKED), 400),
    # Lines: RFC 9112 2.2 and 5.
    *each(400, field, b"a: b\r\n c", b"a: b\r\n\tc", b"a:\r\n b", b"Transfer-Encoding:\r\n chunked"),
    (b"GET / HTTP/1.1\nHost: a\n\n" + END, 400),
    (b"GET / HTTP/1.1\r\nHost: a\nb: c" + END, 400),
    (b"GET / HTTP/1.1\r\nHost: a\rb: c" + END, 400),
    (b"GET / HTTP/1.1\rHost: a" + END, 400),
    (b"GET / HTTP/1.1\r\r\nHost: a" + END, 400),
    (b"GET / HTTP/1.1\r\nHost: a\r" + END, 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\nb: c" + END, 400),
    (b"\nGET / HTTP/1.1\r\nHost: a" + END, 400),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a" + END, 400),
    (b"\r\n" + END, 400),
    (END, 400),
    *each(400, lambda byte: field(b"a: b" + byte + b"c"), *CONTROLS),
    *each(400, lambda byte: field(b"a" + byte + b"b: c"), *NO_TOKEN),
    *each(400, field, b"a : b", b"a\t: b", b": b", b"a"),
    (b"GET / HTTP/1.1\r\n a: b\r\nHost: a" + END, 400),
    (b"GET / HTTP/1.1\r\n\tHost: a" + END, 400),
    # The request line: RFC 9112 3.
    *each(400, line, b"GET /", b"GET / ", b"GET HTTP/1.1", b"/ HTTP/1.1", b"GET", b"GET /  HTTP/1.1"),
    *each(400, line, b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1"),
    *each(400, line, b"G(T / HTTP/1.1", b"G\xc9T / HTTP/1.1", b'"GET" / HTTP/1.1', b"GET / b HTTP/1.1"),
    *each(400, line, b" GET / HTTP/1.1", b"\tGET / HTTP/1.1"),
    *each(400, version, b"http/1.1", b"HTTP/1", b"HTTP/1.", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/.1", b"1.1"),
    *each(400, version, b"HTTP/1,1", b"HTTP /1.1", b"HTTP/1. 1", b"HTTP/a.b", b"XTTP/1.1", b"HTTP/1." + FIVE),
    *each(505, version, b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/0.0", b"HTTP/3.1"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + END, 400),  # a client that speaks TLS
    (b"PRI * HTTP/2.0" + END + b"SM" + END, 505),
    # The target: RFC 9112 3.2.
    *each(400, target, b"foo", b"a/b", b"?x", b"*", b"a:80", b"/a#b", b"#", b"/\x7f", b"/\x01", b"/\xe9"),
    *each(400, target, b"http://", b"http:///x", b"ftp://a/", b"http://u@a/", b"http://u:p@a/", b"http:/a"),
    *each(400, target, b"http://b/", b"http://a:81/", b"http://a,b/", b"javascript:x", b"http://a\\b/"),
    *each(400, target, b"/\xc3\xa9", b"http://a/#b"),
    (target(b"*", b"POST"), 400),
    (target(b"a:80", b"CONNECT"), 501),
    (target(b"http://a/", b"CONNECT"), 501),
    # Host: RFC 9112 3.2, RFC 3986 3.2.2.
    (b"GET / HTTP/1.1" + END, 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a" + END, 400),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b" + END, 400),
    *each(
        400, host, b"", b"a, b", b"a,b", b"u@a", b"u:p@a", b"a/b", b"a?b", b"a#b", b"a b", b"http://a", b"[]"
    ),
    *each(400, host, b"a:b", b"a:80:80", b"[::1", b"::1", b"[::1]x", b"a\\b", b"[g::1]", b"a:-1", b"a\xe9"),
    *each(400, host, b"a%zz", b"%", b"a%2", b"a:65536", b"a:99999", b"[:::::]", b"[1.2.3.4]", b"[::1]:x"),
    *each(400, host, b":80", b"a:123456", b"<a>", b'"a"', b"a^b", b"a|b", b"a`b", b"a{b}"),
    # What would be understood in two ways: http-rules 1.4.
    (field(b"Content-Type: a/b\r\nContent-Type: c/d"), 400),
]

TAKEN: Final[list[bytes]] = [
    line(b"GET / HTTP/1.1"),
    line(b"get / HTTP/1.1"),
    line(b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"),
    b"GET / HTTP/1.0" + END,
    b"\r\nGET / HTTP/1.1\r\nHost: a" + END,
    *map(target, (b"/a?b=c&d", b"//a", b"/%00%2f..", b"/!$&'()*+,;=:@-._~?/?", b"/" + b"a" * 8191)),
    *map(target, (b"/\\", b'/{}|^`<>"', b"/%zz", b"/..;/x")),
    *map(target, (b"http://a", b"http://a/", b"HTTPS://A/x?y", b"http://a?x")),
    target(b"*", b"OPTIONS"),
    *map(host, (b"a:80", b"a:", b"[::1]", b"[::1]:8000", b"127.0.0.1", b"a_b.c", b"A.b-c~d", b" a ")),
    *map(host, (b"a%2Db", b"a:65535", b"a:0", b"[2001:db8::1]", b"[::ffff:1.2.3.4]")),
    *map(
        field, (b"a:", b"a: ", b"a:b", b"a: b", b"a:\t b \t", b"a: b  c", b"a:b:c", b"a: \xc3\xa9", b"a:\xff")
    ),
    field("a: \N{KELVIN SIGN} \u2028 \x85".encode()),
    *map(length, (b"0", b"5", b"005", b"9" * 18, b" 5 \t")),
    *map(coding, (b"chunked", b"Chunked", b"\tCHUNKED ")),
    *map(field, (b"Connection: close", b"Connection: Keep-Alive", b"Connection: x, close", b"Connection: ,")),
    field(b"Connection: a\r\nConnection: close"),
    field(b"Expect: 100-continue\r\nContent-Length: 5"),
    field(b"Expect: 100-continue, x"),
    field(b"\r\n".join(b"n%d: v" % number for number in range(99))),
    field(b"Cookie: a=b\r\nCookie: c=d"),
]
