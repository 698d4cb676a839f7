"""What a request has used is free when it has ended: nothing waits for the garbage collector."""

import gc
import weakref
from collections.abc import AsyncGenerator, Iterator
from typing import Final

import pytest
from trio.testing import wait_all_tasks_blocked

from triosanic import Request, Sanic, json, text
from triosanic.exceptions import NotFound, SanicException
from triosanic.http.body import RequestBody
from triosanic.http.exchange import Exchange
from triosanic.http.guard import Refusal
from triosanic.response import BaseHTTPResponse, stream
from triosanic.testing import open_raw

pytestmark = pytest.mark.usefixtures("frozen")

HEAD: Final = "{} HTTP/1.1\r\nHost: a\r\n{}\r\n"
REQUESTS: Final = {
    "plain": HEAD.format("GET /text", ""),
    "HEAD": HEAD.format("HEAD /text", ""),
    "JSON": HEAD.format("POST /json", "Content-Length: 2\r\n") + "{}",
    "chunks": HEAD.format("POST /count", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\n0\r\n\r\n",
    "100-continue": HEAD.format("POST /count", "Content-Length: 2\r\nExpect: 100-continue\r\n") + "ab",
    "unread": HEAD.format("POST /unread", "Content-Length: 2\r\n") + "ab",
    "respond": HEAD.format("GET /respond", ""),
    "stream": HEAD.format("GET /stream", ""),
    "generator": HEAD.format("GET /generator", ""),
    "nursery": HEAD.format("GET /nursery", ""),
    "error": HEAD.format("GET /error", ""),
}
# What ends its connection.
LAST: Final = {
    "closed": HEAD.format("GET /text", "Connection: close\r\n"),
    "not HTTP": "GET\r\n\r\n",
    "a head too long": HEAD.format("GET /text", f"a: {'a' * 20_000}\r\n"),
    "half a head": "GET / HTTP/1.1\r\n",
    "half a body": HEAD.format("POST /count", "Content-Length: 20\r\n") + "ab",
    "half a buffered body": HEAD.format("POST /json", "Content-Length: 20\r\n") + "ab",
    "half a chunk": HEAD.format("POST /count", "Transfer-Encoding: chunked\r\n") + "5\r\nab",
    "a bad chunk": HEAD.format("POST /count", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\nx",
    "a bad chunk of many": HEAD.format("POST /json", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\nx",
    "a bad trailer": HEAD.format("POST /count", "Transfer-Encoding: chunked\r\n") + "0\r\n a\r\n\r\n",
    "a body too large": HEAD.format("POST /small", "Transfer-Encoding: chunked\r\n") + "4\r\nabcd\r\n",
    "a length too large": HEAD.format("POST /small", "Content-Length: 4\r\n") + "abcd",
}


class Seen(Request):
    """A request that leaves a trace."""

    __slots__ = ()
    traces: Final[list[weakref.ref[Request]]] = []

    def make_current(self) -> None:
        self.traces.append(weakref.ref(self))
        super().make_current()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:  # noqa: C901  # a list of handlers
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("garbage", request_class=Seen)

    @app.route("/text", methods=["GET", "HEAD"])
    async def plain(request: Request) -> BaseHTTPResponse:
        return text(request.headers.host)

    @app.post("/json")
    async def as_json(request: Request) -> BaseHTTPResponse:
        return json(request.json)

    @app.post("/count", stream=True)
    async def count(request: Request) -> BaseHTTPResponse:
        return text(str(sum([len(piece) async for piece in request.stream])))

    @app.post("/small", request_max_size=3)
    async def small(request: Request) -> BaseHTTPResponse:
        return text("")

    @app.post("/unread", stream=True)
    async def unread(request: Request) -> BaseHTTPResponse:
        return text("")

    @app.get("/respond")
    async def respond(request: Request) -> None:
        response = await request.respond()
        await response.send("a")
        await response.eof()

    @app.get("/stream")
    async def streamed(request: Request) -> BaseHTTPResponse:
        async def write(response: BaseHTTPResponse) -> None:
            await response.write(request.path)

        return stream(write)

    @app.get("/generator")
    async def generator(request: Request) -> AsyncGenerator[str, None]:
        yield request.path

    @app.get("/nursery")
    async def with_nursery(request: Request) -> BaseHTTPResponse:
        request.nursery.start_soon(wait_all_tasks_blocked)
        return text("")

    @app.get("/error")
    async def error(request: Request) -> BaseHTTPResponse:
        raise NotFound("gone")

    return app


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    Seen.traces.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("request_text", REQUESTS.values(), ids=REQUESTS)
async def test_a_request_that_has_ended_is_free(app: Sanic, request_text: str) -> None:
    async with open_raw(app) as conn:
        for _ in range(2):
            await conn.send(request_text.encode())
            await wait_all_tasks_blocked()
            await conn.receive_some()
        assert [trace() for trace in Seen.traces] == [None, None]


def kept() -> list[object]:
    """What there is of exchanges, and of the errors that end them."""
    kinds = (Exchange, RequestBody, Refusal, SanicException)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


@pytest.mark.parametrize("request_text", LAST.values(), ids=LAST)
async def test_what_ended_its_connection_is_free(app: Sanic, request_text: str) -> None:
    before = set(map(id, kept()))
    async with open_raw(app) as conn:
        await conn.send(request_text.encode())
        await wait_all_tasks_blocked()
    assert [one for one in kept() if id(one) not in before] == []
