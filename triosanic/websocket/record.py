"""The decorators for WebSockets, which apps and blueprints have as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from triosanic.router import Handler, Hosts, Version, check_accepts
from triosanic.verbs import TakesRoutes
from triosanic.websocket.serve import WebsocketHandler, websocket_options

HandlerT = TypeVar("HandlerT", bound=Handler)


def websocket(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    subprotocols: Sequence[str] | None = None,
    version: Version = None,
    name: str | None = None,
    apply: bool = True,
    version_prefix: str = "/v",
    error_format: str | None = None,
    *,
    origins: Iterable[str | None] | str | None = None,
    compression: bool | None = None,
    max_size: int | None = None,
    **options: Any,
) -> Callable[[HandlerT], HandlerT]:
    """Serve WebSockets with what is decorated: ``async def feed(request, ws)``; see `Websocket`.

    Args:
        uri: The path.
        host: Values of the Host field to answer to; ``None`` means all.
        strict_slashes: Whether a slash at the end makes another path.
        subprotocols: Those that are served, the best first.
        version: As those of `route`, and so are the next four.
        name: The route's name.
        apply: ``False`` checks all this, but serves nothing.
        version_prefix: What stands before the version.
        error_format: Of the answer to a request that is refused.
        origins: Values of the Origin field to accept, ``None`` among them for clients without one;
            ``None``: all. A browser sends it with the page's own, whatever the page is.
        compression: Whether to compress for clients that offer it; ``None``: ``WEBSOCKET_COMPRESSION``.
        max_size: Bound of a message in bytes; ``None``: ``WEBSOCKET_MAX_SIZE``.
        options: Those of `route`: ``cancel_on_disconnect`` and ``ctx_*``.

    Raises:
        TypeError: The subprotocols are one text; see `route` for others.
        ValueError: The handler does not take its arguments, or the bound of a message is none.

    Source: Sanic 25.12; ``origins``, ``compression`` and ``max_size`` are triosanic's.
    """
    chosen = websocket_options(subprotocols, origins, compression, max_size)
    options.update(apply=apply, version_prefix=version_prefix, error_format=error_format)
    record = recorder.route(uri, "GET", host, strict_slashes, False, version, name, True, **options)

    def decorate(handler: HandlerT) -> HandlerT:
        check_accepts(handler, 2, "`request` and/or `ws`", "websocket route")
        record(WebsocketHandler(handler, chosen))
        return handler

    return decorate


def add_websocket_route(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    handler: HandlerT,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    subprotocols: Sequence[str] | None = None,
    version: Version = None,
    name: str | None = None,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> HandlerT:
    """Serve WebSockets with a handler; the arguments are those of `websocket`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return websocket(recorder, uri, host, strict_slashes, subprotocols, version, name, **options)(handler)
