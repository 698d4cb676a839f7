"""What stands around the content of a form: its Content-Type, the header of each part, and charsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from triosanic.exceptions import BadRequest, SanicException
from triosanic.headers import Header, split_content_header

MULTIPART: Final = "multipart/form-data"

# RFC 2046 §5.1.1: up to 70 of these, and no space at the end.
_is_boundary: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_has_control: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search

# RFC 8187 §3.2.1.
_is_extended: Final = re.compile(r"(utf-8|iso-8859-1)'[^']*'([^']*)", re.IGNORECASE).fullmatch

# The charsets that browsers send forms in. No other name is looked up: Python keeps each name that it was
# asked for, and some of its codecs are quadratic (punycode) or no charsets (zlib).
_CHARSETS: Final = frozenset(
    {
        *("ascii", "us-ascii", "utf-8", "utf8", "latin-1", "latin1", "koi8-r", "koi8-u", "shift_jis"),
        *("big5", "euc-jp", "euc-kr", "gb2312", "gb18030", "gbk", "iso-2022-jp"),
        *(f"iso-8859-{number}" for number in (*range(1, 12), 13, 14, 15, 16)),
        *(f"windows-{number}" for number in (874, *range(1250, 1259))),
    }
)
# Of two of them, another reader could take the other.
_SINGLE: Final = ("content-disposition", "content-type", "content-transfer-encoding")
# RFC 2045 §6.2: these change nothing.
_IDENTITY_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class PartHead:
    """What is known of a part before its content comes.

    Attributes:
        name: The name of the form's field.
        filename: What the client calls the file, ``""`` where none was chosen; ``None`` if it is no file.
            Not to be used as a path: see ``docs/forms.md``.
        content_type: The type of its content, without parameters.
        charset: The charset that the type names.
        headers: All its header fields.
    """

    name: str
    filename: str | None
    content_type: str
    charset: str | None
    headers: Header


def boundary_of(content_type: str) -> str:
    """Return the boundary that a Content-Type names.

    Raises:
        BadRequest: It has none, or one that is not of the form.
        SanicException: 415: it is not ``multipart/form-data``.

    Source: RFC 2046 §5.1.1, RFC 7578 §4.1.
    """
    media_type, params = _read_field(content_type)
    if media_type != MULTIPART:
        raise SanicException(f"A form of the type {MULTIPART} is expected here", 415, quiet=True)
    boundary = params.get("boundary", "")
    if not _is_boundary(boundary):
        raise BadRequest(f"The Content-Type {MULTIPART} needs a boundary of 1 to 70 characters of RFC 2046")
    return boundary


def read_head(fields: Iterable[tuple[str, str]]) -> PartHead:
    """Read the header of a part.

    Raises:
        BadRequest: It does not say which field this is, or in a way that can be understood differently.

    Source: RFC 7578 §4.2 to §4.8; the encoding of HTML's ``multipart/form-data``.
    """
    headers = Header(fields)
    for name, value in headers.items():
        if _has_control(value):
            raise BadRequest(f"The header field {name} of a part of the form has a control character in it")
    for name in _SINGLE:
        if len(headers.get_all(name)) > 1:
            raise BadRequest(f"A part of the form has two {name.title()} fields")
    _, params = _read_field(headers["content-disposition"])
    if "name" not in params:
        raise BadRequest("A part of the form has no name in its Content-Disposition")
    encoding = headers.get("content-transfer-encoding", "binary").strip().lower()
    if encoding not in _IDENTITY_ENCODINGS:  # RFC 7578 §4.7; passed on as it is, it would be wrong content
        raise BadRequest("A part of the form has a Content-Transfer-Encoding, which HTTP does not need")
    content_type, type_params = _read_field(headers.get("content-type", "text/plain"))
    return PartHead(params["name"], _filename(params), content_type, type_params.get("charset"), headers)


def _read_field(value: str) -> tuple[str, dict[str, str]]:
    """Split a field as `parse_content_header` does.

    Raises:
        BadRequest: Two of its parameters have the same name.

    Source: RFC 6266 §4.1.
    """
    head, pairs = split_content_header(value)
    params = dict(pairs)
    if len(params) < len(pairs):
        raise BadRequest("A header field of the form has two parameters of the same name")
    return head, params


def _filename(params: Mapping[str, str]) -> str | None:
    """Return the name of the file, without control characters."""
    filename = params.get("filename")
    extended = _is_extended(params.get("filename*", ""))
    if extended:
        with suppress(UnicodeDecodeError):  # RFC 6266 §4.3: then it counts as not there
            filename = unquote(extended[2], encoding=extended[1], errors="strict")
    return None if filename is None else _CONTROLS.sub("", filename)


def decode(name: str, content: bytes, charset: str) -> str:
    """Read the content of the field ``name`` as text.

    Raises:
        BadRequest: It is not text of that charset, or nobody knows that charset.
    """
    check_charset(charset)
    try:
        return content.decode(charset)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"The field {name[:100]!r} of the form is not text in {charset}") from exc


def check_charset(charset: str) -> None:
    """Refuse what is not the name of a charset that forms come in.

    Raises:
        BadRequest: It is none.
    """
    if charset.lower() not in _CHARSETS:
        raise BadRequest(f"The charset {charset[:100]!r} of the form is not one that is known here")
