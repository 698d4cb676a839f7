"""Groups of blueprints, and copies."""

from typing import Any

import pytest

from triosanic import Blueprint, HTTPResponse, Request, Sanic, SanicException, text
from triosanic.blueprints import BlueprintGroup
from triosanic.testing import running


def bp_with_route(name: str, uri: str | None = None, **options: Any) -> Blueprint:
    bp = Blueprint(name, **options)

    @bp.get(uri or f"/{name}", name="h")
    async def handler(request: Request) -> HTTPResponse:
        return text(name)

    return bp


def paths(app: Sanic) -> list[str]:
    return [route.uri for route in app.router.routes]


@pytest.fixture
def app() -> Sanic:
    return Sanic("app")


def test_prefixes_are_put_together(app: Sanic) -> None:
    """Contract 1.5: nested groups, from the outside in."""
    a, b = bp_with_route("a", url_prefix="/pa"), bp_with_route("b")
    inner = Blueprint.group(a, url_prefix="/inner")
    app.blueprint(Blueprint.group(inner, [b], url_prefix="outer/"), url_prefix="/said")
    assert paths(app) == ["/said/outer/inner/pa/a", "/said/outer/b"]


@pytest.mark.parametrize(
    ("versions", "path"),
    [
        ((1, None, None, None), "/v1/a"),
        ((1, 2, None, None), "/v2/a"),
        ((1, 2, 3, None), "/v3/a"),
        ((1, 2, 3, 4), "/v4/a"),
        ((1, 0, None, None), "/v0/a"),
        ((None, None, None, None), "/a"),
    ],
)
def test_the_innermost_version_counts(
    app: Sanic, versions: tuple[int | None, int | None, int | None, int | None], path: str
) -> None:
    """Contract 1.4: route > blueprint > group > ``app.blueprint()``."""
    said, outer, inner, own = versions
    group = Blueprint.group(Blueprint.group(bp_with_route("a", version=own), version=inner), version=outer)
    app.blueprint(group, version=said)
    assert paths(app) == [path]


def test_the_innermost_version_prefix_counts(app: Sanic) -> None:
    bps = [bp_with_route("a", version=1), bp_with_route("b", version=1, version_prefix="/b/v")]
    app.blueprint(Blueprint.group(*bps, version_prefix="/g/v"), version_prefix="/said/v")
    assert paths(app) == ["/g/v1/a", "/b/v1/b"]


@pytest.mark.parametrize(
    ("group", "own", "strict"), [(True, None, True), (True, False, False), (None, None, False)]
)
def test_the_innermost_strictness_counts(
    app: Sanic, group: bool | None, own: bool | None, strict: bool
) -> None:
    app.blueprint(Blueprint.group(bp_with_route("a", strict_slashes=own), strict_slashes=group))
    assert app.router.routes[0].strict is strict


def test_a_group_prefixes_names(app: Sanic) -> None:
    """Contract 1.5 ``name_prefix``; so a blueprint can be in two groups."""
    a = bp_with_route("a")
    app.blueprint(Blueprint.group(a, url_prefix="/1", name_prefix="one"))
    app.blueprint(Blueprint.group(a, url_prefix="/2", name_prefix="two"))
    assert [route.name for route in app.router.routes] == ["app.one_a.h", "app.two_a.h"]
    assert app.blueprints == {"a": a}


def test_a_group_is_a_mutable_sequence() -> None:
    """Contract 1.5."""
    a, b, c = (Blueprint(name) for name in "abc")
    group = Blueprint.group(a, [b])
    assert isinstance(group, BlueprintGroup)
    group.append(c)
    assert list(group) == group.blueprints == [a, b, c]
    assert group[1] is b
    assert group[1:] == [b, c]
    group[0] = c
    del group[1]
    group.insert(0, b)
    assert (list(group), len(group)) == ([b, c, c], 3)


async def test_middleware_of_a_group_is_its_members(app: Sanic) -> None:
    """Contract 1.5."""
    a, b, outside = bp_with_route("a"), bp_with_route("b"), bp_with_route("outside")
    group = Blueprint.group(a, Blueprint.group(b))
    seen: list[str] = []

    @group.on_request
    def first(request: Request) -> None:
        seen.append("on_request")

    @group.on_request(priority=1)
    def urgent(request: Request) -> None:
        seen.append("urgent")

    @group.middleware("request")
    def second(request: Request) -> None:
        seen.append("middleware request")

    @group.middleware
    def third(request: Request) -> None:
        seen.append("middleware")

    @group.on_response
    def last(request: Request, response: HTTPResponse) -> None:
        seen.append("on_response")

    app.blueprint([group, outside])
    async with running(app) as client:
        for path in ("/a", "/b"):
            await client.get(path)
            assert seen == ["urgent", "on_request", "middleware request", "middleware", "on_response"]
            seen.clear()
        await client.get("/outside")
        assert seen == []


async def test_exceptions_of_a_group_are_its_members(app: Sanic) -> None:
    a, outside = Blueprint("a"), Blueprint("outside")
    for bp in (a, outside):
        bp.get(f"/{bp.name}")(lambda request: 1 / 0)
    group = Blueprint.group(a)
    group.exception(ZeroDivisionError)(lambda request, exception: text("caught"))
    app.blueprint([group, outside])
    async with running(app) as client:
        assert (await client.get("/a")).text == "caught"
        assert (await client.get("/outside")).status_code == 500


# Copies.


async def test_a_copy_is_another_blueprint(app: Sanic) -> None:
    """Contract 1.5 ``bp.copy``."""
    v1 = bp_with_route("v1", "/x", version=1, url_prefix="/p")
    v1.ctx.db = "db"
    app.blueprint(v1)
    v2 = v1.copy("v2", version=2)
    v3 = v1.copy(
        "v3", version=3, url_prefix="/q", version_prefix="/api/v", with_ctx=True, strict_slashes=True
    )
    v1.get("/late", name="late")(lambda request: text("late"))
    assert paths(app) == ["/v1/p/x", "/v1/p/late", "/v2/p/x", "/api/v3/q/x"]
    assert (v2.name, v2.version, v2.url_prefix, vars(v2.ctx)) == ("v2", 2, "/p", {})
    assert (v3.ctx.db, v3.strict_slashes, v3.apps) == ("db", True, {app})
    async with running(app) as client:
        assert (await client.get("/v2/p/x")).text == "v1"


def test_a_copy_need_not_be_mounted(app: Sanic) -> None:
    original = bp_with_route("original")
    app.blueprint(original)
    copy = original.copy("copy", with_registration=False)
    assert (copy.registered, original.registered, paths(app)) == (False, True, ["/original"])


async def test_a_copy_may_overwrite_routes(app: Sanic) -> None:
    """Contract 1.5 ``allow_route_overwrite``."""
    original = bp_with_route("original", "/x")
    app.blueprint(original)
    copy = original.copy("copy", allow_route_overwrite=True, with_registration=False)
    copy.specs.clear()
    copy.get("/x", name="h")(lambda request: text("overwritten"))
    copy.post("/x", name="p")(lambda request: text("posted"))
    app.blueprint(copy)
    async with running(app) as client:
        assert (await client.get("/x")).text == "overwritten"
    assert [route.name for route in app.router.routes] == ["app.copy.h", "app.copy.p"]


def test_a_copy_of_the_same_name_is_refused(app: Sanic) -> None:
    original = bp_with_route("original")
    app.blueprint(original)
    with pytest.raises(AssertionError, match='A blueprint with the name "original" is already registered'):
        original.copy("original")


def test_what_a_blueprint_tells(app: Sanic) -> None:
    bp = bp_with_route("bp")
    assert not bp.registered
    with pytest.raises(SanicException, match="has not yet been registered to an app"):
        _ = bp.apps
    bp.before_server_start(print)
    bp.on_request(lambda request: None)
    app.blueprint(bp)
    app.get("/other")(lambda request: None)
    assert (bp.registered, bp.apps, app.blueprints) == (True, {app}, {"bp": bp})
    assert [route.name for route in bp.routes] == ["app.bp.h"]
    assert bp.listeners["before_server_start"] == [print]
    assert len(bp.request_middleware) == 1
    assert repr(bp) == 'Blueprint(name="bp", url_prefix=None, host=None, version=None, strict_slashes=None)'
