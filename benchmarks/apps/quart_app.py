"""Quart on Trio (quart-trio), on Hypercorn's Trio worker."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator

import trio
from quart import Response, current_app, jsonify, request
from quart_trio import QuartTrio

from benchmarks.apps.payloads import BLOCK, HELLO, JSON, LONG_S, PIECE, block_sizes, stamped_piece
from benchmarks.apps.runners import run_hypercorn


async def hello() -> Response:
    return Response(HELLO, mimetype="text/plain")


async def as_json() -> Response:
    return jsonify(JSON)


async def param(number: int) -> Response:
    return Response(str(number), mimetype="text/plain")


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


def build() -> QuartTrio:
    app = QuartTrio("benchmark")
    app.extensions["ended"] = {}
    app.config["MAX_CONTENT_LENGTH"] = None
    app.add_url_rule("/hello", view_func=hello)
    app.add_url_rule("/json", view_func=as_json)
    app.add_url_rule("/param/<int:number>", view_func=param)
    app.add_url_rule("/count", view_func=count, methods=["POST"])
    app.add_url_rule("/down", view_func=down)
    app.add_url_rule("/pieces", view_func=pieces)
    app.add_url_rule("/paused", view_func=paused)
    app.add_url_rule("/stall-up", view_func=stall_up, methods=["POST"])
    app.add_url_rule("/endless", view_func=endless)
    app.add_url_rule("/wait/<int:number>", view_func=wait)
    app.add_url_rule("/ended", view_func=ended)
    return app


if __name__ == "__main__":
    run_hypercorn(build(), int(sys.argv[1]))
