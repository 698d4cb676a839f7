"""Advisories about files and ranges: docs/security.md, by these numbers."""

import os
from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest

from tests.static.asked import Answer, ask
from triosanic import Sanic
from triosanic.exceptions import RangeNotSatisfiable
from triosanic.response.ranges import MAX_RANGES, parse_ranges
from triosanic.static.folder import split

# Every way to write "the folder above" that some server took for it.
UP = [
    *("..", "%2e%2e", ".%2e", "%2E.", "..%2f..", "..%2F..", "..%5c..", "..\\..", "%252e%252e", "..;"),
    *("%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "..%00", "..%ff", "....", ".../..", "a.txt/.."),
]


def assert_secret_is_kept(answer: Answer) -> None:
    assert answer.status == 404
    assert b"secret" not in answer.body.replace(b"static-secret", b"")


# 11


@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("slash", ["/", "%2f", "%2F", "%5c", "//", "/./"])
async def test_no_path_leads_out_of_the_folder(app: Sanic, public: Path, up: str, slash: str) -> None:
    """CVE-2017-16762, CVE-2022-35920: neither up nor sideways, however slash and dots are escaped."""
    app.static("/static", public)
    assert_secret_is_kept(await ask(app, f"/static/{up}{slash}secret"))
    assert_secret_is_kept(await ask(app, f"/static/sub{slash}{up}{slash}{up}{slash}secret"))


@pytest.mark.parametrize("name", ["sub%2fb.html", "sub%2Fb.html", "sub%5cb.html", "%2fsub/b.html"])
async def test_an_escaped_slash_is_no_slash(app: Sanic, public: Path, name: str) -> None:
    """CVE-2022-35920: nor is it one within the folder, where a proxy may have rules for paths."""
    app.static("/static", public)
    assert (await ask(app, f"/static/{name}")).status == 404


# 12


@pytest.mark.parametrize("path", ["/static-secret/key", "/static/../static-secret/key", "/static-secret"])
async def test_a_prefix_of_a_name_is_not_the_folder(app: Sanic, public: Path, path: str) -> None:
    """CVE-2023-29159."""
    app.static("/static", public)
    assert_secret_is_kept(await ask(app, path))


async def test_a_link_to_a_folder_of_longer_name_leads_out(app: Sanic, public: Path) -> None:
    """CVE-2023-29159, with a symbolic link."""
    (public / "link").symlink_to(public.with_name("static-secret"))
    app.static("/static", public)
    assert_secret_is_kept(await ask(app, "/static/link/key"))


# 13


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("link", "../secret"),
        ("link", "/etc/passwd"),
        ("link", "inner"),
        ("sub/link", "../../secret"),
        ("link", "sub/../../secret"),
    ],
)
async def test_a_symbolic_link_does_not_lead_out(app: Sanic, public: Path, link: str, target: str) -> None:
    """CVE-2024-23334: directly, by an absolute path, by another link."""
    (public / "inner").symlink_to("../secret")
    (public / link).symlink_to(target)
    app.static("/static", public)
    assert_secret_is_kept(await ask(app, f"/static/{link}"))


async def test_a_folder_that_becomes_a_link_does_not_lead_out(
    app: Sanic, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the opening there is nothing to change: what is opened is what was checked."""
    outside = public.with_name("static-secret")
    real_open = os.open

    def opening(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "sub":
            (public / "sub").rename(public / "old")
            (public / "sub").symlink_to(outside)
        return real_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", opening)
    app.static("/static", public)
    assert_secret_is_kept(await ask(app, "/static/sub/key"))


# 14


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/no-such-file", "//etc/passwd", "%2fetc%2fpasswd"])
async def test_whether_an_absolute_path_exists_is_not_told(app: Sanic, public: Path, path: str) -> None:
    """CVE-2025-69226: the answer is the same for a file that exists and one that does not."""
    app.static("/static", public)
    missing = await ask(app, "/static/no-such-file")
    answer = await ask(app, f"/static/{path}")
    assert (answer.status, answer.body) == (404, missing.body)


async def test_what_may_not_be_read_looks_as_if_it_were_not_there(app: Sanic, public: Path) -> None:
    """CVE-2025-69226: links, folders, sockets and endless links are all just not found."""
    (public / "link").symlink_to("../secret")
    (public / "loop").symlink_to("loop")
    os.mkfifo(public / "fifo")
    app.static("/static", public)
    missing = await ask(app, "/static/no-such-file")
    for name in ("link", "loop", "fifo", "sub", "sub/", "a.txt/", "a.txt/x", "x" * 300):
        answer = await ask(app, f"/static/{name}")
        assert (answer.status, answer.body) == (404, missing.body), name


# 15


@pytest.mark.parametrize("uri", ["/", "/static"])
@pytest.mark.parametrize(
    "path", ["//evil", "//evil/", "/%2fevil", "/\\evil", "/%5cevil", "//evil/sub", "/sub//"]
)
async def test_no_folder_redirects_to_another_host(app: Sanic, public: Path, uri: str, path: str) -> None:
    """CVE-2021-21330, CVE-2020-28724, CVE-2023-28370."""
    (public / "evil" / "sub").mkdir(parents=True)
    app.static(uri, public, directory_view=True)
    for target in (path, f"{uri.rstrip('/')}{path}"):
        answer = await ask(app, target)
        assert answer.status == 404
        assert "location" not in answer.headers


# 16


async def test_many_ranges_cost_linear_time() -> None:
    """CVE-2025-62727: as many as fit into a head; they are not served at all."""
    value = "bytes=" + ",".join(f"{n}-{n}" for n in range(200_000))
    begun = process_time()
    assert parse_ranges(value, 10**9) == ()
    assert process_time() - begun < 0.1


@pytest.mark.parametrize("digits", ["9" * 100_000, "0" * 100_000])
def test_a_long_number_costs_linear_time(digits: str) -> None:
    begun = process_time()
    assert len(parse_ranges(f"bytes=0-{digits}1", 10)) == 1
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(f"bytes=1{digits}-", 10)
    assert process_time() - begun < 0.1


@pytest.mark.parametrize("hostile", ["%2e" * 60_000, "/" * 200_000, "a/" * 100_000])
def test_a_hostile_path_costs_linear_time(hostile: str) -> None:
    begun = process_time()
    with suppress(FileNotFoundError):
        split(hostile)
    assert process_time() - begun < 0.5


async def test_overlapping_ranges_get_no_more_than_the_whole(app: Sanic, public: Path) -> None:
    """RFC 9110 14.2: else a small request would have the file as many times as it likes."""
    app.static("/static", public, use_content_range=True)
    value = "bytes=" + ",".join(["0-"] * MAX_RANGES)
    answer = await ask(app, "/static/a.txt", {"Range": value})
    assert (answer.status, answer.body) == (206, b"hello")
    more = await ask(app, "/static/a.txt", {"Range": value + ",0-"})
    assert (more.status, more.body) == (200, b"hello")


# 17


@pytest.mark.parametrize(
    "spec", ["\u0660-\u0661", "\uff10-\uff11", "\xb2-", "-\u0663", "+0-1", "0_0-1", "0x0-1", " 0 - 1", "0--1"]
)
def test_digits_of_a_range_are_ascii(spec: str) -> None:
    """CVE-2025-69225."""
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(f"bytes={spec}", 10)
