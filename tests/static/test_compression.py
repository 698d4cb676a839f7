"""Files, compressed as they leave; over httpx, which reads what browsers read."""

import os
from pathlib import Path

import httpx
import pytest

from tests.response.test_files import open_files
from triosanic import HTTPResponse, Request, Sanic
from triosanic.response import file, file_stream
from triosanic.testing import Client, running

LINE = b"The quick brown fox jumps over the lazy dog.\n"
SMALL, LARGE = LINE * 100, LINE * 20_000  # 4.5 KB and 900 KB
every = pytest.mark.parametrize("path", ["/static/small.txt", "/static/large.txt", "/file", "/stream"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in {
        "small.txt": SMALL,
        "large.txt": LARGE,
        "tiny.txt": LINE,
        "small.png": SMALL,
        "small.txt.gz": SMALL,
    }.items():
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (0, 0))
    return tmp_path


@pytest.fixture
def app(app: Sanic, folder: Path) -> Sanic:
    app.static("/static", folder, use_content_range=True, compress=True)
    app.static("/plain", folder, name="plain", use_content_range=True)

    @app.route("/file", ["GET", "HEAD"], compress=True)
    async def whole(request: Request) -> HTTPResponse:
        return await file(folder / "large.txt", request_headers=request.headers)

    @app.route("/stream", ["GET", "HEAD"], compress=True)
    async def streamed(request: Request) -> HTTPResponse:
        return await file_stream(folder / "large.txt")

    return app


async def get(client: Client, path: str, method: str = "GET", **fields: str) -> httpx.Response:
    headers = {name.replace("_", "-"): value for name, value in {"accept_encoding": "gzip", **fields}.items()}
    return await client.request(method, path, headers=headers)


@every
async def test_a_file_comes_compressed_and_whole(app: Sanic, path: str) -> None:
    async with running(app) as client:
        answer = await get(client, path)
        assert answer.content == (SMALL if "small" in path else LARGE)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "accept-encoding"
        assert "accept-ranges" not in answer.headers
        assert answer.num_bytes_downloaded * 20 < len(answer.content)
    assert open_files() == set()


@pytest.mark.parametrize("name", ["tiny.txt", "small.png", "small.txt.gz"])
async def test_what_would_not_gain_is_sent_as_it_lies_there(app: Sanic, name: str) -> None:
    async with running(app) as client:
        answer = await get(client, f"/static/{name}")
    assert "content-encoding" not in answer.headers
    assert answer.headers["accept-ranges"] == "bytes"


async def test_nothing_changes_where_it_is_not_asked_for(app: Sanic) -> None:
    async with running(app) as client:
        answer = await get(client, "/plain/large.txt")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("ranges", ["bytes=0-99", "bytes=-100", "bytes=0-9,20-29"])
async def test_parts_are_those_of_the_file(app: Sanic, ranges: str) -> None:
    """RFC 9110 14.2."""
    async with running(app) as client:
        answer = await get(client, "/static/large.txt", range=ranges)
        plain = await get(client, "/plain/large.txt", range=ranges)
    assert answer.status_code == 206
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"
    assert len(answer.content) == len(plain.content)


async def test_the_tag_of_a_compressed_file_resumes_nothing(app: Sanic) -> None:
    """RFC 9110 13.1.5: If-Range compares strongly, so that parts of a file and of its coding never mix."""
    async with running(app) as client:
        etag = (await get(client, "/static/large.txt")).headers["etag"]
        assert etag.startswith('W/"')
        answer = await get(client, "/static/large.txt", range="bytes=100-", if_range=etag)
        assert answer.status_code == 200
        assert answer.content == LARGE


@pytest.mark.parametrize("path", ["/static/small.txt", "/static/large.txt", "/file"])
async def test_who_has_it_gets_a_304(app: Sanic, path: str) -> None:
    async with running(app) as client:
        etag = (await get(client, path)).headers["etag"]
        answer = await get(client, path, if_none_match=etag)
    assert (answer.status_code, answer.headers["etag"]) == (304, etag)
    assert answer.headers["vary"] == "accept-encoding"
    assert open_files() == set()


@every
async def test_head_is_told_that_it_is_compressed(app: Sanic, path: str) -> None:
    async with running(app) as client:
        head, answer = await get(client, path, "HEAD"), await get(client, path)
    left_open = {"content-length", "transfer-encoding", "date"}
    fields = [
        {k: v for k, v in one.headers.items() if k not in left_open} for one in (head, answer)
    ]
    assert fields[0] == fields[1]
    assert head.headers.get("content-length") in {None, answer.headers.get("content-length")}


async def test_a_file_that_becomes_shorter_never_looks_whole(app: Sanic, folder: Path) -> None:
    """Neither the chunks nor the coding have their end."""

    @app.on_response
    def cut(request: Request, response: HTTPResponse) -> None:
        os.truncate(folder / "large.txt", 500_000)

    async with running(app) as client:
        with pytest.raises(httpx.HTTPError):
            await get(client, "/static/large.txt")
    assert open_files() == set()


def test_the_option_is_checked_where_it_is_said(app: Sanic, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"compress must be True or False, or None for config\."):
        app.static("/other", folder, name="other", compress="gzip")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="compress must be True or False"):
        app.get("/other", compress=7)
