"""Conditional requests: whether a client has already what it asks for, or would change what has changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from time import time
from typing import Final, Protocol

from triosanic.headers import Header
from triosanic.helpers import remove_entity_headers
from triosanic.response.types import HeaderItems, HTTPResponse

# RFC 9110 8.8.3, with its optional mark of weakness.
_ETAG: Final = r'(?:W/)?"[!#-~\x80-\xff]*"'
_find_etags: Final = re.compile(_ETAG).findall
_is_etag: Final = re.compile(_ETAG).fullmatch
# A file that was changed just now may be changed again within one tick of the file system's clock, and then
# looks the same (RFC 9110 8.8.2.2). FAT's has the longest tick: 2 s.
_SETTLED_S: Final = 2.0
# The longest date has 33 characters ("Wednesday, 09-Sep-99 ... GMT"); more is not looked at.
_MAX_DATE: Final = 64

NOT_MODIFIED: Final = 304
PRECONDITION_FAILED: Final = 412


class Conditional(Protocol):
    """What tells the conditions, as a request."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def headers(self) -> Header:
        """The header fields."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one state of a content from another.

    Args:
        etag: The entity tag with its quotes; ``None``: there is none.
        last_modified: Seconds since 1970; ``None``: not known.
        settled: Whether whatever changes from now on will have another date.
    """

    etag: str | None = None
    last_modified: int | None = None
    settled: bool = False

    def fields(self) -> dict[str, str]:
        """The header fields that tell a client."""
        fields = {}
        if self.last_modified is not None:
            fields["last-modified"] = http_date(self.last_modified)
        if self.etag is not None:
            fields["etag"] = self.etag
        return fields


def of_file(size: int, mtime_ns: int) -> Validators:
    """Give the validators of a file by its size and time of change.

    The entity tag is strong, so that a download can be resumed, but for a file of the last two seconds:
    that one's is weak.
    """
    now = time()
    settled = now - mtime_ns / 1e9 >= _SETTLED_S
    etag = f'"{mtime_ns:x}-{size:x}"'
    # RFC 9110 8.8.2.1: a date in the future is that of the response.
    last_modified = int(min(max(mtime_ns // 10**9, 0), now))
    return Validators(etag if settled else f"W/{etag}", last_modified, settled)


def evaluate(method: str, headers: Header, current: Validators) -> int | None:
    """Give the status that a request's conditions ask for: 304, 412, or ``None`` to answer as without them.

    Source: RFC 9110 13.2.2, in its order.
    """
    readonly = method in {"GET", "HEAD"}
    if "if-match" in headers:
        if not _matches(headers.if_match, current.etag, weak=False):
            return PRECONDITION_FAILED
    elif "if-unmodified-since" in headers and _newer_than(headers["if-unmodified-since"], current):
        return PRECONDITION_FAILED
    if "if-none-match" in headers:
        if _matches(headers.if_none_match, current.etag, weak=True):
            return NOT_MODIFIED if readonly else PRECONDITION_FAILED
    elif readonly and _newer_than(headers.get("if-modified-since"), current) is False:
        return NOT_MODIFIED
    return None


def range_applies(headers: Header, current: Validators) -> bool:
    """Say whether the Range field counts: the client has a part of just this content (RFC 9110 13.1.5)."""
    condition = headers.get("if-range")
    if condition is None:
        return True
    if condition.endswith('"'):
        return current.etag is not None and not current.etag.startswith("W/") and condition == current.etag
    return current.settled and parse_http_date(condition) == current.last_modified


def not_modified(headers: HeaderItems = None) -> HTTPResponse:
    """Make a 304 with those of the fields that a 200 would have and a cache needs (RFC 9110 15.4.5)."""
    kept = remove_entity_headers(headers or {}, ("content-location", "expires", "last-modified"))
    return HTTPResponse(b"", NOT_MODIFIED, kept)


def validate(
    request: Conditional, *, etag: str | None = None, last_modified: datetime | float | None = None
) -> HTTPResponse | None:
    """Answer a request whose conditions make its handler's work needless: with 304, or with 412.

    Args:
        request: The request.
        etag: What the response will have in its ETag field, with its quotes: ``'"v3"'`` or ``'W/"v3"'``.
        last_modified: When the content was changed last; a number counts seconds since 1970.

    Returns:
        ``None``: the handler is to go on, and to send the same values with its response.

    Raises:
        ValueError: ``etag`` is not of the form.
    """
    if etag is not None and _is_etag(etag) is None:
        raise ValueError(f"an entity tag stands in double quotes, as '\"v3\"' or 'W/\"v3\"', not {etag!r}")
    current = Validators(etag, to_seconds(last_modified))
    status = evaluate(request.method, request.headers, current)
    if status is None:
        return None
    if status == NOT_MODIFIED:
        return not_modified(current.fields())
    return HTTPResponse("Precondition Failed", status, content_type="text/plain; charset=utf-8")


async def validate_file(request_headers: HeaderItems, last_modified: datetime | float) -> HTTPResponse | None:
    """Give a 304 if the client has a file of this date; ``None`` if it has not, or names entity tags.

    Checkpoint: never.

    Source: Sanic 25.12 ``response.validate_file``.
    """
    headers = Header(request_headers or {})
    seconds = to_seconds(last_modified)
    if "if-none-match" in headers or _newer_than(
        headers.get("if-modified-since"), Validators(None, seconds)
    ) in {None, True}:
        return None
    return not_modified()


def http_date(seconds: float) -> str:
    """Write a date as header fields have it."""
    return formatdate(seconds, usegmt=True)


def parse_http_date(text: str) -> int | None:
    """Read a date in any of HTTP's three forms, as seconds since 1970; ``None`` if it is none."""
    if len(text) > _MAX_DATE:
        return None
    try:
        date = parsedate_to_datetime(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def to_seconds(moment: datetime | float | None) -> int | None:
    """Give a moment as whole seconds since 1970; a date without a zone is local time, as Python has it."""
    if isinstance(moment, datetime):
        moment = moment.timestamp()
    return None if moment is None else int(moment)


def _matches(value: str, etag: str | None, *, weak: bool) -> bool:
    """Say whether a list of entity tags has this one (RFC 9110 8.8.3.2)."""
    if value.strip() == "*":
        return True
    if etag is None or (not weak and etag.startswith("W/")):
        return False
    if weak:
        return etag.removeprefix("W/") in {other.removeprefix("W/") for other in _find_etags(value)}
    return etag in _find_etags(value)


def _newer_than(value: str | None, current: Validators) -> bool | None:
    """Say whether the content is newer than a date; ``None`` if either date is not known."""
    date = None if value is None else parse_http_date(value)
    return None if date is None or current.last_modified is None else current.last_modified > date
