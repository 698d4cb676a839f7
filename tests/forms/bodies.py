"""Bodies of forms, as clients write them."""

from collections.abc import Iterable
from itertools import pairwise

import trio

from triosanic.forms import FormLimits, Parts

BOUNDARY = "b"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(disposition: str, content: bytes = b"", *fields: str) -> bytes:
    """Write a part, from its delimiter on."""
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Write a form of such parts."""
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def field(name: str, content: bytes) -> bytes:
    """Write a field."""
    return part(f'name="{name}"', content)


def file(name: str, content: bytes, filename: str = "a.bin") -> bytes:
    """Write a file."""
    return part(f'name="{name}"; filename="{filename}"', content, "Content-Type: application/octet-stream")


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut data at these places."""
    places = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places) if start < end]


class Pieces(trio.abc.ReceiveStream):
    """A body that comes in these pieces, and then ends, or fails."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None) -> None:
        self.left = iter(pieces)
        self.taken = 0
        self.error = error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Give the next piece."""
        await trio.lowlevel.checkpoint()
        piece = next(self.left, b"")
        self.taken += bool(piece)
        if not piece and self.error is not None:
            raise self.error
        return piece

    async def aclose(self) -> None:
        """Do what the interface asks for."""
        await trio.lowlevel.checkpoint()


def parts_of(*pieces: bytes, limits: FormLimits | None = None, error: Exception | None = None) -> Parts:
    """Read a form that comes in these pieces."""
    return Parts(Pieces(pieces, error), TYPE, limits or FormLimits())
