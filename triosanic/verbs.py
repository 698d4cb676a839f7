"""The decorators that are named after a method of HTTP: ``@app.get("/x")``."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from triosanic.router import Handler, Hosts, Version

_HandlerT = TypeVar("_HandlerT", bound=Handler)


class TakesRoutes(Protocol):
    """What the functions below are methods of: an app or a blueprint."""

    def route(  # noqa: PLR0917  # Sanic's arguments
        self,
        uri: str,
        methods: str,
        host: Hosts = None,
        strict_slashes: bool | None = None,
        stream: bool = False,
        version: Version = None,
        name: str | None = None,
        ignore_body: bool = False,
        *,
        version_prefix: str = "/v",
        error_format: str | None = None,
        **options: Any,
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Record a route."""


def get(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    version: Version = None,
    name: str | None = None,
    ignore_body: bool = True,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve GET; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "GET", host, strict_slashes, False, version, name, ignore_body, **options)


def head(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    version: Version = None,
    name: str | None = None,
    ignore_body: bool = True,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve HEAD; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "HEAD", host, strict_slashes, False, version, name, ignore_body, **options)


def options(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    version: Version = None,
    name: str | None = None,
    ignore_body: bool = True,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve OPTIONS; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "OPTIONS", host, strict_slashes, False, version, name, ignore_body, **options)


def delete(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    version: Version = None,
    name: str | None = None,
    ignore_body: bool = False,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve DELETE; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "DELETE", host, strict_slashes, False, version, name, ignore_body, **options)


def post(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    stream: bool = False,
    version: Version = None,
    name: str | None = None,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve POST; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "POST", host, strict_slashes, stream, version, name, **options)


def put(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    stream: bool = False,
    version: Version = None,
    name: str | None = None,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve PUT; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "PUT", host, strict_slashes, stream, version, name, **options)


def patch(  # noqa: PLR0917  # Sanic's arguments
    recorder: TakesRoutes,
    uri: str,
    host: Hosts = None,
    strict_slashes: bool | None = None,
    stream: bool = False,
    version: Version = None,
    name: str | None = None,
    version_prefix: str = "/v",
    error_format: str | None = None,
    **options: Any,
) -> Callable[[_HandlerT], _HandlerT]:
    """Serve PATCH; for the arguments and errors see `Recorder.route`."""
    options.update(version_prefix=version_prefix, error_format=error_format)
    return recorder.route(uri, "PATCH", host, strict_slashes, stream, version, name, **options)
