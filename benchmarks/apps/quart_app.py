"""Quart on Trio (quart-trio), on Hypercorn's Trio worker."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import trio
from quart import Blueprint, Response, current_app, g, jsonify, request, websocket
from quart_trio import QuartTrio

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
from benchmarks.apps.runners import run_hypercorn

# A page of Quart's hands messages to a queue for each member; this is as long as triosanic's.
ROOM_QUEUE: Final = 16


async def hello() -> Response:
    return Response(HELLO, mimetype="text/plain")


async def as_json() -> Response:
    return jsonify(JSON)


async def json_echo() -> Response:
    return jsonify(await request.json)


async def param(number: int) -> Response:
    return Response(str(number), mimetype="text/plain")


async def meet() -> None:
    g.visitor = request.cookies.get(COOKIE)


async def stamp(response: Response) -> Response:
    response.headers[STAMP] = g.visitor
    return response


async def page(number: int) -> Response:
    return jsonify({"id": number, "visitor": g.visitor, **JSON})


async def count() -> Response:
    total = 0
    async for piece in request.body:
        total += len(piece)
    return Response(str(total), mimetype="text/plain")


async def down() -> Response:
    sizes = block_sizes(int(request.args["size"]))

    async def blocks() -> AsyncIterator[bytes]:
        for size in sizes:
            yield BLOCK[:size]

    return Response(blocks(), mimetype="application/octet-stream")


async def pieces() -> Response:
    number = int(request.args["n"])

    async def produce() -> AsyncIterator[bytes]:
        for _ in range(number):
            yield PIECE

    return Response(produce(), mimetype="text/plain")


async def paused() -> Response:
    number, pause_s = int(request.args["n"]), float(request.args["pause"])

    async def produce() -> AsyncIterator[bytes]:
        for _ in range(number):
            await trio.sleep(pause_s)
            yield stamped_piece()

    return Response(produce(), mimetype="text/plain")


async def stall_up() -> Response:
    async for _ in request.body:
        await trio.sleep(LONG_S)
    return Response("never", mimetype="text/plain")


async def endless() -> Response:
    async def blocks() -> AsyncIterator[bytes]:
        while True:
            yield BLOCK

    return Response(blocks(), mimetype="application/octet-stream")


async def wait(number: int) -> Response:
    times = current_app.extensions["ended"]
    try:
        await trio.sleep(LONG_S)
    finally:
        times[number] = time.monotonic_ns()
    return Response("never", mimetype="text/plain")


async def ended() -> Response:
    return jsonify({str(number): at for number, at in current_app.extensions["ended"].items()})


async def ws_echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def ws_count() -> None:
    number = 0
    while True:
        if await websocket.receive() == END:
            await websocket.send(str(number))
        number += 1


async def ws_messages() -> None:
    for _ in range(int(websocket.args["n"])):
        await websocket.send(MESSAGE)


async def ws_room() -> None:
    room: set[trio.MemorySendChannel[str]] = current_app.extensions["room"]
    send, receive = trio.open_memory_channel[str](ROOM_QUEUE)

    async def deliver() -> None:
        async for message in receive:
            await websocket.send(message)

    room.add(send)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            while True:
                message = await websocket.receive()
                for member in tuple(room):
                    await member.send(message)
    finally:
        room.discard(send)


def build() -> QuartTrio:
    app = QuartTrio("benchmark", static_folder=str(FILES), static_url_path="/files")
    pages = Blueprint("pages", __name__, url_prefix="/page")
    pages.before_request(meet)
    pages.after_request(stamp)
    pages.add_url_rule("/<int:number>", view_func=page)
    app.register_blueprint(pages)
    app.extensions["ended"] = {}
    app.extensions["room"] = set()
    app.config["MAX_CONTENT_LENGTH"] = None
    app.add_url_rule("/hello", view_func=hello)
    app.add_url_rule("/json", view_func=as_json)
    app.add_url_rule("/json-echo", view_func=json_echo, methods=["POST"])
    app.add_url_rule("/param/<int:number>", view_func=param)
    app.add_url_rule("/count", view_func=count, methods=["POST"])
    app.add_url_rule("/down", view_func=down)
    app.add_url_rule("/pieces", view_func=pieces)
    app.add_url_rule("/paused", view_func=paused)
    app.add_url_rule("/stall-up", view_func=stall_up, methods=["POST"])
    app.add_url_rule("/endless", view_func=endless)
    app.add_url_rule("/wait/<int:number>", view_func=wait)
    app.add_url_rule("/ended", view_func=ended)
    app.add_websocket("/ws/echo", view_func=ws_echo)
    app.add_websocket("/ws/count", view_func=ws_count)
    app.add_websocket("/ws/messages", view_func=ws_messages)
    app.add_websocket("/ws/room", view_func=ws_room)
    return app


if __name__ == "__main__":
    run_hypercorn(build(), int(sys.argv[1]))
