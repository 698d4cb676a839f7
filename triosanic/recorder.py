"""What an app and a blueprint have in common: decorators that write down what they decorate.

Nothing is looked up or sorted here. Once the app starts, ``blueprints.compile_router`` makes of the records
what requests are served from.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, TypeAlias, TypeVar, overload

from triosanic.errorpages import check_error_format
from triosanic.exceptions import SanicException, ServerError
from triosanic.handlers import ExceptionSpec, duplicate_handler, exception_classes, exception_specs
from triosanic.listeners import ListenerSpec, check_event, listener_spec
from triosanic.middleware import (
    REQUEST,
    RESPONSE,
    MiddlewareSpec,
    PriorityDecorator,
    Recording,
    check_attach_to,
    middleware_spec,
)
from triosanic.router import Handler, PatternSpec, RouteSpec, check_accepts, name_of
from triosanic.views import as_methods, is_view, methods_of

_HandlerT = TypeVar("_HandlerT", bound=Handler)
_Decorator: TypeAlias = Callable[[_HandlerT], _HandlerT]
Hosts: TypeAlias = str | Sequence[str] | None
Version: TypeAlias = int | str | float | None

# Sanic refuses dots, but `Sanic(__name__)` and `Blueprint(__name__)` were usual in its first years.
_is_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*").fullmatch

_POST: Final = frozenset({"POST"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where the records of a blueprint are put, with what it and whoever mounts it say taken together.

    Args:
        recorder: The blueprint.
        name: Its name within the app, unique there.
        url_prefix: Put before its paths.
        hosts: For routes that name none.
        strict_slashes: Likewise; ``None`` leaves it to the app.
        version: Likewise.
        version_prefix: Likewise.
    """

    recorder: "Recorder"
    name: str
    url_prefix: str = ""
    hosts: tuple[str, ...] = ()
    strict_slashes: bool | None = None
    version: Version = None
    version_prefix: str = "/v"


Spec: TypeAlias = RouteSpec | MiddlewareSpec | ListenerSpec | ExceptionSpec | PatternSpec | Mount


class _ListenerDecorator:
    """An attribute of a recorder: the decorator for listeners of the event that has its name."""

    __slots__ = ("_event",)

    def __set_name__(self, owner: type, name: str) -> None:
        self._event = name

    def __get__(self, recorder: "Recorder", owner: type) -> PriorityDecorator:
        return Recording(recorder.register_listener, self._event)


class Recorder:
    """Record routes, middleware, listeners and handlers of exceptions, in order.

    Attributes:
        name: The app's or blueprint's name.
        ctx: The program's own.
        specs: The records.
        frozen: Whether recording is an error, because the app serves already; see `freeze`.
        strict_slashes: For routes that say nothing.

    Raises:
        SanicException: The name is not of the form.
    """

    __slots__ = ("__weakref__", "_streams", "ctx", "frozen", "name", "specs", "strict_slashes")

    def __init__(
        self, name: str, *, strict_slashes: bool | None = None, is_request_stream: bool = False
    ) -> None:
        if not isinstance(name, str) or not _is_name(name):
            raise SanicException(
                f"{type(self).__name__} instance named {name!r} uses an invalid format. Names must begin "
                "with a character and may only contain alphanumeric characters, _, - or ."
            )
        self.name = name
        self.ctx = SimpleNamespace()
        self.specs: list[Spec] = []
        self.frozen = False
        self.strict_slashes = strict_slashes
        self._streams = is_request_stream

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(type(self), name):
            kind = type(self).__name__
            raise AttributeError(
                f"Setting variables on {kind} instances is not allowed. You should change your {kind} "
                f"instance to use instance.ctx.{name} instead."
            )
        object.__setattr__(self, name, value)

    @property
    def is_request_stream(self) -> bool:
        """Whether a handler reads the body itself, or the program has said that one will.

        Source: Sanic up to 20.12.
        """
        return self._streams or any(
            spec.recorder.is_request_stream if isinstance(spec, Mount) else bool(spec.stream_methods)
            for spec in self.specs
            if isinstance(spec, Mount | RouteSpec)
        )

    @is_request_stream.setter
    def is_request_stream(self, value: bool) -> None:
        self._streams = value

    def freeze(self, frozen: bool = True) -> None:
        """Make recording an error from now on, here and in what is mounted; ``False`` allows it again."""
        self.frozen = frozen
        for spec in self.specs:
            if isinstance(spec, Mount):
                spec.recorder.freeze(frozen)

    def record(self, spec: Spec) -> None:
        """Write down a record.

        Raises:
            ServerError: The app serves already.
        """
        if self.frozen:
            raise ServerError(
                f"{self.name!r} serves already, so nothing can be added to it; "
                "move it to where the app is made"
            )
        self.specs.append(spec)

    def route(
        self,
        uri: str,
        methods: Iterable[str] | str | None = None,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        *,
        version: Version = None,
        name: str | None = None,
        ignore_body: bool = False,
        apply: bool = True,
        unquote: bool = False,
        version_prefix: str = "/v",
        error_format: str | None = None,
        cancel_on_disconnect: bool = True,
        response_timeout: float | None = None,
        **ctx: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve a path with what is decorated.

        Args:
            uri: The path, with parameters as ``<name:type>``; a slash that is missing in front is added.
            methods: Methods; none means GET, or those of a view.
            host: Values of the Host field to answer to; ``None`` means all.
            strict_slashes: Whether a slash at the end makes another path.
            stream: Whether the handler reads the body itself, piece by piece.
            version: Put before the path, after ``version_prefix``.
            name: The route's name within the app or blueprint; ``None`` takes the handler's.
            ignore_body: Whether the body is not read before the handler runs.
            apply: ``False`` checks all this, but serves nothing.
            unquote: Whether to decode parameters.
            version_prefix: What stands before the version.
            error_format: ``html``, ``json``, ``text`` or ``auto``.
            cancel_on_disconnect: Whether the handler is cancelled when the client leaves.
            response_timeout: Seconds; ``None`` takes the configuration's.
            ctx: ``ctx_a=1`` becomes ``request.route.ctx.a``.

        Raises:
            TypeError: ``uri`` is no text, or the name of an argument is not known.
            ValueError: A method is none of HTTP's, or the handler does not take the request.
            SanicException: There is no such error format.
            ServerError: The app serves already.

        Source: Sanic 25.12; ``cancel_on_disconnect`` and ``response_timeout`` are triosanic's.
        """
        if not isinstance(uri, str):
            raise TypeError(f"uri must be a text, not {uri!r}; a decorator for routes is called with a path")
        if error_format is not None:
            check_error_format(error_format)
        wanted = as_methods(methods)
        make = partial(
            RouteSpec,
            uri=uri,
            hosts=as_hosts(host),
            strict_slashes=strict_slashes,
            version=version,
            version_prefix=version_prefix,
            ignore_body=ignore_body,
            error_format=error_format,
            unquote=unquote,
            cancel_on_disconnect=cancel_on_disconnect,
            response_timeout=response_timeout,
            ctx=_as_ctx(ctx),
        )

        def decorate(handler: _HandlerT) -> _HandlerT:
            _check_handler(handler)
            served, streaming = methods_of(handler, wanted, stream)
            spec = make(
                handler=handler, name=name or name_of(handler), methods=served, stream_methods=streaming
            )
            if apply:
                self.record(spec)
            return handler

        return decorate

    def add_route(
        self,
        handler: _HandlerT,
        uri: str,
        methods: Iterable[str] | str | None = None,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        **options: Any,
    ) -> _HandlerT:
        """Serve a path with a handler; the options are those of `route`.

        A view serves its own methods, whatever ``methods`` says.
        """
        chosen = None if is_view(handler) else methods
        return self.route(uri, chosen, host, strict_slashes, **options)(handler)

    def get(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        *,
        ignore_body: bool = True,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve GET; the options are those of `route`."""
        return self.route(uri, "GET", host, strict_slashes, ignore_body=ignore_body, **options)

    def head(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        *,
        ignore_body: bool = True,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve HEAD; the options are those of `route`."""
        return self.route(uri, "HEAD", host, strict_slashes, ignore_body=ignore_body, **options)

    def options(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        *,
        ignore_body: bool = True,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve OPTIONS; the options are those of `route`."""
        return self.route(uri, "OPTIONS", host, strict_slashes, ignore_body=ignore_body, **options)

    def delete(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        *,
        ignore_body: bool = False,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve DELETE; the options are those of `route`."""
        return self.route(uri, "DELETE", host, strict_slashes, ignore_body=ignore_body, **options)

    def post(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve POST; the options are those of `route`."""
        return self.route(uri, "POST", host, strict_slashes, stream, **options)

    def put(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve PUT; the options are those of `route`."""
        return self.route(uri, "PUT", host, strict_slashes, stream, **options)

    def patch(
        self,
        uri: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve PATCH; the options are those of `route`."""
        return self.route(uri, "PATCH", host, strict_slashes, stream, **options)

    def stream(
        self,
        uri: str,
        methods: Iterable[str] | str = _POST,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Serve a path with a handler that reads the body itself, piece by piece.

        Source: Sanic of May 2017 ``app.stream`` and ``bp.stream``; the options are those of `route`.
        """
        return self.route(uri, methods, host, strict_slashes, stream=True, **options)

    @overload
    def middleware(
        self, middleware_or_request: str, *, priority: int = 0
    ) -> Callable[[_HandlerT], _HandlerT]: ...

    @overload
    def middleware(
        self, middleware_or_request: _HandlerT, attach_to: str = REQUEST, *, priority: int = 0
    ) -> _HandlerT: ...

    def middleware(self, middleware_or_request: Any, attach_to: str = REQUEST, *, priority: int = 0) -> Any:
        """Run what is decorated before the handler, or after it for ``"response"``.

        ``@app.middleware``, ``@app.middleware("response")`` and ``app.middleware(fn, "response")`` all work.
        """
        if isinstance(middleware_or_request, str):
            kind = check_attach_to(middleware_or_request)
            return partial(Recording(self.register_middleware, kind), priority=priority)
        return self.register_middleware(middleware_or_request, attach_to, priority=priority)

    @property
    def on_request(self) -> PriorityDecorator:
        """Run what is decorated before the handler."""
        return Recording(self.register_middleware, REQUEST)

    @property
    def on_response(self) -> PriorityDecorator:
        """Run what is decorated after the handler."""
        return Recording(self.register_middleware, RESPONSE)

    def register_middleware(
        self, middleware: _HandlerT, attach_to: str = REQUEST, *, priority: int = 0
    ) -> _HandlerT:
        """Run a function for each request.

        Args:
            middleware: Takes the request; for ``"response"`` the response too.
            attach_to: ``"request"`` or ``"response"``.
            priority: The higher, the closer to the client.

        Raises:
            ValueError: There is no such kind, or the function does not take its arguments.
            ServerError: The app serves already.
        """
        self.record(middleware_spec(middleware, attach_to, priority))
        return middleware

    def register_named_middleware(
        self,
        middleware: _HandlerT,
        route_names: Iterable[str],
        attach_to: str = REQUEST,
        *,
        priority: int = 0,
    ) -> _HandlerT:
        """Run a function for each request to some routes, named in whole; else as `register_middleware`."""
        self.record(middleware_spec(middleware, attach_to, priority, frozenset(route_names)))
        return middleware

    def exception(
        self, *exceptions: type[BaseException] | Iterable[type[BaseException]]
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Have what is decorated answer for exceptions of these classes; it takes the request and exception.

        Raises:
            TypeError: No class is given, or something else.
            ValueError: The handler does not take its arguments.
            ServerError: One of them has a handler here, or the app serves already.
        """
        classes = exception_classes(exceptions)

        def decorate(handler: _HandlerT) -> _HandlerT:
            for spec in exception_specs(classes, handler):
                if any(
                    isinstance(old, ExceptionSpec) and old.exception is spec.exception for old in self.specs
                ):
                    raise duplicate_handler(spec.exception)
                self.record(spec)
            return handler

        return decorate

    def all_exceptions(self, handler: _HandlerT) -> _HandlerT:
        """Have what is decorated answer for every exception that nothing else does."""
        return self.exception(Exception)(handler)

    def listener(self, event: str, *, priority: int = 0) -> Callable[[_HandlerT], _HandlerT]:
        """Run what is decorated at one of ``listeners.EVENTS``."""
        return partial(Recording(self.register_listener, check_event(event)), priority=priority)

    def register_listener(self, listener: _HandlerT, event: str, *, priority: int = 0) -> _HandlerT:
        """Run a function at an event.

        Args:
            listener: Takes the app, or the app and its nursery.
            event: One of ``listeners.EVENTS``.
            priority: The higher, the closer to the outside: earlier at the start, later at the stop.

        Raises:
            ValueError: There is no such event, or the function does not take the app.
            ServerError: The app serves already.
        """
        self.record(listener_spec(listener, event, priority))
        return listener

    main_process_start = _ListenerDecorator()
    main_process_ready = _ListenerDecorator()
    main_process_stop = _ListenerDecorator()
    reload_process_start = _ListenerDecorator()
    reload_process_stop = _ListenerDecorator()
    before_reload_trigger = _ListenerDecorator()
    after_reload_trigger = _ListenerDecorator()
    before_server_start = _ListenerDecorator()
    after_server_start = _ListenerDecorator()
    before_server_stop = _ListenerDecorator()
    after_server_stop = _ListenerDecorator()

    def register_pattern(
        self, label: str, cast: Callable[[str], object], pattern: str | re.Pattern[str]
    ) -> None:
        """Add a type of path parameters, used as ``<name:label>``.

        Args:
            label: The type's name.
            cast: Makes the value of the text; raises ValueError if it is none.
            pattern: What the text looks like, where the whole path is matched by a regular expression.

        Source: Sanic 25.12 ``app.router.register_pattern``.
        """
        self.record(PatternSpec(label, cast, pattern))


def as_hosts(host: Hosts) -> tuple[str, ...]:
    """Give hosts as they are compared: in lower case (RFC 9110 §4.2.3), each once."""
    hosts = [host] if isinstance(host, str) else host or ()
    return tuple(dict.fromkeys(one.lower() for one in hosts))


def _as_ctx(ctx: Mapping[str, object]) -> Mapping[str, object]:
    unknown = [key for key in ctx if not key.startswith("ctx_")]
    if unknown:
        raise TypeError(f"Unexpected keyword arguments: {', '.join(unknown)}")
    return MappingProxyType({key.removeprefix("ctx_"): value for key, value in ctx.items()})


def _check_handler(handler: Handler) -> None:
    if isclass(handler):
        raise ValueError(f"a route must have a function, not the class {name_of(handler)}; use its as_view()")
    check_accepts(handler, 1, "`request`", "route")
