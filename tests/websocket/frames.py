"""Frames as a client makes them, right and wrong, and what a server's frames say."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import trio

from triosanic.testing import RawConnection

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
MASK: Final = b"\x01\x02\x03\x04"


def ask(path: str = "/", *fields: str, without: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """Give the bytes of a request for a WebSocket, with ``fields`` in place of those of the same name."""
    standard = {
        "Host": "a",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    replaced = {field.partition(":")[0].lower() for field in fields} | {without.lower()}
    lines = [f"{name}: {value}" for name, value in standard.items() if name.lower() not in replaced]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, *fields, "", ""]).encode(
        "utf-8", "surrogateescape"
    )


def frame(  # noqa: PLR0917  # as they stand in a frame
    opcode: int,
    payload: bytes = b"",
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length: bytes | None = None,
) -> bytes:
    """Give a frame (RFC 6455 5.2); ``length`` replaces what would say how long it is."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if mask is not None else 0
    size = len(payload)
    if length is not None:
        said = bytes((masked | length[0],)) + length[1:]
    elif size < 126:
        said = bytes((masked | size,))
    elif size < 65_536:
        said = struct.pack("!BH", masked | 126, size)
    else:
        said = struct.pack("!BQ", masked | 127, size)
    if mask is not None:
        repeated = (mask * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)
    return bytes((first,)) + said + (mask or b"") + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    """Give a Close."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def deflate(data: bytes, *, level: int = 9) -> bytes:
    """Compress a message (RFC 7692 7.2.1)."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the server's."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int:
        """Of a Close; 1005: it has none."""
        return int.from_bytes(self.payload[:2]) if self.payload else 1005


async def receive_frame(connection: RawConnection) -> Frame:
    """Read one frame, which a server does not mask."""
    first, said = await connection.receive(2)
    assert not said & 0x80
    size = said
    if said == 126:
        (size,) = struct.unpack("!H", await connection.receive(2))
    elif said == 127:
        (size,) = struct.unpack("!Q", await connection.receive(8))
    payload = await connection.receive(size)
    return Frame(first & 15, payload, bool(first & 0x80), first >> 4 & 7)


async def close_code(connection: RawConnection) -> int:
    """Read until the server's Close, and then its end; give the code."""
    while (found := await receive_frame(connection)).opcode != CLOSE:
        pass
    with trio.fail_after(20):
        assert await connection.rest() == b""
    return found.code
