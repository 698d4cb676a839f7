"""Starlette: on uvicorn with either parser, or on Hypercorn's Trio worker."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.apps.payloads import BLOCK, HELLO, JSON, LONG_S, PIECE, block_sizes, stamped_piece
from benchmarks.apps.runners import run_hypercorn, run_uvicorn


async def hello(request: Request) -> Response:
    return PlainTextResponse(HELLO)


async def as_json(request: Request) -> Response:
    return JSONResponse(JSON)


async def param(request: Request) -> Response:
    return PlainTextResponse(str(request.path_params["number"]))


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


def build() -> Starlette:
    app = Starlette(
        routes=[
            Route("/hello", hello),
            Route("/json", as_json),
            Route("/param/{number:int}", param),
            Route("/count", count, methods=["POST"]),
            Route("/down", down),
            Route("/pieces", pieces),
            Route("/paused", paused),
            Route("/stall-up", stall_up, methods=["POST"]),
            Route("/endless", endless),
            Route("/wait/{number:int}", wait),
            Route("/ended", ended),
        ]
    )
    app.state.ended = {}
    return app


if __name__ == "__main__":
    port, server = int(sys.argv[1]), sys.argv[2]
    if server == "hypercorn":
        run_hypercorn(build(), port)
    else:
        run_uvicorn(build(), port, server)
