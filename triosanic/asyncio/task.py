"""Tasks on trio-asyncio's loop: they keep pace with their client, and leave to Trio what is Trio's."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from inspect import iscoroutine
from math import inf
from typing import Any, Final, NoReturn

import trio

from triosanic.exceptions import ClientGone

with warnings.catch_warnings():
    # trio-asyncio 0.16 uses a class of asyncio that is deprecated since Python 3.12, and gone in 3.14.
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        from trio_asyncio import current_loop as current_loop
        from trio_asyncio import open_loop as open_loop
    except ImportError as exc:
        raise ImportError("triosanic.asyncio needs trio-asyncio: pip install triosanic[asyncio]") from exc

_MISUSE: Final = (
    "Trio's functions, scopes and nurseries do not work in a handler of aio_handler: use asyncio's, or call"
    " one as `await trio_asyncio.trio_as_aio(function)(...)`"
)


def current() -> asyncio.Task[Any] | None:
    """Return the task of asyncio that calls this; ``None`` if it is one of Trio. Checkpoint: never."""
    loop = current_loop.get()
    return None if loop is None else asyncio.current_task(loop)


async def in_trio(function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
    """Await something of Trio: in a task of its own, if asyncio calls this. Checkpoint: as it does."""
    if current() is None:
        return await function(*args, **kwargs)
    loop: Any = asyncio.get_running_loop()
    return await loop.trio_as_future(partial(function, *args, **kwargs))


async def just(awaitable: Awaitable[Any]) -> Any:
    """Await it. Checkpoint: as it does."""
    return await awaitable


class Task(asyncio.Task[Any]):
    """An asyncio task that is held when it does not await its writes, and refuses what is Trio's.

    Attributes:
        steps: The coroutine, as this task takes its steps.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any], **kwargs: Any) -> None:
        """Make a task with the arguments of asyncio's task factories."""
        self.steps = _Steps(awaitable if iscoroutine(awaitable) else just(awaitable))
        super().__init__(self.steps, loop=loop, **kwargs)


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine, step by step.

    Attributes:
        owed: Waits until the client keeps up, because of a write that was not awaited.
    """

    __slots__ = ("_coro", "_holding", "owed")

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self._coro = coro
        self._holding: Coroutine[Any, Any, Any] | None = None
        self.owed: Awaitable[None] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()

    def __getattr__(self, name: str) -> Any:
        """Look like the coroutine, for asyncio's messages."""
        return getattr(self._coro, name)

    def send(self, value: Any) -> Any:
        """Go on; after a write that was not awaited, only once there is room."""
        owed, self.owed = self.owed, None
        if owed is not None:
            self._holding = in_trio(_settle, owed)
        if self._holding is not None:
            try:
                return self._holding.send(None)
            except StopIteration:
                self._holding = None
        return self._checked(self._coro.send(value))

    def throw(self, *error: Any) -> Any:
        """Go on with an error; it may be a cancellation while we are held."""
        self.owed = None
        if self._holding is not None:
            self._holding.close()
            self._holding = None
        return self._checked(self._coro.throw(*error))

    def close(self) -> None:
        """End the coroutine where it is."""
        if self._holding is not None:
            self._holding.close()
        self._coro.close()

    def _checked(self, waits_for: Any) -> Any:
        """Let a step end only as asyncio's do: anything else would harm the task that runs the loop."""
        while _is_misuse(waits_for):
            undo = getattr(waits_for, "abort_func", None)
            if undo is not None:
                undo(_no_cancel)
            waits_for = self._coro.throw(RuntimeError(_MISUSE))
        return waits_for


def _is_misuse(waits_for: Any) -> bool:
    if waits_for is not None and getattr(waits_for, "_asyncio_future_blocking", None) is None:
        return True
    task = trio.lowlevel.current_task()
    return bool(task.child_nurseries) or trio.current_effective_deadline() != inf


def _no_cancel() -> NoReturn:
    raise RuntimeError(_MISUSE)


async def _settle(owed: Awaitable[None]) -> None:
    with suppress(ClientGone):  # the next write says so
        await owed
