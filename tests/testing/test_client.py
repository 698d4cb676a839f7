"""The client is httpx's in all that a test can see, but for its timeouts and where it connects to."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from triosanic import HTTPResponse, Request, Sanic, json, text
from triosanic.testing import running

pytestmark = pytest.mark.usefixtures("frozen")


def serve_stream(app: Sanic) -> list[str]:
    """Serve more than the buffers hold; list how handlers end."""
    ends: list[str] = []

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        try:
            for _ in range(1000):
                await response.send(b"line\n" * 1000)
            ends.append("whole")
        except BaseException:
            ends.append("cut")
            raise

    return ends


def serve_peer(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return json({"ip": request.ip, "port": request.port, "host": request.host})


async def test_a_handler_sees_an_address(app: Sanic, autojump_clock: MockClock) -> None:
    serve_peer(app)
    async with running(app) as client:
        assert (await client.get("/")).json() == {"ip": "127.0.0.1", "port": 49152, "host": "127.0.0.1"}


async def test_any_host_is_the_app(app: Sanic, autojump_clock: MockClock) -> None:
    serve_peer(app)
    async with running(app, base_url="http://a.example:81") as client:
        assert (await client.get("/")).json()["host"] == "a.example:81"
        assert (await client.get("http://b.example/")).json()["host"] == "b.example"


async def test_requests_share_a_connection_until_the_server_closes_it(
    app: Sanic, autojump_clock: MockClock
) -> None:
    """httpx's own expiry would count the machine's seconds."""
    serve_peer(app)
    app.config.KEEP_ALIVE_TIMEOUT = 75
    async with running(app) as client:
        ports = [(await client.get("/")).json()["port"]]
        for pause in (74, 76):
            await trio.sleep(pause)
            ports.append((await client.get("/")).json()["port"])
    assert ports == [49152, 49152, 49153]


async def test_many_requests_at_once_have_connections_of_their_own(
    app: Sanic, autojump_clock: MockClock
) -> None:
    """httpx's pool lets what is over a hundred wait, and their time would be the test's."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(1)
        return text("")

    async with running(app) as client, trio.open_nursery() as nursery:
        for _ in range(150):
            nursery.start_soon(client.get, "/")
    assert trio.current_time() == pytest.approx(1)


async def test_a_timeout_that_is_asked_for_is_on_the_tests_clock(
    app: Sanic, autojump_clock: MockClock
) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep_forever()

    async with running(app, timeout=7) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/")
        assert trio.current_time() == pytest.approx(7)


async def test_an_upload_that_is_not_taken_times_out(app: Sanic, autojump_clock: MockClock) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep_forever()

    async with running(app, timeout=7) as client:
        with pytest.raises(httpx.WriteTimeout):
            await client.post("/", content=bytes(1_000_000))


async def test_an_answer_that_breaks_off_is_an_error(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send(b"half of it")
        await trio.sleep(1)
        raise ValueError

    async with running(app) as client, client.stream("GET", "/") as response:
        pieces = aiter(response.aiter_raw())
        assert await anext(pieces) == b"half of it"
        with pytest.raises(httpx.ReadError, match="the peer has reset the connection"):
            await anext(pieces)


async def test_there_is_no_tls(app: Sanic, autojump_clock: MockClock) -> None:
    serve_peer(app)
    async with running(app) as client:
        with pytest.raises(httpx.ConnectError, match="use an http:// URL"):
            await client.get("https://a.example/")


ITERATORS: dict[str, Callable[[httpx.Response], AsyncIterator[object]]] = {
    "raw": httpx.Response.aiter_raw,
    "bytes": httpx.Response.aiter_bytes,
    "text": httpx.Response.aiter_text,
    "lines": httpx.Response.aiter_lines,
}


@pytest.mark.parametrize("name", ITERATORS)
async def test_a_response_can_be_left_midway(app: Sanic, autojump_clock: MockClock, name: str) -> None:
    """With httpx's own transport each iterator that is dropped makes Trio warn."""
    ends = serve_stream(app)
    async with running(app) as client:
        async with client.stream("GET", "/") as response:
            async for _ in getattr(response, f"aiter_{name}")():
                break
        await wait_all_tasks_blocked()
        assert ends == ["cut"]
        gc.collect()


async def test_an_iterator_can_be_closed_before_its_response(app: Sanic, autojump_clock: MockClock) -> None:
    ends = serve_stream(app)
    async with running(app) as client, client.stream("GET", "/") as response:
        async with aclosing(response.aiter_bytes()) as pieces:  # type: ignore[type-var]  # httpx says iterator
            async for _ in pieces:
                break
        await wait_all_tasks_blocked()
        assert ends == ["cut"]


async def test_a_response_can_be_closed_under_its_reader(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send(b"x")
        await trio.sleep_forever()

    async def read(response: httpx.Response) -> None:
        with pytest.raises(httpx.ReadError):
            await response.aread()

    async with (
        running(app) as client,
        trio.open_nursery() as nursery,
        client.stream("GET", "/") as response,
    ):
        nursery.start_soon(read, response)
        await wait_all_tasks_blocked()


async def test_a_whole_response_keeps_its_connection(app: Sanic, autojump_clock: MockClock) -> None:
    ends = serve_stream(app)
    async with running(app) as client:
        for _ in range(2):
            async with client.stream("GET", "/") as response:
                assert len([line async for line in response.aiter_lines()]) == 1_000_000
    assert ends == ["whole", "whole"]


async def test_a_cancelled_read_closes_the_connection(app: Sanic, autojump_clock: MockClock) -> None:
    ends = serve_stream(app)
    async with running(app) as client:
        with trio.move_on_after(1):
            async with client.stream("GET", "/") as response:
                async for _ in response.aiter_bytes():
                    await trio.sleep(10)
        await wait_all_tasks_blocked()
        assert ends == ["cut"]
        gc.collect()


async def test_a_cancelled_upload_closes_the_connection(app: Sanic, autojump_clock: MockClock) -> None:
    ended = trio.Event()

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        try:
            return text(str(await request.stream.read_all(1_000_000)))
        finally:
            ended.set()

    send, receive = trio.open_memory_channel[bytes](0)
    async with running(app) as client, send, receive:
        with trio.move_on_after(1):
            await client.post("/", content=receive)
        with trio.fail_after(1):
            await ended.wait()
        gc.collect()


async def test_an_early_answer_ends_the_upload(app: Sanic, autojump_clock: MockClock) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text("no", 403)

    async with running(app) as client:
        response = await client.post("/", content=bytes(10_000_000))
        assert (response.status_code, response.text) == (403, "no")
