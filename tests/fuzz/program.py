"""The app that is fuzzed and flooded, as a process of its own: ``python -m tests.fuzz.program``.

It prints its address, and after that only what must not happen: a warning, an error, a line of the access log
that is not one line. ``/stats`` tells what it holds.
"""

import ctypes
import gc
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import trio

from triosanic import Sanic, Websocket
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.send_channel import SendChannel
from triosanic.log import LOGGING_CONFIG_DEFAULTS, LineFormatter, access_logger
from triosanic.request import Request
from triosanic.response import (
    HTTPResponse,
    JSONResponse,
    StreamingHTTPResponse,
    empty,
    json,
    raw,
    stream,
    text,
)
from triosanic.websocket.conversation import Conversation

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
HELD: Final = (Connection, Exchange, SendChannel, Request, Conversation)
PIECE: Final = b"x" * 65_536

app = Sanic("fuzzed", configure_logging=False)


@app.on_response
async def note_method(request: Request, response: HTTPResponse) -> None:
    """Tell the client which method was understood: an answer to HEAD has no content."""
    response.headers["x-method"] = request.method


async def echo(request: Request, path: str = "") -> HTTPResponse:
    return raw(request.body, content_type="text/plain")


async def count(request: Request) -> HTTPResponse:
    return text(str(sum([len(piece) async for piece in request.stream])))


async def lines(request: Request) -> HTTPResponse:
    return text(str(len([line async for line in request.stream.lines()])))


async def part(request: Request) -> HTTPResponse:
    await request.stream.receive_some(1)
    return text("part")


async def ignored(request: Request) -> HTTPResponse:
    return text("ignored")


async def nothing(request: Request) -> HTTPResponse:
    return empty()


async def both(request: Request) -> StreamingHTTPResponse:
    async def streaming(response: StreamingHTTPResponse) -> None:
        async for piece in request.stream:
            await response.write(piece)

    return stream(streaming)


async def generated(request: Request) -> AsyncIterator[str]:
    for _ in range(100):
        yield "abc"


async def down(request: Request, size: int = 3) -> StreamingHTTPResponse:
    """Stream so many pieces of 64 KiB."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        for _ in range(size):
            await response.write(PIECE)

    return stream(streaming)


async def whole(request: Request, size: int = 3) -> HTTPResponse:
    """Answer with so many pieces of 64 KiB at once."""
    return raw(PIECE * size)


async def waits(request: Request) -> HTTPResponse:
    await trio.sleep_forever()
    return empty()


async def stalls(request: Request) -> HTTPResponse:
    """Take one piece of the body, and no more."""
    await request.stream.read()
    await trio.sleep_forever()
    return empty()


async def stats(request: Request) -> JSONResponse:
    """Tell what the process holds, this request included."""
    gc.collect()
    held = Counter(type(found).__name__ for found in gc.get_objects() if isinstance(found, HELD))
    tasks = trio.lowlevel.current_statistics().tasks_living
    return json({**held, "tasks": tasks, "descriptors": len(os.listdir("/proc/self/fd"))})


class Mallinfo(ctypes.Structure):
    """The C library's ``struct mallinfo2``: ten sizes, of which the fifth is mapped and the eighth in use."""

    _fields_ = (("sizes", ctypes.c_size_t * 10),)


async def memory(request: Request) -> HTTPResponse:
    """Tell how many bytes of the C library's memory are in use."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    sizes = mallinfo().sizes
    return text(str(sizes[4] + sizes[7]))


HANDLERS: Final[tuple[Callable[..., object], ...]] = (echo, nothing, down, whole, waits, stats, memory)
STREAMING: Final[tuple[Callable[..., object], ...]] = (count, lines, part, ignored, both, generated, stalls)
for handler in (*HANDLERS, *STREAMING):
    app.add_route(handler, f"/{handler.__name__}", METHODS, stream=handler in STREAMING)
# These are for floods; the fuzzer does not know them.
app.add_route(down, "/much/down/<size:int>", METHODS, name="much_down")
app.add_route(whole, "/much/whole/<size:int>", METHODS, name="much_whole")
app.add_route(count, "/much/count", METHODS, name="much_count", stream=True, response_timeout=60)
app.add_route(echo, "/", METHODS, name="root")
app.add_route(echo, "/<path:path>", METHODS, name="any")


@app.websocket("/ws/echo", compression=True)
async def ws_echo(request: Request, ws: Websocket) -> None:
    async for message in ws:
        await ws.send(message)


@app.websocket("/ws/unread", compression=True)
async def ws_unread(request: Request, ws: Websocket) -> None:
    await trio.sleep_forever()


@app.websocket("/ws/slow", compression=True)
async def ws_slow(request: Request, ws: Websocket) -> None:
    async for _ in ws:
        await trio.sleep(0.01)


@app.websocket("/ws/streamed", compression=True)
async def ws_streamed(request: Request, ws: Websocket) -> None:
    """Take messages in pieces."""
    while True:
        async for _ in ws.recv_streaming():
            pass


@app.websocket("/ws/burst", compression=True)
async def ws_burst(request: Request, ws: Websocket) -> None:
    while True:
        await ws.recv()
        await ws.recv_burst()


@app.websocket("/ws/down")
async def ws_down(request: Request, ws: Websocket) -> None:
    """Send without end."""
    while True:
        await ws.send(PIECE)


@app.websocket("/ws/pings")
async def ws_pings(request: Request, ws: Websocket) -> None:
    """Send pings without end, and wait for no pong."""
    while True:
        await ws.ping()


class OneLine(logging.Handler):
    """Complains of access lines that could be taken for two, or that move a terminal's cursor."""

    def emit(self, record: logging.LogRecord) -> None:
        """Format the line as the default does, and print it if it is a bad one."""
        line = self.format(record)
        if not line.isascii() or not line.isprintable():
            print(f"a bad line in the access log: {line!r}", flush=True)


async def serve() -> None:
    """Serve until the process is ended."""
    async with trio.open_nursery() as nursery:
        port = int(os.environ.get("PORT", "0"))
        (address, *_) = await nursery.start(partial(app.serve, "127.0.0.1", port))
        print(f"http://127.0.0.1:{address[1]}", flush=True)


def main() -> None:
    """Set up the logs, and serve."""
    logging.basicConfig(level=logging.WARNING)
    handler = OneLine()
    formats = LOGGING_CONFIG_DEFAULTS["formatters"]["access"]
    handler.setFormatter(LineFormatter(formats["fmt"], formats["datefmt"], defaults=formats["defaults"]))
    access_logger.addHandler(handler)
    access_logger.setLevel(logging.INFO)
    access_logger.propagate = False
    trio.run(serve)


if __name__ == "__main__":
    main()
