"""Requests and responses as asyncio's code sees them: the same, only that it can await them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from functools import partial
from inspect import isasyncgen, iscoroutinefunction
from types import MethodType
from typing import Any, Final

from triosanic.asyncio.task import Task, current, in_trio, just
from triosanic.http.body import RequestBody
from triosanic.http.send_channel import Later
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse
from triosanic.scope import RequestNursery

_VIEWED: Final = (Request, RequestBody, RequestNursery, BaseHTTPResponse)


def view(value: Any) -> Any:
    """Return what asyncio's code may have of ``value``: a view of what is ours, anything else as it is."""
    return _View(value) if isinstance(value, _VIEWED) and not _is_view(value) else value


def bare(value: Any) -> Any:
    """Return what ``value`` is a view of, or itself."""
    return object.__getattribute__(value, "_target") if _is_view(value) else value


def _is_view(value: object) -> bool:
    return type(value) is _View


class _View:
    """One of ours; what its methods wait for is waited for in Trio."""

    __slots__ = ("_target",)

    def __init__(self, target: object) -> None:
        object.__setattr__(self, "_target", target)

    @property  # type: ignore[misc]  # read-only, and what isinstance goes by
    def __class__(self) -> type[Any]:
        return type(self._target)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not isinstance(value, MethodType):
            return view(value)
        if value.__func__.__module__.partition(".")[0] == "triosanic":
            return partial(_call, value)
        return MethodType(value.__func__, self)  # of a program's own subclass: asyncio's too

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target, name, bare(value))

    def __repr__(self) -> str:
        return repr(self._target)

    def __bool__(self) -> bool:
        return bool(self._target)

    def __eq__(self, other: object) -> bool:
        return bool(self._target == bare(other))

    def __hash__(self) -> int:
        return hash(self._target)

    def __aiter__(self) -> _View:
        return self

    async def __anext__(self) -> Any:
        return await in_trio(self._target.__anext__)

    async def __aenter__(self) -> Any:
        entered = await in_trio(self._target.__aenter__)
        return partial(_call, entered) if isinstance(entered, MethodType) else view(entered)

    async def __aexit__(self, *error: Any) -> Any:
        return await in_trio(self._target.__aexit__, *error)


def _call(method: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method of ours; what it returns can be awaited in asyncio."""
    args = tuple(map(bare, args))
    if iscoroutinefunction(method):
        return _await(method, *args, **kwargs)
    result = method(*args, **kwargs)
    if isasyncgen(result):
        return _iterate(result)
    if not isinstance(result, Later):
        return view(result)
    task = current()
    if method.__name__ == "write" and isinstance(task, Task):
        task.steps.owed = result
    return _Later(result)


async def _await(method: Any, *args: Any, **kwargs: Any) -> Any:
    return view(await in_trio(method, *args, **kwargs))


async def _iterate(pieces: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, None]:
    try:
        while True:
            try:
                piece = await in_trio(pieces.__anext__)
            except StopAsyncIteration:
                return
            yield piece
    finally:
        await in_trio(pieces.aclose)


class _Later:
    """A `Later`, to be awaited in asyncio."""

    __slots__ = ("_later",)

    def __init__(self, later: Later) -> None:
        self._later = later

    def __await__(self) -> Generator[Any, Any, Any]:
        task = current()
        if isinstance(task, Task):
            task.steps.owed = None
        return in_trio(just, self._later).__await__()
