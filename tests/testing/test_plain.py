"""``app.test_client`` is sanic-testing's, for tests that are not async."""

import subprocess
import sys

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from triosanic import HTTPResponse, Request, Sanic, Websocket, json, text
from triosanic.exceptions import WebsocketClosed
from triosanic.response import redirect
from triosanic.testing import HOST, PORT, SanicTestClient
from triosanic.testing.plain import MimicWebsocket


class OwnRequest(Request):
    __slots__ = ()


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete", "options", "head"])
def test_each_method_reaches_its_handler(app: Sanic, method: str) -> None:
    @app.route("/", methods=[method.upper()])
    async def handler(request: Request) -> HTTPResponse:
        return text("foo")

    request, response = getattr(app.test_client, method)("/")
    assert isinstance(request, Request)
    assert request.method == method.upper()
    assert response.status == 200
    assert response.body == (b"" if method == "head" else b"foo")
    assert response.content_type == "text/plain; charset=utf-8"


def test_any_method_can_be_named(app: Sanic) -> None:
    @app.route("/", methods=["DELETE"])
    def handler(request: Request) -> HTTPResponse:
        return text(request.method)

    _, response = app.test_client.request("/", http_method="DELETE")
    assert response.text == "DELETE"


def test_httpx_arguments_reach_the_handler(app: Sanic) -> None:
    @app.post("/path")
    def handler(request: Request) -> HTTPResponse:
        return text("ok")

    request, _ = app.test_client.post(
        "/path", params={"a": "1"}, json={"b": 2}, headers={"x-c": "3"}, timeout=10
    )
    assert request.args.get("a") == "1"
    assert request.json == {"b": 2}
    assert request.headers["x-c"] == "3"


def test_what_the_response_has(app: Sanic) -> None:
    @app.get("/json")
    def as_json(request: Request) -> HTTPResponse:
        return json({"a": 1}, headers={"set-cookie": "c=d; Path=/; HttpOnly", "x-e": "f"})

    @app.get("/text")
    def as_text(request: Request) -> HTTPResponse:
        return text("no json")

    _, response = app.test_client.get("/json")
    assert response.json == {"a": 1}
    assert response.headers["x-e"] == "f"
    assert response.cookies == {"c": "d"}
    assert response.raw_cookies["c"].path == "/"
    assert app.test_client.get("/text")[1].json is None


def test_arguments_of_sanic_testing(app: Sanic) -> None:
    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        return json([app.debug, request.host])

    request, response = app.test_client.get(
        "/",
        gather_request=False,
        debug=True,
        server_kwargs={"auto_reload": False},
        host="127.0.0.2",
        raw_cookies=True,
        session_kwargs={"headers": {"a": "b"}},
    )
    assert request is None
    assert response.json == [True, "127.0.0.2:1234"]
    assert app.debug is False


def test_urls_have_the_clients_port(app: Sanic) -> None:
    """Source: sanic-testing 24.6, where it is whichever is free."""
    app.get("/")(lambda request: json([request.url, request.server_port]))
    client = app.test_client
    assert (client.host, client.port) == (HOST, PORT)
    assert client.get("/")[1].json == [f"http://{HOST}:{PORT}/", PORT]
    assert SanicTestClient(app, port=81, host="a").get("/")[1].json == ["http://a:81/", 81]


def test_redirects_are_followed_unless(app: Sanic) -> None:
    @app.get("/")
    def first(request: Request) -> HTTPResponse:
        return redirect("/second")

    @app.get("/second")
    def second(request: Request) -> HTTPResponse:
        return text("second")

    request, response = app.test_client.get("/")
    assert (request.path, response.text) == ("/", "second")
    _, response = app.test_client.get("/", allow_redirects=False)
    assert response.status == 302


def test_each_call_is_a_whole_life(app: Sanic) -> None:
    noted: list[str] = []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: noted.append(event), event)

    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        noted.append("request")
        return text("")

    client = app.test_client
    for _ in range(2):
        client.get("/")
    assert noted == 2 * [
        *("before_server_start", "after_server_start", "request", "before_server_stop", "after_server_stop")
    ]


def test_an_error_is_a_response(app: Sanic) -> None:
    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        raise ValueError

    assert app.test_client.get("/")[1].status == 500
    request, response = app.test_client.get("/nowhere")
    assert (request.path, response.status) == ("/nowhere", 404)


def test_no_response_is_an_error_unless(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send(b"half")
        await wait_all_tasks_blocked()  # what has left can't become a 500 any more
        raise ValueError

    with pytest.raises(httpx.ReadError):
        app.test_client.get("/")
    request, response = app.test_client.get("/", allow_none=True)
    assert request.path == "/"
    assert response is None


def test_a_start_that_fails_fails_the_call(app: Sanic) -> None:
    app.get("/")(lambda request: text(""))

    @app.before_server_start
    def fail(app: Sanic) -> None:
        raise KeyError("no database")

    with pytest.raises(KeyError, match="no database"):
        app.test_client.get("/")
    assert app.request_class is Request


def test_requests_are_of_the_apps_class(app: Sanic) -> None:
    app.request_class = OwnRequest

    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        return text(repr(request) + repr(Request.get_current() is request))

    request, response = app.test_client.get("/")
    assert isinstance(request, OwnRequest)
    assert response.text == "<OwnRequest: GET />True"
    assert app.request_class is OwnRequest


async def test_an_async_test_is_told_what_to_use(app: Sanic) -> None:
    with pytest.raises(RuntimeError, match="use `async with running"):
        app.test_client.get("/")


def test_a_handler_that_hangs_does_not_hang_the_test(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep_forever()

    with pytest.raises(httpx.ReadTimeout):
        app.test_client.get("/", timeout=0.01)


def test_without_httpx_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["httpx"] = None
from triosanic import Sanic
app = Sanic("app")
try:
    app.test_client
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "triosanic.testing needs httpx: pip install triosanic[test]\n"


def test_an_empty_message_ends_a_handler_that_reads_on(app: Sanic) -> None:
    """sanic-testing 24.6 ``websocket_proxy``: behind the mimic comes ``""``, which its tests count."""

    @app.websocket("/ws")
    async def greet(request: Request, ws: Websocket) -> None:
        while True:
            await ws.send("hello")
            if not await ws.recv():
                break

    async def mimic(ws: MimicWebsocket) -> None:
        await ws.send("foo")
        await ws.recv()

    _, response = app.test_client.websocket("/ws", mimic=mimic)
    assert response.server_received == ["foo", ""]
    assert response.server_sent == ["hello"]


async def _read_on(ws: MimicWebsocket) -> None:
    while True:
        await ws.recv()


def test_a_mimic_may_read_until_the_end(app: Sanic) -> None:
    """sanic-testing 24.6 ``websocket_proxy``: ``ConnectionClosedOK`` is passed over."""

    @app.websocket("/ws")
    async def bye(request: Request, ws: Websocket) -> None:
        await ws.send("bye")

    _, response = app.test_client.websocket("/ws", mimic=_read_on)
    assert (response.client_received, response.client_sent) == (["bye"], [])


def test_a_mimic_is_told_of_an_end_that_is_none_of_order(app: Sanic) -> None:
    @app.websocket("/ws")
    async def refuse(request: Request, ws: Websocket) -> None:
        await ws.close(4001, "full")

    with pytest.raises(WebsocketClosed, match="4001 full"):
        app.test_client.websocket("/ws", mimic=_read_on)
