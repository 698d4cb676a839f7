"""The compressors: bytes in, bytes out, and a flush after which all that went in can be read."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

Piece: TypeAlias = bytes | memoryview

# What is compressed before others have their turn: 0.4 ms with gzip.
SLICE_BYTES: Final = 32_768

# Levels and windows are measured on JSON and on source text; docs/compression.md has the table.
# Level 6, zlib's own default, takes twice the time for 4 to 5 % fewer bytes.
_GZIP_LEVEL: Final = 4
_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS
# The next one takes nearly twice the time for 2 to 7 % fewer bytes.
_BROTLI_QUALITY: Final = 4
# For both: 256 KiB bound what a stream holds to 1.2 MiB; with Brotli's default of 4 MiB it is up to 7.
_WINDOW_LOG: Final = 18
_ZSTD_LEVEL: Final = 3


class Compressor(Protocol):
    """One content on its way into a coding."""

    def compress(self, data: Piece) -> bytes:
        """Take a piece; return what has come out, which may be nothing yet."""

    def flush(self) -> bytes:
        """Return what is still inside, so that a client can read all that has been taken."""

    def finish(self) -> bytes:
        """Return the rest, with the mark of its end."""


class _Gzip:
    """RFC 1952; of the same content always the same bytes."""

    __slots__ = ("_stream", "compress")

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WBITS)
        self.compress: Callable[[Piece], bytes] = self._stream.compress

    def flush(self) -> bytes:
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    """RFC 7932, by Google's own library."""

    __slots__ = ("compress", "finish", "flush")

    def __init__(self, library: Any) -> None:
        stream = library.Compressor(quality=_BROTLI_QUALITY, lgwin=_WINDOW_LOG)
        self.compress: Callable[[Piece], bytes] = stream.process
        self.flush: Callable[[], bytes] = stream.flush
        self.finish: Callable[[], bytes] = stream.finish


class _Zstd:
    """RFC 8878, by what is ``compression.zstd`` from Python 3.14 on."""

    __slots__ = ("_stream", "compress")

    def __init__(self, library: Any) -> None:
        kind = library.CompressionParameter
        options = {kind.compression_level: _ZSTD_LEVEL, kind.window_log: _WINDOW_LOG}
        self._stream = library.ZstdCompressor(options=options)
        self.compress: Callable[[Piece], bytes] = self._stream.compress

    def flush(self) -> bytes:
        data: bytes = self._stream.flush(self._stream.FLUSH_BLOCK)
        return data

    def finish(self) -> bytes:
        data: bytes = self._stream.flush(self._stream.FLUSH_FRAME)
        return data


# In the order in which they are preferred where a client takes several alike: by the time they take.
# The libraries are extras; the first of them that is there is taken.
_LIBRARIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"zstd": ("compression.zstd", "backports.zstd"), "br": ("brotli",), "gzip": ()}
)
_WITH_LIBRARY: Final[Mapping[str, Callable[[Any], Compressor]]] = MappingProxyType(
    {"zstd": _Zstd, "br": _Brotli}
)


def available_codings() -> tuple[str, ...]:
    """Give the codings that are installed, the one first that is to be preferred."""
    return tuple(name for name, libraries in _LIBRARIES.items() if not libraries or _library(name))


def compressor_of(coding: str) -> Compressor:
    """Make a compressor for one content.

    Raises:
        KeyError: It is none of `available_codings`.
    """
    if coding == "gzip":
        return _Gzip()
    return _WITH_LIBRARY[coding](_library(coding))


@cache
def _library(coding: str) -> Any:
    """Import what a coding needs, now that it is wanted; ``None``: it is not installed."""
    for name in _LIBRARIES[coding]:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None
