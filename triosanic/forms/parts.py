"""A form as it arrives, part by part: ``request.parts()``. One piece of the body is in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Self

import trio

from triosanic.exceptions import PayloadTooLarge, SanicException, ServerError
from triosanic.forms.heads import PartHead, boundary_of, check_charset, decode
from triosanic.forms.limits import FormLimits
from triosanic.forms.reader import Event, Mark, MultipartReader
from triosanic.forms.spool import Spool, run_to_the_end
from triosanic.headers import Header


class Incoming:
    """A form that is read: what its parts share.

    Attributes:
        part: The part that can be read now.
        charset: That of the fields that name none.
    """

    __slots__ = (
        "_ended",
        "_error",
        "_events",
        "_limits",
        "_reader",
        "_reading",
        "_room",
        "_stream",
        "charset",
        "part",
    )

    def __init__(self, stream: trio.abc.ReceiveStream, boundary: str, limits: FormLimits) -> None:
        self.part: Part | None = None
        self.charset = "utf-8"
        self._stream = stream
        self._limits = limits
        self._reader = MultipartReader(boundary, limits)
        self._events: Iterator[Event] = iter(())
        self._room = limits.max_field_bytes
        self._reading = False
        self._ended = False
        self._error: SanicException | None = None

    async def next_part(self) -> Part | None:
        """Go on to the next part; there is none at the end."""
        self._check_free()
        self.part = None  # first: a skip that is cancelled leaves a hole in that part
        while True:
            event = await self._next()
            if isinstance(event, PartHead):
                self.part = Part(event, self)
                return self.part
            if event is Mark.FORM_END:
                return None

    async def next_piece(self, part: Part) -> bytes:
        """Take the next piece of ``part``; ``b""`` at its end."""
        self._check_free()
        if part is not self.part:
            raise ServerError(
                f"the part {part.name!r} can't be read any more, since the form has gone on to the next; "
                "read or save each part before that"
            )
        event = await self._next()
        return event if isinstance(event, bytes) else b""

    def take_room(self, size: int) -> None:
        """Count what is kept in memory."""
        self._room -= size
        if self._room < 0:
            raise PayloadTooLarge(
                f"The fields of the form exceed {self._limits.max_field_bytes} bytes (REQUEST_MAX_FORM_SIZE)"
            )

    async def _next(self) -> Event:
        """Take the next event, waiting for more of the body; once it has ended, for ever the end."""
        self._reading = True
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            while True:
                if self._error is not None:
                    raise self._error
                event = next(self._events, Mark.FORM_END)
                if event is not Mark.FORM_END or self._ended:
                    return event
                piece = await self._stream.receive_some()
                if piece:
                    self._events = self._reader.feed(bytes(piece))
                else:
                    self._ended = True
                    self._reader.finish()
        except SanicException as exc:
            self._error = exc  # what comes after it can't be told from content
            raise
        finally:
            self._reading = False

    def _check_free(self) -> None:
        if self._reading:
            raise ServerError("another task is already reading this form")


class Parts:
    """The parts of a form, in an ``async for``; going on to the next skips what was not read of this one.

    Args:
        stream: The body.
        content_type: The value of its Content-Type.
        limits: What the form may take.

    Raises:
        BadRequest: Already here: the Content-Type has no boundary. In the iteration: this is no form, or
            not the whole of it.
        PayloadTooLarge: In the iteration: there are too many parts, or a part's header is too large.
        SanicException: Already here: 415, the Content-Type is not ``multipart/form-data``.
        ServerError: In the iteration: another task reads. See `RequestBody.read` for the others.

    Checkpoint: in the iteration, always for cancellation; it waits for the client where it has to.
    """

    __slots__ = ("_form",)

    def __init__(self, stream: trio.abc.ReceiveStream, content_type: str, limits: FormLimits) -> None:
        self._form = Incoming(stream, boundary_of(content_type), limits)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        part = await self._form.next_part()
        if part is None:
            raise StopAsyncIteration
        return part


class Part:
    """One part of a form: a field, or a file. Its content comes in an ``async for``, or by the methods below.

    A piece that was taken is gone: what `read` or `save` had taken when it failed can't be read again.

    Raises:
        ServerError: In the iteration: the form has gone on to the next part. See `Parts` for the others.

    Checkpoint: as `Parts`.
    """

    __slots__ = ("_ended", "_form", "_head")

    def __init__(self, head: PartHead, form: Incoming) -> None:
        self._head = head
        self._form = form
        self._ended = False

    def __repr__(self) -> str:
        return f"<Part: {self.name!r}, {'a field' if self.filename is None else f'file {self.filename!r}'}>"

    @property
    def name(self) -> str:
        """The name of the form's field."""
        return self._head.name

    @property
    def filename(self) -> str | None:
        """What the client calls the file, not to be used as a path; ``None`` if this is a field.

        It is ``""`` where a form was sent without choosing a file.
        """
        return self._head.filename

    @property
    def content_type(self) -> str:
        """The type of the content, as the client says; without parameters. ``text/plain`` if it says none."""
        return self._head.content_type

    @property
    def headers(self) -> Header:
        """The header fields of the part."""
        return self._head.headers

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._form.next_piece(self)
        if not piece:
            self._ended = True
            raise StopAsyncIteration
        return piece

    async def read(self, max_size: int | None = None) -> bytes:
        """Take the whole content, or what is left of it, into memory.

        Args:
            max_size: Bound in bytes. ``None``: all that is read of this form without one, together, may be
                ``REQUEST_MAX_FORM_SIZE`` bytes.

        Raises:
            PayloadTooLarge: It is longer.
            ServerError: See `Parts` for this and the others.

        Checkpoint: as `Parts`, for each piece.
        """
        pieces: list[bytes] = []

        async def keep(piece: bytes) -> None:
            if max_size is None:
                self._form.take_room(len(piece))
            pieces.append(piece)

        await self._copy(keep, max_size)
        return b"".join(pieces)

    async def text(self, max_size: int | None = None) -> str:
        """Take the whole content as text, in the charset that the part, or the form, names, or UTF-8.

        Args:
            max_size: As for `read`.

        Raises:
            BadRequest: It is not text in that charset.
            PayloadTooLarge: See `read` for this and the others.

        Checkpoint: as `read`. Source: RFC 7578 §4.6, ``_charset_``.
        """
        charset = self._head.charset or self._form.charset
        text = decode(self.name, await self.read(max_size), charset)
        if self.name == "_charset_":
            check_charset(text)
            self._form.charset = text
        return text

    async def save(self, path: str | PathLike[str], *, max_size: int | None = None) -> int:
        """Write the content to a new file, in a thread; return its length in bytes.

        Unless all of it was written, there is no file afterwards.

        Args:
            path: Where; nothing that the client has said should be part of it.
            max_size: Bound in bytes; ``None``: none but that of the body.

        Raises:
            OSError: The file can't be written; above all `FileExistsError`, since none is overwritten.
            PayloadTooLarge: The content is longer than ``max_size``.
            ServerError: See `Parts` for this and the others.

        Checkpoint: always.
        """
        file = await trio.open_file(path, "xb")
        try:
            async with file:
                return await self._copy(file.write, max_size)
        except BaseException:
            await run_to_the_end(partial(Path(path).unlink, missing_ok=True))
            raise

    @asynccontextmanager
    async def spool(self, max_memory: int = 1 << 20, *, max_size: int | None = None) -> AsyncIterator[Spool]:
        """Take the whole content into a file in memory, which goes on on disk, in a thread, if it is long.

        The file is removed at the end of the block, however that ends.

        Args:
            max_memory: What is kept in memory, in bytes.
            max_size: Bound in bytes; ``None``: none but that of the body.

        Raises:
            OSError: The disk can't take it.
            PayloadTooLarge: The content is longer than ``max_size``.
            ServerError: See `Parts` for this and the others.

        Checkpoint: as `Parts` while it is in memory, then always.
        """
        spool = Spool(max_memory)
        try:
            await self._copy(spool.write, max_size)
            await spool.seek(0)
            yield spool
        finally:
            await spool.aclose()

    async def _copy(self, write: Callable[[bytes], Awaitable[object]], max_size: int | None) -> int:
        size = 0
        async for piece in self:
            size += len(piece)
            if max_size is not None and size > max_size:
                raise PayloadTooLarge(f"The part {self.name[:100]!r} of the form exceeds {max_size} bytes")
            await write(piece)
        return size
