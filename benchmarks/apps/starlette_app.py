"""Starlette: on uvicorn with either parser, or on Hypercorn's Trio worker."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator

import anyio
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from benchmarks.apps.payloads import (
    BLOCK,
    COOKIE,
    END,
    FILES,
    HELLO,
    JSON,
    LONG_S,
    MESSAGE,
    PIECE,
    STAMP,
    block_sizes,
    stamped_piece,
)
from benchmarks.apps.runners import run_hypercorn, run_uvicorn


async def hello(request: Request) -> Response:
    return PlainTextResponse(HELLO)


async def as_json(request: Request) -> Response:
    return JSONResponse(JSON)


async def json_echo(request: Request) -> Response:
    return JSONResponse(await request.json())


async def param(request: Request) -> Response:
    return PlainTextResponse(str(request.path_params["number"]))


class Visitors:
    """Meets the visitor on the way in, and puts the stamp on what goes out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        visitor = request.state.visitor = request.cookies.get(COOKIE)

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[STAMP] = visitor
            await send(message)

        await self._app(scope, receive, stamp)


async def page(request: Request) -> Response:
    return JSONResponse({"id": request.path_params["number"], "visitor": request.state.visitor, **JSON})


async def count(request: Request) -> Response:
    total = 0
    async for piece in request.stream():
        total += len(piece)
    return PlainTextResponse(str(total))


async def down(request: Request) -> Response:
    async def blocks() -> AsyncIterator[bytes]:
        for size in block_sizes(int(request.query_params["size"])):
            yield BLOCK[:size]

    return StreamingResponse(blocks(), media_type="application/octet-stream")


async def pieces(request: Request) -> Response:
    async def produce() -> AsyncIterator[bytes]:
        for _ in range(int(request.query_params["n"])):
            yield PIECE

    return StreamingResponse(produce(), media_type="text/plain")


async def paused(request: Request) -> Response:
    async def produce() -> AsyncIterator[bytes]:
        for _ in range(int(request.query_params["n"])):
            await anyio.sleep(float(request.query_params["pause"]))
            yield stamped_piece()

    return StreamingResponse(produce(), media_type="text/plain")


async def stall_up(request: Request) -> Response:
    async for _ in request.stream():
        await anyio.sleep(LONG_S)
    return PlainTextResponse("never")


async def endless(request: Request) -> Response:
    async def blocks() -> AsyncIterator[bytes]:
        while True:
            yield BLOCK

    return StreamingResponse(blocks(), media_type="application/octet-stream")


async def wait(request: Request) -> Response:
    try:
        await anyio.sleep(LONG_S)
    finally:
        request.app.state.ended[request.path_params["number"]] = time.monotonic_ns()
    return PlainTextResponse("never")


async def ended(request: Request) -> Response:
    return JSONResponse(request.app.state.ended)


async def ws_echo(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_text():
        await ws.send_text(message)


async def ws_count(ws: WebSocket) -> None:
    await ws.accept()
    number = 0
    async for message in ws.iter_text():
        if message == END:
            await ws.send_text(str(number))
        number += 1


async def ws_messages(ws: WebSocket) -> None:
    await ws.accept()
    for _ in range(int(ws.query_params["n"])):
        await ws.send_text(MESSAGE)


async def ws_room(ws: WebSocket) -> None:
    room: set[WebSocket] = ws.app.state.room
    await ws.accept()
    room.add(ws)
    try:
        async for message in ws.iter_text():
            for member in tuple(room):
                await member.send_text(message)
    finally:
        room.discard(ws)


def build() -> Starlette:
    app = Starlette(
        routes=[
            Route("/hello", hello),
            Route("/json", as_json),
            Route("/json-echo", json_echo, methods=["POST"]),
            Route("/param/{number:int}", param),
            Route("/page/{number:int}", page, middleware=[Middleware(Visitors)]),
            Mount("/files", StaticFiles(directory=FILES)),
            Route("/count", count, methods=["POST"]),
            Route("/down", down),
            Route("/pieces", pieces),
            Route("/paused", paused),
            Route("/stall-up", stall_up, methods=["POST"]),
            Route("/endless", endless),
            Route("/wait/{number:int}", wait),
            Route("/ended", ended),
            WebSocketRoute("/ws/echo", ws_echo),
            WebSocketRoute("/ws/count", ws_count),
            WebSocketRoute("/ws/messages", ws_messages),
            WebSocketRoute("/ws/room", ws_room),
        ]
    )
    app.state.ended = {}
    app.state.room = set()
    return app


if __name__ == "__main__":
    port, server = int(sys.argv[1]), sys.argv[2]
    if server == "hypercorn":
        run_hypercorn(build(), port)
    else:
        run_uvicorn(build(), port, server)
