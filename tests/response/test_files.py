"""``file``, ``file_stream``, ``validate_file``, ``validate`` and what they are made of."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.static.asked import Answer, ask
from triosanic import HTTPResponse, Request, Sanic
from triosanic.exceptions import HeaderNotFound, InvalidRangeType, RangeNotSatisfiable
from triosanic.handlers import ContentRangeHandler
from triosanic.headers import Header
from triosanic.response import file, file_stream, guess_content_type, text, validate, validate_file
from triosanic.response.files import SMALL_BYTES, content_disposition
from triosanic.response.ranges import multipart, parse_ranges

OLD = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
SIZES = [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3 << 20]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    write(path, 5)
    return path


def write(path: Path, size: int) -> bytes:
    """Write bytes of which no two pieces are the same."""
    data = b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return data


def open_files() -> set[str]:
    """Give the files of these tests that are open, as Linux tells it; output may go to a file, too."""

    def targets() -> Iterator[str]:
        for fd in os.listdir("/proc/self/fd"):
            if Path(f"/proc/self/fd/{fd}").is_symlink():
                yield os.readlink(f"/proc/self/fd/{fd}")

    return {target for target in targets() if "pytest-of-" in target}


async def answer(
    app: Sanic, path: Path, fields: dict[str, str] | None = None, method: str = "GET", **options: Any
) -> Answer:
    """Ask for a file that a handler makes a response of."""

    async def handler(request: Request) -> HTTPResponse:
        return await file(path, request_headers=request.headers, **options)

    app.add_route(handler, "/", ["GET", "HEAD"])
    return await ask(app, "/", fields, method)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("maker", [file, file_stream])
async def test_a_file_of_any_size_comes_whole(app: Sanic, path: Path, size: int, maker: Any) -> None:
    data = write(path, size)

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        found = await maker(path)
        assert isinstance(found, HTTPResponse)
        return found

    found = await ask(app, "/")
    assert (found.status, found.headers["content-length"]) == (200, str(size))
    assert found.body == data
    assert open_files() == set()


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
async def test_a_path_may_be_of_any_kind(app: Sanic, path: Path, kind: Any) -> None:
    assert (await answer(app, kind(path))).status == 200


async def test_what_a_file_says_of_itself(app: Sanic, path: Path) -> None:
    found = await answer(app, path)
    assert found.headers["last-modified"] == DATE
    assert found.headers["etag"] == f'"{OLD * 10**9:x}-5"'
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"status": 203}, ":status", 203),
        ({"mime_type": "a/b"}, "content-type", "a/b"),
        ({"filename": "b.html"}, "content-type", "text/html; charset=utf-8"),
        ({"filename": "b.html"}, "content-disposition", 'attachment; filename="b.html"'),
        ({"last_modified": None}, "last-modified", None),
        ({"last_modified": OLD - 1}, "last-modified", "Sun, 09 Sep 2001 01:46:39 GMT"),
        (
            {"last_modified": datetime(2001, 9, 9, tzinfo=UTC)},
            "last-modified",
            "Sun, 09 Sep 2001 00:00:00 GMT",
        ),
        ({"no_store": True, "max_age": 9}, "cache-control", "no-store"),
        ({"max_age": 9.5}, "cache-control", "public, max-age=9"),
        ({"max_age": 0}, "cache-control", "no-cache"),
        ({"headers": {"Cache-Control": "x"}}, "cache-control", "x"),
        ({"headers": {"ETag": '"x"'}}, "etag", '"x"'),
        ({"headers": {"Content-Disposition": "inline"}, "filename": "b"}, "content-disposition", "inline"),
    ],
)
async def test_arguments(app: Sanic, path: Path, options: dict[str, Any], name: str, value: Any) -> None:
    """Source: Sanic 25.12 ``response.file``."""
    found = await answer(app, path, **options)
    assert (found.status if name == ":status" else found.headers.get(name)) == value
    assert ("expires" in found.headers) == ("public" in found.headers["cache-control"])


async def test_headers_of_a_program_are_not_changed(path: Path) -> None:
    headers = {"a": "b"}
    await file(path, headers=headers, filename="x")
    await file_stream(path, headers=headers, filename="x")
    assert headers == {"a": "b"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"If-Modified-Since": DATE}, 304),
        ({"If-None-Match": f'"{OLD * 10**9:x}-5"'}, 304),
        ({"If-Match": '"x"'}, 412),
        ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
    ],
)
async def test_conditions_count_where_the_fields_are_given(
    app: Sanic, path: Path, fields: dict[str, str], status: int
) -> None:
    found = await answer(app, path, fields)
    assert found.status == status
    if status == 304:
        assert (found.headers["etag"], found.headers["cache-control"]) == (f'"{OLD * 10**9:x}-5"', "no-cache")


async def test_conditions_do_not_count_where_they_are_not_wanted(app: Sanic, path: Path) -> None:
    found = await answer(app, path, {"If-Modified-Since": DATE}, validate_when_requested=False)
    assert found.status == 200


async def test_a_program_has_entity_tags_of_its_own(app: Sanic, path: Path) -> None:
    assert (await answer(app, path, {"If-None-Match": '"v"'}, headers={"ETag": '"v"'})).status == 304


@pytest.mark.parametrize("size", [100, SMALL_BYTES + 100])
async def test_a_range(app: Sanic, path: Path, size: int) -> None:
    """Source: Sanic 25.12 ``handlers.ContentRangeHandler``."""
    data = write(path, size)

    @app.route("/", methods=["GET", "HEAD"])
    async def handler(request: Request) -> HTTPResponse:
        return await file(path, _range=ContentRangeHandler(request, os.stat(path)))

    found = await ask(app, "/", {"Range": "bytes=10-19"})
    assert (found.status, found.body) == (206, data[10:20])
    assert found.headers["content-range"] == f"bytes 10-19/{size}"
    assert (await ask(app, "/", {"Range": "bytes=0-0,5-6"})).body == data
    assert (await ask(app, "/", {"Range": f"bytes={size}-"})).status == 416
    assert (await ask(app, "/")).status == 400
    # RFC 9110 14.2: of GET only.
    assert (await ask(app, "/", {"Range": "bytes=10-19"}, "HEAD")).status == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (f'"{OLD * 10**9:x}-5"', 206),
        (DATE, 206),
        (f'W/"{OLD * 10**9:x}-5"', 200),
        ('"x"', 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ],
)
async def test_a_range_of_something_else_is_the_whole(
    app: Sanic, path: Path, condition: str, status: int
) -> None:
    """RFC 9110 13.1.5: a part of another content would be put together with what the client has."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        asked = ContentRangeHandler(request, os.stat(path))
        return await file(path, request_headers=request.headers, _range=asked)

    found = await ask(app, "/", {"Range": "bytes=1-2", "If-Range": condition})
    assert found.status == status


async def test_a_range_of_a_file_that_became_shorter(path: Path) -> None:
    class Asked:
        start, end = 3, 5

    with pytest.raises(RangeNotSatisfiable):
        await file(path, _range=Asked())
    assert open_files() == set()


def test_a_range_handler_tells_what_sanics_does() -> None:
    class Asking:
        headers = Header({"range": "bytes=2-"})

    class Stats:
        st_size = 10

    found = ContentRangeHandler(Asking(), Stats())
    assert (found.start, found.end, found.size, found.total) == (2, 9, 8, 10)
    assert found.headers == {"Content-Range": "bytes 2-9/10"}
    assert found
    Asking.headers = Header({"range": "lines=2-"})
    with pytest.raises(InvalidRangeType):
        ContentRangeHandler(Asking(), Stats())
    Asking.headers = Header()
    with pytest.raises(HeaderNotFound):
        ContentRangeHandler(Asking(), Stats())


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)), min_size=1, max_size=16))
def test_ranges_cover_what_was_asked_for_and_each_byte_once(pairs: list[tuple[int, int]]) -> None:
    asked = [(min(pair), max(pair)) for pair in pairs]
    value = "bytes=" + ", ".join(f"{start}-{end}" for start, end in asked)
    wanted = {at for start, end in asked for at in range(start, end + 1) if at < 100}
    try:
        ranges = parse_ranges(value, 100)
    except RangeNotSatisfiable:
        assert not wanted
        return
    served = [at for one in ranges for at in range(one.start, one.end + 1)]
    if len(served) != len(set(served)):
        raise AssertionError(ranges)
    assert set(served) == wanted


@given(st.text(max_size=200))
def test_any_text_is_a_range_or_an_error(value: str) -> None:
    try:
        ranges = parse_ranges(value, 100)
    except RangeNotSatisfiable:
        return
    assert all(0 <= one.start <= one.end < 100 for one in ranges)


def test_a_type_of_a_part_stays_in_its_line() -> None:
    with pytest.raises(ValueError, match="header"):
        multipart(parse_ranges("bytes=0-0,2-2", 9), "a/b\r\nevil: 1")


@pytest.mark.parametrize("error", [FileNotFoundError, IsADirectoryError, OSError])
async def test_what_is_no_regular_file_is_an_error(tmp_path: Path, error: type[OSError]) -> None:
    """A FIFO would have its reader wait for a writer, in a thread that nothing can cancel."""
    os.mkfifo(tmp_path / "fifo")
    names = {FileNotFoundError: "missing", IsADirectoryError: ".", OSError: "fifo"}
    for maker in (file, file_stream):
        with pytest.raises(error):
            await maker(tmp_path / names[error])


# Names.


@pytest.mark.parametrize(
    ("filename", "field"),
    [
        ("a b.txt", 'filename="a b.txt"'),
        ("ä.txt", "filename=\"_.txt\"; filename*=UTF-8''%C3%A4.txt"),
        ('a"b', "filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("a%41", "filename=\"a_41\"; filename*=UTF-8''a%2541"),
        ("../x\\y", "filename=\".._x_y\"; filename*=UTF-8''..%2Fx%5Cy"),
        ("a\r\nb: c", "filename=\"a__b: c\"; filename*=UTF-8''a%0D%0Ab%3A%20c"),
        ("\udcff", "filename=\"_\"; filename*=UTF-8''%3F"),
    ],
)
def test_a_name_to_save_as(filename: str, field: str) -> None:
    """RFC 6266 4.3, RFC 8187."""
    assert content_disposition(filename) == f"attachment; {field}"


@given(st.text())
def test_no_name_leaves_its_quotes(filename: str) -> None:
    found = content_disposition(filename)
    plain, _, extended = found.removeprefix('attachment; filename="').partition('"')
    assert found.isascii()
    assert found.isprintable()
    assert "\\" not in plain
    assert '"' not in extended
    name = unquote(extended.removeprefix("; filename*=UTF-8''")) if extended else plain
    assert name == filename.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.CSS", "text/css; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown-ending", "application/octet-stream"),
        ("", "application/octet-stream"),
        (b"a.html", "text/html; charset=utf-8"),
        (Path("x/a.html"), "text/html; charset=utf-8"),
    ],
)
def test_a_type_is_guessed_by_the_name(name: Any, content_type: str) -> None:
    assert guess_content_type(name) == content_type


def test_a_type_that_is_not_known_may_be_another() -> None:
    assert guess_content_type("a", "text/plain") == "text/plain"


# Conditions of a program's own content.


@pytest.mark.parametrize(
    ("date", "status"),
    [(OLD, 304), (OLD - 1.5, 304), (OLD + 1, None), (datetime.fromtimestamp(OLD, UTC), 304)],
)
async def test_validate_file(date: Any, status: int | None) -> None:
    """Source: Sanic 25.12 ``response.validate_file``."""
    found = await validate_file({"If-Modified-Since": DATE}, date)
    assert (found and found.status) == status
    assert await validate_file({"if-modified-since": DATE, "if-none-match": '"x"'}, date) is None
    assert await validate_file({"if-modified-since": "nonsense"}, date) is None
    assert await validate_file(None, date) is None


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"If-None-Match": '"v3"'}, 304),
        ("PUT", {"If-None-Match": '"v3"'}, 412),
        ("PUT", {"If-None-Match": "*"}, 412),
        ("PUT", {"If-Match": '"v2"'}, 412),
        ("PUT", {"If-Match": '"v3"'}, 200),
        ("PUT", {"If-Modified-Since": DATE}, 200),
        ("PUT", {"If-Unmodified-Since": "Sun, 09 Sep 2001 01:46:39 GMT"}, 412),
    ],
)
async def test_a_handler_validates_what_it_has(
    app: Sanic, method: str, fields: dict[str, str], status: int
) -> None:
    """RFC 9110 13.2.2: the lost update, and what a cache has already."""

    @app.route("/", ["GET", "PUT"])
    def handler(request: Request) -> HTTPResponse:
        return validate(request, etag='"v3"', last_modified=OLD) or text("v3", headers={"etag": '"v3"'})

    found = await ask(app, "/", fields, method)
    assert found.status == status
    if status == 304:
        assert (found.headers["etag"], found.headers["last-modified"]) == ('"v3"', DATE)


@pytest.mark.parametrize("etag", ["v3", '"v3', "W/v3", '"v\n3"', '"v"3"'])
def test_an_entity_tag_has_its_quotes(etag: str) -> None:
    class Asking:
        method = "GET"
        headers = Header()

    with pytest.raises(ValueError, match="double quotes"):
        validate(Asking(), etag=etag)
