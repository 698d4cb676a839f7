"""Bodies that nobody reads, or that are too large, too slow or broken."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from tests.http.wires import Answer, chunk, get, post
from tests.misfortunes.peers import Connect, Peer, cut_short, noting, served
from triosanic import Sanic
from triosanic.request import Request
from triosanic.response import HTTPResponse, text

CHUNKED = get("/", "Transfer-Encoding: chunked", method="POST")
LARGE = post(bytes(20_000_000))
LARGE_CHUNKED = CHUNKED + chunk(bytes(65_536)) * 305 + chunk(b"")


async def ask_at_length(connect: Connect, request: bytes) -> tuple[Peer, Answer]:
    """Send as plain clients do: first all of the request, as far as the server takes it, then read."""
    peer = await connect()
    with trio.fail_after(20):
        await peer.pour(request)
    return peer, await peer.answer()


@pytest.mark.parametrize("request_", [LARGE, LARGE_CHUNKED], ids=["length", "chunked"])
async def test_large_body_is_not_read(app: Sanic, request_: bytes) -> None:
    """The client gets its answer, although it still sends, and is then cut off."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text("no, thanks")

    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, request_)
        assert (answer.status, answer.body, answer.whole) == (200, b"no, thanks", True)
        assert await peer.end() in {"closed", "reset"}


@pytest.mark.parametrize(
    "request_",
    [post(bytes(500_000)), CHUNKED + chunk(bytes(500_000)) + chunk(b"")],
    ids=["length", "chunked"],
)
async def test_small_body_is_not_read(app: Sanic, request_: bytes) -> None:
    """What is left of it is read and dropped."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text("no, thanks")

    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, request_)
        assert (answer.status, answer.body) == (200, b"no, thanks")
        assert await peer.kept()


async def test_body_is_too_large_as_declared(app: Sanic, saw: list[str]) -> None:
    app.config.REQUEST_MAX_SIZE = 1000

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        saw.append("a body")
        return text("taken")

    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, LARGE)
        assert (answer.status, answer.whole) == (413, True)
        assert await peer.end() in {"closed", "reset"}
    assert saw == []


async def test_body_is_too_large_undeclared(app: Sanic, saw: list[str]) -> None:
    app.config.REQUEST_MAX_SIZE = 1000

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        saw.append("a body")
        return text("taken")

    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, LARGE_CHUNKED)
        assert (answer.status, answer.whole) == (413, True)
        assert await peer.end() in {"closed", "reset"}
    assert saw == []


async def test_body_is_too_large_for_its_handler(app: Sanic, saw: list[str]) -> None:
    """A stream route has the bound that its handler sets."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        request.stream.request_max_size = 1000
        with noting(saw):
            while await request.stream.read() is not None:
                pass
        return text("taken")

    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, LARGE)
        assert (answer.status, answer.whole) == (413, True)
        assert await peer.end() in {"closed", "reset"}
    assert saw == ["PayloadTooLarge"]


async def test_expectation_is_unknown(app: Sanic, saw: list[str]) -> None:
    """RFC 9110 §10.1.1."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        saw.append("a request")
        return text("taken")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(post(b"body", "/", "Expect: miracles"))
        assert answer.status == 417
        assert b"Unknown Expect: miracles" in answer.body
        assert await peer.kept()
    assert saw == []


async def test_expectation_is_unknown_and_the_body_waits(app: Sanic) -> None:
    """RFC 9110 §10.1.1: what comes next may be the body, or another request."""
    app.post("/")(lambda request: text("taken"))
    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get("/", "Expect: miracles", "Content-Length: 4", method="POST"))
        assert answer.status == 417
        assert await peer.end() == "closed"


@pytest.mark.parametrize("fields", [(), ("Transfer-Encoding: chunked",)], ids=["length", "chunked"])
async def test_body_for_no_route(app: Sanic, fields: Sequence[str]) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text("taken")

    body = chunk(bytes(100_000)) + chunk(b"")
    request = get("/nope", *fields, method="POST") + body if fields else post(body, "/nope")
    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, request)
        assert answer.status == 404
        assert await peer.kept()


@pytest.mark.parametrize("fields", [(), ("Transfer-Encoding: chunked",)], ids=["length", "chunked"])
async def test_body_for_another_method(app: Sanic, fields: Sequence[str]) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        return text("taken")

    body = chunk(bytes(100_000)) + chunk(b"")
    fields = fields or (f"Content-Length: {len(body)}",)
    async with served(app) as connect:
        peer, answer = await ask_at_length(connect, get("/", *fields, method="PUT") + body)
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
        assert await peer.kept()


async def test_body_stalls_in_a_stream_route(app: Sanic, saw: list[str], autojump_clock: MockClock) -> None:
    """BODY_MIN_RATE after its grace."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            while await request.stream.read() is not None:
                pass
        return text("taken")

    async with served(app, memory=True) as connect:
        peer = await connect()
        start = trio.current_time()
        assert (await peer.ask(post(b"x" * 1000)[:-500])).status == 408
        assert trio.current_time() - start == pytest.approx(5 + 500 / 240)
        assert await peer.end() == "closed"
    assert saw == ["RequestTimeout"]


async def test_body_stalls_in_a_buffered_route(app: Sanic, saw: list[str], autojump_clock: MockClock) -> None:
    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        saw.append("half a body")
        return text("taken")

    async with served(app, memory=True) as connect:
        peer = await connect()
        start = trio.current_time()
        assert (await peer.ask(post(b"x" * 1000)[:-500])).status == 408
        assert trio.current_time() - start == pytest.approx(5 + 500 / 240)
        assert await peer.end() == "closed"
    assert saw == []


async def test_chunk_is_malformed_before_the_head(app: Sanic, saw: list[str]) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        with noting(saw):
            while await request.stream.read() is not None:
                pass
        return text("taken")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(CHUNKED + chunk(b"fine") + b"broken\r\n")
        assert answer.status == 400
        assert await peer.end() == "closed"
    assert saw == ["BadRequest"]


async def test_chunk_is_malformed_after_the_head(app: Sanic, saw: list[str]) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> None:
        response = await request.respond()
        with noting(saw):
            async for piece in request.stream:
                await response.send(piece)

    async with served(app) as connect:
        peer = await connect()
        await peer.send(CHUNKED + chunk(b"fine"))
        await peer.until(b"fine")
        await peer.send(b"broken\r\n")
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
    assert saw == ["BadRequest"]


async def test_chunk_is_malformed_in_a_buffered_route(app: Sanic, saw: list[str]) -> None:
    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        saw.append("half a body")
        return text("taken")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(CHUNKED + chunk(b"fine") + b"broken\r\n")
        assert answer.status == 400
        assert await peer.end() == "closed"
    assert saw == []
