"""What a program may be called with and give back. Source: Sanic 25.12 ``models.handler_types``."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from triosanic.app import Sanic as Sanic
from triosanic.request import Request as Request
from triosanic.response import BaseHTTPResponse as BaseHTTPResponse
from triosanic.response import HTTPResponse as HTTPResponse

MiddlewareResponse: TypeAlias = HTTPResponse | Awaitable[HTTPResponse | None] | None
RequestMiddlewareType: TypeAlias = Callable[[Request], MiddlewareResponse]
ResponseMiddlewareType: TypeAlias = Callable[[Request, BaseHTTPResponse], MiddlewareResponse]
MiddlewareType: TypeAlias = RequestMiddlewareType | ResponseMiddlewareType
ErrorMiddlewareType: TypeAlias = Callable[[Request, BaseException], Awaitable[None] | None]
ListenerType: TypeAlias = Callable[..., Awaitable[None] | None]
RouteHandler: TypeAlias = Callable[..., Awaitable[HTTPResponse | None]]
SignalHandler: TypeAlias = Callable[..., Awaitable[None]]
