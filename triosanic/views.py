"""Handlers that are classes: a method for each HTTP method, or functions put together."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, Protocol, TypeVar

from triosanic.constants import HTTP_METHODS
from triosanic.exceptions import InvalidUsage, MethodNotAllowed
from triosanic.router import Handler, Hosts, Version, name_of

_HandlerT = TypeVar("_HandlerT", bound=Handler)

_GET: Final = frozenset({"GET"})


class Asked(Protocol):
    """What a view needs to know of a request."""

    @property
    def method(self) -> str:
        """The method as the client sent it."""

    @property
    def path(self) -> str:
        """The path as the client sent it."""


class Attachable(Protocol):
    """What a view can be attached to: an app or a blueprint."""

    def add_route(  # noqa: PLR0917  # Sanic's arguments
        self,
        handler: Handler,
        uri: str,
        methods: Iterable[str] | str | None = None,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        version: Version = None,
        name: str | None = None,
        stream: bool = False,
        version_prefix: str = "/v",
        **options: Any,
    ) -> Handler:
        """Record a route."""


def stream(func: _HandlerT) -> _HandlerT:
    """Mark a handler, or one method of a view, as one that reads the body itself, piece by piece.

    Source: Sanic 25.12 ``views.stream``.
    """
    vars(func)["is_stream"] = True
    return func


def is_stream(func: Handler) -> bool:
    """Say whether ``stream`` has marked it."""
    return bool(getattr(func, "is_stream", False))


class HTTPMethodView:
    """A handler with a method for each HTTP method, such as ``async def get(self, request)``.

    Each request gets a new instance. ``class V(HTTPMethodView, attach=app, uri="/x")`` adds the route too,
    with the options of `attach`.

    Attributes:
        decorators: Applied to the handler that `as_view` makes, the first one first.

    Source: Sanic 25.12 ``views.HTTPMethodView``.
    """

    decorators: ClassVar[Sequence[Callable[[Handler], Handler]]] = ()

    def __init_subclass__(cls, *, attach: Attachable | None = None, uri: str = "", **options: Any) -> None:
        super().__init_subclass__()
        if attach is not None:
            cls.attach(attach, uri, **options)

    @classmethod
    def attach(  # noqa: PLR0917  # Sanic's arguments
        cls,
        to: Attachable,
        uri: str,
        methods: Iterable[str] = _GET,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        version: Version = None,
        name: str | None = None,
        stream: bool = False,
        version_prefix: str = "/v",
        **options: Any,
    ) -> None:
        """Add a route for this view.

        Args:
            to: The app or blueprint.
            uri: The path.
            methods: Accepted for Sanic's sake; the view's own methods count.
            host: The host, or hosts, to answer to.
            strict_slashes: Whether a slash at the end makes another path.
            version: Put before the path, after ``version_prefix``.
            name: The route's name; ``None`` takes the class's.
            stream: Whether its methods read the body themselves, piece by piece.
            version_prefix: What stands before the version.
            options: As in ``add_route``.
        """
        to.add_route(
            cls.as_view(),
            uri,
            methods,
            host,
            strict_slashes,
            version,
            name,
            stream,
            version_prefix,
            **options,
        )

    @classmethod
    def as_view(cls, *class_args: object, **class_kwargs: object) -> Handler:
        """Make a handler of this class.

        Args:
            class_args: Handed to the class for each request.
            class_kwargs: Likewise.
        """

        def view(request: Asked, *args: object, **kwargs: object) -> object:
            return cls(*class_args, **class_kwargs).dispatch_request(request, *args, **kwargs)

        handler: Handler = view
        cls._sign(handler)
        for decorator in cls.decorators:
            handler = decorator(handler)
            # Not every decorator hands on what it finds, and the route is made of this.
            cls._sign(handler)
        return handler

    @classmethod
    def _sign(cls, handler: Handler) -> None:
        for name in ("__name__", "__doc__", "__module__"):
            setattr(handler, name, getattr(cls, name))
        vars(handler)["view_class"] = cls

    def dispatch_request(self, request: Asked, *args: object, **kwargs: object) -> object:
        """Call the method for this request; ``head`` falls back to ``get``.

        Raises:
            MethodNotAllowed: The view has no such method.

        Source: Sanic 25.12; CVE-2026-48817: a request names no attribute but those of HTTP methods.
        """
        served = _served_by(type(self))
        name = "GET" if request.method == "HEAD" and "HEAD" not in served else request.method
        if name not in served:
            raise _not_allowed(request, served)
        handler: Handler = getattr(self, name.lower())
        return handler(request, *args, **kwargs)


class CompositionView:
    """A handler put together of functions, each for some methods.

    The instance itself is the handler: ``app.add_route(view, "/x")``.

    Attributes:
        handlers: The functions by method.

    Source: Sanic up to 21.9 ``views.CompositionView``.
    """

    __slots__ = ("handlers", "stream_methods")

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.stream_methods: set[str] = set()

    @property
    def __name__(self) -> str:
        """The name that its route gets, so that two views in one app differ."""
        names = (getattr(handler, "__name__", "handler") for handler in self.handlers.values())
        return "_".join(dict.fromkeys(("CompositionView", *names)))

    def add(self, methods: Iterable[str], handler: Handler, stream: bool = False) -> None:
        """Have ``handler`` answer to ``methods``.

        Args:
            methods: Methods in upper case.
            handler: Takes the request and the path's parameters.
            stream: Whether it reads the body itself, piece by piece.

        Raises:
            InvalidUsage: A method is none of HTTP's, or has its handler already.
        """
        for method in methods:
            if method not in HTTP_METHODS:
                raise InvalidUsage(f"{method} is not a valid HTTP method.")
            if method in self.handlers:
                raise InvalidUsage(f"Method {method} is already registered.")
            name = str(method)
            self.handlers[name] = handler
            if stream or is_stream(handler):
                self.stream_methods.add(name)

    def __call__(self, request: Asked, *args: object, **kwargs: object) -> object:
        """Call the function for this request.

        Raises:
            MethodNotAllowed: There is none.
        """
        handler = self.handlers.get(request.method)
        if handler is None:
            raise _not_allowed(request, self.handlers)
        return handler(request, *args, **kwargs)


def is_view(handler: Handler) -> bool:
    """Say whether a handler knows itself which methods it serves."""
    return isinstance(handler, CompositionView) or isinstance(getattr(handler, "view_class", None), type)


def as_methods(methods: Iterable[str] | str | None) -> frozenset[str] | None:
    """Give methods in upper case; ``None`` if there are none.

    Raises:
        ValueError: One is none of HTTP's.
    """
    names = [methods] if isinstance(methods, str) else methods or ()
    found = frozenset(str(name).upper() for name in names)
    wrong = sorted(found - set(HTTP_METHODS))
    if wrong:
        raise ValueError(f"methods must be of {', '.join(HTTP_METHODS)}, not {', '.join(wrong)}")
    return found or None


def methods_of(
    handler: Handler, wanted: frozenset[str] | None, stream: bool
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the methods that a handler serves, and those of them for which it reads the body itself.

    Args:
        wanted: The methods that it is registered for; ``None`` means GET, or those of a view.
        stream: Whether it is registered as one that reads the body itself.

    Raises:
        ValueError: A view has no method.
    """
    view_class: type | None = getattr(handler, "view_class", None)
    if isinstance(handler, CompositionView):
        own, streaming = frozenset(handler.handlers), frozenset(handler.stream_methods)
    elif view_class is not None:
        own = _served_by(view_class)
        streaming = frozenset(name for name in own if is_stream(getattr(view_class, name.lower())))
    else:
        own = wanted or frozenset({"GET"})
        streaming = own if is_stream(handler) else frozenset()
    if not own:
        raise ValueError(f"{name_of(handler)} has no method of HTTP, such as get or post")
    served = wanted or own
    return served, served if stream else served & streaming


def _served_by(view_class: type) -> frozenset[str]:
    return frozenset(
        method.value for method in HTTP_METHODS if callable(getattr(view_class, method.lower(), None))
    )


def _not_allowed(request: Asked, served: Iterable[str]) -> MethodNotAllowed:
    return MethodNotAllowed(
        f"Method {request.method} not allowed for URL {request.path}",
        method=request.method,
        allowed_methods=frozenset(served),
    )
