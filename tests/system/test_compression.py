"""curl and httpx read what is compressed as it leaves; a stream of any length costs no memory."""

import hashlib
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

MIB: Final = 2**20
LIMIT_S: Final = 110
# The compressor, what waits for it, and what the client has not taken.
GROWTH_BYTES: Final = 8 * MIB

PROGRAM: Final = '''\
import os

import trio

from triosanic import Sanic, text

app = Sanic("compressed")
app.config.RESPONSE_COMPRESSION = True
LINE = "%09d bottles of beer on the wall\\n"
step = trio.Event()


@app.get("/whole")
async def whole(request):
    return text("".join(LINE % number for number in range(100_000)))


@app.get("/stream/<count:int>")
async def stream(request, count):
    for number in range(0, count, 100):
        yield "".join(LINE % line for line in range(number, number + 100))


@app.get("/events")
async def events(request):
    global step
    response = await request.respond(content_type="text/event-stream")
    for number in range(5):
        await response.send(f"data: {number}\\n\\n")
        await step.wait()
        step = trio.Event()


@app.post("/step")
async def go_on(request):
    step.set()
    return text("")


app.run(port=int(os.environ["PORT"]))
'''


@asynccontextmanager
async def compressed(folder: Path) -> AsyncIterator[Server]:
    source = folder / "program.py"
    source.write_text(PROGRAM)
    async with serving(source) as server:
        yield server


def digest_of_lines(count: int) -> str:
    digest = hashlib.sha256()
    for number in range(count):
        digest.update(b"%09d bottles of beer on the wall\n" % number)
    return digest.hexdigest()


async def curl(url: str, *arguments: str) -> tuple[str, int]:
    """Have curl read an answer; give the sum of its content, and how many bytes curl got."""
    digest = hashlib.sha256()
    command = [program("curl"), "-sSf", "-w", "%{stderr}%{size_download}", *arguments, url]
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(_spawn, command)
            assert process.stdout is not None
            assert process.stderr is not None
            async for piece in process.stdout:
                digest.update(piece)
            told = b"".join([piece async for piece in process.stderr])
            assert await process.wait() == 0, told
    return digest.hexdigest(), int(told)


async def _spawn(command: list[str], task_status: trio.TaskStatus[trio.Process]) -> None:
    await trio.run_process(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, task_status=task_status
    )


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
@pytest.mark.parametrize("path", ["/whole", "/stream/100000"])
async def test_curl_reads_each_coding(tmp_path: Path, coding: str, path: str) -> None:
    async with compressed(tmp_path) as server:
        field = ("-H", f"Accept-Encoding: {coding}")
        found, size = await curl(server.url + path, "--compressed", *field)
        assert found == digest_of_lines(100_000)
        assert size < 3_800_000 / 5
        assert await curl(server.url + path) == (found, 3_800_000)


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
async def test_a_long_stream_costs_no_memory(tmp_path: Path, coding: str) -> None:
    async with compressed(tmp_path) as server:
        field = ("--compressed", "-H", f"Accept-Encoding: {coding}")
        await curl(server.url + "/stream/100000", *field)
        before = server.peak_bytes()
        found, _ = await curl(server.url + "/stream/2000000", *field)  # 76 MB
        assert found == digest_of_lines(2_000_000)
        assert server.peak_bytes() - before <= GROWTH_BYTES


async def test_httpx_sees_each_event_before_the_next_is_made(tmp_path: Path) -> None:
    async with compressed(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        with trio.fail_after(LIMIT_S):
            async with client.stream("GET", "/events") as answer:
                assert answer.headers["content-encoding"] in ("zstd", "br", "gzip")
                number = 0
                async for event in answer.aiter_text():
                    assert event == f"data: {number}\n\n"
                    number += 1
                    await client.post("/step")
    assert number == 5
