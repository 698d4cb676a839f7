"""The app's background tasks: each with a scope of its own, all of them in the app's nursery."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from math import inf
from typing import Any, Protocol, TypeAlias

import trio

from triosanic.exceptions import SanicException
from triosanic.log import error_logger
from triosanic.router import accepts, name_of

Work: TypeAlias = "Callable[..., object] | Coroutine[Any, Any, object]"


class Task:
    """One task of an app: what ``add_task`` gives, with the names of asyncio's.

    Awaited, it gives what the task returned, or raises what it raised.

    Attributes:
        name: For `get_task` and debuggers.
        cancel_message: What `cancel` was told.
    """

    __slots__ = ("_ended", "_error", "_result", "_returned", "_scope", "cancel_message", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.renew()

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "pending"
        return f"<Task {self.name!r} {state}>"

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the end; see `result` for what comes of it. Checkpoint: if it has not ended."""
        yield from self.wait().__await__()
        return self.result()

    def renew(self) -> None:
        """Make it a task that has not begun: the app starts again."""
        self.cancel_message: str | None = None
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._returned = False
        self._result: object = None
        self._error: BaseException | None = None

    def get_name(self) -> str:
        """Give `name`."""
        return self.name

    def cancel(self, msg: str | None = None) -> bool:
        """Cancel it; say whether that can still do anything. Checkpoint: never."""
        if self.done():
            return False
        self.cancel_message = msg
        self._scope.cancel()
        return True

    def dropped(self) -> bool:
        """Say whether it was cancelled before it began; then it has ended now. Checkpoint: never."""
        if self._scope.cancel_called and not self.done():
            self._ended.set()
            return True
        return False

    def done(self) -> bool:
        """Say whether it has ended, in whatever way."""
        return self._ended.is_set()

    def cancelled(self) -> bool:
        """Say whether it has ended because it was cancelled, by itself or with the server."""
        return self.done() and not self._returned and self._error is None

    def exception(self) -> BaseException | None:
        """Give what it raised; ``None`` if it ended otherwise, or has not ended."""
        return self._error

    def result(self) -> Any:
        """Give what it returned.

        Raises:
            BaseException: What it raised.
            RuntimeError: It was cancelled, or has not ended.
        """
        if self._error is not None:
            raise self._error
        if not self._returned:
            why = f"was cancelled ({self.cancel_message})" if self.done() else "has not ended"
            raise RuntimeError(f"task {self.name!r} has no result, because it {why}")
        return self._result

    async def wait(self) -> None:
        """Wait until it has ended, in whatever way. Checkpoint: if it has not."""
        if not self.done():
            await self._ended.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be the task that this block does, until `cancel`."""
        try:
            with self._scope:
                yield
        except Exception as error:
            self._error = error
            raise
        finally:
            self._ended.set()

    def returned(self, result: object) -> None:
        """Note what it returns."""
        self._returned = True
        self._result = result


class Reporter(Protocol):
    """Who is told of tasks; see `Signals`."""

    running: bool

    async def report(self, error: Exception) -> None:
        """Tell of a failure."""


class Tasks:
    """The tasks of one app, which begin in the order that they were added in.

    Args:
        app: Handed to those that take it; its configuration says what a failure means.
        signals: Told of each failure, and whether there is a nursery.
    """

    __slots__ = ("_app", "_last_begun", "_named", "_nursery", "_running", "_signals", "_waiting")

    def __init__(self, app: Any, signals: Reporter) -> None:
        self._app = app
        self._signals = signals
        self._nursery: trio.Nursery | None = None
        self._last_begun = trio.Event()
        self._last_begun.set()
        self._named: dict[str, Task] = {}
        self._running: set[Task] = set()
        self._waiting: list[tuple[Task, Work]] = []

    @property
    def nursery(self) -> trio.Nursery | None:
        """The app's nursery; ``None`` while it does not serve."""
        return self._nursery

    def open(self, nursery: trio.Nursery) -> None:
        """Start what was added before the server. What can be called starts again with the next server."""
        self._nursery = nursery
        self._signals.running = True
        waiting, self._waiting = self._waiting, []
        for task, work in waiting:
            if task.dropped():
                if not callable(work):
                    work.close()
                continue
            if callable(work):
                self._waiting.append((task, work))
                if task.done():
                    task.renew()
            self._start(task, work)

    def close(self) -> None:
        """The server has ended, and with it every task."""
        self._nursery = None
        self._signals.running = False

    def add(self, work: Work, name: str | None = None, register: bool = True) -> Task:
        """Start a task now, or with the server."""
        if not callable(work) and not isawaitable(work):
            raise TypeError(f"a task must be an async function or a coroutine, not {work!r}")
        task = Task(name or (name_of(work) if callable(work) else "coroutine"))
        if name is not None and register:
            self._named[name] = task
        if self._nursery is None:
            self._waiting.append((task, work))
        else:
            self._start(task, work)
        return task

    def named(self, name: str) -> Task | None:
        """Give the task of this name; ``None`` if there is none."""
        return self._named.get(name)

    def __iter__(self) -> Iterator[Task]:
        """Give those that wait, that run, and that have ended and have a name."""
        return iter({**dict.fromkeys(self._named.values()), **dict.fromkeys(self._pending())})

    def purge(self) -> None:
        """Forget those that have ended."""
        self._named = {name: task for name, task in self._named.items() if not task.done()}

    async def cancel_all(self, timeout_s: float | None) -> None:
        """Cancel all, and wait for their end until the timeout. Checkpoint: if any runs."""
        running = list(self._running)
        for task in self._pending():
            task.cancel("shutdown_tasks")
        with trio.move_on_after(inf if timeout_s is None else timeout_s):
            for task in running:
                await task.wait()

    def _pending(self) -> list[Task]:
        return [task for task, _ in self._waiting if not task.done()] + list(self._running)

    def _start(self, task: Task, work: Work) -> None:
        assert self._nursery is not None
        self._running.add(task)
        begun = trio.Event()
        self._nursery.start_soon(self._run, task, work, self._last_begun, begun, name=task.name)
        self._last_begun = begun

    async def _run(self, task: Task, work: Work, before: trio.Event, begun: trio.Event) -> None:
        try:
            if not before.is_set():  # Trio runs the new tasks of a turn in any order
                # Not long: the one before begins in this turn of the scheduler, or waits likewise.
                with trio.CancelScope(shield=True):
                    await before.wait()
            begun.set()
            with task.running():
                result = work if not callable(work) else work(self._app) if _takes_app(work) else work()
                task.returned(await result if isawaitable(result) else result)
        except Exception as error:
            error_logger.exception("a task of the app failed")
            await self._signals.report(error)
            if self._app.config.APP_TASK_FAILURE == "stop":
                raise
        finally:
            self._running.discard(task)


class HasTasks(Protocol):
    """What the functions below are methods of: an app."""

    @property
    def background(self) -> Tasks:
        """Its tasks."""


def add_task(app: HasTasks, task: Work, *, name: str | None = None, register: bool = True) -> Task:
    """Run a task as long as the server runs; before the start, it begins with the server.

    If it raises, ``APP_TASK_FAILURE`` decides: ``"log"`` the error, or also ``"stop"`` the server.

    Args:
        app: The app.
        task: An async function of no argument or of the app, or a coroutine. A function that is added before
            the start is called at each start; a coroutine can run only once.
        name: For `get_task`, and what debuggers call it.
        register: Whether `get_task` finds it.

    Raises:
        TypeError: It is neither.

    Source: Sanic 25.12, which refuses a name before the start.
    """
    return app.background.add(task, name, register)


def get_task(app: HasTasks, name: str, *, raise_exception: bool = True) -> Task | None:
    """Give the task of this name.

    Args:
        app: The app.
        name: What `add_task` was told.
        raise_exception: Whether to raise, rather than return ``None``, if there is none.

    Raises:
        SanicException: There is none.
    """
    task = app.background.named(name)
    if task is None and raise_exception:
        raise SanicException(f'Registered task named "{name}" not found.')
    return task


async def cancel_task(
    app: HasTasks, name: str, msg: str | None = None, *, raise_exception: bool = True
) -> None:
    """Cancel the task of this name, and wait until it has ended; `get_task` finds it until `purge_tasks`.

    Args:
        app: The app.
        name: What `add_task` was told.
        msg: Why, for whoever asks the task for its result.
        raise_exception: Whether to raise if there is none.

    Raises:
        SanicException: There is none.

    Checkpoint: if it runs.
    """
    task = get_task(app, name, raise_exception=raise_exception)
    if task is None:
        return
    task.cancel(msg)
    if app.background.nursery is not None:  # before the start there is nothing to wait for
        await task.wait()


def purge_tasks(app: HasTasks) -> None:
    """Forget the tasks that have ended: a name keeps its task, and that its result."""
    app.background.purge()


async def shutdown_tasks(
    app: HasTasks,
    timeout: float | None = None,  # noqa: ASYNC109  # Sanic's argument
    increment: float = 0.1,  # noqa: ARG001  # Sanic's; nothing is polled here
) -> None:
    """Cancel all tasks of `add_task`, and wait for their end.

    Args:
        app: The app.
        timeout: Seconds to wait at most; ``None``: any time.
        increment: Sanic's.

    Checkpoint: if any runs.
    """
    await app.background.cancel_all(timeout)


def tasks(app: HasTasks) -> Iterator[Task]:
    """The tasks that wait for the start, those that run, and those that have ended and have a name."""
    return iter(app.background)


def _takes_app(work: Callable[..., object]) -> bool:
    return not accepts(work, 0, exactly=True)
