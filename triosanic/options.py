"""Sanic's arguments and attributes that mean something else here, or nothing, and what becomes of them."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn, Self

from triosanic.config import SANIC_PREFIX, Config
from triosanic.exceptions import SanicException
from triosanic.handlers.error import ErrorHandler
from triosanic.helpers import Default, check_type
from triosanic.log import LogStyle
from triosanic.request import Request

# They mean nothing where there is one process, one protocol and no event loop.
_IGNORED: Final = frozenset(
    {
        "coffee",
        "motd",
        "motd_display",
        "protocol",
        "register_sys_signals",
        "version",
    }
)
# What is not done, with the value that does not ask for it; without these four a program runs all the same.
_WITHOUT: Final[Mapping[str, Any]] = MappingProxyType(
    {"workers": 1, "fast": False, "auto_reload": None, "reload_dir": None}
)
_REFUSED: Final[Mapping[str, Any]] = MappingProxyType({"ssl": None, "auto_tls": False})


NO_EXTENSIONS: Final = "sanic-ext runs on asyncio; use middleware, signals and listeners"
ONE_PROCESS: Final = "this server is one process"
NO_INSPECTOR: Final = "there is no inspector"

# Arguments that are not here, and what to use instead.
_NOT_HERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "router": "routes are matched by the app's own: app.router.register_pattern adds types of parameters",
        "signal_router": "signals are kept by the app's own",
        "inspector": NO_INSPECTOR,
        "inspector_class": NO_INSPECTOR,
        "certloader_class": "TLS is not served; put a proxy that speaks TLS in front",
    }
)


class Absent:
    """An attribute of Sanic's that is not here: whoever asks for it is told what to use instead."""

    __slots__ = ("_name", "_remedy")

    def __init__(self, remedy: str) -> None:
        self._remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, app: object, kind: type) -> NoReturn:
        # An AttributeError, so that hasattr(app, "ext") says no.
        raise AttributeError(f"there is no app.{self._name}: {self._remedy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to serve an app.

    Attributes:
        host: Address or name.
        port: 0 lets the system choose.
        sock: A bound socket, in place of host and port.
        unix: Path of a Unix socket, in place of host and port.
        backlog: How many connections may wait to be accepted.
        debug: Whether error pages show what is inside.
        access_log: Whether each response is logged; ``None`` leaves it to the configuration.
        noisy_exceptions: Whether quiet exceptions are logged too; ``None``: likewise.
        verbosity: Up to which ``extra={"verbosity": ...}`` the log tells what programs write to it.
        single_process: Whether there is no main process, so that its listeners do not run.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    sock: socket.socket | None = None
    unix: str | os.PathLike[str] | None = None
    backlog: int = 1024
    debug: bool = False
    access_log: bool | None = None
    noisy_exceptions: bool | None = None
    verbosity: int = 0
    single_process: bool = False

    @classmethod
    def of(
        cls,
        host: str | None = None,
        port: int | None = None,
        *,
        debug: bool = False,
        dev: bool = False,
        access_log: bool | None = None,
        **others: Any,
    ) -> Self:
        """Read Sanic's arguments: the attributes above, ``dev`` (debug), and those that do nothing here.

        ``workers``, ``fast``, ``auto_reload`` and ``reload_dir`` warn that there is one process.

        Raises:
            TypeError: There is no such argument, or it is ``loop``.
            RuntimeError: What is said of processes contradicts itself.
            SanicException: TLS is asked for.
        """
        if others.pop("loop", None) is not None:
            raise TypeError("loop is not a valid argument: this server runs on Trio; use trio.run(app.serve)")
        _check_processes(others)
        for name, default in _REFUSED.items():
            if others.pop(name, default) != default:
                raise SanicException(f"{name}: TLS is not served; put a proxy that speaks TLS in front")
        for name, default in _WITHOUT.items():
            value = others.pop(name, default)
            if value and value != default:
                warnings.warn(f"{name}={value!r} has no effect: this server is one process", stacklevel=4)
        kept = {name: value for name, value in others.items() if name not in _IGNORED}
        unknown = kept.keys() - cls.__dataclass_fields__.keys()
        if unknown:
            raise TypeError(f"run() got an unexpected keyword argument {min(unknown)!r}")
        debug = debug or dev
        if access_log is None and debug:
            access_log = True
        where = {"host": host, "port": port}
        kept.update({name: value for name, value in where.items() if value is not None})
        return cls(debug=debug, access_log=access_log, **kept)

    def where(self) -> dict[str, Any]:
        """The arguments of ``app.serve``."""
        return {
            "host": self.host,
            "port": self.port,
            "sock": self.sock,
            "unix": self.unix,
            "backlog": self.backlog,
        }


def log_style(config: Config, debug: bool, options: RunOptions | None) -> LogStyle:
    """Give how the log looks, as an app's configuration and arguments say."""
    return LogStyle(
        json_lines=config.LOG_FORMAT == "json",
        extra=None if isinstance(config.LOG_EXTRA, Default) else bool(config.LOG_EXTRA),
        color=not config.NO_COLOR,
        debug=debug,
        verbosity=0 if options is None else options.verbosity,
    )


def _check_processes(said: Mapping[str, Any]) -> None:
    """Refuse what Sanic refuses too."""
    several = said.get("workers", 1) != 1
    if said.get("fast") and several:
        raise RuntimeError("You cannot use both fast=True and workers=X")
    if said.get("single_process") and (said.get("fast") or several or said.get("auto_reload")):
        raise RuntimeError("Single process cannot be run with multiple workers or auto-reload")
    if not said.get("register_sys_signals", True) and not said.get("single_process"):
        raise RuntimeError("register_sys_signals=False needs single_process=True")


def configuration_of(config: Config | None, env_prefix: str | None) -> Config:
    """Give an app's configuration: the one it was told, or a new one.

    Raises:
        SanicException: Both are told.
        TypeError: It is no configuration.
    """
    if config is None:
        return Config(env_prefix=env_prefix)
    if not isinstance(config, Config):
        raise TypeError(f"config must be a Config, not {config!r}; app.update_config takes other things over")
    if env_prefix != SANIC_PREFIX:
        raise SanicException("When instantiating Sanic with config, you cannot also pass env_prefix")
    return config


def parts_of(
    error_handler: ErrorHandler | None, request_class: type[Request] | None
) -> tuple[ErrorHandler, type[Request]]:
    """Give what answers for an app's errors and what its requests are: what it was told, or Sanic's own.

    Raises:
        TypeError: One of them is something else.
    """
    error_handler = error_handler or ErrorHandler()
    request_class = request_class or Request
    check_type("error_handler", error_handler, ErrorHandler)
    if not (isinstance(request_class, type) and issubclass(request_class, Request)):
        raise TypeError(f"request_class must be a class of Request, not {request_class!r}")
    return error_handler, request_class


def refuse_options(**others: object) -> None:
    """Refuse what an app cannot be told here.

    Raises:
        SanicException: One of them is told.
    """
    for name, value in others.items():
        if value:
            raise SanicException(f"{name} has no effect: {_NOT_HERE[name]}")
