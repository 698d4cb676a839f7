"""What a client makes of a content in a coding."""

import sys
import zlib
from importlib import import_module
from typing import Any, Final

import brotli

# As in the package: from Python 3.14 on it is Python's own.
zstd: Final[Any] = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

CODINGS: Final = ("zstd", "br", "gzip")


class Decoder:
    """Reads a content in a coding, piece by piece.

    Attributes:
        ended: Whether its end was read.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        makers: dict[str, Any] = {
            "gzip": lambda: zlib.decompressobj(31),
            "br": brotli.Decompressor,
            "zstd": zstd.ZstdDecompressor,
        }
        self._stream = makers[coding]()

    def feed(self, data: bytes) -> bytes:
        """Return all that can be read of it by now."""
        if not data:
            return b""
        name = "process" if self._coding == "br" else "decompress"
        read: bytes = getattr(self._stream, name)(data)
        return read

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished() if self._coding == "br" else self._stream.eof)


def decode(coding: str, data: bytes) -> bytes:
    """Read a content that must be whole."""
    decoder = Decoder(coding)
    content = decoder.feed(data)
    assert decoder.ended
    return content
