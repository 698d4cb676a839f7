"""Who answers for folders, as a class that programs derive their own from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from triosanic.exceptions import FileNotFound
from triosanic.static.folder import Folder
from triosanic.static.serve import Static


class DirectoryHandler:
    """Answers for folders with an index or a listing; ``app.static(directory_handler=...)`` takes one.

    A subclass overrides `handle`, and calls this one for what it does not answer itself. The attributes are
    the arguments, and are read for each request.

    Args:
        uri: The path that the folder is served at, with the prefix of its blueprint.
        directory: The folder, the one that ``app.static`` is given.
        directory_view: Whether a folder without an index is listed.
        index: Names of files to answer for a folder with, in the order they are tried.
        root_path: The folder that symbolic links must not leave; ``None``: ``directory``.
        follow_external_symlink_files: Whether symbolic links to files outside are followed.
        follow_external_symlink_dirs: Likewise, to folders outside.

    Source: Sanic 25.12 ``handlers.DirectoryHandler``, which opens an index wherever it leads to.
    """

    def __init__(  # noqa: PLR0917  # Sanic's arguments
        self,
        uri: str,
        directory: str | os.PathLike[str],
        directory_view: bool = False,
        index: str | Sequence[str] | None = None,
        root_path: str | os.PathLike[str] | None = None,
        follow_external_symlink_files: bool = False,
        follow_external_symlink_dirs: bool = False,
    ) -> None:
        self.base = uri.strip("/")
        self.directory = Path(directory)
        self.directory_view = directory_view
        self.index: tuple[str, ...] = (index,) if isinstance(index, str) else tuple(index or ())
        self.root_path = Path(root_path or directory)
        self.follow_external_symlink_files = follow_external_symlink_files
        self.follow_external_symlink_dirs = follow_external_symlink_dirs

    async def handle(self, request: Any, path: str) -> Any:
        """Answer for a folder.

        Args:
            request: The request.
            path: Its path, not decoded.

        Returns:
            A response: the index, the listing, or a redirect to the path with a slash at its end.

        Raises:
            FileNotFound: There is neither index nor listing, or the path is not one below ``uri``.

        Checkpoint: always.
        """
        return await self._static().serve(request, self._below(path))

    def _below(self, path: str) -> str:
        """Give what follows ``uri`` in a path; empty for the folder itself, with its slash."""
        # A program may have written the uri with or without escapes, and so may the client.
        pieces, base = path.lstrip("/").split("/"), self.base.split("/") if self.base else []
        if [unquote(piece) for piece in pieces[: len(base)]] != [unquote(piece) for piece in base]:
            raise FileNotFound("File not found", path=self.directory, relative_url=path)
        return "/".join(pieces[len(base) :])

    def _static(self) -> Static:
        directory = os.path.abspath(self.directory)
        return Static(
            path=directory,
            folder=Folder(
                directory,
                self.follow_external_symlink_files,
                self.follow_external_symlink_dirs,
                os.path.abspath(self.root_path),
            ),
            index=self.index,
            directory_view=self.directory_view,
        )
