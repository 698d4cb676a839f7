"""What an app or a blueprint holds, for programs that ask: copies, made of the records each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from triosanic.listeners import EVENTS, ListenerSpec, by_event
from triosanic.middleware import REQUEST, RESPONSE, MiddlewareSpec, in_running_order
from triosanic.recorder import Mount, Recorder, Spec
from triosanic.router import Handler, RouteSpec
from triosanic.websocket import WebsocketHandler

_SpecT = TypeVar("_SpecT", bound=Spec)


def placed(app: Recorder, kind: type[_SpecT]) -> Iterator[tuple[Mount, _SpecT]]:
    """Give the records of one kind with their place, a blueprint's where it was mounted."""
    root = Mount(recorder=app, name="", strict_slashes=app.strict_slashes)
    for spec in app.specs:
        if isinstance(spec, kind):
            yield root, spec
        elif isinstance(spec, Mount):
            for inner in spec.recorder.specs:
                if isinstance(inner, kind):
                    yield spec, inner


def has_websockets(app: Recorder) -> bool:
    """Say whether a WebSocket is among the routes."""
    return any(isinstance(spec.handler, WebsocketHandler) for _, spec in placed(app, RouteSpec))


def listeners(recorder: Recorder) -> dict[str, list[Handler]]:
    """The listeners of each event, in the order they run; of an app, those of its blueprints too."""
    ordered = by_event(spec for _, spec in placed(recorder, ListenerSpec))
    return {event: [spec.listener for spec in ordered[event]] for event in EVENTS}


def request_middleware(recorder: Recorder) -> tuple[Handler, ...]:
    """The middleware that runs before every handler, in its order."""
    return _everywhere(recorder, REQUEST)


def response_middleware(recorder: Recorder) -> tuple[Handler, ...]:
    """The middleware that runs after every handler, in its order."""
    return _everywhere(recorder, RESPONSE)


def named_request_middleware(recorder: Recorder) -> dict[str, tuple[Handler, ...]]:
    """The middleware of `register_named_middleware` that runs before handlers, by their routes' names."""
    return _named(recorder, REQUEST)


def named_response_middleware(recorder: Recorder) -> dict[str, tuple[Handler, ...]]:
    """The middleware of `register_named_middleware` that runs after handlers, by their routes' names."""
    return _named(recorder, RESPONSE)


def _everywhere(recorder: Recorder, attach_to: str) -> tuple[Handler, ...]:
    own = (spec for spec in recorder.specs if isinstance(spec, MiddlewareSpec))
    return in_running_order([spec for spec in own if spec.route_names is None], attach_to)


def _named(recorder: Recorder, attach_to: str) -> dict[str, tuple[Handler, ...]]:
    specs = [spec for _, spec in placed(recorder, MiddlewareSpec) if spec.route_names is not None]
    names = dict.fromkeys(name for spec in specs for name in sorted(spec.route_names or ()))
    found = {
        name: in_running_order([spec for spec in specs if name in (spec.route_names or ())], attach_to)
        for name in names
    }
    return {name: handlers for name, handlers in found.items() if handlers}
