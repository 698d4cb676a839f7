"""Compressed bodies: gzip and deflate, inflated piece by piece as their handler reads them.

An `Inflater` knows no event loop. `inflated` lays it between the body as it was sent and the one that a
handler reads, so that what nobody reads is never inflated, nor a piece before it is asked for.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import trio

from triosanic.exceptions import BadRequest, PayloadTooLarge, SanicException
from triosanic.http.body import RequestBody
from triosanic.http.framing import Headers

# 64 KiB: a piece of a body that is not compressed; 0.1 ms of inflating, after which others have their turn.
_PIECE_BYTES: Final = 65_536
# The ratio counts from one piece on: no more than that does any client need to make us hold it.
_RATIO_FROM_BYTES: Final = _PIECE_BYTES
# Members of gzip that may end within a turn: 1.3 µs each, even if they are empty.
_MEMBERS_A_TURN: Final = 64
_GZIP: Final = 16 + zlib.MAX_WBITS
_CODINGS: Final = frozenset(("gzip", "x-gzip", "deflate"))


def coding_of(headers: Headers) -> str | None:
    """Return the coding that a body has by its fields: ``gzip``, ``deflate``, or ``None``.

    Raises:
        SanicException: 415: it has another one, or several.

    Source: RFC 9110 8.4, 8.4.1.3 (``x-gzip``), 12.5.3 and 15.5.16 (Accept-Encoding in the answer).
    """
    named = [
        coding.strip(" \t").lower()
        for name, value in headers
        if name == "content-encoding"
        for coding in value.split(",")
    ]
    codings = [coding for coding in named if coding not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _CODINGS:
        accepted = {"Accept-Encoding": "gzip, deflate"}
        raise SanicException(
            "The content coding must be gzip or deflate, once", 415, quiet=True, headers=accepted
        )
    return "deflate" if codings[0] == "deflate" else "gzip"


def inflated(sent: RequestBody, coding: str, max_ratio: float) -> RequestBody:
    """Return the body that handlers read, made of the one that was ``sent``. Checkpoint: never.

    Args:
        sent: Nothing of it has been read.
        coding: ``gzip`` or ``deflate``.
        max_ratio: See `Inflater`.
    """
    inflater = Inflater(coding, max_ratio)
    content = RequestBody()
    content.request_max_size = sent.request_max_size

    async def make_piece() -> None:
        """Make the next piece, if none waits; find the end, or what is wrong."""
        try:
            while not content.waiting:
                await trio.lowlevel.checkpoint()
                if inflater.pending:
                    content.put(inflater.take())
                    continue
                # What is inflated is bounded, so that it can be held; what is sent, so that it ends.
                sent.request_max_size = content.request_max_size
                data = await sent.read()
                if data is None:
                    inflater.finish()
                    content.before_read = None
                    content.finish(sent.trailers)
                    return
                inflater.feed(data)
        except (BadRequest, PayloadTooLarge) as error:
            content.before_read = None
            content.fail(error)

    content.before_read = make_piece
    return content


class Inflater:
    """What was fed, inflated.

    Args:
        coding: ``gzip``: one member or several (RFC 1952 2.2); ``deflate``: the zlib format, or, as many
            clients send it, without its wrapper.
        max_ratio: How many times larger than what was sent the content may be, beyond its first 64 KiB.

    Attributes:
        pending: Whether `take` is to be called again before anything is fed.
    """

    __slots__ = ("_data", "_fed", "_gzip", "_made", "_max_ratio", "_stream", "pending")

    def __init__(self, coding: str, max_ratio: float) -> None:
        self.pending = False
        self._gzip = coding == "gzip"
        self._max_ratio = max_ratio
        self._data = b""  # fed and not inflated
        self._fed = 0
        self._made = 0
        self._stream: Any = None  # zlib's; None between members

    def feed(self, data: bytes) -> None:
        """Add what has come, when nothing is `pending`."""
        self._data = data
        self._fed += len(data)
        self.pending = True

    def take(self) -> bytes:
        """Return the next piece, of at most 64 KiB; ``b""`` is possible, and not the end.

        Raises:
            BadRequest: It is not of the coding.
            PayloadTooLarge: It grows beyond the ratio.
        """
        try:
            piece = self._inflate()
        except zlib.error as exc:
            raise BadRequest("The compressed body is malformed") from exc
        self._made += len(piece)
        consumed = self._fed - len(self._data)
        if self._made > _RATIO_FROM_BYTES and self._made > self._max_ratio * consumed:
            raise PayloadTooLarge("The compressed body grows beyond the ratio limit")
        return piece

    def finish(self) -> None:
        """Nothing more will be fed.

        Raises:
            BadRequest: It ends within a member, and is not whole.
        """
        if self._stream is not None and not self._stream.eof:
            raise BadRequest("The compressed body ends too early")

    def _inflate(self) -> bytes:
        pieces: list[bytes] = []
        room = _PIECE_BYTES
        for _ in range(_MEMBERS_A_TURN):
            if self._stream is None or self._stream.eof:
                self._stream = self._begin()
            piece = self._stream.decompress(self._data, room)
            pieces.append(piece)
            room -= len(piece)
            self._data = self._stream.unused_data or self._stream.unconsumed_tail
            if not room or not self._data:
                break
        # All may be taken in while some is still to come out: a match goes beyond the end of the piece.
        self.pending = bool(self._data) or not (room or self._stream.eof)
        return b"".join(pieces)

    def _begin(self) -> Any:
        if self._gzip:
            return zlib.decompressobj(_GZIP)
        if self._stream is not None:
            raise BadRequest("The compressed body goes on after its end")
        # RFC 1950 2.2: the low bits of the first byte are 8. Without a wrapper they would be a stored block
        # with padding that is not zero, which nobody makes.
        return zlib.decompressobj(zlib.MAX_WBITS if self._data[0] & 0x0F == 8 else -zlib.MAX_WBITS)  # noqa: PLR2004
