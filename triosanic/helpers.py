"""Status codes, kinds of header fields, and import by a dotted name."""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from inspect import isclass
from types import MappingProxyType
from typing import Final

import ujson


class Default:
    """The type of ``_default``, which stands for an argument that was not passed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<Default>"

    def __reduce__(self) -> str:
        # A copy, or what another process unpickles, is the same object again.
        return "_default"


# Sanic's name; programs import it to say "what you would have done anyway".
_default: Final = Default()

# IANA's registry, in which RFC 9110 renamed 413, 414, 416 and 422. Their phrases here are those of RFC 7231
# and Sanic, which programs and their tests have in their texts; a client must ignore them (RFC 9112 §4).
STATUS_CODES: Final[Mapping[int, bytes]] = MappingProxyType(
    {
        100: b"Continue",
        101: b"Switching Protocols",
        102: b"Processing",
        103: b"Early Hints",
        200: b"OK",
        201: b"Created",
        202: b"Accepted",
        203: b"Non-Authoritative Information",
        204: b"No Content",
        205: b"Reset Content",
        206: b"Partial Content",
        207: b"Multi-Status",
        208: b"Already Reported",
        226: b"IM Used",
        300: b"Multiple Choices",
        301: b"Moved Permanently",
        302: b"Found",
        303: b"See Other",
        304: b"Not Modified",
        305: b"Use Proxy",
        307: b"Temporary Redirect",
        308: b"Permanent Redirect",
        400: b"Bad Request",
        401: b"Unauthorized",
        402: b"Payment Required",
        403: b"Forbidden",
        404: b"Not Found",
        405: b"Method Not Allowed",
        406: b"Not Acceptable",
        407: b"Proxy Authentication Required",
        408: b"Request Timeout",
        409: b"Conflict",
        410: b"Gone",
        411: b"Length Required",
        412: b"Precondition Failed",
        413: b"Request Entity Too Large",
        414: b"Request-URI Too Long",
        415: b"Unsupported Media Type",
        416: b"Requested Range Not Satisfiable",
        417: b"Expectation Failed",
        # RFC 2324; IANA keeps the number unused, programs do not.
        418: b"I'm a teapot",
        421: b"Misdirected Request",
        422: b"Unprocessable Entity",
        423: b"Locked",
        424: b"Failed Dependency",
        425: b"Too Early",
        426: b"Upgrade Required",
        428: b"Precondition Required",
        429: b"Too Many Requests",
        431: b"Request Header Fields Too Large",
        451: b"Unavailable For Legal Reasons",
        500: b"Internal Server Error",
        501: b"Not Implemented",
        502: b"Bad Gateway",
        503: b"Service Unavailable",
        504: b"Gateway Timeout",
        505: b"HTTP Version Not Supported",
        506: b"Variant Also Negotiates",
        507: b"Insufficient Storage",
        508: b"Loop Detected",
        510: b"Not Extended",
        511: b"Network Authentication Required",
    }
)

# Sanic's, which also takes ujson's own arguments: JSON without spaces, and in ASCII only.
json_dumps: Final = partial(ujson.dumps, escape_forward_slashes=False)

# RFC 2616 §7.1, the last text to have the notion; Sanic's list.
_ENTITY_HEADERS: Final = frozenset(
    {
        "allow",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "expires",
        "last-modified",
        "extension-header",
    }
)

# RFC 9110 §7.6.1, and RFC 2616 §13.5.1 for those that Connection need not list.
_HOP_BY_HOP_HEADERS: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)


def is_atty() -> bool:
    """Say whether what a program prints goes to a terminal."""
    return bool(sys.stdout) and sys.stdout.isatty()


def check_type(name: str, value: object, kind: type) -> None:
    """Refuse an argument of another type.

    Raises:
        TypeError: ``value`` is no ``kind``.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {value!r}")


def has_message_body(status: int) -> bool:
    """Say whether a response of this status may have a body.

    Source: RFC 9110 §6.4.1: none with 1xx, 204 and 304.
    """
    return status not in {204, 304} and status // 100 != 1


def is_entity_header(header: str) -> bool:
    """Say whether this field describes the body, whatever the case of its name."""
    return header.lower() in _ENTITY_HEADERS


def is_hop_by_hop_header(header: str) -> bool:
    """Say whether this field concerns the connection only, whatever the case of its name."""
    return header.lower() in _HOP_BY_HOP_HEADERS


def remove_entity_headers(
    headers: Mapping[str, str], allowed: Iterable[str] = ("content-location", "expires")
) -> dict[str, str]:
    """Copy ``headers`` without the fields that describe a body, for a 304.

    Args:
        headers: The fields of the response that a body would have had.
        allowed: Names, in lower case, that stay although they describe a body.

    Source: Sanic 25.12 ``helpers.remove_entity_headers``; RFC 9110 §15.4.5.
    """
    kept = frozenset(allowed)
    return {
        name: value for name, value in headers.items() if name.lower() in kept or not is_entity_header(name)
    }


def import_string(module_name: str, package: str | None = None) -> object:
    """Import what a dotted name says: a module, or an instance of a class.

    Args:
        module_name: ``"package.module"`` or ``"package.module.Class"``.
        package: What a leading dot is relative to.

    Returns:
        The module, a new instance of the class, or any other attribute as it is.

    Raises:
        ImportError: There is no such module, or nothing of that name in it.

    Source: Sanic 25.12 ``helpers.import_string``.
    """
    parent_name, dot, name = module_name.rpartition(".")
    if not dot:
        return import_module(module_name, package)
    parent = import_module(parent_name, package)
    if not hasattr(parent, name):
        return import_module(module_name, package)
    found: object = getattr(parent, name)
    return found() if isclass(found) else found
