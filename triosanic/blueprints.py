"""Blueprints, and what becomes of all records when the app starts."""

import copy as copying
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Self, TypeAlias, TypeGuard, cast

import trio

from triosanic.errorpages import infer_format
from triosanic.exceptions import SanicException
from triosanic.groups import DEFAULT_PREFIX, Member
from triosanic.groups import BlueprintGroup as BlueprintGroup
from triosanic.handlers.error import ErrorHandler, ExceptionSpec
from triosanic.helpers import Default, _default, check_type
from triosanic.listeners import ListenerSpec, by_event
from triosanic.middleware import REQUEST, RESPONSE, MiddlewareSpec, in_running_order
from triosanic.overview import listeners, placed, request_middleware, response_middleware
from triosanic.recorder import Mount, Recorder, Spec, as_hosts
from triosanic.router import (
    Handler,
    Hosts,
    PatternSpec,
    Route,
    Router,
    RouteSpec,
    Version,
    infer_types,
)
from triosanic.signals import (
    BLUEPRINT,
    Condition,
    EventName,
    SignalSpec,
    SignalTable,
    catch_exception,
    is_reserved,
)
from triosanic.static.serve import Static
from triosanic.websocket import WebsocketHandler


class Blueprint(Recorder):
    """A part of an app: routes, middleware and so on that are recorded together and mounted in one go.

    Args:
        name: Part of its routes' names, unique within an app.
        url_prefix: Put before its paths.
        host: For routes that name none: values of the Host field to answer to.
        version: For routes that have none.
        strict_slashes: For routes that say nothing.
        version_prefix: What stands before the version, for routes that say nothing else.

    Source: Sanic 25.12 ``blueprints.Blueprint``.
    """

    __slots__ = ("_apps", "_overwrite", "host", "url_prefix", "version", "version_prefix")

    def __init__(  # noqa: PLR0917  # Sanic's arguments
        self,
        name: str,
        url_prefix: str | None = None,
        host: Hosts = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        version_prefix: str = DEFAULT_PREFIX,
    ) -> None:
        super().__init__(name, strict_slashes=strict_slashes)
        check_type("url_prefix", url_prefix or "", str)
        self.url_prefix = url_prefix
        self.host = host
        self.version = version
        self.version_prefix = version_prefix
        self._apps: list[Any] = []
        self._overwrite = False

    def __repr__(self) -> str:
        names = ("name", "url_prefix", "host", "version", "strict_slashes")
        said = ((name, getattr(self, name)) for name in names)
        shown = (f'{name}="{x}"' if isinstance(x, str) else f"{name}={x!r}" for name, x in said)
        return f"Blueprint({', '.join(shown)})"

    @staticmethod
    def group(
        *blueprints: "Blueprints",
        url_prefix: str | None = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        version_prefix: str = DEFAULT_PREFIX,
        name_prefix: str | None = "",
    ) -> BlueprintGroup:
        """Take blueprints, groups, and lists of them together; for the arguments see `BlueprintGroup`."""
        group = BlueprintGroup(url_prefix, version, strict_slashes, version_prefix, name_prefix)
        group.extend(_members(blueprints))
        return group

    def copy(  # noqa: PLR0917  # Sanic's arguments
        self,
        name: str,
        url_prefix: str | Default | None = _default,
        version: Version | Default = _default,
        version_prefix: str | Default = _default,
        allow_route_overwrite: bool | Default = _default,
        strict_slashes: bool | Default | None = _default,
        with_registration: bool = True,
        with_ctx: bool = False,
    ) -> Self:
        """Make a blueprint of another name with the same records.

        What is recorded in one of the two from now on, the other does not get.

        Args:
            name: Its name.
            url_prefix: Its prefix; by default, as for the next ones, this one's.
            version: Its version.
            version_prefix: What stands before the version.
            allow_route_overwrite: Whether its routes replace earlier ones of the same path.
            strict_slashes: For routes that say nothing.
            with_registration: Whether to mount it on the apps that this one is mounted on.
            with_ctx: Whether its ``ctx`` begins with the same attributes.

        Raises:
            AssertionError, ServerError: See `mount`.
            SanicException: The name is not of the form.

        Source: Sanic 25.12 ``Blueprint.copy``.
        """
        other = copying.copy(self)
        strict = self.strict_slashes if isinstance(strict_slashes, Default) else strict_slashes
        Recorder.__init__(other, name, strict_slashes=strict, is_request_stream=self.is_request_stream)
        other.specs = list(self.specs)
        other._apps = []  # noqa: SLF001  # our own class
        if with_ctx:
            other.ctx = copying.copy(self.ctx)
        if not isinstance(url_prefix, Default):
            other.url_prefix = url_prefix
        if not isinstance(version, Default):
            other.version = version
        if not isinstance(version_prefix, Default):
            other.version_prefix = version_prefix
        if not isinstance(allow_route_overwrite, Default):
            other._overwrite = allow_route_overwrite  # noqa: SLF001  # our own class
        for app in self._apps if with_registration else ():
            mount(app, other)
        return other

    # Where it is mounted, and what it holds.

    @property
    def registered(self) -> bool:
        """Whether it is mounted on an app."""
        return bool(self._apps)

    @property
    def apps(self) -> set[Any]:
        """The apps that it is mounted on.

        Raises:
            SanicException: There is none.
        """
        return set(self._mounted_on())

    def _mounted_on(self) -> list[Any]:
        if not self._apps:
            raise SanicException(f"<Blueprint {self.name}> has not yet been registered to an app")
        return self._apps

    @property
    def routes(self) -> list[Route]:
        """Its routes, as the apps that it is mounted on have them."""
        return [
            route
            for app in self._apps
            for route in compile_router(app).routes
            if any(spec.name == route.blueprint for spec in app.specs if _is_of(spec, self))
        ]

    @property
    def websocket_routes(self) -> list[Route]:
        """Those of its routes that are WebSockets'."""
        return [route for route in self.routes if route.extra.websocket]

    catch_exception = catch_exception
    listeners = property(listeners)
    request_middleware = property(request_middleware)
    response_middleware = property(response_middleware)

    def mount_on(self, app: Recorder, place: Mount) -> None:
        """Record that ``app`` has this blueprint at ``place``, unless it has; see `mount`."""
        place = replace(place, overwrite=self._overwrite)
        if place in app.specs:
            return
        if any(spec.name == place.name for spec in app.specs if isinstance(spec, Mount)):
            raise AssertionError(
                f'A blueprint with the name "{place.name}" is already registered.  '
                "Blueprint names must be unique."
            )
        app.record(place)
        if app not in self._apps:
            self._apps.append(app)

    async def dispatch(
        self, event: EventName, *, condition: Condition | None = None, **options: Any
    ) -> list[Any]:
        """Call the handlers of a signal that this blueprint has, on each app; see `Sanic.dispatch`.

        Returns:
            What each app's `dispatch` gives.

        Raises:
            SanicException: It is not mounted.

        Checkpoint: as `Sanic.dispatch`.
        """
        told = {**(condition or {}), BLUEPRINT: self.name}
        return [await app.dispatch(event, condition=told, **options) for app in self._mounted_on()]

    async def event(
        self,
        event: EventName,
        timeout: float | None = None,  # noqa: ASYNC109  # Sanic's argument
        **options: Any,
    ) -> Any:
        """Wait for the first dispatch of a signal on one of its apps; see `Sanic.event`, also for errors.

        Raises:
            SanicException: It is not mounted.

        Checkpoint: always.
        """
        found: list[Any] = []

        async def wait(app: Any) -> None:
            found.append(await app.event(event, **options))
            nursery.cancel_scope.cancel()

        apps = self._mounted_on()
        if len(apps) == 1:
            return await apps[0].event(event, timeout, **options)
        async with trio.open_nursery() as nursery:
            if timeout is not None:
                nursery.cancel_scope.deadline = trio.current_time() + timeout
            for app in apps:
                nursery.start_soon(wait, app)
        if not found:
            raise TimeoutError(f"{event} was not dispatched within {timeout} s")
        return found[0]


Blueprints: TypeAlias = "Blueprint | BlueprintGroup | Iterable[Blueprints]"


def mount(
    recorder: Recorder,
    blueprints: Blueprints,
    *,
    url_prefix: str | None = None,
    version: Version = None,
    strict_slashes: bool | None = None,
    version_prefix: str = DEFAULT_PREFIX,
    name_prefix: str | None = "",
) -> None:
    """Record that an app serves a blueprint, or each of a list of them.

    What is recorded in the blueprint later on counts too.

    Args:
        recorder: The app.
        blueprints: A blueprint, or a list, which may hold lists.
        url_prefix: Put before the paths, instead of the blueprint's own.
        version: For blueprints that have none.
        strict_slashes: For blueprints that say nothing.
        version_prefix: For blueprints that say nothing else.
        name_prefix: Put before the blueprint's name, with a ``_``; so it can be mounted a second time.

    Raises:
        AssertionError: Another blueprint of that name is mounted already, or this one elsewhere.
        ServerError: The app serves already.
        TypeError: It is neither a blueprint nor a list.

    Source: Sanic 25.12 ``app.blueprint``; precedence: a route's own, the blueprint's, what is said here.
    """
    check_type("url_prefix", url_prefix or "", str)
    outer = _Outer(url_prefix, version, strict_slashes, version_prefix, name_prefix)
    for blueprint, said in _with_options(blueprints, outer):
        blueprint.mount_on(
            recorder,
            Mount(
                recorder=blueprint,
                name=f"{said.name_prefix}_{blueprint.name}" if said.name_prefix else blueprint.name,
                url_prefix=(blueprint.url_prefix if said.url_prefix is None else said.url_prefix) or "",
                hosts=as_hosts(blueprint.host),
                strict_slashes=(
                    said.strict_slashes if blueprint.strict_slashes is None else blueprint.strict_slashes
                ),
                version=said.version if blueprint.version is None else blueprint.version,
                version_prefix=_first_prefix(blueprint.version_prefix, said.version_prefix),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Outer:
    """What is said of a blueprint where it is mounted."""

    url_prefix: str | None
    version: Version
    strict_slashes: bool | None
    version_prefix: str
    name_prefix: str | None

    def within(self, group: BlueprintGroup, own_prefix: str | None) -> "_Outer":
        """What is said of a member of ``group``, where this is said of the group."""
        # Sanic: a group's prefix goes before its members', which whoever mounts a blueprint replaces.
        prefixes = (prefix.strip("/") for prefix in (self.url_prefix, group.url_prefix, own_prefix) if prefix)
        return _Outer(
            "/".join(prefix for prefix in prefixes if prefix),
            self.version if group.version is None else group.version,
            self.strict_slashes if group.strict_slashes is None else group.strict_slashes,
            _first_prefix(group.version_prefix, self.version_prefix),
            self.name_prefix or group.name_prefix,
        )


def _with_options(blueprints: Blueprints, outer: _Outer) -> Iterator[tuple[Blueprint, _Outer]]:
    if isinstance(blueprints, Blueprint):
        yield blueprints, outer
    elif isinstance(blueprints, BlueprintGroup):
        for member in blueprints:
            own_prefix = member.url_prefix if isinstance(member, Blueprint) else None
            yield from _with_options(cast(Blueprints, member), outer.within(blueprints, own_prefix))
    else:
        for one in _listed(blueprints):
            yield from _with_options(one, outer)


def _members(blueprints: Iterable[Blueprints]) -> Iterator[Member]:
    for one in blueprints:
        if isinstance(one, Blueprint | BlueprintGroup):
            yield one
        else:
            yield from _members(_listed(one))


def _listed(blueprints: object) -> Iterable[Any]:
    if isinstance(blueprints, str) or not isinstance(blueprints, Iterable):
        raise TypeError(f"a Blueprint, a group or a list of them must be given, not {blueprints!r}")
    return blueprints


def routes_of(app: Recorder, spec: Spec) -> Iterator[tuple[Mount, Route]]:
    """Give the routes that one record of an app makes, each with its place."""
    if isinstance(spec, RouteSpec):
        root = Mount(recorder=app, name="", strict_slashes=app.strict_slashes)
        yield root, _route(app, root, spec)
    elif isinstance(spec, Mount):
        for inner in spec.recorder.specs:
            if isinstance(inner, RouteSpec):
                yield spec, _route(app, spec, inner)


def compile_router(app: Recorder) -> Router:
    """Make what requests are routed with of an app's records and those of its blueprints.

    Raises:
        FinalizationError: There is no route.
        InvalidUsage, ValueError: A path is not of the form.
        ParameterNameConflicts: Two parameters of a path have one name, or one has two.
        RouteExists: Two routes have the same path, method and host.
        SanicException: The name of a parameter starts with two underscores.
        ServerError: Two routes have one name.
    """
    routes: list[Route] = []
    for place, spec in placed(app, RouteSpec):
        route = _route(app, place, spec)
        routes = [*(_without(old, route) for old in routes), route] if place.overwrite else [*routes, route]
    routes = [route for route in routes if route.methods]
    middleware = list(placed(app, MiddlewareSpec))
    everywhere = [spec for place, spec in middleware if place.recorder is app and spec.route_names is None]
    return Router(
        (_with_middleware(route, app, middleware) for route in routes),
        patterns=[spec for _, spec in placed(app, PatternSpec)],
        request_middleware=in_running_order(everywhere, REQUEST),
        response_middleware=in_running_order(everywhere, RESPONSE),
    )


def compile_listeners(app: Recorder) -> Mapping[str, tuple[ListenerSpec, ...]]:
    """Give an app's listeners and those of its blueprints by event, in the order they run."""
    return by_event(spec for _, spec in placed(app, ListenerSpec))


def compile_signals(app: Recorder) -> SignalTable:
    """Give an app's handlers of signals, and those of its blueprints with a condition of their own."""
    return SignalTable(
        spec if place.recorder is app or is_reserved(spec.event) else _own_signal(place.recorder, spec)
        for place, spec in placed(app, SignalSpec)
    )


def compile_error_handler(app: Recorder, router: Router, error_handler: ErrorHandler) -> ErrorHandler:
    """Copy an error handler and add the handlers of exceptions of an app and its blueprints.

    Those of a blueprint answer for its routes only.

    Raises:
        ServerError: Exceptions of one class have two handlers.
    """
    compiled = error_handler.copy()
    for place, spec in placed(app, ExceptionSpec):
        names = (
            None if place.recorder is app else [r.name for r in router.routes if r.blueprint == place.name]
        )
        compiled.add(spec.exception, spec.handler, names)
    return compiled


def _route(app: Recorder, place: Mount, spec: RouteSpec) -> Route:
    strict = next(
        (
            said
            for said in (spec.strict_slashes, place.strict_slashes, app.strict_slashes)
            if said is not None
        ),
        False,
    )
    name = ".".join(part for part in (app.name, place.name, spec.name.removeprefix(f"{app.name}.")) if part)
    error_format = spec.error_format or infer_format(spec.handler)
    hosts = spec.hosts or place.hosts
    return Route(
        name=name,
        path=_path(place, spec),
        methods=spec.methods,
        handler=spec.handler,
        hosts=hosts,
        strict=strict,
        unquote=spec.unquote,
        stream_methods=spec.stream_methods,
        ignore_body=spec.ignore_body,
        error_format=error_format,
        cancel_on_disconnect=spec.cancel_on_disconnect,
        response_timeout=spec.response_timeout,
        body_rules=spec.body_rules,
        compress=spec.compress,
        blueprint=place.name or None,
        ctx=SimpleNamespace(**spec.ctx),
        extra=SimpleNamespace(
            ident=name,
            ignore_body=spec.ignore_body,
            stream=bool(spec.stream_methods),
            hosts=hosts,
            static=_is_static(spec),
            error_format=error_format,
            websocket=isinstance(spec.handler, WebsocketHandler),
        ),
    )


def _with_middleware(
    route: Route, app: Recorder, middleware: Sequence[tuple[Mount, MiddlewareSpec]]
) -> Route:
    own = [
        spec
        for place, spec in middleware
        if (place.recorder is app or place.name == route.blueprint)
        and (spec.route_names is None or route.name in spec.route_names)
    ]
    before: tuple[Handler, ...] = in_running_order(own, REQUEST)
    after: tuple[Handler, ...] = in_running_order(own, RESPONSE)
    route.extra.request_middleware = before
    route.extra.response_middleware = after
    return replace(route, request_middleware=before, response_middleware=after)


def _path(place: Mount, spec: RouteSpec) -> str:
    """Put together ``{version_prefix}{version}{url_prefix}{uri}``, the version being ``1`` or ``v1``.

    Static files have no version, in Sanic too: a blueprint's lie under its prefix alone.
    """
    uri = infer_types(spec.uri, spec.handler)
    prefix = place.url_prefix.strip("/")
    # Sanic: a blueprint's "" is the prefix itself, while a strict "/" is the prefix with a slash at its end.
    path = f"{prefix}/{uri.lstrip('/')}" if prefix and uri else prefix or uri
    version = place.version if spec.version is None else spec.version
    if version is not None and not _is_static(spec):
        number = str(version).strip("/").lstrip("v")
        version_prefix = _first_prefix(spec.version_prefix, place.version_prefix)
        path = f"{version_prefix}{number}/{path.lstrip('/')}"
    return f"/{path.lstrip('/')}"


def _is_static(spec: RouteSpec) -> bool:
    return isinstance(getattr(spec.handler, "__self__", None), Static)


def _first_prefix(own: str, outer: str) -> str:
    return outer if own == DEFAULT_PREFIX else own


def _without(old: Route, new: Route) -> Route:
    """Take the methods from ``old`` that ``new`` has at the same place."""
    same = old.path == new.path and old.hosts == new.hosts
    return replace(old, methods=old.methods - new.methods) if same else old


def _is_of(spec: Spec, blueprint: Blueprint) -> TypeGuard[Mount]:
    return isinstance(spec, Mount) and spec.recorder is blueprint


def _own_signal(blueprint: Recorder, spec: SignalSpec) -> SignalSpec:
    """Add the blueprint to a handler's condition, for its own dispatch; the app's reaches it as before."""
    condition = {**spec.condition, BLUEPRINT: blueprint.name}
    return replace(spec, condition=condition, exclusive=spec.exclusive and bool(spec.condition))
