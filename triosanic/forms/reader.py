"""Bytes in, parts out: `multipart`'s parser, with what it leaves open decided."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, TypeAlias

from multipart import (
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
    StrictParserError,
)

from triosanic.exceptions import BadRequest, PayloadTooLarge
from triosanic.forms.heads import PartHead, read_head
from triosanic.forms.limits import (
    MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
    MAX_PREAMBLE_BYTES,
    FormLimits,
)


class Mark(Enum):
    """What comes after content."""

    PART_END = auto()
    FORM_END = auto()


Event: TypeAlias = PartHead | bytes | Mark

# What every delimiter follows; before the body's first byte it goes without saying.
_LINE_BREAK: Final = b"\r\n"


class MultipartReader:
    """Takes a form apart, in whatever pieces it comes: any split gives the same parts.

    Args:
        boundary: That of the Content-Type.
        limits: What the form may take.
    """

    __slots__ = ("_delimiter", "_ended", "_lead", "_limits", "_parser", "_parts")

    def __init__(self, boundary: str, limits: FormLimits) -> None:
        self._delimiter = f"--{boundary}".encode("ascii")
        self._limits = limits
        self._lead: bytes | None = _LINE_BREAK  # what came before the first delimiter
        self._parts = 0
        self._ended = False
        # Strict: header fields that are folded take quadratic time, and nobody sends any.
        self._parser = PushMultipartParser(
            boundary,
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
            strict=True,
        )

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next piece of the body; give what it completes: of each part its head, content, and end.

        The iterator must be used up before the next piece comes, and no more is fed after an error.

        Raises:
            BadRequest: In the iteration: this is no form.
            PayloadTooLarge: In the iteration: there are too many parts, or a header is too large.
        """
        if self._lead is not None:
            data = self._skip_preamble(self._lead + data)
        if self._ended or not data:  # what comes after the last part does not count (RFC 2046 §5.1.1)
            return
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    yield self._begin_part(event)
                else:
                    yield event or Mark.PART_END
        except ParserLimitReached as exc:
            raise PayloadTooLarge(
                f"The header of a part of the form exceeds {MAX_PART_HEADERS} fields"
                f" or {MAX_PART_HEADER_BYTES} bytes in one of them"
            ) from exc
        except StrictParserError as exc:
            self._ended = self._is_complete()
            if not self._ended:
                raise _malformed(exc) from exc
        except ParserError as exc:
            raise _malformed(exc) from exc

    def finish(self) -> None:
        """Be told that the body has ended. A body without a byte is a form without parts.

        Raises:
            BadRequest: The last delimiter has not come: this is not the whole form.
        """
        if self._lead != _LINE_BREAK and not self._ended and not self._is_complete():
            raise BadRequest("The form is cut short: its last boundary is missing")

    def _skip_preamble(self, lead: bytes) -> bytes:
        """Return what there is from the first delimiter on, without the line break before it."""
        at = lead.find(self._delimiter)
        if at > MAX_PREAMBLE_BYTES or (at < 0 and len(lead) > MAX_PREAMBLE_BYTES + len(self._delimiter)):
            raise BadRequest("The form does not begin with its boundary")
        if at < 0:
            self._lead = lead
            return b""
        # Without a line break before it, it would hide all parts up to the next.
        if not lead.endswith(_LINE_BREAK, 0, at):
            raise BadRequest("The form is malformed: its first boundary is not at the start of a line")
        self._lead = None
        return lead[at:]

    def _begin_part(self, segment: MultipartSegment) -> PartHead:
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise PayloadTooLarge(
                f"The form has more than {self._limits.max_parts} parts (REQUEST_MAX_FORM_PARTS)"
            )
        return read_head(segment.headerlist)

    def _is_complete(self) -> bool:
        """Tell whether the last delimiter has come; nothing can be fed after that question."""
        try:
            self._parser.close()
        except ParserError:
            return False
        return True


def _malformed(error: ParserError) -> BadRequest:
    return BadRequest(f"The form is malformed: {error.args[0]}")
