"""Show streaming both ways in a browser: a file goes up by one request and comes down by another.

Run it, and open the address that it prints:

    python examples/demo.py

Between the two requests stands a memory channel without room: each piece is handed from the one handler to
the other, so the slower side holds the faster back, and nothing is kept.
Two requests, as a browser does not read an answer while it still sends.
When either request ends early the other one is told: neither side takes half a file for a whole one.
PORT chooses another port than 8000.
"""

import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final
from uuid import UUID

import trio

from triosanic import Request, Sanic
from triosanic.exceptions import SanicException
from triosanic.response import HTTPResponse, html, json

PAGE: Final = Path(__file__).with_name("demo.html").read_text(encoding="utf-8")
# The page is one file: nothing else may be loaded, framed or sent anywhere.
PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
}
# How long one side waits for the other to come: a person's click starts both at once.
PARTNER_S: Final = 15
ROWS: Final = 1_000_000
# About 20 KiB of text at a time.
BATCH_ROWS: Final = 1_000


class Side(Enum):
    """Which end of a transfer a request holds."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


class NoPartner(SanicException):
    """The request for the other side did not come in time."""

    status_code = 504
    quiet = True


class SideTaken(SanicException):
    """Another request already waits at this side."""

    status_code = 409
    quiet = True


class Cut(SanicException):
    """The other side ended before all of the file had gone through."""

    status_code = 410
    quiet = True


@dataclass(eq=False, slots=True)
class Transfer:
    """The two ends of one channel, and who waits at one of them."""

    waiting: Side
    send: trio.MemorySendChannel[bytes | None]
    receive: trio.MemoryReceiveChannel[bytes | None]
    met: trio.Event = field(default_factory=trio.Event)


app = Sanic("demo")
# Transfers of which one side has come; the second takes its transfer out.
app.ctx.waiting = {}


@asynccontextmanager
async def both_sides(waiting: dict[UUID, Transfer], name: UUID, side: Side) -> AsyncIterator[Transfer]:
    """Wait until the other side has come, and close this one's end when it leaves."""
    transfer = waiting.get(name)
    if transfer is None:
        # No room: a piece that one side has given is one that the other has taken.
        transfer = waiting[name] = Transfer(side, *trio.open_memory_channel[bytes | None](0))
    elif transfer.waiting is side:
        raise SideTaken(f"Another {side.value} of this name is waiting already.")
    else:
        del waiting[name]
        transfer.met.set()
    with transfer.send if side is Side.UPLOAD else transfer.receive:
        try:
            with trio.move_on_after(PARTNER_S):
                await transfer.met.wait()
        finally:
            if not transfer.met.is_set():
                del waiting[name]
        if not transfer.met.is_set():
            raise NoPartner(f"Nobody came for the other side within {PARTNER_S} seconds.")
        yield transfer


@app.get("/")
async def page(request: Request) -> HTTPResponse:
    return html(PAGE, headers=PAGE_HEADERS)


# An upload is answered when the download has taken the last of it: what bounds it is the pace of both.
@app.post("/relay/<name:uuid>", stream=True, response_timeout=math.inf)
async def upload(request: Request, name: UUID) -> HTTPResponse:
    """Hand each piece of the body to the download of the same name."""
    size = 0
    async with both_sides(request.app.ctx.waiting, name, Side.UPLOAD) as transfer:
        try:
            async for piece in request.stream:
                await transfer.send.send(piece)
                size += len(piece)
            await transfer.send.send(None)
        except trio.BrokenResourceError as error:
            raise Cut("The download was cancelled.") from error
    return json({"bytes": size})


@app.get("/relay/<name:uuid>")
async def download(request: Request, name: UUID) -> None:
    """Send each piece of the upload of the same name."""
    async with both_sides(request.app.ctx.waiting, name, Side.DOWNLOAD) as transfer:
        response = await request.respond(
            content_type="application/octet-stream", headers={"cache-control": "no-store"}
        )
        # The end of the channel is not the end of the file: that is said by None.
        # Without it the error breaks the connection off, and the browser knows that the file is cut.
        try:
            while (piece := await transfer.receive.receive()) is not None:
                await response.send(piece)
        except trio.EndOfChannel as error:
            raise Cut("The upload was cancelled.") from error
        await response.eof()


@app.get("/rows.csv")
async def rows(request: Request) -> None:
    """Send a million rows, made while they are sent."""
    response = await request.respond(
        content_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="rows.csv"'},
    )
    await response.send("row,square\r\n")
    for first in range(1, ROWS + 1, BATCH_ROWS):
        batch = range(first, first + BATCH_ROWS)
        await response.send("".join(f"{row},{row * row}\r\n" for row in batch))
    await response.eof()


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
