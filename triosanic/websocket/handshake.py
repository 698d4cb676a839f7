"""The opening handshake, as values: what a request for a WebSocket must say, and what it is answered.

A request that is refused is a normal HTTP request with a normal answer, which the program's error handlers
make; its connection lives on.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from triosanic.exceptions import BadRequest, Forbidden, SanicException
from triosanic.http.guard import TOKEN, Head

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_VERSION: Final = "13"
_KEY_BYTES: Final = 16
_DEFLATE: Final = "permessage-deflate"
_is_token: Final = re.compile(rf"{TOKEN}+").fullmatch
# RFC 7692 7.1.2: 8 to 15, without a zero in front. zlib makes no raw stream of 8 bits, so an offer that
# wants one of us is declined.
_BITS: Final = {str(bits): bits for bits in range(9, 16)}
_ANY_BITS: Final = frozenset({"8", *_BITS})
MAX_BITS: Final = 15


class UpgradeRequired(SanicException):
    """What was asked for is to be had by a WebSocket of version 13 only. Source: RFC 9110 15.5.22."""

    status_code = 426
    quiet = True
    message = "Upgrade Required"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An upgrade that can be done.

    Attributes:
        fields: What the 101 says of it.
        subprotocol: The one that was chosen, if any.
        deflate_bits: Window of what we compress, as bits; ``None``: nothing is compressed.
    """

    fields: tuple[tuple[str, str], ...]
    subprotocol: str | None
    deflate_bits: int | None


def check_upgrade(
    head: Head,
    *,
    subprotocols: Sequence[str] = (),
    origins: Iterable[str | None] | None = None,
    compression: bool = False,
) -> Accepted:
    """Accept a request for a WebSocket.

    Args:
        head: The request's.
        subprotocols: Those that are served, the best first.
        origins: Values of Origin to accept, ``None`` for a request that has none; ``None``: all.
        compression: Whether permessage-deflate is accepted where it is offered.

    Raises:
        UpgradeRequired: It is no request for one, or for another version.
        BadRequest: It contradicts RFC 6455.
        Forbidden: It comes from another site.

    Source: RFC 6455 4.2; RFC 7692 7.1.
    """
    fields: dict[str, list[str]] = {}
    for name, value in head.headers:
        fields.setdefault(name, []).append(value)
    _check_request(head, fields)
    _check_origin(fields.get("origin", []), origins)
    key = _key_of(fields)
    answer = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", _accept(key))]
    subprotocol = _subprotocol(fields.get("sec-websocket-protocol", []), subprotocols)
    if subprotocol is not None:
        answer.append(("sec-websocket-protocol", subprotocol))
    bits = _deflate_bits(fields.get("sec-websocket-extensions", [])) if compression else None
    if bits is not None:
        answer.append(("sec-websocket-extensions", _accepted_deflate(bits)))
    return Accepted(tuple(answer), subprotocol, bits)


def _check_request(head: Head, fields: dict[str, list[str]]) -> None:
    upgrade = {token.lower() for token in _tokens(fields.get("upgrade", []))}
    options = {token.lower() for token in _tokens(fields.get("connection", []))}
    # RFC 9110 7.8: an Upgrade in an HTTP/1.0 request is ignored.
    if head.method != "GET" or not head.http11 or "websocket" not in upgrade or "upgrade" not in options:
        raise UpgradeRequired(
            "This resource is served by WebSocket only", headers={"upgrade": "websocket"}
        )
    if head.content_length != 0:  # what follows the head could be taken for a body, or for frames
        raise BadRequest("A request for a WebSocket has no body")
    versions = fields.get("sec-websocket-version", [])
    if not versions:
        raise BadRequest("Sec-WebSocket-Version is missing")
    if versions != [_VERSION]:
        raise UpgradeRequired(
            f"This server speaks version {_VERSION} of the WebSocket protocol",
            headers={"upgrade": "websocket", "sec-websocket-version": _VERSION},
        )


def _key_of(fields: dict[str, list[str]]) -> str:
    keys = fields.get("sec-websocket-key", [])
    if len(keys) != 1:
        raise BadRequest("Sec-WebSocket-Key must be there once")
    try:
        nonce = b64decode(keys[0].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        nonce = b""
    if len(nonce) != _KEY_BYTES:
        raise BadRequest("Sec-WebSocket-Key must be 16 bytes in base64")
    return keys[0]


def _accept(key: str) -> str:
    # RFC 6455 4.2.2: SHA-1 as it is named there; nothing depends on its strength.
    return b64encode(sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()).decode("ascii")


def _check_origin(values: list[str], origins: Iterable[str | None] | None) -> None:
    if origins is None:
        return
    allowed = {None if origin is None else origin.lower() for origin in origins}
    origin = values[0].lower() if len(values) == 1 else None
    if len(values) > 1 or origin not in allowed:
        raise Forbidden("WebSockets are not open to this origin")


def _subprotocol(values: list[str], served: Sequence[str]) -> str | None:
    """RFC 6455 4.2.2: one of those that the client offers, or none; we say which is the best."""
    offered = _tokens(values)
    if any(_is_token(one) is None for one in offered):
        raise BadRequest("Sec-WebSocket-Protocol must be a list of tokens")
    return next((one for one in served if one in offered), None)


def _deflate_bits(values: list[str]) -> int | None:
    """Give the window of the first offer of permessage-deflate that can be accepted."""
    for offer in _tokens(values):
        name, *params = (part.strip(" \t") for part in offer.split(";"))
        if name.lower() == _DEFLATE:
            bits = _offered_bits(params)
            if bits is not None:
                return bits
    return None


def _offered_bits(params: list[str]) -> int | None:
    """RFC 7692 7.1: an offer with a parameter that is unknown, wrong, or there twice is declined."""
    bits = MAX_BITS
    seen: set[str] = set()
    for param in params:
        name, equals, value = (part.strip(" \t") for part in param.partition("="))
        value = value.strip('"')
        if name in seen:
            return None
        seen.add(name)
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover" if not equals:
                pass
            case "client_max_window_bits" if not equals or value in _ANY_BITS:
                pass
            case "server_max_window_bits" if value in _BITS:
                bits = _BITS[value]
            case _:
                return None
    return bits


def _accepted_deflate(bits: int) -> str:
    # No context is kept between messages, in neither direction: an idle socket then costs no window (300 KiB
    # for both), a message that was not sent spoils none, and one that goes to many is compressed once.
    answer = f"{_DEFLATE}; server_no_context_takeover; client_no_context_takeover"
    return answer if bits == MAX_BITS else f"{answer}; server_max_window_bits={bits}"


def _tokens(values: Iterable[str]) -> list[str]:
    """Split a field's lists; empty members count for nothing (RFC 9110 5.6.1.2)."""
    members = (member.strip(" \t") for value in values for member in value.split(","))
    return [member for member in members if member]
