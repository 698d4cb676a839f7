"""The app: what a program talks to. It holds the parts and delegates."""

from __future__ import annotations

import contextvars
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, ClassVar, Final, Self, cast, overload

import trio

from triosanic.blueprints import (
    Blueprints,
    compile_error_handler,
    compile_listeners,
    compile_router,
    mount,
)
from triosanic.config import SANIC_PREFIX, Config
from triosanic.dispatch import Dispatcher, Plan
from triosanic.exceptions import SanicException, ServerError
from triosanic.handlers import ErrorHandler
from triosanic.helpers import import_string
from triosanic.http.limits import Limits
from triosanic.http.wire import Wire, show
from triosanic.lifespan import Lifespan, obey_signals, owns_signals, single_errors
from triosanic.log import configure, error_logger, logger
from triosanic.options import RunOptions
from triosanic.recorder import Recorder, Version
from triosanic.request import Request
from triosanic.router import accepts
from triosanic.server import ListenError, Server, listen

# The registry: the only state that apps share. Reached through Sanic.register_app, unregister_app, get_app.
_apps: Final[dict[str, Sanic]] = {}

Addresses = list[Any]


class _Serve:
    """The attribute ``serve``, which is one thing on an app and another on the class."""

    __slots__ = ()

    @overload
    def __get__(self, app: None, kind: type[Sanic]) -> Callable[..., None]: ...

    @overload
    def __get__(self, app: Sanic, kind: type[Sanic]) -> Callable[..., Coroutine[Any, Any, None]]: ...

    def __get__(self, app: Sanic | None, kind: type[Sanic]) -> Callable[..., Any]:
        return kind.serve_prepared if app is None else app.serve_until_stopped


class Sanic(Recorder):
    """An app: routes, middleware and listeners, and the server that answers with them.

    Args:
        name: Letters, digits, ``_``, ``-`` and dots.
        config: Settings; ``None`` takes the defaults and the environment.
        ctx: Room for the program's own; ``None`` makes an empty one.
        error_handler: Answers for exceptions; ``None`` takes the default.
        env_prefix: What environment variables that are settings begin with.
        request_class: A subclass of `Request`.
        strict_slashes: Whether a slash at the end of a path makes another path.
        log_config: A dictionary for ``logging.config``; ``None`` takes ours.
        configure_logging: Whether `run` and ``trio.run(app.serve)`` set up logging.
        is_request_stream: The seed's flag; streaming needs no flag.

    Raises:
        SanicException: The name is not of the form, or another app has it.

    Source: Sanic 25.12 ``Sanic``.
    """

    # Set by test programs: apps are then not registered, so that each test can make its own.
    test_mode: ClassVar[bool] = False

    __slots__ = (
        "_before_start",
        "_lifespan",
        "_nursery",
        "_prepared",
        "_services",
        "config",
        "configure_logging",
        "debug",
        "error_handler",
        "log_config",
        "request_class",
    )

    def __init__(
        self,
        name: str,
        config: Config | None = None,
        ctx: Any = None,
        *,
        error_handler: ErrorHandler | None = None,
        env_prefix: str | None = SANIC_PREFIX,
        request_class: type[Request] | None = None,
        strict_slashes: bool = False,
        log_config: dict[str, Any] | None = None,
        configure_logging: bool = True,
        is_request_stream: bool = False,
    ) -> None:
        super().__init__(name, strict_slashes=strict_slashes, is_request_stream=is_request_stream)
        self.config = Config(env_prefix=env_prefix) if config is None else config
        if ctx is not None:
            self.ctx = ctx
        self.error_handler = error_handler or ErrorHandler()
        self.request_class = request_class or Request
        self.log_config = log_config
        self.configure_logging = configure_logging
        self.debug = False
        self._nursery: trio.Nursery | None = None
        self._services: trio.Nursery | None = None
        self._lifespan: Lifespan | None = None
        self._prepared: RunOptions | None = None
        self._before_start: list[Callable[[], Awaitable[object]]] = []
        if not Sanic.test_mode:
            Sanic.register_app(self)

    def __repr__(self) -> str:
        return f'Sanic(name="{self.name}")'

    # The registry.

    @classmethod
    def register_app(cls, app: Sanic) -> None:
        """Let `get_app` find ``app``.

        Raises:
            SanicException: Another app has its name.
        """
        if _apps.get(app.name, app) is not app:
            raise SanicException(f'Sanic app name "{app.name}" already in use.')
        _apps[app.name] = app

    @classmethod
    def unregister_app(cls, app: Sanic) -> None:
        """Let `get_app` not find ``app`` any more."""
        _apps.pop(app.name, None)

    @classmethod
    def get_app(cls, name: str | None = None, *, force_create: bool = False) -> Self:
        """Return the app of this name, or the only one.

        Args:
            name: ``None``: there must be exactly one app.
            force_create: Whether to make the app if there is none.

        Raises:
            SanicException: There is none, or more than one and no name.
        """
        if name is None:
            if len(_apps) != 1:
                found = "Multiple" if _apps else "No"
                raise SanicException(f"{found} Sanic apps found: pass the name of one to Sanic.get_app")
            name = next(iter(_apps))
        if name not in _apps and force_create:
            return cls(name)
        if name not in _apps:
            raise SanicException(f'Sanic app name "{name}" not found.')
        return cast(Self, _apps[name])

    # Building.

    def blueprint(
        self,
        blueprint: Blueprints,
        *,
        url_prefix: str | None = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        version_prefix: str = "/v",
        name_prefix: str = "",
    ) -> None:
        """Serve a blueprint, or each of a list of them; see `blueprints.mount`, also for errors."""
        mount(
            self,
            blueprint,
            url_prefix=url_prefix,
            version=version,
            strict_slashes=strict_slashes,
            version_prefix=version_prefix,
            name_prefix=name_prefix,
        )

    def update_config(self, config: Any) -> None:
        """Take over settings from a mapping, an object, or the path of a Python file; see `Config.load`."""
        self.config.load(config)

    # Tasks.

    @property
    def nursery(self) -> trio.Nursery:
        """The nursery of tasks that live as long as the server, also when the request that starts one ends.

        A task here that raises ends the server, as in any nursery; `add_task` has a choice.

        Raises:
            ServerError: The server does not run.
        """
        if self._nursery is None:
            raise ServerError("app.nursery exists while the server runs: use it in handlers and listeners")
        return self._nursery

    @property
    def services(self) -> trio.Nursery:
        """The nursery of what the rest of the app stands on, as an event loop or a client with a pool.

        Its tasks run until everything else has ended, the ``after_server_stop`` listeners included: until
        then the shutdown does not wait for them and no cancellation reaches them; then they are cancelled.
        One that raises ends the server.

        Raises:
            ServerError: The server does not run.
        """
        if self._services is None:
            raise ServerError("app.services exists while the server runs: use it in handlers and listeners")
        return self._services

    def add_task(
        self, task: Callable[..., Awaitable[object]] | Coroutine[Any, Any, object], *, name: str | None = None
    ) -> None:
        """Run a task as long as the server runs; before the start, it begins with the server.

        If it raises, ``APP_TASK_FAILURE`` decides: ``"log"`` the error, or also ``"stop"`` the server.

        Args:
            task: An async function of no argument or of the app, or a coroutine.
            name: What debuggers call it.
        """
        if self._nursery is None:
            self._before_start.append(partial(self._run_task, task))
        else:
            self._nursery.start_soon(self._run_task, task, name=name)

    async def _run_task(
        self, task: Callable[..., Awaitable[object]] | Coroutine[Any, Any, object]
    ) -> None:
        try:
            if not callable(task):
                await task
            else:
                await (task(self) if _takes_app(task) else task())
        except Exception:
            error_logger.exception("a task of the app failed")
            if self.config.APP_TASK_FAILURE == "stop":
                raise

    def stop(self, terminate: bool = True, unregister: bool = False) -> None:  # noqa: ARG002  # Sanic's
        """Begin the shutdown, as SIGTERM does. Checkpoint: never.

        Args:
            terminate: Sanic's; there is one process.
            unregister: Whether to take the app out of the registry too.
        """
        if unregister:
            Sanic.unregister_app(self)
        if self._lifespan is not None:
            self._lifespan.stop()

    # Serving.

    async def serve_until_stopped(
        self,
        host: str | Sequence[str] | None = "127.0.0.1",
        port: int = 8000,
        *,
        sock: socket.socket | Sequence[socket.socket] | None = None,
        unix: str | os.PathLike[str] | None = None,
        backlog: int = 1024,
        wires: trio.abc.ReceiveChannel[Wire] | None = None,
        task_status: trio.TaskStatus[Addresses] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until stopped: what ``app.serve`` is.

        As the main task of ``trio.run`` it ends at SIGINT and SIGTERM. In a nursery,
        ``await nursery.start(app.serve)`` returns the bound addresses, and signals are the program's.

        Args:
            host: Address or name, or several; ``None``: every interface.
            port: 0 lets the system choose, the same for every address.
            sock: Bound sockets, in place of host and port.
            unix: Path of a Unix socket, in place of host and port.
            backlog: How many connections may wait to be accepted.
            wires: Connections that something else accepts, served beside those of the sockets, of which
                ``sock=()`` makes none; see `StreamWire`.
            task_status: Trio's.

        Raises:
            OSError: An address is taken, or isn't ours.
            ServerError: This app serves already, or its routes contradict each other.

        Checkpoint: always.
        """
        if self._lifespan is not None:
            raise ServerError(f"{self!r} serves already: an app has one server at a time")
        own_signals = owns_signals()
        if own_signals and self.configure_logging:
            configure(self.log_config)
        lifespan = self._lifespan = self._prepare_lifespan()
        try:
            socks = await listen(host, port, sock=sock, unix=unix, backlog=backlog)
            with single_errors():
                async with trio.open_nursery() as nursery:
                    if own_signals:
                        await nursery.start(obey_signals, [lifespan])
                    started = partial(self._started, task_status, socks)
                    await lifespan.run(socks, self._open_nurseries, started, wires)
                    nursery.cancel_scope.cancel()
        finally:
            self._lifespan = self._nursery = self._services = None
            self.freeze(False)

    # On an instance the coroutine that serves; on the class Sanic's `Sanic.serve(primary=...)`.
    serve = _Serve()

    def _prepare_lifespan(self) -> Lifespan:
        """Compile what was recorded; nothing can be added from now on."""
        router = compile_router(self)
        plan = Plan(
            app=self,
            router=router,
            error_handler=compile_error_handler(self, router, self.error_handler),
            request_class=self.request_class,
            request_max_bytes=self.config.REQUEST_MAX_SIZE,
        )
        self.freeze()
        server = Server(
            Dispatcher(plan),
            Limits.from_config(self.config),
            contextvars.copy_context(),
            max_connections=self.config.MAX_CONNECTIONS,
        )
        return Lifespan(self, compile_listeners(self), server, self.config.GRACEFUL_SHUTDOWN_TIMEOUT)

    def _open_nurseries(self, nursery: trio.Nursery, services: trio.Nursery) -> None:
        self._nursery = nursery
        self._services = services
        tasks, self._before_start = self._before_start, []
        for task in tasks:
            nursery.start_soon(task)

    def _started(self, task_status: trio.TaskStatus[Addresses], socks: Sequence[socket.socket]) -> None:
        names = [sock.getsockname() for sock in socks]
        where = ", ".join(name if isinstance(name, str) else f"http://{show(name)}" for name in names)
        logger.info("%s serves on %s; Ctrl-C ends it", self.name, where or "wires")
        task_status.started(names)

    def prepare(self, host: str | None = None, port: int | None = None, **options: Any) -> None:
        """Note how to serve this app when `Sanic.serve` is called; the arguments are those of `run`."""
        chosen = RunOptions.of(host, port, **options)
        self.debug = chosen.debug
        if chosen.access_log is not None:
            self.config.ACCESS_LOG = chosen.access_log
        if chosen.noisy_exceptions is not None:
            self.config.NOISY_EXCEPTIONS = chosen.noisy_exceptions
        self._prepared = chosen

    def run(self, host: str | None = None, port: int | None = None, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM: ``trio.run(app.serve)``, with Sanic's arguments.

        Args:
            host: Address or name; 127.0.0.1 by default.
            port: 8000 by default.
            options: See `RunOptions.of`, also for errors.

        Raises:
            SystemExit: The address is taken: one sentence on stderr and exit status 1.
        """
        self.prepare(host, port, **options)
        Sanic.serve_prepared(self)

    @classmethod
    def serve_prepared(cls, primary: Sanic | None = None) -> None:
        """Serve the apps that were prepared, in one process: what ``Sanic.serve`` is.

        Args:
            primary: Serve this one only.

        Raises:
            SanicException: No app was prepared.
            SystemExit: An address is taken: one sentence on stderr and exit status 1.
        """
        chosen = [primary] if primary is not None else list(_apps.values())
        apps = [(app, app._prepared) for app in chosen if app._prepared is not None]  # noqa: SLF001
        if not apps:
            raise SanicException("no app is prepared: call app.prepare() before Sanic.serve(), or app.run()")
        try:
            trio.run(cls._serve_all, apps)
        except ListenError as exc:
            sys.exit(f"{apps[0][0].name} can't start: {exc.strerror or exc}")

    @classmethod
    async def _serve_all(cls, apps: Sequence[tuple[Sanic, RunOptions]]) -> None:
        first, options = apps[0]
        if len(apps) == 1:
            await first.serve(**options.where())
            return
        if first.configure_logging:
            configure(first.log_config)
        with single_errors():
            async with trio.open_nursery() as nursery:
                for app, options in apps:
                    await nursery.start(partial(app.serve, **options.where()))
                lifespans = [app._lifespan for app, _ in apps if app._lifespan is not None]  # noqa: SLF001
                await nursery.start(obey_signals, lifespans)
                for lifespan in lifespans:
                    await lifespan.ended.wait()
                nursery.cancel_scope.cancel()

    @property
    def test_client(self) -> Any:
        """A client for plain tests, as in sanic-testing: ``request, response = app.test_client.get("/")``."""
        testing: Any = import_string("triosanic.testing")  # only now, because it needs an extra
        return testing.SanicTestClient(self)


def _takes_app(task: Callable[..., object]) -> bool:
    return not accepts(task, 0, exactly=True)
