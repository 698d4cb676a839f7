"""A request's JSON, its answers, and what it offers while it is handled."""

import decimal
import json as stdlib_json
from typing import Any

import pytest
import trio

from tests.request.made import request_of
from triosanic import BadRequest, Config, HTTPResponse, Request, Sanic, json, text
from triosanic.exceptions import ServerError
from triosanic.testing import open_raw, running


def with_body(body: bytes, **options: Any) -> Request:
    request = request_of(app=Sanic("body", Config(env_prefix=None), **options))
    request.body = body
    return request


@pytest.fixture(autouse=True)
def no_registry(app: Sanic) -> None:
    """Make no app known by its name."""


def test_json_is_read_once() -> None:
    request = with_body(b'{"a": [1]}')
    assert request.json == {"a": [1]}
    assert request.json is request.json
    assert with_body(b"").json is None


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 100_000, b"9" * 10_000], ids=["cut", "bytes", "deep", "long"]
)
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    """Sanic's words; a body too deep or a number too long for Python is the client's doing, too."""
    with pytest.raises(BadRequest, match="Failed when parsing body as json"):
        _ = with_body(body).json


def test_json_is_read_by_the_apps_loads() -> None:
    """Sanic 25.12 ``Sanic(loads=...)``."""

    def loads(body: bytes) -> Any:
        return stdlib_json.loads(body, parse_float=decimal.Decimal)

    request = with_body(b"1.10", loads=loads)
    assert request.json == decimal.Decimal("1.10")
    assert str(request.json) == "1.10"
    assert request.load_json(stdlib_json.loads) == 1.1
    assert request.load_json(loads=lambda body: body) == b"1.10"


async def test_responses_are_written_by_the_apps_dumps(app: Sanic) -> None:
    """Sanic 25.12 ``Sanic(dumps=...)``; but two apps in one process keep their own."""
    other = Sanic("other", Config(env_prefix=None), dumps=lambda value, **kwargs: f"other:{value}:{kwargs}")
    for one in (app, other):

        @one.get("/")
        async def show(request: Request) -> HTTPResponse:
            return json([1, 2], indent=0)

        @one.get("/thread")
        async def show_in_thread(request: Request) -> HTTPResponse:
            return await trio.to_thread.run_sync(json, [3])

    async with running(app) as ours, running(other) as theirs:
        assert (await ours.get("/")).text == "[1,2]"
        assert (await theirs.get("/")).text == "other:[1, 2]:{'indent': 0}"
        assert (await theirs.get("/thread")).text == "other:[3]:{}"
        assert (await ours.get("/thread")).text == "[3]"
    assert json([1, 2]).body == b"[1,2]"


async def test_receive_body_where_the_route_has_not_read_it(app: Sanic, autojump_clock: object) -> None:
    """Sanic 25.12 ``ignore_body``."""

    @app.get("/")
    async def read(request: Request) -> HTTPResponse:
        before = request.body
        await request.receive_body()
        await request.receive_body()
        return json([before.decode(), request.json])

    async with running(app) as client:
        assert (await client.request("GET", "/", content=b"[1]")).json() == ["", [1]]


async def test_a_response_that_has_begun_can_be_reset(app: Sanic, autojump_clock: object) -> None:
    """Sanic 25.12 ``reset_response``: as long as nothing has been sent."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        request.reset_response()
        await request.respond(status=201)
        assert request.responded
        request.reset_response()
        assert not request.responded
        return text("other")

    async with open_raw(app) as conn:
        # The client waits for 100 Continue, so that not even a head can have left.
        await conn.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert (await conn.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await conn.receive(5) == b"other"


async def test_a_response_that_was_sent_stays(app: Sanic, autojump_clock: object) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send("sent")
        await trio.sleep(1)
        with pytest.raises(ServerError, match="Cannot reset response because previous response was sent"):
            request.reset_response()
        await response.eof()

    async with running(app) as client:
        assert (await client.get("/")).text == "sent"


async def test_who_outlives_his_client_sees_that_it_is_lost(app: Sanic, autojump_clock: object) -> None:
    """Sanic 25.12 ``conn_info.lost``."""
    lost: list[bool] = []

    @app.get("/", cancel_on_disconnect=False)
    async def handler(request: Request) -> HTTPResponse:
        lost.append(request.conn_info.lost)
        await trio.sleep(5)
        lost.append(request.conn_info.lost)
        return text("to nobody")

    async with open_raw(app) as conn:
        await conn.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        conn.abort()
        await trio.sleep(10)
    assert lost == [False, True]
