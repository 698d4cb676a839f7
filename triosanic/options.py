"""Sanic's arguments of ``app.run`` and ``app.prepare``, and what becomes of them here."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from triosanic.exceptions import SanicException

# They mean nothing where there is one process, one protocol and no event loop.
_IGNORED: Final = frozenset(
    {
        "coffee",
        "motd",
        "motd_display",
        "protocol",
        "register_sys_signals",
        "single_process",
        "verbosity",
        "version",
    }
)
# What is not done, with the value that does not ask for it; without these four a program runs all the same.
_WITHOUT: Final[Mapping[str, Any]] = MappingProxyType(
    {"workers": 1, "fast": False, "auto_reload": None, "reload_dir": None}
)
_REFUSED: Final[Mapping[str, Any]] = MappingProxyType({"ssl": None, "auto_tls": False})


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
    """

    host: str = "127.0.0.1"
    port: int = 8000
    sock: socket.socket | None = None
    unix: str | os.PathLike[str] | None = None
    backlog: int = 1024
    debug: bool = False
    access_log: bool | None = None
    noisy_exceptions: bool | None = None

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
            SanicException: TLS is asked for.
        """
        if others.pop("loop", None) is not None:
            raise TypeError("loop is not a valid argument: this server runs on Trio; use trio.run(app.serve)")
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
