"""``app.static``: files, folders, links, names, conditions and ranges."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.static.asked import ask
from triosanic import Blueprint, HTTPResponse, Request, Sanic
from triosanic.exceptions import FileNotFound
from triosanic.response import text
from triosanic.static import folder


async def test_a_file_of_a_folder(app: Sanic, public: Path) -> None:
    app.static("/static", public)
    answer = await ask(app, "/static/a.txt")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-length"] == "5"
    assert (await ask(app, "/static/sub/b.html")).body == b"<p>b"


async def test_head_has_the_fields_of_get(app: Sanic, public: Path) -> None:
    """RFC 9110 9.3.2."""
    app.static("/static", public)
    get, head = await ask(app, "/static/a.txt"), await ask(app, "/static/a.txt", method="HEAD")
    for answer in (get, head):
        answer.headers.pop("date")
    assert (head.status, head.body, head.headers) == (200, b"", get.headers)


async def test_other_methods_are_refused(app: Sanic, public: Path) -> None:
    app.static("/static", public)
    answer = await ask(app, "/static/a.txt", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
async def test_one_file(app: Sanic, public: Path, kind: Any) -> None:
    app.static("/favicon.ico", kind(public / "a.txt"), content_type="image/x-icon")
    answer = await ask(app, "/favicon.ico")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"hello", "image/x-icon")


async def test_one_file_that_is_a_link(app: Sanic, public: Path) -> None:
    """The program names it, not a client."""
    (public / "link").symlink_to("../secret")
    app.static("/link", public / "link")
    assert (await ask(app, "/link")).body == b"secret"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("a b.txt", "a%20b.txt"),
        ("ä.txt", "%C3%A4.txt"),
        ("100%.txt", "100%25.txt"),
        ("a+b", "a+b"),
        ("a?", "a%3F"),
    ],
)
async def test_a_name_is_decoded_once(app: Sanic, public: Path, name: str, url: str) -> None:
    (public / name).write_text(name)
    app.static("/static", public)
    assert (await ask(app, f"/static/{url}")).body == name.encode()


async def test_a_file_that_comes_after_the_start(app: Sanic, public: Path) -> None:
    app.static("/static", public / "later")
    assert (await ask(app, "/static/x")).status == 404
    (public / "later").mkdir()
    (public / "later" / "x").write_text("x")
    assert (await ask(app, "/static/x")).body == b"x"


async def test_names_that_start_with_a_dot_are_served_unless_the_pattern_says_otherwise(
    app: Sanic, public: Path
) -> None:
    (public / ".env").write_text("x")
    app.static("/open", public)
    app.static("/shut", public, pattern=r"(?!(.*/)?\.).+", name="shut")
    assert (await ask(app, "/open/.env")).status == 200
    assert (await ask(app, "/shut/.env")).status == 404
    assert (await ask(app, "/shut/%2eenv")).status == 404
    assert (await ask(app, "/shut/a.txt")).status == 200


async def test_an_error_handler_learns_what_was_not_found(app: Sanic, public: Path) -> None:
    """Source: Sanic 25.12 ``FileNotFound.path`` and ``relative_url``."""
    app.static("/static", public)

    @app.exception(FileNotFound)
    def missing(request: Request, error: FileNotFound) -> HTTPResponse:
        return text(f"{error} {error.path} {error.relative_url}", 404)

    answer = await ask(app, "/static/no/such")
    assert answer.body.decode() == f"File not found {public} no/such"


async def test_a_blueprint_has_files(app: Sanic, public: Path) -> None:
    blueprint = Blueprint("bp", url_prefix="/bp")
    blueprint.static("/static", public)
    app.blueprint(blueprint)
    assert (await ask(app, "/bp/static/a.txt")).body == b"hello"


async def test_files_of_a_blueprint_have_no_version(app: Sanic, public: Path) -> None:
    """Sanic 25.12: ``version`` is of routes; a page that names its files by their path finds them."""
    blueprint = Blueprint("bp", url_prefix="/bp", version=1)
    blueprint.static("/static", public)
    app.blueprint(Blueprint.group(blueprint, url_prefix="/group", version=2))
    assert app.url_for("bp.static", filename="a.txt") == "/group/bp/static/a.txt"
    assert (await ask(app, "/group/bp/static/a.txt")).body == b"hello"
    assert (await ask(app, "/v1/group/bp/static/a.txt")).status == 404


async def test_a_host_has_files(app: Sanic, public: Path) -> None:
    app.static("/static", public, host="b")
    assert (await ask(app, "/static/a.txt")).status == 404


# Folders.


async def test_a_folder_is_not_found_by_itself(app: Sanic, public: Path) -> None:
    app.static("/static", public)
    for path in ("/static/", "/static/sub", "/static/sub/"):
        assert (await ask(app, path)).status == 404


@pytest.mark.parametrize("index", ["b.html", ["x.html", "b.html"]])
async def test_a_folder_has_an_index(app: Sanic, public: Path, index: Any) -> None:
    app.static("/static", public, index=index)
    assert (await ask(app, "/static/sub/")).body == b"<p>b"
    assert (await ask(app, "/static/sub/deep/")).status == 404


async def test_a_folder_without_its_slash_is_redirected_to_it(app: Sanic, public: Path) -> None:
    """Links in its page are relative to the folder."""
    app.static("/static", public, index="b.html")
    answer = await ask(app, "/static/sub?a=%20b")
    assert (answer.status, answer.headers["location"]) == (302, "/static/sub/?a=%20b")


async def test_an_index_is_no_way_out(app: Sanic, public: Path) -> None:
    (public / "index.html").symlink_to("../secret")
    app.static("/static", public, index="index.html")
    assert (await ask(app, "/static/")).status == 404


async def test_a_folder_is_listed(app: Sanic, public: Path) -> None:
    (public / ".hidden").write_text("x")
    (public / "link").symlink_to("../secret")
    (public / "inner").symlink_to("a.txt")
    os.mkfifo(public / "fifo")
    app.static("/static", public, directory_view=True)
    answer = await ask(app, "/static/")
    page = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert page.index('href="sub/"') < page.index('href="a.txt"') < page.index('href="inner"')
    assert not any(name in page for name in ("hidden", '"link"', "fifo", 'href="../"'))
    assert 'href="../"' in (await ask(app, "/static/sub/")).body.decode()


@pytest.mark.parametrize("name", ["<b>&\"'.txt", "javascript:alert(1)", "a b#c?d", "%41"])
async def test_a_listed_name_is_text_and_its_link_leads_to_it(app: Sanic, public: Path, name: str) -> None:
    (public / "sub" / name).write_text("it")
    (public / "sub" / name).with_name(f"{name}d").mkdir()
    app.static("/static", public, directory_view=True)
    answer = await ask(app, "/static/sub/")
    page = answer.body.decode()
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<b>" not in page
    links = [part.partition('"')[0] for part in page.split('href="')[1:]]
    assert all(":" not in link for link in links)
    answers = [
        await ask(app, f"/static/sub/{link}") for link in links if link.endswith(("txt", "9", "d", "1"))
    ]
    assert b"it" in [answer.body for answer in answers]


async def test_a_name_that_no_url_can_have_is_not_listed(app: Sanic, public: Path) -> None:
    (public / os.fsdecode(b"\xff")).write_text("x")
    (public / "back\\slash").write_text("x")
    app.static("/static", public, directory_view=True)
    page = (await ask(app, "/static/")).body
    assert b"\xff" not in page
    assert b"slash" not in page


async def test_a_listing_is_bounded(app: Sanic, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_ENTRIES", 3)
    for number in range(5):
        (public / f"{number}.txt").touch()
    app.static("/static", public, directory_view=True)
    page = (await ask(app, "/static/")).body
    assert page.count(b"<tr>") == 3
    assert b"more than these" in page


async def test_a_program_answers_for_folders_itself(app: Sanic, public: Path) -> None:
    class Handler:
        async def handle(self, request: Request, path: str) -> HTTPResponse:
            return text(f"folder {path}")

    app.static("/static", public, directory_handler=Handler())
    assert (await ask(app, "/static/sub/")).body == b"folder /static/sub/"
    assert (await ask(app, "/static/sub")).body == b"folder /static/sub"
    assert (await ask(app, "/static/a.txt/")).status == 404
    assert (await ask(app, "/static/no/")).status == 404


# Symbolic links.


@pytest.mark.parametrize(("files", "folders"), [(False, False), (True, False), (False, True), (True, True)])
async def test_links_out_are_followed_where_that_is_allowed(
    app: Sanic, public: Path, files: bool, folders: bool
) -> None:
    outside = public.with_name("static-secret")
    (public / "file").symlink_to(outside / "key")
    (public / "dir").symlink_to(outside)
    (outside / "sub").symlink_to(public.parent / "elsewhere")
    (public.parent / "elsewhere").mkdir()
    (public.parent / "elsewhere" / "x").write_text("x")
    app.static("/static", public, follow_external_symlink_files=files, follow_external_symlink_dirs=folders)
    assert (await ask(app, "/static/file")).status == (200 if files else 404)
    assert (await ask(app, "/static/dir/key")).status == (200 if folders else 404)
    assert (await ask(app, "/static/dir/sub/x")).status == (200 if folders else 404)


async def test_links_within_the_folder_are_followed(app: Sanic, public: Path) -> None:
    (public / "file").symlink_to("sub/b.html")
    (public / "dir").symlink_to("sub")
    (public / "twice").symlink_to("dir/../a.txt")
    app.static("/static", public)
    assert (await ask(app, "/static/file")).body == b"<p>b"
    assert (await ask(app, "/static/dir/b.html")).body == b"<p>b"
    assert (await ask(app, "/static/twice")).body == b"hello"


@pytest.mark.parametrize("path", ["dir//b.html", "dir//deep", "dir/./b.html", "dir/deep/../b.html"])
async def test_a_path_through_a_link_is_no_less_strict(app: Sanic, public: Path, path: str) -> None:
    """One file has one path, so that a rule of a proxy for it holds."""
    (public / "dir").symlink_to("sub")
    app.static("/static", public, directory_view=True)
    assert (await ask(app, f"/static/{path}")).status == 404


async def test_the_folder_itself_may_be_a_link(app: Sanic, public: Path) -> None:
    link = public.with_name("link")
    link.symlink_to(public)
    (public / "inner").symlink_to("a.txt")
    app.static("/static", link)
    assert (await ask(app, "/static/a.txt")).body == b"hello"
    assert (await ask(app, "/static/inner")).body == b"hello"


async def test_folders_on_the_way_need_not_be_readable(app: Sanic, public: Path) -> None:
    """POSIX: searching a folder takes another permission than reading it."""
    (public / "sub").chmod(0o111)
    app.static("/static", public)
    try:
        assert (await ask(app, "/static/sub/b.html")).status == 200
    finally:
        (public / "sub").chmod(0o755)


# Arguments.


@pytest.mark.parametrize(
    ("error", "path", "options"),
    [
        (ValueError, 7, {}),
        (TypeError, "a.txt", {"resource_type": "dir"}),
        (TypeError, "sub", {"resource_type": "file"}),
        (TypeError, "missing", {"resource_type": "dir"}),
        (ValueError, "sub", {"resource_type": "folder"}),
        (ValueError, "a.txt", {"index": "b.html"}),
        (ValueError, "a.txt", {"directory_view": True}),
        (ValueError, "sub", {"directory_view": True, "directory_handler": object()}),
        (TypeError, "sub", {"no_such": 1}),
    ],
)
def test_arguments_that_contradict_are_refused(
    app: Sanic, public: Path, error: type[Exception], path: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(error):
        app.static("/static", public / path if isinstance(path, str) else path, **options)


async def test_what_is_not_applied_is_not_served(app: Sanic, public: Path) -> None:
    app.static("/static", public, apply=False)
    app.static("/other", public, stream_large_files=1024)
    assert (await ask(app, "/static/a.txt")).status == 404
    assert (await ask(app, "/other/a.txt")).status == 200
