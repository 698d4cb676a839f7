"""What Sanic has here to get along with Python's and event loops' differences, as far as programs use it."""

from __future__ import annotations

import os
import platform
from enum import StrEnum
from typing import Any, Final

import trio

from triosanic.headers import Header as Header

OS_IS_WINDOWS: Final = os.name == "nt"
PYPY_IMPLEMENTATION: Final = platform.python_implementation() == "PyPy"
UVLOOP_INSTALLED: Final = False  # it is asyncio's

# What a cancelled task raises: ``except CancelledErrors: ...; raise``.
CancelledErrors: Final[tuple[type[BaseException], ...]] = (trio.Cancelled,)


class UpperStrEnum(StrEnum):
    """An enumeration of text whose members equal their names in any case.

    Source: Sanic 25.12 ``compat.UpperStrEnum``.
    """

    @staticmethod
    def _generate_next_value_(name: str, *_: Any) -> str:
        return name.upper()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, str(other).upper())

    def __hash__(self) -> int:
        return str.__hash__(self)


async def open_async(file: str | os.PathLike[str] | int, mode: str = "r", **options: Any) -> Any:
    """Open a file whose methods are awaited: ``async with await open_async(path) as file``.

    Raises:
        OSError: It can't be opened.

    Checkpoint: always. Source: Sanic 25.12.
    """
    return await trio.open_file(file, mode, **options)


async def stat_async(path: str | os.PathLike[str]) -> os.stat_result:
    """Look up a file's size and times in a thread.

    Raises:
        OSError: It can't be looked up.

    Checkpoint: always. Source: Sanic 25.12.
    """
    return await trio.Path(path).stat()
