"""Open the sockets that listen."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import trio

# With a random port for one family, another program may hold the same port of the other: try again.
_TRIES = 20
# A machine may have no IPv6: then it can't be opened, or it can be opened and has no address.
_MISSING = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL})
_MAX_PORT = 65_535
_Target: TypeAlias = tuple[int, tuple[Any, ...]]


class ListenError(OSError):
    """An address is taken, or isn't ours."""


async def listen(
    host: str | Sequence[str] | None,
    port: int,
    *,
    sock: socket.socket | Sequence[socket.socket] | None = None,
    unix: str | os.PathLike[str] | None = None,
    backlog: int = 100,
) -> list[socket.socket]:
    """Return listening, non-blocking sockets: those given, or a Unix one, or one for each address.

    Args:
        host: Name or address, or several; ``None`` or ``""``: every interface, IPv4 and IPv6.
        port: 0 lets the system choose; every address family gets the same.
        sock: Sockets that are bound already; they belong to the server from now on.
        unix: Path of a Unix socket; a socket that nobody listens on any more is replaced.
        backlog: How many connections may wait to be accepted.

    Raises:
        ListenError: An address is taken, or isn't ours; its ``errno`` says which.
        TypeError: ``port`` is no whole number.
        ValueError: ``port`` is out of bounds; sock and unix both say where; or the path is no socket.

    Checkpoint: always.
    """
    await trio.lowlevel.checkpoint()
    _check_port(port)
    if sock is not None:
        if unix is not None:
            raise ValueError("sock and unix both say where to listen: pass one of them")
        return [_ready(one, backlog) for one in ([sock] if isinstance(sock, socket.socket) else sock)]
    if unix is not None:
        return [_ready(_bind_unix(os.fspath(unix)), backlog)]
    targets: dict[_Target, None] = {}  # a host may have the same address twice
    for one in [host] if isinstance(host, str) or host is None else host:
        try:
            infos = await trio.socket.getaddrinfo(
                one or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except socket.gaierror as exc:
            raise ListenError(exc.errno, f"can't listen on {one}: {exc.strerror}") from exc
        targets.update(dict.fromkeys((family, address) for family, _, _, _, address in infos))
    for attempt in range(_TRIES):
        try:
            return [_ready(one, backlog) for one in _bind_all(list(targets), port, skip_missing=not host)]
        except ListenError:
            if port != 0 or attempt == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _check_port(port: int) -> None:
    if not isinstance(port, int):
        raise TypeError(f"port must be a whole number, not {port!r}: read it by int()")
    if not 0 <= port <= _MAX_PORT:
        raise ValueError(f"port must be from 0, which lets the system choose, to {_MAX_PORT}, not {port}")


def _bind_all(targets: Sequence[_Target], port: int, *, skip_missing: bool) -> list[socket.socket]:
    with ExitStack() as stack:
        socks: list[socket.socket] = []
        missing: ListenError | None = None
        for family, address in targets:
            try:
                sock = stack.enter_context(_bind(family, (address[0], port, *address[2:])))
            except ListenError as exc:
                if not skip_missing or exc.errno not in _MISSING:
                    raise
                missing = exc
            else:
                port = port or sock.getsockname()[1]
                socks.append(sock)
        if missing is not None and not socks:
            raise missing
        stack.pop_all()
        return socks


def _bind(family: int, address: tuple[Any, ...]) -> socket.socket:
    with ExitStack() as stack:
        try:
            sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            if sys.platform != "win32":  # there it would let two servers share a port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
        except OSError as exc:
            where = f"{address[0]} port {address[1]}"
            raise ListenError(exc.errno, f"can't listen on {where}: {exc.strerror}") from exc
        stack.pop_all()
        return sock


def _bind_unix(path: str) -> socket.socket:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None:
        if not stat.S_ISSOCK(mode):
            raise ValueError(f"unix must be the path of a socket, and {path!r} is something else")
        _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
    except OSError as exc:
        sock.close()
        raise ListenError(exc.errno, f"can't listen on {path}: {exc.strerror}") from exc
    return sock


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise ListenError(errno.EADDRINUSE, f"can't listen on {path}: another server does")


def _ready(sock: socket.socket, backlog: int) -> socket.socket:
    sock.setblocking(False)
    sock.listen(backlog)
    return sock
