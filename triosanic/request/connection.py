"""``request.conn_info``: the connection that a request came on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from triosanic.http.exchange import Link
from triosanic.http.wire import Address


class ConnInfo:
    """A connection, one object for all of its requests.

    Attributes:
        ctx: Room for the program's own attributes, for as long as the connection lives.

    Source: Sanic 25.12 ``ConnInfo``.
    """

    __slots__ = ("_link", "ctx")

    def __init__(self, link: Link) -> None:
        self._link = link
        self.ctx = SimpleNamespace()

    @property
    def peername(self) -> Address | None:
        """The client's socket address, as ``(address, port)``; ``None`` where it has none."""
        return self._link.wire.peer or None

    @property
    def sockname(self) -> Address | None:
        """The server's socket address, or the path of its Unix socket; ``None`` where it has none."""
        return self._link.wire.local or None

    @property
    def client(self) -> str:
        """The client's address, an IPv6 one in brackets; ``""`` where it has none."""
        return _show_host(self._link.wire.peer)

    @property
    def client_ip(self) -> str:
        """The client's address; ``""`` where it has none."""
        peer = self._link.wire.peer
        return peer if isinstance(peer, str) else peer[0]

    @property
    def client_port(self) -> int:
        """The client's port; 0 where it has none."""
        return _port(self._link.wire.peer)

    @property
    def server(self) -> str:
        """The server's address, with its port if it is not the scheme's own, or its Unix socket's path."""
        own = 443 if self.ssl else 80
        host, port = _show_host(self._link.wire.local), self.server_port
        return host if port in {0, own} else f"{host}:{port}"

    @property
    def server_port(self) -> int:
        """The server's port; 0 where it has none."""
        return _port(self._link.wire.local)

    @property
    def ssl(self) -> bool:
        """Whether the client speaks TLS."""
        return self._link.wire.tls

    @property
    def server_name(self) -> str:
        """The host that the client asked for in its TLS handshake; ``""`` where that is not known."""
        return ""

    @property
    def cert(self) -> dict[str, Any]:
        """What is known of the certificate that the server has shown; empty without one."""
        return {}

    @property
    def network_paths(self) -> list[Any]:
        """The paths of an HTTP/3 connection; always empty here."""
        return []

    @property
    def lost(self) -> bool:
        """Whether the client has gone."""
        return self._link.lost


def _show_host(address: Address) -> str:
    if isinstance(address, str):
        return address
    return f"[{address[0]}]" if ":" in address[0] else address[0]


def _port(address: Address) -> int:
    return 0 if isinstance(address, str) else address[1]
