"""Requests without a server: of a head, on a connection that is not there."""

from types import SimpleNamespace
from typing import Any, cast

from triosanic import Config, Request
from triosanic.http.exchange import Exchange, Link
from triosanic.http.guard import take_head
from triosanic.http.limits import Limits
from triosanic.http.wire import Address
from triosanic.response import BaseHTTPResponse


async def respond(request: Request, response: BaseHTTPResponse) -> BaseHTTPResponse:
    """Begin to stream, without middleware."""
    response.start(request.exchange)
    return response


def link_of(peer: Address = "", local: Address = "", *, tls: bool = False) -> Any:
    """Make what a request needs of a connection."""
    wire = SimpleNamespace(peer=peer, local=local, tls=tls)
    return SimpleNamespace(
        wire=wire, limits=Limits.from_config(Config(env_prefix=None)), ctx=None, lost=False
    )


def request_of(
    *fields: str,
    line: str = "GET / HTTP/1.1",
    host: str = "example.com",
    app: Any = None,
    link: Any = None,
    kind: type[Request] = Request,
    **config: Any,
) -> Request:
    """Make a request.

    Args:
        fields: Lines, without their ends, after the Host field.
        line: The request line.
        host: The Host field.
        app: ``None`` makes one that has a configuration only.
        link: See `link_of`.
        kind: The class of the request.
        config: Settings.
    """
    link = link_of() if link is None else link
    raw = "\r\n".join([line, f"Host: {host}", *fields, "", ""]).encode("utf-8", "surrogateescape")
    head = take_head(raw, link.limits)
    assert head is not None
    if app is None:
        app = SimpleNamespace(config=Config(config, env_prefix=None))
    return kind(Exchange(cast(Link, link), head, b"", 0.0), app, respond)
