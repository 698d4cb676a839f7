"""`ReusableClient` is sanic-testing's: an app that goes on between the calls of a test that is not async."""

from contextlib import suppress

import httpx
import pytest
from trio.testing import wait_all_tasks_blocked

from triosanic import HTTPResponse, Request, Sanic, json, text
from triosanic.testing import ReusableClient


def test_the_app_runs_over_several_calls(app: Sanic) -> None:
    noted: list[str] = []
    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: noted.append(event), event)

    @app.route("/", methods=["GET", "POST"])
    def handler(request: Request) -> HTTPResponse:
        noted.append(request.method)
        return json([request.json, request.host])

    client = ReusableClient(app)
    for _ in range(2):
        with client as within:
            assert within is client
            request, response = client.get("/")
            assert (request.method, response.status) == ("GET", 200)
            request, response = client.post("/", json=7)
            assert (request.method, response.json) == ("POST", [7, "127.0.0.1:1234"])
        life = ["before_server_start", "after_server_start", "GET", "POST"]
        assert noted == [*life, "before_server_stop", "after_server_stop"]
        noted.clear()


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete", "options", "head"])
def test_each_method_reaches_its_handler(app: Sanic, method: str) -> None:
    app.route("/", methods=[method.upper()])(lambda request: text(request.method))
    with ReusableClient(app) as client:
        request, _ = getattr(client, method)("/")
    assert request.method == method.upper()


def test_arguments_of_sanic_testing(app: Sanic) -> None:
    app.get("/")(lambda request: json([app.debug, request.host, request.headers.x_own]))
    options = {"headers": {"x-own": "1"}}
    with ReusableClient(app, "a.example", 81, server_kwargs={"backlog": 1}, client_kwargs=options) as client:
        request, response = client.get("/", gather_request=False, debug=True)
        assert (request, response.json) == (None, [True, "a.example:81", "1"])
        _, response = client.request("http://b.example/", http_method="GET", raw_cookies=True)
        assert response is not None
        assert response.json == [False, "b.example", "1"]
        _, response = client.get("/", host="c.example", port=82)
        assert response.json == [False, "c.example:82", "1"]


def test_what_the_app_keeps_is_kept(app: Sanic) -> None:
    @app.get("/")
    def handler(request: Request) -> HTTPResponse:
        app.ctx.count = getattr(app.ctx, "count", 0) + 1
        response = json([app.ctx.count, request.cookies.get("c")])
        response.add_cookie("c", "d", secure=False)
        return response

    with ReusableClient(app) as client:
        assert client.get("/")[1].json == [1, None]
        assert client.get("/")[1].json == [2, "d"]


def test_no_response_is_an_error_unless(app: Sanic) -> None:
    @app.get("/")
    async def handler(request: Request) -> None:
        response = await request.respond()
        await response.send(b"half")
        await wait_all_tasks_blocked()  # what has left can't become a 500 any more
        raise ValueError

    with ReusableClient(app) as client:
        with pytest.raises(httpx.ReadError):
            client.get("/")
        assert client.get("/", allow_none=True) == (None, None)
        assert client.get("/nowhere")[1].status == 404


def test_a_start_that_fails_fails_the_block(app: Sanic) -> None:
    app.get("/")(lambda request: text(""))

    @app.before_server_start
    def fail(app: Sanic) -> None:
        raise KeyError("no database")

    client = ReusableClient(app)
    for _ in range(2):
        with pytest.raises(KeyError, match="no database"), client:
            pass
    assert app.request_class is Request


def test_a_task_of_the_app_that_fails_is_raised_at_the_end(app: Sanic) -> None:
    async def fail() -> None:
        raise KeyError("task")

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        app.nursery.start_soon(fail)
        return text("")

    client = ReusableClient(app)
    client.run()
    with suppress(httpx.HTTPError):
        client.get("/")
    with pytest.raises(KeyError, match="task"):
        client.stop()
    client.stop()


def test_two_apps_at_one_time(app: Sanic) -> None:
    other = Sanic("other")
    other.get("/")(lambda request: text("other"))
    third = Sanic("third")
    third.get("/")(lambda request: text("third"))

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("app")

    with ReusableClient(app) as one, ReusableClient(other) as two:
        assert [one.get("/")[1].text, two.get("/")[1].text] == ["app", "other"]
        assert third.test_client.get("/")[1].text == "third"


def test_calls_need_a_run_and_a_run_is_one(app: Sanic) -> None:
    app.get("/")(lambda request: text(""))
    client = ReusableClient(app)
    with pytest.raises(RuntimeError, match="within `with client`"):
        client.get("/")
    with client, pytest.raises(RuntimeError, match="stop it first"):
        client.run()


async def test_an_async_test_is_told_what_to_use(app: Sanic) -> None:
    with pytest.raises(RuntimeError, match="use `async with running"):
        ReusableClient(app).run()
