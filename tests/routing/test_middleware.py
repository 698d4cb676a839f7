"""Middleware: how it is recorded, for which routes it runs, and in which order."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.routing.apps import handler
from triosanic.blueprints import Blueprint, compile_router, mount
from triosanic.recorder import Recorder
from triosanic.router import Handler


def before(name: str) -> Callable[[object], None]:
    def middleware(request: object) -> None: ...

    middleware.__name__ = name
    return middleware


def after(name: str) -> Callable[[object, object], None]:
    def middleware(request: object, response: object) -> None: ...

    middleware.__name__ = name
    return middleware


def names(handlers: Iterable[Handler]) -> str:
    return " ".join(middleware.__name__ for middleware in handlers)


def add(recorder: Recorder, name: str, priority: int = 0) -> None:
    """Add a middleware before the handler, and one after it with the name in upper case."""
    recorder.register_middleware(before(name), "request", priority=priority)
    recorder.register_middleware(after(name.upper()), "response", priority=priority)


@pytest.fixture
def app() -> Recorder:
    app = Recorder("app")
    app.get("/")(handler)
    return app


def test_request_in_order_and_response_in_reverse(app: Recorder) -> None:
    """Contract 1.6."""
    for name in "abc":
        add(app, name)
    (route,) = compile_router(app).routes
    assert (names(route.request_middleware), names(route.response_middleware)) == ("a b c", "C B A")


def test_higher_priority_is_closer_to_the_client(app: Recorder) -> None:
    """Contract 1.6; Sanic 25.12 for the response."""
    for name, priority in {"a": 0, "b": 5, "c": -1, "d": 5}.items():
        add(app, name, priority)
    (route,) = compile_router(app).routes
    assert names(route.request_middleware) == "b d a c"
    assert names(route.response_middleware) == "C A D B"


def test_blueprint_s_is_for_its_routes_and_where_it_was_mounted(app: Recorder) -> None:
    """Contract 1.5; Sanic 25.12 for the order."""
    bp = Blueprint("bp")
    bp.get("/bp")(handler)
    add(app, "a")
    add(bp, "b")
    mount(app, bp)
    add(app, "c")
    routes = {route.name: route for route in compile_router(app).routes}
    assert names(routes["app.handler"].request_middleware) == "a c"
    assert names(routes["app.bp.handler"].request_middleware) == "a b c"
    assert names(routes["app.bp.handler"].response_middleware) == "C B A"


def test_priority_counts_across_blueprint_and_app(app: Recorder) -> None:
    bp = Blueprint("bp")
    bp.get("/bp")(handler)
    add(app, "a", 1)
    add(bp, "b", 5)
    mount(app, bp)
    route = compile_router(app).find_by_name("app.bp.handler")
    assert route is not None
    assert names(route.request_middleware) == "b a"
    assert route.extra.request_middleware == route.request_middleware


def test_no_route_has_the_app_s_only(app: Recorder) -> None:
    """Contract 1.6: it runs for 404 and 405."""
    bp = Blueprint("bp")
    add(app, "a")
    add(bp, "b")
    mount(app, bp)
    app.register_named_middleware(before("n"), ["app.handler"])
    router = compile_router(app)
    assert (names(router.request_middleware), names(router.response_middleware)) == ("a", "A")


def test_named_middleware_is_for_these_routes(app: Recorder) -> None:
    """Contract 1.6."""
    app.get("/other", name="other")(handler)
    add(app, "a")
    app.register_named_middleware(before("n"), ["app.other"], priority=1)
    app.register_named_middleware(after("N"), ["app.other"], "response")
    routes = {route.name: route for route in compile_router(app).routes}
    assert names(routes["app.handler"].request_middleware) == "a"
    assert names(routes["app.other"].request_middleware) == "n a"
    assert names(routes["app.other"].response_middleware) == "N A"


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "bare": lambda app, function: app.middleware(function),
    "named": lambda app, function: app.middleware("request")(function),
    "named with priority": lambda app, function: app.middleware("REQUEST", priority=0)(function),
    "called": lambda app, function: app.middleware(function, "request"),
    "on_request": lambda app, function: app.on_request(function),
    "on_request called": lambda app, function: app.on_request()(function),
    "on_request with priority": lambda app, function: app.on_request(priority=0)(function),
    "registered": lambda app, function: app.register_middleware(function),
}


@pytest.mark.parametrize("form", FORMS)
def test_request_middleware_is_recorded_in_many_forms(app: Recorder, form: str) -> None:
    """Contract 1.6."""
    function = before("a")
    assert FORMS[form](app, function) is function
    assert compile_router(app).request_middleware == (function,)


@pytest.mark.parametrize("form", ["middleware", "on_response"])
def test_response_middleware_is_recorded_in_two_forms(app: Recorder, form: str) -> None:
    first, second = after("first"), after("second")
    if form == "middleware":
        app.middleware("response", priority=1)(first)
        app.middleware(second, "response", priority=2)
    else:
        app.on_response(priority=1)(first)
        app.on_response(priority=2)(second)
    assert compile_router(app).response_middleware == (first, second)


@pytest.mark.parametrize("attach_to", ["", "respond", "request "])
def test_other_kind_is_refused(app: Recorder, attach_to: str) -> None:
    with pytest.raises(ValueError, match="attach_to must be 'request' or 'response', not"):
        app.middleware(attach_to)
    with pytest.raises(ValueError, match="attach_to must be 'request' or 'response', not"):
        app.register_middleware(before("a"), attach_to)


@pytest.mark.parametrize(
    ("function", "attach_to"), [(lambda: None, "request"), (before("one"), "response")], ids=["none", "one"]
)
def test_arguments_are_checked(app: Recorder, function: Handler, attach_to: str) -> None:
    with pytest.raises(
        ValueError, match=r"Required parameter `request`.* missing in the .*\(\) middleware\?"
    ):
        app.register_middleware(function, attach_to)


def test_what_cannot_be_called_is_refused(app: Recorder) -> None:
    with pytest.raises(TypeError, match="a middleware must be callable, not 5"):
        app.register_middleware(5)  # type: ignore[type-var]  # the mistake
