"""What mutations begin with: good requests of every kind, and the payloads of tests/conformance."""

from collections.abc import Iterator
from itertools import product
from typing import Final

from tests.conformance.cases import CASES
from tests.conformance.probe import PROBES
from tests.http.heads import REFUSED, TAKEN
from tests.http.wires import chunk, chunked, get, post

ROUTES: Final = (
    "/",
    "/echo",
    "/both",
    "/count",
    "/down",
    "/generated",
    "/ignored",
    "/lines",
    "/no/such/thing?a=b",
    "/nothing",
    "/part",
    "/whole",
)
_BODIES: Final = (b"", b"x", b"hello\nworld\n" * 9, b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"y" * 70_000)
# Longer payloads only make the fuzzer slow: limits are found by repeating pieces.
_LONG: Final = 40_000


def _extended(path: str) -> bytes:
    head = get(path, "Transfer-Encoding: chunked", "TE: trailers", "Trailer: X-Sum", method="POST")
    body = b'5;a=b;c="d \\" e"\r\nhello\r\n' + chunk(b"\n" * 40)
    return head + body + b"000;last\r\nX-Sum: 7\r\nx-b:\t c \r\n\r\n"


def _good() -> Iterator[bytes]:
    """Requests that the server takes."""
    for path in ROUTES:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PATCH"):
            yield get(path, method=method)
        yield get(path, version="1.0")
        yield get(path, "Connection: keep-alive", version="1.0")
        yield get(path, "Connection: close")
        yield get(f"http://a{path}", "Accept: */*", "Cookie: a=b; c=d", "X-Long: " + "v" * 300)
        yield post(b"z" * 500, path, version="1.0")
        yield _extended(path)
    for path, body in product(ROUTES, _BODIES):
        yield post(body, path)
        yield post(body, path, "Expect: 100-continue", "Content-Type: application/json")
        yield chunked(*[body[at : at + 9999] for at in range(0, len(body), 9999)], path=path)
        yield chunked(*[b"%d" % (number % 10) for number in range(len(body) % 500)], path=path)
    yield get("*", method="OPTIONS")
    yield b"\r\n" + get()
    yield get("/both", "Transfer-Encoding: chunked", "Expect: 100-continue", method="PUT") + chunk(b"abc")
    yield b"".join(get(path) for path in ROUTES)
    yield get() * 50


def _hostile() -> Iterator[bytes]:
    """What tests/conformance and tests/http send."""
    for probe in PROBES:
        yield from (step for step in probe.talk.steps if isinstance(step, bytes))
    for case in CASES:
        yield case.data
    for data, _ in REFUSED:
        yield data
    yield from TAKEN


GOOD: Final = tuple(dict.fromkeys(_good()))
HOSTILE: Final = tuple(dict.fromkeys(data for data in _hostile() if 0 < len(data) < _LONG))
