"""What runs before and after handlers: records, and the order they run in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar, overload

from triosanic.router import Handler, check_accepts

_HandlerT = TypeVar("_HandlerT", bound=Handler)

REQUEST: Final = "request"
RESPONSE: Final = "response"


@dataclass(frozen=True, slots=True)
class MiddlewareSpec:
    """What a decorator records of a middleware.

    Args:
        handler: Takes the request, and the response where it runs after the handler.
        attach_to: ``"request"`` or ``"response"``.
        priority: The higher, the closer to the client.
        route_names: Whole names of the routes that it is for; ``None`` means all that it is recorded for.
    """

    handler: Handler
    attach_to: str
    priority: int = 0
    route_names: frozenset[str] | None = None


class PriorityDecorator(Protocol):
    """A decorator that is used as it is, or called with a priority: ``@app.on_request(priority=1)``."""

    @overload
    def __call__(self, handler: _HandlerT, *, priority: int = 0) -> _HandlerT: ...

    @overload
    def __call__(self, handler: None = None, *, priority: int = 0) -> Callable[[_HandlerT], _HandlerT]: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """The decorator that records with ``record(handler, kind, priority=...)``."""

    record: Callable[..., object]
    kind: str

    def __call__(self, handler: Any = None, *, priority: int = 0) -> Any:
        """Record the handler; without one, give the decorator that will."""
        if handler is None:
            return partial(self, priority=priority)
        self.record(handler, self.kind, priority=priority)
        return handler


def middleware_spec(
    handler: Handler, attach_to: str, priority: int = 0, route_names: frozenset[str] | None = None
) -> MiddlewareSpec:
    """Make the record of a middleware.

    Raises:
        TypeError: It cannot be called.
        ValueError: There is no such kind, or it does not take the request and, for the second, the response.
    """
    kind = check_attach_to(attach_to)
    if kind == REQUEST:
        check_accepts(handler, 1, "`request`", "middleware")
    else:
        check_accepts(handler, 2, "`request` and/or `response`", "middleware")
    return MiddlewareSpec(handler, kind, priority, route_names)


def check_attach_to(attach_to: str) -> str:
    """Give a kind of middleware in lower case.

    Raises:
        ValueError: There is no such kind.
    """
    if attach_to.lower() not in {REQUEST, RESPONSE}:
        raise ValueError(f"attach_to must be {REQUEST!r} or {RESPONSE!r}, not {attach_to!r}")
    return attach_to.lower()


def in_running_order(specs: Iterable[MiddlewareSpec], attach_to: str) -> tuple[Handler, ...]:
    """Give the handlers of one kind in the order they run.

    Before the handler: higher priority first, then as recorded. After it: the other way round, so that
    those which ran first see the response last.

    Source: Sanic 25.12.
    """
    handlers = [
        spec.handler for spec in sorted(specs, key=lambda spec: -spec.priority) if spec.attach_to == attach_to
    ]
    return tuple(handlers if attach_to == REQUEST else reversed(handlers))
