"""The strict reading of a request's head, before anything else looks at it.

The connection calls `take_head` with whatever bytes it has. It answers with a `Head` that every RFC 9112
parser reads the same way, with ``None`` (more bytes are needed), or raises a `Refusal`.
What h11 lets through and this refuses is listed in ``docs/http-support.md``.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

from triosanic.http.limits import Limits

TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"

# The version is matched loosely, so that a well-formed but foreign one can be told 505 and not 400.
_REQUEST_LINE: Final = re.compile(rf"({TOKEN}{{1,32}}+) ([!-\"$-~]++) HTTP/([0-9])\.([0-9])")
_METHOD_BYTES: Final = 32  # Cowboy's bound; the longest that is registered has 17.
# RFC 9110 5.5: field values hold no control byte but HTAB. Bytes above 0x7f are obs-text, decoded as UTF-8.
FIELD: Final = re.compile(rf"(?<=\r\n)({TOKEN}++):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n")
# RFC 3986 3.2.2 without the comma: a list of hosts is never one host. userinfo ("@") is no part of Host.
_NAME: Final = r"(?=[^:])[A-Za-z0-9\-._~!$&'()*+;=]*+(?:%[0-9A-Fa-f]{2}[A-Za-z0-9\-._~!$&'()*+;=]*+)*+"
_PORT: Final = r"[0-9]{0,4}|[0-5][0-9]{4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5])))"
_HOST: Final = re.compile(rf"(?:\[([0-9A-Fa-f:.]+)\]|{_NAME})(?::(?:{_PORT}))?")
_ABSOLUTE: Final = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)
LENGTH: Final = re.compile(r"[0-9]{1,18}")  # 18 digits: below 2**63, so no receiver can overflow.
_CODING: Final = re.compile(rf"{TOKEN}+")

# Fields that decide how the message is framed or routed: every one of them is looked at here.
_SPECIAL: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "expect", "content-type")
)
_HEAD_END: Final = b"\r\n\r\n"


class Refusal(Exception):
    """A request that is answered by the connection itself, in plain text, and then closed.

    Attributes:
        status: The status to answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Head:
    """A request's head, as it was understood.

    Attributes:
        raw: Its bytes, with the empty line that ends it.
        target: The request target in origin form, or ``*``.
        headers: Field names in lower case with their values, in the order they came.
        content_length: Length of the body if it was declared; 0 if there is none; ``None``: it is chunked.
    """

    __slots__ = (
        "content_length",
        "expect",
        "headers",
        "host",
        "http11",
        "keep_alive",
        "method",
        "raw",
        "target",
    )

    def __init__(
        self, raw: bytes, method: str, target: str, http11: bool, headers: list[tuple[str, str]]
    ) -> None:
        self.raw = raw
        self.method = method
        self.target = target
        self.http11 = http11
        self.headers = headers
        self.host = ""
        self.content_length: int | None = 0
        self.keep_alive = http11
        self.expect: str | None = None


def take_head(buffer: bytes, limits: Limits) -> Head | None:
    """Read the head that ``buffer`` begins with.

    Returns:
        The head, whose ``len(head.raw)`` bytes it took from the front; ``None`` if it is not complete.

    Raises:
        Refusal: The bytes can't become a request that this server takes.
    """
    end = buffer.find(_HEAD_END, 0, limits.max_head_bytes + 4)
    if end < 0:
        _check_partial(buffer, limits)
        return None
    raw = buffer[: end + 4]
    start = _leading_empty_lines(raw)
    if start >= end:
        raise Refusal(400, "Bad Request: empty lines in place of a request")
    # surrogateescape: as Sanic does, UTF-8 in a value is text, and anything else survives a round trip.
    text = raw.decode("utf-8", "surrogateescape")
    first = text.index("\r\n", start)
    return _read(raw, text[start:first], text[first:-2], limits)


def _leading_empty_lines(raw: bytes) -> int:
    # RFC 9112 2.2: a server should ignore an empty line before the request line. One; more is a flood.
    return 2 if raw.startswith(b"\r\n") else 0


def _check_partial(buffer: bytes, limits: Limits) -> None:
    """Refuse early what no further byte can mend."""
    if len(buffer) > _METHOD_BYTES + 2 and b" " not in buffer[: _METHOD_BYTES + 3]:
        raise Refusal(400, "Bad Request: malformed request line")
    if len(buffer) > limits.max_head_bytes + 3:  # of the CRLFCRLF one byte may be missing
        first = buffer.find(b"\r\n", 2)
        if first < 0 or first > limits.max_url_bytes + 64:
            raise Refusal(414, "Request-URI Too Long: the request target exceeds the limit")
        raise Refusal(431, "Request Header Fields Too Large: the head exceeds the limit")
    if has_bare_end(buffer):
        raise Refusal(400, "Bad Request: a line does not end in CRLF")
    if buffer[:1] in (b" ", b"\t") or b"\x00" in buffer:
        raise Refusal(400, "Bad Request: malformed request line")
    if b"\r\n" not in buffer[2:] and len(buffer) > limits.max_url_bytes + 64:
        raise Refusal(414, "Request-URI Too Long: the request target exceeds the limit")


def has_bare_end(data: bytes) -> bool:
    """Whether there is a CR or LF that is not part of a CRLF; a CR that is last may become one."""
    # RFC 9112 2.2: a lone CR or LF is how two parsers are made to disagree. Counting costs a fiftieth of
    # searching, which matters when a head comes byte by byte.
    ends = data.count(b"\r\n")
    return data.count(b"\n") > ends or data.count(b"\r") > ends + data.endswith(b"\r")


def _read(raw: bytes, line: str, block: str, limits: Limits) -> Head:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _bad_request_line(line, limits)
    method, target, major, minor = match.groups()
    if len(target) > limits.max_url_bytes:
        raise Refusal(414, "Request-URI Too Long: the request target exceeds the limit")
    if major != "1" or minor not in "01":
        raise Refusal(505, "HTTP Version Not Supported: this server speaks HTTP/1.1 and HTTP/1.0")
    headers = read_fields(block)
    if headers is None:
        raise Refusal(400, "Bad Request: malformed header field")
    if len(headers) > limits.max_headers:
        raise Refusal(431, "Request Header Fields Too Large: too many header fields")
    head = Head(raw, method, target, minor == "1", headers)
    _read_special(head)
    if target[0] != "/":
        _read_target(head)
    return head


def read_fields(block: str) -> list[tuple[str, str]] | None:
    """Read field lines; ``block`` begins with the CRLF before the first. ``None``: one is malformed."""
    fields = FIELD.findall(block)
    # A field begins where a line does and takes all of it, so as many fields as lines leave nothing out.
    if block.count("\r\n") != len(fields) + 1:
        return None
    return [(name.lower(), value.rstrip(" \t")) for name, value in fields]


def _bad_request_line(line: str, limits: Limits) -> Refusal:
    if len(line) > limits.max_url_bytes + 64 and " " in line[: _METHOD_BYTES + 1]:
        return Refusal(414, "Request-URI Too Long: the request target exceeds the limit")
    return Refusal(400, "Bad Request: malformed request line")


def _read_special(head: Head) -> None:
    special: dict[str, list[str]] = {}
    for name, value in head.headers:
        if name in _SPECIAL:
            if name in special:
                special[name].append(value)
            else:
                special[name] = [value]
    _read_host(head, special.pop("host", None))
    options = special.pop("connection", None)
    if options is not None:
        _read_connection(head, options)
    if special:
        _read_rare(head, special)


def _read_rare(head: Head, special: dict[str, list[str]]) -> None:
    if len(special.get("content-type", ())) > 1:
        raise Refusal(400, "Bad Request: more than one Content-Type")
    if "expect" in special and head.http11:  # RFC 9110 10.1.1: an HTTP/1.0 expectation is ignored.
        members = [member.strip(" \t") for value in special["expect"] for member in value.split(",")]
        head.expect = ", ".join(filter(None, members)) or None  # RFC 9110 5.6.1.2: empty members don't count
    _read_framing(head, special.get("content-length"), special.get("transfer-encoding"))


def _read_host(head: Head, values: list[str] | None) -> None:
    if values is None:
        if head.http11:  # RFC 9112 3.2
            raise Refusal(400, "Bad Request: the Host header is missing")
        return
    if len(values) != 1 or not _is_host(values[0]):
        raise Refusal(400, "Bad Request: the Host header must name exactly one host")
    head.host = values[0]


def _is_host(text: str) -> bool:
    """Whether it is a host, with or without a port; what URL parsers would choke on later is none."""
    match = _HOST.fullmatch(text)
    if match is None or match[1] is None:
        return match is not None
    try:
        IPv6Address(match[1])
    except ValueError:
        return False
    return True


def _read_connection(head: Head, values: list[str]) -> None:
    if values == ["keep-alive"]:  # what most clients send
        head.keep_alive = True
        return
    options = {option.strip(" \t").lower() for value in values for option in value.split(",")}
    if "close" in options:
        head.keep_alive = False
    elif "keep-alive" in options:
        head.keep_alive = True


def _read_framing(head: Head, lengths: list[str] | None, codings: list[str] | None) -> None:
    if codings is not None:
        if lengths is not None:  # RFC 9112 6.1: the shape of request smuggling
            raise Refusal(400, "Bad Request: Content-Length together with Transfer-Encoding")
        _read_codings(head, codings)
    elif lengths is not None:
        if len(lengths) != 1 or LENGTH.fullmatch(lengths[0]) is None:
            raise Refusal(400, "Bad Request: Content-Length must be one decimal number")
        head.content_length = int(lengths[0])


def _read_codings(head: Head, values: list[str]) -> None:
    if not head.http11:
        raise Refusal(400, "Bad Request: Transfer-Encoding in an HTTP/1.0 request")
    head.content_length = None
    if values == ["chunked"]:  # what nearly everybody sends
        return
    codings = [coding.strip(" \t") for value in values for coding in value.split(",")]
    # Before anything is lowered: the Kelvin sign in "chun\u212aed" becomes a k.
    if any(_CODING.fullmatch(coding) is None for coding in codings):
        raise Refusal(400, "Bad Request: malformed Transfer-Encoding")
    codings = [coding.lower() for coding in codings]
    if codings == ["chunked"]:
        return
    if "identity" in codings or codings.count("chunked") > 1 or codings[-1] != "chunked":
        # RFC 9112 6.3: without a final chunked, the length of a request can't be known.
        known = {"chunked", "identity", "gzip", "deflate", "compress", "x-gzip", "x-compress"}
        raise Refusal(400 if known.issuperset(codings) else 501, "Transfer-Encoding must be chunked, once")
    raise Refusal(501, "Not Implemented: the only transfer coding is chunked")


def _read_target(head: Head) -> None:
    """RFC 9112 3.2: the forms of a target other than a path."""
    if head.target == "*":
        if head.method != "OPTIONS":
            raise Refusal(400, "Bad Request: the target * is for OPTIONS")
        return
    if head.method == "CONNECT":
        raise Refusal(501, "Not Implemented: CONNECT")
    match = _ABSOLUTE.fullmatch(head.target)
    if match is None or not _is_host(match[1]):
        raise Refusal(400, "Bad Request: the request target must be a path")
    if head.host and head.host.lower() != match[1].lower():
        raise Refusal(400, "Bad Request: the request target and Host name different hosts")
    head.host = match[1]
    head.target = match[2] if match[2].startswith("/") else "/" + match[2]
