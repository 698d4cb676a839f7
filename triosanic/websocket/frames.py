"""Frames: messages as bytes for the wire, and the bounds of what comes.

wsproto reads frames; `Intake` is the extension of it that holds a peer to our limits, and inflates. We write
data frames ourselves: one encoding then serves any number of sockets, and a long message is not copied.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

_FIN: Final = 0x80
_RSV1: Final = 0x40  # RFC 7692 6: this message is compressed
_SHORT: Final = 126
_LONG: Final = 1 << 16
# RFC 7692 7.2.1: what ends a compressed message is left out.
_TAIL: Final = b"\x00\x00\xff\xff"
# Shorter messages gain nothing by compression.
_WORTH_DEFLATING: Final = 128
# Up to here a frame is copied behind its head: cheaper than two buffers for the system.
_COPIED: Final = 16_384
# Level 3 is twice as fast as zlib's 6, and 5 % longer, on JSON.
_LEVEL: Final = 3

# A message may be sent in small fragments, but not in nothing but fragments.
FREE_FRAGMENTS: Final = 1024
BYTES_A_FRAGMENT: Final = 16
# So much may come of any compressed message; beyond it, the ratio counts.
FREE_BYTES: Final = 65_536

Data = str | bytes | bytearray | memoryview


class Outgoing:
    """A message that is to be sent, be it to one peer or to thousands.

    Args:
        data: Text, or bytes.

    Raises:
        TypeError: It is a mapping, or something else that is no message.
        NotImplementedError: It is an iterable: messages in fragments are not sent.

    Source: Sanic 25.12 ``ws.send``, for what is refused and how.
    """

    __slots__ = ("_deflated", "_opcode", "_payload", "_plain")

    def __init__(self, data: Data) -> None:
        if isinstance(data, str):
            self._opcode, self._payload = Opcode.TEXT, data.encode()
        elif isinstance(data, bytes | bytearray | memoryview):
            self._opcode, self._payload = Opcode.BINARY, bytes(data)
        else:
            raise _refused(data)
        self._plain: list[bytes] | None = None
        self._deflated: dict[int, list[bytes]] = {}

    def parts(self, deflate_bits: int | None) -> list[bytes]:
        """Give the frame, as pieces to be sent one after the other.

        Args:
            deflate_bits: The window that was agreed on; ``None``: there is no compression.
        """
        if deflate_bits is not None and len(self._payload) >= _WORTH_DEFLATING:
            if deflate_bits not in self._deflated:
                payload = _deflated(self._payload, deflate_bits)
                self._deflated[deflate_bits] = _framed(self._opcode | _RSV1, payload)
            return self._deflated[deflate_bits]
        if self._plain is None:
            self._plain = _framed(self._opcode, self._payload)
        return self._plain


def control(opcode: Opcode, payload: bytes) -> list[bytes]:
    """Give a control frame, of at most 125 bytes, as `Outgoing.parts` does (RFC 6455 5.5)."""
    return [bytes((_FIN | opcode, len(payload))) + payload]


def _refused(data: object) -> Exception:
    if isinstance(data, Mapping):
        return TypeError(f"a message must be str or bytes, not {data!r}; encode it, as by json.dumps")
    if isinstance(data, Iterable):
        return NotImplementedError("messages are not sent in fragments: a message must be str or bytes")
    return TypeError(f"a message must be str or bytes, not {data!r}")


def _framed(opcode: int, payload: bytes) -> list[bytes]:
    """RFC 6455 5.2: a whole message in one frame, unmasked."""
    size = len(payload)
    first = _FIN | opcode
    if size < _SHORT:
        head = bytes((first, size))
    elif size < _LONG:
        head = struct.pack("!BBH", first, 126, size)
    else:
        head = struct.pack("!BBQ", first, 127, size)
    return [head + payload] if size <= _COPIED else [head, payload]


def _head_bytes(size: int) -> int:
    """RFC 6455 5.2: how long the head of a masked frame is; no length may be written in more bytes."""
    return 6 + (0 if size < _SHORT else 2 if size < _LONG else 8)


def _deflated(payload: bytes, bits: int) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


class Intake(Extension):
    """Holds what comes to our bounds, while it comes and while it is inflated.

    Args:
        max_bytes: Bound of a message, inflated.
        max_ratio: What a compressed message may inflate to, beyond `FREE_BYTES`.
        inflates: Whether permessage-deflate was agreed on.

    Attributes:
        consumed: Bytes of the frames that have ended, with their heads.
    """

    name = "intake"

    __slots__ = (
        "_compressed",
        "_fragments",
        "_frame_bytes",
        "_inflater",
        "_inflates",
        "_max",
        "_opcode",
        "_ratio",
        "_raw",
        "_size",
        "consumed",
    )

    def __init__(self, max_bytes: int, max_ratio: float, *, inflates: bool) -> None:
        self._max = max_bytes
        self._ratio = max_ratio
        self._inflates = inflates
        self._opcode = Opcode.CONTINUATION  # of the frame that is being read
        self._frame_bytes = 0  # of the same
        self.consumed = 0
        self._begin()

    def _begin(self) -> None:
        """Be ready for a message."""
        self._compressed = False
        self._inflater: zlib._Decompress | None = None
        self._size = 0  # of this message, inflated
        self._raw = 0  # the same as it was sent
        self._fragments = 0

    def enabled(self) -> bool:
        """It always is."""
        return True

    def offer(self) -> bool:
        """Handshakes are not wsproto's here."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  # wsproto's
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """Look at a frame's head; wsproto may show it again, once more of it has come."""
        self._opcode = opcode
        self._frame_bytes = _head_bytes(payload_length) + payload_length
        if opcode.iscontrol():
            return RsvBits(False, False, False)
        begins = opcode is not Opcode.CONTINUATION
        if rsv.rsv1 and not (self._inflates and begins):
            return CloseReason.PROTOCOL_ERROR
        if begins:
            self._compressed = rsv.rsv1
        # A frame that is too long is told so at once, and not when all of it has come.
        if not self._compressed and self._size + payload_length > self._max:
            return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(rsv.rsv1, False, False)

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  # wsproto's
        data: bytes,
    ) -> bytes | CloseReason:
        """Count a piece of a frame, and inflate it if it is compressed."""
        if self._opcode.iscontrol():
            return data
        self._raw += len(data)
        if self._compressed:
            return self._inflate(data)
        self._size += len(data)
        return data if self._size <= self._max else CloseReason.MESSAGE_TOO_BIG

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  # wsproto's
        fin: bool,
    ) -> bytes | CloseReason | None:
        """Count a frame that has ended, and give what is left of a compressed message."""
        self.consumed += self._frame_bytes
        if self._opcode.iscontrol():
            return None
        self._fragments += 1
        if self._fragments > FREE_FRAGMENTS + self._raw // BYTES_A_FRAGMENT:
            return CloseReason.POLICY_VIOLATION
        if not fin:
            return None
        rest = self._inflate(_TAIL) if self._compressed else None
        self._begin()
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        if self._inflater is None:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        room = self._room()
        try:
            inflated = self._inflater.decompress(data, room + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._size += len(inflated)
        if len(inflated) > room:
            return CloseReason.MESSAGE_TOO_BIG
        # RFC 7692 7.2.3.4: a message may end in a final block, and then in a byte of nothing. More would be
        # another stream, of which each costs more than its bytes.
        if len(self._inflater.unused_data.removesuffix(_TAIL)) > 1:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return inflated

    def _room(self) -> int:
        """How much of this message may still come, inflated."""
        allowed = min(self._max, max(FREE_BYTES, self._raw * self._ratio))
        return max(0, int(allowed) - self._size)
