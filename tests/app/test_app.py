"""The app itself: its arguments, its registry, and what a program may ask it for."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from sanic_routing.exceptions import FinalizationError

from triosanic import (
    Blueprint,
    Config,
    DefaultRequest,
    DefaultSanic,
    HTTPResponse,
    Request,
    Sanic,
    SanicException,
    ServerError,
    Websocket,
    text,
)
from triosanic.handlers import ErrorHandler
from triosanic.testing import running


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let apps be registered, in a registry that is empty."""
    monkeypatch.setattr(Sanic, "test_mode", False)
    monkeypatch.setattr("triosanic.app._apps", {})


# Names and the registry.


@pytest.mark.usefixtures("registry")
def test_an_app_is_found_by_its_name() -> None:
    """Contract 1.2."""
    with pytest.raises(SanicException, match=r"No Sanic apps have been registered\."):
        Sanic.get_app()
    one = Sanic("one")
    assert Sanic.get_app() is one
    two = Sanic("two")
    assert (Sanic.get_app("one"), Sanic.get_app("two")) == (one, two)
    with pytest.raises(SanicException, match=r'found, use Sanic\.get_app\("app_name"\)'):
        Sanic.get_app()
    with pytest.raises(SanicException, match="Sanic app name 'three' not found"):
        Sanic.get_app("three")
    three = Sanic.get_app("three", force_create=True)
    assert Sanic.get_app("three") is three
    assert three.refresh() is three


@pytest.mark.usefixtures("registry")
def test_an_app_without_a_name_has_its_module_s() -> None:
    """Contract 2: ``app = Sanic()``, as Sanic's own first example had it."""
    assert Sanic().name == __name__
    assert Sanic.get_app().name == __name__


@pytest.mark.usefixtures("registry")
def test_a_name_is_taken_once() -> None:
    app = Sanic("app")
    with pytest.raises(SanicException, match='Sanic app name "app" already in use'):
        Sanic("app")
    Sanic.unregister_app(app)
    Sanic("app")


@pytest.mark.usefixtures("registry")
def test_tests_may_make_an_app_of_a_name_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source: Sanic 25.12, where sanic-testing sets it."""
    Sanic("app")
    monkeypatch.setattr(Sanic, "test_mode", True)
    second = Sanic("app")
    assert Sanic.get_app("app") is second


def test_ctx_is_the_place_for_attributes(app: Sanic) -> None:
    """Contract 1.2."""
    with pytest.raises(AttributeError, match=r"not allowed.*use instance\.ctx\.db instead"):
        app.db = 1
    app.ctx.db = 1
    assert app.ctx.db == 1


# Arguments.


def test_an_app_of_a_class_of_the_program_s_says_so() -> None:
    """Sanic 25.12 ``Sanic.__repr__``."""

    class Shop(Sanic):
        pass

    assert repr(Shop("shop")) == 'Shop(name="shop")'


def test_what_the_program_gives_is_used() -> None:
    """Contract 1.2."""
    config, ctx, handler = Config(), SimpleNamespace(db=1), ErrorHandler()
    app = Sanic("app", config, ctx, error_handler=handler, strict_slashes=True)
    assert (app.config, app.ctx, app.error_handler) == (config, ctx, handler)
    app.get("/x")(lambda request: None)
    assert app.router.routes[0].strict


def test_env_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 1.2 ``env_prefix``."""
    monkeypatch.setenv("MINE_REQUEST_TIMEOUT", "7")
    assert Sanic("app", env_prefix="MINE_").config.REQUEST_TIMEOUT == 7
    with pytest.raises(SanicException, match="you cannot also pass env_prefix"):
        Sanic("app", config=Config(), env_prefix="MINE_")
    assert Sanic("app").config.REQUEST_TIMEOUT != 7


def test_dumps_and_loads() -> None:
    """Contract 1.2: the app's own JSON."""
    app = Sanic("app", dumps=lambda value, **_: "dumped", loads=lambda data: "loaded")
    assert (app.dumps({}), app.loads(b"{}")) == ("dumped", "loaded")


@pytest.mark.parametrize("name", ["router", "signal_router", "inspector", "inspector_class"])
def test_what_there_is_no_choice_of_says_so(name: str) -> None:
    given: dict[str, Any] = {name: None}
    Sanic("app", **given)
    given[name] = object()
    with pytest.raises(SanicException, match=f"^{name} has no effect: "):
        Sanic("app", **given)


@pytest.mark.parametrize("ask", [Sanic.register_app, Sanic.unregister_app])
def test_only_apps_are_registered(ask: Any) -> None:
    """Sanic 25.12."""
    with pytest.raises(SanicException, match="Registered app must be an instance of Sanic"):
        ask("app")


def test_a_configuration_has_its_prefix_already() -> None:
    """Sanic 25.12: one of the two would be ignored."""
    with pytest.raises(SanicException, match="you cannot also pass env_prefix"):
        Sanic("app", Config(), env_prefix="APP_")
    with pytest.raises(TypeError, match="config must be a Config"):
        Sanic("app", {"A": 1})  # type: ignore[arg-type]  # the mistake


def test_arguments_may_be_given_by_position() -> None:
    """Contract 1.2: in Sanic's order."""
    config, handler = Config(), ErrorHandler()
    app = Sanic("app", config, None, None, None, handler, "SANIC_", Request, True)
    assert (app.config, app.error_handler, app.request_class, app.strict_slashes) == (
        config,
        handler,
        Request,
        True,
    )


@pytest.mark.parametrize("name", ["ext", "m", "multiplexer", "manager", "inspector", "create_server"])
def test_what_is_not_here_says_so(app: Sanic, name: str) -> None:
    """Contract 1.2: what processes and extensions would need; asked whether it is there, the app says no."""
    assert not hasattr(app, name)
    with pytest.raises(AttributeError, match=f"there is no app.{name}: "):
        getattr(app, name)


def test_nothing_is_reloaded(app: Sanic) -> None:
    """Contract 1.2."""
    assert (app.auto_reload, app.reload_dirs) == (False, set())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fast": True, "workers": 2}, "both fast=True and workers=X"),
        ({"single_process": True, "workers": 2}, "Single process cannot be run"),
        ({"single_process": True, "fast": True}, "Single process cannot be run"),
        ({"single_process": True, "auto_reload": True}, "Single process cannot be run"),
        ({"register_sys_signals": False}, "needs single_process=True"),
    ],
)
def test_what_is_said_of_processes_must_agree(app: Sanic, options: dict[str, Any], message: str) -> None:
    """Contract 1.2: errors worth keeping."""
    with pytest.raises(RuntimeError, match=message):
        app.prepare(**options)


def test_an_unknown_argument() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'wat'"):
        Sanic("app", wat=1)  # type: ignore[call-arg]  # what it is about


def test_annotations_of_sanics_are_understood() -> None:
    """Sanic 25.12: the app is generic in its configuration and context."""
    assert Sanic[Config, SimpleNamespace].__origin__ is Sanic  # type: ignore[misc]  # at run time only
    assert Request[Sanic, SimpleNamespace].__origin__ is Request  # type: ignore[misc]  # likewise
    assert (DefaultSanic, DefaultRequest) == (Sanic, Request)


# What is not here.


def test_there_is_no_event_loop(app: Sanic) -> None:
    """Contract 1.2: raises when not running; here there is none at all."""
    with pytest.raises(SanicException, match="this server runs on Trio"):
        _ = app.loop
    assert app.asgi is False


def test_there_are_no_extensions(app: Sanic) -> None:
    with pytest.raises(SanicException, match="sanic-ext runs on asyncio"):
        app.extend(config={})


def test_websockets_can_be_enabled(app: Sanic) -> None:
    assert app.websocket_enabled is False
    app.enable_websocket()
    assert app.websocket_enabled is True


def test_a_blueprint_s_websocket_enables_them(app: Sanic) -> None:
    """Sanic 25.12."""
    bp = Blueprint("bp")
    bp.add_websocket_route(talk, "/talk")
    assert app.websocket_enabled is False
    app.blueprint(bp)
    assert app.websocket_enabled is True


async def talk(request: Request, ws: Websocket) -> None:
    """Serve the WebSocket of the test above."""


# State.


async def test_state_says_how_far_the_app_is(app: Sanic) -> None:
    """Contract 1.2 ``app.state``."""
    seen: dict[str, tuple[bool, bool, bool]] = {}

    def note(when: str) -> None:
        seen[when] = (app.state.is_running, app.state.is_started, app.state.is_stopping)

    for event in ("before_server_start", "after_server_start", "before_server_stop", "after_server_stop"):
        app.register_listener(lambda _, event=event: note(event), event)
    note("before")
    async with running(app):
        note("meanwhile")
    note("after")
    assert seen == {
        "before": (False, False, False),
        "before_server_start": (True, False, False),
        "after_server_start": (True, False, False),
        "meanwhile": (True, True, False),
        "before_server_stop": (True, True, True),
        "after_server_stop": (True, True, True),
        "after": (False, False, False),
    }


def test_state_knows_what_was_prepared(app: Sanic) -> None:
    assert (app.state.host, app.state.port, app.state.mode) == (None, None, "production")
    app.prepare("127.0.0.2", 8001, debug=True)
    assert (app.state.host, app.state.port, app.state.mode) == ("127.0.0.2", 8001, "debug")
    assert (app.state.is_debug, app.state.workers, app.state.app) == (True, 1, app)


# Routes.


def test_the_router_tells_its_routes(app: Sanic) -> None:
    bp = Blueprint("bp", url_prefix="/p")
    bp.post("/<id:int>", name="item", ctx_role="admin")(lambda request, id: None)
    app.blueprint(bp)
    assert [route.name for route in app.router.routes] == ["app.hello", "app.bp.item"]
    assert ("p", "<id:int>") in app.router.routes_all
    route = app.router.name_index["app.bp.item"]
    assert app.router.find_route_by_view_name("app.bp.item") is route
    assert app.router.find_route_by_view_name("bp.item") is route
    assert route.ctx.role == "admin"
    found, handler, params = app.router.get("/p/7", "POST", None)
    assert (found, handler, params) == (route, route.handler, {"id": 7})


def test_the_router_takes_patterns(app: Sanic) -> None:
    """Contract 1.4 ``app.router.register_pattern``."""
    app.router.register_pattern("even", lambda text: int(text) // 2, r"\d*[02468]")
    app.get("/<n:even>")(lambda request, n: None)
    assert app.router.get("/8", "GET")[2] == {"n": 4}


def test_no_routes_cannot_be_finalized() -> None:
    """Contract 1.2."""
    with pytest.raises(FinalizationError, match="Cannot finalize with no routes defined"):
        Sanic("app").finalize()


def test_finalizing_finds_contradictions_before_the_start(app: Sanic) -> None:
    app.finalize()
    app.get("/again", name="hello")(lambda request: None)
    with pytest.raises(ServerError, match="Duplicate route names detected: "):
        app.finalize()


def test_the_router_can_be_finalized_any_number_of_times(app: Sanic) -> None:
    """Sanic's tests do so to look at routes, and reset it to add more."""
    app.router.finalize()
    app.router.reset()
    app.get("/again", name="hello")(lambda request: None)
    with pytest.raises(ServerError, match="Duplicate route names detected: "):
        app.router.finalize()


async def test_the_router_is_finalized_while_the_app_serves(app: Sanic) -> None:
    assert not app.router.finalized
    async with running(app):
        assert app.router.finalized
    assert not app.router.finalized


# Middleware and listeners, as they are recorded.


def test_middleware_and_listeners_can_be_read(app: Sanic) -> None:
    def before(request: Request) -> None: ...

    def after(request: Request, response: HTTPResponse) -> None: ...

    def named(request: Request) -> None: ...

    app.on_request(before)
    app.on_response(after)
    app.register_named_middleware(named, ["app.hello"])
    app.register_named_middleware(after, ["app.hello"], "response")
    app.before_server_start(print)
    bp = Blueprint("bp")
    bp.before_server_start(repr)
    app.blueprint(bp)
    assert (app.request_middleware, app.response_middleware) == ((before,), (after,))
    assert app.named_request_middleware == {"app.hello": (named,)}
    assert app.named_response_middleware == {"app.hello": (after,)}
    assert app.listeners["before_server_start"] == [print, repr]
    assert len(app.listeners) == 11


async def test_an_app_serves_again_as_before(app: Sanic) -> None:
    before = copy.copy(app.specs)
    for _ in range(2):
        async with running(app) as client:
            assert (await client.get("/")).text == "hello"
    assert app.specs == before


async def test_an_app_that_starts_again_keeps_its_routes_unless_it_is_told_more(app: Sanic) -> None:
    """Compiling them takes milliseconds, which each test of a program would pay."""
    found = []
    for _ in range(2):
        async with running(app):
            found.append(app.router.routes[0])
    assert found[0] is found[1]
    app.strict_slashes = True
    async with running(app) as client:
        assert (await client.get("/")).text == "hello"
        assert app.router.routes[0].strict
    app.get("/more")(lambda request: text("more"))
    async with running(app) as client:
        assert (await client.get("/more")).text == "more"


async def test_a_handler_asks_its_app(app: Sanic) -> None:
    app.ctx.greeting = "hi"

    @app.get("/ask")
    async def ask(request: Request) -> HTTPResponse:
        state: Any = request.app.state
        return text(f"{request.app.ctx.greeting} {state.is_started} {request.app.url_for('hello')}")

    async with running(app) as client:
        assert (await client.get("/ask")).text == "hi True /"


async def test_a_start_that_fails_leaves_the_app_as_it_was(app: Sanic) -> None:
    app.get("/again", name="hello")(lambda request: text("again"))
    with pytest.raises(ServerError, match="Duplicate route names"):
        async with running(app):
            """Never reached."""
    app.specs.pop()
    app.get("/other", name="other")(lambda request: text("other"))
    async with running(app) as client:
        assert (await client.get("/other")).text == "other"


# Error handlers.


async def test_the_error_handler_of_an_app_that_serves_is_the_one_that_answers(app: Sanic) -> None:
    """Source: Sanic 25.12: what a listener adds counts, and `lookup` finds what decorators have added."""
    before = app.error_handler
    app.exception(KeyError)(lambda request, error: text("key"))

    @app.before_server_start
    def add(app: Sanic) -> None:
        app.error_handler.add(IndexError, lambda request, error: text("index"))
        with pytest.raises(ServerError, match="Duplicate exception handler"):
            app.error_handler.add(KeyError, lambda request, error: text(""))

    @app.get("/<name>")
    def fail(request: Request, name: str) -> HTTPResponse:
        error = KeyError() if name == "key" else IndexError()
        assert app.error_handler.lookup(error) is not None
        raise error

    for _ in range(2):
        async with running(app) as client:
            assert (await client.get("/key")).text == "key"
            assert (await client.get("/index")).text == "index"
            with app.amend():
                app.exception(OSError)(lambda request, error: text("os"))
            assert app.error_handler.lookup(OSError()) is not None
        assert app.error_handler is before
        app.specs.pop()


@pytest.mark.parametrize(
    ("path", "hint"),
    [("/<a:itn>", "; did you mean 'int'?"), ("/<a:Int>", "; did you mean 'int'?"), ("/<a:zzz>", ""),
     ("/<a:int>", None), ("/<a>", None), ("/<a:[a-z]+>", None), ("/<a:ext=jpg>", None), ("/<a:zzz|b>", None)],
)  # fmt: skip
def test_a_type_of_parameters_that_is_none_is_warned_of(
    app: Sanic, path: str, hint: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """In Sanic it is a regular expression, in silence: the route answers 404 to nearly everything."""
    app.add_route(lambda request, **params: text(""), path, name="typo")
    words = [record.getMessage() for record in caplog.records]
    text_of_it = "{} of {}: no type of parameters is called so, so it matches only this word{}"
    assert words == ([] if hint is None else [text_of_it.format(path[1:], path, hint)])


async def test_what_is_no_response_is_shown_in_the_log_and_to_no_client(
    app: Sanic, caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    """Design: a page in production tells nothing."""

    @app.get("/wrong")
    async def wrong(request: Request) -> Any:
        return {"password": "s3cret"}

    async with running(app) as client:
        answer = await client.get("/wrong")
    assert (answer.status_code, "Invalid response type dict" in answer.text) == (500, True)
    assert "s3cret" not in answer.text
    assert "s3cret" in caplog.text
