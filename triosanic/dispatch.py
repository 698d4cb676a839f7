"""One request's whole path: route, middleware, handler, middleware, response; and errors, from any of them.

The connection calls `Dispatcher` with each exchange; it promises an answer for whatever a program raises.
Exceptions become responses here, next to the handler: no nursery of ours stands in between.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from types import CoroutineType
from typing import Any, Final

import trio

from triosanic.exceptions import (
    ClientGone,
    ExpectationFailed,
    MethodNotAllowed,
    PayloadTooLarge,
    SanicException,
)
from triosanic.handlers.error import ErrorHandler, unwrap
from triosanic.http.exchange import Exchange, Stage
from triosanic.http.inflate import coding_of
from triosanic.http.wire import WireBroken
from triosanic.log import error_logger, shown
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse
from triosanic.router import NO_PARAMS, Handler, Route, Router
from triosanic.sending import Sender, no_response

_TOO_LARGE: Final = "Request body exceeds the size limit"
# For so long a body whose declared length is too large may be silent before it is told so: a client that
# writes first reads an answer only then, and one that sends nothing takes nothing.
_SILENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a started app serves requests from; nothing in it changes any more.

    Attributes:
        app: The app, for handlers.
        router: All routes, with the middleware of each.
        error_handler: The handlers of exceptions.
        request_class: Makes the requests.
        request_max_bytes: Bound of a body that is read before its handler runs.
        sender: Sends the responses.
    """

    app: Any
    router: Router
    error_handler: ErrorHandler
    request_class: type[Request]
    request_max_bytes: int
    sender: Sender = field(default_factory=Sender)


class Dispatcher:
    """Answers exchanges as a plan says."""

    __slots__ = ("_plan", "_router", "_send")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._router = plan.router
        self._send: Callable[[Request, object], Awaitable[None]] = plan.sender.send

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request.

        Raises:
            WireBroken: The client has gone.

        Checkpoint: as the program.
        """
        request = exchange.request = self._plan.request_class(exchange, self._plan.app, self._respond)
        request.make_current()
        try:
            response = await self._answer(request)
            if request._nursery is not None:  # noqa: SLF001  # spares every other request a call
                await request.join()
            await self._send(request, response)
        except WireBroken:
            raise
        except Exception as exc:  # noqa: BLE001  # every error of a program is answered
            await self._fail(request, exc)

    async def fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer ``error`` for a request whose handler was stopped.

        Raises:
            WireBroken: The client has gone.

        Checkpoint: as the program's error handler.
        """
        await self._fail(exchange.request, error)

    async def _answer(self, request: Request) -> object:
        """Route, and run what the route wants run."""
        exchange = request.exchange
        head = exchange.head
        if head.target == "*":  # RFC 9110 9.3.7: it asks the server, and no route can be meant
            return HTTPResponse(b"", 200)
        route, params = self._router.resolve(head.method, request.path, head.host)
        request.route = route
        # Middleware may change it, and what the handler is called with thereby; Sanic 25.12.
        request.match_info = {} if params is NO_PARAMS else params  # type: ignore[assignment]  # a dict of its own
        exchange.cancel_on_disconnect = route.cancel_on_disconnect
        if route.response_timeout is not None:
            exchange.link.clock.arm_reply(exchange.started_at + route.response_timeout)
        if head.expect is not None and not exchange.wants_continue:
            request.unseen = True
            raise ExpectationFailed(f"Unknown Expect: {head.expect}")
        if exchange.has_body:
            await self._take_body(request, route)
        for middleware in route.request_middleware:
            response = await _result(middleware(request))
            if response:  # Sanic: what is false is no response
                break
        else:
            response = route.handler(request, **request.match_info)
            if type(response) is CoroutineType or isawaitable(response):
                response = await response
        if not isinstance(response, BaseHTTPResponse):
            response = self._check_result(request, response)
        if route.response_middleware and request.response is None:
            return await self._run_response_middleware(request, response, route.response_middleware)
        return response

    async def _take_body(self, request: Request, route: Route) -> None:
        """Do with the body what the route says, and read it, unless that is left to the handler."""
        try:
            await self._ready_body(request, route)
        except BaseException:
            request.unseen = True
            raise

    async def _ready_body(self, request: Request, route: Route) -> None:
        exchange, rules = request.exchange, route.body_rules
        buffered = not route.ignore_body and request.method not in route.stream_methods
        limit = self._plan.request_max_bytes if buffered else None
        if rules is not None:
            if rules.paced:
                exchange.link.pace_body(rules.body_min_rate, rules.body_min_rate_grace)
            if rules.request_max_size is not None:
                limit = rules.request_max_size
        if limit is not None:
            exchange.body.request_max_size = limit
            if (exchange.head.content_length or 0) > limit:
                await self._refuse(exchange)
        if rules is not None and rules.decompress:
            coding = coding_of(exchange.head.headers)
            if coding is not None:
                exchange.inflate(coding)
        if buffered and limit is not None:
            whole = exchange.body.take_whole(limit)
            request.body = await exchange.body.read_all(limit) if whole is None else whole

    @staticmethod
    async def _refuse(exchange: Exchange) -> None:
        """Refuse a body whose declared length is beyond its limit."""
        if not exchange.expects_continue:
            with trio.move_on_after(_SILENCE_S):
                await exchange.body.wait()
        exchange.body.fail(PayloadTooLarge(_TOO_LARGE))
        raise PayloadTooLarge(_TOO_LARGE)

    @staticmethod
    def _check_result(request: Request, result: object) -> object:
        if isinstance(result, AsyncGenerator):
            return StreamingHTTPResponse(partial(_write_all, result))
        if request.response is not None:
            return request.response
        others = ", or a middleware of requests," if request.route.request_middleware else ""
        raise no_response(result, f"the handler of {request.path}{others} must return a response")

    async def _respond(self, request: Request, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """Run the response middleware for ``request.respond()``, and begin to stream what it gives."""
        found = await self._run_response_middleware(request, response, self._middleware_after(request))
        if isinstance(found, BaseHTTPResponse):
            response = found
        self._plan.sender.start(request, response)
        return response

    def _middleware_after(self, request: Request) -> tuple[Handler, ...]:
        place = self._router if request.route is None else request.route
        middleware: tuple[Handler, ...] = place.response_middleware
        return middleware

    async def _run_response_middleware(
        self, request: Request, response: object, middleware: Iterable[Handler]
    ) -> object:
        """Run it in turn, until one returns a response, which replaces this one; log those that fail.

        It runs once for a request: an error that comes later is answered without it, as in Sanic.
        """
        if request.finished:
            return response
        request.finished = True
        for function in middleware:
            try:
                replaced = await _result(function(request, response))
            except Exception:  # noqa: BLE001  # logged, and the response is not lost with it
                error_logger.exception("a response middleware failed; the response is sent all the same")
                continue
            if replaced:
                return replaced
        return response

    async def _fail(self, request: Request, error: Exception) -> None:
        """Answer an error, or, where an answer has begun already, let the client see that it is broken."""
        error = unwrap(error)
        exchange = request.exchange
        if isinstance(error, WireBroken):
            raise error
        await request.close()
        exchange.retract()
        if exchange.stage is Stage.DONE:  # the client has its answer, and does not see this
            self._plan.error_handler.log(request, error)
            return
        if exchange.stage is not Stage.WAITING:
            self._abort(request, error)
            return
        request.response = None
        try:
            response = await self._error_response(request, error)
            await self._send(request, response)
        except WireBroken:
            raise
        except Exception as failure:  # noqa: BLE001  # the last resort has no program in it
            if exchange.stage is not Stage.WAITING:
                self._abort(request, failure)
                return
            response = self._plan.error_handler.failed(failure)
            await exchange.reply(response.status, [], response.body, response.content_type)

    async def _error_response(self, request: Request, error: Exception) -> object:
        handler = self._plan.error_handler
        response: object = None
        if request.route is None or request.unseen:  # nothing has run for it so far
            try:
                response = await self._run_request_middleware(request)
            except WireBroken:
                raise
            except Exception as refusal:  # noqa: BLE001  # as before a handler: this is what is answered
                error = unwrap(refusal)
        if not response:
            try:
                response = await _result(handler.response(request, error))
            except Exception as failure:  # noqa: BLE001  # an error handler's own error is answered too
                response = handler.failed(failure)
            if response is None:
                response = handler.default(request, error)
            if isinstance(error, MethodNotAllowed) and isinstance(response, BaseHTTPResponse):
                _allow(response, error)
        return await self._run_response_middleware(request, response, self._middleware_after(request))

    async def _run_request_middleware(self, request: Request) -> object:
        """Run that of a request that has no route, or was refused before it; until one returns a response."""
        place = self._router if request.route is None else request.route
        for middleware in place.request_middleware:
            response = await _result(middleware(request))
            if response:
                return response
        return None

    def _abort(self, request: Request, error: Exception) -> None:
        exchange = request.exchange
        exchange.abort()
        quiet = isinstance(error, ClientGone) or (isinstance(error, SanicException) and error.quiet)
        error_logger.log(
            20 if quiet else 40,
            "%s %s was aborted after %d bytes of its response: %s",
            request.method,
            request.path,
            exchange.sent_bytes,
            shown(error),
            exc_info=None if quiet else error,
        )


def _allow(response: BaseHTTPResponse, error: MethodNotAllowed) -> None:
    """RFC 9110 15.5.6: a 405 has an Allow field, also where a program's handler has answered."""
    if response.status == 405:  # noqa: PLR2004  # a status is best read as a number
        for name, value in error.headers.items():
            response.headers.setdefault(name, value)


async def _result(value: object) -> object:
    """Await what is awaitable: handlers may be sync or async."""
    # The first is what nearly all are, and spares the second, which is slow.
    return await value if type(value) is CoroutineType or isawaitable(value) else value


async def _write_all(pieces: AsyncGenerator[Any, None], response: BaseHTTPResponse) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            await response.write(piece)
