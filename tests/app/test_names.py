"""Sanic's names, of 2017 and of today, that programs import from elsewhere than the package itself."""

from importlib import import_module
from typing import Any

import pytest

from triosanic import Blueprint, HTTPResponse, Request, Sanic, Websocket, json
from triosanic.exceptions import WebsocketClosed
from triosanic.groups import BlueprintGroup
from triosanic.testing import running

TODAY = {
    "blueprint_group": ["BlueprintGroup"],
    "cookies.request": ["parse_cookie"],
    "cookies.response": ["Cookie", "CookieJar"],
    "errorpages": ["BaseRenderer", "HTMLRenderer", "JSONRenderer", "TextRenderer", "exception_response"],
    "log": ["Colors"],
    "models.http_types": ["Credentials"],
    "logging.default": ["LOGGING_CONFIG_DEFAULTS"],
    "logging.deprecation": ["deprecation"],
    "logging.loggers": ["access_logger", "error_logger", "logger", "server_logger", "websockets_logger"],
    "models.server_types": ["ConnInfo"],
    "request.form": ["File"],
    "utils": ["import_string", "load_module_from_file_location", "str_to_bool"],
    "testing.testing": ["HOST", "PORT", "SanicASGITestClient", "SanicTestClient"],
    "models.handler_types": [
        *("ErrorMiddlewareType", "ListenerType", "MiddlewareType", "RequestMiddlewareType"),
        *("ResponseMiddlewareType", "RouteHandler", "SignalHandler", "Sanic", "Request"),
    ],
}
OF_2017 = {
    "log": ["log"],
    "websocket": ["ConnectionClosed", "WebSocketCommonProtocol", "WebSocketConnection", "WebSocketProtocol"],
}


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for table in (TODAY, OF_2017) for module, names in table.items() for name in names],
)
def test_a_name_is_where_sanic_has_it(module: str, name: str) -> None:
    assert hasattr(import_module(f"triosanic.{module}"), name)


def test_names_of_2017_are_those_of_today() -> None:
    sockets: Any = import_module("triosanic.websocket")
    assert issubclass(sockets.ConnectionClosed, WebsocketClosed)
    assert sockets.WebSocketCommonProtocol is Websocket
    assert Sanic.register_blueprint is Sanic.blueprint
    assert Sanic.go_fast is Sanic.run
    assert import_module("triosanic.log").log is import_module("triosanic.log").logger
    assert import_module("triosanic.blueprint_group").BlueprintGroup is BlueprintGroup


async def test_a_request_keeps_a_program_s_own_as_the_dict_of_2017(app: Sanic) -> None:
    """Contract 2: what is in ``request.ctx`` today; sessions were in ``request["session"]``."""

    @app.on_request
    async def begin(request: Request) -> None:
        request["user"] = "ada"
        request["gone"] = 1
        del request["gone"]

    @app.get("/own")
    async def index(request: Request) -> HTTPResponse:
        assert request["user"] == request.ctx.user == request.get("user")
        assert "user" in request
        assert "gone" not in request
        assert request.get("gone", "none") == "none"
        with pytest.raises(KeyError, match="gone"):
            request["gone"]
        return json(request.raw_args)

    async with running(app) as client:
        response = await client.get("/own?a=1&a=2")
        assert response.json() == {"a": "1"}


async def test_a_blueprint_tells_its_websockets(app: Sanic) -> None:
    """Sanic 25.12 ``Blueprint.websocket_routes``."""
    chat = Blueprint("chat", url_prefix="/chat")

    @chat.websocket("/ws")
    async def feed(request: Request, ws: Websocket) -> None:
        await ws.send("x")

    @chat.get("/page")
    def page(request: Request) -> HTTPResponse:
        return json(None)

    app.blueprint(chat)
    assert [route.path for route in chat.websocket_routes] == ["chat/ws"]


async def test_a_program_s_error_handler_knows_of_debug_mode(app: Sanic) -> None:
    """Sanic 25.12 ``ErrorHandler.debug``."""
    app.debug = True
    async with running(app):
        assert app.error_handler.debug
