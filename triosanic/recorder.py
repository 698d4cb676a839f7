"""What an app and a blueprint have in common: decorators that write down what they decorate.

Nothing is looked up or sorted here. Once the app starts, ``blueprints.compile_router`` makes of the records
what requests are served from.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isclass
from os import PathLike
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, TypeAlias, TypeVar

from triosanic.bodyrules import take_body_rules
from triosanic.config import check_override
from triosanic.errorpages import check_error_format
from triosanic.exceptions import SanicException, ServerError
from triosanic.handlers.error import ExceptionSpec, duplicate_handler, exception_classes, exception_specs
from triosanic.helpers import check_type
from triosanic.listeners import ListenerDecorator, ListenerSpec, listener, register_listener
from triosanic.middleware import (
    REQUEST,
    RESPONSE,
    MiddlewareDecorator,
    MiddlewareSpec,
    middleware,
    middleware_spec,
)
from triosanic.router import Handler, Hosts, PatternSpec, RouteSpec, Version, check_accepts, name_of
from triosanic.signals import SignalSpec, add_signal, signal
from triosanic.static import ANY_NAME, static_route
from triosanic.verbs import delete, get, head, options, patch, post, put
from triosanic.views import as_methods, is_view, methods_of
from triosanic.websocket.record import add_websocket_route, websocket

_HandlerT = TypeVar("_HandlerT", bound=Handler)
_Decorator: TypeAlias = Callable[[_HandlerT], _HandlerT]

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
        overwrite: Whether its routes replace earlier ones of the same path, method and host.
    """

    recorder: "Recorder"
    name: str
    url_prefix: str = ""
    hosts: tuple[str, ...] = ()
    strict_slashes: bool | None = None
    version: Version = None
    version_prefix: str = "/v"
    overwrite: bool = False


Spec: TypeAlias = RouteSpec | MiddlewareSpec | ListenerSpec | ExceptionSpec | SignalSpec | PatternSpec | Mount


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
        TypeError: It is no string.
    """

    __slots__ = ("__weakref__", "_streams", "ctx", "frozen", "name", "specs", "strict_slashes")

    def __init__(
        self, name: str, *, strict_slashes: bool | None = None, is_request_stream: bool = False
    ) -> None:
        if name is None:
            raise SanicException(
                f"{type(self).__name__} instance cannot be unnamed. "
                "Please use Sanic(name='your_application_name') instead."
            )
        check_type("the name", name, str)
        if not _is_name(name):
            error = SanicException(
                f"{type(self).__name__} instance named '{name}' uses an invalid format. Names must begin "
                "with a character and may only contain alphanumeric characters, _, or -."
            )
            error.add_note("here they may contain dots, too")
            raise error
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
                "move it to where the app is made, or into `with app.amend():`"
            )
        self.specs.append(spec)

    def route(  # noqa: PLR0917  # Sanic's arguments
        self,
        uri: str,
        methods: Iterable[str] | str | None = None,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        version: Version = None,
        name: str | None = None,
        ignore_body: bool = False,
        apply: bool = True,
        *,
        unquote: bool = False,
        version_prefix: str = "/v",
        error_format: str | None = None,
        cancel_on_disconnect: bool = True,
        response_timeout: float | None = None,
        compress: bool | None = None,
        **options: Any,
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
            compress: Whether responses are compressed; ``None`` takes the configuration's.
            options: ``ctx_a=1`` becomes ``request.route.ctx.a``; and those about bodies, see `BodyRules`:
                ``request_max_size``, ``body_min_rate``, ``body_min_rate_grace`` and ``decompress``.

        Raises:
            TypeError: ``uri`` is no text, or the name of an argument is not known.
            ValueError: A method is none of HTTP's, the handler does not take the request, or a bound is none.
            SanicException: There is no such error format.
            ServerError: The app serves already.

        Source: Sanic 25.12; ``cancel_on_disconnect``, ``response_timeout``, ``compress`` and those of
        `BodyRules` are triosanic's.
        """
        if not isinstance(uri, str):
            raise TypeError(f"uri must be a text, not {uri!r}; a decorator for routes is called with a path")
        _check_options(error_format, response_timeout, compress)
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
            compress=compress,
            body_rules=take_body_rules(options),  # what is left is for ctx
            ctx=_as_ctx(options),
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

    def add_route(  # noqa: PLR0917  # Sanic's arguments
        self,
        handler: _HandlerT,
        uri: str,
        methods: Iterable[str] | str | None = None,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        version: Version = None,
        name: str | None = None,
        stream: bool = False,
        version_prefix: str = "/v",
        error_format: str | None = None,
        unquote: bool = False,
        **options: Any,
    ) -> _HandlerT:
        """Serve a path with a handler; the options are those of `route`.

        A view serves its own methods, whatever ``methods`` says.
        """
        chosen = None if is_view(handler) else methods
        decorate = self.route(
            uri,
            chosen,
            host,
            strict_slashes,
            stream,
            version,
            name,
            version_prefix=version_prefix,
            error_format=error_format,
            unquote=unquote,
            **options,
        )
        return decorate(handler)

    get = get
    head = head
    options = options
    delete = delete
    post = post
    put = put
    patch = patch

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

    middleware = middleware
    on_request = MiddlewareDecorator(REQUEST)
    on_response = MiddlewareDecorator(RESPONSE)

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
        self, *exceptions: type[BaseException] | Iterable[type[BaseException]], apply: bool = True
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Have what is decorated answer for exceptions of these classes; it takes the request and exception.

        ``apply=False`` checks all this, but has nothing answered.

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
                if apply:
                    self.record(spec)
            return handler

        return decorate

    def all_exceptions(self, handler: _HandlerT) -> _HandlerT:
        """Have what is decorated answer for every exception that nothing else does."""
        return self.exception(Exception)(handler)

    listener = listener
    register_listener = register_listener
    main_process_start = ListenerDecorator()
    main_process_ready = ListenerDecorator()
    main_process_stop = ListenerDecorator()
    reload_process_start = ListenerDecorator()
    reload_process_stop = ListenerDecorator()
    before_reload_trigger = ListenerDecorator()
    after_reload_trigger = ListenerDecorator()
    before_server_start = ListenerDecorator()
    after_server_start = ListenerDecorator()
    before_server_stop = ListenerDecorator()
    after_server_stop = ListenerDecorator()

    signal = signal
    add_signal = add_signal
    websocket = websocket
    add_websocket_route = add_websocket_route

    def static(  # noqa: PLR0917  # Sanic's arguments
        self,
        uri: str,
        file_or_directory: str | bytes | PathLike[str],
        pattern: str = ANY_NAME,
        use_modified_since: bool = True,
        use_content_range: bool = False,
        stream_large_files: bool | int = False,  # noqa: ARG002  # as below
        name: str = "static",
        host: Hosts = None,
        strict_slashes: bool | None = None,
        content_type: str | None = None,
        apply: bool = True,
        compress: bool | None = None,
        **options: Any,
    ) -> None:
        """Serve a file, or the files of a folder, to GET and HEAD.

        Args:
            uri: The path, or for a folder what its files' paths begin with.
            file_or_directory: What does not exist yet is taken for a folder.
            pattern: What paths within the folder must match as a whole, decoded.
            use_modified_since: Whether clients that have a file already get a 304.
            use_content_range: Whether clients may ask for ranges of a file.
            stream_large_files: Has no effect: files above 64 KiB are always sent in pieces.
            name: The route's name within the app or blueprint; each must have its own.
            host: Values of the Host field to answer to; ``None`` means all.
            strict_slashes: Whether a slash at the end of a file's path makes another path.
            content_type: For all of them; ``None`` guesses it by the file's name.
            apply: ``False`` checks all this, but serves nothing.
            compress: Whether files whose types shrink are compressed as they leave; ``None`` takes the
                configuration's.
            options: ``resource_type``, ``index``, ``directory_view``, ``directory_handler``,
                ``follow_external_symlink_files`` and ``follow_external_symlink_dirs``; see `static_route`,
                also for errors.

        Source: Sanic 25.12; ``compress`` is triosanic's.
        """
        check_override("compress", compress, "RESPONSE_COMPRESSION")
        spec = static_route(
            uri,
            file_or_directory,
            pattern=pattern,
            use_modified_since=use_modified_since,
            use_content_range=use_content_range,
            name=name,
            content_type=content_type,
            hosts=as_hosts(host),
            strict_slashes=strict_slashes,
            compress=compress,
            **options,
        )
        if apply:
            self.record(spec)

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
    """Give hosts as they are compared: in lower case (RFC 9110 §4.2.3), each once.

    Raises:
        ValueError: It is neither a text nor several.
    """
    if host is not None and not isinstance(host, Iterable):
        raise ValueError(f"Expected either string or Iterable of host strings, not {host!r}")
    hosts = [host] if isinstance(host, str) else host or ()
    return tuple(dict.fromkeys(one.lower() for one in hosts))


def _as_ctx(ctx: Mapping[str, object]) -> Mapping[str, object]:
    unknown = [key for key in ctx if not key.startswith("ctx_")]
    if unknown:
        raise TypeError(f"Unexpected keyword arguments: {', '.join(unknown)}")
    return MappingProxyType({key.removeprefix("ctx_"): value for key, value in ctx.items()})


def _check_options(error_format: str | None, response_timeout: float | None, compress: bool | None) -> None:
    if error_format is not None:
        check_error_format(error_format)
    check_override("response_timeout", response_timeout, "RESPONSE_TIMEOUT")
    check_override("compress", compress, "RESPONSE_COMPRESSION")


def _check_handler(handler: Handler) -> None:
    if isclass(handler):
        raise ValueError(f"a route must have a function, not the class {name_of(handler)}; use its as_view()")
    check_accepts(handler, 1, "`request`", "route")
