"""What all the applications send: values only, so that no framework gains or loses by them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

HELLO: Final = "Hello, world!"
JSON: Final = {"message": HELLO, "number": 42, "list": [1, 2, 3], "nested": {"ok": True, "none": None}}
BLOCK: Final = b"x" * 65_536
PIECE: Final = b"p" * 63 + b"\n"

# What WebSockets carry, and what ends it where somebody counts; one frame's length is one byte.
MESSAGE: Final = "m" * 63 + "."
END: Final = "end"

# What `benchmarks.files` writes.
FILES: Final = Path(__file__).resolve().parent.parent / "files-served"
BIG_FILE: Final = "big.bin"
SMALL_FILE: Final = "{:03d}.txt"
SMALL_FILES: Final = 1_000

# The cookie of a page's visitor, and the header by which a middleware says how it went.
COOKIE: Final = "session"
STAMP: Final = "x-visitor"

# Longer than any workload lasts, and below no server's default limit that matters to it.
LONG_S: Final = 3_600.0


def block_sizes(total_bytes: int) -> list[int]:
    """Return the sizes of the 64 KiB blocks, the last one shorter, that make up ``total_bytes``."""
    whole, rest = divmod(total_bytes, len(BLOCK))
    return [len(BLOCK)] * whole + ([rest] if rest else [])


def stamped_piece() -> bytes:
    """Return 64 bytes that say when they were made, in nanoseconds of ``CLOCK_MONOTONIC``."""
    return b"%63d\n" % time.monotonic_ns()
