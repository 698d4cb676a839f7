"""What a program may ask an app for: how far it is, and its routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from triosanic.lifespan import Lifespan
from triosanic.options import RunOptions
from triosanic.router import Handler, Route, Router


class Asked(Protocol):
    """What is asked of an app."""

    @property
    def debug(self) -> bool:
        """Whether errors are told."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def frozen(self) -> bool:
        """Whether nothing can be recorded."""

    def register_pattern(
        self, label: str, cast: Callable[[str], object], pattern: str | re.Pattern[str]
    ) -> None:
        """Add a type of path parameters."""


class ApplicationState:
    """How far an app is; what ``app.state`` is.

    Attributes:
        app: The app.
        options: How it is to be served; ``None`` before `prepare` and ``run``.
        addresses: Where it is served.
        lifespan: Its run; ``None`` while it does not serve.

    Source: Sanic 25.12 ``ApplicationState``.
    """

    __slots__ = ("addresses", "app", "lifespan", "options")

    def __init__(self, app: Asked) -> None:
        self.app = app
        self.options: RunOptions | None = None
        self.addresses: list[Any] = []
        self.lifespan: Lifespan | None = None

    @property
    def is_debug(self) -> bool:
        """Whether errors are told."""
        return self.app.debug

    @property
    def mode(self) -> str:
        """``debug`` or ``production``."""
        return "debug" if self.app.debug else "production"

    @property
    def is_running(self) -> bool:
        """Whether it serves, is about to, or is coming to its end."""
        return self.lifespan is not None

    @property
    def is_started(self) -> bool:
        """Whether requests are answered, or were until the shutdown began."""
        return self.lifespan is not None and self.lifespan.started.is_set()

    @property
    def is_stopping(self) -> bool:
        """Whether the shutdown has begun."""
        return self.lifespan is not None and self.lifespan.stopping.is_set()

    @property
    def host(self) -> str | None:
        """The host that ``run`` or `prepare` was told."""
        return self.options.host if self.options is not None else None

    @property
    def port(self) -> int | None:
        """The port that ``run`` or `prepare` was told."""
        return self.options.port if self.options is not None else None

    @property
    def workers(self) -> int:
        """The number of processes: 1."""
        return 1


class AppRouter:
    """The routes of an app; what ``app.router`` is.

    Args:
        app: The app.
        compiled: Gives the router as the records are now.

    Source: Sanic 25.12 ``router.Router``.
    """

    __slots__ = ("_app", "_compiled")

    def __init__(self, app: Asked, compiled: Callable[[], Router]) -> None:
        self._app = app
        self._compiled = compiled

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes, in the order they were recorded; see `compile_router`, also for errors."""
        return self._compiled().routes

    @property
    def routes_all(self) -> Mapping[tuple[str, ...], Route]:
        """The routes by the parts of their paths; of several methods of one path, the first."""
        found: dict[tuple[str, ...], Route] = {}
        for route in self.routes:
            found.setdefault(tuple(route.path.split("/")), route)
        return found

    @property
    def name_index(self) -> Mapping[str, Route]:
        """The routes by their names."""
        return {route.name: route for route in self.routes}

    @property
    def finalized(self) -> bool:
        """Whether no route can be added now."""
        return self._app.frozen

    def finalize(self) -> None:
        """See `Sanic.finalize`: there is nothing to end, but contradictions are found."""
        self._compiled()

    def reset(self) -> None:
        """Do nothing: routes can be added as long as the app does not serve. Source: Sanic 25.12."""

    def find_route_by_view_name(self, view_name: str, name: str | None = None) -> Route | None:
        """Give the route of this name, as ``blueprint.handler``, with or without the app's before it."""
        router, wanted = self._compiled(), name or view_name
        return router.find_by_name(wanted) or router.find_by_name(f"{self._app.name}.{wanted}")

    def get(self, path: str, method: str, host: str | None = None) -> tuple[Route, Handler, dict[str, Any]]:
        """Find what answers a request; see `Router.resolve`, also for errors."""
        route, params = self._compiled().resolve(method, path, host or "")
        return route, route.handler, dict(params)

    def register_pattern(
        self, label: str, cast: Callable[[str], object], pattern: str | re.Pattern[str]
    ) -> None:
        """Add a type of path parameters; see `Recorder.register_pattern`."""
        self._app.register_pattern(label, cast, pattern)
