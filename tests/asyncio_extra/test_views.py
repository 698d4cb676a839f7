"""What asyncio's code sees of a request is the request, but for what it can await."""

import asyncio
import subprocess
import sys
from inspect import iscoroutinefunction

from trio.testing import MockClock

from triosanic import Request, Sanic
from triosanic.asyncio import aio_handler
from triosanic.asyncio.views import bare
from triosanic.http.body import RequestBody
from triosanic.response import BaseHTTPResponse, HTTPResponse, StreamingHTTPResponse, stream, text
from triosanic.testing import running
from triosanic.views import HTTPMethodView


async def test_request_is_a_request(app: Sanic, autojump_clock: MockClock) -> None:
    @app.on_request
    async def on_request(request: Request) -> None:
        request.ctx.user = "me"
        request.ctx.request = request

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        assert isinstance(request, Request)
        assert isinstance(request.stream, RequestBody)
        assert request == request.ctx.request
        assert {request: 1}[request.ctx.request] == 1
        assert request.stream == request.ctx.request.stream
        assert not request.stream
        assert repr(request) == "<Request: GET />"
        assert request.args.get("a") == "1"
        request.body = b"changed"
        assert request.ctx.request.body == b"changed"
        return text(request.ctx.user)

    async with running(app) as client:
        assert (await client.get("/?a=1")).text == "me"


async def test_responses_are_responses(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> StreamingHTTPResponse:
        async def write(response: StreamingHTTPResponse) -> None:
            assert isinstance(response, StreamingHTTPResponse)
            assert response.started
            await response.write(str(response.status))

        return stream(write, status=201)

    @app.get("/respond")
    @aio_handler
    async def responds(request: Request) -> None:
        response = await request.respond(HTTPResponse(headers={"x-a": "b"}))
        assert isinstance(response, BaseHTTPResponse)
        assert request.responded
        await response.eof()

    async with running(app) as client:
        assert (await client.get("/")).text == "201"
        assert (await client.get("/respond")).headers["x-a"] == "b"


async def test_nothing_that_can_be_awaited_is_forgotten(app: Sanic, autojump_clock: MockClock) -> None:
    """Whatever a handler reaches from its request or response and can await is a view."""

    def forgotten(thing: object) -> list[str]:
        absent = {"transport", "protocol", "scope", "stream_id"}  # of other servers: to ask for them raises
        names = [name for name in dir(bare(thing)) if not name.startswith("_") and name not in absent]
        values = {name: getattr(thing, name) for name in names}
        return [
            name
            for name, value in values.items()
            if type(value).__module__.startswith("triosanic") and name not in {"app", "exchange"}
            if any(iscoroutinefunction(getattr(type(value), method)) for method in dir(type(value)))
            if bare(value) is value
        ]

    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: Request) -> None:
        response = await request.respond()
        assert bare(request.stream) is not request.stream
        things = (request, request.stream, request.stream.lines(), request.nursery, response)
        await response.send(repr([forgotten(thing) for thing in things]))

    async with running(app) as client:
        assert (await client.post("/", content=b"x")).text == "[[], [], [], [], []]"


async def test_methods_of_a_programs_own_request_are_asyncios(app: Sanic, autojump_clock: MockClock) -> None:
    class MyRequest(Request):
        async def shout(self) -> str:
            await asyncio.sleep(1)
            return ((await self.stream.read()) or b"").decode().upper()

    app.request_class = MyRequest

    @app.post("/", stream=True)
    @aio_handler
    async def handler(request: MyRequest) -> HTTPResponse:
        return text(await request.shout())

    async with running(app) as client:
        assert (await client.post("/", content=b"abc")).text == "ABC"


async def test_class_based_views(app: Sanic, autojump_clock: MockClock) -> None:
    class View(HTTPMethodView):
        @aio_handler
        async def get(self, request: Request, name: str) -> HTTPResponse:
            await asyncio.sleep(1)
            return text(name)

    app.add_route(View.as_view(), "/<name>")
    async with running(app) as client:
        assert (await client.get("/abc")).text == "abc"


def test_missing_library_is_named_with_the_way_to_get_it() -> None:
    program = "import sys; sys.modules['trio_asyncio'] = None; import triosanic; import triosanic.asyncio"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: triosanic.asyncio needs trio-asyncio: pip install triosanic[asyncio]" in done.stderr
