"""curl and httpx take files, in whole and in part, and a large one costs no memory."""

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
import trio

from tests.system.tools import Server, program, serving

pytestmark = pytest.mark.system

MIB = 2**20
FULL = os.environ.get("TRIOSANIC_FULL") == "1"
SIZE_MIB = 1024 if FULL else 256
GROWTH_BYTES = 8 * MIB
LIMIT_S = 110
OLD = 1_000_000_000

PROGRAM: Final = """\
import os
from triosanic import Sanic

app = Sanic("files")
app.static("/files", os.environ["FILES"], use_content_range=True, directory_view=True)
app.run(port=int(os.environ["PORT"]))
"""


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[Server]:
    """Serve a folder as a program of its own does."""
    source = folder.with_name("program.py")
    source.write_text(PROGRAM)
    async with serving(source, {"FILES": str(folder)}) as server:
        yield server


async def curl(*arguments: str) -> bytes:
    """Run curl, and give what it writes."""
    with trio.fail_after(LIMIT_S):
        done = await trio.run_process(
            [program("curl"), "--silent", "--show-error", *arguments], capture_stdout=True, check=False
        )
    assert done.returncode == 0, arguments
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    data = b"".join(b"%07d\n" % number for number in range(MIB // 8))
    (folder / "data.bin").write_bytes(data)
    os.utime(folder / "data.bin", (OLD, OLD))
    return folder


async def test_curl_takes_ranges_and_resumes(folder: Path) -> None:
    data = (folder / "data.bin").read_bytes()
    async with files(folder) as server:
        url = f"{server.url}/files/data.bin"
        assert await curl(url) == data
        assert await curl("--range", "8-15", url) == b"0000001\n"
        assert await curl("--range", "-8", url) == data[-8:]
        several = await curl("--range", "0-6,1000-1006", url)
        assert several.count(b"content-range: bytes") == 2
        part = folder.with_name("part")
        part.write_bytes(data[:300_000])
        status = await curl("-C", "-", "--write-out", "%{http_code}", "-o", str(part), url)
        assert (status, part.read_bytes()) == (b"206", data)


async def test_curl_asks_for_what_is_newer(folder: Path) -> None:
    """``-z`` and ``--etag-compare``: the second time there is nothing to send."""
    async with files(folder) as server:
        url = f"{server.url}/files/data.bin"
        copy, tag = folder.with_name("copy"), folder.with_name("tag")
        first = await curl("-R", "-o", str(copy), "--etag-save", str(tag), "-w", "%{http_code}", url)
        assert first == b"200"
        assert await curl("-z", str(copy), "-o", os.devnull, "-w", "%{http_code}", url) == b"304"
        again = ("--etag-compare", str(tag), "-o", os.devnull, "-w", "%{http_code} %{size_download}")
        assert await curl(*again, url) == b"304 0"
        (folder / "data.bin").write_bytes(b"new")
        assert await curl(*again, url) == b"200 3"


async def test_curl_gets_nothing_from_outside(folder: Path) -> None:
    async with files(folder) as server:
        for path in ("../program.py", "%2e%2e/program.py", "..%2fprogram.py", "//etc/passwd"):
            url = f"{server.url}/files/{path}"
            status = await curl("--path-as-is", "-o", os.devnull, "-w", "%{http_code}", url)
            assert status == b"404", path


async def test_httpx_walks_through_a_listing(folder: Path) -> None:
    (folder / "a b").mkdir()
    (folder / "a b" / "ä#?.txt").write_text("found")
    async with files(folder) as server, httpx.AsyncClient(base_url=server.url) as client:
        page = await client.get("/files/")
        assert 'href="a%20b/"' in page.text
        moved = await client.get("/files/a%20b")
        assert moved.next_request is not None
        listed = await client.send(moved.next_request)
        name = listed.text.split('href="')[2].partition('"')[0]
        found = await client.get(listed.url.join(name))
        assert found.text == "found"


async def test_a_large_file_costs_no_memory(folder: Path) -> None:
    """A sparse file: what would be held is seen, though no disk holds it."""
    large = folder / "large"
    with large.open("wb") as out:
        out.truncate(SIZE_MIB * MIB)
        out.seek(SIZE_MIB * MIB // 2)
        out.write(b"here")
    async with files(folder) as server:
        await curl("-o", os.devnull, f"{server.url}/files/data.bin")
        before = server.peak_bytes()
        got = await digest(f"{server.url}/files/large")
        assert got == await trio.to_thread.run_sync(digest_of, large)
        assert server.peak_bytes() - before <= GROWTH_BYTES


def digest_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


async def digest(url: str) -> str:
    """Give the sum of what curl gets."""
    total = hashlib.sha256()
    with trio.fail_after(LIMIT_S):
        process = await trio.lowlevel.open_process(
            [program("curl"), "--silent", "--fail", url], stdout=subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            async for piece in process.stdout:
                total.update(piece)
            assert await process.wait() == 0
        finally:
            if process.poll() is None:
                process.kill()
    return total.hexdigest()
