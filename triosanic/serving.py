"""What an app's records are compiled into when it starts, and again when it is amended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from triosanic.announcing import SignallingDispatcher, announcing, with_signals
from triosanic.blueprints import (
    compile_error_handler,
    compile_listeners,
    compile_router,
    compile_signals,
    routes_of,
)
from triosanic.dispatch import Dispatcher, Plan
from triosanic.exceptions import ServerError
from triosanic.handlers.error import ErrorHandler
from triosanic.listeners import ListenerSpec
from triosanic.overview import placed
from triosanic.recorder import Mount, Recorder, Spec
from triosanic.request import Request
from triosanic.router import Claims, PatternSpec, Route, Router, RouteSpec
from triosanic.sending import sender_of
from triosanic.signalling import Signals
from triosanic.signals import Event

Records: TypeAlias = tuple[str, bool | None, list[list[Spec]]]
State: TypeAlias = tuple[Records, dict[str, Any]]


class Front:
    """What connections hand exchanges to: a dispatcher that can be exchanged while they are served.

    An exchange that has begun is finished by the dispatcher that it began with.
    """

    __slots__ = ("fail", "handle")

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.put(dispatcher)

    def put(self, dispatcher: Dispatcher) -> None:
        """Have this one answer from now on."""
        # Two attributes, and not a method that calls on: that would cost every request a call.
        self.handle = dispatcher.handle
        self.fail = dispatcher.fail


class Serving:
    """The compiled form of one app.

    Args:
        app: The app.

    Attributes:
        signals: Its signals, dispatched and waited for.
        listeners: What to call at each event of the server's life.
        front: Where exchanges go; ``None`` while the app does not serve.
    """

    __slots__ = (
        "_announces",
        "_app",
        "_claims",
        "_own",
        "_plan",
        "_planned",
        "_router",
        "_seen",
        "front",
        "listeners",
        "signals",
    )

    def __init__(self, app: Any) -> None:
        self._app = app
        self._plan: Plan | None = None
        self._router: Router | None = None
        self._seen: Records | None = None
        self._planned: State | None = None
        self._announces = False
        self._own: ErrorHandler | None = None
        self._claims: Claims | None = Claims()
        self.signals = Signals(self._put_front)
        self.listeners: dict[str, tuple[ListenerSpec, ...]] = {}
        self.front: Front | None = None

    def check(self, spec: Spec) -> None:
        """Refuse a route, or a blueprint with one, that contradicts what is recorded.

        The start looks at all of them again: what a mounted blueprint is told later on shows only there.

        Raises:
            Exception: See `compile_router`.
        """
        if not isinstance(spec, RouteSpec | Mount):
            return
        known, self._claims = self._claims, None  # so that they are made anew if this one is refused
        if known is None:
            known = Claims()
            for old in self._app.specs:
                self._claim(known, old)
        self._claim(known, spec)
        self._claims = known

    def _claim(self, claims: Claims, spec: Spec) -> None:
        patterns = [pattern for _, pattern in placed(self._app, PatternSpec)]
        for place, route in routes_of(self._app, spec):
            claims.add(route, patterns, overwrite=place.overwrite)

    def router(self) -> Router:
        """The routes as they are recorded now; see `compile_router`, also for errors.

        An app that is started again, as in each test, has those of its last start unless it was told more.
        """
        if self._plan is not None and self._app.frozen:
            return self._plan.router
        seen = _records(self._app)
        if self._router is None or seen != self._seen:
            self._router = compile_router(self._app)
            self._seen = seen
        return self._router

    def find(self, view_name: str, values: Mapping[str, Any]) -> tuple[Route, dict[str, Any]] | None:
        """Find the route that a name and the values for its URL mean, and the values that are left."""
        left = dict(values)
        if view_name.rpartition(".")[2] == "static":
            view_name = view_name.removesuffix("static") + str(left.pop("name", "static"))
        router = self.router()
        for name in (view_name, f"{self._app.name}.{view_name}", self._nearby(view_name)):
            route = router.find_by_name(name)
            if route is not None:
                return route, left
        return None

    def _nearby(self, view_name: str) -> str:
        """Give the name of a route in the blueprint whose request is handled here."""
        try:
            route = Request.get_current().route
        except ServerError:
            return ""
        return f"{self._app.name}.{'' if route is None else route.blueprint}.{view_name}"

    def start(self) -> Front:
        """Compile all that is recorded. Raises as the compilers of `blueprints`.

        What listeners of the start record is served too; once they have run, nothing more may be.
        From now on ``app.error_handler`` is what answers: it has the handlers of decorators too, and what a
        listener or a handler adds to it counts, as in Sanic.
        """
        self._own = self._app.error_handler
        self._compile()
        self.front = Front(self._dispatcher())
        return self.front

    def _settle(self, _: object) -> None:
        """Serve with what listeners have recorded, and what they have configured."""
        if self.front is not None and _state(self._app) != self._planned:
            self._compile()
            self.front.put(self._dispatcher())

    def _close(self, app: object) -> None:
        """Serve with what listeners have recorded, and allow no more."""
        self._settle(app)
        self._app.freeze()

    def stop(self) -> None:
        """Allow records again."""
        self._plan = self.front = None
        if self._own is not None:
            self._app.error_handler, self._own = self._own, None
        self._app.freeze(False)

    @contextmanager
    def amend(self) -> Iterator[None]:
        """Allow records for the length of a block, and serve with them after it; or forget them all."""
        app = self._app
        if self.front is None or not app.frozen:  # nothing serves, or this is in another such block
            yield
            return
        before = [(recorder, len(recorder.specs)) for recorder in _recorders(app)]
        app.freeze(False)
        try:
            yield
            self._compile()
        except BaseException:
            for recorder, count in before:
                del recorder.specs[count:]
            self._claims = None
            raise
        finally:
            app.freeze()
        self.front.put(self._dispatcher())

    def compile_signals(self) -> None:
        """Let what is recorded of signals be called, before the app serves."""
        self.signals.table = compile_signals(self._app)
        self.signals.autoregister = self._app.config.EVENT_AUTOREGISTER

    def _compile(self) -> None:
        app = self._app
        router = self.router()
        error_handler = compile_error_handler(app, router, self._own or app.error_handler)
        error_handler.adopt(app.error_handler)
        error_handler.debug = app.debug
        plan = Plan(
            app=app,
            router=router,
            error_handler=error_handler,
            request_class=app.request_class,
            request_max_bytes=app.config.REQUEST_MAX_SIZE,
            sender=sender_of(router, app.config),
        )
        listeners = dict(with_signals(app, self.signals, compile_listeners(app)))
        for event, then in (("before_server_start", self._settle), ("after_server_start", self._close)):
            listeners[event] += (ListenerSpec(then, event),)
        self.compile_signals()
        self._plan = plan
        self._planned = _state(app)
        app.error_handler = error_handler
        self.listeners.update(listeners)

    def _dispatcher(self) -> Dispatcher:
        assert self._plan is not None
        self._announces = self.signals.wanted("http") or self.signals.wants(Event.SERVER_EXCEPTION_REPORT)
        if self._announces:
            return SignallingDispatcher(announcing(self._plan, self.signals), self.signals)
        return Dispatcher(self._plan)

    def _put_front(self) -> None:
        """A task waits for a signal of the server's: dispatch these from now on."""
        if self.front is not None and not self._announces:
            self.front.put(self._dispatcher())


def _state(app: Any) -> State:
    """Tell what a plan is made of."""
    return _records(app), {**app.config}


def _records(app: Recorder) -> Records:
    """Tell what routes are made of."""
    return app.name, app.strict_slashes, [[*recorder.specs] for recorder in _recorders(app)]


def _recorders(app: Recorder) -> list[Recorder]:
    mounted = [spec.recorder for spec in app.specs if isinstance(spec, Mount)]
    return [app, *dict.fromkeys(mounted)]
