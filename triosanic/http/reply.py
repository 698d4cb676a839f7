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

_FIELDS: Final = re.compile(rf"(?:{TOKEN}++: [^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+")
_FIELD: Final = re.compile(rf"({TOKEN}++): ([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n")
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
    own = check([f"{name}: {value}\r\n" for name, value in headers if name.lower() not in _FRAMING])
    option = "keep-alive" if keep_alive else "close"
    line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"  # RFC 9112 4: the reason may be empty
    if status in BODILESS:
        return f"{line}{own}connection: {option}\r\n\r\n".encode("utf-8", "surrogateescape")
    length = _length(headers, body, head_only)
    kind = "" if content_type is None else check([f"content-type: {content_type}\r\n"])
    head = f"{line}{own}content-length: {length}\r\nconnection: {option}\r\n{kind}\r\n"
    return head.encode("utf-8", "surrogateescape") + (b"" if head_only else body)


def check(lines: list[str]) -> str:
    """Return the field lines as one text, after a look at whether each is one line and well formed.

    Raises:
        ServerError: One is not.
    """
    block = "".join(lines)
    if _FIELDS.fullmatch(block) is None or block.count("\r\n") != len(lines):
        bad = next(line for line in lines if _FIELD.fullmatch(line) is None)
        raise ServerError(
            f"a response header must be a token and a value without control bytes, not {bad[:-2]!r}"
        )
    return block


def _length(headers: Headers, body: bytes, head_only: bool) -> str | int:
    """RFC 9110 8.6: an answer to HEAD may say the length that GET would have, without making the content."""
    if head_only and not body:
        for name, value in headers:
            if name.lower() == "content-length" and value.isascii() and value.isdigit():
                return value
    return len(body)
