"""What a handler answers with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeAlias, Unpack

from triosanic.compression import Compressor
from triosanic.cookies import Cookie, CookieJar, CookieOptions
from triosanic.exceptions import SanicException, ServerError
from triosanic.headers import Header
from triosanic.helpers import Default, _default, json_dumps
from triosanic.http.exchange import Exchange
from triosanic.http.framing import Headers
from triosanic.http.reply import BODILESS
from triosanic.http.send_channel import Later, SendChannel, encode

Dumps: TypeAlias = Callable[..., str | bytes]
StreamingFn: TypeAlias = Callable[[Any], Awaitable[None]]
HeaderItems: TypeAlias = Mapping[str, Any] | None
DEFAULT_TEXT: Final = "text/plain; charset=utf-8"


# What writes JSON for the app whose server runs this: set once in the context that its tasks are started in,
# so that `json` needs no request, and apps in one process share nothing.
app_dumps: Final[ContextVar[Dumps]] = ContextVar("triosanic.dumps", default=json_dumps)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A streamed response to which nothing has been written: until then its head may change.

    Args:
        exchange: What it answers.
        told: What was said of it so far.
        again: Starts it anew.
    """

    exchange: Exchange
    told: tuple[object, ...]
    again: Callable[[], None]
    channel: ClassVar[None] = None  # so that a write needs no check of its own


class BaseHTTPResponse:
    """A response, complete or streamed.

    Attributes:
        status: Status code, 200 to 599.
        content_type: Value of the Content-Type field; ``None``: none is sent.
        body: The content, for a response that is complete.
    """

    __slots__ = ("_exchange", "_headers", "body", "content_type", "status")

    def __init__(
        self,
        body: bytes | str | None = None,
        status: int = 200,
        headers: HeaderItems = None,
        content_type: str | None = None,
    ) -> None:
        if type(body) is not bytes:
            body = b"" if body is None else encode(body)
        self.body: bytes = body
        self.status = status
        self.content_type = content_type
        self._headers = Header(headers) if headers else None
        self._exchange: Exchange | _Opening | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.status} {self.content_type}>"

    @property
    def headers(self) -> Header:
        """The header fields; to be changed until the response leaves."""
        if self._headers is None:
            self._headers = Header()
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, Any]) -> None:
        self._headers = Header(headers)

    def fields(self) -> list[tuple[str, str]]:
        """The header fields as they will be sent, without the Content-Type that `content_type` gives."""
        if self._headers is None:
            return []
        return [(name, value if type(value) is str else str(value)) for name, value in self._headers.items()]

    def media_type(self) -> str | None:
        """The Content-Type that is to be sent beside `fields`."""
        if self._headers is not None and "content-type" in self._headers:
            return None
        return self.content_type

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The header fields as bytes, with Content-Type where there can be content.

        Those that frame the message and Date are the server's, and not among them.
        """
        fields = self.fields()
        media_type = self.media_type()
        if media_type is not None and self.status not in BODILESS:
            fields.append(("content-type", media_type))
        return ((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields)

    # Cookies.

    @property
    def cookies(self) -> CookieJar:
        """The cookies that this response sets: a view of its Set-Cookie fields."""
        return CookieJar(self.headers)

    def add_cookie(self, key: str, value: str, **attributes: Unpack[CookieOptions]) -> Cookie:
        """Set a cookie: ``add_cookie("session", token, httponly=True, max_age=3600)``.

        Args:
            key: The name.
            value: The value.
            attributes: See `Cookie`, also for errors. By default: sent over TLS only, to every path of this
                host, and with requests from other sites only where those are links.
        """
        return self.cookies.add_cookie(key, value, **attributes)

    def delete_cookie(
        self,
        key: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        host_prefix: bool = False,
        secure_prefix: bool = False,
    ) -> None:
        """Let the client delete a cookie; its path, domain and prefix must be those it was set with."""
        self.cookies.delete_cookie(
            key, path=path, domain=domain, host_prefix=host_prefix, secure_prefix=secure_prefix
        )

    # A streamed response.

    @property
    def started(self) -> bool:
        """Whether it has begun to leave as a stream."""
        return self._exchange is not None

    def start(
        self,
        exchange: Exchange,
        fields: Headers | None = None,
        compressor: Compressor | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Begin to stream it as the answer of ``exchange``. Checkpoint: never.

        Args:
            exchange: What is answered.
            fields: The header fields; ``None``: those of `fields`.
            compressor: See `Exchange.start`.
            again: Starts it anew, if its head has changed when the first piece is written; see `settle`.

        Raises:
            ServerError: The request was answered before, or a header can't be sent.
        """
        headers = self.fields() if fields is None else list(fields)
        media_type = self.media_type()
        if media_type is not None and self.status not in BODILESS:
            headers.append(("content-type", media_type))
        exchange.start(self.status, headers, compressor)
        self._exchange = exchange if again is None else _Opening(exchange, self._told(), again)
        if self.body:
            self.write(self.body)

    def settle(self) -> Exchange | None:
        """Take over what was changed of the head since `start`, unless that has left. Checkpoint: never.

        The first write does it.

        Returns:
            What it answers; ``None`` before `start`.

        Raises:
            ServerError: A header can't be sent.

        Source: Sanic 25.12, which writes the head with the first piece.
        """
        opening = self._exchange
        if not isinstance(opening, _Opening):
            return opening
        try:
            if self._told() != opening.told and opening.exchange.retract():
                opening.again()
        finally:
            self._exchange = opening.exchange
        return opening.exchange

    def _told(self) -> tuple[object, ...]:
        return self.status, self.fields(), self.media_type()

    def _settled_channel(self) -> SendChannel:
        exchange = self.settle()
        if exchange is None or exchange.channel is None:
            raise ServerError("this response has not begun to stream: use `await request.respond()` first")
        return exchange.channel

    def write(self, data: object) -> Awaitable[None]:
        """Send a piece; awaited, wait until the client keeps up. See `SendChannel.write`, also for errors.

        Raises:
            ServerError: The response has not begun: it is begun by ``await request.respond()``.

        Checkpoint: see `SendChannel.write`.
        """
        exchange = self._exchange
        channel = None if exchange is None else exchange.channel
        return (self._settled_channel() if channel is None else channel).write(data)

    def send(self, data: object = None, end_stream: bool | None = None) -> Awaitable[None]:
        """Send a piece, as `write`, and end the response if ``end_stream``, or if there is no ``data``.

        Raises:
            ServerError: See `write`, also for the others.

        Checkpoint: see `write`; at the end, if something is still to be sent.
        """
        room = self.write(b"" if data is None else data)
        if end_stream or (data is None and end_stream is None):
            return self.eof()
        return room

    def eof(self) -> Awaitable[None]:
        """End the response; awaited, wait until all of it has left.

        Raises:
            ServerError: When awaited: less was sent than the content-length promises.
            ClientGone: When awaited: the client has gone before.

        Checkpoint: if something is still to be sent.
        """
        channel, exchange = self._settled_channel(), self.settle()
        assert exchange is not None
        if not channel.missing:
            channel.end()
        return Later(exchange.end)

    async def __aenter__(self) -> Callable[..., Awaitable[None]]:
        """Give `send`. Checkpoint: never."""
        return self.send

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the response, unless an error goes through. Checkpoint: see `eof`."""
        if error is None:
            await self.eof()


class HTTPResponse(BaseHTTPResponse):
    """A response with its content; with ``request.respond()``, one that is streamed."""

    __slots__ = ()


class JSONResponse(HTTPResponse):
    """A response whose content is JSON, which middleware can still change as a value.

    Args:
        body: The value.
        status: Status code.
        headers: Header fields.
        content_type: Value of Content-Type.
        dumps: Writes JSON; ``None`` takes the app's.
        kwargs: Passed to ``dumps``.

    Raises:
        TypeError, ValueError, OverflowError: ``dumps`` can't write the value.

    Source: Sanic 25.12 ``JSONResponse``.
    """

    __slots__ = ("_dumps", "_kwargs", "_made", "_value")

    def __init__(
        self,
        body: Any = None,
        status: int = 200,
        headers: HeaderItems = None,
        content_type: str | None = "application/json",
        dumps: Dumps | None = None,
        **kwargs: Any,
    ) -> None:
        self._dumps = dumps or app_dumps.get()
        self._kwargs = kwargs
        self._value = body
        super().__init__(self._dumps(body, **kwargs), status, headers, content_type)
        self._made = self.body

    @property
    def raw_body(self) -> Any:
        """The value that the content was made of; setting it makes the content anew.

        Raises:
            SanicException: `body` was set to something else.
        """
        if self.body is not self._made:
            raise SanicException("Cannot use raw_body after body has been manually set.")
        return self._value

    @raw_body.setter
    def raw_body(self, value: Any) -> None:
        self.set_body(value)

    def set_body(self, body: Any, dumps: Dumps | None = None, **dumps_kwargs: Any) -> None:
        """Make the content anew.

        Args:
            body: The value.
            dumps: Writes JSON this time; ``None`` takes what the response was made with, arguments included.
            dumps_kwargs: Passed to ``dumps``.

        Raises:
            TypeError, ValueError, OverflowError: ``dumps`` can't write the value.
        """
        text = dumps(body, **dumps_kwargs) if dumps else self._dumps(body, **self._kwargs)
        self.body = self._made = encode(text)
        self._value = body

    def append(self, value: Any) -> None:
        """Append to a list.

        Raises:
            SanicException: The value is not a list, or `body` was set to something else.
        """
        self._change(list, "Cannot append to a non-list object.").append(value)
        self.set_body(self._value)

    def extend(self, value: Any) -> None:
        """Extend a list.

        Raises:
            SanicException: The value is not a list, or `body` was set to something else.
        """
        self._change(list, "Cannot extend a non-list object.").extend(value)
        self.set_body(self._value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Update a dict, with the arguments of ``dict.update``.

        Raises:
            SanicException: The value is not a dict, or `body` was set to something else.
        """
        self._change(dict, "Cannot update a non-dict object.").update(*args, **kwargs)
        self.set_body(self._value)

    def pop(self, key: Any, default: Any = _default) -> Any:
        """Take an item out of a list or dict, and return it.

        Args:
            key: Its index or key.
            default: What to return where a dict has no such key.

        Raises:
            IndexError, KeyError: There is no such item.
            SanicException: The value is neither, or `body` was set to something else.
            TypeError: A list has no default.
        """
        value = self._change((list, dict), "Cannot pop from a non-list and non-dict object.")
        if isinstance(default, Default):
            taken = value.pop(key)
        elif isinstance(value, list):
            raise TypeError("pop doesn't accept a default argument for lists")
        else:
            taken = value.pop(key, default)
        self.set_body(value)
        return taken

    def _change(self, kinds: type | tuple[type, ...], refusal: str) -> Any:
        value = self.raw_body
        if not isinstance(value, kinds):
            raise SanicException(refusal)
        return value


class StreamingHTTPResponse(BaseHTTPResponse):
    """A response whose content a function writes: the seed's way to stream.

    Attributes:
        streaming_fn: Called with this response; writes to it.
    """

    __slots__ = ("streaming_fn",)

    def __init__(
        self,
        streaming_fn: StreamingFn,
        status: int = 200,
        headers: HeaderItems = None,
        content_type: str | None = DEFAULT_TEXT,
    ) -> None:
        super().__init__(None, status, headers, content_type)
        self.streaming_fn = streaming_fn

    async def stream(self) -> Self:
        """Run the function that writes. Checkpoint: as it does."""
        await self.streaming_fn(self)
        return self

    async def skip(self) -> None:
        """Called in place of `stream` where only the head is asked for. Checkpoint: never."""


# Sanic 25.12's name for what is left of it there.
ResponseStream: TypeAlias = StreamingHTTPResponse
