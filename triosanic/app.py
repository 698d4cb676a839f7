"""The app: what a program talks to. It holds the parts and delegates."""

from __future__ import annotations

import contextvars
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import GenericAlias, SimpleNamespace
from typing import Any, ClassVar, Final, NoReturn, Self, TypeAlias, cast

import trio

from triosanic.announcing import connection_maker
from triosanic.blueprints import Blueprint, Blueprints, mount
from triosanic.config import SANIC_PREFIX, Config
from triosanic.exceptions import SanicException, ServerError, URLBuildError
from triosanic.handlers.error import ErrorHandler
from triosanic.helpers import import_string, json_dumps
from triosanic.http.limits import Limits
from triosanic.http.wire import Wire, show
from triosanic.lifespan import Lifespan, obey_signals, owns_signals, single_errors
from triosanic.log import configure, logger
from triosanic.options import (
    NO_EXTENSIONS,
    NO_INSPECTOR,
    ONE_PROCESS,
    Absent,
    configuration_of,
    log_style,
    parts_of,
    refuse_options,
)
from triosanic.overview import (
    has_websockets,
    listeners,
    named_request_middleware,
    named_response_middleware,
    request_middleware,
    response_middleware,
)
from triosanic.recorder import Mount, Recorder, Spec
from triosanic.request import Request
from triosanic.response.types import Dumps, app_dumps
from triosanic.router import Version
from triosanic.running import Loader, Serve, prepare, run_prepared
from triosanic.server import Server, listen
from triosanic.serving import Serving
from triosanic.signalling import Signals, dispatch, event
from triosanic.signals import SignalTable, catch_exception
from triosanic.state import ApplicationState, AppRouter
from triosanic.tasks import (
    Tasks,
    add_task,
    cancel_task,
    get_task,
    purge_tasks,
    shutdown_tasks,
    tasks,
)
from triosanic.urls import build_url

# The registry: the only state that apps share. Reached through Sanic.register_app, unregister_app, get_app.
_apps: Final[dict[str, Sanic]] = {}

Addresses = list[Any]

class Sanic(Recorder):
    """An app: routes, middleware and listeners, and the server that answers with them.

    Args:
        name: Letters, digits, ``_``, ``-`` and dots; ``None`` takes the name of the module that makes it.
        config: Settings; ``None`` takes the defaults and the environment.
        ctx: Room for the program's own; ``None`` makes an empty one.
        router: Not here, as the next one: there is no choice.
        signal_router: Likewise.
        error_handler: Answers for exceptions; ``None`` takes the default.
        env_prefix: What environment variables that are settings begin with.
        request_class: A subclass of `Request`.
        strict_slashes: Whether a slash at the end of a path makes another path.
        log_config: A dictionary for ``logging.config``; ``None`` takes ours.
        configure_logging: Whether `run` and ``trio.run(app.serve)`` set up logging.
        dumps: Writes JSON for responses; ``None`` takes `helpers.json_dumps`.
        loads: Reads the JSON of requests; ``None`` takes ``json.loads``.
        inspector: Not here, as the next two.
        inspector_class: Likewise.
        certloader_class: Likewise.
        is_request_stream: The seed's flag; streaming needs no flag.
        load_env: The seed's ``env_prefix``: a prefix, or whether any is loaded.

    Attributes:
        background: The tasks of `add_task`.
        debug: Whether error pages show what is inside.
        shared_ctx: Sanic's room for what processes share; there is one process.
        state: How far the app is; see `ApplicationState`.

    Raises:
        SanicException: The name is not of the form, or another app has it; one of the arguments is given for
            which there is no choice; or both a configuration and the prefix that one would be made with.
        TypeError: ``config``, ``error_handler`` or ``request_class`` is something else.

    Source: Sanic 25.12 ``Sanic``.
    """

    # Programs write `Sanic[Config, Context]` in annotations; here both are of any type.
    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)

    # Set by test programs: an app then takes the place of another of its name, so that each test has its own.
    test_mode: ClassVar[bool] = False

    __slots__ = (
        "_asgi_client",
        "_services",
        "_serving",
        "_websocket_enabled",
        "background",
        "config",
        "configure_logging",
        "debug",
        "dumps",
        "error_handler",
        "loads",
        "log_config",
        "request_class",
        "shared_ctx",
        "state",
    )

    def __init__(  # noqa: PLR0917  # Sanic's arguments
        self,
        name: str | None = None,
        config: Config | None = None,
        ctx: Any = None,
        router: object = None,
        signal_router: object = None,
        error_handler: ErrorHandler | None = None,
        env_prefix: str | None = SANIC_PREFIX,
        request_class: type[Request] | None = None,
        strict_slashes: bool = False,
        log_config: dict[str, Any] | None = None,
        configure_logging: bool = True,
        dumps: Dumps | None = None,
        loads: Callable[[bytes], Any] | None = None,
        inspector: bool = False,
        inspector_class: object = None,
        certloader_class: object = None,
        *,
        is_request_stream: bool = False,
        load_env: bool | str = True,
    ) -> None:
        refuse_options(
            router=router,
            signal_router=signal_router,
            inspector=inspector,
            inspector_class=inspector_class,
            certloader_class=certloader_class,
        )
        if name is None:
            name = str(sys._getframe(1).f_globals.get("__name__", "app"))  # noqa: SLF001  # as logging does
        super().__init__(name, strict_slashes=strict_slashes, is_request_stream=is_request_stream)
        self.config = configuration_of(config, env_prefix if load_env is True else load_env or None)
        if ctx is not None:
            self.ctx = ctx
        self.error_handler, self.request_class = parts_of(error_handler, request_class)
        self.log_config = log_config
        self.configure_logging = configure_logging
        self.debug = False
        self.dumps = dumps or json_dumps
        self.loads = loads or json.loads
        self.shared_ctx = SimpleNamespace()
        self.state = ApplicationState(self)
        self._websocket_enabled = False
        self._serving = Serving(self)
        self._services: trio.Nursery | None = None
        self._asgi_client: Any = None
        self.background = Tasks(self, self._serving.signals)
        Sanic.register_app(self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(name="{self.name}")'

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # The registry.

    @classmethod
    def register_app(cls, app: Sanic) -> None:
        """Let `get_app` find ``app``.

        Raises:
            SanicException: Another app has its name, and `Sanic.test_mode` is not set; or it is no app.
        """
        _check_app(app)
        if _apps.get(app.name, app) is not app and not Sanic.test_mode:
            raise SanicException(f'Sanic app name "{app.name}" already in use.')
        _apps[app.name] = app

    @classmethod
    def unregister_app(cls, app: Sanic) -> None:
        """Let `get_app` not find ``app`` any more.

        Raises:
            SanicException: It is no app.
        """
        _check_app(app)
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
            if len(_apps) > 1:
                raise SanicException('Multiple Sanic apps found, use Sanic.get_app("app_name")')
            if not _apps:
                raise SanicException("No Sanic apps have been registered.")
            name = next(iter(_apps))
        if name not in _apps and force_create:
            return cls(name)
        if name not in _apps:
            raise SanicException(f"Sanic app name '{name}' not found.")
        return cast(Self, _apps[name])

    # Building.

    def record(self, spec: Spec) -> None:
        """Write down a record; see `Recorder.record`.

        Raises:
            FinalizationError, InvalidUsage, ParameterNameConflicts, RouteExists, ValueError: It is a route,
                or a blueprint with one, that `compile_router` would refuse.
            SanicException: Likewise.
            ServerError: The app serves already.
        """
        if not self.frozen:
            self._serving.check(spec)
        super().record(spec)

    def blueprint(
        self,
        blueprint: Blueprints,
        *,
        url_prefix: str | None = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        version_prefix: str = "/v",
        name_prefix: str | None = "",
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

    register_blueprint = blueprint  # Sanic of 2017

    @property
    def blueprints(self) -> dict[str, Blueprint]:
        """The blueprints that are mounted, by their names."""
        mounted = (spec.recorder for spec in self.specs if isinstance(spec, Mount))
        return {recorder.name: cast(Blueprint, recorder) for recorder in mounted}

    listeners = property(listeners)
    request_middleware = property(request_middleware)
    response_middleware = property(response_middleware)
    named_request_middleware = property(named_request_middleware)
    named_response_middleware = property(named_response_middleware)

    @property
    def router(self) -> AppRouter:
        """The routes."""
        return AppRouter(self, self._serving.router)

    def url_for(self, view_name: str, **values: Any) -> str:
        """Make the URL of a route.

        Args:
            view_name: ``handler``, ``blueprint.handler`` or either with the app's name in front. While a
                request is handled, the name of a handler alone may be one of its own blueprint's.
            values: See `build_url`; for ``static`` also ``name``, the name that ``app.static`` was told.

        Raises:
            URLBuildError, ValueError: No route has the name, or see `build_url`.

        Source: Sanic 25.12 ``app.url_for``.
        """
        found = self._serving.find(view_name, values)
        if found is None:
            name = view_name if view_name.startswith(f"{self.name}.") else f"{self.name}.{view_name}"
            raise URLBuildError(f"Endpoint with name `{name}` was not found")
        route, left = found
        return build_url(route, left, self.config.get("SERVER_NAME", ""))

    def amend(self) -> AbstractContextManager[None]:
        """Allow routes, middleware and so on to be added while the app serves.

        ``with app.amend():`` serves with what the block has added once it ends, all of it at once; requests
        that are under way are finished as they began. If the block raises, or what it has added contradicts
        what is there, nothing is added. Before the start it does nothing.

        Raises:
            Exception: At the end of the block: as at the start, for routes that contradict each other.

        Source: Sanic 25.12 ``app.amend``.
        """
        return self._serving.amend()

    def finalize(self) -> None:
        """Check the routes, as the start will: see `compile_router` for errors."""
        self._serving.router()

    def signalize(self) -> None:
        """Take over what is recorded of signals, as the start will."""
        self._serving.compile_signals()

    def refresh(self, passthru: object = None) -> Self:  # noqa: ARG002  # Sanic's
        """Return the app that is registered under this name: in one process, this one."""
        return cast(Self, _apps.get(self.name, self))

    def enable_websocket(self, enable: bool = True) -> None:
        """Note that WebSockets are served; they need no such call. Source: Sanic 25.12."""
        self._websocket_enabled = enable

    @property
    def websocket_enabled(self) -> bool:
        """Whether there is a WebSocket among the routes, or `enable_websocket` was called."""
        return self._websocket_enabled or has_websockets(self)

    def extend(self, **options: Any) -> NoReturn:
        """Not here: extensions of Sanic's are made for asyncio.

        Raises:
            SanicException: Always.
        """
        raise SanicException(f"app.extend({', '.join(options)}) is not supported: {NO_EXTENSIONS}")

    ext = Absent(NO_EXTENSIONS)
    m = Absent(ONE_PROCESS)
    multiplexer = Absent(ONE_PROCESS)
    manager = Absent(ONE_PROCESS)
    inspector = Absent(NO_INSPECTOR)
    create_server = Absent("use `await nursery.start(app.serve)` with the arguments of app.serve")

    def update_config(self, config: Any) -> None:
        """Take over settings from a mapping, an object, or the path of a Python file; see `Config.load`."""
        self.config.load(config)

    # Signals.

    @property
    def signals(self) -> Signals:
        """The signals: who has handlers, and who waits."""
        return self._serving.signals

    @property
    def signal_router(self) -> SignalTable:
        """The handlers of signals, as they were when the app started or `signalize` was called."""
        return self._serving.signals.table

    dispatch = dispatch
    event = event
    report_exception = catch_exception
    catch_exception = catch_exception

    # Tasks.

    @property
    def loop(self) -> NoReturn:
        """Not here: there is no event loop object.

        Raises:
            SanicException: Always.
        """
        raise SanicException(
            "there is no app.loop: this server runs on Trio; use app.nursery or app.add_task"
        )

    @property
    def auto_reload(self) -> bool:
        """Whether changes of the program restart it: never; there is no reloader."""
        return False

    @property
    def reload_dirs(self) -> set[Path]:
        """What a reloader would look at."""
        return set()

    @property
    def asgi(self) -> bool:
        """Whether another server runs this app: never."""
        return False

    @property
    def nursery(self) -> trio.Nursery:
        """The nursery of tasks that live as long as the server, also when the request that starts one ends.

        A task here that raises ends the server, as in any nursery; `add_task` has a choice.

        Raises:
            ServerError: The server does not run.
        """
        if self.background.nursery is None:
            raise ServerError("app.nursery exists while the server runs: use it in handlers and listeners")
        return self.background.nursery

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

    add_task = add_task
    get_task = get_task
    cancel_task = cancel_task
    purge_tasks = purge_tasks
    shutdown_tasks = shutdown_tasks
    tasks = property(tasks)

    def stop(self, terminate: bool = True, unregister: bool = False) -> None:  # noqa: ARG002  # Sanic's
        """Begin the shutdown, as SIGTERM does. Checkpoint: never.

        Args:
            terminate: Sanic's; there is one process.
            unregister: Whether to take the app out of the registry too.
        """
        if unregister:
            Sanic.unregister_app(self)
        if self.state.lifespan is not None:
            self.state.lifespan.stop()

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
        if self.state.lifespan is not None:
            raise ServerError(f"{self!r} serves already: an app has one server at a time")
        own_signals = owns_signals()
        if own_signals and self.configure_logging:
            configure(self.log_config, log_style(self.config, self.debug, self.state.options))
        try:
            lifespan = self.state.lifespan = self._prepare_lifespan()
            socks = await listen(host, port, sock=sock, unix=unix, backlog=backlog)
            with single_errors():
                async with trio.open_nursery() as nursery:
                    if own_signals:
                        await nursery.start(obey_signals, [lifespan])
                    started = partial(self._started, task_status, socks)
                    await lifespan.run(socks, self._open_nurseries, started, wires)
                    nursery.cancel_scope.cancel()
        finally:
            self.state.lifespan = self._services = None
            self.background.close()
            self._serving.stop()

    # On an instance the coroutine that serves; on the class Sanic's `Sanic.serve(primary=...)`.
    serve = Serve()

    def _prepare_lifespan(self) -> Lifespan:
        """Compile what was recorded; nothing can be added from now on."""
        front = self._serving.start()
        context = contextvars.copy_context()
        context.run(app_dumps.set, self.dumps)
        server = Server(
            front, Limits.from_config(self.config), context, make_connection=connection_maker(self.signals)
        )
        return Lifespan(self, self._serving.listeners, server)

    def _open_nurseries(self, nursery: trio.Nursery, services: trio.Nursery) -> None:
        self._services = services
        self.background.open(nursery)

    def _started(self, task_status: trio.TaskStatus[Addresses], socks: Sequence[socket.socket]) -> None:
        names = [sock.getsockname() for sock in socks]
        where = ", ".join(name if isinstance(name, str) else f"http://{show(name)}" for name in names)
        logger.info("%s serves on %s; Ctrl-C ends it", self.name, where or "wires")
        self.state.addresses = names
        task_status.started(names)

    prepare = prepare

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

    go_fast = run

    @classmethod
    def serve_prepared(
        cls,
        primary: Sanic | None = None,
        *,
        app_loader: Loader | None = None,
        factory: Any = None,  # noqa: ARG003  # Sanic's workers make their app with it; here are none
    ) -> None:
        """Serve all apps that were prepared, in one process: what ``Sanic.serve`` is; see `run_prepared`."""
        run_prepared(_apps, primary, app_loader)

    serve_single = serve_prepared

    @property
    def test_client(self) -> Any:
        """A client for plain tests, as in sanic-testing: ``request, response = app.test_client.get("/")``.

        It sets `Sanic.test_mode`, as that does.
        """
        return self._client("SanicTestClient")

    @property
    def asgi_client(self) -> Any:
        """The same for async tests, always one and the same: ``await app.asgi_client.get("/")``."""
        if self._asgi_client is None:
            self._asgi_client = self._client("SanicASGITestClient")
        return self._asgi_client

    def _client(self, kind: str) -> Any:
        Sanic.test_mode = True
        testing = import_string("triosanic.testing")  # only now, because it needs an extra
        return getattr(testing, kind)(self)


# Sanic's name, for annotations: here the configuration and the context are of no type of their own.
DefaultSanic: TypeAlias = Sanic


def _check_app(app: object) -> None:
    if not isinstance(app, Sanic):
        raise SanicException("Registered app must be an instance of Sanic")
