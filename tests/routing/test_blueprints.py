"""Where a blueprint's routes are served, and which word counts."""

from typing import Any

import pytest
from sanic_routing.exceptions import RouteExists

from tests.routing.apps import handler, resolve
from triosanic.blueprints import Blueprint, compile_router, mount
from triosanic.exceptions import ServerError
from triosanic.recorder import Recorder
from triosanic.router import Route

Options = dict[str, Any]


def mounted(
    bp_options: Options, mount_options: Options, route_options: Options, uri: str = "/x", **app_options: Any
) -> Route:
    """Give the one route of a blueprint's."""
    app, bp = Recorder("app", **app_options), Blueprint("bp", **bp_options)
    bp.get(uri, **route_options)(handler)
    mount(app, bp, **mount_options)
    (route,) = compile_router(app).routes
    return route


@pytest.mark.parametrize(
    ("bp", "outer", "own", "path"),
    [
        ({}, {}, {}, "x"),
        ({"url_prefix": "/p"}, {}, {}, "p/x"),
        ({"url_prefix": "p/"}, {}, {}, "p/x"),
        ({"url_prefix": "/<p:int>"}, {}, {}, "<p:int>/x"),
        ({"url_prefix": "/p"}, {"url_prefix": "/m"}, {}, "m/x"),
        ({"url_prefix": "/p"}, {"url_prefix": ""}, {}, "x"),
        ({"version": 1}, {}, {}, "v1/x"),
        ({"version": 1}, {}, {"version": 2}, "v2/x"),
        ({}, {"version": 3}, {}, "v3/x"),
        ({}, {"version": 3}, {"version": 2}, "v2/x"),
        ({"version": 1}, {"version": 3}, {}, "v1/x"),
        ({"version": 0}, {"version": 3}, {}, "v0/x"),
        ({"version": 1, "url_prefix": "/p", "version_prefix": "/api/v"}, {}, {}, "api/v1/p/x"),
        ({"version": 1, "version_prefix": "/b/v"}, {}, {"version_prefix": "/r/v"}, "r/v1/x"),
        ({"version": 1}, {"version_prefix": "/m/v"}, {}, "m/v1/x"),
        ({"version": 1}, {"version_prefix": "/m/v"}, {"version_prefix": "/r/v"}, "r/v1/x"),
        ({"version": 1, "version_prefix": "/b/v"}, {"version_prefix": "/m/v"}, {}, "b/v1/x"),
    ],
)
def test_path_is_put_together(bp: Options, outer: Options, own: Options, path: str) -> None:
    """Contract 1.4: route, then blueprint, then ``app.blueprint()``."""
    assert mounted(bp, outer, own).path == path


@pytest.mark.parametrize(
    ("version", "path"),
    [(1, "v1/x"), (1.1, "v1.1/x"), ("1", "v1/x"), ("v1", "v1/x"), ("v1.1", "v1.1/x"), ("/v2/", "v2/x")],
    ids=repr,
)
def test_version_is_a_number_or_a_text(version: int | float | str, path: str) -> None:
    """Contract 1.4."""
    assert mounted({"version": version}, {}, {}).path == path


@pytest.mark.parametrize(
    ("uri", "strict", "path"),
    [
        ("/", False, "p"),
        ("/", True, "p/"),
        ("", False, "p"),
        ("", True, "p"),
        ("/a/", False, "p/a"),
        ("/a/", True, "p/a/"),
        ("a", False, "p/a"),
    ],
)
def test_slash_after_the_prefix(uri: str, strict: bool, path: str) -> None:
    """Sanic 25.12."""
    assert mounted({"url_prefix": "/p"}, {}, {"strict_slashes": strict}, uri).path == path


@pytest.mark.parametrize(
    ("own", "bp", "outer", "app", "strict"),
    [
        (None, None, None, None, False),
        (None, None, None, True, True),
        (None, None, False, True, False),
        (None, True, False, False, True),
        (False, True, True, True, False),
    ],
)
def test_strictness_is_said_by_the_innermost(
    own: bool | None, bp: bool | None, outer: bool | None, app: bool | None, strict: bool
) -> None:
    """Contract 1.4."""
    route = mounted(
        {"strict_slashes": bp}, {"strict_slashes": outer}, {"strict_slashes": own}, strict_slashes=app
    )
    assert route.strict is strict


@pytest.mark.parametrize(
    ("bp", "own", "hosts"),
    [
        ("a.example", None, ("a.example",)),
        (["A.example", "b.example", "a.example"], None, ("a.example", "b.example")),
        ("a.example", "c.example", ("c.example",)),
        (None, None, ()),
    ],
)
def test_host_is_said_by_the_innermost(bp: Any, own: Any, hosts: tuple[str, ...]) -> None:
    assert mounted({"host": bp}, {}, {"host": own}).hosts == hosts


@pytest.mark.parametrize(
    ("outer", "own", "name"),
    [
        ({}, {}, "app.bp.handler"),
        ({}, {"name": "given"}, "app.bp.given"),
        ({"name_prefix": "np"}, {}, "app.np_bp.handler"),
    ],
)
def test_name_of_a_route(outer: Options, own: Options, name: str) -> None:
    """Contract 1.4."""
    assert mounted({}, outer, own).name == name


def test_route_knows_its_blueprint() -> None:
    assert mounted({}, {"name_prefix": "np"}, {}).blueprint == "np_bp"


def test_name_that_starts_with_the_app_s_is_whole() -> None:
    """Sanic 25.12."""
    app = Recorder("app")
    app.get("/x", name="app.n")(handler)
    assert compile_router(app).routes[0].name == "app.n"


def test_version_of_the_app_s_own_route() -> None:
    app = Recorder("app")
    app.get("/x", version=2, version_prefix="/api/v")(handler)
    assert compile_router(app).routes[0].uri == "/api/v2/x"


def test_list_of_lists_is_mounted() -> None:
    """Contract 1.5."""
    app = Recorder("app")
    blueprints = [Blueprint(name) for name in "abc"]
    for bp in blueprints:
        bp.get(f"/{bp.name}")(handler)
    mount(app, [blueprints[0], blueprints[1:]], url_prefix="/l", name_prefix="n")
    assert [(route.uri, route.name) for route in compile_router(app).routes] == [
        (f"/l/{name}", f"app.n_{name}.handler") for name in "abc"
    ]


@pytest.mark.parametrize("again", ["same", "other"])
def test_name_twice_is_an_error(again: str) -> None:
    """Contract 1.5; Sanic 25.12 lets the same one pass, and fails when it starts."""
    app, bp = Recorder("app"), Blueprint("bp")
    mount(app, bp)
    with pytest.raises(
        AssertionError,
        match=r'^A blueprint with the name "bp" is already registered\.  Blueprint names must be unique\.$',
    ):
        mount(app, bp if again == "same" else Blueprint("bp"), url_prefix="/else")


def test_blueprint_is_mounted_again_under_another_name() -> None:
    """Sanic 25.12: what ``name_prefix`` is for."""
    app, bp = Recorder("app"), Blueprint("bp")
    bp.get("/x")(handler)
    mount(app, bp)
    mount(app, bp, url_prefix="/z", name_prefix="other")
    router = compile_router(app)
    assert (resolve(router, "/x"), resolve(router, "/z/x")) == (("bp.handler", {}), ("other_bp.handler", {}))


def test_blueprint_serves_several_apps() -> None:
    bp = Blueprint("bp")
    bp.get("/x")(handler)
    apps = [Recorder("one"), Recorder("two")]
    for app in apps:
        mount(app, bp, url_prefix=app.name)
    assert [compile_router(app).routes[0].uri for app in apps] == ["/one/x", "/two/x"]


def test_what_is_recorded_after_mounting_counts() -> None:
    """Sanic 25.12 serves such a route without the prefix."""
    app, bp = Recorder("app"), Blueprint("bp")
    mount(app, bp, url_prefix="/p")
    bp.get("/late")(handler)
    assert compile_router(app).routes[0].uri == "/p/late"


def test_same_path_in_app_and_blueprint() -> None:
    app, bp = Recorder("app"), Blueprint("bp", url_prefix="/p")
    app.get("/p/x")(handler)
    bp.get("/x")(handler)
    mount(app, bp)
    with pytest.raises(
        RouteExists, match=r"GET /p/x of 'app\.bp\.handler' is already served by 'app\.handler'"
    ):
        compile_router(app)


def test_handler_twice_needs_a_name() -> None:
    """Contract 1.2."""
    app = Recorder("app")
    app.get("/a")(app.post("/a")(handler))
    with pytest.raises(ServerError, match=r"Duplicate route names detected: app\.handler\."):
        compile_router(app)


def test_compiling_changes_nothing() -> None:
    app, bp = Recorder("app"), Blueprint("bp")
    bp.get("/x", ctx_a=1)(handler)
    mount(app, bp)
    first, second = compile_router(app).routes[0], compile_router(app).routes[0]
    first.ctx.a = 2
    assert second.ctx.a == 1
