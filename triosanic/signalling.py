"""Dispatch signals, and wait for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from math import inf
from typing import Any, Final, Protocol, TypeAlias

import trio

from triosanic.exceptions import NotFound, ServerError
from triosanic.log import error_logger
from triosanic.router import Handler
from triosanic.signals import (
    Condition,
    Event,
    EventName,
    SignalSpec,
    SignalTable,
    event_name,
    is_reserved,
    meets,
)

_REPORTED: Final = "__triosanic_reported__"
_ANY: Final = "*"
Call: TypeAlias = tuple[SignalSpec, Mapping[str, Any]]


@dataclass(eq=False, slots=True)
class _Waiter:
    """A task that waits for an event."""

    event: str
    condition: Condition
    exclusive: bool
    told: trio.Event = field(default_factory=trio.Event)
    context: Mapping[str, Any] | None = None

    def wants(self, name: str) -> bool:
        if self.told.is_set():
            return False
        stem, _, last = self.event.rpartition(".")
        return name == self.event or (last.startswith((_ANY, "<")) and name.rpartition(".")[0] == stem)


class Signals:
    """The signals of one app: its handlers, and the tasks that wait.

    Args:
        changed: Called when a task begins to wait for an event of the server's.

    Attributes:
        table: The handlers.
        autoregister: Whether a task may wait for an event that has no handler.
        running: Whether the app has a nursery, for handlers that are not called inline.
    """

    __slots__ = ("_changed", "_waiters", "autoregister", "running", "table")

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._waiters: list[_Waiter] = []
        self.table = SignalTable(())
        self.autoregister = False
        self.running = False

    @property
    def waiting(self) -> int:
        """How many tasks wait for an event."""
        return len(self._waiters)

    def wanted(self, namespace: str) -> bool:
        """Say whether an event with this first part has a handler, or a task that waits."""
        return self.table.has(namespace) or any(
            waiter.event.startswith(f"{namespace}.") for waiter in self._waiters
        )

    def wants(self, event: str) -> bool:
        """Say whether this event has a handler, or a task that waits."""
        return event in self.table or any(waiter.wants(event) for waiter in self._waiters)

    def begin(
        self, name: str, context: Mapping[str, Any] | None = None, condition: Condition | None = None
    ) -> list[Call]:
        """Tell the tasks that wait for an event, and give the handlers that are to be called.

        Args:
            name: The event's, in three parts.
            context: What handlers take by name.
            condition: Which handlers are meant.

        Raises:
            NotFound: No handler is for the event, and no task waits for it.
        """
        found = self.table.find(name, condition)
        told: dict[str, Any] = {}
        for _, params in found:
            told.update(params)
        told.update(context or {})
        if not self._tell(name, told, condition) and not self.table.knows(name):
            raise NotFound(f"Could not find signal {name}")
        return [(spec, {**params, **(context or {})}) for spec, params in found]

    async def call(self, calls: Iterable[Call]) -> Any:
        """Call handlers in turn, until one returns something true; return that.

        Raises:
            BaseException: What a handler raised; the others are not called then.

        Checkpoint: as the handlers.
        """
        for spec, context in calls:
            try:
                result = spec.handler(**context)
                if isawaitable(result):
                    result = await result
            except Exception as error:
                if spec.event != Event.SERVER_EXCEPTION_REPORT:
                    await self.report(error)
                raise
            if result:
                return result
        return None

    async def emit(self, event: Event, condition: Condition | None = None, **context: Any) -> None:
        """Dispatch one of the server's own, if anybody wants it; see `call`, also for errors."""
        if self.wants(event):
            await self.call(self.begin(event.value, context, condition))

    async def wait(
        self, event: EventName, timeout_s: float | None, condition: Condition | None, exclusive: bool
    ) -> Mapping[str, Any]:
        """Wait for the next dispatch of an event; see `event`, also for errors."""
        name = event_name(event)
        if not self.autoregister and not self.table.knows(name):
            raise NotFound(f"Could not find signal {name}")
        waiter = _Waiter(name, condition or {}, exclusive)
        self._waiters.append(waiter)
        try:
            if is_reserved(name):
                self._changed()
            with trio.move_on_after(inf if timeout_s is None else timeout_s):
                await waiter.told.wait()
        finally:
            self._waiters.remove(waiter)
        if waiter.context is None:
            raise TimeoutError(f"{name} was not dispatched within {timeout_s} s")
        return waiter.context

    def _tell(self, name: str, context: Mapping[str, Any], condition: Condition | None) -> bool:
        reserved = is_reserved(name)
        found = [waiter for waiter in self._waiters if waiter.wants(name)]
        for waiter in found:
            if meets(waiter.condition, waiter.exclusive, condition, reserved=reserved):
                waiter.context = context
                waiter.told.set()
        return bool(found)

    async def report(self, error: Exception) -> None:
        """Dispatch ``server.exception.report``, once for each exception; log what its handlers raise."""
        if not self.wants(Event.SERVER_EXCEPTION_REPORT) or _REPORTED in vars(error):
            return
        vars(error)[_REPORTED] = True
        try:
            await self.emit(Event.SERVER_EXCEPTION_REPORT, exception=error)
        except Exception:  # noqa: BLE001  # it must not stand in the place of what it reports
            error_logger.exception("a handler of server.exception.report failed")


class HasSignals(Protocol):
    """What the functions below are methods of: an app."""

    @property
    def signals(self) -> Signals:
        """Its signals."""

    def signal(self, event: EventName) -> Callable[[Handler], Handler]:
        """Record a handler."""

    def add_task(self, task: Any, *, name: str | None = None, register: bool = True) -> Any:
        """Start a task."""


async def dispatch(
    app: HasSignals,
    event: EventName,
    *,
    condition: Condition | None = None,
    context: Mapping[str, Any] | None = None,
    fail_not_found: bool = True,
    inline: bool = False,
    reverse: bool = False,
) -> Any:
    """Call the handlers of an event, and wake the tasks that wait for it.

    Args:
        app: The app.
        event: Its name.
        condition: Which handlers are meant; ``None``: those without, and those that are not exclusive.
        context: What handlers take by name, with the parameter of the event's name.
        fail_not_found: Whether an event that nobody knows is an error, where it is dispatched inline; else it
            is none: whoever tells of something need not know whether anybody listens.
        inline: Whether to call them here, one after the other, rather than in a task of the app.
        reverse: Whether the last handler is called first.

    Returns:
        The task, of `Task`; inline, the first true result of a handler, or ``None``.

    Raises:
        BaseException: Inline: what a handler raised.
        InvalidSignal: The name is not of the form.
        NotFound: Inline: no handler is for the event, and no task waits for it.
        ServerError: Not inline, and the server does not run.

    Checkpoint: always, but inline as the handlers.

    Source: Sanic 25.12 ``app.dispatch``.
    """
    name = event_name(event)
    signals = app.signals
    if not inline and not signals.running:
        raise ServerError("a signal is dispatched by a task of the app, which has none before it serves")
    try:
        calls = signals.begin(name, context, condition)
    except NotFound:
        if inline and fail_not_found:
            raise
        calls = []
    if reverse:
        calls.reverse()
    if inline:
        return await signals.call(calls)
    task = app.add_task(partial(signals.call, calls), name=f"signal {name}", register=False)
    await trio.lowlevel.checkpoint()
    return task


async def event(
    app: HasSignals,
    event: EventName,
    timeout: float | None = None,  # noqa: ASYNC109  # Sanic's argument
    *,
    condition: Condition | None = None,
    exclusive: bool = True,
) -> Mapping[str, Any]:
    """Wait for the next dispatch of an event; return its context.

    Args:
        app: The app.
        event: Its name; with ``*`` or a parameter as its third part, any that begins like it.
        timeout: Seconds; ``None``: any time.
        condition: Which dispatches are meant, as for a handler.
        exclusive: Whether a dispatch without a condition passes one by that waits with a condition.

    Raises:
        InvalidSignal: The name is not of the form.
        NotFound: No handler is for the event; with ``EVENT_AUTOREGISTER`` none is needed.
        TimeoutError: The time is over, as with asyncio's own.

    Checkpoint: always.

    Source: Sanic 25.12 ``app.event``.
    """
    return await app.signals.wait(event, timeout, condition, exclusive)
