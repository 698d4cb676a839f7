"""Serve a file, or the files of a folder: what ``app.static`` records."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, Protocol, TypeAlias

import trio

from triosanic.exceptions import FileNotFound, SanicException
from triosanic.headers import Header
from triosanic.response import HTTPResponse, redirect
from triosanic.response.conditional import NOT_MODIFIED, Validators, evaluate, not_modified, range_applies
from triosanic.response.files import SMALL_BYTES, Loaded, Location, compose, load, with_charset
from triosanic.response.ranges import ByteRange, parse_ranges
from triosanic.router import RouteSpec
from triosanic.static.folder import Folder, Listing, split
from triosanic.static.listing import listing

# Sanic's name for the part of the path that names the file; `url_for` knows it too.
FILE_PARAM: Final = "__file_uri__"
# Sanic's default; it says nothing, because a file has a name.
ANY_NAME: Final = "/?.+"
_METHODS: Final = frozenset({"GET", "HEAD"})
# What opening a file fails with for what was asked, be there something or not; the client can't tell which.
_NO_SUCH_FILE: Final = frozenset(
    {
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
        *(errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.EILSEQ),
    }
)


class Request(Protocol):
    """What this needs of a request."""

    @property
    def method(self) -> str:
        """GET or HEAD."""

    @property
    def path(self) -> str:
        """The target without its query, not decoded."""

    @property
    def query_string(self) -> str:
        """What follows the question mark."""

    @property
    def headers(self) -> Header:
        """The header fields."""


class AnswersFolders(Protocol):
    """Who answers for a folder instead of an index or a listing."""

    def handle(self, request: Any, path: str) -> Any:
        """Return a response, or an awaitable that does; ``path`` is that of the request."""


class _Elsewhere:
    """A folder that is answered in another way."""


_REDIRECTED: Final = _Elsewhere()  # by the URL with a slash at its end: links in pages are relative to it
_HANDED_ON: Final = _Elsewhere()  # by the program's `directory_handler`
_Found: TypeAlias = Loaded | Listing | _Elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A file or folder that is served, with the arguments of ``app.static``.

    Args:
        path: The file or folder.
        folder: The folder; ``None`` for a file.
        name_pattern: What the names of files must look like; ``None``: as they like.
    """

    path: str
    folder: Folder | None
    name_pattern: re.Pattern[str] | None = None
    use_modified_since: bool = True
    use_content_range: bool = False
    content_type: str | None = None
    index: tuple[str, ...] = ()
    directory_view: bool = False
    directory_handler: AnswersFolders | None = None

    async def serve(self, request: Request, __file_uri__: str = "") -> Any:
        """Answer a request.

        Raises:
            FileNotFound: There is no such file, or it must not be seen.
            RangeNotSatisfiable: The range lies behind its end.
            SanicException: 412: a condition of the request does not hold.

        Checkpoint: always.
        """
        small_bytes = SMALL_BYTES if request.method == "GET" else -1
        try:
            names = split(__file_uri__)
            found = await trio.to_thread.run_sync(self._find, names, small_bytes)
        except OSError as exc:
            if exc.errno not in _NO_SUCH_FILE:
                raise
            raise FileNotFound("File not found", path=self.path, relative_url=__file_uri__) from exc
        if isinstance(found, Loaded):
            try:
                return self._answer(request, found)
            except SanicException:
                found.file.close()
                raise
        if isinstance(found, Listing):
            return listing(names[:-1], found)
        if found is _REDIRECTED:
            query = f"?{request.query_string}" if request.query_string else ""
            return redirect(f"{request.path}/{query}")
        assert self.directory_handler is not None
        response = self.directory_handler.handle(request, request.path)
        return await response if isawaitable(response) else response

    def _find(self, names: list[str], small_bytes: int) -> _Found:
        """Find what is served under these names, of which the last is empty for a folder."""
        if self.folder is None:
            return load(self.path, small_bytes)
        if self.name_pattern is not None and self.name_pattern.fullmatch("/".join(names)) is None:
            raise FileNotFoundError(errno.ENOENT, "the name does not match the pattern")
        inner = names if names[-1] else names[:-1]
        try:
            found = load(self.folder.open(inner), small_bytes, inner[-1] if inner else "")
        except IsADirectoryError:
            if self.directory_handler is not None:
                return _HANDED_ON
            if not self.index and not self.directory_view:
                raise
            return _REDIRECTED if names[-1] else self._find_in_folder(self.folder, inner, small_bytes)
        if not names[-1]:
            found.file.close()
            raise NotADirectoryError(errno.ENOTDIR, "this is a file, not a folder")
        return found

    def _find_in_folder(self, folder: Folder, names: list[str], small_bytes: int) -> _Found:
        for name in self.index:
            try:
                return load(folder.open([*names, name]), small_bytes, name)
            except (FileNotFoundError, IsADirectoryError):
                continue
        if self.directory_view:
            return folder.list(names)
        raise FileNotFoundError(errno.ENOENT, "the folder has no index")

    def _answer(self, request: Request, loaded: Loaded) -> HTTPResponse:
        """Answer with a file, as far as the client needs it."""
        current = loaded.validators if self.use_modified_since else Validators()
        fields = current.fields() | {"cache-control": "no-cache"}
        if self.use_content_range:
            fields["accept-ranges"] = "bytes"
        status = evaluate(request.method, request.headers, current) if self.use_modified_since else None
        if status == NOT_MODIFIED:
            loaded.file.close()
            return not_modified(fields)
        if status is not None:
            raise SanicException("Precondition Failed", status, quiet=True)
        ranges = self._ranges(request, loaded, current)
        content_type = self.content_type or loaded.content_type
        return compose(loaded, ranges, status=200, headers=fields, content_type=content_type)

    def _ranges(self, request: Request, loaded: Loaded, current: Validators) -> Sequence[ByteRange]:
        """RFC 9110 14.2: of GET only, and only of what the client has the rest of."""
        headers = request.headers
        wanted = self.use_content_range and request.method == "GET" and "range" in headers
        return (
            parse_ranges(headers["range"], loaded.size) if wanted and range_applies(headers, current) else ()
        )


def static_route(
    uri: str,
    file_or_directory: Location,
    *,
    pattern: str = ANY_NAME,
    name: str = "static",
    content_type: str | None = None,
    resource_type: str | None = None,
    index: str | Sequence[str] | None = None,
    directory_view: bool = False,
    directory_handler: AnswersFolders | None = None,
    follow_external_symlink_files: bool = False,
    follow_external_symlink_dirs: bool = False,
    use_modified_since: bool = True,
    use_content_range: bool = False,
    **route: Any,
) -> RouteSpec:
    """Make the record of a route for ``app.static``, whose arguments these are.

    Args:
        uri: The path, or for a folder what its files' paths begin with.
        file_or_directory: What does not exist yet is taken for a folder.
        pattern: What paths within the folder must match as a whole, decoded.
        name: The last part of the route's name.
        content_type: For all files; ``None`` guesses it by a file's name.
        resource_type: ``"file"`` or ``"dir"`` to have that checked.
        index: Names of files to answer for a folder with, in the order they are tried.
        directory_view: Whether a folder without such a file is listed.
        directory_handler: Answers for folders, in place of both.
        follow_external_symlink_files: Whether symbolic links to files outside the folder are followed.
        follow_external_symlink_dirs: Likewise, to folders outside.
        use_modified_since: Whether clients that have a file already get a 304.
        use_content_range: Whether clients may ask for ranges.
        route: Handed on to `RouteSpec`.

    Raises:
        TypeError: The path is not of the kind that ``resource_type`` says.
        ValueError: The path is none, arguments contradict each other, or there is no such ``resource_type``.
    """
    if not isinstance(file_or_directory, str | bytes | os.PathLike):
        raise ValueError(  # noqa: TRY004  # Sanic's
            f"Static route must be a valid path, not {file_or_directory!r}"
        )
    path = os.path.abspath(os.fsdecode(file_or_directory))
    names = (index,) if isinstance(index, str) else tuple(index or ())
    if directory_handler is not None and (directory_view or names):
        raise ValueError(
            "When explicitly setting directory_handler, you cannot set either directory_view or index: "
            "pass these to the handler, as DirectoryHandler(..., directory_view=True)"
        )
    is_file = _is_file(path, resource_type)
    if is_file and (directory_view or names or directory_handler is not None):
        raise ValueError(
            f"index, directory_view and directory_handler are for folders, and {path!r} is a file"
        )
    static = Static(
        path=path,
        folder=None if is_file else Folder(path, follow_external_symlink_files, follow_external_symlink_dirs),
        name_pattern=re.compile(pattern) if pattern != ANY_NAME else None,
        use_modified_since=use_modified_since,
        use_content_range=use_content_range,
        content_type=with_charset(content_type) if content_type else None,
        index=names,
        directory_view=directory_view,
        directory_handler=directory_handler,
    )
    place = uri if is_file else f"{uri.rstrip('/')}/<{FILE_PARAM}:path>"
    return RouteSpec(handler=static.serve, uri=place, methods=_METHODS, name=name, ignore_body=True, **route)


def _is_file(path: str, resource_type: str | None) -> bool:
    """Say whether a file is served, not a folder; what does not exist yet will be a folder."""
    if resource_type not in {None, "file", "dir"}:
        raise ValueError("The resource_type should be set to 'file' or 'dir'")
    is_file, is_folder = os.path.isfile(path), os.path.isdir(path)
    if (resource_type == "file" and not is_file) or (resource_type == "dir" and not is_folder):
        kind = "file" if resource_type == "file" else "directory"
        raise TypeError(f"Resource type improperly identified as {kind}. {path!r}")
    return is_file
