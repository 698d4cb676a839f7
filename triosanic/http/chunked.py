r"""The strict reading of a chunked body (RFC 9112 7.1).

The reader feeds it what comes and takes pieces of content out of it. Where RFC 9112 leaves a receiver no
freedom there is none: a chunk's data ends in exactly CRLF, a size is 1 to 16 hexadecimal digits, extensions
are well formed and bounded, and so are trailers, which can't say anything about framing, routing or identity.
A property test holds it to the same content as h11, which takes more than this does.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from triosanic.exceptions import BadRequest
from triosanic.http.framing import Headers
from triosanic.http.guard import TOKEN, has_bare_end, read_fields

# RFC 9112 7.1.1; BWS is allowed around ";" and "=", and nowhere else.
_QUOTED: Final = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~])*+"'
_EXTENSION: Final = rf"[ \t]*;[ \t]*{TOKEN}++(?:[ \t]*=[ \t]*(?:{TOKEN}++|{_QUOTED}))?"
_SIZE: Final = re.compile(rf"([0-9A-Fa-f]{{1,16}})((?:{_EXTENSION})*+)\r\n".encode("latin-1"))
# Most size lines, without extensions. Where it does not match, `_SIZE` decides.
_PLAIN_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
# An incomplete line that can still become a size line: it holds no control byte but the CR at its end.
_PARTIAL: Final = re.compile(rb"[0-9A-Fa-f]{1,16}(?:[ \t;][\t -~\x80-\xff]*)?\r?")
_EXTENSION_BYTES: Final = 256
_LINE_BYTES: Final = 16 + _EXTENSION_BYTES + 2  # digits, extensions, CRLF
_EXTENSIONS_BYTES: Final = 8192  # in the whole body
_MAX_TRAILERS: Final = 32
# After this many chunks the reader hands over what it has, however little, and others have their turn: a
# handler takes 8 pieces in one, which is a millisecond of tiny chunks.
_CHUNKS_A_PIECE: Final = 250
# RFC 9110 6.5.1: fields that would change how the message is framed, routed or understood, or who sent it.
_NOT_IN_TRAILERS: Final = frozenset(
    (
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "max-forwards",
        "proxy-authorization",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class _At(Enum):
    """What comes next."""

    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILERS = auto()
    DONE = auto()


class ChunkedInbound:
    """A chunked body; see `framing.Inbound`.

    Attributes:
        missing: Bytes of the current chunk's data that are still to come.
        rest: What was fed and not taken; beyond the body's end once it is complete.
        trailers: The trailer fields, once the body has ended.
    """

    __slots__ = ("_at", "_extensions", "_max_trailer_bytes", "missing", "rest", "trailers")

    def __init__(self, max_trailer_bytes: int) -> None:
        self.rest = b""
        self.trailers: Headers = ()
        self._at = _At.SIZE
        self.missing = 0
        self._extensions = 0
        self._max_trailer_bytes = max_trailer_bytes

    @property
    def complete(self) -> bool:
        """See `framing.Inbound.complete`."""
        return self._at is _At.DONE

    def feed(self, data: bytes) -> None:
        """See `framing.Inbound.feed`."""
        self.rest = self.rest + data if self.rest else data

    def take(self) -> bytes:
        """See `framing.Inbound.take`.

        Raises:
            BadRequest: The framing is broken.
        """
        data, at = self.rest, 0
        pieces: list[bytes | memoryview] = []
        while len(pieces) < _CHUNKS_A_PIECE:
            if self._at is _At.SIZE:
                after = self._read_chunks(data, at, pieces) or self._read_size(data, at)
            elif self._at is _At.DATA:
                piece = memoryview(data)[at : at + self.missing]  # copied once, with the others
                after = at + len(piece)
                self.missing -= len(piece)
                pieces.append(piece)
                if not self.missing:
                    self._at = _At.DATA_END
            elif self._at is _At.DATA_END:
                after = self._read_data_end(data, at)
            elif self._at is _At.TRAILERS:
                after = self._read_trailers(data, at)
            else:
                break
            if after == at:
                break
            at = after
        self.rest = data[at:]
        return b"".join(pieces)

    def _read_chunks(self, data: bytes, at: int, pieces: list[bytes | memoryview]) -> int:
        """Take chunks that have come whole: the short way of those that are tiny; 0: there is none."""
        after = 0
        while len(pieces) < _CHUNKS_A_PIECE and (match := _PLAIN_SIZE.match(data, at)) is not None:
            start = match.end()
            end = start + int(match[1], 16)
            if end == start or data[end : end + 2] != b"\r\n":
                break
            pieces.append(data[start:end])
            at = after = end + 2
        return after

    def _read_size(self, data: bytes, at: int) -> int:
        match = _SIZE.match(data, at, at + _LINE_BYTES)
        if match is None:
            partial = len(data) - at < _LINE_BYTES and _PARTIAL.fullmatch(data, at) is not None
            if at < len(data) and not partial:
                raise BadRequest("The size of a chunk is malformed")
            return at
        self._extensions += len(match[2])
        if len(match[2]) > _EXTENSION_BYTES or self._extensions > _EXTENSIONS_BYTES:
            raise BadRequest("The chunk extensions exceed the limit")
        self.missing = int(match[1], 16)
        self._at = _At.DATA if self.missing else _At.TRAILERS
        return match.end()

    def _read_data_end(self, data: bytes, at: int) -> int:
        end = data[at : at + 2]
        if end == b"\r\n":
            self._at = _At.SIZE
            return at + 2
        if not b"\r\n".startswith(end):
            raise BadRequest("A chunk does not end where its size says")
        return at

    def _read_trailers(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            end = at
        else:
            end = data.find(b"\r\n\r\n", at, at + self._max_trailer_bytes + 4)
            if end < 0:
                if len(data) - at > self._max_trailer_bytes + 3:  # of the CRLFCRLF one byte may be missing
                    raise BadRequest("The trailers exceed the limit")
                if has_bare_end(data[at:]):
                    raise BadRequest("A trailer field is malformed")
                return at
            end += 2
        fields = read_fields("\r\n" + data[at:end].decode("utf-8", "surrogateescape"))
        if fields is None:
            raise BadRequest("A trailer field is malformed")
        if len(fields) > _MAX_TRAILERS:
            raise BadRequest("The trailers exceed the limit")
        self.trailers = fields
        for name, _ in fields:
            if name in _NOT_IN_TRAILERS:
                raise BadRequest(f"The field {name} is not allowed in trailers")
        self._at = _At.DONE
        return end + 2
