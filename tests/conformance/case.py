"""How a case of our own is written down: bytes, what must come of them, and who says so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.conformance.play import State

END: Final = b"\r\n\r\n"
GET: Final = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
SEEN: Final = "GET /next"
_SHOWN_BYTES: Final = 60
CHUNKED: Final = b"Transfer-Encoding: chunked"


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes on one connection, and what must come of them.

    Attributes:
        source: The rule that decides.
        statuses: Of all answers, in order.
        state: What becomes of the connection.
        seen: The requests that reach the app.
        plain: Whether the last answer is the connection's own, in plain text.
        bodies: Contents of the answers, where they are compared.
        methods: See `Talk`.
        has: A field that the last answer has.
    """

    name: str
    source: str
    data: bytes
    statuses: tuple[int, ...]
    state: State
    seen: tuple[str, ...]
    plain: bool = False
    bodies: tuple[bytes, ...] = ()
    methods: tuple[str, ...] = ()
    has: str = ""


def head(line: bytes, *fields: bytes) -> bytes:
    """Give a head of those lines."""
    return b"\r\n".join([line, *fields]) + END


def get(*fields: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1") -> bytes:
    """Give a GET with Host and those fields."""
    return head(b"GET " + target + b" " + version, b"Host: a", *fields)


def post(*fields: bytes, target: bytes = b"/") -> bytes:
    """Give the head of a POST with Host and those fields."""
    return head(b"POST " + target + b" HTTP/1.1", b"Host: a", *fields)


def refused(name: str, source: str, data: bytes, status: int = 400) -> Case:
    """Answered by the connection before there is a request, with what follows unread."""
    methods = ("HEAD",) if data.startswith(b"HEAD ") else ()
    return Case(name, source, data + GET, (status,), State.CLOSED, (), plain=True, methods=methods)


def broken(name: str, source: str, data: bytes) -> Case:
    """A body that turns out bad: 400, and what follows is unread."""
    return Case(name, source, data + GET, (400,), State.CLOSED, ())


def taken(name: str, source: str, data: bytes, seen: str = "GET /", body: bytes = b"OK") -> Case:
    """Nothing is wrong with it; and the next request on the connection is answered as well."""
    return Case(name, source, data + GET, (200, 200), State.OPEN, (seen, SEEN), bodies=(body, b"OK"))


def last(name: str, source: str, data: bytes, seen: str = "GET /") -> Case:
    """Nothing is wrong with it; it ends the connection, and what follows is not looked at."""
    return Case(name, source, data + GET, (200,), State.CLOSED, (seen,))


def each(
    make: Callable[[str, str, bytes], Case],
    name: str,
    source: str,
    wrap: Callable[[bytes], bytes],
    *values: bytes,
) -> Iterator[Case]:
    """Give a case for each value."""
    for value in values:
        yield make(f"{name} {shown(value)}", source, wrap(value))


def shown(value: bytes) -> str:
    """Give bytes as they are written, or a few of them and how many there are."""
    return ascii(value)[2:-1] if len(value) <= _SHOWN_BYTES else f"{shown(value[:10])}... {len(value)} B"
