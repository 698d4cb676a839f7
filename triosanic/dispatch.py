"""One request's whole path: route, middleware, handler, middleware, response; and errors, from any of them.

The connection calls `Dispatcher` with each exchange; it promises an answer for whatever a program raises.
Exceptions become responses here, next to the handler: no nursery of ours stands in between.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from types import CoroutineType
from typing import Any, Final

from triosanic.exceptions import ClientGone, ExpectationFailed, PayloadTooLarge, SanicException, ServerError
from triosanic.handlers import ErrorHandler, unwrap
from triosanic.http.exchange import Exchange, Stage
from triosanic.http.wire import WireBroken
from triosanic.log import error_logger, logger
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse
from triosanic.router import Handler, Router

_TOO_LARGE: Final = "Request body exceeds the size limit"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a started app serves requests from; nothing in it changes any more.

    Attributes:
        app: The app, for handlers.
        router: All routes, with the middleware of each.
        error_handler: The handlers of exceptions.
        request_class: Makes the requests.
        request_max_bytes: Bound of a body that is read before its handler runs.
    """

    app: Any
    router: Router
    error_handler: ErrorHandler
    request_class: type[Request]
    request_max_bytes: int


class Dispatcher:
    """Answers exchanges as a plan says."""

    __slots__ = ("_plan", "_router")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._router = plan.router

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request.

        Raises:
            WireBroken: The client has gone.

        Checkpoint: as the program.
        """
        request = exchange.request = self._plan.request_class(exchange, self._plan.app, self._before_response)
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
        request.match_info = params
        exchange.cancel_on_disconnect = route.cancel_on_disconnect
        if route.response_timeout is not None:
            exchange.link.clock.arm_reply(exchange.started_at + route.response_timeout)
        if head.expect is not None and not exchange.wants_continue:
            raise ExpectationFailed(f"Unknown Expect: {head.expect}")
        if exchange.has_body and not route.ignore_body and head.method not in route.stream_methods:
            await self._read_body(request)
        for middleware in route.request_middleware:
            response = await _result(middleware(request))
            if response is not None:
                break
        else:
            response = route.handler(request, **params)
            if type(response) is CoroutineType or isawaitable(response):
                response = await response
        if not isinstance(response, BaseHTTPResponse):
            response = self._check_result(request, response)
        if route.response_middleware and request.response is None:
            return await self._run_response_middleware(request, response, route.response_middleware)
        return response

    async def _read_body(self, request: Request) -> None:
        limit = self._plan.request_max_bytes
        length = request.exchange.head.content_length
        if length is not None and length > limit:
            error = PayloadTooLarge(_TOO_LARGE)
            request.stream.fail(error)
            raise error
        request.body = await request.stream.read_all(limit)

    @staticmethod
    def _check_result(request: Request, result: object) -> object:
        if isinstance(result, AsyncGenerator):
            return StreamingHTTPResponse(partial(_write_all, result))
        if request.response is not None:
            return request.response
        raise ServerError(
            f"Invalid response type {result!r} (need HTTPResponse): "
            f"the handler of {request.path} must return a response"
        )

    async def _before_response(self, request: Request, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """Run the response middleware for ``request.respond()``."""
        found = await self._run_response_middleware(request, response, self._middleware_after(request))
        return found if isinstance(found, BaseHTTPResponse) else response

    def _middleware_after(self, request: Request) -> tuple[Handler, ...]:
        place = self._router if request.route is None else request.route
        middleware: tuple[Handler, ...] = place.response_middleware
        return middleware

    async def _run_response_middleware(
        self, request: Request, response: object, middleware: Iterable[Handler]
    ) -> object:
        """Run it in turn, until one returns a response, which replaces this one; log those that fail."""
        for function in middleware:
            try:
                replaced = await _result(function(request, response))
            except Exception:  # noqa: BLE001  # logged, and the response is not lost with it
                error_logger.exception("a response middleware failed; the response is sent all the same")
                continue
            if replaced is not None:
                return replaced
        return response

    async def _send(self, request: Request, response: object) -> None:
        exchange = request.exchange
        if request.response is not None:
            if response is not request.response and response is not None:
                logger.warning("a response was returned after request.respond(); it is ignored: %r", response)
            await exchange.end()
        elif isinstance(response, StreamingHTTPResponse):
            response.start(exchange)
            if not exchange.head_only:
                await response.stream()
            if request._nursery is not None:  # noqa: SLF001  # as above
                await request.join()
            await exchange.end()
        elif isinstance(response, BaseHTTPResponse):
            await exchange.reply(response.status, response.fields(), response.body, response.media_type())
        else:
            raise ServerError(f"Invalid response type {response!r} (need HTTPResponse)")

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
        if request.route is None:  # nothing has run for it so far
            for middleware in self._router.request_middleware:
                response = await _result(middleware(request))
                if response is not None:
                    break
        if response is None:
            try:
                response = await _result(handler.response(request, error))
            except Exception as failure:  # noqa: BLE001  # an error handler's own error is answered too
                response = handler.failed(failure)
            if response is None:
                response = handler.default(request, error)
        return await self._run_response_middleware(request, response, self._middleware_after(request))

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
            error,
            exc_info=None if quiet else error,
        )


async def _result(value: object) -> object:
    """Await what is awaitable: handlers may be sync or async."""
    return await value if isawaitable(value) else value


async def _write_all(pieces: AsyncGenerator[Any, None], response: BaseHTTPResponse) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            await response.write(piece)
