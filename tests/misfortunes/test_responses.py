"""Handlers that use their response wrongly."""

import pytest
import trio

from tests.http.wires import get
from tests.misfortunes.peers import cut_short, noting, served
from triosanic import Sanic
from triosanic.exceptions import ServerError
from triosanic.request import Request
from triosanic.response import BaseHTTPResponse, HTTPResponse, text


async def test_write_after_the_end(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("all")
        await response.eof()
        with pytest.raises(ServerError, match="was ended, no more response data is allowed"):
            await response.send("more")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"all", True)
        assert await peer.kept()


async def test_write_after_the_end_is_let_out(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("all")
        await response.eof()
        with noting(saw):
            await response.send("more")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"all", True)
        assert await peer.kept()
    assert saw == ["ServerError"]


async def test_second_respond(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        with pytest.raises(ServerError, match=r"^Second respond call is not allowed\.$"):
            await request.respond()
        await response.send("all")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"all", True)
        assert await peer.kept()


async def test_second_respond_is_let_out(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("part")
        await trio.testing.wait_all_tasks_blocked()
        with noting(saw):
            await request.respond()

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
    assert saw == ["ServerError"]


async def test_response_is_returned_after_respond(app: Sanic) -> None:
    """Sanic: logged and ignored."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        response = await request.respond()
        await response.send("first")
        return text("second")

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"first", True)
        assert await peer.kept()


async def test_response_of_respond_is_returned(app: Sanic) -> None:
    """It is the one that was begun: nothing to complain of."""

    @app.get("/")
    async def handler(request: Request) -> BaseHTTPResponse:
        response = await request.respond()
        await response.send("all")
        return response

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert (answer.status, answer.body, answer.whole) == (200, b"all", True)
        assert await peer.kept()


async def test_more_than_the_content_length(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond(headers={"content-length": "9"})
        await response.send("four")
        await trio.testing.wait_all_tasks_blocked()
        with noting(saw):
            await response.send("and six")

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
    assert saw == ["ServerError"]


async def test_less_than_the_content_length(app: Sanic) -> None:
    """Not even an HTTP client that trusts the connection's end takes it for whole."""

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond(headers={"content-length": "9"})
        await response.send("four")
        await trio.testing.wait_all_tasks_blocked()

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"


async def test_response_buffer_is_full_before_the_head(app: Sanic, saw: list[str]) -> None:
    """A handler that never awaits its writes lets nothing leave."""

    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        with noting(saw):
            for _ in range(18):
                response.write(bytes(1 << 20))

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert answer.status == 500
        assert b"await response.write()" in answer.body
        assert await peer.kept()
    assert saw == ["ResponseBufferFull"]


async def test_response_buffer_is_full(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("part")
        await trio.testing.wait_all_tasks_blocked()
        with noting(saw):
            for _ in range(2100):
                response.write(bytes(8192))

    async with served(app) as connect:
        peer = await connect()
        await peer.send(get())
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
    assert saw == ["ResponseBufferFull"]


@pytest.mark.parametrize("name", ["x-bad", "x-bad\r\nevil"], ids=["value", "name"])
async def test_header_has_a_line_break(app: Sanic, name: str) -> None:
    """CVE-2018-1000164: nothing of it gets on the wire."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("split", headers={name: "a\r\nevil: b"})

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert answer.status == 500
        assert "evil" not in answer.headers
        assert await peer.kept()


async def test_header_of_respond_has_a_line_break(app: Sanic, saw: list[str]) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        with noting(saw):
            await request.respond(headers={"x-bad": "a\r\nevil: b"})

    async with served(app) as connect:
        peer = await connect()
        answer = await peer.ask(get())
        assert answer.status == 500
        assert "evil" not in answer.headers
        assert await peer.kept()
    assert saw == ["ServerError"]
