"""Errors that answer a request: each has a status, and may have headers and details.

A quiet exception is not logged unless ``NOISY_EXCEPTIONS`` is set, because it is the client's
doing and a client could otherwise fill the log.
"""

from collections.abc import Callable, Collection, Mapping
from os import PathLike
from types import MappingProxyType
from typing import ClassVar, Final, NoReturn, Protocol, TypedDict, TypeVar, Unpack

from triosanic.helpers import STATUS_CODES


class Range(Protocol):
    """What ``RangeNotSatisfiable`` needs to know of a range."""

    @property
    def total(self) -> int | None:
        """Size of the whole, in bytes; ``None`` when unknown."""


class ErrorOptions(TypedDict, total=False):
    """The keyword arguments that every exception of this module takes."""

    quiet: bool | None
    context: Mapping[str, object] | None
    extra: Mapping[str, object] | None
    headers: Mapping[str, str] | None


class SanicException(Exception):
    """An error that becomes a response when a handler lets it out.

    A subclass may set ``status_code``, ``message``, ``quiet`` and ``headers`` as class
    attributes; ``message`` may also be a property that reads ``self.extra``.

    Args:
        message: Text for the client; ``None`` takes the class's, then the status's phrase.
        status_code: Status of the response; ``None`` takes the class's, here 500.
        quiet: Whether to keep it out of the log; ``None`` takes the class's.
        context: Details for the client.
        extra: Details that the client sees in debug mode only.
        headers: Fields that the response gets.

    Source: Sanic 25.12 ``exceptions.SanicException``.
    """

    status_code: int = 500
    quiet: bool = False
    message: str = ""
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str | bytes | None = None,
        status_code: int | None = None,
        *,
        quiet: bool | None = None,
        context: Mapping[str, object] | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.context = context
        self.extra = extra
        if status_code is not None:
            self.status_code = status_code
        if quiet is not None:
            self.quiet = quiet
        self.headers = dict(type(self).headers if headers is None else headers)
        if isinstance(message, bytes):
            message = message.decode()
        if message is None:
            message = self.message or STATUS_CODES.get(self.status_code, b"").decode()
        super().__init__(message)
        # A property has no setter, and its text is already in args.
        if not isinstance(getattr(type(self), "message", ""), property):
            self.message = message


class HTTPException(SanicException):
    """The parent of the errors that stand for one status each."""


class NotFound(HTTPException):
    """404: nothing is served at this path."""

    status_code = 404
    quiet = True


class BadRequest(HTTPException):
    """400: the request cannot be understood."""

    status_code = 400
    quiet = True


InvalidUsage = BadRequest
BadURL = BadRequest


class MethodNotAllowed(HTTPException):
    """405: the path is served, but not with this method.

    Args:
        message: Text for the client.
        method: The method of the request.
        allowed_methods: The methods that the path is served with, for the ``Allow`` field
            (in the order of the alphabet); ``None`` when unknown.

    Source: RFC 9110 §15.5.6: a 405 has an ``Allow`` field.
    """

    status_code = 405
    quiet = True

    def __init__(
        self,
        message: str | bytes | None = None,
        method: str = "",
        allowed_methods: Collection[str] | None = None,
        **options: Unpack[ErrorOptions],
    ) -> None:
        super().__init__(message, **options)
        self.method = method
        self.allowed_methods = allowed_methods
        if allowed_methods is not None:
            self.headers = {**self.headers, "Allow": ", ".join(sorted(allowed_methods))}


MethodNotSupported = MethodNotAllowed


class ServerError(HTTPException):
    """500: the server, or the program on it, is at fault."""

    status_code = 500


InternalServerError = ServerError


class ServiceUnavailable(HTTPException):
    """503: the server cannot answer now, but may later."""

    status_code = 503
    quiet = True


class URLBuildError(HTTPException):
    """500: ``url_for`` has no route of that name, or lacks a parameter of it."""

    status_code = 500


class FileNotFound(NotFound):
    """404: there is no such file.

    Args:
        message: Text for the client.
        path: Where the file was looked for.
        relative_url: The URL that was asked for, relative to the folder's own.
    """

    def __init__(
        self,
        message: str | bytes | None = None,
        path: str | PathLike[str] | None = None,
        relative_url: str | None = None,
        **options: Unpack[ErrorOptions],
    ) -> None:
        super().__init__(message, **options)
        self.path = path
        self.relative_url = relative_url


class RequestTimeout(HTTPException):
    """408: the client took too long to send its request."""

    status_code = 408
    quiet = True


class PayloadTooLarge(HTTPException):
    """413: the body of the request is larger than ``REQUEST_MAX_SIZE``."""

    status_code = 413
    quiet = True


class URITooLong(HTTPException):
    """414: the target of the request is longer than the server reads."""

    status_code = 414
    quiet = True


class HeaderNotFound(BadRequest):
    """400: a header field that is needed is missing."""


class InvalidHeader(BadRequest):
    """400: the value of a header field is not of its form."""


class RangeNotSatisfiable(HTTPException):
    """416: the range asked for lies outside what there is.

    Args:
        message: Text for the client.
        content_range: The range, whose ``total`` the ``Content-Range`` field tells.

    Source: RFC 9110 §15.5.17: the field is ``bytes */<size>``.
    """

    status_code = 416
    quiet = True

    def __init__(
        self,
        message: str | bytes | None = None,
        content_range: Range | None = None,
        **options: Unpack[ErrorOptions],
    ) -> None:
        super().__init__(message, **options)
        if content_range is not None and content_range.total is not None:
            self.headers = {**self.headers, "Content-Range": f"bytes */{content_range.total}"}


ContentRangeError = RangeNotSatisfiable


class InvalidRangeType(RangeNotSatisfiable):
    """416: a range in a unit other than bytes."""


class ExpectationFailed(HTTPException):
    """417: an ``Expect`` other than ``100-continue``."""

    status_code = 417
    quiet = True


HeaderExpectationFailed = ExpectationFailed


class Forbidden(HTTPException):
    """403: this client may not have it."""

    status_code = 403
    quiet = True


class Unauthorized(HTTPException):
    """401: the client has to say who it is.

    Args:
        message: Text for the client.
        scheme: ``"Basic"``, ``"Bearer"`` and so on; ``None`` sends no challenge.
        status_code: For programs that pass it by name, as up to Sanic 20.12.
        challenges: Parameters of the challenge, such as ``realm="Restricted Area"``.

    Source: RFC 9110 §11.6.1 ``WWW-Authenticate``.
    """

    status_code = 401
    quiet = True

    def __init__(
        self,
        message: str | bytes | None = None,
        scheme: str | None = None,
        *,
        status_code: int | None = None,
        quiet: bool | None = None,
        context: Mapping[str, object] | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **challenges: object,
    ) -> None:
        super().__init__(message, status_code, quiet=quiet, context=context, extra=extra, headers=headers)
        if scheme is not None:
            params = ", ".join(f"{key}={_quote(value)}" for key, value in challenges.items())
            self.headers = {**self.headers, "WWW-Authenticate": f"{scheme} {params}".rstrip()}


class PyFileError(SanicException):
    """A configuration file in Python failed while it ran.

    Args:
        file: The file's path.
    """

    def __init__(self, file: str | PathLike[str], **options: Unpack[ErrorOptions]) -> None:
        super().__init__(f"could not execute config file {file}", **options)


class LoadFileException(SanicException):
    """A file of configuration cannot be found or loaded."""


class InvalidSignal(SanicException):
    """The name of a signal is not of the form, or it is reserved."""


class WebsocketClosed(SanicException):
    """The peer has closed the WebSocket."""

    quiet = True
    message = "Client has closed the websocket connection"


class ServerKilled(Exception):
    """A server process has to end because of something unforeseen."""

    quiet: ClassVar[bool] = True


class ClientGone(SanicException):
    """The client hung up before the exchange was complete.

    Where the client has only half-closed, an answer can still reach it: a request that was cut
    short is a bad one (RFC 9112 §8).
    """

    status_code = 400
    quiet = True
    message = "Client has hung up before the exchange was complete"


# Sanic derives it from asyncio's CancelledError; Trio's cannot be subclassed, and a handler is
# cancelled through its scope. Programs that catch it meet the case it was made for.
RequestCancelled = ClientGone


class ResponseBufferFull(ServerError):
    """500: the handler wrote more than ``RESPONSE_BUFFER_LIMIT`` bytes without awaiting."""

    message = "too much output is waiting to be sent; use `await response.write(...)`"


_BY_STATUS: Final[Mapping[int, type[SanicException]]] = MappingProxyType(
    {
        400: BadRequest,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        405: MethodNotAllowed,
        408: RequestTimeout,
        413: PayloadTooLarge,
        414: URITooLong,
        416: RangeNotSatisfiable,
        417: ExpectationFailed,
        500: ServerError,
        503: ServiceUnavailable,
    }
)


_ErrorT = TypeVar("_ErrorT", bound=SanicException)


def abort(status_code: int, message: str | bytes | None = None) -> NoReturn:
    """Raise the exception that stands for a status.

    Args:
        status_code: Status of the response.
        message: Text for the client; ``None`` takes the status's phrase.

    Raises:
        SanicException: Always; the subclass for this status if there is one.

    Source: Sanic up to 20.12 ``exceptions.abort``.
    """
    error = _BY_STATUS.get(status_code)
    if error is None:
        raise SanicException(message, status_code)
    raise error(message)


def add_status_code(code: int, quiet: bool | None = None) -> Callable[[type[_ErrorT]], type[_ErrorT]]:
    """Give a class of exceptions a status: the decorator of Sanic's first years for ``status_code = ...``.

    Args:
        code: The status.
        quiet: Whether they are not logged; ``None``: unless the status is 500.

    Source: Sanic up to 20.12, where ``abort`` raised such a class for its status.
    """

    def decorate(error: type[_ErrorT]) -> type[_ErrorT]:
        error.status_code = code
        error.quiet = code != 500 if quiet is None else quiet  # noqa: PLR2004  # the server's own fault
        return error

    return decorate


def _quote(value: object) -> str:
    """Write a value as a quoted-string (RFC 9110 §5.6.4)."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
