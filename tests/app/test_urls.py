"""`app.url_for`: a URL made of a route's name leads to that route."""

from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic import Blueprint, HTTPResponse, Request, Sanic, text
from triosanic.exceptions import URLBuildError
from triosanic.testing import running


def handler(request: object, **params: object) -> None:
    """Serve every route of these tests."""


def url(
    uri: str, *, config: dict[str, Any] | None = None, route: dict[str, Any] | None = None, **values: Any
) -> str:
    """Make the URL of an app's only route."""
    app = Sanic("app")
    app.config.update(config or {})
    app.add_route(handler, uri, name="h", **(route or {}))
    return app.url_for("h", **values)


@pytest.mark.parametrize(
    ("uri", "values", "expected"),
    [
        ("/", {}, "/"),
        ("/a/b", {}, "/a/b"),
        ("/<x>", {"x": "v"}, "/v"),
        ("/a/<x:int>/b", {"x": 7}, "/a/7/b"),
        ("/<x:int>", {"x": -7}, "/-7"),
        ("/<x:float>", {"x": 1.5}, "/1.5"),
        ("/<x:ymd>", {"x": date(2026, 11, 22)}, "/2026-11-22"),
        ("/<x:uuid>", {"x": UUID(int=1)}, "/00000000-0000-0000-0000-000000000001"),
        ("/<x:path>", {"x": "a/b c"}, "/a/b%20c"),
        ("/<x:strorempty>", {"x": ""}, "/"),
        ("/<x:ext>", {"x": "a", "ext": "png"}, "/a.png"),
        ("/<x:ext>", {"x": "a.png"}, "/a.png"),
        ("/<x=int:ext=tar.gz>", {"x": 7, "ext": "tar.gz"}, "/7.tar.gz"),
        (r"/<x:[a-z]{3}>", {"x": "abc"}, "/abc"),
        ("/<x>", {"x": "a/b?c#d%e é"}, None),
        ("/<x>", {"x": "v", "q": "a b", "r": [1, 2]}, "/v?q=a+b&r=1&r=2"),
        ("/a", {"_anchor": "top of"}, "/a#top%20of"),
        ("/a", {"q": 1, "_anchor": "x", "_method": "POST"}, "/a?q=1#x"),
    ],
)
def test_parameters_fill_the_path_and_the_rest_is_the_query(
    uri: str, values: dict[str, Any], expected: str | None
) -> None:
    """Contract 1.4 ``url_for``; values are quoted."""
    if expected is None:
        with pytest.raises(URLBuildError, match="does not match"):
            url(uri, **values)
        return
    assert url(uri, **values) == expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"version": 1}, "/v1/a"),
        ({"version": 1, "version_prefix": "/api/v"}, "/api/v1/a"),
        ({"strict_slashes": True}, "/a/"),
        ({}, "/a"),
    ],
)
def test_versions_and_slashes_are_the_routes(route: dict[str, Any], expected: str) -> None:
    assert url("/a/", route=route) == expected


@pytest.mark.parametrize(
    ("config", "route", "values", "expected"),
    [
        ({"SERVER_NAME": "a.example"}, {}, {"_external": True}, "http://a.example/a"),
        ({"SERVER_NAME": "https://a.example:8443"}, {}, {"_external": True}, "https://a.example:8443/a"),
        ({"SERVER_NAME": "a.example"}, {}, {"_external": True, "_scheme": "https"}, "https://a.example/a"),
        ({}, {}, {"_external": True, "_server": "b.example:81"}, "http://b.example:81/a"),
        ({}, {}, {"_external": True, "_server": "https://b.example"}, "https://b.example/a"),
        ({"SERVER_NAME": "a.example"}, {}, {}, "/a"),
        ({}, {"host": "h.example"}, {"_external": True}, "http://h.example/a"),
        ({}, {"host": ["h.example", "i.example"]}, {"_host": "i.example"}, "http://i.example/a"),
        ({}, {"host": "h.example"}, {}, "/a"),
        ({}, {}, {"_host": "any.example"}, "http://any.example/a"),
    ],
)
def test_external_urls(
    config: dict[str, Any], route: dict[str, Any], values: dict[str, Any], expected: str
) -> None:
    """Contract 1.4: ``_external _scheme _server _host``, and ``SERVER_NAME``."""
    assert url("/a", config=config, route=route, **values) == expected


@pytest.mark.parametrize(
    ("uri", "route", "values", "error", "message"),
    [
        ("/<x>", {}, {}, URLBuildError, "Required parameter `x` was not passed to url_for"),
        ("/<x:int>", {}, {"x": "a"}, URLBuildError, 'Value "a" for parameter `x` does not match pattern for'),
        ("/<x:int>", {}, {"x": "1\n"}, URLBuildError, "does not match pattern for type `int`"),
        ("/<x:ymd>", {}, {"x": "2026-02-31"}, URLBuildError, "does not match pattern for type `ymd`"),
        ("/<x:[a-z]{3}>", {}, {"x": "ab"}, URLBuildError, "does not satisfy pattern"),
        ("/<x:ext=png>", {}, {"x": "a", "ext": "gif"}, URLBuildError, "does not match"),
        ("/<x>", {}, {"x": ".."}, URLBuildError, "has a part that clients remove"),
        ("/<x:path>", {}, {"x": "a/../b"}, URLBuildError, "has a part that clients remove"),
        ("/a", {}, {"_external": True}, URLBuildError, "needs a server: set SERVER_NAME"),
        ("/a", {}, {"_scheme": "https"}, ValueError, "When specifying _scheme, _external must be True"),
        ("/a", {"host": ["h", "i"]}, {"_external": True}, ValueError, "Host is ambiguous: h, i"),
        ("/a", {"host": "h"}, {"_host": "j"}, ValueError, r"Requested host \(j\) is not available"),
    ],
)
def test_what_cannot_be_built_says_why(
    uri: str, route: dict[str, Any], values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        url(uri, route=route, **values)


@pytest.mark.parametrize("name", ["nobody", "app.nobody", "bp.h", ""])
def test_an_unknown_name(name: str) -> None:
    app = Sanic("app")
    app.add_route(handler, "/")
    shown = name if name.startswith("app.") else f"app.{name}"
    with pytest.raises(URLBuildError, match=f"Endpoint with name `{shown}` was not found"):
        app.url_for(name)


def test_names_may_be_short_or_whole() -> None:
    app, bp = Sanic("app"), Blueprint("bp", url_prefix="/p")
    app.add_route(handler, "/a", name="h")
    bp.add_route(handler, "/b", name="h")
    app.blueprint(bp)
    assert app.url_for("h") == app.url_for("app.h") == "/a"
    assert app.url_for("bp.h") == app.url_for("app.bp.h") == "/p/b"


def test_routes_that_are_added_count_at_once() -> None:
    app = Sanic("app")
    app.add_route(handler, "/a", name="a")
    assert app.url_for("a") == "/a"
    app.add_route(handler, "/b", name="b")
    assert app.url_for("b") == "/b"


async def test_inside_a_request_a_name_may_be_its_blueprints(app: Sanic) -> None:
    bp = Blueprint("bp", url_prefix="/p")

    @bp.get("/here")
    async def here(request: Request) -> HTTPResponse:
        return text(" ".join(app.url_for(name) for name in ("there", "hello", "bp.here")))

    bp.get("/there", name="there")(handler)
    app.blueprint(bp)
    with pytest.raises(URLBuildError):
        app.url_for("there")
    async with running(app) as client:
        assert (await client.get("/p/here")).text == "/p/there / /p/here"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("static", {"filename": "a b.png"}, "/files/a%20b.png"),
        ("static", {"filename": "/sub/a.png"}, "/files/sub/a.png"),
        ("static", {"name": "other", "filename": "a"}, "/other/a"),
        ("bp.static", {"filename": "a", "_anchor": "x"}, "/p/own/a#x"),
        ("static", {}, "/files/"),
        ("one", {"filename": "ignored"}, "/one.txt"),
        ("static", {"name": "one"}, "/one.txt"),
    ],
)
def test_files_have_a_filename(tmp_path: Path, name: str, values: dict[str, Any], expected: str) -> None:
    """Contract 1.4: ``filename=`` and ``name=``."""
    app, bp = Sanic("app"), Blueprint("bp", url_prefix="/p")
    file = tmp_path / "one.txt"
    file.touch()
    app.static("/files", tmp_path)
    app.static("/other", tmp_path, name="other")
    app.static("/one.txt", file, name="one")
    bp.static("/own", tmp_path)
    app.blueprint(bp)
    assert app.url_for(name, **values) == expected


def test_a_filename_stays_below_its_folder(tmp_path: Path) -> None:
    app = Sanic("app")
    app.static("/files", tmp_path)
    with pytest.raises(URLBuildError, match="has a part that clients remove"):
        app.url_for("static", filename="../secret")


@given(st.text(min_size=1).filter(lambda value: "/" not in value and value not in {".", ".."}))
def test_what_is_quoted_comes_back(value: str) -> None:
    """RFC 3986 §2.1: a segment says what was put in, and reaches the route."""
    app = Sanic("app_quoted")
    try:
        value.encode()
    except UnicodeEncodeError:  # no URL can hold half a character
        return
    app.add_route(handler, "/<x>", name="h", unquote=True)
    made = app.url_for("h", x=value)
    assert made.isascii()
    assert unquote(made) == f"/{value}"
    _, _, params = app.router.get(made, "GET")
    assert params == {"x": value}


def test_an_empty_list_makes_no_query() -> None:
    """Sanic 25.12."""
    assert url("/", q=[]) == "/"


@pytest.mark.parametrize("server", ["a.example:81", "https://a.example:81/"])
def test_a_server_without_a_scheme(server: str) -> None:
    """Sanic 25.12: the scheme is then that of the page (RFC 3986 4.2)."""
    assert url("/x", _server=server) == "//a.example:81/x"
