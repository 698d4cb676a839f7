"""From the path of a URL to an open file of a folder, and never to one outside it.

What is opened is what was checked: each step of a path is opened relative to the one before, and follows no
symbolic link. A path with links in it is resolved first, and the result is opened in the same way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from stat import S_ISDIR, S_ISREG
from typing import Final
from urllib.parse import unquote_to_bytes

from triosanic.http.sendfile import OPEN_FLAGS

# A longer listing costs more to send than anybody reads.
MAX_ENTRIES: Final = 10_000

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
# On the way a folder needs to be searched only, not read.
_STEP_FLAGS: Final = getattr(os, "O_PATH", OPEN_FLAGS) | getattr(os, "O_DIRECTORY", 0) | os.O_CLOEXEC
_STEPWISE: Final = os.open in os.supports_dir_fd and _NOFOLLOW != 0
# On Windows a colon leads to another drive or stream.
_FORBIDDEN: Final = frozenset("\0/\\" + (":" if os.name == "nt" else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a listing tells of a file or folder."""

    name: str
    is_folder: bool
    size: int
    mtime: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder: folders first, then by name.

    Args:
        more: Whether there is more than 10,000, of which these are some.
    """

    entries: tuple[Entry, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose files are served.

    Args:
        path: Where it is; it need not exist yet.
        external_files: Whether a link to a file outside is followed.
        external_folders: Whether a link to a folder outside is followed.
        root: The folder that links must not leave; empty: the folder itself.
    """

    path: str
    external_files: bool = False
    external_folders: bool = False
    root: str = ""

    def open(self, names: Sequence[str]) -> int:
        """Open what is in the folder under these names, one below the other; return its descriptor.

        It may wait for a disk: for threads.

        Raises:
            FileNotFoundError: There is no such thing, or a link leads to where it must not.
            OSError: It can't be opened.
        """
        if _STEPWISE:
            try:
                return _open_beneath(self.path, names)
            except OSError as exc:
                # ENOTDIR: Linux says so of a link where a folder is wanted.
                if exc.errno not in {errno.ELOOP, errno.EMLINK, errno.ENOTDIR}:
                    raise
        root = os.path.realpath(self.root or self.path, strict=True)
        real = self._resolve(root, names)
        inside = _below(real, root)
        if inside is not None and _STEPWISE:
            return _open_beneath(root, inside)
        return os.open(real, OPEN_FLAGS | _NOFOLLOW)

    def list(self, names: Sequence[str]) -> Listing:
        """List what can be opened in a folder below this one, but for names that start with a dot.

        It may wait for a disk: for threads.

        Raises:
            OSError: See `open`.
        """
        fd = self.open(names)
        try:
            with os.scandir(fd) as found:
                entries = list(islice(self._entries(names, found), MAX_ENTRIES + 1))
        finally:
            os.close(fd)
        shown = sorted(entries[:MAX_ENTRIES], key=lambda entry: (not entry.is_folder, entry.name))
        return Listing(tuple(shown), len(entries) > MAX_ENTRIES)

    def _entries(self, names: Sequence[str], found: Iterator[os.DirEntry[str]]) -> Iterator[Entry]:
        root = ""
        for entry in found:
            name = entry.name
            if name.startswith(".") or not _is_text(name) or not _FORBIDDEN.isdisjoint(name):
                continue
            try:
                if entry.is_symlink():
                    root = root or os.path.realpath(self.root or self.path, strict=True)
                    self._resolve(root, [*names, name])
                stat = entry.stat()
            except OSError:
                continue  # it has gone, or its link leads to where it must not
            is_folder = S_ISDIR(stat.st_mode)
            if is_folder or S_ISREG(stat.st_mode):
                yield Entry(name=name, is_folder=is_folder, size=stat.st_size, mtime=stat.st_mtime)

    def _resolve(self, root: str, names: Sequence[str]) -> str:
        """Follow links, as far as they may lead."""
        parent = os.path.realpath(os.path.join(self.path, *names[:-1]), strict=True)
        real = os.path.realpath(os.path.join(parent, *names[-1:]), strict=True)
        via_folder = _below(parent, root) is None
        via_link = _below(real, root) is None and _below(real, parent) is None
        last_allowed = self.external_folders if os.path.isdir(real) else self.external_files
        if (via_folder and not self.external_folders) or (via_link and not last_allowed):
            raise FileNotFoundError(errno.ENOENT, "a symbolic link leads out of the folder")
        return real


def split(path: str) -> list[str]:
    """Split the path of a URL into decoded names; the last is empty if it ends with a slash.

    It is decoded once, and after it was split: no escape makes a slash.

    Raises:
        FileNotFoundError: No file can have such a name: ``.`` and ``..``, empty ones, those with a slash, a
            backslash or NUL in them, and those that are not UTF-8.
    """
    names = [unquote_to_bytes(name) for name in path.split("/")]
    try:
        decoded = [name.decode("utf-8") for name in names]
    except UnicodeDecodeError as exc:
        raise _no_such_name() from exc
    for name in decoded:
        if name in {".", ".."} or not _FORBIDDEN.isdisjoint(name):
            raise _no_such_name()
    if "" in decoded[:-1]:
        raise _no_such_name()
    return decoded


def _no_such_name() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "no file can have this name")


def _is_text(name: str) -> bool:
    """Say whether a name of the file system is UTF-8; a URL of ours could not name it otherwise."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open_beneath(root: str, names: Sequence[str]) -> int:
    """Open step by step, following no link below ``root``."""
    fd = os.open(root, _STEP_FLAGS if names else OPEN_FLAGS)
    for number, name in enumerate(names, 1):
        flags = OPEN_FLAGS if number == len(names) else _STEP_FLAGS
        above = fd
        try:
            fd = os.open(name, flags | _NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)
    return fd


def _below(path: str, root: str) -> list[str] | None:
    """Give the names that lead from ``root`` to ``path``; ``None`` if it is not in there."""
    if path == root:
        return []
    prefix = root if root.endswith(os.sep) else root + os.sep
    return path.removeprefix(prefix).split(os.sep) if path.startswith(prefix) else None
