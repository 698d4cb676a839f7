"""Frames of WebSockets: a simulated client's, and a strict reader of the server's, which shares no code."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from triosanic.testing.simulation.answers import Malformed

_MORE: Final = 0
_TEXT: Final = 1
_BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10
_FIN: Final = 0x80
_MASK: Final = bytes.fromhex("01020304")
_SHORT: Final = 126
_NORMAL: Final = 1000


def frames_of(message: str | bytes, random: Random) -> bytes:
    """Return a message as its client sends it: whole or in fragments, with pings amid them."""
    data = message.encode() if isinstance(message, str) else message
    opcode = _TEXT if isinstance(message, str) else _BINARY
    parts: list[bytes] = []
    for _ in range(random.choice((0, 0, 1, 3))):
        cut = random.randrange(len(data) + 1)
        parts.append(_masked(opcode, data[:cut]))
        if random.getrandbits(1):
            parts.append(_masked(_FIN | _PING, b"ping"))
        opcode, data = _MORE, data[cut:]
    return b"".join((*parts, _masked(_FIN | opcode, data)))


def _masked(first: int, payload: bytes) -> bytes:
    size = len(payload)
    said = bytes((0x80 | size,)) if size < _SHORT else struct.pack("!BH", 0x80 | _SHORT, size)
    mask = (_MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload) ^ int.from_bytes(mask)
    return bytes((first,)) + said + _MASK + masked.to_bytes(size)


def judge_messages(data: bytes, right: Sequence[str | bytes], *, whole: bool) -> Iterator[str]:
    """Yield what is wrong with what a server has sent.

    Args:
        data: All of it, from the end of its 101 on.
        right: The messages that it must have sent, or, unless ``whole``, the first of them.
        whole: Whether nothing has gone wrong: then all must have come, and a Close of 1000.
    """
    got: list[str | bytes] = []
    code: int | None = None
    try:
        for opcode, payload in _frames(data, whole=whole):
            if code is not None:
                yield f"frame {opcode} follows the Close"
            if opcode == _CLOSE:
                code = int.from_bytes(payload[:2])
            elif opcode in (_TEXT, _BINARY):
                got.append(payload.decode() if opcode == _TEXT else payload)
            elif opcode not in (_PING, _PONG):
                yield f"a frame of opcode {opcode}"
    except (Malformed, UnicodeDecodeError) as exc:
        yield str(exc)
    if got != [*right][: len(got)]:
        yield f"the messages {got!r:.300} in place of {right!r:.300}"
    elif whole and (len(got) < len(right) or code != _NORMAL):
        yield f"{len(got)} of {len(right)} messages, and a Close of {code}"


def _frames(data: bytes, *, whole: bool) -> Iterator[tuple[int, bytes]]:
    """RFC 6455 5.2; the server under simulation neither masks, compresses nor sends fragments."""
    at = 0
    while at < len(data):
        first, said = data[at], data[at + 1 : at + 2]
        head = 2 + {126: 2, 127: 8}.get(said[0] if said else 0, 0)
        size = int.from_bytes(data[at + 2 : at + head]) if head > 2 else int.from_bytes(said)  # noqa: PLR2004  # as there
        if len(data) < at + head or len(data) < at + head + size:
            if whole:
                raise Malformed(f"half a frame at the end: {data[at : at + 20]!r}")
            return
        if first & 0xF0 != _FIN or said[0] & 0x80:
            raise Malformed(f"no frame of a server's: {data[at : at + 20]!r}")
        yield first & 0x0F, data[at + head : at + head + size]
        at += head + size
