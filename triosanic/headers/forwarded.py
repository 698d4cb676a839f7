"""What proxies in front of the server say about a request.

Nothing of it is believed unless the configuration names what is to be trusted. What is malformed is as if it
was not there; each parser takes time in proportion to its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import unquote

from triosanic.headers.fields import Header, parse_host

# By name, in lower case: ``for``, ``proto``, ``host``, ``path`` and others as text, and ``port`` as an int.
Forwarded: TypeAlias = dict[str, Any]

# RFC 7239 §4: a value, an equals sign and a name, all backwards. A value in quotes has no backslash: no
# address, host or path needs one.
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REVERSED_PAIR: Final = re.compile(rf'[ \t]*(?:(?:"([^"\\]*)"|({_TOKEN}))=({_TOKEN})[ \t]*)?')

_is_hidden: Final = re.compile(r"_[0-9A-Za-z._\-]{1,255}").fullmatch
_split_node: Final = re.compile(
    r"(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\])(?::[0-9]{1,5})?|([0-9A-Fa-f:.]{2,45})"
).fullmatch
_is_port: Final = re.compile(r"[0-9]{1,5}").fullmatch
_MAX_PORT: Final = 65_535
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})

_X_HEADERS: Final = (
    ("proto", "x-scheme"),
    ("proto", "x-forwarded-proto"),  # counts more, because it comes later
    ("host", "x-forwarded-host"),
    ("port", "x-forwarded-port"),
    ("path", "x-forwarded-path"),
)


class ProxyConfig(Protocol):
    """What the configuration says of proxies."""

    @property
    def FORWARDED_SECRET(self) -> str | None:  # Sanic's names, here and below
        """What our proxy tells in ``Forwarded``; without it the field is not believed."""

    @property
    def FORWARDED_FOR_HEADER(self) -> str:
        """The field in which proxies list addresses."""

    @property
    def PROXIES_COUNT(self) -> int | None:
        """How many proxies of ours there are."""

    @property
    def REAL_IP_HEADER(self) -> str | None:
        """The field in which our proxy tells the client's address."""


def read_forwarded(headers: Header, config: ProxyConfig) -> Forwarded:
    """Give what trusted proxies say: by ``Forwarded``, or else by ``X-Forwarded-For`` and its like.

    Source: Sanic 25.12 ``Request.forwarded``.
    """
    found = parse_forwarded(headers, config)
    if found is not None:
        return found
    if config.REAL_IP_HEADER or config.PROXIES_COUNT:
        return parse_xforwarded(headers, config) or {}
    return {}


def parse_forwarded(headers: Header, config: ProxyConfig) -> Forwarded | None:
    """Find the element of ``Forwarded`` that a proxy of ours has written: the last that tells the secret.

    It is read from its end, because our proxies append to what a client may have sent to confuse them.

    Args:
        headers: The request's fields.
        config: Its ``FORWARDED_SECRET`` is what our proxy sends as ``secret`` or ``by``.

    Returns:
        What the element tells; ``None`` if there is none, or no secret.

    Source: RFC 7239 §4; Sanic 25.12 ``headers.parse_forwarded``.
    """
    secret = config.FORWARDED_SECRET
    if not secret:
        return None
    text = ",".join(headers.getall("forwarded", []))[::-1]
    pairs: dict[str, str] = {}
    position = 0
    while (found := _REVERSED_PAIR.match(text, position)) is not None:
        quoted, token, name = found.groups()
        if name is not None:
            # The first of two counts: it comes later in the field.
            pairs.setdefault(name[::-1].lower(), (token or quoted or "")[::-1])
        position = found.end()
        separator = text[position : position + 1]
        if separator not in {",", ";", ""}:
            return None
        if separator != ";":
            if _tells(pairs, secret):
                return fwd_normalize(reversed(pairs.items()))
            pairs = {}
        if not separator:
            return None
        position += 1
    return None


def parse_xforwarded(headers: Header, config: ProxyConfig) -> Forwarded | None:
    """Give what the headers say that proxies send by custom; ``None`` if our proxies did not send them.

    The client's address is in ``REAL_IP_HEADER``, or the one that the outermost of our ``PROXIES_COUNT``
    proxies saw. Without it nothing else is believed. A field that came twice says nothing.

    Source: Sanic 25.12 ``headers.parse_xforwarded``.
    """
    address = _only(headers, config.REAL_IP_HEADER) if config.REAL_IP_HEADER else None
    if (address is None or not _is_node(address)) and config.PROXIES_COUNT:
        listed = ",".join(headers.getall(config.FORWARDED_FOR_HEADER, [])).split(",")
        nodes = [node for node in map(str.strip, listed) if node]
        address = nodes[-config.PROXIES_COUNT] if len(nodes) >= config.PROXIES_COUNT else None
    if address is None or not _is_node(address):
        return None
    told = [(key, value) for key, name in _X_HEADERS if (value := _only(headers, name)) is not None]
    return fwd_normalize([("for", address), *told])


def _only(headers: Header, name: str) -> str | None:
    values = headers.getall(name, [])
    return values[0].strip() if len(values) == 1 else None


def _tells(pairs: Mapping[str, str], secret: str) -> bool:
    expected = secret.encode("utf-8", "surrogateescape")
    told = (pairs.get("secret", ""), pairs.get("by", ""))
    return any([compare_digest(text.encode("utf-8", "surrogateescape"), expected) for text in told])


def _is_node(text: str) -> bool:
    return text.lower() == "unknown" or _read_node(text) is not None


def fwd_normalize(told: Iterable[tuple[str, str]]) -> Forwarded:
    """Keep what is of its form, addresses, hosts and ports in one way of writing each.

    Source: Sanic 25.12 ``headers.fwd_normalize``.
    """
    read = ((key, _READERS[key](text) if key in _READERS else text) for key, text in told)
    return {key: value for key, value in read if value is not None}


def fwd_normalize_address(text: str) -> str:
    """Write an address in one way: without its port, IPv6 in brackets.

    Raises:
        ValueError: It is neither an address nor a name that hides one.

    Source: Sanic 25.12 ``headers.fwd_normalize_address``; RFC 7239 §6.
    """
    node = _read_node(text)
    if node is None:
        raise ValueError(f"no address, nor a name that hides one: {text!r}")
    return node


def _read_node(text: str) -> str | None:
    """RFC 7239 §6: an address, whose port is left out, or a name that hides it; IPv6 gets brackets."""
    if _is_hidden(text):
        return text
    found = _split_node(text)
    if found is None:
        return None
    ipv4, *ipv6 = found.groups()
    try:
        return str(IPv4Address(ipv4)) if ipv4 else f"[{IPv6Address(ipv6[0] or ipv6[1])}]"
    except ValueError:
        return None


def _read_proto(text: str) -> str | None:
    return text.lower() if text.lower() in _SCHEMES else None


def _read_host(text: str) -> str | None:
    return None if parse_host(text) == (None, None) else text.lower()


def _read_port(text: str) -> int | None:
    return int(text) if _is_port(text) and 0 < int(text) <= _MAX_PORT else None


def _read_path(text: str) -> str | None:
    """What a program puts into a link must stay on this host: to browsers ``//x`` and ``/\\x`` do not."""
    path = unquote(text)
    return path if path[:1] == "/" and path[1:2] not in {"/", "\\"} and path.isprintable() else None


_READERS: Final[Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {"for": _read_node, "proto": _read_proto, "host": _read_host, "port": _read_port, "path": _read_path}
)
