"""A server of every kind of request that a shutdown may meet, and of handlers that cannot be cancelled."""

import os
import time

import trio

from triosanic import Sanic
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse, stream, text

app = Sanic("busy")


@app.get("/small")
async def small(request: Request) -> HTTPResponse:
    return text("small")


@app.get("/slow")
async def slow(request: Request) -> HTTPResponse:
    await trio.sleep(0.3)
    return text("slow")


@app.get("/streamed")
async def streamed(request: Request) -> StreamingHTTPResponse:
    async def write(response: BaseHTTPResponse) -> None:
        for _ in range(10):
            await response.write("piece" * 100)
            await trio.sleep(0.02)

    return stream(write)


@app.post("/upload", stream=True)
async def upload(request: Request) -> HTTPResponse:
    return text(str(sum([len(piece) async for piece in request.stream])))


@app.get("/shielded")
async def shielded(request: Request) -> HTTPResponse:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()
    return text("never")


@app.get("/thread")
async def thread(request: Request) -> HTTPResponse:
    await trio.to_thread.run_sync(time.sleep, 3600)
    return text("never")


@app.get("/endless")
async def endless(request: Request) -> StreamingHTTPResponse:
    async def write(response: BaseHTTPResponse) -> None:
        while True:
            await response.write(b"x" * 65_536)

    return stream(write)


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]))
