"""triosanic: the program of `sanic_app`, with the import name and the sleep changed."""

from __future__ import annotations

import sys
import time

import trio

from benchmarks.apps.payloads import BLOCK, HELLO, JSON, LONG_S, PIECE, block_sizes, stamped_piece
from triosanic import Sanic
from triosanic.request import Request
from triosanic.response import HTTPResponse, json, text


async def hello(request: Request) -> HTTPResponse:
    return text(HELLO)


async def as_json(request: Request) -> HTTPResponse:
    return json(JSON)


async def param(request: Request, number: int) -> HTTPResponse:
    return text(str(number))


async def count(request: Request) -> HTTPResponse:
    total = 0
    async for piece in request.stream:
        total += len(piece)
    return text(str(total))


async def down(request: Request) -> None:
    response = await request.respond(content_type="application/octet-stream")
    for size in block_sizes(int(request.args.get("size"))):
        await response.send(BLOCK[:size])
    await response.eof()


async def pieces(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for _ in range(int(request.args.get("n"))):
        await response.send(PIECE)
    await response.eof()


async def paused(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for _ in range(int(request.args.get("n"))):
        await trio.sleep(float(request.args.get("pause")))
        await response.send(stamped_piece())
    await response.eof()


async def stall_up(request: Request) -> HTTPResponse:
    await request.stream.read()
    await trio.sleep(LONG_S)
    return text("never")


async def endless(request: Request) -> None:
    response = await request.respond(content_type="application/octet-stream")
    while True:
        await response.send(BLOCK)


async def wait(request: Request, number: int) -> HTTPResponse:
    try:
        await trio.sleep(LONG_S)
    finally:
        request.app.ctx.ended[number] = time.monotonic_ns()
    return text("never")


async def ended(request: Request) -> HTTPResponse:
    return json(request.app.ctx.ended)


def build() -> Sanic:
    app = Sanic("benchmark")
    app.ctx.ended = {}
    app.add_route(hello, "/hello")
    app.add_route(as_json, "/json")
    app.add_route(param, "/param/<number:int>")
    app.add_route(count, "/count", methods=["POST"], stream=True)
    app.add_route(down, "/down")
    app.add_route(pieces, "/pieces")
    app.add_route(paused, "/paused")
    app.add_route(stall_up, "/stall-up", methods=["POST"], stream=True)
    app.add_route(endless, "/endless")
    app.add_route(wait, "/wait/<number:int>")
    app.add_route(ended, "/ended")
    return app


if __name__ == "__main__":
    build().run(host="127.0.0.1", port=int(sys.argv[1]), access_log=False)
