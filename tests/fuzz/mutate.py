"""One conversation for each seed: bytes that were mutated, how they are delivered, and how it ends."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from random import Random
from typing import Final, TypeAlias

from tests.fuzz.corpus import GOOD, HOSTILE, ROUTES
from tests.http.wires import get

_WORDS: Final = (
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b'"',
        b"\\",
        b"\x7f",
        b"\xff",
    ),
    *(b"%00", b"%0d%0a", b"\x1b[2J", b"\xc2\x85", b"\xe2\x80\xa8", b"chunked", b"close", b"keep-alive"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"GET ", b"HEAD ", b"POST ", b"0\r\n\r\n", b"1\r\nx\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"a: b\r\n"),
    *(b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n", b"Host: a\r\n"),
    *(get(), get("*", method="OPTIONS"), b"5;a=b\r\nhello\r\n", b" c\r\n", b"ffffffffffffffff\r\n"),
)
_NUMBERS: Final = tuple(
    b"%d" % number
    for number in (0, 1, 2, 5, 255, 256, 8191, 8193, 49_999, 50_001, 65_535, 65_537, 2**31, 2**63, 10**18)
)
_NUMBER: Final = re.compile(rb"[0-9]+")
_MANY: Final = (2, 3, 10, 100, 1000)
# A conversation is cut off here: what is longer is for floods.
_MOST_BYTES: Final = 200_000


class End(Enum):
    """What the client does when all is sent."""

    SILENT = auto()  # waits for the server to close
    FIN = auto()
    RST = auto()
    DEAF = auto()  # has read nothing, and resets


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation.

    Attributes:
        parts: What is sent, in pieces.
        pause_s: Between pieces.
    """

    seed: int
    parts: tuple[bytes, ...]
    pause_s: float
    end: End

    @property
    def data(self) -> bytes:
        """All that is sent."""
        return b"".join(self.parts)


Mutation: TypeAlias = Callable[[Random, bytes], bytes]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    """Choose a range, most often a short one."""
    start = random.randrange(len(data) + 1)
    most = random.choice((1, 4, 30, len(data)))
    return start, min(len(data), start + random.randrange(most + 1))


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _overwrite(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.randbytes(min(end - start, 40)) + data[end:]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_WORDS) + data[at:]


def _insert_at_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines) + 1), random.choice(_WORDS).removesuffix(b"\r\n"))
    return b"\r\n".join(lines)


def _cut(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data)) + 1]


def _repeat(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice(_MANY) + data[end:]


def _swap_lines(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\r\n".join(lines)


def _renumber(random: Random, data: bytes) -> bytes:
    numbers = list(_NUMBER.finditer(data[:5000]))
    if not numbers:
        return data
    match = random.choice(numbers)
    return data[: match.start()] + random.choice(_NUMBERS) + data[match.end() :]


def _reroute(random: Random, data: bytes) -> bytes:
    return data.replace(b" / ", b" %b " % random.choice(ROUTES).encode())


def _splice(random: Random, data: bytes) -> bytes:
    other = random.choice(random.choice((GOOD, HOSTILE)))
    start, end = _span(random, other)
    at = random.randrange(len(data) + 1)
    piece = random.choice((other[start:end], other[start:], other))
    return data[:at] + piece + data[random.choice((at, len(data))) :]


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _flip,
    _flip,
    _overwrite,
    _insert,
    _insert,
    _insert_at_line,
    _cut,
    _truncate,
    _repeat,
    _swap_lines,
    _renumber,
    _reroute,
    _splice,
)


def make_case(seed: int) -> Case:
    """Give the conversation of a seed: the same in every run."""
    random = Random(seed)
    count = random.choice((1, 1, 2, 3, 6))
    pieces = [random.choice(random.choice((GOOD, GOOD, HOSTILE))) for _ in range(count)]
    if random.random() < 0.5:  # the others come after requests that are good
        pieces[-1] = mutated(random, pieces[-1])
        data = b"".join(pieces)
    else:
        data = mutated(random, b"".join(pieces))
    data = data[:_MOST_BYTES]
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 3, 12))))
    parts = tuple(data[a:b] for a, b in pairwise([0, *cuts, len(data)]) if a < b)
    end = random.choice((End.SILENT, End.SILENT, End.SILENT, End.FIN, End.FIN, End.RST, End.DEAF))
    return Case(seed, parts, random.choice((0.0, 0.001, 0.01)), end)


def mutated(random: Random, data: bytes) -> bytes:
    """Change it in some places, or not at all."""
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        data = random.choice(_MUTATIONS)(random, data or b"\r\n")[:_MOST_BYTES]
    return data
