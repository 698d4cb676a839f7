"""Choose who answers for an exception."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from inspect import isclass
from typing import Final, Self

from triosanic.errorpages import BaseRenderer, Failed, TextRenderer, exception_response
from triosanic.exceptions import ServerError
from triosanic.log import error_logger
from triosanic.response import HTTPResponse
from triosanic.router import Handler, check_accepts

_FAILED: Final = "An error occurred while handling an error"


@dataclass(frozen=True, slots=True)
class ExceptionSpec:
    """What a decorator records of a handler of exceptions."""

    exception: type[BaseException]
    handler: Handler


def unwrap(exception: Exception) -> Exception:
    """Look through groups that hold one exception only, as a nursery makes of its child's failure."""
    while isinstance(exception, ExceptionGroup) and len(exception.exceptions) == 1:
        exception = exception.exceptions[0]
    return exception


class ErrorHandler:
    """The handlers of exceptions, and the answer for those that none takes.

    A program may pass an instance of a subclass, whose `default` answers otherwise.

    Args:
        base: Renders for clients that take no format of error pages, and where no request could be read.

    Attributes:
        debug: Whether a program's own handler is to tell everything; the app sets it as it starts.

    Source: Sanic 25.12 ``handlers.ErrorHandler``.
    """

    def __init__(self, base: type[BaseRenderer] = TextRenderer) -> None:
        self.base = base
        self.debug = False
        self._handlers: dict[tuple[type[BaseException], str | None], Handler] = {}

    def copy(self) -> Self:
        """Make another one with the same handlers, to which more can be added."""
        other = copy(self)
        other._handlers = dict(self._handlers)  # noqa: SLF001  # our own class
        return other

    def adopt(self, other: Self) -> None:
        """Take over the handlers of another one for what this one has none."""
        self._handlers = {**other._handlers, **self._handlers}

    def add(
        self, exception: type[BaseException], handler: Handler, route_names: Iterable[str] | None = None
    ) -> None:
        """Have a handler answer for a class of exceptions and its subclasses.

        Args:
            exception: The class.
            handler: Takes the request and the exception.
            route_names: Whole names of the routes that it is for; ``None`` means all, and those not found.

        Raises:
            ServerError: It has a handler there.
        """
        for name in [None] if route_names is None else route_names:
            if (exception, name) in self._handlers:
                raise duplicate_handler(exception, name)
            self._handlers[exception, name] = handler

    def lookup(self, exception: Exception, route_name: str | None = None) -> Handler | None:
        """Find the handler for an exception; ``None`` if it has none.

        One for its own class goes first, then one for the nearest class it inherits from; in both cases the
        route's before the app's. A group of one exception is looked through.

        Source: Sanic 25.12, which does not look through.
        """
        own_class, *ancestors = type(unwrap(exception)).__mro__
        keys = [(own_class, route_name), (own_class, None)]
        keys += [(ancestor, name) for name in (route_name, None) for ancestor in ancestors]
        return next((self._handlers[key] for key in keys if key in self._handlers), None)

    def response(self, request: Failed | None, exception: Exception) -> object:
        """Answer for an exception.

        Args:
            request: ``None`` if none could be read.
            exception: What was raised.

        Returns:
            What the handler gives, or the default for ``None``. It may be awaitable; whoever awaits it calls
            `default` if ``None`` comes of it, and `failed` if it fails.
        """
        route = request.route if request is not None else None
        exception = unwrap(exception)
        handler = self.lookup(exception, route.name if route is not None else None)
        try:
            answer = None if handler is None else handler(request, exception)
            return self.default(request, exception) if answer is None else answer
        except Exception as error:  # noqa: BLE001  # whatever a handler raises, the client gets an answer
            return self.failed(error)

    def default(self, request: Failed | None, exception: Exception) -> HTTPResponse:
        """Log an exception and make an error page of it.

        Source: Sanic 25.12; programs override it.
        """
        self.log(request, exception)
        exception = unwrap(exception)
        if request is None:
            return self.base(None, exception, debug=False).render()
        fallback = request.app.config.FALLBACK_ERROR_FORMAT
        return exception_response(request, exception, bool(request.app.debug), fallback, self.base)

    def failed(self, error: Exception) -> HTTPResponse:
        """Log what a handler of exceptions, or `default`, has raised, and answer for it."""
        error_logger.error(_FAILED, exc_info=error)
        return HTTPResponse(_FAILED, 500, content_type="text/plain; charset=utf-8")

    @staticmethod
    def log(request: Failed | None, exception: Exception) -> None:
        """Log an exception with its traceback, unless it is a quiet one."""
        noisy = request is not None and request.app.config.NOISY_EXCEPTIONS
        if noisy or not getattr(unwrap(exception), "quiet", False):
            url = "unknown" if request is None else request.url
            error_logger.error("Exception occurred while handling uri: %r", url, exc_info=exception)


def duplicate_handler(exception: type[BaseException], route_name: str | None = None) -> ServerError:
    """Make the error for a second handler of the same exceptions."""
    return ServerError(
        "Duplicate exception handler definition on: "
        f"route={route_name or '__ALL_ROUTES__'} and exception={exception}"
    )


def exception_classes(
    exceptions: Iterable[type[BaseException] | Iterable[type[BaseException]]],
) -> tuple[type[BaseException], ...]:
    """Give the classes that a decorator was called with, be it one by one or in lists.

    Raises:
        TypeError: There is none, or something else.
    """
    classes: list[type[BaseException]] = []
    for given in exceptions:
        if isinstance(given, str):
            raise TypeError(f"exceptions must be classes of exceptions, not {given!r}")
        classes += given if isinstance(given, Iterable) and not isclass(given) else [given]
    for found in classes:
        if not isclass(found) or not issubclass(found, BaseException):
            raise TypeError(f"exceptions must be classes of exceptions, not {found!r}")
    if not classes:
        raise TypeError("exceptions must name at least one class; all_exceptions takes all")
    return tuple(classes)


def exception_specs(classes: Iterable[type[BaseException]], handler: Handler) -> tuple[ExceptionSpec, ...]:
    """Make the records of a handler of exceptions.

    Raises:
        TypeError: It cannot be called.
        ValueError: It does not take the request and the exception.
    """
    check_accepts(handler, 2, "`request` and/or `exception`", "exception handler")
    return tuple(ExceptionSpec(exception, handler) for exception in classes)
