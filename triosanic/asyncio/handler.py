"""`aio_handler`: a handler as an asyncio task, on a loop of trio-asyncio that lives as long as the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial, wraps
from inspect import isawaitable
from typing import Any, Final, NoReturn, ParamSpec

import trio

from triosanic.asyncio.task import Task, current, current_loop, open_loop
from triosanic.asyncio.views import bare, view
from triosanic.exceptions import ServerError
from triosanic.log import error_logger
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, StreamingHTTPResponse

P = ParamSpec("P")

# A cancelled handler has this long, in seconds, to close its connections before it is cancelled once more.
CLEANUP_S: Final = 5


def aio_handler(handler: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
    """Let a handler, and the function by which it streams, use asyncio's libraries.

    It becomes an asyncio task: when its client leaves, it gets `asyncio.CancelledError`, once, and then
    once more every `CLEANUP_S` seconds until it has ended. Middleware, listeners, exception handlers and
    tasks of the app may be decorated too. All of an app's share one loop, which is open until the server
    has ended, or use the one that is open around the server.

    Args:
        handler: Takes the request, or the app. Its streams and responses are asyncio's to await; an
            un-awaited ``response.write`` holds it at what it awaits next, while its client does not keep up.

    Raises:
        ServerError: When called: no server runs, or asyncio cancelled the handler though its client waits.

    Checkpoint: when called, always.
    """

    @wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        if current() is not None:
            return await _call(handler, args, kwargs)
        result = await _run(handler, args, kwargs)
        if isinstance(result, AsyncGenerator):
            result = StreamingHTTPResponse(partial(_write_all, result))
        if isinstance(result, StreamingHTTPResponse) and not any(result is arg for arg in args):
            result.streaming_fn = aio_handler(result.streaming_fn)
        return result

    return run


async def _write_all(pieces: AsyncGenerator[Any, None], response: BaseHTTPResponse) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            await response.write(piece)


async def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = function(*map(view, args), **kwargs)
    return bare(await result if isawaitable(result) else result)


async def _run(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function as an asyncio task, with this task's own context variables."""
    loop = await _loop_for(args)
    token = current_loop.set(loop)
    try:
        context = trio.lowlevel.current_task().context
        return await _join(Task(loop, _call(function, args, kwargs), context=context))
    finally:
        current_loop.reset(token)


async def _join(task: asyncio.Task[Any]) -> Any:
    """Wait for a task; cancelled, pass it on and wait until the task has cleaned up."""
    waiting = trio.lowlevel.current_task()
    raise_cancelled: Callable[[], NoReturn] | None = None

    def abort(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        nonlocal raise_cancelled
        raise_cancelled = raise_cancel
        _insist(task)
        return trio.lowlevel.Abort.FAILED

    task.add_done_callback(lambda _: trio.lowlevel.reschedule(waiting))
    await trio.lowlevel.wait_task_rescheduled(abort)
    try:
        return task.result()
    except asyncio.CancelledError as exc:
        if raise_cancelled is not None:
            raise_cancelled()
        raise ServerError("asyncio cancelled the handler, or something that it awaited") from exc


def _insist(task: asyncio.Task[Any]) -> None:
    if not task.done():
        task.cancel()
        task.get_loop().call_later(CLEANUP_S, _insist, task)


# The loop.


@dataclass(slots=True)
class _Home:
    """An app's loop; it can be used once ``opened``."""

    opened: trio.Event = field(default_factory=trio.Event)
    loop: Any = None

    async def keep(self) -> None:
        """Keep the loop open until cancelled."""
        try:
            async with open_loop() as self.loop:
                self.loop.set_task_factory(Task)
                self.loop.set_exception_handler(_log)
                self.opened.set()
                await trio.sleep_forever()
        finally:
            homes.set({key: home for key, home in homes.get().items() if home is not self})


# The loops of the apps that run in this `trio.run`.
homes: Final[trio.lowlevel.RunVar[dict[trio.Nursery, _Home]]] = trio.lowlevel.RunVar("triosanic.asyncio", {})


async def _loop_for(args: tuple[Any, ...]) -> Any:
    """Find the loop around us, or the app's, which is opened when it is needed first."""
    around = current_loop.get()
    if around is not None and around.is_running():
        return around
    app = _app_of(args)
    nursery: trio.Nursery = app.services
    home = homes.get().get(nursery)
    if home is None:
        home = _Home()
        homes.set(homes.get() | {nursery: home})
        # An empty context: nothing of the request that came first may stay.
        Context().run(nursery.start_soon, home.keep)
    await home.opened.wait()
    return home.loop


def _app_of(args: tuple[Any, ...]) -> Any:
    for arg in args:
        if isinstance(arg, Request):
            return arg.app
        if isinstance(getattr(arg, "nursery", None), trio.Nursery):
            return arg
    try:
        return Request.get_current().app
    except ServerError as exc:
        raise ServerError(
            "a function of aio_handler takes the request or the app: pass it one of them"
        ) from exc


def _log(_: object, context: dict[str, Any]) -> None:
    """Log what a task in the background did; trio-asyncio would end the server for it."""
    error_logger.error("asyncio: %s", context["message"], exc_info=context.get("exception"))
