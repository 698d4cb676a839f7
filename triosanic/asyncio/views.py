"""Requests and responses as asyncio's code sees them: the same, only that it can await them."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from functools import partial
from inspect import iscoroutinefunction
from types import MethodType
from typing import Any, Final

from triosanic.asyncio.task import Task, current, in_trio, just
from triosanic.http.body import Lines, RequestBody
from triosanic.http.send_channel import Later
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse
from triosanic.scope import RequestNursery

_VIEWED: Final = (Request, RequestBody, Lines, RequestNursery, BaseHTTPResponse)


def view(value: Any) -> Any:
    """Return what asyncio's code may have of ``value``: a view of what is ours, anything else as it is."""
    if _is_view(value) or not isinstance(value, _VIEWED):
        return value
    return _ResponseView(value) if isinstance(value, BaseHTTPResponse) else _View(value)


def bare(value: Any) -> Any:
    """Return what ``value`` is a view of, or itself."""
    return object.__getattribute__(value, "_target") if _is_view(value) else value


def _is_view(value: object) -> bool:
    return type(value) in (_View, _ResponseView)  # isinstance would see what it is a view of


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


class _ResponseView(_View):
    """A response; a handler writes to it by the million, un-awaited too."""

    __slots__ = ()

    def write(self, data: object) -> Awaitable[None]:
        """See `BaseHTTPResponse.write`; un-awaited, it holds its task at what that awaits next."""
        room: Awaitable[None] = self._target.write(data)
        if not isinstance(room, Later):
            return room
        task = current()
        if isinstance(task, Task):
            task.steps.owed = room
        return _Later(room)


def _call(method: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method of ours; what it returns can be awaited in asyncio."""
    args = tuple(map(bare, args))
    if iscoroutinefunction(method):
        return _await(method, *args, **kwargs)
    result = method(*args, **kwargs)
    return _Later(result) if isinstance(result, Later) else view(result)


async def _await(method: Any, *args: Any, **kwargs: Any) -> Any:
    return view(await in_trio(method, *args, **kwargs))


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
