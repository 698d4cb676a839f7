"""What runs before and after handlers: records, and the order they run in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic_ns
from typing import Any, Final, Protocol, Self, TypeVar, overload

from triosanic.helpers import check_type
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
        recorded_at: When it was, on the machine's clock: the middleware of an app and of its blueprints is
            one order, wherever between its records an app mounts them.
    """

    handler: Handler
    attach_to: str
    priority: int = 0
    route_names: frozenset[str] | None = None
    recorded_at: int = field(default_factory=monotonic_ns, compare=False)


class PriorityDecorator(Protocol):
    """A decorator that is used as it is, or called with a priority: ``@app.on_request(priority=1)``."""

    @overload
    def __call__(self, handler: _HandlerT, *, priority: int = 0) -> _HandlerT: ...

    @overload
    def __call__(self, handler: None = None, *, priority: int = 0) -> Callable[[_HandlerT], _HandlerT]: ...


class TakesMiddleware(Protocol):
    """What the functions below are methods of: an app, a blueprint, or a group of blueprints."""

    def register_middleware(
        self, middleware: _HandlerT, attach_to: str = REQUEST, *, priority: int = 0
    ) -> _HandlerT:
        """Record a middleware."""


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


class MiddlewareDecorator:
    """An attribute of a recorder: the decorator for one kind of middleware."""

    __slots__ = ("_kind",)

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @overload
    def __get__(self, recorder: None, owner: type) -> Self: ...

    @overload
    def __get__(self, recorder: TakesMiddleware, owner: type) -> PriorityDecorator: ...

    def __get__(self, recorder: TakesMiddleware | None, owner: type) -> Any:
        if recorder is None:  # asked of the class, as by what makes documentation
            return self
        return Recording(recorder.register_middleware, self._kind)


def middleware_spec(
    handler: Handler, attach_to: str, priority: int = 0, route_names: frozenset[str] | None = None
) -> MiddlewareSpec:
    """Make the record of a middleware.

    Raises:
        TypeError: It cannot be called, or its priority is no number.
        ValueError: There is no such kind, or it does not take the request and, for the second, the response.
    """
    kind = check_attach_to(attach_to)
    check_type("priority", priority, int)
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

    Before the handler: higher priority first, then in the order they were recorded in. After it: the other
    way round, so that those which ran first see the response last.

    Source: Sanic 25.12.
    """
    ordered = sorted(specs, key=lambda spec: (-spec.priority, spec.recorded_at))
    handlers = [spec.handler for spec in ordered if spec.attach_to == attach_to]
    return tuple(handlers if attach_to == REQUEST else reversed(handlers))


@overload
def middleware(
    recorder: TakesMiddleware,
    middleware_or_request: str,
    attach_to: str = REQUEST,
    apply: bool = True,
    *,
    priority: int = 0,
) -> Callable[[_HandlerT], _HandlerT]: ...


@overload
def middleware(
    recorder: TakesMiddleware,
    middleware_or_request: _HandlerT,
    attach_to: str = REQUEST,
    apply: bool = True,
    *,
    priority: int = 0,
) -> _HandlerT: ...


def middleware(
    recorder: TakesMiddleware,
    middleware_or_request: Any,
    attach_to: str = REQUEST,
    apply: bool = True,
    *,
    priority: int = 0,
) -> Any:
    """Run what is decorated before the handler, or after it for ``"response"``.

    ``@app.middleware``, ``@app.middleware("response")`` and ``app.middleware(fn, "response")`` all work;
    ``apply=False`` checks the function, but does not run it.
    """
    record = recorder.register_middleware if apply else middleware_spec
    if isinstance(middleware_or_request, str):
        kind = check_attach_to(middleware_or_request)
        return partial(Recording(record, kind), priority=priority)
    return Recording(record, attach_to)(middleware_or_request, priority=priority)
