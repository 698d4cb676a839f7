"""Views on an app, with a client."""

from collections.abc import Callable
from typing import Any

import pytest

from triosanic import Blueprint, HTTPResponse, Request, Sanic, text
from triosanic.testing import running
from triosanic.views import HTTPMethodView, stream


class Item(HTTPMethodView):
    """A view with an attribute that is no method of HTTP."""

    secret = "a secret"

    async def get(self, request: Request, id: int) -> HTTPResponse:
        return text(f"got {id}")

    def delete(self, request: Request, id: int) -> HTTPResponse:
        return text(f"deleted {id}")

    def handle(self, request: Request, id: int) -> HTTPResponse:
        return text(self.secret)


async def test_methods_of_the_class_are_served(app: Sanic) -> None:
    """Contract 1.9."""
    app.add_route(Item.as_view(), "/items/<id:int>")
    async with running(app) as client:
        assert (await client.get("/items/7")).text == "got 7"
        assert (await client.delete("/items/7")).text == "deleted 7"
        refused = await client.post("/items/7")
        assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET")
        for method in ("HANDLE", "SECRET", "AS_VIEW"):
            assert (await client.request(method, "/items/7")).status_code in {405, 501}


@pytest.mark.parametrize("where", ["app", "blueprint"])
async def test_a_class_attaches_itself(app: Sanic, where: str) -> None:
    """Contract 1.9: ``class V(HTTPMethodView, attach=app, uri="/x")``."""
    bp = Blueprint("bp", url_prefix="/p")
    to: Any = app if where == "app" else bp

    class View(HTTPMethodView, attach=to, uri="/x", version=2, name="named"):
        async def get(self, request: Request) -> HTTPResponse:
            return text(request.route.name)

    app.blueprint(bp)
    async with running(app) as client:
        path, name = ("/v2/x", "app.named") if where == "app" else ("/v2/p/x", "app.bp.named")
        assert (await client.get(path)).text == name


async def test_attach_takes_the_options_of_routes(app: Sanic) -> None:
    """Contract 1.9 ``attach``."""
    Item.attach(app, "/<id:int>/", strict_slashes=True, version=1, version_prefix="/api/v", name="item")
    assert app.url_for("item", id=7) == "/api/v1/7/"
    async with running(app) as client:
        assert (await client.get("/api/v1/7/")).text == "got 7"
        assert (await client.get("/api/v1/7")).status_code == 404


async def test_decorators_are_applied_in_order(app: Sanic) -> None:
    def wrap(word: str) -> Callable[[Any], Any]:
        def decorator(handler: Any) -> Any:
            async def wrapped(request: Request, **params: Any) -> HTTPResponse:
                response = handler(request, **params)
                if not isinstance(response, HTTPResponse):
                    response = await response
                return text(f"{word}({response.body.decode()})")

            return wrapped

        return decorator

    class Decorated(Item):
        decorators = (wrap("inner"), wrap("outer"))

    app.add_route(Decorated.as_view(), "/<id:int>")
    async with running(app) as client:
        assert (await client.get("/7")).text == "outer(inner(got 7))"


async def test_one_method_streams_and_another_does_not(app: Sanic) -> None:
    """Contract 1.9 ``views.stream``."""

    class View(HTTPMethodView):
        @stream
        async def post(self, request: Request) -> HTTPResponse:
            before = request.body
            return text(f"{before!r} {(await request.stream.read())!r}")

        async def put(self, request: Request) -> HTTPResponse:
            return text(repr(request.body))

    app.add_route(View.as_view(), "/x")
    async with running(app) as client:
        assert (await client.post("/x", content=b"abc")).text == "b'' b'abc'"
        assert (await client.put("/x", content=b"abc")).text == "b'abc'"
