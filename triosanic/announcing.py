"""The server's own signals: what tells of connections, requests, and the server's start and end.

Nothing of it is on a request's way until somebody wants one of these signals: then `SignallingDispatcher`
takes the place of `Dispatcher`, with a plan that `announcing` has wrapped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from inspect import isawaitable
from typing import Any, Final

import trio

from triosanic.dispatch import Dispatcher, Plan
from triosanic.handlers.error import unwrap
from triosanic.http.connection import Connection
from triosanic.http.wire import WireBroken
from triosanic.listeners import ListenerSpec
from triosanic.log import error_logger
from triosanic.middleware import REQUEST, RESPONSE
from triosanic.request import Request
from triosanic.request.connection import ConnInfo
from triosanic.response import BaseHTTPResponse
from triosanic.router import Handler, Params, Route, Router
from triosanic.signalling import Signals
from triosanic.signals import Event

_OF_THE_MAIN_PROCESS: Final = ("main_process_start", "main_process_ready", "main_process_stop")
_OF_CONNECTIONS: Final = (
    Event.HTTP_LIFECYCLE_BEGIN,
    Event.HTTP_LIFECYCLE_COMPLETE,
    Event.HTTP_LIFECYCLE_SEND,
)


def with_signals(
    app: Any, signals: Signals, listeners: Mapping[str, tuple[ListenerSpec, ...]]
) -> Mapping[str, tuple[ListenerSpec, ...]]:
    """Add to the listeners those of the main process, which is this one, and the server's signals.

    Source: Sanic 25.12, whose main process starts before the server and ends after it; with
    ``single_process=True`` there is none, and its listeners do not run.
    """
    options = app.state.options
    if options is not None and options.single_process:
        listeners = {**listeners, **dict.fromkeys(_OF_THE_MAIN_PROCESS, ())}

    def emitter(event: Event, *, reverse: bool = False) -> ListenerSpec:
        async def emit(_: object, nursery: trio.Nursery) -> None:
            if signals.wants(event):
                calls = signals.begin(event.value, {"app": app, "loop": nursery})
                await signals.call(reversed(calls) if reverse else calls)

        return ListenerSpec(emit, event.value, wants_nursery=True)

    return {
        **listeners,
        "before_server_start": (
            *listeners["main_process_start"],
            *listeners["before_server_start"],
            emitter(Event.SERVER_INIT_BEFORE),
        ),
        "after_server_start": (
            *listeners["after_server_start"],
            emitter(Event.SERVER_INIT_AFTER),
            *listeners["main_process_ready"],
        ),
        "before_server_stop": (
            emitter(Event.SERVER_SHUTDOWN_BEFORE, reverse=True),
            *listeners["before_server_stop"],
        ),
        "after_server_stop": (
            emitter(Event.SERVER_SHUTDOWN_AFTER, reverse=True),
            *listeners["after_server_stop"],
            *listeners["main_process_stop"],
        ),
    }


@contextmanager
def _logged(event: Event) -> Iterator[None]:
    """Log what handlers of an event raise that has no request to be answered for it."""
    try:
        yield
    except Exception:  # noqa: BLE001  # logged, and the connection goes on
        error_logger.exception("a handler of %s failed", event.value)


class SignallingConnection(Connection):
    """A connection that tells of itself; made by `connection_maker`."""

    __slots__ = ("signals",)

    signals: Signals

    async def run(self) -> None:
        """Serve the peer, between ``http.lifecycle.begin`` and ``.complete``. Checkpoint: always."""
        if self.ctx is None:
            self.ctx = ConnInfo(self)
        try:
            await super().run()
        finally:
            with _logged(Event.HTTP_LIFECYCLE_COMPLETE):
                await self.signals.emit(Event.HTTP_LIFECYCLE_COMPLETE, conn_info=self.ctx)

    async def _run(self) -> None:
        with _logged(Event.HTTP_LIFECYCLE_BEGIN):
            await self.signals.emit(Event.HTTP_LIFECYCLE_BEGIN, conn_info=self.ctx)
        await super()._run()

    async def send(self, parts: list[bytes]) -> None:
        """Dispatch ``http.lifecycle.send``, and send; see `Connection.send`. Checkpoint: as the handlers."""
        with _logged(Event.HTTP_LIFECYCLE_SEND):
            await self.signals.emit(Event.HTTP_LIFECYCLE_SEND, data=b"".join(parts))
        await super().send(parts)

    def hold(self, data: bytes) -> bool:
        """Hold nothing where somebody has to be told before: that is awaited."""
        return not self.signals.wants(Event.HTTP_LIFECYCLE_SEND) and super().hold(data)

    def send_nowait(self, parts: list[bytes]) -> int:
        """Send nothing where somebody has to be told before: that is awaited."""
        return 0 if self.signals.wants(Event.HTTP_LIFECYCLE_SEND) else super().send_nowait(parts)


def connection_maker(signals: Signals) -> Callable[..., Connection]:
    """Give what makes the connections of a server: plain ones, unless a signal about them is wanted."""

    def make(*args: Any, **options: Any) -> Connection:
        if not any(map(signals.wants, _OF_CONNECTIONS)):
            return Connection(*args, **options)
        connection = SignallingConnection(*args, **options)
        connection.signals = signals
        return connection

    return make


class SignallingDispatcher(Dispatcher):
    """Answers exchanges as a plan that `announcing` has made, and tells of each step."""

    __slots__ = ("_signals",)

    def __init__(self, plan: Plan, signals: Signals) -> None:
        super().__init__(plan)
        self._signals = signals
        self._send = partial(self._send_told, self._send)

    async def _answer(self, request: Request) -> object:
        emit = self._signals.emit
        await emit(Event.HTTP_LIFECYCLE_READ_HEAD, head=request.head)
        await emit(Event.HTTP_LIFECYCLE_REQUEST, request=request)
        await emit(Event.HTTP_LIFECYCLE_HANDLE, request=request)
        await emit(Event.HTTP_ROUTING_BEFORE, request=request)
        return await super()._answer(request)

    async def _ready_body(self, request: Request, route: Route) -> None:
        await _routed(self._signals, request)
        await super()._ready_body(request, route)
        if request.body:
            await self._signals.emit(Event.HTTP_LIFECYCLE_READ_BODY, body=request.body)

    async def _send_told(
        self, send: Callable[[Request, object], Awaitable[None]], request: Request, response: object
    ) -> None:
        if isinstance(response, BaseHTTPResponse):
            await self._signals.emit(Event.HTTP_LIFECYCLE_RESPONSE, request=request, response=response)
        await send(request, response)

    async def _fail(self, request: Request, error: Exception) -> None:
        told = unwrap(error)
        if not isinstance(told, WireBroken):
            await self._signals.report(told)
            with _logged(Event.HTTP_LIFECYCLE_EXCEPTION):
                await self._signals.emit(Event.HTTP_LIFECYCLE_EXCEPTION, request=request, exception=told)
        await super()._fail(request, error)


class _Match(dict[str, object]):
    """The parameters of a path, which handlers of ``http.routing.after`` may change."""

    __slots__ = ("routed",)

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.routed = False


class _AnnouncingRouter(Router):
    """A router whose routes run their handlers and middleware between signals."""

    __slots__ = ("_announcing", "_router")

    def __init__(self, router: Router, signals: Signals) -> None:
        self._router = router
        self._announcing = {route.name: _announcing_route(route, signals) for route in router.routes}
        self.routes = router.routes
        self.request_middleware = _around_all(router.request_middleware, REQUEST, signals)
        self.response_middleware = _around_all(router.response_middleware, RESPONSE, signals)

    def resolve(self, method: str, path: str, host: str) -> tuple[Route, Params]:
        """Find the route for a request; see `Router.resolve`."""
        route, params = self._router.resolve(method, path, host)
        return self._announcing[route.name], _Match(params)

    def find_by_name(self, name: str) -> Route | None:
        """Give the route of this whole name."""
        return self._router.find_by_name(name)


def announcing(plan: Plan, signals: Signals) -> Plan:
    """Give a plan whose handlers and middleware run between signals."""
    return replace(plan, router=_AnnouncingRouter(plan.router, signals))


def _announcing_route(route: Route, signals: Signals) -> Route:
    handler = route.handler

    async def routed(request: Request) -> None:
        await _routed(signals, request)

    @wraps(handler)
    async def handle(request: Request, **_: object) -> object:
        await signals.emit(Event.HTTP_HANDLER_BEFORE, request=request)
        result = handler(request, **request.match_info)
        if isawaitable(result):
            result = await result
        await signals.emit(Event.HTTP_HANDLER_AFTER, request=request)
        return result

    return replace(
        route,
        handler=handle,
        request_middleware=(routed, *_around_all(route.request_middleware, REQUEST, signals)),
        response_middleware=_around_all(route.response_middleware, RESPONSE, signals),
    )


async def _routed(signals: Signals, request: Request) -> None:
    """Dispatch ``http.routing.after``, before the body is read or, without one, before the middleware."""
    kwargs = request.match_info
    if not isinstance(kwargs, _Match) or kwargs.routed:
        return
    kwargs.routed = True
    route: Route = request.route
    await signals.emit(
        Event.HTTP_ROUTING_AFTER,
        request=request,
        route=route,
        kwargs=kwargs,
        handler=vars(route.handler)["__wrapped__"],
    )


def _around_all(middleware: Iterable[Handler], attach_to: str, signals: Signals) -> tuple[Handler, ...]:
    return tuple(_around(function, attach_to, signals) for function in middleware)


def _around(function: Handler, attach_to: str, signals: Signals) -> Handler:
    condition = {"attach_to": attach_to}

    @wraps(function)
    async def run(request: Request, *responses: object) -> object:
        response = responses[0] if responses else None
        await signals.emit(Event.HTTP_MIDDLEWARE_BEFORE, condition, request=request, response=response)
        result = function(request, *responses)
        if isawaitable(result):
            result = await result
        told = result or response
        await signals.emit(Event.HTTP_MIDDLEWARE_AFTER, condition, request=request, response=told)
        return result

    return run
