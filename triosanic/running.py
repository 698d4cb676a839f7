"""What ``app.run`` and ``Sanic.serve`` do: note how to serve, and serve in an event loop of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, overload

import trio

from triosanic.config import Config
from triosanic.exceptions import SanicException
from triosanic.lifespan import obey_signals, single_errors
from triosanic.log import configure
from triosanic.options import RunOptions, log_style
from triosanic.server import ListenError
from triosanic.state import ApplicationState


class Runnable(Protocol):
    """What is run: an app."""

    name: str
    config: Config
    debug: bool
    state: ApplicationState
    configure_logging: bool
    log_config: dict[str, Any] | None

    @property
    def serve_until_stopped(self) -> Callable[..., Coroutine[Any, Any, None]]:
        """Serves."""


class Serve:
    """The attribute ``serve``, which is one thing on an app and another on the class."""

    __slots__ = ()

    @overload
    def __get__(self, app: None, kind: Any) -> Callable[..., None]: ...

    @overload
    def __get__(self, app: Runnable, kind: Any) -> Callable[..., Coroutine[Any, Any, None]]: ...

    def __get__(self, app: Runnable | None, kind: Any) -> Callable[..., Any]:
        return kind.serve_prepared if app is None else app.serve_until_stopped


def prepare(app: Runnable, host: str | None = None, port: int | None = None, **options: Any) -> None:
    """Note how to serve this app when `Sanic.serve` is called; the arguments are those of `run`."""
    chosen = RunOptions.of(host, port, **options)
    app.debug = chosen.debug
    if chosen.access_log is not None:
        app.config.ACCESS_LOG = chosen.access_log
    if chosen.noisy_exceptions is not None:
        app.config.NOISY_EXCEPTIONS = chosen.noisy_exceptions
    app.state.options = chosen


class Loader(Protocol):
    """What gives an app: a `triosanic.worker.loader.AppLoader`."""

    def load(self) -> Any:
        """Give it."""


def run_prepared(apps: Mapping[str, Runnable], primary: Runnable | None, loader: Loader | None) -> None:
    """Serve those apps that were prepared.

    Args:
        apps: All there are.
        primary: The first of them: the log's configuration is its own.
        loader: Gives the first one, where there is no ``primary``.

    Raises:
        SanicException: No app was prepared, or not the first one.
        SystemExit: An address is taken: one sentence on stderr and exit status 1.
    """
    first = loader.load() if primary is None and loader is not None else primary
    others = [app for app in apps.values() if app is not first and app.state.options is not None]
    chosen = others if first is None else [first, *others]
    prepared = [(app, app.state.options) for app in chosen if app.state.options is not None]
    if not prepared or len(prepared) < len(chosen):
        raise SanicException("no app is prepared: call app.prepare() before Sanic.serve(), or app.run()")
    try:
        run_until_stopped(prepared)
    finally:
        for app, _ in prepared:
            app.state.options = None


def run_until_stopped(apps: Sequence[tuple[Runnable, RunOptions]]) -> None:
    """Serve apps in one event loop, which ends with them.

    Raises:
        SystemExit: An address is taken: one sentence on stderr and exit status 1.
    """
    try:
        trio.run(_serve_all, apps)
    except ListenError as exc:
        sys.exit(f"{apps[0][0].name} can't start: {exc.strerror or exc}")


async def _serve_all(apps: Sequence[tuple[Runnable, RunOptions]]) -> None:
    first, options = apps[0]
    if len(apps) == 1:
        await first.serve_until_stopped(**options.where())
        return
    if first.configure_logging:
        configure(first.log_config, log_style(first.config, first.debug, options))
    with single_errors():
        async with trio.open_nursery() as nursery:
            for app, options in apps:
                await nursery.start(partial(app.serve_until_stopped, **options.where()))
            lifespans = [app.state.lifespan for app, _ in apps if app.state.lifespan is not None]
            await nursery.start(obey_signals, lifespans)
            for lifespan in lifespans:
                await lifespan.ended.wait()
            nursery.cancel_scope.cancel()
