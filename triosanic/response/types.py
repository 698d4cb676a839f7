"""What a handler answers with."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from triosanic.exceptions import ServerError
from triosanic.headers import Header
from triosanic.http.exchange import Exchange
from triosanic.http.reply import BODILESS
from triosanic.http.send_channel import Later, encode

Dumps: TypeAlias = Callable[..., str | bytes]
StreamingFn: TypeAlias = Callable[[Any], Awaitable[None]]
HeaderItems: TypeAlias = Mapping[str, Any] | None
DEFAULT_TEXT: Final = "text/plain; charset=utf-8"


def dumps_json(value: object, **kwargs: Any) -> str:
    """Write JSON without spaces, as Sanic does."""
    return json.dumps(value, separators=(",", ":"), **kwargs)


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
        self._exchange: Exchange | None = None

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

    # A streamed response.

    @property
    def started(self) -> bool:
        """Whether it has begun to leave as a stream."""
        return self._exchange is not None

    def start(self, exchange: Exchange) -> None:
        """Begin to stream it as the answer of ``exchange``. Checkpoint: never.

        Raises:
            ServerError: The request was answered before, or a header can't be sent.
        """
        fields = self.fields()
        media_type = self.media_type()
        if media_type is not None and self.status not in BODILESS:
            fields.append(("content-type", media_type))
        exchange.start(self.status, fields)
        self._exchange = exchange
        if self.body:
            self.write(self.body)

    def write(self, data: object) -> Awaitable[None]:
        """Send a piece; awaited, wait until the client keeps up. See `SendChannel.write`, also for errors.

        Raises:
            ServerError: The response has not begun: it is begun by ``await request.respond()``.

        Checkpoint: see `SendChannel.write`.
        """
        exchange = self._exchange
        if exchange is None or exchange.channel is None:
            raise ServerError("this response has not begun to stream: use `await request.respond()` first")
        return exchange.channel.write(data)

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
        exchange = self._exchange
        if exchange is None or exchange.channel is None:
            raise ServerError("this response has not begun to stream: use `await request.respond()` first")
        if not exchange.channel.missing:
            exchange.channel.end()
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
    """A response whose content is JSON.

    Attributes:
        raw_body: The value that the content was made of.
    """

    __slots__ = ("raw_body",)

    def __init__(
        self,
        body: Any = None,
        status: int = 200,
        headers: HeaderItems = None,
        content_type: str | None = "application/json",
        dumps: Dumps | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__((dumps or dumps_json)(body, **kwargs), status, headers, content_type)
        self.raw_body = body


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
