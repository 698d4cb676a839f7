"""The handler of a route for WebSockets: the handshake, the program's handler, and the end.

The route's handler is a `WebsocketHandler`. Until the 101 it is a handler as any other: what it raises is
answered by the program's error handlers, and the connection lives on. After it, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from inspect import isawaitable
from math import inf
from typing import Any, Final

from triosanic.config import Config
from triosanic.exceptions import WebsocketClosed
from triosanic.handlers.error import unwrap
from triosanic.http.faults import as_exception, is_failure
from triosanic.response import BaseHTTPResponse, HTTPResponse
from triosanic.router import name_of
from triosanic.signals import Event
from triosanic.websocket.conversation import Conversation, Terms
from triosanic.websocket.handshake import Accepted, check_upgrade
from triosanic.websocket.socket import Websocket

_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_INTERNAL_ERROR: Final = 1011
_SWITCHING: Final = 101
# What a program may not say in a 101: it frames the message, or is the handshake's.
_OURS: Final = frozenset({"content-length", "content-type", "transfer-encoding", "connection", "upgrade"})

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a route says of its WebSockets.

    Args:
        subprotocols: Those that are served, the best first.
        origins: Values of Origin to accept, ``None`` for a client that sends none; ``None``: all.
        compression: Whether to compress for clients that offer it; ``None``: ``WEBSOCKET_COMPRESSION``.
        max_size: Bound of a message in bytes; ``None``: ``WEBSOCKET_MAX_SIZE``.
    """

    subprotocols: tuple[str, ...] = ()
    origins: frozenset[str | None] | None = None
    compression: bool | None = None
    max_size: int | None = None


def websocket_options(
    subprotocols: Sequence[str] | None,
    origins: Iterable[str | None] | str | None,
    compression: bool | None,
    max_size: int | None,
) -> Options:
    """Check what a decorator says.

    Raises:
        TypeError: The subprotocols are one text.
        ValueError: The bound of a message is not positive.
    """
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols must be a list of names, not one text: write [{subprotocols!r}]")
    if max_size is not None and (not isinstance(max_size, int) or max_size < 1):
        raise ValueError(f"max_size must be a whole number of bytes, 1 or more, not {max_size!r}")
    if isinstance(origins, str):
        origins = [origins]
    return Options(
        subprotocols=tuple(subprotocols or ()),
        origins=None if origins is None else frozenset(origins),
        compression=compression,
        max_size=max_size,
    )


class _Switching(HTTPResponse):
    """The 101, as response middleware sees it: the upgrade sends it, unless it has become something else."""

    __slots__ = ()

    def start(self, *args: Any, **options: Any) -> None:
        """See `BaseHTTPResponse.start`."""
        if self.status != _SWITCHING:
            super().start(*args, **options)


class WebsocketHandler:
    """Serves a route with WebSockets.

    Args:
        handler: The program's: takes the request, the `Websocket`, and the path's parameters.
        options: What the route says.
    """

    def __init__(self, handler: Handler, options: Options) -> None:
        self._handler = handler
        self._options = options
        update_wrapper(self, handler)  # routes take their name and the types of parameters from it
        self.__name__ = name_of(handler)

    async def __call__(self, request: Any, **params: object) -> None:
        """Upgrade, and serve until the end, unless a response middleware has another answer.

        Raises:
            SanicException: The request is none for a WebSocket that is served here.
            WireBroken: The client has gone before it was upgraded.

        Checkpoint: always.
        """
        exchange, config, options = request.exchange, request.app.config, self._options
        compression = config.WEBSOCKET_COMPRESSION if options.compression is None else options.compression
        accepted = check_upgrade(
            exchange.head,
            subprotocols=options.subprotocols,
            origins=options.origins,
            compression=bool(compression),
        )
        response = await request.respond(_Switching(None, _SWITCHING))
        if response.status != _SWITCHING:
            return
        conversation = Conversation(
            exchange.link,
            _terms(config, options),
            deflates=accepted.deflate_bits is not None,
            cancels=exchange.cancel_on_disconnect,
        )
        ws = Websocket(conversation, subprotocol=accepted.subprotocol, deflate_bits=accepted.deflate_bits)
        await exchange.upgrade(_fields(accepted, response), conversation)
        request.on_failure = conversation.fail
        conversation.begin()
        exchange.at_shutdown(conversation.shut_down)
        try:
            await _Serving(request, ws, conversation).run(self._handler, params)
        finally:
            request.on_failure = None
            exchange.sent_bytes = conversation.outlet.sent
            conversation.on_end(broken=True)  # in whatever way it has ended, nothing is sent any more


def _terms(config: Config, options: Options) -> Terms:
    return Terms(
        max_bytes=options.max_size or config.WEBSOCKET_MAX_SIZE,
        ping_interval_s=config.WEBSOCKET_PING_INTERVAL or inf,
        ping_timeout_s=config.WEBSOCKET_PING_TIMEOUT or inf,
        close_timeout_s=config.WEBSOCKET_CLOSE_TIMEOUT,
        max_ratio=config.WEBSOCKET_MAX_RATIO,
    )


def _fields(accepted: Accepted, response: BaseHTTPResponse) -> list[tuple[str, str]]:
    """Give the fields of the 101: those of the handshake, and what middleware has added, as cookies."""
    own = [
        (name, value)
        for name, value in response.fields()
        if name.lower() not in _OURS and not name.lower().startswith("sec-websocket-")
    ]
    return [*accepted.fields, *own]


def _is_closed(error: BaseException) -> bool:
    """Whether all that a handler has raised is that a WebSocket was closed, be it this or another one."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_closed, error.exceptions))
    return isinstance(error, WebsocketClosed)


class _Serving:
    """One WebSocket that is open, from its handler's start to its end."""

    __slots__ = ("_conversation", "_request", "_ws")

    def __init__(self, request: Any, ws: Websocket, conversation: Conversation) -> None:
        self._request = request
        self._ws = ws
        self._conversation = conversation

    async def run(self, handler: Handler, params: Mapping[str, object]) -> None:
        """Run the handler, and close as it has ended. Checkpoint: always."""
        conversation = self._conversation
        try:
            with conversation.scope:
                await self._handle(handler, params)
        except BaseException as exc:
            if not is_failure(exc):
                conversation.close(_GOING_AWAY, "")
                raise
            conversation.close(_INTERNAL_ERROR, "")
            if not _is_closed(exc):
                await self._report(exc)
        if conversation.failure is not None:
            conversation.close(_INTERNAL_ERROR, "")
            await self._report(conversation.failure)
        conversation.close(_NORMAL, "")
        await self._request.close()
        await conversation.wait_closed()

    async def _handle(self, handler: Handler, params: Mapping[str, object]) -> None:
        await self._emit(Event.WEBSOCKET_HANDLER_BEFORE)
        result = handler(self._request, self._ws, **params)
        if isawaitable(result):
            await result
        await self._request.join()
        await self._emit(Event.WEBSOCKET_HANDLER_AFTER)

    async def _report(self, error: BaseException) -> None:
        """Log what a handler has raised, and tell of it."""
        error = unwrap(as_exception(error))
        app = self._request.app
        app.error_handler.log(self._request, error)
        try:
            await self._emit(Event.WEBSOCKET_HANDLER_EXCEPTION, exception=error)
            await app.signals.report(error)
        except Exception as failure:  # noqa: BLE001  # it must not stand in the place of what it reports
            app.error_handler.log(self._request, failure)

    async def _emit(self, event: Event, **context: object) -> None:
        await self._request.app.signals.emit(event, request=self._request, websocket=self._ws, **context)
