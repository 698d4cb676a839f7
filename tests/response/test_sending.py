"""How the bytes of a file get to a client: all of them, or visibly not, and nobody waits for a disk."""

import errno
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.response.test_files import open_files, write
from tests.static.asked import ask, parse, request
from triosanic import HTTPResponse, Request, Sanic
from triosanic.http import sendfile
from triosanic.http.sendfile import OpenFile
from triosanic.response import file, file_stream, text
from triosanic.testing import open_raw

MIB = 1 << 20
# What the kernel may hold of a response that nobody reads, on any machine that tests run on.
HELD_BYTES = 24 * MIB

pytestmark = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="this system has no sendfile")


@asynccontextmanager
async def connected(app: Sanic, path: Path | None = None) -> AsyncIterator[trio.SocketStream]:
    """Serve over real sockets, which is where sendfile is; give one connection."""
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            unix = None if path is None else path / "socket"
            [address] = await nursery.start(partial(app.serve, port=0, unix=unix))
            if unix is None:
                stream = await trio.open_tcp_stream(*address[:2])
            else:
                stream = await trio.open_unix_socket(unix)
            async with stream:
                yield stream
            app.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again, for what no event tells."""
    for _ in range(3000):
        if condition():
            return
        await trio.sleep(0.01)
    pytest.fail("this did not come about in 30 s")


async def rest(stream: trio.SocketStream) -> bytes:
    data = bytearray()
    async for piece in stream:
        data += piece
    return bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.txt"


@pytest.fixture
def app(app: Sanic, path: Path) -> Sanic:
    @app.get("/")
    async def whole(request: Request) -> HTTPResponse:
        return await file_stream(path)

    @app.get("/hello")
    def hello(request: Request) -> HTTPResponse:
        return text("hello")

    return app


@pytest.mark.parametrize("kind", ["tcp", "unix", "memory"])
@pytest.mark.parametrize("size", [0, 1, 100_000, 5 * MIB + 1])
async def test_a_file_comes_whole_on_every_wire(
    app: Sanic, path: Path, tmp_path: Path, kind: str, size: int
) -> None:
    data = write(path, size)
    if kind == "memory":
        assert (await ask(app, "/")).body == data
    else:
        async with connected(app, tmp_path if kind == "unix" else None) as stream:
            await stream.send_all(request("/"))
            assert parse(await rest(stream)).body == data
    assert open_files() == set()


async def test_a_socket_gets_it_by_sendfile(app: Sanic, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte of it goes through this process."""

    def refuse(*args: Any) -> bytes:
        raise AssertionError("the file was read")

    data = write(path, MIB)
    monkeypatch.setattr(OpenFile, "read", refuse)
    async with connected(app) as stream:
        await stream.send_all(request("/"))
        assert parse(await rest(stream)).body == data


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
async def test_a_file_that_cannot_be_sent_so_is_read(
    app: Sanic, path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*args: Any) -> int:
        raise OSError(code, os.strerror(code))

    data = write(path, MIB)
    monkeypatch.setattr(os, "sendfile", refuse)
    async with connected(app) as stream:
        await stream.send_all(request("/"))
        assert parse(await rest(stream)).body == data


@pytest.mark.parametrize("kind", ["tcp", "memory"])
async def test_a_file_that_becomes_shorter_never_looks_whole(
    app: Sanic, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 9112 6.3: the length was promised."""
    write(path, 3 * MIB)

    @app.on_response
    def cut(request: Request, response: HTTPResponse) -> None:
        os.truncate(path, MIB)

    if kind == "memory":
        with pytest.raises(trio.BrokenResourceError):
            await ask(app, "/")
    else:
        async with connected(app) as stream:
            await stream.send_all(request("/"))
            with pytest.raises(trio.BrokenResourceError):
                await rest(stream)
    assert "became 2097152 bytes shorter" in caplog.text
    assert "aborted after 1048576 bytes" in caplog.text
    assert open_files() == set()


@pytest.mark.parametrize("kind", ["tcp", "memory"])
async def test_a_file_that_cannot_be_read_never_looks_whole(
    app: Sanic, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise OSError(errno.EIO, "the disk is broken")

    write(path, 3 * MIB)
    monkeypatch.setattr(os, "sendfile", fail)
    monkeypatch.setattr(OpenFile, "read", fail)
    if kind == "memory":
        with pytest.raises(trio.BrokenResourceError):
            await ask(app, "/")
    else:
        async with connected(app) as stream:
            await stream.send_all(request("/"))
            with pytest.raises(trio.BrokenResourceError):
                await rest(stream)
    assert open_files() == set()


@pytest.mark.parametrize("kind", ["tcp", "memory"])
async def test_a_file_that_grows_is_cut_at_its_promised_length(app: Sanic, path: Path, kind: str) -> None:
    """What is more would be taken for the next answer."""
    data = write(path, 3 * MIB)

    @app.on_response
    def grow(request: Request, response: HTTPResponse) -> None:
        with path.open("ab") as out:
            out.write(b"HTTP/1.1 200 OK\r\n\r\n")

    asked = request("/").replace(b"Connection: close\r\n", b"") + request("/hello")
    if kind == "memory":
        async with open_raw(app) as stream:
            await stream.send(asked)
            answers = await stream.rest()
    else:
        async with connected(app) as tcp:
            await tcp.send_all(asked)
            answers = await rest(tcp)
    end = answers.index(b"\r\n\r\n") + 4 + len(data)
    assert parse(answers[:end]).body == data
    assert parse(answers[end:]).body == b"hello"


async def test_a_client_that_leaves_costs_no_descriptor(app: Sanic, path: Path) -> None:
    write(path, HELD_BYTES)
    async with connected(app) as stream:
        await stream.send_all(request("/"))
        await stream.receive_some(1)
        assert open_files() == {str(path)}
        await stream.aclose()
        await until(lambda: not open_files())


async def test_a_response_that_is_not_sent_costs_no_descriptor(app: Sanic, path: Path) -> None:
    write(path, MIB)

    @app.on_response
    def other(request: Request, response: HTTPResponse) -> HTTPResponse:
        return text("other")

    assert (await ask(app, "/")).body == b"other"
    # The thread that opened it may still be about to let go of it.
    await until(lambda: not open_files())


async def test_head_reads_nothing(app: Sanic, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110 9.3.2."""

    def refuse(*args: Any) -> bytes:
        raise AssertionError("the file was read")

    write(path, 1000)
    monkeypatch.setattr(OpenFile, "read", refuse)
    monkeypatch.setattr(os, "sendfile", refuse)
    app.static("/static", path.parent)
    async with connected(app) as stream:
        await stream.send_all(request("/static/a.txt", method="HEAD"))
        found = parse(await rest(stream))
    assert (found.status, found.headers["content-length"], found.body) == (200, "1000", b"")
    assert open_files() == set()


async def test_a_slow_reader_gets_all_of_it(app: Sanic, path: Path) -> None:
    """WRITE_TIMEOUT counts from the last progress, and what the kernel holds back hides none."""
    data = write(path, HELD_BYTES)
    app.config.WRITE_TIMEOUT = 1.0
    async with connected(app) as stream:
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 65536)
        await stream.send_all(request("/"))
        found, begun = bytearray(), trio.current_time()
        while trio.current_time() < begun + 3:
            found += await stream.receive_some(16_384)
            await trio.sleep(0.05)  # some 300 KB/s
        async for piece in stream:
            found += piece
    assert parse(bytes(found)).body == data


async def test_a_reader_that_stops_is_cut_off(
    app: Sanic, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, HELD_BYTES)
    app.config.WRITE_TIMEOUT = 0.2
    async with connected(app) as stream:
        await stream.send_all(request("/"))
        await until(lambda: bool(open_files()))
        await until(lambda: not open_files())
        with pytest.raises(trio.BrokenResourceError):
            await rest(stream)


async def test_nobody_waits_for_a_disk(app: Sanic, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in memory is read by a thread before it is sent."""
    data = write(path, MIB)
    asked, ready = threading.Event(), threading.Event()
    loading = sendfile._load  # noqa: SLF001  # the place where a disk makes wait

    def load(fd: int, start: int, size: int) -> None:
        asked.set()
        assert ready.wait(30)
        loading(fd, start, size)

    monkeypatch.setattr(sendfile, "_in_memory", lambda *args: False)
    monkeypatch.setattr(sendfile, "_load", load)
    async with connected(app) as slow:
        await slow.send_all(request("/"))
        await until(asked.is_set)
        address = slow.socket.getpeername()
        async with await trio.open_tcp_stream(*address[:2]) as quick:
            await quick.send_all(request("/hello"))
            assert parse(await rest(quick)).body == b"hello"
        ready.set()
        assert parse(await rest(slow)).body == data


async def test_what_was_sent_is_in_the_access_log(
    app: Sanic, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, 2 * MIB)
    app.config.ACCESS_LOG = True
    with caplog.at_level(logging.INFO, "sanic.access"):
        async with connected(app) as stream:
            await stream.send_all(request("/"))
            await rest(stream)
    [record] = [record for record in caplog.records if record.name == "sanic.access"]
    assert (record.__dict__["status"], record.__dict__["byte"]) == (200, 2 * MIB)


async def test_a_large_response_is_sent_once(app: Sanic, path: Path) -> None:
    """Its file is closed after that; a second use must not look like an empty file."""
    write(path, MIB)

    @app.before_server_start
    async def make(app: Sanic) -> None:
        app.ctx.response = await file(path)

    @app.get("/again")
    def again(request: Request) -> HTTPResponse:
        response: HTTPResponse = request.app.ctx.response
        return response

    async with connected(app) as stream:
        asked = request("/again").replace(b"Connection: close\r\n", b"")
        await stream.send_all(asked + asked)
        with pytest.raises(trio.BrokenResourceError):
            await rest(stream)


async def test_a_large_file_begins_no_stream(app: Sanic, path: Path) -> None:
    write(path, MIB)

    @app.get("/begin")
    async def begin(request: Request) -> None:
        await request.respond(await file(path))

    assert (await ask(app, "/begin")).status == 500
    assert open_files() == set()
