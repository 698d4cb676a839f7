"""What runs when the server starts and stops: records, and the order they run in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol, Self, TypeVar, overload

from triosanic.helpers import check_type
from triosanic.middleware import PriorityDecorator, Recording
from triosanic.router import Handler, accepts, check_accepts, name_of

_HandlerT = TypeVar("_HandlerT", bound=Handler)

EVENTS: Final = (
    "main_process_start",
    "main_process_ready",
    "main_process_stop",
    "reload_process_start",
    "reload_process_stop",
    "before_reload_trigger",
    "after_reload_trigger",
    "before_server_start",
    "after_server_start",
    "before_server_stop",
    "after_server_stop",
)


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """What a decorator records of a listener.

    Args:
        listener: Takes the app.
        event: One of ``EVENTS``.
        priority: The higher, the closer to the outside: earlier at the start, later at the stop.
        wants_nursery: Whether it must have a second argument: in Sanic's time of writing the event loop,
            here the app's nursery.
    """

    listener: Handler
    event: str
    priority: int = 0
    wants_nursery: bool = False


class TakesListeners(Protocol):
    """What the functions below are methods of: an app or a blueprint."""

    def record(self, spec: ListenerSpec) -> None:
        """Write down a record."""

    def register_listener(self, listener: _HandlerT, event: str, *, priority: int = 0) -> _HandlerT:
        """Record a listener."""


class ListenerDecorator:
    """An attribute of a recorder: the decorator for listeners of the event that has its name."""

    __slots__ = ("_event",)

    def __set_name__(self, owner: type, name: str) -> None:
        self._event = name

    @overload
    def __get__(self, recorder: None, owner: type) -> Self: ...

    @overload
    def __get__(self, recorder: TakesListeners, owner: type) -> PriorityDecorator: ...

    def __get__(self, recorder: TakesListeners | None, owner: type) -> Any:
        if recorder is None:  # asked of the class, as by what makes documentation
            return self
        return Recording(recorder.register_listener, self._event)


@overload
def listener(
    recorder: TakesListeners,
    listener_or_event: str,
    event_or_none: None = None,
    apply: bool = True,
    *,
    priority: int = 0,
) -> Callable[[_HandlerT], _HandlerT]: ...


@overload
def listener(
    recorder: TakesListeners,
    listener_or_event: _HandlerT,
    event_or_none: str,
    apply: bool = True,
    *,
    priority: int = 0,
) -> _HandlerT: ...


def listener(
    recorder: TakesListeners,
    listener_or_event: Any,
    event_or_none: str | None = None,
    apply: bool = True,
    *,
    priority: int = 0,
) -> Any:
    """Run what is decorated at one of ``EVENTS``; for the arguments and errors see `register_listener`.

    ``@app.listener("before_server_start")`` and ``app.listener(fn, "before_server_start")`` both work;
    ``apply=False`` checks the function, but does not run it.
    """
    record = recorder.register_listener if apply else listener_spec
    if event_or_none is None:
        return partial(Recording(record, check_event(listener_or_event)), priority=priority)
    return Recording(record, check_event(event_or_none))(listener_or_event, priority=priority)


def register_listener(
    recorder: TakesListeners, listener: _HandlerT, event: str, *, priority: int = 0
) -> _HandlerT:
    """Run a function at an event.

    Args:
        recorder: The app or blueprint.
        listener: Takes the app, or the app and its nursery.
        event: One of ``EVENTS``.
        priority: The higher, the closer to the outside: earlier at the start, later at the stop.

    Raises:
        ValueError: There is no such event, or the function does not take the app.
        ServerError: The app serves already.
    """
    recorder.record(listener_spec(listener, event, priority))
    return listener


def listener_spec(listener: Handler, event: str, priority: int = 0) -> ListenerSpec:
    """Make the record of a listener.

    Raises:
        TypeError: It cannot be called, or its priority is no number.
        ValueError: There is no such event, or it takes neither one argument nor two.
    """
    check_type("priority", priority, int)
    wants_nursery = not accepts(listener, 1, exactly=True)
    if wants_nursery:
        check_accepts(listener, 2, "`app`", "listener")
        if not accepts(listener, 2, exactly=True):
            raise ValueError(f"a listener takes the app and its nursery; {name_of(listener)}() needs more")
    return ListenerSpec(listener, check_event(event), priority, wants_nursery)


def check_event(event: str) -> str:
    """Give an event's name in lower case.

    Raises:
        ValueError: There is no such event.
    """
    if str(event).lower() not in EVENTS:
        raise ValueError(f"event must be one of {', '.join(EVENTS)}, not {event!r}")
    return event.lower()


def by_event(specs: Iterable[ListenerSpec]) -> Mapping[str, tuple[ListenerSpec, ...]]:
    """Sort listeners by event, in the order they run; every event is there.

    At a start: higher priority first, then as recorded. At a stop: the other way round, so that what was
    opened first is closed last.

    Source: Sanic 25.12: ``*_stop`` run in reverse order.
    """
    ordered = sorted(specs, key=lambda spec: -spec.priority)
    found = {event: tuple(spec for spec in ordered if spec.event == event) for event in EVENTS}
    return MappingProxyType(
        {event: specs[::-1] if event.endswith("_stop") else specs for event, specs in found.items()}
    )
