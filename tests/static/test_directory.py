"""``DirectoryHandler``: folders as a program's own class answers for them."""

from pathlib import Path
from typing import Any

import pytest

import triosanic.handlers
from tests.static.asked import ask
from triosanic import Blueprint, HTTPResponse, Request, Sanic, text
from triosanic.handlers import DirectoryHandler
from triosanic.handlers.content_range import ContentRangeHandler
from triosanic.handlers.directory import DirectoryHandler as ByItsModule
from triosanic.handlers.error import ErrorHandler


def test_sanics_import_paths() -> None:
    """Source: Sanic 25.12."""
    assert triosanic.handlers.DirectoryHandler is ByItsModule
    assert triosanic.handlers.ContentRangeHandler is ContentRangeHandler
    assert triosanic.handlers.ErrorHandler is ErrorHandler


async def test_it_lists_and_gives_an_index(app: Sanic, public: Path) -> None:
    handler = DirectoryHandler(uri="/static", directory=public, directory_view=True, index="b.html")
    app.static("/static", public, directory_handler=handler)
    assert (await ask(app, "/static/sub/")).body == b"<p>b"
    listed = await ask(app, "/static/sub/deep/")
    assert (listed.status, b"<h1>/sub/deep/</h1>" in listed.body) == (200, True)
    assert (await ask(app, "/static/a.txt")).body == b"hello"
    answer = await ask(app, "/static/sub?x=1")
    assert (answer.status, answer.headers["location"]) == (302, "/static/sub/?x=1")


async def test_with_neither_a_folder_is_not_found(app: Sanic, public: Path) -> None:
    app.static("/static", public, directory_handler=DirectoryHandler("/static", public))
    assert (await ask(app, "/static/sub/")).status == 404


async def test_its_attributes_are_sanics(public: Path) -> None:
    """Source: Sanic 25.12."""
    handler = DirectoryHandler("/static/", public, False, ["a", "b"])
    assert (handler.base, handler.directory, handler.directory_view) == ("static", public, False)
    assert (handler.index, handler.root_path) == (("a", "b"), public)
    assert not handler.follow_external_symlink_files
    assert not handler.follow_external_symlink_dirs


async def test_a_subclass_answers_for_some_itself(app: Sanic, public: Path) -> None:
    class Own(DirectoryHandler):
        async def handle(self, request: Request, path: str) -> Any:
            if path.endswith("/deep/"):
                return text("deep")
            self.directory_view = True
            return await super().handle(request, path)

    app.static("/static", public, directory_handler=Own("/static", public))
    assert (await ask(app, "/static/sub/deep/")).body == b"deep"
    assert b"b.html" in (await ask(app, "/static/sub/")).body


async def test_a_program_calls_it_from_its_own_route(app: Sanic, public: Path) -> None:
    handler = DirectoryHandler("/files ä", public, directory_view=True)

    @app.get("/files%20%C3%A4/<rest:path>")
    async def files(request: Request, rest: str) -> HTTPResponse:
        response: HTTPResponse = await handler.handle(request, request.path)
        return response

    assert b"deep" in (await ask(app, "/files%20%C3%A4/sub/")).body
    assert (await ask(app, "/files%20%C3%A4/..%2f/")).status == 404


async def test_a_path_of_another_uri_is_not_found(app: Sanic, public: Path) -> None:
    """Sanic cuts off as many characters as its uri has, whatever they are."""
    blueprint = Blueprint("bp", url_prefix="/prefix")
    without = DirectoryHandler("/static", public, directory_view=True)
    within = DirectoryHandler("/prefix/good", public, directory_view=True)
    blueprint.static("/static", public, directory_handler=without)
    blueprint.static("/good", public, directory_handler=within, name="good")
    app.blueprint(blueprint)
    assert (await ask(app, "/prefix/static/sub/")).status == 404
    assert (await ask(app, "/prefix/good/sub/")).status == 200


@pytest.mark.parametrize("wide", [False, True])
async def test_links_may_go_as_far_as_its_root(app: Sanic, public: Path, wide: bool) -> None:
    outside = public.with_name("static-secret")
    (public / "sub" / "link").symlink_to(outside / "key")
    (public / "linked").symlink_to(outside)
    handler = DirectoryHandler(
        "/static", public, directory_view=True, index="key", root_path=public.parent if wide else None
    )
    app.static("/static", public, directory_handler=handler, follow_external_symlink_dirs=True)
    assert (b"link" in (await ask(app, "/static/sub/")).body) is wide
    answer = await ask(app, "/static/linked/")
    assert (answer.status, b"secret" in answer.body) == ((200, True) if wide else (404, False))


async def test_links_out_are_shown_where_that_is_allowed(app: Sanic, public: Path) -> None:
    (public / "link").symlink_to("../secret")
    (public / "dir").symlink_to("../static-secret")
    handler = DirectoryHandler("/static", public, True, None, None, True, True)
    app.static("/static", public, directory_handler=handler)
    page = (await ask(app, "/static/")).body
    assert b"link" in page
    assert b"dir/" in page
