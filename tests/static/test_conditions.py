"""Conditional requests and ranges for static files: RFC 9110 13 and 14."""

import os
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from tests.static.asked import ask
from triosanic import Sanic

OLD = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT
ETAG = f'"{OLD * 10**9:x}-5"'
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
BEFORE = "Sun, 09 Sep 2001 01:46:39 GMT"
AFTER = "Sun, 09 Sep 2001 01:46:41 GMT"


@pytest.fixture(autouse=True)
def served(app: Sanic, public: Path) -> None:
    os.utime(public / "a.txt", (OLD, OLD))
    app.static("/static", public, use_content_range=True)
    app.static("/plain", public, use_modified_since=False, name="plain")


CONDITIONS = [
    ({}, 200),
    ({"If-None-Match": ETAG}, 304),
    ({"If-None-Match": f"W/{ETAG}"}, 304),
    ({"If-None-Match": f'"x", W/"y,z" , {ETAG}'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": ETAG.strip('"')}, 200),
    ({"If-None-Match": ""}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": AFTER}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": "Sunday, 09-Sep-01 01:46:40 GMT"}, 304),
    ({"If-Modified-Since": "Sun Sep  9 01:46:40 2001"}, 304),
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-Modified-Since": "9" * 2000}, 200),
    ({"If-Modified-Since": "Sun, 99 Sep 99999 01:46:40 GMT"}, 200),
    ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
    ({"If-Match": ETAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": f'"x", {ETAG}'}, 200),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": f"W/{ETAG}"}, 412),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": "yesterday"}, 200),
    ({"If-Match": ETAG, "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Match": '"x"', "If-None-Match": ETAG}, 412),
    ({"If-Match": ETAG, "If-None-Match": ETAG}, 304),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("fields", "status"), CONDITIONS)
async def test_conditions_hold_in_their_order(
    app: Sanic, method: str, fields: dict[str, str], status: int
) -> None:
    """RFC 9110 13.2.2."""
    answer = await ask(app, "/static/a.txt", fields, method)
    assert answer.status == status
    if status == 304:
        assert answer.body == b""
        assert answer.headers["etag"] == ETAG
        assert answer.headers["last-modified"] == DATE
        assert answer.headers["cache-control"] == "no-cache"
        assert not {"content-length", "content-type"} & answer.headers.keys()


async def test_a_folder_can_go_without_conditions(app: Sanic) -> None:
    answer = await ask(app, "/plain/a.txt", {"If-None-Match": "*", "If-Modified-Since": AFTER})
    assert answer.status == 200
    assert not {"etag", "last-modified", "accept-ranges"} & answer.headers.keys()
    assert (await ask(app, "/plain/a.txt", {"Range": "bytes=0-1"})).status == 200


async def test_an_index_has_conditions_too(app: Sanic, public: Path) -> None:
    app.static("/pages", public, index="a.txt", name="pages")
    assert (await ask(app, "/pages/", {"If-None-Match": ETAG})).status == 304


async def test_a_file_of_this_moment_has_a_weak_tag(app: Sanic, public: Path) -> None:
    """RFC 9110 8.8.2.2: it may change again before the file system's clock does."""
    (public / "a.txt").write_text("fresh")
    answer = await ask(app, "/static/a.txt")
    assert answer.headers["etag"].startswith('W/"')
    ranged = {"Range": "bytes=0-1", "If-Range": answer.headers["etag"]}
    assert (await ask(app, "/static/a.txt", ranged)).status == 200
    ranged["If-Range"] = answer.headers["last-modified"]
    assert (await ask(app, "/static/a.txt", ranged)).status == 200
    assert (await ask(app, "/static/a.txt", {"If-None-Match": answer.headers["etag"]})).status == 304


@pytest.mark.parametrize("mtime", [-(10**9), 0, 10**10, 10**12])
async def test_a_date_is_never_in_the_future_nor_broken(app: Sanic, public: Path, mtime: int) -> None:
    """RFC 9110 8.8.2.1."""
    try:
        os.utime(public / "a.txt", (mtime, mtime))
    except OverflowError:
        pytest.fail("the file system has no such time")
    answer = await ask(app, "/static/a.txt")
    assert answer.status == 200
    now = {formatdate(time() - ago, usegmt=True) for ago in range(3)}
    assert answer.headers["last-modified"] in ({formatdate(0, usegmt=True)} if mtime <= 0 else now)


# Ranges.


@pytest.mark.parametrize(
    ("value", "content_range", "body"),
    [
        ("bytes=0-0", "bytes 0-0/5", b"h"),
        ("bytes=1-3", "bytes 1-3/5", b"ell"),
        ("bytes=3-", "bytes 3-4/5", b"lo"),
        ("bytes=-2", "bytes 3-4/5", b"lo"),
        ("bytes=-99", "bytes 0-4/5", b"hello"),
        ("bytes=3-99999999999999999999999", "bytes 3-4/5", b"lo"),
        ("bytes=00001-0003", "bytes 1-3/5", b"ell"),
        ("Bytes=1-3", "bytes 1-3/5", b"ell"),
        ("bytes=1-1,7-9", "bytes 1-1/5", b"e"),
        ("bytes=0-1,1-3", "bytes 0-3/5", b"hell"),
        ("bytes=3-4,0-2", "bytes 0-4/5", b"hello"),
        ("bytes= , 1-3 ,", "bytes 1-3/5", b"ell"),
    ],
)
async def test_one_range(app: Sanic, value: str, content_range: str, body: bytes) -> None:
    """RFC 9110 14.1.2, 14.4."""
    answer = await ask(app, "/static/a.txt", {"Range": value})
    assert (answer.status, answer.body) == (206, body)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["etag"] == ETAG


async def test_several_ranges_come_in_the_order_asked_for(app: Sanic) -> None:
    """RFC 9110 14.6, 15.3.7.2."""
    answer = await ask(app, "/static/a.txt", {"Range": "bytes=4-4,0-1"})
    assert answer.status == 206
    assert "content-range" not in answer.headers
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    head = "--{}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes {}/5\r\n\r\n{}\r\n"
    parts = head.format(boundary, "4-4", "o") + head.format(boundary, "0-1", "he") + f"--{boundary}--\r\n"
    assert answer.body.decode() == parts
    assert answer.headers["content-length"] == str(len(parts))


@pytest.mark.parametrize(
    "value", ["bytes=5-", "bytes=-0", "bytes=7-9,5-6", "bytes=2-1", "bytes=", "bytes", "bytes=a"]
)
async def test_a_range_that_is_not_there_is_refused(app: Sanic, value: str) -> None:
    """RFC 9110 15.5.17; what is malformed as in Sanic."""
    answer = await ask(app, "/static/a.txt", {"Range": value})
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */5")


async def test_another_unit_is_refused(app: Sanic) -> None:
    """Source: Sanic 25.12; RFC 9110 14.2 would have it ignored."""
    answer = await ask(app, "/static/a.txt", {"Range": "lines=1-2"})
    assert answer.status == 416
    assert b"lines is not a valid Range Type" in answer.body


@pytest.mark.parametrize(
    ("condition", "status"),
    [(ETAG, 206), (DATE, 206), (f"W/{ETAG}", 200), ('"x"', 200), (BEFORE, 200), (AFTER, 200), ("x", 200)],
)
async def test_a_range_of_something_else_is_the_whole(app: Sanic, condition: str, status: int) -> None:
    """RFC 9110 13.1.5."""
    answer = await ask(app, "/static/a.txt", {"Range": "bytes=1-2", "If-Range": condition})
    assert answer.status == status


async def test_a_client_that_has_the_file_gets_no_range(app: Sanic) -> None:
    """RFC 9110 13.2.2: the range comes last."""
    answer = await ask(app, "/static/a.txt", {"Range": "bytes=9-", "If-None-Match": ETAG})
    assert answer.status == 304


async def test_head_has_no_ranges_but_says_that_there_are(app: Sanic) -> None:
    """RFC 9110 14.2: Range is defined for GET only."""
    answer = await ask(app, "/static/a.txt", {"Range": "bytes=1-2"}, "HEAD")
    assert (answer.status, answer.headers["accept-ranges"]) == (200, "bytes")
    assert answer.headers["content-length"] == "5"


async def test_an_empty_file_has_no_ranges(app: Sanic, public: Path) -> None:
    """Clients that ask each file for its first bytes get an empty one too."""
    (public / "empty").touch()
    answer = await ask(app, "/static/empty", {"Range": "bytes=0-99"})
    assert (answer.status, answer.headers["content-length"]) == (200, "0")
