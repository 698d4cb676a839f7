"""The bytes of a complete response, written straight from validated headers.

The connection calls `render`; it promises that no header can break out of its line, whatever is in it.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Final

from triosanic.exceptions import ServerError
from triosanic.helpers import STATUS_CODES
from triosanic.http.framing import Headers
from triosanic.http.guard import TOKEN

_NAME: Final = re.compile(rf"{TOKEN}++")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*+")
# What Sanic says of a status that has no phrase.
UNREGISTERED: Final = b"UNKNOWN"
PLAIN: Final = "text/plain; charset=utf-8"
# RFC 9110 6.4.1: these never have content. RFC 9112 6.3 and 9110 8.6: nor a length, but for 304 to HEAD.
BODILESS: Final = frozenset({204, 304, *range(100, 200)})
_FRAMING: Final = frozenset(("content-length", "transfer-encoding", "connection"))
STATUS_LINES: Final = {
    **{status: f"HTTP/1.1 {status} {reason.decode('ascii')}\r\n" for status, reason in STATUS_CODES.items()},
    # RFC 9110 7.8, 15.5.22: it has an Upgrade, and who sends that says so in Connection, among its options.
    426: "HTTP/1.1 426 Upgrade Required\r\nconnection: upgrade\r\n",
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
    own, dated = "", False
    if headers:
        for name, padded in headers:
            kind, value = _kind_of(name), padded.strip(" \t")
            _check_value(name, value)
            if kind not in _FRAMING:
                own += f"{name}: {value}\r\n"
                dated = dated or kind == "date"
    if not dated:
        own += date_line(int(time()))
    option = "keep-alive" if keep_alive else "close"
    line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} {UNREGISTERED.decode()}\r\n"
    if status in BODILESS:
        return f"{line}{own}connection: {option}\r\n\r\n".encode("utf-8", "surrogateescape")
    length = _length(headers, body, head_only)
    type_line = "" if content_type is None else _type_line(content_type)
    head = f"{line}{own}content-length: {length}\r\nconnection: {option}\r\n{type_line}\r\n"
    return head.encode("utf-8", "surrogateescape") + (b"" if head_only else body)


def render_refusal(status: int, body: bytes, *, head_only: bool) -> bytes:
    """Return the answer to what never became a request, which ends the connection."""
    data = render(status, (), body, content_type=PLAIN, keep_alive=False, head_only=head_only)
    if head_only:  # nor a length: whoever counts the answers of a broken stream would wait for it
        data = data.replace(b"content-length: %d\r\n" % len(body), b"")
    return data


def render_switch(headers: Headers) -> bytes:
    """Return the head of a 101, after which the connection is another protocol's.

    Args:
        headers: Fields in the order they are sent, ``upgrade`` and ``connection`` among them.

    Raises:
        ServerError: A header's name or value can't be sent.

    Source: RFC 9110 15.2.2; 8.6 and 6.4.1: it has no content, and no length.
    """
    own = "".join([f"{name}: {value}\r\n" for name, value in clean(headers)])
    return f"HTTP/1.1 101 Switching Protocols\r\n{own}\r\n".encode("utf-8", "surrogateescape")


@lru_cache(maxsize=64)
def _type_line(content_type: str) -> str:
    [(name, value)] = clean([("content-type", content_type)])
    return f"{name}: {value}\r\n"


def clean(headers: Headers) -> list[tuple[str, str]]:
    """Return header fields as they can be sent: values without white space around them (RFC 9110 5.5).

    Raises:
        ServerError: A name is no token, or a value has control bytes or can't be encoded.
    """
    fields = []
    for name, padded in headers:
        _kind_of(name)
        value = padded.strip(" \t")
        _check_value(name, value)
        fields.append((name, value))
    return fields


@lru_cache(maxsize=256)  # a program's names are few
def _kind_of(name: str) -> str:
    """Return a field's name in lower case; raise ServerError if it is no token."""
    if _NAME.fullmatch(name) is None:
        raise ServerError(f"the name of a response header must be a token, not {name!r}")
    return name.lower()


@lru_cache(maxsize=1)
def date_of(second: int) -> str:
    """Return the Date of a response made in this second of `time.time`, in English whatever the locale.

    One string a second: making it takes 3 µs, more than all the rest of a head. It is the system's clock
    that counts, and one that is set back is followed.

    Source: RFC 9110 5.6.7 (IMF-fixdate), 6.6.1.
    """
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=1)
def date_line(second: int) -> str:
    """Return the field with `date_of`, with its end."""
    return f"date: {date_of(second)}\r\n"


def check_status(status: int) -> None:
    """Raise unless ``status`` is a final one.

    Raises:
        ServerError: It is no number of three digits, or an interim one.
    """
    if not (isinstance(status, int) and 200 <= status <= 999):  # noqa: PLR2004  # RFC 9110 15: what is below 200 is no answer
        raise ServerError(f"the status of a response must be a whole number from 200 to 999, not {status!r}")


def _check_value(name: str, value: str) -> None:
    """Raise ServerError if a field's value has control bytes, or can't be encoded."""
    if value.isascii() and value.isprintable():  # as nearly every value
        return
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        sendable = False
    else:
        sendable = _VALUE.fullmatch(value) is not None
    if not sendable:
        raise ServerError(f"the value of a response header must have no control bytes: {name!r}: {value!r}")


def _length(headers: Headers, body: bytes, head_only: bool) -> str | int:
    """RFC 9110 8.6: an answer to HEAD may say the length that GET would have, without making the content."""
    if head_only and not body:
        for name, value in headers:
            length = value.strip(" \t")
            if name.lower() == "content-length" and length.isascii() and length.isdigit():
                return length
    return len(body)
