"""What simulated clients ask, and what they must be answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

from triosanic.testing.events import ReceivedEvent
from triosanic.testing.simulation.answers import SWITCHING, Answer
from triosanic.testing.simulation.frames import frames_of

HOST: Final = "simulation.test"
UPGRADE: Final = (
    ("Host", HOST),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),  # RFC 6455 1.3
)


class Framing(Enum):
    """How a request is put on the wire."""

    PLAIN = auto()  # HTTP/1.1 without a body
    HTTP10 = auto()
    LENGTH = auto()
    CHUNKED = auto()
    TRAILERS = auto()  # chunked, with trailer fields
    EXPECT = auto()  # Expect: 100-continue, with a length or in chunks
    RAW = auto()  # as it stands in `Ask.raw`
    WEBSOCKET = auto()  # an upgrade, with all that its client says behind it


BODILESS: Final = (Framing.PLAIN, Framing.PLAIN, Framing.PLAIN, Framing.PLAIN, Framing.HTTP10)
WITH_BODY: Final = (
    Framing.LENGTH,
    Framing.LENGTH,
    Framing.CHUNKED,
    Framing.CHUNKED,
    Framing.TRAILERS,
    Framing.EXPECT,
)
_CHUNKED: Final = frozenset({Framing.CHUNKED, Framing.TRAILERS})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and what its answer must be.

    The simulation decides how it is sent: by length, in chunks, with trailers, after ``100 Continue``, as
    HTTP/1.0, alone or with others in one burst.

    Attributes:
        method: The method.
        target: Path and query.
        body: The content; ``None``: none.
        headers: Further fields.
        status: The status that it must have; ``None``: any below 500.
        content: The content that it must have; ``None``: any.
        events: The server-sent events that it must consist of, in order, each whole; a stop may end it after
            any of them; ``None``: it is no stream of events.
        check: Called with the answer; raises what is wrong, as ``assert`` does.
        takes_s: Seconds of virtual time until the answer's end, at most; ``None``: ``RESPONSE_TIMEOUT`` to
            its beginning.
        closes: Whether the connection ends with it; ``None``: the server may choose.
        breaks: Whether the handler breaks its answer off, which must then not look whole.
        raw: The bytes to send in place of a request that we write, as malformed ones.
        framings: How it may be sent; ``()``: as it pleases the simulation.
        sends: The messages of a WebSocket's client; ``None``: it is no WebSocket.
        receives: The messages that it must get, in order, each whole, and then a Close of 1000; a stop may
            end it after any of them.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Sequence[tuple[str, str]] = ()
    status: int | None = None
    content: bytes | None = None
    events: Sequence[ReceivedEvent] | None = None
    check: Callable[[Answer], object] | None = None
    takes_s: float | None = None
    closes: bool | None = None
    breaks: bool = False
    raw: bytes | None = None
    framings: tuple[Framing, ...] = ()
    sends: Sequence[str | bytes] | None = None
    receives: Sequence[str | bytes] = ()


# What a simulation is given: requests, or what makes them.
MakeAsk = Callable[[Random], Ask]


def get(
    target: str, *, status: int | None = 200, check: Callable[[Answer], object] | None = None
) -> Ask:
    """Return a GET; see `Ask`."""
    return Ask("GET", target, status=status, check=check)


def post(
    target: str,
    body: bytes,
    *,
    headers: Sequence[tuple[str, str]] = (),
    status: int | None = 200,
    check: Callable[[Answer], object] | None = None,
) -> Ask:
    """Return a POST; see `Ask`."""
    return Ask("POST", target, body, headers, status=status, check=check)


def websocket(
    target: str,
    sends: Sequence[str | bytes],
    receives: Sequence[str | bytes],
    *,
    headers: Sequence[tuple[str, str]] = (),
    takes_s: float | None = None,
) -> Ask:
    """Return a WebSocket, which its handler must close; see `Ask`.

    The simulation decides which messages come in fragments, and where its client pings. The client does not
    answer the Close: the connection ends ``WEBSOCKET_CLOSE_TIMEOUT`` later.
    """
    return Ask(
        "GET",
        target,
        headers=headers,
        status=SWITCHING,
        takes_s=takes_s,
        closes=True,
        sends=sends,
        receives=receives,
    )


@dataclass(frozen=True, slots=True)
class Sending:
    """An `Ask` as it goes onto the wire.

    Attributes:
        ask: What is asked.
        framing: How it is sent.
        head: All up to the empty line.
        body: The rest, framed.
    """

    ask: Ask
    framing: Framing
    head: bytes
    body: bytes

    @property
    def expects(self) -> bool:
        """Whether it waits for ``100 Continue`` before its body."""
        return self.framing is Framing.EXPECT

    @property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.framing is Framing.WEBSOCKET

    @property
    def http11(self) -> bool:
        """Whether it is of HTTP/1.1."""
        return self.framing is not Framing.HTTP10


def render(ask: Ask, random: Random, *, last: bool) -> Sending:
    """Choose how ``ask`` is sent.

    Args:
        ask: What is asked.
        random: Chooses.
        last: Whether nothing follows on its connection: a request of HTTP/1.0 ends it.
    """
    if ask.raw is not None:
        return Sending(ask, Framing.RAW, ask.raw, b"")
    if ask.sends is not None:
        lines = [f"GET {ask.target} HTTP/1.1", *(f"{n}: {v}" for n, v in (*UPGRADE, *ask.headers)), "", ""]
        frames = b"".join(frames_of(message, random) for message in ask.sends)
        return Sending(ask, Framing.WEBSOCKET, "\r\n".join(lines).encode(), frames)
    framings = ask.framings or (BODILESS if ask.body is None else WITH_BODY)
    framing = random.choice(framings)
    if framing is Framing.HTTP10 and not last:
        framing = Framing.PLAIN if ask.body is None else Framing.LENGTH
    fields = [("Host", HOST), *ask.headers]
    body = ask.body or b""
    if framing is Framing.EXPECT:
        fields.append(("Expect", "100-continue"))
    if framing in _CHUNKED or (framing is Framing.EXPECT and random.getrandbits(1)):
        fields.append(("Transfer-Encoding", "chunked"))
        body = _chunked(body, random, trailers=framing is Framing.TRAILERS)
    elif ask.body is not None:
        fields.append(("Content-Length", str(len(body))))
    version = "1.0" if framing is Framing.HTTP10 else "1.1"
    lines = [f"{ask.method} {ask.target} HTTP/{version}", *(f"{name}: {value}" for name, value in fields)]
    return Sending(ask, framing, ("\r\n".join(lines) + "\r\n\r\n").encode(), body)


def _chunked(body: bytes, random: Random, *, trailers: bool) -> bytes:
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        size = random.choice((1, 7, 100, 1000, len(body)))
        piece = body[at : at + size]
        extension = b";x=1" if random.random() < 0.1 else b""  # noqa: PLR2004  # now and then
        parts += b"%x%b\r\n" % (len(piece), extension), piece, b"\r\n"
        at += len(piece)
    parts.append(b"0\r\nX-Checked: yes\r\n\r\n" if trailers else b"0\r\n\r\n")
    return b"".join(parts)
