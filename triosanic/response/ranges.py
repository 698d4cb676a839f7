"""Parts of a content, as the Range field asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final, Protocol

from triosanic.exceptions import HeaderNotFound, InvalidRangeType, RangeNotSatisfiable
from triosanic.headers import Header, check_header_value
from triosanic.http.sendfile import Span

# More ranges than this are not served, but the whole: nobody but an attacker asks for so many, since
# each has a head of its own. A player asks for one, a reader of PDF for a few.
MAX_RANGES: Final = 16
# RFC 9110 14.1.2. `\d` would take digits of every script (CVE-2025-69225).
_range_spec: Final = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*").fullmatch
_NOT_THERE: Final = "Invalid for Content Range parameters"
# No file is longer; a longer number is not computed, because that takes quadratic time.
_MAX_DIGITS: Final = 19


class HasSize(Protocol):
    """What tells how long a file is, as `os.stat` gives it."""

    @property
    def st_size(self) -> int:
        """In bytes."""


class HasHeaders(Protocol):
    """What tells what a client asked for, as a request."""

    @property
    def headers(self) -> Header:
        """The header fields."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` to ``end``, both included, of ``total``."""

    start: int
    end: int
    total: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.start + 1

    @property
    def field(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.end}/{self.total}"


@dataclass(frozen=True, slots=True)
class _Whole:
    """For errors: how long the whole is."""

    total: int


def parse_ranges(value: str, total: int) -> tuple[ByteRange, ...]:
    """Read a Range field, in time proportional to its length.

    Ranges that overlap or touch are served as one, in ascending order then, so that no request gets more
    than the whole.

    Args:
        value: As ``bytes=0-99``, ``bytes=100-``, ``bytes=-100``, or several with commas between.
        total: Length of the content, in bytes.

    Returns:
        What to serve; nothing if the field is to be ignored: more than 16 ranges, or of an empty content.

    Raises:
        InvalidRangeType: The unit is not bytes.
        RangeNotSatisfiable: It is not of the form, or lies behind the end.

    Source: RFC 9110 14.1.2, 14.2, 15.5.17; both errors as in Sanic 25.12; CVE-2025-62727.
    """
    unit, _, specs = value.partition("=")
    whole = _Whole(total)
    if unit.strip().lower() != "bytes":
        raise InvalidRangeType(f"{unit} is not a valid Range Type", whole)
    if not total or specs.count(",") >= MAX_RANGES:
        return ()
    ranges = [_read(spec, total) for spec in specs.split(",") if spec.strip(" \t")]
    found = [one for one in ranges if one is not None]
    if not found:
        raise RangeNotSatisfiable(_NOT_THERE, whole)
    merged = _merge(found)
    return tuple(merged if len(merged) < len(found) else found)


def _read(spec: str, total: int) -> ByteRange | None:
    """Read one range; ``None`` if nothing of it exists."""
    match = _range_spec(spec)
    if match is None:
        raise RangeNotSatisfiable(f"'{_bad_number(spec)}' is invalid for Content Range", _Whole(total))
    first, last, suffix = match.groups()
    if suffix is not None:
        size = min(_number(suffix), total)
        return ByteRange(total - size, total - 1, total) if size else None
    start = _number(first)
    end = _number(last) if last else total - 1
    if last and end < start:
        raise RangeNotSatisfiable(_NOT_THERE, _Whole(total))
    return ByteRange(start, min(end, total - 1), total) if start < total else None


def _bad_number(spec: str) -> str:
    """Give what is no number in a range; the whole, if it has no hyphen."""
    bounds = [bound.strip() for bound in spec.split("-", 1)]
    return next((bound for bound in bounds if bound and not bound.isdecimal()), spec.strip())


def _number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _merge(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    merged: list[ByteRange] = []
    for one in sorted(ranges, key=lambda one: one.start):
        if merged and one.start <= merged[-1].end + 1:
            last = merged.pop()
            one = ByteRange(last.start, max(last.end, one.end), one.total)
        merged.append(one)
    return merged


def multipart(ranges: Iterable[ByteRange], content_type: str) -> tuple[str, tuple[bytes | Span, ...]]:
    """Lay out a content of several ranges: its Content-Type, and its parts.

    Raises:
        ValueError: ``content_type`` can't stand in a header.

    Source: RFC 9110 14.6.
    """
    check_header_value(content_type)
    boundary = token_hex(16)  # no content can have been written to hold it
    parts: list[bytes | Span] = []
    line_end = ""
    for one in ranges:
        head = f"{line_end}--{boundary}\r\ncontent-type: {content_type}\r\ncontent-range: {one.field}\r\n\r\n"
        parts += [head.encode("latin-1"), Span(one.start, one.size)]
        line_end = "\r\n"
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return f"multipart/byteranges; boundary={boundary}", tuple(parts)


class ContentRangeHandler:
    """The one range that a request asks for, for ``file(..., _range=...)``; false if it asks for the whole.

    Args:
        request: The request.
        stats: What `os.stat` says of the file.

    Attributes:
        start: The first byte.
        end: The last byte.
        size: How many bytes.
        total: Length of the whole.
        headers: The Content-Range field.

    Raises:
        HeaderNotFound: The request has no Range field.
        InvalidRangeType: The unit is not bytes.
        RangeNotSatisfiable: The range is malformed or lies behind the end.

    Source: Sanic 25.12 ``handlers.ContentRangeHandler``; several ranges count as none, and those of a HEAD.
    """

    __slots__ = ("end", "headers", "size", "start", "total")

    def __init__(self, request: HasHeaders, stats: HasSize) -> None:
        value = request.headers.get("range")
        if value is None:
            raise HeaderNotFound("Range Header Not Found")
        self.total = stats.st_size
        # RFC 9110 14.2: a HEAD has no ranges. Programs pass what has header fields and nothing else, too.
        ranges = () if getattr(request, "method", "GET") == "HEAD" else parse_ranges(value, self.total)
        asked = ranges[0] if len(ranges) == 1 else None
        self.start = asked.start if asked else None
        self.end = asked.end if asked else None
        self.size = asked.size if asked else None
        self.headers: dict[str, Any] = {"Content-Range": asked.field} if asked else {}

    def __bool__(self) -> bool:
        return self.size is not None
