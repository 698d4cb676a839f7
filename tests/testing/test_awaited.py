"""``app.asgi_client`` is sanic-testing's, for tests that are async; there is no ASGI in it."""

from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from triosanic import HTTPResponse, Request, Sanic, json, text
from triosanic.exceptions import ServerError
from triosanic.response import redirect
from triosanic.testing import SanicASGITestClient, SanicTestClient, TestManager


@pytest.fixture
def client(app: Sanic) -> Any:
    """Give the app's client, and let it be used without a word on what it finds."""
    app.get("/")(lambda request: json([request.host, request.args.get("a")]))
    return app.asgi_client


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete", "options", "head"])
async def test_each_method_reaches_its_handler(app: Sanic, method: str) -> None:
    @app.route("/", methods=[method.upper()])
    async def handler(request: Request) -> HTTPResponse:
        return text("foo")

    request, response = await getattr(app.asgi_client, method)("/")
    assert isinstance(request, Request)
    assert request.method == method.upper()
    assert (response.status, response.body) == (200, b"" if method == "head" else b"foo")


async def test_arguments_of_httpx_and_of_sanic_testing(client: Any) -> None:
    request, response = await client.get("/", gather_request=False, params={"a": "1"})
    assert (request, response.json) == (None, ["mockserver:1234", "1"])
    request, response = await client.request("GET", "http://other/?a=2")
    assert (request.host, response.json) == ("other", ["other", "2"])


async def test_an_app_has_one_such_client(app: Sanic, client: Any) -> None:
    assert isinstance(client, SanicASGITestClient)
    assert app.asgi_client is client


async def test_a_manager_holds_the_apps_clients(app: Sanic, client: Any) -> None:
    """Source: sanic-testing 24.6: fixtures make one."""
    manager = TestManager(app)
    assert manager.asgi_client is client
    assert isinstance(manager.test_client, SanicTestClient)


async def test_cookies_and_fields_are_kept(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        response = json([request.cookies.get("c"), request.headers.x_own])
        response.add_cookie("c", "d", secure=False)
        return response

    client = app.asgi_client
    client.headers["x-own"] = "1"
    assert (await client.get("/"))[1].json == [None, "1"]
    assert (await client.get("/"))[1].json == ["d", "1"]
    client.cookies.clear()
    assert (await client.get("/"))[1].json == [None, "1"]


async def test_what_is_sent_with_every_request_can_be_set(app: Sanic) -> None:
    """sanic-testing 24.6, whose client is one of httpx: ``app.asgi_client.headers = {...}``."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return json([request.headers.get("x-own"), request.cookies.get("c"), request.args.get("page")])

    client = app.asgi_client
    client.headers = {"x-own": "1"}
    client.cookies = {"c": "2"}
    client.params = {"page": "3"}
    assert (await client.get("/"))[1].json == ["1", "2", "3"]
    assert client.headers["X-Own"] == "1"


async def test_redirects_are_followed_if_asked(app: Sanic) -> None:
    app.get("/", name="first")(lambda request: redirect("/second"))
    app.get("/second", name="second")(lambda request: text("second"))
    request, response = await app.asgi_client.get("/")
    assert (request.path, response.status) == ("/", 302)
    for name in ("follow_redirects", "allow_redirects"):
        request, response = await app.asgi_client.get("/", **{name: True})
        assert (request.path, response.text) == ("/second", "second")


async def test_a_call_is_a_whole_life_and_so_is_a_block(app: Sanic, client: Any) -> None:
    noted: list[str] = []
    app.before_server_start(lambda _: noted.append("start"))
    app.after_server_stop(lambda _: noted.append("stop"))
    for _ in range(2):
        await client.get("/")
    assert noted == ["start", "stop"] * 2
    for _ in range(2):
        async with client as within:
            assert within is client
            for _ in range(2):
                await client.get("/")
            assert noted.pop() == "start"
        assert noted.pop() == "stop"


async def test_each_of_many_calls_gets_its_own_request(app: Sanic) -> None:
    opened = trio.Event()

    @app.get("/<number:int>")
    async def handler(request: Request, number: int) -> HTTPResponse:
        if number == 3:
            opened.set()
        await opened.wait()
        return json(number)

    async def ask(number: int) -> None:
        request, response = await app.asgi_client.get(f"/{number}")
        assert (request.path, response.json) == (f"/{number}", number)

    async with app.asgi_client, trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(ask, number)


async def test_a_stream_within_a_block(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    async def ticks(request: Request) -> None:
        response = await request.respond()
        for _ in range(3):
            await response.send("tick\n")
            await trio.sleep(1)

    async with app.asgi_client as client, client.session.stream("GET", "/") as response:
        assert [line async for line in response.aiter_lines()] == ["tick"] * 3
    with pytest.raises(httpx.ConnectError, match="within `async with client`"):
        await client.session.get("/")


async def test_the_block_ends_as_running_does(app: Sanic, client: Any) -> None:
    with pytest.raises(ValueError, match="block"):
        async with client:
            raise ValueError("block")
    assert app.request_class is Request


async def test_an_app_that_serves_is_refused(app: Sanic, client: Any) -> None:
    async with SanicASGITestClient(app):
        with pytest.raises(ServerError, match="serves already"):
            await client.get("/")
