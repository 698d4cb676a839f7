"""A form whose body lies whole in memory: ``request.form`` and ``request.files``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from triosanic.exceptions import BadRequest, PayloadTooLarge
from triosanic.forms.heads import MULTIPART, PartHead, boundary_of, check_charset, decode
from triosanic.forms.limits import MAX_PART_HEADER_BYTES, FormLimits
from triosanic.forms.reader import MultipartReader
from triosanic.headers import parse_content_header

URLENCODED: Final = "application/x-www-form-urlencoded"

# Runs of them at once: text that is not ASCII is full of them. urllib takes half a second for 1 MiB of "%".
_escapes: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")


class File(NamedTuple):
    """An uploaded file.

    Attributes:
        type: The type of its content, as the client says; without parameters.
        body: Its content.
        name: Its name, as the client says; ``""`` where a form was sent without choosing a file. It is not
            to be used as a path.

    Source: Sanic 25.12 ``request.File``.
    """

    type: str
    body: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its fields and files by name, in the order in which they came.

    Attributes:
        fields: The values of each field.
        files: The files of each field.
    """

    fields: dict[str, list[str]]
    files: dict[str, list[File]]


def is_form(content_type: str) -> bool:
    """Tell whether a Content-Type is that of a form."""
    return parse_content_header(content_type)[0] in {MULTIPART, URLENCODED}


def parse_form(
    body: bytes, content_type: str, limits: FormLimits, *, keep_blank_values: bool = False
) -> Form:
    """Read a body as the form that its Content-Type says it is; any other type is an empty form.

    Args:
        body: All of it.
        content_type: The value of its Content-Type.
        limits: What the form may take.
        keep_blank_values: Whether fields of ``application/x-www-form-urlencoded`` without a value count.

    Raises:
        BadRequest: It is not such a form.
        PayloadTooLarge: It takes more than ``limits``.

    Source: Sanic 25.12 ``request.parse_multipart_form`` and ``Request.get_form``, which log what is wrong
        and go on without it.
    """
    media_type, params = parse_content_header(content_type)
    if body and media_type == MULTIPART:
        return _read_multipart(body, boundary_of(content_type), limits)
    if body and media_type == URLENCODED:
        charset = params.get("charset", "utf-8")
        return Form(_read_urlencoded(body, charset, limits, keep_blank_values), {})
    return Form({}, {})


def _read_urlencoded(
    body: bytes, charset: str, limits: FormLimits, keep_blank_values: bool
) -> dict[str, list[str]]:
    # Both before anything is split or decoded.
    _check_size(len(body), limits)
    if body.count(b"&") >= limits.max_fields:
        raise PayloadTooLarge(f"The form has more than {limits.max_fields} fields (REQUEST_MAX_FORM_FIELDS)")
    check_charset(charset)
    fields: dict[str, list[str]] = {}
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        if not value and not (keep_blank_values and pair):
            continue
        if len(name) > MAX_PART_HEADER_BYTES:
            raise PayloadTooLarge(f"The name of a field of the form exceeds {MAX_PART_HEADER_BYTES} bytes")
        try:
            fields.setdefault(_unquote(name).decode(charset), []).append(_unquote(value).decode(charset))
        except UnicodeDecodeError as exc:
            raise BadRequest(f"The form is not text in {charset}") from exc
    return fields


def _unquote(text: bytes) -> bytes:
    return _escapes.sub(
        lambda found: bytes.fromhex(found[0].replace(b"%", b"").decode()), text.replace(b"+", b" ")
    )


def _read_multipart(body: bytes, boundary: str, limits: FormLimits) -> Form:
    form = Form({}, {})
    charset, size = "utf-8", 0
    for head, content in _read_parts(body, boundary, limits):
        if head.filename is not None:
            form.files.setdefault(head.name, []).append(File(head.content_type, content, head.filename))
            continue
        size += len(head.name) + len(content)
        _check_size(size, limits)
        value = decode(head.name, content, head.charset or charset)
        if head.name == "_charset_":  # RFC 7578 §4.6: that of the fields after it
            check_charset(value)
            charset = value
        form.fields.setdefault(head.name, []).append(value)
    return form


def _read_parts(body: bytes, boundary: str, limits: FormLimits) -> Iterator[tuple[PartHead, bytes]]:
    reader = MultipartReader(boundary, limits)
    head: PartHead | None = None
    content = b""  # of the whole body in one piece, the content of a part is one piece
    for event in reader.feed(body):
        if isinstance(event, PartHead):
            head, content = event, b""
        elif isinstance(event, bytes):
            content += event
        elif head is not None:
            yield head, content
    reader.finish()


def _check_size(size: int, limits: FormLimits) -> None:
    if size > limits.max_field_bytes:
        raise PayloadTooLarge(
            f"The fields of the form exceed {limits.max_field_bytes} bytes (REQUEST_MAX_FORM_SIZE)"
        )
