"""Sanic on uvloop, one process."""

from __future__ import annotations

import asyncio
import sys
import time

from sanic import Blueprint, Sanic, Websocket
from sanic.request import Request
from sanic.response import HTTPResponse, json, text

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


async def hello(request: Request) -> HTTPResponse:
    return text(HELLO)


async def as_json(request: Request) -> HTTPResponse:
    return json(JSON)


async def json_echo(request: Request) -> HTTPResponse:
    return json(request.json)


async def param(request: Request, number: int) -> HTTPResponse:
    return text(str(number))


async def meet(request: Request) -> None:
    request.ctx.visitor = request.cookies.get(COOKIE)


async def stamp(request: Request, response: HTTPResponse) -> None:
    response.headers[STAMP] = request.ctx.visitor


async def page(request: Request, number: int) -> HTTPResponse:
    return json({"id": number, "visitor": request.ctx.visitor, **JSON})


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
        await asyncio.sleep(float(request.args.get("pause")))
        await response.send(stamped_piece())
    await response.eof()


async def stall_up(request: Request) -> HTTPResponse:
    await request.stream.read()
    await asyncio.sleep(LONG_S)
    return text("never")


async def endless(request: Request) -> None:
    response = await request.respond(content_type="application/octet-stream")
    while True:
        await response.send(BLOCK)


async def wait(request: Request, number: int) -> HTTPResponse:
    try:
        await asyncio.sleep(LONG_S)
    finally:
        request.app.ctx.ended[number] = time.monotonic_ns()
    return text("never")


async def ended(request: Request) -> HTTPResponse:
    return json(request.app.ctx.ended)


async def ws_echo(request: Request, ws: Websocket) -> None:
    async for message in ws:
        await ws.send(message)


async def ws_count(request: Request, ws: Websocket) -> None:
    number = 0
    async for message in ws:
        if message == END:
            await ws.send(str(number))
        number += 1


async def ws_messages(request: Request, ws: Websocket) -> None:
    for _ in range(int(request.args.get("n"))):
        await ws.send(MESSAGE)


async def ws_room(request: Request, ws: Websocket) -> None:
    room: set[Websocket] = request.app.ctx.room
    room.add(ws)
    try:
        async for message in ws:
            for member in tuple(room):
                await member.send(message)
    finally:
        room.discard(ws)


def build() -> Sanic:
    app = Sanic("benchmark")
    app.ctx.ended = {}
    app.ctx.room = set()
    app.add_route(hello, "/hello")
    app.add_route(as_json, "/json")
    app.add_route(json_echo, "/json-echo", methods=["POST"])
    app.add_route(param, "/param/<number:int>")
    pages = Blueprint("pages", url_prefix="/page")
    pages.on_request(meet)
    pages.on_response(stamp)
    pages.add_route(page, "/<number:int>")
    app.blueprint(pages)
    app.static("/files", FILES, stream_large_files=True)
    app.add_route(count, "/count", methods=["POST"], stream=True)
    app.add_route(down, "/down")
    app.add_route(pieces, "/pieces")
    app.add_route(paused, "/paused")
    app.add_route(stall_up, "/stall-up", methods=["POST"], stream=True)
    app.add_route(endless, "/endless")
    app.add_route(wait, "/wait/<number:int>")
    app.add_route(ended, "/ended")
    app.add_websocket_route(ws_echo, "/ws/echo")
    app.add_websocket_route(ws_count, "/ws/count")
    app.add_websocket_route(ws_messages, "/ws/messages")
    app.add_websocket_route(ws_room, "/ws/room")
    return app


if __name__ == "__main__":
    build().run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False, motd=False)
