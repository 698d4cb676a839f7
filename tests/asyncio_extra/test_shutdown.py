"""The loop is opened first and closed last, however the server ends, and nothing waits for it."""

import asyncio
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from tests.asyncio_extra.database import Database
from triosanic import Request, Sanic
from triosanic.asyncio import aio_handler
from triosanic.exceptions import ServerError
from triosanic.response import HTTPResponse, text
from triosanic.testing import running


@pytest.fixture
def with_pool(app: Sanic, database: Database) -> Sanic:
    @app.before_server_start
    @aio_handler
    async def open_pool(app: Sanic) -> None:
        app.ctx.pool = await database.create_pool()

    @app.after_server_stop
    @aio_handler
    async def close_pool(app: Sanic) -> None:
        await asyncio.sleep(1)
        await app.ctx.pool.close()

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        return text(str(await request.app.ctx.pool.fetchval("SELECT 2 * $1::int", 1)))

    return app


async def test_shutdown_does_not_wait_for_the_loop(with_pool: Sanic, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    async with running(with_pool) as client:
        await client.get("/")
    assert trio.current_time() - begun < 2


async def test_pool_is_closed_after_a_cancellation(
    with_pool: Sanic, database: Database, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(with_pool.serve, port=0))
        assert database.open
        nursery.cancel_scope.cancel()
    assert not database.open
    assert "failed" not in caplog.text


async def test_pool_is_closed_after_an_error(
    with_pool: Sanic, database: Database, autojump_clock: MockClock
) -> None:
    async def fail() -> None:
        raise ValueError("an app's task")

    with pytest.raises(ValueError, match="an app's task"):
        async with running(with_pool) as client:
            await client.get("/")
            with_pool.nursery.start_soon(fail)
            await trio.sleep(10)
    assert not database.open


async def test_handlers_clean_up_after_a_cancellation(
    with_pool: Sanic, database: Database, autojump_clock: MockClock
) -> None:
    cleaned: list[str] = []

    @with_pool.get("/slow")
    @aio_handler
    async def slow(request: Request) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            cleaned.append("slow")

    with trio.move_on_after(1):
        async with running(with_pool) as client:
            await client.get("/slow")
    assert cleaned == ["slow"]
    assert not database.open


async def test_services_end_after_everything_else(with_pool: Sanic, autojump_clock: MockClock) -> None:
    ended: list[str] = []

    async def serve(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    @with_pool.after_server_stop
    async def listener(app: Sanic) -> None:
        ended.append("listener")

    with trio.CancelScope() as scope:
        async with running(with_pool):
            with_pool.services.start_soon(serve, "service")
            with_pool.nursery.start_soon(serve, "task")
            await trio.sleep(1)
            scope.cancel()
            await trio.sleep(1)
    assert ended == ["task", "listener", "service"]
    with pytest.raises(ServerError, match="while the server runs"):
        assert with_pool.services


async def test_service_that_fails_ends_the_server(with_pool: Sanic, autojump_clock: MockClock) -> None:
    async def fail() -> None:
        raise ValueError("a service")

    with pytest.raises(ValueError, match="a service"):
        async with running(with_pool):
            with_pool.services.start_soon(fail)
            await trio.sleep(10)
