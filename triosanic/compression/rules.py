"""What is compressed, and what a response's header fields then say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from triosanic.compression.negotiation import choose

Fields: TypeAlias = Sequence[tuple[str, str]]

_NOT_MODIFIED: Final = 304
# RFC 9110: these have no content, or a part of one, whose places are those of the whole as it is.
_UNTOUCHED: Final = frozenset({204, 205})
_PARTIAL: Final = 206
# Types that shrink: text, and formats that are written in it, or are not compressed in themselves.
_compressible: Final = re.compile(
    r"text/[^;]+|[^;]+\+(?:json|xml|text|yaml)"
    r"|application/(?:json|json-seq|x-ndjson|jsonl|javascript|x-javascript|ecmascript|xml|xml-dtd|yaml|toml"
    r"|sql|graphql|rtf|wasm|x-www-form-urlencoded|x-sh|vnd\.ms-fontobject)"
    r"|font/(?:ttf|otf|collection)|image/(?:bmp|x-ms-bmp|x-icon|vnd\.microsoft\.icon)"
).fullmatch
# What is told of the bytes of the content would not be true any more: RFC 9530, RFC 3230, RFC 1864.
_DIGESTS: Final = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})
_ENCODED: Final = "content-encoding"
_ACCEPT: Final = "accept-encoding"


@dataclass(frozen=True, slots=True)
class Compression:
    """How a started app compresses.

    Args:
        everywhere: Whether routes do that say nothing about it, and what no route answers.
        min_bytes: What is known to be shorter is sent as it is.
        offered: The codings, the one first that is to be preferred.
    """

    everywhere: bool
    min_bytes: int
    offered: tuple[str, ...]

    def shape(
        self, asked: Fields, status: int, fields: Fields, media_type: str | None, size: int | None
    ) -> tuple[Fields, str | None]:
        """Decide on a response.

        Args:
            asked: The request's header fields, with names in lower case.
            status: The response's status.
            fields: Its header fields.
            media_type: Its Content-Type, where that is not among them.
            size: Length of its content in bytes; ``None``: not known.

        Returns:
            The fields to send, and the coding that the content is to be brought into; ``None``: it stays as
            it is. A Content-Length is left to whoever frames the content.

        Source: RFC 9110 8.4, 8.8.1, 8.8.3.3, 12.5.3, 12.5.5, 14.3, 15.4.5.
        """
        if status in _UNTOUCHED or _is_fixed(fields):
            return fields, None
        if status == _NOT_MODIFIED:
            return _with_vary(_revalidated(asked, fields)), None
        if status == _PARTIAL:  # the type and length of the whole, which might be compressed, are not told
            return _with_vary(fields), None
        choice = choose(_value_of(asked, _ACCEPT), self.offered)
        suits = _shrinks(fields, media_type) and (size is None or size >= self.min_bytes)
        if not suits and not (choice.refuses_identity and choice.coding and size != 0):
            return fields, None
        fields = _with_vary(fields)
        part = _has(fields, "content-range") or _has(asked, "range")
        if choice.coding is None or part:
            return fields, None
        kept = [_weaker(field) for field in fields if field[0].lower() != "accept-ranges"]
        return [*kept, (_ENCODED, choice.coding)], choice.coding


def _is_fixed(fields: Fields) -> bool:
    """Say whether what is told of the content forbids to change it."""
    names = {name.lower() for name, _ in fields}
    cache_control = _value_of(fields, "cache-control") or ""
    return _ENCODED in names or not _DIGESTS.isdisjoint(names) or "no-transform" in cache_control.lower()


def _shrinks(fields: Fields, media_type: str | None) -> bool:
    kind = media_type or _value_of(fields, "content-type") or ""
    return _compressible(kind.partition(";")[0].strip(" \t").lower()) is not None


def _weaker(field: tuple[str, str]) -> tuple[str, str]:
    """RFC 9110 8.8.1: a strong tag would say that the bytes are those of the content as it is."""
    name, value = field
    return (name, f"W/{value}") if name.lower() == "etag" and not value.startswith("W/") else field


def _revalidated(asked: Fields, fields: Fields) -> Fields:
    """Give a 304 the entity tag that the client has, else a cache would not find what it is about.

    Source: RFC 9111 4.3.4.
    """
    known = _value_of(asked, "if-none-match") or ""
    etag = _value_of(fields, "etag")
    if etag is None or f"W/{etag}" not in known:
        return fields
    return [_weaker(field) for field in fields]


def _with_vary(fields: Fields) -> Fields:
    """Say that another Accept-Encoding would have had another answer."""
    at = None
    for place, (name, value) in enumerate(fields):
        if name.lower() == "vary":
            at = place
            if any(one.strip().lower() in ("*", _ACCEPT) for one in value.split(",")):
                return fields
    if at is None:
        return [*fields, ("vary", _ACCEPT)]
    name, value = fields[at]
    merged = f"{value}, {_ACCEPT}" if value.strip() else _ACCEPT
    return [*fields[:at], (name, merged), *fields[at + 1 :]]


def _value_of(fields: Fields, wanted: str) -> str | None:
    """Give the value of a field, of several their values with commas between; ``None``: there is none."""
    values = [value for name, value in fields if name.lower() == wanted]
    return ", ".join(values) if values else None


def _has(fields: Fields, wanted: str) -> bool:
    return _value_of(fields, wanted) is not None
