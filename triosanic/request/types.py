"""A request, as handlers see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import GenericAlias, SimpleNamespace
from typing import Any, ClassVar, Final, Self, TypeAlias

from triosanic.exceptions import BadRequest, ServerError
from triosanic.forms import FormLimits, Parts, is_form, parse_form
from triosanic.http.body import RequestBody
from triosanic.http.exchange import Exchange, Stage
from triosanic.request.head import RequestHead
from triosanic.request.parameters import RequestParameters
from triosanic.response import BaseHTTPResponse, HTTPResponse
from triosanic.scope import RequestNursery

_current: Final[ContextVar[Request]] = ContextVar("triosanic.request")
Respond = Callable[["Request", BaseHTTPResponse], Awaitable[BaseHTTPResponse]]


class Request(RequestHead):
    """One request. Made by the server; a program may pass a subclass as the app's ``request_class``.

    Attributes:
        body: The whole content, on routes that do not stream; ``b""`` on those that do.
        response: What `respond` has begun; ``None`` before.
        on_failure: Told what a task in `nursery` has raised, where that is not answered: after an upgrade.
        unseen: Whether it was refused before its middleware could run; then that runs before the answer.
        finished: Whether its response middleware has run, or is running.

    See `RequestHead` for the others. Source: Sanic 25.12 ``Request``.
    """

    # Programs write `Request[Sanic, Context]` in annotations; here both are of any type.
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    __slots__ = ("_nursery", "_respond", "body", "response")

    parsed_json: Any = None
    parsed_form: RequestParameters | None = None
    parsed_files: RequestParameters | None = None
    _parts: Parts | None = None
    _ctx: Any = None
    on_failure: Callable[[Exception], None] | None = None
    unseen: bool = False
    finished: bool = False

    def __init__(self, exchange: Exchange, app: Any, respond: Respond) -> None:
        head = exchange.head
        self.exchange = exchange
        self.app = app
        self.method = head.method
        self.path, _, self.query_string = head.target.partition("?")
        self.body = b""
        self.route = None
        self.match_info = {}
        self.response: BaseHTTPResponse | None = None
        self._respond = respond
        self._headers = None
        self._nursery: RequestNursery | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.method} {self.path}>"

    @classmethod
    def get_current(cls) -> Self:
        """Return the request that this task handles. Checkpoint: never.

        Raises:
            ServerError: There is none.
        """
        request = _current.get(None)
        if not isinstance(request, cls):
            raise ServerError("No current request")
        return request

    def make_current(self) -> None:
        """Let `get_current` return this request in this task and in those it starts."""
        _current.set(self)

    # The body.

    @property
    def json(self) -> Any:
        """The content read as JSON; ``None`` if there is none.

        Raises:
            BadRequest: It is not JSON.
        """
        if self.parsed_json is None:
            self.parsed_json = self.load_json()
        return self.parsed_json

    def load_json(self, loads: Callable[[bytes], Any] | None = None) -> Any:
        """Return the content read by ``loads``; ``None`` if there is none.

        Args:
            loads: Reads JSON; ``None`` takes the app's (``Sanic(loads=...)``).

        Raises:
            BadRequest: It is not JSON.
        """
        if not self.body:
            return None
        try:
            return (loads or self.app.loads)(self.body)
        except (ValueError, RecursionError) as exc:
            raise BadRequest("Failed when parsing body as json") from exc

    @property
    def form(self) -> RequestParameters:
        """The fields of a form; see `get_form`, also for what it raises."""
        return self.get_form() if self.parsed_form is None else self.parsed_form

    @property
    def files(self) -> RequestParameters:
        """The files of a form, each a `File`; see `get_form`, also for what it raises."""
        if self.parsed_files is None:
            self.get_form()
        return self.parsed_files or RequestParameters()

    def get_form(self, keep_blank_values: bool = False) -> RequestParameters:
        """Read the content as a form, and return its fields; it has none if the content is of another type.

        Args:
            keep_blank_values: Whether fields of ``application/x-www-form-urlencoded`` without a value count.

        Raises:
            BadRequest: It is malformed, or cut short.
            PayloadTooLarge: It takes more than the ``REQUEST_MAX_FORM_*`` keys allow.
            ServerError: It is still to come: this route streams; use `parts`, or `receive_body` before.
        """
        if self.stream and is_form(self.content_type):
            raise ServerError(
                "this route streams, so the form has not been read: iterate over request.parts(), "
                "or `await request.receive_body()` first"
            )
        limits = FormLimits.from_config(self.app.config)
        form = parse_form(self.body, self.content_type, limits, keep_blank_values=keep_blank_values)
        self.parsed_form = RequestParameters(form.fields)
        self.parsed_files = RequestParameters(form.files)
        return self.parsed_form

    def parts(self) -> Parts:
        """Return the parts of a form of any size, as they arrive; each call returns the same iterator.

        Raises:
            BadRequest: The Content-Type has no boundary.
            SanicException: 415: it is not ``multipart/form-data``.
        """
        if self._parts is None:
            stream = RequestBody(self.body) if self.body else self.stream
            self._parts = Parts(stream, self.content_type, FormLimits.from_config(self.app.config))
        return self._parts

    @property
    def stream(self) -> RequestBody:
        """The content as a stream; at its end already on routes that do not stream."""
        return self.exchange.body

    async def receive_body(self) -> None:
        """Read the whole content into `body`, where the route did not. Checkpoint: if it is still to come.

        Raises:
            PayloadTooLarge: It is longer than ``REQUEST_MAX_SIZE``, or the route's own bound.
            ServerError: See `RequestBody.read`, also for the others.
        """
        if self.stream:
            own = self.stream.request_max_size
            self.body = await self.stream.read_all(self.app.config.REQUEST_MAX_SIZE if own is None else own)

    # The answer, and what lives as long as the request.

    @property
    def ctx(self) -> Any:
        """Room for the program's own attributes; see `make_context`."""
        if self._ctx is None:
            self._ctx = self.make_context()
        return self._ctx

    @staticmethod
    def make_context() -> Any:
        """Make `ctx`; a subclass may make something else."""
        return SimpleNamespace()

    # Until Sanic 20 a request was a dict, in which programs and extensions kept what is in `ctx` now.

    def __getitem__(self, key: str) -> Any:
        return vars(self.ctx)[key]

    def __setitem__(self, key: str, value: object) -> None:
        setattr(self.ctx, key, value)

    def __delitem__(self, key: str) -> None:
        del vars(self.ctx)[key]

    def __contains__(self, key: object) -> bool:
        return key in vars(self.ctx)

    def get(self, key: str, default: Any = None) -> Any:
        """Give an attribute of `ctx`, or ``default``. Source: Sanic of 2017, where a request was a dict."""
        return vars(self.ctx).get(key, default)

    @property
    def nursery(self) -> RequestNursery:
        """A nursery that ends with this request; see `RequestNursery`."""
        if self._nursery is None:
            exchange = self.exchange
            self._nursery = RequestNursery(
                exchange.link.spawn, lambda error: _stop_handler(exchange, error)
            )
        return self._nursery

    async def join(self) -> None:
        """Wait for the tasks in `nursery`, if it was asked for. Checkpoint: if there are any."""
        if self._nursery is not None:
            await self._nursery.join()

    async def close(self) -> None:
        """Stop the tasks in `nursery`, if it was asked for. Checkpoint: if there are any."""
        if self._nursery is not None:
            await self._nursery.close()

    @property
    def responded(self) -> bool:
        """Whether the handler has begun a response by `respond`."""
        return self.response is not None

    def reset_response(self) -> None:
        """Take back what `respond` has begun, so that something else can be answered. Checkpoint: never.

        Raises:
            ServerError: Its head has been sent.
        """
        if self.response is None:
            return
        if self.exchange.stage is not Stage.WAITING and not self.exchange.retract():
            raise ServerError("Cannot reset response because previous response was sent.")
        self.response = None

    async def respond(
        self,
        response: BaseHTTPResponse | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, Any] | None = None,
        content_type: str | None = None,
    ) -> BaseHTTPResponse:
        """Begin to answer, after the response middleware: what it returns takes `send` and `eof`.

        Args:
            response: What to begin with; its content is sent first.
            status: Status code, without ``response``.
            headers: Header fields, without ``response``.
            content_type: Value of Content-Type, without ``response``.

        Raises:
            ServerError: The request was answered before, or a header can't be sent.

        Checkpoint: as the middleware.
        """
        if self.response is not None:
            raise ServerError("Second respond call is not allowed.")
        if response is None:
            response = HTTPResponse(None, status, headers, content_type)
        self.response = response  # before the middleware runs: a second call must not get in between
        try:
            response = await self._respond(self, response)
        except BaseException:  # nothing has begun, and what the handler does now is not ignored
            self.response = None
            raise
        self.response = response
        return response

    # What belongs to other servers.

    @property
    def transport(self) -> Any:
        """Not here: asyncio's way to the client.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError("this server has no asyncio transport: request.conn_info has the addresses")

    @property
    def protocol(self) -> Any:
        """Not here: asyncio's side of the connection.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError("this server has no asyncio protocol: request.conn_info.ctx lives as long")

    @property
    def scope(self) -> Any:
        """Not here: ASGI's description of a request.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("App isn't running in ASGI mode. Scope is only available for ASGI apps.")

    @property
    def stream_id(self) -> int:
        """Not here: HTTP/3's number of the stream.

        Raises:
            ServerError: Always.
        """
        raise ServerError("Stream ID is only a property of a HTTP/3 request")


# Sanic's name for annotations, where the class is generic.
DefaultRequest: TypeAlias = Request


def _stop_handler(exchange: Exchange, error: Exception) -> None:
    """Stop the handler of a request, because a task in its nursery has failed."""
    request = exchange.request
    if request is not None and request.on_failure is not None:
        request.on_failure(error)
    else:
        exchange.link.interrupt(exchange, error)
