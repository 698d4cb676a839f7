"""Handlers that fail, hang or do what they should not."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from tests.http.wires import get, post
from tests.misfortunes.peers import cut_short, noting, served, soon
from triosanic import Sanic
from triosanic.exceptions import Forbidden
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse, stream, text


async def test_handler_raises_before_the_head(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert answer.status == 500
        assert b"boom" not in answer.body
        assert await peer.kept()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_streaming_function_raises_after_the_head(app: Sanic, version: str) -> None:
    """In HTTP/1.0 the connection's end in order would say that all is there."""
    read = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def write(response: BaseHTTPResponse) -> None:
            await response.write("part")
            await soon(read)
            raise RuntimeError("boom")

        return stream(write)

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get(version=version))
        await peer.until(b"part")
        read.set()
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"


async def test_streaming_function_raises_at_once(app: Sanic) -> None:
    """Nothing has left yet, so the client can be told."""

    @app.get("/")
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def write(response: BaseHTTPResponse) -> None:
            raise RuntimeError("boom")

        return stream(write)

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()


async def test_generator_raises_after_the_head(app: Sanic) -> None:
    read = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> AsyncIterator[str]:
        yield "part"
        await soon(read)
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await peer.until(b"part")
        read.set()
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"


async def test_handler_raises_after_respond(app: Sanic) -> None:
    read = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("part")
        await soon(read)
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await peer.until(b"part")
        read.set()
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"


async def test_handler_raises_after_the_end(app: Sanic) -> None:
    """The client has its whole response; only the log tells."""

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("all", end_stream=True)
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"all", True)
        assert await peer.kept()


async def test_handler_raises_what_is_no_exception(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        raise GeneratorExit

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()


async def test_stream_of_the_handler_breaks(app: Sanic) -> None:
    """It is not the client that has left."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.aclose()
        await ours.send_all(b"x")
        return text("never")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()


async def test_handler_returns_none(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        return None

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()


async def test_handler_is_sync(app: Sanic) -> None:
    """Sanic's handlers may be sync or async."""

    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        return text("sync")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body) == (200, b"sync")
        assert await peer.kept()


async def test_sync_handler_raises(app: Sanic) -> None:
    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()


async def test_cancelled_is_swallowed_when_the_client_leaves(app: Sanic) -> None:
    begun, ended = trio.Event(), trio.Event()

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        begun.set()
        with pytest.raises(trio.Cancelled):
            await trio.sleep_forever()
        ended.set()
        return text("late")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        await soon(begun)
        await peer.reset()
        await soon(ended)


async def test_cancelled_is_swallowed_at_the_response_timeout(app: Sanic, autojump_clock: MockClock) -> None:
    """What the handler returns too late is dropped, and the next request gets nothing of it."""

    @app.get("/slow")
    async def slow(request: Request) -> HTTPResponse:
        with pytest.raises(trio.Cancelled):
            await trio.sleep_forever()
        return text("late")

    @app.get("/next")
    async def after(request: Request) -> HTTPResponse:
        return text("next")

    async with served(app, memory=True) as connect:
        peer = await connect(patience_s=100)
        await peer.send(get("/slow") + get("/next"))
        assert [(await peer.answer()).status for _ in range(2)] == [503, 200]
        assert await peer.kept()


async def test_error_handler_raises(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        raise RuntimeError("boom")

    @app.exception(RuntimeError)
    async def on_error(request: Request, error: Exception) -> HTTPResponse:
        raise LookupError("again")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body) == (500, b"An error occurred while handling an error")
        assert await peer.kept()


async def test_error_handler_hangs(app: Sanic, saw: list[str], autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep_forever()
        return text("never")

    @app.exception(Exception)
    async def on_error(request: Request, error: Exception) -> None:
        await trio.sleep_forever()

    async with served(app, memory=True) as connect:
        peer = await connect(patience_s=200)
        start = trio.current_time()
        answer = await peer.ask(get())
        assert (answer.status, answer.body) == (503, b"Service Unavailable\n")
        assert trio.current_time() - start == 120
        assert await peer.end() == "closed"
    assert saw == ["Cancelled"]


async def test_response_middleware_raises(app: Sanic) -> None:
    """Sanic: it is logged, and the response is sent."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("fine")

    @app.on_response
    async def middleware(request: Request, response: HTTPResponse) -> None:
        if request.path == "/":
            raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body) == (200, b"fine")
        assert await peer.kept()


async def test_child_in_the_request_nursery_raises(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        async def child() -> None:
            raise RuntimeError("boom")

        request.nursery.start_soon(child)
        with noting(saw):
            await trio.sleep_forever()
        return text("never")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()
    assert saw == ["Cancelled"]


async def test_child_outlives_a_handler_that_raises(app: Sanic, saw: list[str]) -> None:
    """`request.nursery` ends with its request, also where that fails."""
    ended = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        async def child() -> None:
            try:
                with noting(saw):
                    await trio.sleep_forever()
            finally:
                ended.set()

        request.nursery.start_soon(child)
        await trio.testing.wait_all_tasks_blocked()
        raise RuntimeError("boom")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        await soon(ended)
        assert await peer.kept()
    assert saw == ["Cancelled"]


async def test_own_nursery_raises_a_group_of_one(app: Sanic, saw: list[str]) -> None:
    """A group of one is looked through: its exception's own status is answered."""

    async def child() -> None:
        raise Forbidden("no")

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
        return text("never")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 403
        assert await peer.kept()
    assert saw == ["ExceptionGroup"]


async def test_own_nursery_raises_a_group_of_several(app: Sanic, saw: list[str]) -> None:
    async def child() -> None:
        raise Forbidden("no")

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                nursery.start_soon(child)
        return text("never")

    async with served(app) as connect:
        peer = await connect()
        assert (await peer.ask(get())).status == 500
        assert await peer.kept()
    assert saw == ["ExceptionGroup"]


async def test_response_timeout(app: Sanic, saw: list[str], autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep_forever()
        return text("never")

    async with served(app, memory=True) as connect:
        peer = await connect(patience_s=100)
        start = trio.current_time()
        assert (await peer.ask(get())).status == 503
        assert trio.current_time() - start == 60
        assert await peer.kept()
    assert saw == ["Cancelled"]


async def test_response_timeout_of_the_route_is_shorter(
    app: Sanic, saw: list[str], autojump_clock: MockClock
) -> None:
    @app.get("/", response_timeout=3)
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            await trio.sleep_forever()
        return text("never")

    async with served(app, memory=True) as connect:
        peer = await connect()
        start = trio.current_time()
        assert (await peer.ask(get())).status == 503
        assert trio.current_time() - start == 3
        assert await peer.kept()
    assert saw == ["Cancelled"]


async def test_response_timeout_of_the_route_is_longer(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/", response_timeout=90)
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(80)
        return text("slow")

    async with served(app, memory=True) as connect:
        peer = await connect(patience_s=100)
        assert (await peer.ask(get())).status == 200
        assert await peer.kept()


async def test_response_timeout_waits_for_the_client(app: Sanic, autojump_clock: MockClock) -> None:
    """It counts the handler's time only: here the client takes 70 s for its body."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text(str(len([piece async for piece in request.stream])))

    async with served(app, memory=True) as connect:
        peer = await connect()
        await peer.send(post(b"x" * 35_000)[:-35_000])
        for _ in range(7):
            await peer.send(b"x" * 5000)
            await trio.sleep(10)
        answer = await peer.answer()
        assert (answer.status, answer.body) == (200, b"7")
        assert await peer.kept()
