"""What is refused where it is registered, and in which forms it may be given."""

from typing import Any

import pytest
from sanic_routing.exceptions import InvalidUsage, ParameterNameConflicts, RouteExists

from triosanic import Blueprint, Request, Sanic, SanicException, text
from triosanic.blueprints import BlueprintGroup
from triosanic.router import Route
from triosanic.testing import running
from triosanic.views import HTTPMethodView


def handler(request: Request, **params: object) -> object:
    return text(request.name or "")


def with_route(name: str, **options: Any) -> Blueprint:
    bp = Blueprint(name, **options)
    bp.get("/x", name="x")(handler)
    return bp


def only_route(app: Sanic) -> Route:
    return app.router.routes[-1]


@pytest.mark.parametrize("uri", ["/x", "x/", "/<a>/y", "/<b:str>/y"])
def test_a_second_route_is_refused_where_it_is_made(app: Sanic, uri: str) -> None:
    """Sanic 25.12: RouteExists at the line that is wrong; the first one is served on."""
    app.get("/x", name="x")(handler)
    app.get("/<b>/y", name="y")(handler)
    with pytest.raises(RouteExists, match="already served by 'app"):
        app.get(uri, name="second")(handler)
    app.post("/x", name="post")(handler)
    assert [route.name for route in app.router.routes] == ["app.hello", "app.x", "app.y", "app.post"]


def test_a_blueprints_too(app: Sanic) -> None:
    app.get("/x", name="x")(handler)
    with pytest.raises(RouteExists, match=r"GET /x of 'app\.bp\.x' is already served by 'app\.x'"):
        app.blueprint(with_route("bp"))
    assert app.blueprints == {}
    app.blueprint(with_route("bp", url_prefix="/bp"))
    app.blueprint(with_route("other", host="a.example"))


def test_a_copy_that_may_overwrite_does(app: Sanic) -> None:
    bp = with_route("bp")
    app.blueprint(bp)
    bp.copy("copy", allow_route_overwrite=True)
    assert only_route(app).name == "app.copy.x"


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("/<a:ext=tar.gz|zip>", InvalidUsage),
        ("/<a:int>/<a:int>", ParameterNameConflicts),
        ("/<__a>", SanicException),
        (r"/<a:(?P<b>\d+)>", InvalidUsage),
    ],
)
def test_a_wrong_path_is_refused_where_it_is_written(app: Sanic, uri: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        app.get(uri, name="wrong")(handler)
    app.get("/right", name="right")(handler)
    assert only_route(app).name == "app.right"


def test_a_type_of_parameters_is_known_to_what_follows(app: Sanic) -> None:
    app.router.register_pattern("up", str.upper, r"[a-z]+")
    app.get("/<a:up>", name="a")(handler)
    with pytest.raises(RouteExists):
        app.get("/<b:up>", name="b")(handler)


async def test_what_an_amendment_took_back_may_be_added_again(app: Sanic) -> None:
    async with running(app) as client:
        for _ in range(2):
            with pytest.raises(RouteExists), app.amend():
                app.get("/late", name="late")(handler)
                app.get("/", name="again")(handler)
        with app.amend():
            app.get("/late", name="late")(handler)
        assert (await client.get("/late")).text == "app.late"


def test_arguments_of_routes_by_position(app: Sanic) -> None:
    """Contract 1.4: in Sanic's order."""
    app.get("/a", "a.example", True, 1, "a", False, "/api/v", "json")(handler)
    route = only_route(app)
    assert (route.uri, route.name, route.hosts, route.strict) == ("/api/v1/a", "app.a", ("a.example",), True)
    assert (route.ignore_body, route.error_format) == (False, "json")
    app.post("/b", None, None, True, 2, "b", "/p", "text")(handler)
    route = only_route(app)
    assert (route.uri, route.stream_methods, route.error_format) == ("/p2/b", frozenset({"POST"}), "text")
    app.route("/c", ["PUT"], None, None, False, 3, "c", True)(handler)
    assert (only_route(app).uri, only_route(app).ignore_body) == ("/v3/c", True)
    app.add_route(handler, "/d", ["PUT"], None, None, 4, "d", True, "/q", "html", True)
    route = only_route(app)
    assert (route.uri, route.stream_methods, route.unquote) == ("/q4/d", frozenset({"PUT"}), True)


def test_arguments_of_views_and_blueprints_by_position(app: Sanic) -> None:
    """Contract 1.5, 1.9: in Sanic's order."""

    class View(HTTPMethodView):
        async def get(self, request: Request) -> object:
            return text("")

    bp = Blueprint("bp", "/bp", None, 1, None, "/api/v")
    View.attach(bp, "/x", ["GET"], None, True, 2, "name", True, "/p")
    copy = bp.copy("copy", "/copy", 5, "/c", False, None, False, True)
    app.blueprint([bp, copy])
    assert [route.uri for route in app.router.routes[1:]] == ["/p2/bp/x", "/p2/copy/x"]
    assert only_route(app).stream_methods == {"GET"}


def test_a_listener_may_be_given_with_its_event(app: Sanic) -> None:
    """Sanic 25.12 ``listener(listener_or_event, event_or_none, apply)``."""
    assert app.listener(print, "before_server_start") is print
    app.listener(repr, "before_server_start", False)
    app.listener("before_server_start", apply=False)(repr)
    assert app.listeners["before_server_start"] == [print]


def test_handlers_of_exceptions_that_are_only_checked(app: Sanic) -> None:
    """Sanic 25.12 ``apply``."""
    group = BlueprintGroup()
    for recorder in (app, Blueprint("bp"), group):
        for _ in range(2):
            recorder.exception(ValueError, apply=False)(lambda request, exception: None)


def test_the_same_blueprint_twice_in_one_place_is_once(app: Sanic) -> None:
    """Sanic 25.12; elsewhere, its routes would have the same names."""
    bp = with_route("bp")
    app.blueprint(bp)
    app.blueprint(bp)
    assert len(app.router.routes) == 2
    with pytest.raises(AssertionError, match='"bp" is already registered'):
        app.blueprint(bp, url_prefix="/other")


@pytest.mark.parametrize("wrong", ["bp", None, 3, [["bp"]]])
def test_what_is_no_blueprint_is_refused(app: Sanic, wrong: Any) -> None:
    with pytest.raises(TypeError, match="a Blueprint, a group or a list of them must be given"):
        app.blueprint(wrong)
    with pytest.raises(TypeError, match="a Blueprint, a group or a list of them must be given"):
        Blueprint.group(wrong)


def test_hosts_are_texts(app: Sanic) -> None:
    """Sanic 25.12."""
    with pytest.raises(ValueError, match="Expected either string or Iterable of host strings, not 3"):
        app.get("/x", host=3)  # type: ignore[arg-type]  # the mistake


def test_decorators_can_be_asked_for_of_the_class() -> None:
    """What makes documentation does so."""
    for name in ("on_request", "before_server_start"):
        assert getattr(Sanic, name) is vars(Sanic.__mro__[1])[name]
