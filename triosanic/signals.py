"""Signals: their names, what decorators record of them, and the handlers that an event has."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from inspect import isawaitable
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sanic_routing.patterns import REGEX_TYPES

from triosanic.exceptions import InvalidSignal
from triosanic.router import Handler

_HandlerT = TypeVar("_HandlerT", bound=Handler)
EventName: TypeAlias = "str | Enum"
Condition: TypeAlias = Mapping[str, Any]


class Event(StrEnum):
    """The server's own signals. Source: Sanic 25.12 ``signals.Event``."""

    SERVER_EXCEPTION_REPORT = "server.exception.report"
    SERVER_INIT_AFTER = "server.init.after"
    SERVER_INIT_BEFORE = "server.init.before"
    SERVER_SHUTDOWN_AFTER = "server.shutdown.after"
    SERVER_SHUTDOWN_BEFORE = "server.shutdown.before"
    HTTP_LIFECYCLE_BEGIN = "http.lifecycle.begin"
    HTTP_LIFECYCLE_COMPLETE = "http.lifecycle.complete"
    HTTP_LIFECYCLE_EXCEPTION = "http.lifecycle.exception"
    HTTP_LIFECYCLE_HANDLE = "http.lifecycle.handle"
    HTTP_LIFECYCLE_READ_BODY = "http.lifecycle.read_body"
    HTTP_LIFECYCLE_READ_HEAD = "http.lifecycle.read_head"
    HTTP_LIFECYCLE_REQUEST = "http.lifecycle.request"
    HTTP_LIFECYCLE_RESPONSE = "http.lifecycle.response"
    HTTP_LIFECYCLE_SEND = "http.lifecycle.send"
    HTTP_MIDDLEWARE_AFTER = "http.middleware.after"
    HTTP_MIDDLEWARE_BEFORE = "http.middleware.before"
    HTTP_ROUTING_AFTER = "http.routing.after"
    HTTP_ROUTING_BEFORE = "http.routing.before"
    HTTP_HANDLER_AFTER = "http.handler.after"
    HTTP_HANDLER_BEFORE = "http.handler.before"
    WEBSOCKET_HANDLER_AFTER = "websocket.handler.after"
    WEBSOCKET_HANDLER_BEFORE = "websocket.handler.before"
    WEBSOCKET_HANDLER_EXCEPTION = "websocket.handler.exception"


_OWN: Final = frozenset(event.value for event in Event)
# Sanic's: the server's events are these, and no program adds to them.
RESERVED: Final = frozenset({"server", "http", "websocket"})

# The condition by which a blueprint's own dispatch reaches its handlers only. Source: Sanic.
BLUEPRINT: Final = "__blueprint__"

# What a name of one word stands for.
_GENERIC: Final = "__generic__.__signal__."

_NO_CONDITION: Final[Condition] = MappingProxyType({})
_parameter: Final = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?>").fullmatch
_is_part: Final = re.compile(r"[^.<>\s]+").fullmatch


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """What a decorator records of a handler of signals.

    Args:
        event: The event's name in its three parts, of which the last may be a parameter.
        handler: Takes the context by name.
        condition: What the dispatch must say too; empty: nothing.
        exclusive: Whether a dispatch that says nothing passes a handler with a condition by.
        priority: The higher, the earlier.
    """

    event: str
    handler: Handler
    condition: Condition = field(default_factory=lambda: _NO_CONDITION)
    exclusive: bool = True
    priority: int = 0


class Records(Protocol):
    """What handlers of signals are recorded in: an app or a blueprint."""

    def record(self, spec: SignalSpec) -> None:
        """Write down a record."""


def event_name(event: EventName) -> str:
    """Give an event's name in three parts.

    Raises:
        InvalidSignal: It has another number of parts, or one that is no word.
        TypeError: It is no name.
    """
    value = event.value if isinstance(event, Enum) else event
    if not isinstance(value, str):
        raise TypeError(f"an event must be a text or an Enum's member with one, not {event!r}")
    name = str(value)
    parts = (name if "." in name else _GENERIC + name).split(".")
    is_last = _is_part(parts[-1]) or (_parameter(parts[-1]) and "." in name)
    if len(parts) != 3 or not is_last or not all(map(_is_part, parts[:2])):  # noqa: PLR2004  # the three
        error = InvalidSignal(f"Invalid signal event: {name}")
        error.add_note("it has one word, or three with dots, of which only the third may be <param>")
        raise error
    return ".".join(parts)


def is_reserved(name: str) -> bool:
    """Say whether an event of this name is the server's."""
    return name.partition(".")[0] in RESERVED


def signal_spec(
    event: EventName,
    handler: Handler,
    condition: Condition | None = None,
    exclusive: bool = True,
    priority: int = 0,
) -> SignalSpec:
    """Make the record of a handler of signals.

    Raises:
        InvalidSignal: The event's name is not of the form, or is reserved and none of the server's events.
        TypeError: The handler cannot be called.
    """
    name = event_name(event)
    if is_reserved(name) and name not in _OWN:
        raise InvalidSignal(f"Cannot declare reserved signal event: {name}")
    found = _parameter(name.rpartition(".")[2])
    if found and found[2] and found[2] not in REGEX_TYPES:
        raise InvalidSignal(f"Invalid signal event: {name}. There is no type {found[2]!r} of parameters")
    if not callable(handler):
        raise TypeError(f"a signal handler must be callable, not {handler!r}")
    return SignalSpec(name, handler, MappingProxyType(dict(condition or {})), exclusive, priority)


def signal(
    recorder: Records,
    event: EventName,
    *,
    apply: bool = True,
    condition: Condition | None = None,
    exclusive: bool = True,
    priority: int = 0,
) -> Callable[[_HandlerT], _HandlerT]:
    """Call what is decorated when an event is dispatched.

    Args:
        recorder: The app or blueprint.
        event: ``"a.b.c"``, ``"a.b.<param>"`` or one word; one of `Event`, or another Enum's member.
        apply: ``False`` checks all this, but records nothing.
        condition: What the dispatch must say too.
        exclusive: Whether a dispatch without a condition passes a handler that has one by.
        priority: The higher, the earlier.

    Raises:
        InvalidSignal: The name is not of the form, or is reserved.
        TypeError: What is decorated can't be called.
        ServerError: The app serves already.

    Source: Sanic 25.12 ``app.signal``.
    """
    name = event_name(event)

    def decorate(handler: _HandlerT) -> _HandlerT:
        spec = signal_spec(name, handler, condition, exclusive, priority)
        if apply:
            recorder.record(spec)
        return handler

    return decorate


def add_signal(
    recorder: Records,
    handler: Handler | None,
    event: EventName,
    condition: Condition | None = None,
    exclusive: bool = True,
) -> Handler:
    """Call a function when an event is dispatched; ``None`` makes the event known, for those that wait.

    For the arguments and errors see `signal`. Source: Sanic 25.12 ``app.add_signal``.
    """
    chosen = _do_nothing if handler is None else handler
    return signal(recorder, event, condition=condition, exclusive=exclusive)(chosen)


def catch_exception(recorder: Records, handler: _HandlerT) -> _HandlerT:
    """Call what is decorated with the app and each exception of a request, a task or a signal's handler.

    As an attribute of a blueprint it is called with the blueprint, for the same exceptions.

    Source: Sanic 25.12 ``app.report_exception``, ``catch_exception``.
    """

    async def report(exception: Exception) -> None:
        result = handler(recorder, exception)
        if isawaitable(result):
            await result

    signal(recorder, Event.SERVER_EXCEPTION_REPORT)(report)
    return handler


def meets(wanted: Condition, exclusive: bool, said: Condition | None, *, reserved: bool = False) -> bool:
    """Say whether a dispatch reaches a handler, or a task that waits.

    Args:
        wanted: The handler's condition.
        exclusive: Whether it is only for dispatches that say its condition.
        said: The dispatch's condition.
        reserved: Whether the event is the server's: there a handler without a condition takes all.
    """
    if said is None:
        return not wanted or not exclusive
    return wanted == said or (reserved and not wanted)


Found: TypeAlias = tuple[SignalSpec, Mapping[str, object]]


class SignalTable:
    """The handlers of all events of an app, never changed once made; what ``app.signal_router`` is.

    Attributes:
        signals: The records, in the order they run.
    """

    __slots__ = ("_by_event", "_by_stem", "signals")

    def __init__(self, specs: Iterable[SignalSpec]) -> None:
        self.signals = tuple(sorted(specs, key=lambda spec: -spec.priority))
        self._by_event: dict[str, list[SignalSpec]] = {}
        self._by_stem: dict[str, list[SignalSpec]] = {}
        for spec in self.signals:
            stem, _, last = spec.event.rpartition(".")
            place = self._by_stem if last.startswith("<") else self._by_event
            place.setdefault(stem if last.startswith("<") else spec.event, []).append(spec)

    def __contains__(self, name: object) -> bool:
        return name in self._by_event

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(dict.fromkeys(spec.event for spec in self.signals))}>"

    def has(self, namespace: str) -> bool:
        """Say whether an event with this first part has a handler."""
        return any(spec.event.startswith(f"{namespace}.") for spec in self.signals)

    def knows(self, name: str) -> bool:
        """Say whether there can be an event of this name; with a parameter or ``*``, one that it means."""
        stem, _, last = name.rpartition(".")
        if last.startswith(("<", "*")):
            known = [*_OWN, *(spec.event for spec in self.signals)]
            return any(event.rpartition(".")[0] == stem for event in known)
        return name in self._by_event or name in _OWN or any(self._with_params(name))

    def find(self, name: str, condition: Condition | None = None) -> list[Found]:
        """Give the handlers to call, with the parameters of the event's name, in the order they run.

        Of one priority, those of exactly this name are before those with a parameter.
        """
        exact: Iterator[Found] = ((spec, _NO_CONDITION) for spec in self._by_event.get(name, ()))
        found = sorted((*exact, *self._with_params(name)), key=lambda one: -one[0].priority)
        reserved = is_reserved(name)
        return [
            (spec, params)
            for spec, params in found
            if meets(spec.condition, spec.exclusive, condition, reserved=reserved)
        ]

    def _with_params(self, name: str) -> Iterator[Found]:
        stem, _, last = name.rpartition(".")
        for spec in self._by_stem.get(stem, ()):
            found = _parameter(spec.event.rpartition(".")[2])
            assert found is not None  # signal_spec saw to it
            cast, pattern, _ = REGEX_TYPES[found[2] or "str"]
            if pattern.fullmatch(last):
                try:
                    yield spec, {found[1]: cast(last)}
                except ValueError:
                    continue


def _do_nothing(**_: object) -> None:
    """Make an event known."""
