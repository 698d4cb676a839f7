"""Advisories about forms in other servers and parsers: docs/security.md, by these numbers."""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import BinaryIO

import pytest
import trio

from tests.forms.bodies import BOUNDARY, TYPE, Pieces, field, file, form, part, split
from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest, PayloadTooLarge, SanicException
from triosanic.forms import FormLimits, Parts, parse_form, spool, whole
from triosanic.forms.reader import MultipartReader
from triosanic.log import error_logger, logger
from triosanic.response import HTTPResponse, text
from triosanic.testing import running

URLENCODED = "application/x-www-form-urlencoded"
LIMITS = FormLimits()
MIB = 1 << 20


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("forms")


def read_in(pieces: Sequence[bytes]) -> None:
    """Take a form apart in pieces, as they would come from a socket."""
    reader = MultipartReader(BOUNDARY, LIMITS)
    for piece in pieces:
        for _ in reader.feed(piece):
            pass
    reader.finish()


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Sixteen times as much takes about sixteen times as long; were it quadratic, 256 times."""

    def seconds(size: int) -> float:
        times = []
        for _ in range(3):
            start = process_time()
            work(size)
            times.append(process_time() - start)
        return min(times)

    assert seconds(16 * size) < 64 * max(seconds(size), 0.0002)


# 18


async def test_the_parts_of_a_form_are_bounded_in_number_and_in_all() -> None:
    """CVE-2023-30798, CVE-2024-47874, CVE-2023-25577, CVE-2024-49767: not each field, but all together."""
    many = form(*[field("a", b"")] * (LIMITS.max_parts + 1))
    large = form(*[field("a", b"x" * (MIB // 100))] * 101)
    for body in (many, large):
        with pytest.raises(PayloadTooLarge, match="REQUEST_MAX_FORM_"):
            parse_form(body, TYPE, LIMITS)
        with pytest.raises(PayloadTooLarge, match="REQUEST_MAX_FORM_"):
            [await item.text() async for item in Parts(Pieces([body]), TYPE, LIMITS)]


# 19


async def test_the_bound_of_a_body_is_one_for_all_its_parts(app: Sanic) -> None:
    """CVE-2025-69228, on routes of both kinds."""
    app.config.REQUEST_MAX_SIZE = 100_000

    @app.post("/whole")
    async def all_at_once(request: Request) -> HTTPResponse:
        return text(str(len(request.files["f"])))

    @app.post("/parts", stream=True)
    async def streamed(request: Request) -> HTTPResponse:
        request.stream.request_max_size = 100_000
        return text(str(sum([1 async for _ in request.parts()])))

    async with running(app) as client:
        for path in ("/whole", "/parts"):
            for number, status in ((9, 200), (11, 413)):
                body = form(*[file("f", b"x" * 9_900)] * number)
                answer = await client.post(path, content=body, headers={"content-type": TYPE})
                assert answer.status_code == status, path


# 20


async def test_others_are_served_while_a_disk_hangs(app: Sanic, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2025-54121: an upload goes to disk in a thread."""
    hanging, served = trio.Event(), threading.Event()

    def open_slowly() -> BinaryIO:
        trio.from_thread.run_sync(hanging.set)
        assert served.wait(30), "nobody was served"
        return tempfile.TemporaryFile()

    monkeypatch.setattr(spool, "TemporaryFile", open_slowly)

    @app.post("/", stream=True)
    async def upload(request: Request) -> HTTPResponse:
        item = await anext(request.parts())
        async with item.spool(1000) as found:
            return text(str(found.size))

    @app.get("/")
    async def hello(request: Request) -> HTTPResponse:
        return text("hello")

    async with running(app) as client, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def post() -> None:
            answer = await client.post("/", files={"f": b"x" * 5000})
            assert answer.text == "5000"

        await hanging.wait()
        assert (await client.get("/")).text == "hello"
        served.set()


# 21, 28


@pytest.mark.parametrize(
    "body",
    [b"a=1&" * LIMITS.max_fields, b"a=" + b"x" * LIMITS.max_field_bytes, b"&" * MIB],
    ids=["many", "large", "separators"],
)
def test_urlencoded_has_its_bounds_before_it_is_split(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2026-54283, GHSA-8423-8fgw-73vq."""
    monkeypatch.setattr(whole, "_unquote", None)
    with pytest.raises(PayloadTooLarge, match="REQUEST_MAX_FORM_"):
        parse_form(body, URLENCODED, LIMITS)


# 22


@pytest.mark.parametrize("fill", [b"\r", b"\n", b"\r\n", b"\r\n--", b"\n\r\n-"], ids=ascii)
@pytest.mark.parametrize("piece_size", [1000, MIB])
def test_a_part_that_begins_with_a_line_break_costs_linear_time(fill: bytes, piece_size: int) -> None:
    """CVE-2023-46136."""

    def work(size: int) -> None:
        body = form(file("f", fill * (size // len(fill))))
        read_in(split(body, range(0, len(body), piece_size)))

    assert_linear(work, MIB // 4)


def test_a_part_byte_by_byte_costs_linear_time() -> None:
    """CVE-2023-46136, in the pieces that the client chooses."""

    def work(size: int) -> None:
        body = form(file("f", b"\r\n--" * (size // 4)))
        read_in([body[at : at + 1] for at in range(len(body))])

    assert_linear(work, 5000)


# 23


@pytest.mark.parametrize("fill", [b"\r", b"\n", b"\r\n", b"x", b"--c\r\n"], ids=ascii)
def test_what_stands_around_the_parts_costs_linear_time_and_no_log(
    fill: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2024-53981, CVE-2026-40347: what stands before is bounded, what comes after is not looked at."""

    def after(size: int) -> None:
        body = form() + fill * (size // len(fill))
        read_in(split(body, range(0, len(body), 100)))

    with caplog.at_level(logging.DEBUG):
        assert_linear(after, MIB // 4)
        reader = MultipartReader(BOUNDARY, LIMITS)
        with pytest.raises(BadRequest):
            for sent in range(10_000):
                assert sent * len(fill) < 5000
                list(reader.feed(fill))
    assert not caplog.records


# 24


@pytest.mark.parametrize("piece_size", [1, 100, MIB])
@pytest.mark.parametrize(
    "fields",
    [["X: y"] * 8, ["X: " + "y" * 4100], ["X" * 4100], ["X: y" + " " * 4100]],
    ids=["many", "long", "long name", "blanks"],
)
def test_the_header_of_a_part_is_bounded(fields: list[str], piece_size: int) -> None:
    """CVE-2026-42561, CVE-2026-34516, however it comes."""
    body = form(part('name="a"', b"", *fields))
    with pytest.raises(PayloadTooLarge, match="exceeds 8 fields or 4096 bytes"):
        read_in(split(body, range(0, len(body), piece_size)))


def test_a_header_that_does_not_end_is_not_collected() -> None:
    reader = MultipartReader(BOUNDARY, LIMITS)
    list(reader.feed(b"--b\r\n"))
    with pytest.raises(PayloadTooLarge):
        for sent in range(10):
            assert sent * 1000 <= 4096
            list(reader.feed(b"x" * 1000))


# 10, 25, 29


@pytest.mark.parametrize(
    "fill", [b";", b"; a", b'; a="', b"; a=b", b'"', b"\\", b'\\"', b"=", b'; name="a"'], ids=ascii
)
def test_the_parameters_of_a_part_cost_linear_time(fill: bytes) -> None:
    """CVE-2026-53539, CVE-2026-28356: all the headers that a form may have, full of separators."""

    def work(size: int) -> None:
        filled = (fill * size)[:size].decode()
        body = form(*[part(f'name="a"{filled}', b"x")] * 100)
        for _ in range(5):
            with suppress(SanicException):
                read_in([body])

    assert_linear(work, 250)


@pytest.mark.parametrize("fill", [b";", b"a;", b";a=b", b"%", b"%4", b"%41", b"+", b"a=%ff"], ids=ascii)
def test_the_separators_of_urlencoded_cost_linear_time(fill: bytes) -> None:
    """CVE-2026-53539."""

    def work(size: int) -> None:
        with suppress(SanicException):
            parse_form(b"a=" + fill * (size // len(fill)), URLENCODED, LIMITS)

    assert_linear(work, MIB // 20)


# 26


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "..\\evil", "evil\0", ".", "", "C:\\evil"])
async def test_the_name_of_an_upload_is_never_a_path(
    app: Sanic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """CVE-2026-24486: it is told as it was sent, and a file is where the handler wants it."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)

    @app.post("/whole")
    async def all_at_once(request: Request) -> HTTPResponse:
        return text(request.files.get("f").name)

    @app.post("/parts", stream=True)
    async def streamed(request: Request) -> HTTPResponse:
        item = await anext(request.parts())
        await item.save(folder / "mine")
        return text(item.filename or "")

    async with running(app) as client:
        extended = "".join(f"%{byte:02x}" for byte in name.encode())
        body = form(part(f"name=f; filename*=utf-8''{extended}", b"x"))
        for path in ("/whole", "/parts"):
            answer = await client.post(path, content=body, headers={"content-type": TYPE})
            assert answer.status_code == 200
    found = [os.path.join(where, each) for where, _, files in os.walk(tmp_path) for each in files]
    assert found == [str(folder / "mine")]
    assert not await trio.Path("/tmp/evil").exists()


# 27


@pytest.mark.parametrize("at", range(0, 160, 7))
async def test_a_malformed_form_ends(at: int) -> None:
    """CVE-2024-30251: whatever is missing, or comes instead."""
    body = form(field("a", b"1"), file("f", b"2"))
    for bad in (body[:at], body[:at] + b"\0" + body[at + 1 :], body[:at] + body[at + 2 :], body[:at] + body):
        try:
            parts = [await item.read() async for item in Parts(Pieces(split(bad, [at])), TYPE, LIMITS)]
        except SanicException as exc:
            assert exc.status_code in {400, 413}
        else:
            assert len(parts) <= 4


# 28


async def test_a_bad_form_is_one_log_line_at_most(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    """CVE-2025-47287: here it is none, unless ``NOISY_EXCEPTIONS`` is set."""

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        return text(str(request.form))

    body = form(*[part(f'name="a{number}"', b"\xff", "X: y") for number in range(100)])
    with caplog.at_level(logging.DEBUG):
        for noisy in (False, True):
            app.config.NOISY_EXCEPTIONS = noisy
            caplog.clear()
            async with running(app) as client:
                answer = await client.post("/", content=body, headers={"content-type": TYPE})
            assert answer.status_code == 400
            levels = [
                each.levelno for each in caplog.records if each.name in {logger.name, error_logger.name}
            ]
            assert sum(level >= logging.WARNING for level in levels) == noisy
