"""A handler ends with its request: as asyncio's tasks end, and within a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from tests.asyncio_extra.database import Database
from triosanic import Request, Sanic
from triosanic.asyncio import CLEANUP_S, aio_handler
from triosanic.exceptions import ClientGone, SanicException
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text
from triosanic.testing import Client, running

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def ask_and_leave(client: Client, after_s: float = 1) -> None:
    async with client.connect() as peer:
        await peer.send(GET)
        await trio.sleep(after_s)


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "unawaited"])
@pytest.mark.parametrize("reads", [True, False], ids=["reads", "does not read"])
async def test_client_that_leaves_ends_the_query(
    app: Sanic, database: Database, awaited: bool, reads: bool, autojump_clock: MockClock
) -> None:
    """Also while the handler is held because that client does not read."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def produce(response: StreamingHTTPResponse) -> None:
            connection = await database.connect()
            try:
                async with connection.transaction():
                    async for _ in connection.cursor("1000000"):
                        await asyncio.sleep(0.001)
                        if awaited:
                            await response.write(bytes(1000))
                        else:
                            response.write(bytes(1000))
            finally:
                await connection.close()

        return stream(produce)

    async with running(app) as client:
        async with client.connect() as peer:
            await peer.send(GET)
            await peer.head()
            if reads:
                for _ in range(10):
                    await peer.receive_some()
            else:
                await trio.sleep(2)
            assert database.open
        await trio.sleep(0.1)
        assert not database.open
        assert database.rolled_back == 1


async def test_handler_gets_asyncios_cancellation_once(app: Sanic, autojump_clock: MockClock) -> None:
    saw: list[object] = []

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as error:
            saw.append(error)
            await asyncio.sleep(CLEANUP_S / 2)  # cleaning up may wait
            saw.append("clean")
            raise

    async with running(app) as client:
        await ask_and_leave(client)
        await trio.sleep(CLEANUP_S)
    assert [type(event) for event in saw] == [asyncio.CancelledError, str]


async def test_cleaning_up_has_its_time(app: Sanic, database: Database, autojump_clock: MockClock) -> None:
    """A database that answers no more can't keep a handler for ever."""
    saw: list[float] = []

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        connection = await database.connect()
        database.stuck = True
        begun = trio.current_time()
        try:
            async with connection.transaction():
                raise AssertionError("a transaction began without an answer")
        finally:
            try:
                await connection.close()
            finally:
                saw.append(trio.current_time() - begun)

    async with running(app) as client:
        await ask_and_leave(client, after_s=1)
        await trio.sleep(CLEANUP_S + 1)
    assert saw == [pytest.approx(1 + CLEANUP_S, abs=0.1)]


async def test_opting_out_of_the_cancellation(app: Sanic, autojump_clock: MockClock) -> None:
    saw: list[str] = []

    @app.get("/", cancel_on_disconnect=False)
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        await asyncio.sleep(10)
        saw.append("done")
        return text("done")

    async with running(app) as client:
        await ask_and_leave(client)
        await trio.sleep(10)
    assert saw == ["done"]


async def test_who_opted_out_learns_at_the_next_write_that_the_client_has_gone(
    app: Sanic, database: Database, autojump_clock: MockClock
) -> None:
    """Not while it is held: the database's code would be the one to learn it."""
    saw: list[str] = []

    @app.get("/", cancel_on_disconnect=False)
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def produce(response: StreamingHTTPResponse) -> None:
            connection = await database.connect()
            try:
                async for _ in connection.cursor("1000000"):
                    try:
                        response.write(bytes(1000))
                    except ClientGone:
                        saw.append("gone")
                        raise
            finally:
                await connection.close()

        return stream(produce)

    async with running(app) as client:
        await ask_and_leave(client)
        await trio.sleep(1)
    assert saw == ["gone"]
    assert not database.open


async def test_generator_is_closed(app: Sanic, autojump_clock: MockClock) -> None:
    saw: list[str] = []

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.1)
        finally:
            await asyncio.sleep(0.1)
            saw.append("closed")

    async with running(app) as client:
        await ask_and_leave(client)
        await trio.sleep(1)
        assert saw == ["closed"]


async def test_child_tasks_end_too(app: Sanic, autojump_clock: MockClock) -> None:
    ended: list[str] = []

    async def child(name: str) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(name)

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child("a"))
            group.create_task(child("b"))

    async with running(app) as client:
        await ask_and_leave(client)
        await trio.sleep(0.1)
        assert sorted(ended) == ["a", "b"]


async def test_response_timeout(app: Sanic, database: Database, autojump_clock: MockClock) -> None:
    @app.get("/", response_timeout=10)
    @aio_handler
    async def handler(request: Request) -> None:
        connection = await database.connect()
        try:
            await asyncio.sleep(100)
        finally:
            await connection.close()

    async with running(app) as client:
        assert (await client.get("/")).status_code == 503
        assert not database.open


async def test_timeouts_of_asyncio_end_only_what_is_in_them(app: Sanic, autojump_clock: MockClock) -> None:
    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        for timeouts in range(3):
            try:
                async with asyncio.timeout(1):
                    body = await request.stream.read()
                return text(f"{timeouts} {body!r}")
            except TimeoutError:
                continue
        return text("too late")

    async def body() -> AsyncIterator[bytes]:
        await trio.sleep(2.5)
        yield b"x"

    async with running(app) as client:
        assert (await client.post("/", content=body())).text == "2 b'x'"


async def test_cancellation_from_within_is_an_error(
    app: Sanic, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """Nobody but Trio may end a handler without an answer."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        task = asyncio.ensure_future(asyncio.sleep(100))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    async with running(app) as client:
        assert (await client.get("/")).status_code == 500
        assert "asyncio cancelled the handler" in caplog.text


class Odd(SanicException):
    status_code = 418


async def test_errors_are_the_handlers_own(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        await asyncio.sleep(0)
        raise Odd("odd")

    @app.exception(Odd)
    @aio_handler
    async def answer(request: Request, error: Exception) -> HTTPResponse:
        await asyncio.sleep(0)
        return text(f"caught {error}", status=418)

    async with running(app) as client:
        answer_ = await client.get("/")
        assert (answer_.status_code, answer_.text) == (418, "caught odd")


async def test_system_exit_ends_the_server(app: Sanic, autojump_clock: MockClock) -> None:
    """As from any handler."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(app) as client:
            await client.get("/")
    assert caught.group_contains(SystemExit)
