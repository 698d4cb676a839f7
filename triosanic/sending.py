"""How a response becomes the answer of an exchange."""

from __future__ import annotations

from functools import partial
from inspect import isawaitable
from typing import Final

import trio

from triosanic.compression import SLICE_BYTES, Compression, Compressor, available_codings, compressor_of
from triosanic.config import Config
from triosanic.exceptions import ServerError
from triosanic.http.exchange import Stage
from triosanic.http.framing import Headers
from triosanic.log import logger, shown
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, FileResponse, StreamingHTTPResponse
from triosanic.router import Router

# A length of more digits is none, and would take long to compute.
_MAX_DIGITS: Final = 19
# Enough to see what a handler has returned by mistake.
_SHOWN_CHARACTERS: Final = 200


class Sender:
    """Sends responses as they are."""

    __slots__ = ()

    def start(self, request: Request, response: BaseHTTPResponse) -> None:
        """Begin to stream a response. Checkpoint: never.

        Raises:
            ServerError: The request was answered before, or a header can't be sent.
        """
        response.start(request.exchange, again=partial(self.start, request, response))

    async def send(self, request: Request, response: object) -> None:
        """Send what a handler has returned, or end what it has begun.

        Raises:
            ServerError: It is no response, the request was answered before, or a header can't be sent.
            WireBroken: The client has gone.

        Checkpoint: if the client does not take it at once, or as the function that streams.
        """
        exchange = request.exchange
        # WAITING: it was taken back, since what its head was changed to can't be sent.
        if request.response is not None and exchange.stage is not Stage.WAITING:
            if response is not request.response and response is not None:
                logger.warning("a response was returned after request.respond(); it is ignored: %r", response)
            request.response.settle()
            await exchange.end()
        elif isinstance(response, StreamingHTTPResponse):
            self.start(request, response)
            await (response.skip() if exchange.head_only else response.stream())
            if request._nursery is not None:  # noqa: SLF001  # spares every other request a call
                await request.join()
            await exchange.end()
        elif isinstance(response, FileResponse):
            await response.reply(exchange)
        elif isinstance(response, BaseHTTPResponse):
            await exchange.reply(response.status, response.fields(), response.body, response.media_type())
        else:
            raise no_response(response, "middleware must return a response or None")


def no_response(value: object, way_out: str) -> ServerError:
    """Make the error for what was to be a response: the client is told its type, the log the rest."""
    kind = None if value is None else type(value).__name__
    error = ServerError(f"Invalid response type {kind} (need HTTPResponse)")
    error.add_note(way_out)
    error.add_note(f"it is {shown(value)[:_SHOWN_CHARACTERS]}{': await it' if isawaitable(value) else ''}")
    return error


class CompressingSender(Sender):
    """Sends responses compressed, where their route says so and their clients take it.

    Args:
        compression: What the app says.
    """

    __slots__ = ("_compression",)

    def __init__(self, compression: Compression) -> None:
        self._compression = compression

    def start(self, request: Request, response: BaseHTTPResponse) -> None:
        """Begin to stream a response, which is compressed as it leaves. See `Sender.start`."""
        fields, coding = self._shape(request, response, _declared_length(response))
        compressor = None if coding is None else compressor_of(coding)
        response.start(request.exchange, fields, compressor, partial(self.start, request, response))

    async def send(self, request: Request, response: object) -> None:
        """Send a response; see `Sender.send`. Checkpoint: also after each 32 KiB that are compressed."""
        if request.response is not None or isinstance(response, StreamingHTTPResponse):
            await super().send(request, response)
        elif isinstance(response, FileResponse):
            fields, coding = self._shape(request, response, response.size)
            await response.reply(request.exchange, fields, None if coding is None else compressor_of(coding))
        elif isinstance(response, BaseHTTPResponse):
            await self._send_whole(request, response)
        else:
            await super().send(request, response)

    async def _send_whole(self, request: Request, response: BaseHTTPResponse) -> None:
        exchange, body = request.exchange, response.body
        size = len(body)
        if exchange.head_only and not body:  # RFC 9110 9.3.2: it may tell the length that GET would have
            size = _declared_length(response) or 0
        fields, coding = self._shape(request, response, size)
        if coding is None:
            await exchange.reply(response.status, fields, body, response.media_type())
        elif body:
            data = await compress(compressor_of(coding), body)
            await exchange.reply(response.status, fields, data, response.media_type())
        else:
            response.start(exchange, fields, compressor_of(coding))  # without a length, which is not known
            await exchange.end()

    def _shape(
        self, request: Request, response: BaseHTTPResponse, size: int | None
    ) -> tuple[Headers, str | None]:
        fields = response.fields()
        said = None if request.route is None else request.route.compress
        if not (self._compression.everywhere if said is None else said):
            return fields, None
        asked = request.exchange.head.headers
        return self._compression.shape(asked, response.status, fields, response.media_type(), size)


def sender_of(router: Router, config: Config) -> Sender:
    """Give what sends the responses of an app: where no route compresses, that costs no request anything."""
    everywhere = bool(config.RESPONSE_COMPRESSION)
    if not everywhere and not any(route.compress for route in router.routes):
        return Sender()
    min_bytes = config.RESPONSE_COMPRESSION_MIN_SIZE
    return CompressingSender(Compression(everywhere, min_bytes, available_codings()))


async def compress(compressor: Compressor, content: bytes) -> bytes:
    """Compress a whole content. Checkpoint: after each 32 KiB.

    Rejected: a thread, in which twice as much is compressed where a second core idles. There a virtual clock
    jumps over deadlines, a cancellation waits, and servers of several processes have no idle core.
    """
    if len(content) <= SLICE_BYTES:
        return compressor.compress(content) + compressor.finish()
    pieces = []
    with memoryview(content) as view:
        for at in range(0, len(content), SLICE_BYTES):
            pieces.append(compressor.compress(view[at : at + SLICE_BYTES]))
            await trio.lowlevel.checkpoint()
    return b"".join((*pieces, compressor.finish()))


def _declared_length(response: BaseHTTPResponse) -> int | None:
    """Give the Content-Length that a handler has set; ``None``: none, or none that is a number."""
    value = dict((name.lower(), value) for name, value in response.fields()).get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS else None
