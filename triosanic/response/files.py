"""Files as responses: read whole where they are small, else sent from the disk to the wire in pieces."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from mimetypes import guess_type
from pathlib import PurePath
from time import time
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

import trio

from triosanic.compression import Compressor
from triosanic.constants import DEFAULT_HTTP_CONTENT_TYPE
from triosanic.exceptions import RangeNotSatisfiable, ServerError
from triosanic.headers import Header
from triosanic.helpers import Default, _default
from triosanic.http.exchange import Exchange
from triosanic.http.framing import Headers
from triosanic.http.sendfile import FileContent, OpenFile, Span, open_file
from triosanic.response.conditional import (
    NOT_MODIFIED,
    Validators,
    evaluate,
    http_date,
    not_modified,
    of_file,
    range_applies,
    to_seconds,
)
from triosanic.response.ranges import ByteRange, multipart
from triosanic.response.types import HeaderItems, HTTPResponse

# Up to this size a file is read by the thread that opens it: then it is one response of bytes, and takes one
# system call to leave. It is what a slow client may hold of our memory anyway.
SMALL_BYTES: Final = 64 << 10

# What `mimetypes` calls an encoding is what the file is: it is sent as it lies there.
_COMPRESSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gzip": "application/gzip",
        "bzip2": "application/x-bzip2",
        "xz": "application/x-xz",
        "compress": "application/x-compress",
        "br": "application/x-brotli",
    }
)
# What may stand in a quoted string without an escape that some browser gets wrong, and is no path.
_UNQUOTABLE: Final = re.compile(r"[^ !#$&-.0-\[\]-~]")
_ATTR_CHARS: Final = "!#$&+^`|"  # RFC 8187 3.2.1, beside letters, digits and -._~

Location: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class AskedRange(Protocol):
    """A range of a file, as `ContentRangeHandler` has it; false if it is all of it."""

    @property
    def start(self) -> int | None:
        """The first byte."""

    @property
    def end(self) -> int | None:
        """The last byte."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was opened, and read if it is small.

    Args:
        file: Closed already if it was read.
        data: What was read.
        content_type: As its name tells.
    """

    file: OpenFile
    data: bytes | None
    content_type: str

    @property
    def size(self) -> int:
        """Its length in bytes: what was read, where it has been."""
        return self.file.size if self.data is None else len(self.data)

    @property
    def validators(self) -> Validators:
        """What tells this state of it from others."""
        return of_file(self.size, self.file.mtime_ns)


class FileResponse(HTTPResponse):
    """A response whose content is sent from a file; its `body` is empty.

    Args:
        content: What is sent; closed after that.
    """

    __slots__ = ("_content",)

    def __init__(
        self, content: FileContent, status: int, headers: HeaderItems, content_type: str | None
    ) -> None:
        super().__init__(None, status, headers, content_type)
        self._content = content

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        return self._content.size

    async def reply(
        self, exchange: Exchange, fields: Headers | None = None, compressor: Compressor | None = None
    ) -> None:
        """Answer ``exchange`` with it.

        Args:
            exchange: What is answered.
            fields: The header fields; ``None``: those of `fields`.
            compressor: See `Exchange.start`; with one, the content goes through this process.

        Raises:
            ServerError: It was sent before, the file became shorter, or a header can't be sent.
            OSError: The file can't be read.
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take it at once.
        """
        try:
            headers = self.fields() if fields is None else fields
            if compressor is None:
                await exchange.reply(self.status, headers, self._content, self.media_type())
                return
            # Not sent: the channel holds what is written to it.
            length = ("content-length", str(self._content.size))
            super().start(exchange, [*headers, length], compressor)
            if not exchange.head_only:
                await self._content.copy(self.write)
            await exchange.end()
        finally:
            self._content.close()

    def start(
        self,
        exchange: Exchange,  # noqa: ARG002  # the base's
        fields: Headers | None = None,  # noqa: ARG002  # likewise
        compressor: Compressor | None = None,  # noqa: ARG002  # likewise
        again: Callable[[], None] | None = None,  # noqa: ARG002  # likewise
    ) -> None:
        """See `BaseHTTPResponse.start`.

        Raises:
            ServerError: Always: this one can't be begun by ``request.respond()``.
        """
        self._content.close()
        raise ServerError("a large file is no beginning of a stream: return the response from the handler")


async def file(  # noqa: PLR0917  # Sanic's arguments
    location: Location,
    status: int = 200,
    request_headers: HeaderItems = None,
    validate_when_requested: bool = True,
    mime_type: str | None = None,
    headers: HeaderItems = None,
    filename: str | None = None,
    last_modified: datetime | float | Default | None = _default,
    max_age: float | None = None,
    no_store: bool | None = None,
    _range: AskedRange | None = None,
) -> HTTPResponse:
    """Make a response of a file.

    Up to 64 KiB it is read at once; a larger one is open until the response has been sent.

    Args:
        location: Path of a regular file.
        status: Status code; 206 with a range.
        request_headers: ``request.headers``: a client that has the file already gets a 304, one whose
            condition fails a 412, and one whose part is of something else (If-Range) the whole.
        validate_when_requested: Whether ``request_headers`` are looked at.
        mime_type: Value of Content-Type; ``None`` guesses it from the name.
        headers: Header fields, which win over those made here.
        filename: What a browser saves it as, with ``Content-Disposition: attachment``.
        last_modified: The date to send, a number being seconds since 1970; ``None``: none.
        max_age: For how many seconds caches may use it unasked.
        no_store: Whether caches must not keep it.
        _range: A part of it; see `ContentRangeHandler`.

    Raises:
        OSError: It can't be opened, or is not a regular file.
        RangeNotSatisfiable: The range lies behind its end.

    Checkpoint: always. Source: Sanic 25.12 ``response.file``, without entity tags and 412 there.
    """
    loaded = await trio.to_thread.run_sync(load, location)
    current = loaded.validators
    if not isinstance(last_modified, Default):
        current = Validators(current.etag, to_seconds(last_modified), current.settled)
    fields = Header(headers or {})
    for name, value in (current.fields() | _cache_fields(max_age, no_store)).items():
        fields.setdefault(name, value)
    if filename is not None:
        fields.setdefault("content-disposition", content_disposition(filename))
    current = Validators(fields["etag"], current.last_modified, current.settled)
    if request_headers is not None and validate_when_requested:
        asked = Header(request_headers)
        refused = evaluate("GET", asked, current)
        if refused is not None:
            loaded.file.close()
            return not_modified(fields) if refused == NOT_MODIFIED else HTTPResponse(b"", refused)
        _range = _range if range_applies(asked, current) else None
    kind = mime_type or guess_content_type(filename or location)
    return compose(loaded, _as_ranges(_range, loaded), status=status, headers=fields, content_type=kind)


async def file_stream(  # noqa: PLR0917  # Sanic's arguments
    location: Location,
    status: int = 200,
    chunk_size: int = 4096,  # noqa: ARG001  # as below
    mime_type: str | None = None,
    headers: HeaderItems = None,
    filename: str | None = None,
    chunked: bool = True,  # noqa: ARG001  # as below
    _range: AskedRange | None = None,
) -> HTTPResponse:
    """Make a response of a file that is never read whole, however small it is.

    Args:
        location: Path of a regular file.
        status: Status code; 206 with a range.
        chunk_size: Has no effect: pieces are as large as the client takes them.
        mime_type: Value of Content-Type; ``None`` guesses it from the name.
        headers: Header fields.
        filename: What a browser saves it as, with ``Content-Disposition: attachment``.
        chunked: Has no effect: the length is known, so Content-Length tells it.
        _range: A part of it; see `ContentRangeHandler`.

    Raises:
        OSError: It can't be opened, or is not a regular file.
        RangeNotSatisfiable: The range lies behind its end.

    Checkpoint: always. Source: Sanic 25.12 ``response.file_stream``; ``chunked`` up to 20.12.
    """
    loaded = await trio.to_thread.run_sync(load, location, 0)
    fields = Header(headers or {})
    if filename is not None:
        fields.setdefault("content-disposition", content_disposition(filename))
    kind = mime_type or guess_content_type(filename or location)
    return compose(loaded, _as_ranges(_range, loaded), status=status, headers=fields, content_type=kind)


def load(location: Location | int, small_bytes: int = SMALL_BYTES, name: str = "") -> Loaded:
    """Open a file, and read it if it is small. It may wait for a disk: for threads.

    Args:
        location: Its path, or a descriptor, which is ours from now on.
        small_bytes: Up to which size to read it.
        name: What to guess its type from; by default the path.

    Raises:
        OSError: It can't be opened or read, or is not a regular file.
    """
    opened = OpenFile(location) if isinstance(location, int) else open_file(location)
    data = None
    if opened.size <= small_bytes:
        data = opened.read(0, opened.size)
        opened.close()
    return Loaded(opened, data, guess_content_type(name if isinstance(location, int) else location))


def compose(
    loaded: Loaded,
    ranges: Sequence[ByteRange],
    *,
    status: int,
    headers: Mapping[str, str],
    content_type: str,
) -> HTTPResponse:
    """Make a response of a file, or of ranges of it.

    Raises:
        ValueError: Of several ranges: ``content_type`` can't stand in a header.
    """
    fields = Header(headers)
    parts: tuple[bytes | Span, ...] = (Span(0, loaded.size),)
    if ranges:
        status = 206
        if len(ranges) == 1:
            fields["content-range"] = ranges[0].field
            parts = (Span(ranges[0].start, ranges[0].size),)
        else:
            content_type, parts = multipart(ranges, content_type)
    if loaded.data is None:
        return FileResponse(FileContent(loaded.file, parts), status, fields, content_type)
    data = loaded.data
    body = b"".join(
        data[part.start : part.start + part.size] if isinstance(part, Span) else part for part in parts
    )
    return HTTPResponse(body, status, fields, content_type)


def guess_content_type(path: Location, fallback: str = DEFAULT_HTTP_CONTENT_TYPE) -> str:
    """Guess a Content-Type from a file's name; text is taken for UTF-8.

    Source: Sanic 25.12 ``response.guess_content_type``; there ``a.tar.gz`` is a tar archive.
    """
    kind, encoding = guess_type(PurePath(os.fsdecode(path)).name)
    if encoding is not None:
        return _COMPRESSED.get(encoding, fallback)
    if kind is None:
        return fallback
    return with_charset(kind)


def with_charset(content_type: str) -> str:
    """Say of text that it is UTF-8, unless something else is said."""
    is_text = content_type.startswith("text/") or content_type == "application/javascript"
    return f"{content_type}; charset=utf-8" if is_text and "charset=" not in content_type else content_type


def content_disposition(filename: str, kind: str = "attachment") -> str:
    """Write a Content-Disposition field; whatever is in the name, it stays in its quotes.

    A name that is more than plain ASCII is given twice: as near as ASCII comes, and in UTF-8.

    Source: RFC 6266 4.3 and appendix D; RFC 8187.
    """
    plain = _UNQUOTABLE.sub("_", filename)
    field = f'{kind}; filename="{plain}"'
    if plain == filename:
        return field
    return f"{field}; filename*=UTF-8''{quote(filename, safe=_ATTR_CHARS, errors='replace')}"


def _cache_fields(max_age: float | None, no_store: bool | None) -> dict[str, str]:
    if no_store:
        return {"cache-control": "no-store"}
    if max_age:
        seconds = int(max_age)
        return {"cache-control": f"public, max-age={seconds}", "expires": http_date(time() + seconds)}
    return {"cache-control": "no-cache"}


def _as_ranges(asked: AskedRange | None, loaded: Loaded) -> tuple[ByteRange, ...]:
    if not asked or asked.start is None or asked.end is None:
        return ()
    found = ByteRange(asked.start, asked.end, loaded.size)
    if not 0 <= found.start <= found.end < found.total:
        raise RangeNotSatisfiable("Invalid for Content Range parameters", found)
    return (found,)
