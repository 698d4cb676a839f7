"""Bodies and responses are asyncio's to await, and keep pace with the client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.asyncio_extra.database import Database
from triosanic import Request, Sanic
from triosanic.asyncio import aio_handler
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text
from triosanic.testing import RawConnection, running

Read = Callable[[Request], Awaitable[bytes]]


async def read_pieces(request: Request) -> bytes:
    pieces = []
    while (piece := await request.stream.read()) is not None:
        await asyncio.sleep(0)
        pieces.append(piece)
    assert await request.stream.get() is None
    return b"".join(pieces)


async def read_by_iterating(request: Request) -> bytes:
    return b"".join([piece async for piece in request.stream])


async def read_some(request: Request) -> bytes:
    async with request.stream as body:
        pieces: list[bytes] = []
        while piece := await body.receive_some(3):
            pieces.append(piece)
    return b"".join(pieces)


async def read_exactly(request: Request) -> bytes:
    return await request.stream.readexactly(7) + await request.stream.readexactly(5)


async def read_lines(request: Request) -> bytes:
    lines = [line async for line in request.stream.lines()]
    assert lines == [b"abcdef", b"ghijk"]
    return b"\n".join(lines)


async def read_with_a_timeout(request: Request) -> bytes:
    pieces = []
    while (piece := await asyncio.wait_for(request.stream.read(), 60)) is not None:
        pieces.append(piece)
    return b"".join(pieces)


async def read_in_a_task(request: Request) -> bytes:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(read_pieces(request))
    return task.result()


async def read_beside_something_else(request: Request) -> bytes:
    pieces: list[bytes] = []
    while True:
        piece, _ = await asyncio.gather(request.stream.read(), asyncio.sleep(1))
        if piece is None:
            return b"".join(pieces)
        pieces.append(piece)


async def read_all(request: Request) -> bytes:
    await request.receive_body()
    return request.body


@pytest.mark.parametrize(
    "read",
    [
        read_pieces,
        read_by_iterating,
        read_some,
        read_exactly,
        read_lines,
        read_with_a_timeout,
        read_in_a_task,
        read_beside_something_else,
        read_all,
    ],
)
async def test_body_is_read(app: Sanic, autojump_clock: MockClock, read: Read) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        await trio.sleep(1)
        yield b"def\ngh"
        yield b"ijk"

    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        return text((await read(request)).decode())

    async with running(app) as client:
        assert (await client.post("/", content=body())).text == "abcdef\nghijk"


async def test_body_that_is_cut_off_does_not_look_whole(app: Sanic, autojump_clock: MockClock) -> None:
    seen: list[object] = []

    @app.post("/", stream=True, cancel_on_disconnect=False)
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        try:
            while True:
                seen.append(await request.stream.read())
        except Exception as error:
            seen.append(type(error).__name__)
            raise

    async with running(app) as client, client.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        await trio.testing.wait_all_tasks_blocked()
        await peer.aclose()
    assert seen == [b"abc", "ClientGone"]


async def write_unawaited(response: StreamingHTTPResponse) -> None:
    response.write("a,")
    response.write(1)
    response.write(b",c")


async def write_awaited(response: StreamingHTTPResponse) -> None:
    await response.write("a,")
    await asyncio.sleep(1)
    await response.write(1)
    await response.write(b",c")


async def write_in_tasks(response: StreamingHTTPResponse) -> None:
    async def say(piece: str) -> None:
        await response.write(piece)

    for piece in ("a,", "1", ",c"):
        await asyncio.create_task(say(piece))


async def write_as_tasks(response: StreamingHTTPResponse) -> None:
    await asyncio.create_task(response.send("a,"))  # type: ignore[arg-type]  # not only coroutines
    await asyncio.ensure_future(response.send("1"))
    await asyncio.wait_for(response.send(",c", True), 60)


async def send_and_end(response: StreamingHTTPResponse) -> None:
    await response.send("a,1")
    await asyncio.sleep(0)
    await response.send(",c")
    await response.eof()


async def send_by_context(response: StreamingHTTPResponse) -> None:
    async with response as send:
        await send("a,")
        await send("1,c")


@pytest.mark.parametrize(
    "write", [write_unawaited, write_awaited, write_in_tasks, write_as_tasks, send_and_end, send_by_context]
)
@pytest.mark.parametrize("way", ["stream", "respond"])
async def test_response_is_streamed(
    app: Sanic, autojump_clock: MockClock, write: Callable[[Any], Awaitable[None]], way: str
) -> None:
    @app.get("/stream")
    @aio_handler
    async def streams(request: Request) -> StreamingHTTPResponse:
        return stream(write, content_type="text/csv")

    @app.get("/respond")
    @aio_handler
    async def responds(request: Request) -> object:
        response = await request.respond(content_type="text/csv")
        await write(response)
        return response

    async with running(app) as client:
        answer = await client.get(f"/{way}")
        assert answer.text == "a,1,c"
        assert answer.headers["content-type"] == "text/csv"


async def test_async_generator_is_a_handler(app: Sanic, autojump_clock: MockClock) -> None:
    """A timeout of asyncio belongs to one task: all of the generator must run in the same."""

    @app.get("/")
    @aio_handler
    async def rows(request: Request) -> AsyncIterator[str]:
        async with asyncio.timeout(60):
            for row in "abc":
                await asyncio.sleep(1)
                yield row

    async with running(app) as client:
        assert (await client.get("/")).text == "abc"
        assert (await client.head("/")).status_code == 405


async def test_sockets_of_asyncio(app: Sanic, autojump_clock: MockClock) -> None:
    """A handler passes a body on to a server of asyncio, and its answer back."""

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    @app.before_server_start
    @aio_handler
    async def listen(app: Sanic) -> None:
        app.ctx.server = await asyncio.start_server(shout, "127.0.0.1", 0)

    @app.after_server_stop
    @aio_handler
    async def close(app: Sanic) -> None:
        app.ctx.server.close()
        await app.ctx.server.wait_closed()

    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: Request) -> AsyncIterator[bytes]:
        address = request.app.ctx.server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address)
        async for piece in request.stream:
            writer.write(piece)
        writer.write_eof()
        while answer := await reader.read(100):
            yield answer
        writer.close()
        await writer.wait_closed()

    async with running(app) as client:
        assert (await client.post("/", content=b"abc" * 10_000)).text == "ABC" * 10_000


async def test_plain_function_is_a_handler(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    @aio_handler
    def handler(request: Request) -> StreamingHTTPResponse:
        return stream(write_awaited)

    async with running(app) as client:
        assert (await client.get("/")).text == "a,1,c"


async def take(peer: RawConnection, count: int) -> bytes:
    """Read slowly: after each piece, everything that can happen in the server has happened."""
    taken = b""
    while len(taken) < count:
        await trio.sleep(0.1)
        taken += await peer.receive_some()
    return taken


async def write_without_waiting(response: Any, row: bytes) -> None:
    response.write(row)


async def write_and_wait(response: Any, row: bytes) -> None:
    await response.write(row)


@pytest.mark.parametrize("write", [write_without_waiting, write_and_wait])
async def test_database_waits_for_a_slow_client(
    app: Sanic, autojump_clock: MockClock, database: Database, write: Callable[[Any, bytes], Awaitable[None]]
) -> None:
    app.config.RESPONSE_BUFFER_LIMIT = 1_000_000
    row, rows = bytes(99) + b"\n", 40_000

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def produce(response: StreamingHTTPResponse) -> None:
            connection = await database.connect()
            async for _ in connection.cursor(str(rows)):
                await write(response, row)

        return stream(produce, headers={"content-length": str(len(row) * rows)})

    async with running(app) as client, client.connect() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await peer.head()
        await trio.sleep(1)
        assert 0 < database.asked_for < 5_000
        assert await take(peer, len(row) * rows) == row * rows
    assert database.asked_for == rows


async def test_task_that_writes_without_waiting_is_held_too(
    app: Sanic, autojump_clock: MockClock, database: Database
) -> None:
    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def produce(response: StreamingHTTPResponse) -> None:
            connection = await database.connect()
            async for _ in connection.cursor("100000"):
                response.write(bytes(100))

        async def produce_in_a_group(response: StreamingHTTPResponse) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(produce(response))

        return stream(produce_in_a_group)

    async with running(app) as client, client.connect() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        assert 0 < database.asked_for < 5_000


async def test_producer_that_awaits_nothing_is_told_the_remedy(
    app: Sanic, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing to hold it at."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def produce(response: StreamingHTTPResponse) -> None:
            for _ in range(1_000_000):
                response.write(bytes(100))

        return stream(produce)

    async with running(app) as client, client.connect() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
    assert "await response.write()" in caplog.text
