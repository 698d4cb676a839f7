"""Blueprints, and what becomes of all records when the app starts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Final, TypeAlias, TypeVar

from triosanic.errorpages import infer_format
from triosanic.handlers import ErrorHandler, ExceptionSpec
from triosanic.listeners import ListenerSpec, by_event
from triosanic.middleware import REQUEST, RESPONSE, MiddlewareSpec, in_running_order
from triosanic.recorder import Hosts, Mount, Recorder, Spec, Version, as_hosts
from triosanic.router import Handler, PatternSpec, Route, Router, RouteSpec, infer_types

_SpecT = TypeVar("_SpecT", bound=Spec)

_DEFAULT_PREFIX: Final = "/v"


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

    __slots__ = ("host", "url_prefix", "version", "version_prefix")

    def __init__(
        self,
        name: str,
        url_prefix: str | None = None,
        host: Hosts = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        *,
        version_prefix: str = _DEFAULT_PREFIX,
    ) -> None:
        super().__init__(name, strict_slashes=strict_slashes)
        self.url_prefix = url_prefix
        self.host = host
        self.version = version
        self.version_prefix = version_prefix


Blueprints: TypeAlias = "Blueprint | Iterable[Blueprints]"


def mount(
    recorder: Recorder,
    blueprints: Blueprints,
    *,
    url_prefix: str | None = None,
    version: Version = None,
    strict_slashes: bool | None = None,
    version_prefix: str = _DEFAULT_PREFIX,
    name_prefix: str = "",
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
        AssertionError: A blueprint of that name is mounted already.
        ServerError: The app serves already.

    Source: Sanic 25.12 ``app.blueprint``; precedence: a route's own, the blueprint's, what is said here.
    """
    if not isinstance(blueprints, Blueprint):
        for blueprint in blueprints:
            mount(
                recorder,
                blueprint,
                url_prefix=url_prefix,
                version=version,
                strict_slashes=strict_slashes,
                version_prefix=version_prefix,
                name_prefix=name_prefix,
            )
        return
    blueprint = blueprints
    name = f"{name_prefix}_{blueprint.name}" if name_prefix else blueprint.name
    if any(spec.name == name for spec in recorder.specs if isinstance(spec, Mount)):
        raise AssertionError(
            f'A blueprint with the name "{name}" is already registered.  Blueprint names must be unique.'
        )
    recorder.record(
        Mount(
            recorder=blueprint,
            name=name,
            url_prefix=(blueprint.url_prefix if url_prefix is None else url_prefix) or "",
            hosts=as_hosts(blueprint.host),
            strict_slashes=strict_slashes if blueprint.strict_slashes is None else blueprint.strict_slashes,
            version=version if blueprint.version is None else blueprint.version,
            version_prefix=_first_prefix(blueprint.version_prefix, version_prefix),
        )
    )


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
    routes = [_route(app, place, spec) for place, spec in _placed(app, RouteSpec)]
    middleware = list(_placed(app, MiddlewareSpec))
    everywhere = [spec for place, spec in middleware if place.recorder is app and spec.route_names is None]
    return Router(
        (_with_middleware(route, app, middleware) for route in routes),
        patterns=[spec for _, spec in _placed(app, PatternSpec)],
        request_middleware=in_running_order(everywhere, REQUEST),
        response_middleware=in_running_order(everywhere, RESPONSE),
    )


def compile_listeners(app: Recorder) -> Mapping[str, tuple[ListenerSpec, ...]]:
    """Give an app's listeners and those of its blueprints by event, in the order they run."""
    return by_event(spec for _, spec in _placed(app, ListenerSpec))


def compile_error_handler(app: Recorder, router: Router, error_handler: ErrorHandler) -> ErrorHandler:
    """Copy an error handler and add the handlers of exceptions of an app and its blueprints.

    Those of a blueprint answer for its routes only.

    Raises:
        ServerError: Exceptions of one class have two handlers.
    """
    compiled = error_handler.copy()
    for place, spec in _placed(app, ExceptionSpec):
        names = (
            None if place.recorder is app else [r.name for r in router.routes if r.blueprint == place.name]
        )
        compiled.add(spec.exception, spec.handler, names)
    return compiled


def _placed(app: Recorder, kind: type[_SpecT]) -> Iterator[tuple[Mount, _SpecT]]:
    """Give the records of one kind with their place, a blueprint's where it was mounted."""
    root = Mount(recorder=app, name="", strict_slashes=app.strict_slashes)
    for spec in app.specs:
        if isinstance(spec, kind):
            yield root, spec
        elif isinstance(spec, Mount):
            for inner in spec.recorder.specs:
                if isinstance(inner, kind):
                    yield spec, inner


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
        blueprint=place.name or None,
        ctx=SimpleNamespace(**spec.ctx),
        extra=SimpleNamespace(
            ident=name,
            ignore_body=spec.ignore_body,
            stream=bool(spec.stream_methods),
            hosts=hosts,
            static=False,
            error_format=error_format,
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
    """Put together ``{version_prefix}{version}{url_prefix}{uri}``, the version being ``1`` or ``v1``."""
    uri = infer_types(spec.uri, spec.handler)
    prefix = place.url_prefix.strip("/")
    # Sanic: a blueprint's "" is the prefix itself, while a strict "/" is the prefix with a slash at its end.
    path = f"{prefix}/{uri.lstrip('/')}" if prefix and uri else prefix or uri
    version = place.version if spec.version is None else spec.version
    if version is not None:
        number = str(version).strip("/").lstrip("v")
        version_prefix = _first_prefix(spec.version_prefix, place.version_prefix)
        path = f"{version_prefix}{number}/{path.lstrip('/')}"
    return f"/{path.lstrip('/')}"


def _first_prefix(own: str, outer: str) -> str:
    return outer if own == _DEFAULT_PREFIX else own
