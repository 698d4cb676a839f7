"""What runs when the server starts and stops: records, and the order they run in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from triosanic.router import Handler, accepts, check_accepts, name_of

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


def listener_spec(listener: Handler, event: str, priority: int = 0) -> ListenerSpec:
    """Make the record of a listener.

    Raises:
        TypeError: It cannot be called.
        ValueError: There is no such event, or it takes neither one argument nor two.
    """
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
    if event.lower() not in EVENTS:
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
