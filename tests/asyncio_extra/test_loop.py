"""One loop for each app, from its first use to the end of the server, for all that is decorated."""

import asyncio
from contextvars import ContextVar
from functools import partial

import pytest
import trio
import trio_asyncio
from trio.testing import MockClock

from tests.asyncio_extra.database import Database
from triosanic import Request, Sanic
from triosanic.asyncio import aio_handler
from triosanic.asyncio.handler import homes
from triosanic.exceptions import ServerError
from triosanic.response import HTTPResponse, StreamingHTTPResponse, json, stream, text
from triosanic.testing import running

var: ContextVar[str] = ContextVar("var", default="")


async def loop_number(request: Request) -> HTTPResponse:
    return text(str(id(asyncio.get_running_loop())))


async def test_requests_share_one_loop(app: Sanic, autojump_clock: MockClock) -> None:
    app.get("/")(aio_handler(loop_number))
    numbers: set[str] = set()

    async with running(app) as client, trio.open_nursery() as nursery:

        async def get() -> None:
            numbers.add((await client.get("/")).text)

        for _ in range(5):
            nursery.start_soon(get)
    assert len(numbers) == 1


async def test_each_app_and_each_start_has_its_own(app: Sanic, autojump_clock: MockClock) -> None:
    other = Sanic("other")
    loops: list[asyncio.AbstractEventLoop] = []

    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        loops.append(asyncio.get_running_loop())
        return text("")

    app.get("/")(handler)
    other.get("/")(handler)
    async with running(app) as first, running(other) as second:
        await first.get("/")
        await second.get("/")
    async with running(app) as third:
        await third.get("/")
        assert [loop.is_closed() for loop in loops] == [True, True, False]
    assert len(set(loops)) == 3


async def test_loops_of_servers_that_ended_are_forgotten(app: Sanic, autojump_clock: MockClock) -> None:
    app.get("/")(aio_handler(loop_number))
    for _ in range(3):
        async with running(app) as client:
            await client.get("/")
    assert not homes.get()


async def test_loop_around_the_server_is_used(app: Sanic, autojump_clock: MockClock) -> None:
    """What was opened on it before the start can be used then."""
    app.get("/")(aio_handler(loop_number))
    async with trio_asyncio.open_loop() as loop, running(app) as client:
        assert (await client.get("/")).text == str(id(loop))


async def test_pool_lives_from_listener_to_listener(
    app: Sanic, database: Database, autojump_clock: MockClock
) -> None:
    @app.before_server_start
    @aio_handler
    async def open_pool(app: Sanic) -> None:
        app.ctx.pool = await database.create_pool()

    @app.after_server_stop
    @aio_handler
    async def close_pool(app: Sanic, nursery: trio.Nursery) -> None:
        await app.ctx.pool.close()

    @app.get("/<number:int>")
    @aio_handler
    async def handler(request: Request, number: int) -> HTTPResponse:
        return text(str(await request.app.ctx.pool.fetchval("SELECT 2 * $1::int", number)))

    async with running(app) as client:
        assert (await client.get("/21")).text == "42"
        assert len(database.open) == 1
    assert not database.open


async def test_everything_a_program_can_register(app: Sanic, autojump_clock: MockClock) -> None:
    saw: list[str] = []

    async def say(what: str) -> None:
        await asyncio.sleep(0)
        saw.append(what)

    @app.on_request
    @aio_handler
    async def on_request(request: Request) -> None:
        await say("request")

    @app.on_response
    @aio_handler
    async def on_response(request: Request, response: HTTPResponse) -> HTTPResponse:
        await say("response")
        return response

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("")

    @aio_handler
    async def task(app: Sanic) -> None:
        await say("task")

    app.add_task(task(app))
    async with running(app) as client:
        await client.get("/")
    assert sorted(saw) == ["request", "response", "task"]


async def test_response_middleware_leaves_the_stream_of_others_alone(
    app: Sanic, autojump_clock: MockClock
) -> None:
    """It is Trio's, although asyncio's code passes it on."""

    @app.on_response
    @aio_handler
    async def on_response(request: Request, response: HTTPResponse) -> HTTPResponse:
        return response

    @app.get("/")
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def write(response: StreamingHTTPResponse) -> None:
            await trio.sleep(1)
            await response.write("x")

        return stream(write)

    async with running(app) as client:
        assert (await client.get("/")).text == "x"


async def test_decorated_functions_call_each_other(app: Sanic, autojump_clock: MockClock) -> None:
    @aio_handler
    async def inner(request: Request) -> HTTPResponse:
        await asyncio.sleep(0)
        return text(request.path)

    @app.get("/outer")
    @aio_handler
    async def outer(request: Request) -> HTTPResponse:
        response: HTTPResponse = await inner(request)
        return response

    async with running(app) as client:
        assert (await client.get("/outer")).text == "/outer"


async def test_context_is_the_requests(app: Sanic, autojump_clock: MockClock) -> None:
    """As without the decorator: from one end of a request to the other, and no further."""

    @app.on_request
    async def on_request(request: Request) -> None:
        assert var.get() == ""
        var.set("middleware")

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        seen = var.get()
        var.set("handler")
        return json({"seen": seen, "current": Request.get_current().path})

    @app.on_response
    async def on_response(request: Request, response: HTTPResponse) -> None:
        response.headers["x-var"] = var.get()

    async with running(app) as client:
        for _ in range(2):
            answer = await client.get("/")
            assert answer.json() == {"seen": "middleware", "current": "/"}
            assert answer.headers["x-var"] == "handler"


async def test_loop_keeps_nothing_of_the_request_that_opened_it(
    app: Sanic, autojump_clock: MockClock
) -> None:
    @app.on_request
    async def on_request(request: Request) -> None:
        var.set("middleware")

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        runs_the_loop = trio.lowlevel.current_task()
        return text(str(var in runs_the_loop.context))

    async with running(app) as client:
        assert (await client.get("/")).text == "False"


async def test_background_task_that_fails_is_logged(
    app: Sanic, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """trio-asyncio's own way with it is to end the loop, and so the server."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        def fail() -> None:
            raise ValueError("in the background")

        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(1)
        return text("fine")

    async with running(app) as client:
        assert (await client.get("/")).text == "fine"
        assert "in the background" in caplog.text


async def test_background_task_lives_until_the_server_ends(app: Sanic, autojump_clock: MockClock) -> None:
    saw: list[str] = []

    async def background() -> None:
        try:
            while True:
                await asyncio.sleep(1)
                saw.append("tick")
        finally:
            saw.append("end")

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        request.app.ctx.background = asyncio.create_task(background())
        return text("")

    async with running(app) as client:
        await client.get("/")
        await trio.sleep(2.5)
        assert saw == ["tick", "tick"]
    assert saw[-1] == "end"


async def test_trio_task_of_the_request_may_use_what_asyncio_sees(
    app: Sanic, autojump_clock: MockClock
) -> None:
    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        pieces: list[bytes] = []

        async def read() -> None:
            await trio.sleep(1)
            async for piece in request.stream:
                pieces.append(piece)

        await request.nursery.start(started, read)
        await request.join()
        return text(repr(pieces))

    async def started(read, task_status) -> None:  # type: ignore[no-untyped-def]
        task_status.started()
        await read()

    async with running(app) as client:
        assert (await client.post("/", content=b"abc")).text == "[b'abc']"


async def test_without_a_server_the_error_says_so(app: Sanic, autojump_clock: MockClock) -> None:
    @aio_handler
    async def task(app: Sanic) -> None:
        raise AssertionError("it ran")

    with pytest.raises(ServerError, match="while the server runs"):
        await task(app)


async def test_function_without_request_and_app_is_told_what_it_needs(
    app: Sanic, autojump_clock: MockClock
) -> None:
    @aio_handler
    async def task() -> None:
        raise AssertionError("it ran")

    with pytest.raises(ServerError, match="the request or the app"):
        await task()


async def test_cancelled_at_the_very_start_runs_nothing(app: Sanic, autojump_clock: MockClock) -> None:
    @aio_handler
    async def task(app: Sanic) -> None:
        raise AssertionError("it ran")

    app.get("/")(aio_handler(loop_number))
    async with running(app):
        with trio.CancelScope() as scope:
            scope.cancel()
            await task(app)
        assert scope.cancelled_caught


def test_under_trio_run(app: Sanic) -> None:
    """All that was opened is closed when `trio.run` returns."""
    loops: list[asyncio.AbstractEventLoop] = []

    @app.after_server_start
    @aio_handler
    async def stop(app: Sanic) -> None:
        loops.append(asyncio.get_running_loop())
        app.stop()

    app.get("/")(aio_handler(loop_number))
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.1
    trio.run(partial(app.serve, port=0))
    assert loops[0].is_closed()
