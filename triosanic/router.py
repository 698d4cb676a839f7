"""Find the route that answers a request.

sanic-routing reads the paths and matches them, so that their syntax is Sanic's own. A table in front of it
answers for paths without parameters, and what sanic-routing gets wrong is put right here.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache, partial
from inspect import signature
from types import MappingProxyType, SimpleNamespace
from typing import Final, NoReturn, TypeAlias
from urllib.parse import unquote
from uuid import UUID

from sanic_routing import BaseRouter
from sanic_routing import Route as Match
from sanic_routing.exceptions import BaseException as RoutingError
from sanic_routing.exceptions import FinalizationError, NoMethod, ParameterNameConflicts, RouteExists
from sanic_routing.exceptions import NotFound as NoMatch
from sanic_routing.patterns import REGEX_TYPES, ParamInfo

from triosanic.bodyrules import BodyRules
from triosanic.exceptions import MethodNotAllowed, NotFound, SanicException, ServerError
from triosanic.log import logger

Handler: TypeAlias = Callable[..., object]
Params: TypeAlias = Mapping[str, object]
Hosts: TypeAlias = str | Iterable[str] | None
Version: TypeAlias = int | str | float | None

# How many paths with parameters are remembered, and of what length at most: a client chooses them.
_RECENT_PATHS: Final = 1_024
_MAX_RECENT_CHARACTERS: Final = 128
NO_PARAMS: Final[Params] = MappingProxyType({})

# sanic-routing drops the slashes at a path's end one by one, each time splitting what is left: a URL of
# 8 KiB of slashes would cost a second, or a RecursionError. Nobody serves a path with nine.
_TOO_MANY_SLASHES: Final = "/" * 9

# Sanic's own, for its static files; all other names that start so are refused.
_ALLOWED_DUNDERS: Final = frozenset({"__file_uri__"})

# The strings are what `from __future__ import annotations` leaves.
_INFERRED_TYPES: Final[Mapping[object, str]] = MappingProxyType(
    {str: "str", int: "int", float: "float", UUID: "uuid"}
    | {"str": "str", "int": "int", "float": "float", "UUID": "uuid", "uuid.UUID": "uuid"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """What a decorator records of a route, before it is known where it will be mounted.

    Args:
        methods: Methods in upper case.
        name: The last part of the route's name.
        hosts: Values of the Host field that it answers to; none means all.
        strict_slashes: ``None`` leaves it to the blueprint, and then to the app.
        stream_methods: Those of ``methods`` whose handler reads the body itself, piece by piece.
        response_timeout: Seconds; ``None`` takes the configuration's.
        body_rules: How it takes bodies; ``None``: as the configuration says.
        compress: Whether its responses are compressed; ``None``: likewise.
        ctx: What ``route.ctx`` will hold.
    """

    handler: Handler
    uri: str
    methods: frozenset[str]
    name: str
    hosts: tuple[str, ...] = ()
    strict_slashes: bool | None = None
    stream_methods: frozenset[str] = frozenset()
    version: Version = None
    version_prefix: str = "/v"
    ignore_body: bool = False
    error_format: str | None = None
    unquote: bool = False
    cancel_on_disconnect: bool = True
    response_timeout: float | None = None
    body_rules: BodyRules | None = None
    compress: bool | None = None
    ctx: Mapping[str, object] = field(default_factory=lambda: NO_PARAMS)


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """A type of path parameters that a program adds: ``<name:label>``.

    Args:
        cast: Makes the value of the text; raises ValueError if it is none.
        pattern: What the text looks like, where the whole path is matched by a regular expression.
    """

    label: str
    cast: Callable[[str], object]
    pattern: str | re.Pattern[str]


# What `str` and `float` were called until Sanic 21.
_OF_2017: Final = (
    PatternSpec("string", str, REGEX_TYPES["str"][1]),
    PatternSpec("number", float, REGEX_TYPES["float"][1]),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """A route as a request sees it.

    Args:
        name: ``app.handler`` or ``app.blueprint.handler``.
        path: The whole path without its first slash, as ``v1/items/<id:int>``.
        hosts: Values of the Host field that it answers to, in lower case; none means all.
        stream_methods: Methods whose handler reads the body itself, piece by piece.
        response_timeout: Seconds; ``None`` takes the configuration's.
        body_rules: How it takes bodies; ``None``: as the configuration says.
        compress: Whether its responses are compressed; ``None``: likewise.
        labels: Names of the path's parameters, in order.
        segments: The path's parts, parameters as sanic-routing reads them.
        request_middleware: What runs before the handler, in this order.
        response_middleware: What runs after it, in this order.
        ctx: The program's; filled from the decorator's ``ctx_*`` arguments.
        extra: What Sanic keeps there: ``ident``, ``ignore_body``, ``stream`` and so on.
    """

    name: str
    path: str
    methods: frozenset[str]
    handler: Handler
    hosts: tuple[str, ...] = ()
    strict: bool = False
    unquote: bool = False
    stream_methods: frozenset[str] = frozenset()
    ignore_body: bool = False
    error_format: str | None = None
    cancel_on_disconnect: bool = True
    response_timeout: float | None = None
    body_rules: BodyRules | None = None
    compress: bool | None = None
    blueprint: str | None = None
    labels: tuple[str, ...] = ()
    segments: tuple[str | ParamInfo, ...] = ()
    request_middleware: tuple[Handler, ...] = ()
    response_middleware: tuple[Handler, ...] = ()
    ctx: SimpleNamespace = field(default_factory=SimpleNamespace)
    extra: SimpleNamespace = field(default_factory=SimpleNamespace)

    @property
    def uri(self) -> str:
        """The path with its first slash."""
        return f"/{self.path}"


Found: TypeAlias = tuple[Route, Params]


class Router:
    """All routes of an app, never changed once made.

    Args:
        routes: Paths as the program wrote them, types of parameters included.
        patterns: Types of parameters beside Sanic's own.
        request_middleware: What runs before the answer to a request that no route serves.
        response_middleware: What runs after it.

    Raises:
        FinalizationError: There is no route.
        InvalidUsage, ValueError: A path is not of the form.
        ParameterNameConflicts: Two parameters of a path have one name, or one has two.
        RouteExists: Two routes have the same path, method and host.
        SanicException: The name of a parameter starts with two underscores.
        ServerError: Two routes have one name.
    """

    __slots__ = ("_anywhere", "_by_host", "_by_name", "request_middleware", "response_middleware", "routes")

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        patterns: Sequence[PatternSpec] = (),
        request_middleware: tuple[Handler, ...] = (),
        response_middleware: tuple[Handler, ...] = (),
    ) -> None:
        shaped = [_shape(route, patterns) for route in routes]
        if not shaped:
            raise FinalizationError("Cannot finalize with no routes defined.")
        self.routes = tuple(route for route, _ in shaped)
        self.request_middleware = request_middleware
        self.response_middleware = response_middleware
        self._by_name = {route.name: route for route in self.routes}
        _refuse_duplicate_names(self.routes)
        anywhere = [pair for pair in shaped if not pair[0].hosts]
        self._anywhere = _Table(anywhere, (), patterns)
        self._by_host = {
            host: _Table([pair for pair in shaped if host in pair[0].hosts], anywhere, patterns)
            for host in {host for route in self.routes for host in route.hosts}
        }

    def resolve(self, method: str, path: str, host: str) -> Found:
        """Find the route for a request, and the values of its parameters.

        A host's own routes hide those for any host; where it has none of that path and method, the others
        answer.

        Args:
            method: As the client sent it; methods are case-sensitive.
            path: The target without its query, not decoded.
            host: The Host field, with the port if it has one; whatever its case.

        Raises:
            NotFound: No route has this path.
            MethodNotAllowed: None has it with this method; ``allowed_methods`` says which there are.

        Source: Sanic 25.12 and sanic-routing; host by host as up to Sanic 20.12; RFC 9110 §4.2.3, §15.5.6.
        """
        table = self._anywhere
        if self._by_host:
            table = self._by_host.get(host.lower(), table)
        by_method = table.static.get(path)
        if by_method is not None:
            found = by_method.get(method)
            if found is not None:
                return found
        return table.find(method, path)

    def find_by_name(self, name: str) -> Route | None:
        """Give the route of this whole name, as ``app.blueprint.handler``."""
        return self._by_name.get(name)


def infer_types(uri: str, handler: Handler) -> str:
    """Write the types of parameters that ``uri`` leaves open, as the handler annotates them.

    ``/items/<id>`` becomes ``/items/<id:int>`` for ``def handler(request, id: int)``.

    Source: Sanic 25.12 for str, int, float and UUID; there annotations that are strings do not count.
    """
    if "<" not in uri:
        return uri
    try:
        annotations = {name: param.annotation for name, param in signature(handler).parameters.items()}
    except (TypeError, ValueError):
        return uri
    return "/".join(_typed(part, annotations) for part in uri.split("/"))


def name_of(handler: Handler) -> str:
    """Give the name that a handler gives to its route."""
    while isinstance(handler, partial):
        handler = handler.func
    return str(getattr(handler, "__name__", type(handler).__name__))


def accepts(handler: Handler, count: int, *, exactly: bool = False) -> bool:
    """Say whether it can be called with so many arguments by position, and others by name.

    Args:
        exactly: Whether it must not need more by position.
    """
    try:
        params = signature(handler).parameters.values()
    except (TypeError, ValueError):
        # Functions written in C may have none; calling them will tell.
        return True
    placed = [param for param in params if param.kind in {param.POSITIONAL_ONLY, param.POSITIONAL_OR_KEYWORD}]
    needed = sum(param.default is param.empty for param in placed)
    takes_any = any(param.kind is param.VAR_POSITIONAL for param in params)
    return (takes_any or len(placed) >= count) and not (exactly and needed > count)


def check_accepts(handler: Handler, count: int, names: str, kind: str) -> None:
    """Refuse a function that cannot be called as its kind is.

    Args:
        count: How many arguments it gets by position.
        names: What they are, for the message.
        kind: What it is to be, likewise.

    Raises:
        TypeError: It cannot be called at all.
        ValueError: It does not take so many arguments.
    """
    if not callable(handler):
        raise TypeError(f"a {kind} must be callable, not {handler!r}")
    if not accepts(handler, count):
        raise ValueError(f"Required parameter {names} missing in the {name_of(handler)}() {kind}?")


def _typed(part: str, annotations: Mapping[str, object]) -> str:
    annotation = annotations.get(part[1:-1])
    if not part.startswith("<") or not part.endswith(">") or not isinstance(annotation, type | str):
        return part
    label = _INFERRED_TYPES.get(annotation)
    return part if label is None else f"{part[:-1]}:{label}>"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What sanic-routing makes of a path: ``segments`` are the same for paths that match the same."""

    segments: tuple[str, ...]
    regex: bool


_Shaped: TypeAlias = tuple[Route, _Shape]
# Who serves a path: routes by the path's shape and the method.
_Taken: TypeAlias = dict[tuple[str, ...], dict[str, Route]]


class Claims:
    """Who serves which path, method and host, so that a second route for them is refused where it is made."""

    __slots__ = ("_by_host",)

    def __init__(self) -> None:
        self._by_host: dict[str | None, _Taken] = {}

    def add(self, route: Route, patterns: Sequence[PatternSpec], *, overwrite: bool = False) -> None:
        """Note what a route serves.

        Args:
            route: Its path as the program wrote it.
            patterns: Types of parameters beside Sanic's own.
            overwrite: Whether it may serve what another one does.

        Raises:
            Exception: As `Router`, for one route, and for two of the same path, method and host.
        """
        shaped, shape = _shape(route, patterns)
        _warn_of_words(shaped, patterns)
        for host in shaped.hosts or (None,):
            _take(self._by_host.setdefault(host, {}), shaped, shaped.methods, shape, overwrite=overwrite)


def _take(
    taken: _Taken, route: Route, methods: frozenset[str], shape: _Shape, *, overwrite: bool = False
) -> None:
    others = taken.setdefault(shape.segments, {})
    clash = None if overwrite else min(methods & others.keys(), default=None)
    if clash is not None:
        raise RouteExists(
            f"{clash} {route.uri} of {route.name!r} is already served by {others[clash].name!r}; "
            "give one of them another path, method or host"
        )
    for other in others.values():
        # One regular expression serves all methods of a path, so its names are those of one route.
        if shape.regex and other.labels != route.labels:
            raise ParameterNameConflicts(
                f"{route.uri} of {route.name!r} and {other.uri} of {other.name!r} are the same path; "
                "give their parameters the same names"
            )
    others.update(dict.fromkeys(methods, route))


class _Tree(BaseRouter):
    """sanic-routing's matcher, kept from two ways to fail that a client could choose."""

    def __init__(self, patterns: Iterable[PatternSpec]) -> None:
        super().__init__()
        for pattern in (*_OF_2017, *patterns):
            self.register_pattern(pattern.label, _named(pattern.cast), pattern.pattern)

    def get(self, **_: object) -> NoReturn:
        """Abstract in the base class; `resolve` is what we call."""
        raise NotImplementedError

    def place(self, route: Route, methods: frozenset[str]) -> Match:
        """Add a route for these of its methods."""
        # Decoding is left to us: asked for once, sanic-routing decodes for other routes too, and never
        # what a regular expression matched.
        return self.add(route.path, route.handler, methods, route.name, strict=route.strict)

    def resolve(
        self,
        path: str,
        *,
        method: str | None = None,
        orig: str | None = None,
        extra: dict[str, str] | None = None,
    ) -> tuple[Match, Handler, dict[str, object]]:
        """Match a path; called again by itself, with ``orig``, for the path without its last slash."""
        if orig is not None and orig.endswith(_TOO_MANY_SLASHES):
            raise self.exception(path=path)
        try:
            return super().resolve(path, method=method, orig=orig, extra=extra)
        except IndexError:
            if orig != "//":
                raise
            # Where the root is strict, it compares the last letters, of which an empty path has none.
            raise self.exception(path=path) from None


class _Table:
    """The routes that one host has.

    Args:
        own: Routes of which no two may serve the same.
        shared: Routes that serve what ``own`` leaves.
    """

    __slots__ = ("_methods", "_recent", "_routes", "_tree", "static")

    def __init__(
        self, own: Sequence[_Shaped], shared: Sequence[_Shaped], patterns: Iterable[PatternSpec]
    ) -> None:
        self._tree = _Tree(patterns)
        self._routes: dict[str, Route] = {}
        taken: _Taken = {}
        for route, shape in own:
            self._place(route, route.methods, shape, taken)
        for route, shape in shared:
            left = route.methods - taken.get(shape.segments, {}).keys()
            if left:
                self._place(route, left, shape, taken)
        # Sanic's number, and so is the consequence: what a parameter's type makes of a text may be shared.
        self._recent = lru_cache(_RECENT_PATHS)(self._search)
        self._methods = sorted({method for route in self._routes.values() for method in route.methods})
        if self._routes:
            self._tree.finalize()
        self.static: dict[str, dict[str, Found]] = {
            "/" + "/".join(parts): {
                method: (self._routes[match.name], NO_PARAMS) for method, match in group.methods_index.items()
            }
            for parts, group in self._tree.static_routes.items()
        }

    def _place(
        self,
        route: Route,
        methods: frozenset[str],
        shape: _Shape,
        taken: _Taken,
    ) -> None:
        _take(taken, route, methods, shape)
        self._routes[route.name] = route
        self._tree.place(route, methods)

    def find(self, method: str, path: str) -> Found:
        """Find what is not in ``static``: parameters, slashes at the end, and errors."""
        search = self._search if len(path) > _MAX_RECENT_CHARACTERS else self._recent
        route, params = search(method, path)
        return route, params.copy()

    def _search(self, method: str, path: str) -> tuple[Route, dict[str, object]]:
        if not self._routes or not path.startswith("/"):
            raise _nothing_at(path)
        try:
            match, _, params = self._tree.resolve(path, method=method)
        except NoMatch:
            raise _nothing_at(path) from None
        except NoMethod:
            allowed = [other for other in self._methods if self._serves(other, path)]
            if not allowed:
                raise _nothing_at(path) from None
            raise MethodNotAllowed(
                f"Method {method} not allowed for URL {path}", method=method, allowed_methods=allowed
            ) from None
        route = self._routes[match.name]
        if route.unquote:
            params = {
                name: unquote(value) if isinstance(value, str) else value for name, value in params.items()
            }
        return route, params

    def _serves(self, method: str, path: str) -> bool:
        try:
            self._tree.resolve(path, method=method)
        except (NoMatch, NoMethod):
            return False
        return True


def _shape(route: Route, patterns: Sequence[PatternSpec]) -> _Shaped:
    """Have sanic-routing read one path, so that its complaints can name the route."""
    tree = _Tree(patterns)
    try:
        match = tree.place(route, route.methods)
        tree.finalize(do_compile=False)
    except (RoutingError, ValueError) as error:
        error.add_note(f"in the path {route.path!r} of {route.name!r}")
        raise
    labels = tuple(param.name for _, param in sorted(match.defined_params.items()))
    segments = tuple(match.defined_params.get(place, part) for place, part in enumerate(match.parts))
    shaped = replace(route, path=match.path, labels=labels, segments=segments)
    for label in labels:
        if label.startswith("__") and label not in _ALLOWED_DUNDERS:
            raise SanicException(f"Invalid route: {shaped.uri}. Parameter names cannot use '__'.")
    return shaped, _Shape(match.segments, match.regex)


def _warn_of_words(route: Route, patterns: Sequence[PatternSpec]) -> None:
    """Say so where the type of a parameter is unknown: it is a regular expression then, as in Sanic."""
    known = [*REGEX_TYPES, *(pattern.label for pattern in patterns)]
    for part in route.segments:
        if isinstance(part, ParamInfo) and part.regex and part.label.isalpha():
            nearest = get_close_matches(part.label.lower(), known, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            logger.warning(
                "<%s:%s> of %s: no type of parameters is called so, so it matches only this word%s",
                *(part.name, part.label, route.uri, hint),
            )


def _named(cast: Callable[[str], object]) -> Callable[[str], object]:
    """Give a cast a name of its own: sanic-routing's generated code finds it by name, process-wide."""

    def convert(text: str) -> object:
        return cast(text)

    # The table that it is found in keeps the cast alive, so the number stays its own.
    convert.__name__ = f"cast_{id(cast)}"
    return convert


def _nothing_at(path: str) -> NotFound:
    """Make the error for a path that no route has; slashes at its end are not told, as in Sanic."""
    return NotFound(f"Requested URL {path.rstrip('/')} not found")


def _refuse_duplicate_names(routes: Iterable[Route]) -> None:
    seen: set[str] = set()
    duplicates: dict[str, None] = {}
    for route in routes:
        if route.name in seen:
            duplicates[route.name] = None
        seen.add(route.name)
    if duplicates:
        raise ServerError(
            f"Duplicate route names detected: {', '.join(duplicates)}. "
            "You should rename one or more of them explicitly by using the `name` param, "
            "or changing the implicit name derived from the class and function name."
        )
