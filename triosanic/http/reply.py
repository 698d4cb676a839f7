"""The bytes of a complete response, written straight from validated headers.

The connection calls `render`; it promises that no header can break out of its line, whatever is in it.
"""

from __future__ import annotations

import re
from typing import Final

from triosanic.exceptions import ServerError
from triosanic.helpers import STATUS_CODES
from triosanic.http.framing import Headers
from triosanic.http.guard import TOKEN

_NAME: Final = re.compile(rf"{TOKEN}++")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*+")
# RFC 9110 6.4.1: these never have content. RFC 9112 6.3 and 9110 8.6: nor a length, but for 304 to HEAD.
BODILESS: Final = frozenset({204, 304, *range(100, 200)})
_FRAMING: Final = frozenset(("content-length", "transfer-encoding", "connection"))
STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {reason.decode('ascii')}\r\n" for status, reason in STATUS_CODES.items()
}


def render(
    status: int, headers: Headers, body: bytes, *, content_type: str | None, keep_alive: bool, head_only: bool
) -> bytes:
    """Return a complete response as it goes to the wire.

    Args:
        status: A final status, 200 to 599.
        headers: Fields in the order they are sent; fields that frame the message are ours and are dropped.
        body: The content.
        content_type: Value of the last field, if any.
        keep_alive: Whether the connection stays open after it.
        head_only: For HEAD: the content is counted and not sent (RFC 9110 9.3.2).

    Raises:
        ServerError: A header's name or value can't be sent.
    """
    check_status(status)
    if headers:
        headers = clean(headers)
    own = "".join([f"{name}: {value}\r\n" for name, value in headers if name.lower() not in _FRAMING])
    option = "keep-alive" if keep_alive else "close"
    line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"  # RFC 9112 4: the reason may be empty
    if status in BODILESS:
        return f"{line}{own}connection: {option}\r\n\r\n".encode("utf-8", "surrogateescape")
    length = _length(headers, body, head_only)
    kind = ""
    if content_type is not None:
        [(name, content_type)] = clean([("content-type", content_type)])
        kind = f"{name}: {content_type}\r\n"
    head = f"{line}{own}content-length: {length}\r\nconnection: {option}\r\n{kind}\r\n"
    return head.encode("utf-8", "surrogateescape") + (b"" if head_only else body)


def clean(headers: Headers) -> list[tuple[str, str]]:
    """Return header fields as they can be sent: values without white space around them (RFC 9110 5.5).

    Raises:
        ServerError: A name is no token, or a value has control bytes or can't be encoded.
    """
    fields = [(name, value.strip(" \t")) for name, value in headers]
    for name, value in fields:
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or not _encodable(value):
            raise ServerError(
                "a response header must be a token and a value without control bytes,"
                f" not {name!r}: {value!r}"
            )
    return fields


def check_status(status: int) -> None:
    """Raise unless ``status`` is a final one.

    Raises:
        ServerError: It has not three digits, or is an interim one.
    """
    if not 200 <= status <= 999:  # noqa: PLR2004  # RFC 9110 15: what is below 200 is no answer
        raise ServerError(f"the status of a response must be 200 to 999, not {status!r}")


def _encodable(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _length(headers: Headers, body: bytes, head_only: bool) -> str | int:
    """RFC 9110 8.6: an answer to HEAD may say the length that GET would have, without making the content."""
    if head_only and not body:
        for name, value in headers:
            if name.lower() == "content-length" and value.isascii() and value.isdigit():
                return value
    return len(body)
