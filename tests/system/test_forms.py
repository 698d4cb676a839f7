"""curl and httpx send forms with large files to a real server, which stays as small as it was."""

import hashlib
import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.forms.bodies import TYPE, field, file, form
from tests.http.wires import get
from tests.misfortunes.peers import Peer
from tests.system import counted
from tests.system.tools import EXAMPLES, Server, program, serving

pytestmark = pytest.mark.system

MIB = 2**20
FULL = os.environ.get("TRIOSANIC_FULL") == "1"
SIZE_MIB = 4096 if FULL else int(os.environ.get("TRIOSANIC_UPLOAD_MIB", "64"))
LIMIT_S = 900 if FULL else 110
# What a server that is idle may grow by for other reasons than the length of the body.
GROWTH_BYTES = 8 * MIB
# How long what is left of an upload may stay.
PATIENCE_S = 30
OPENING = field("title", b"Trip") + file("film", b"").removesuffix(b"\r\n")
CLOSING = b"\r\n" + form(field("note", b"last"))
FILE_END = len(OPENING) + SIZE_MIB * MIB
PLACES = {
    "in the first delimiter": 2,
    "in the header of a field": 20,
    "in a field": OPENING.index(b"Trip") + 2,
    "in the header of the file": len(OPENING) - 3,
    "after one byte of the file": len(OPENING) + 1,
    "after a third of it": FILE_END // 3,
    "after two thirds of it": FILE_END // 3 * 2,
    "at its end": FILE_END,
    "in the delimiter behind it": FILE_END + 4,
    "in the last delimiter": FILE_END + len(CLOSING.rstrip()) - 1,
}


def content(mebibytes: int) -> Iterator[bytes]:
    """Give what is different everywhere and full of what delimiters begin with."""
    lines = b"".join(b"\r\n--%04d" % line for line in range(1, 512))  # with a number before them, 4 KiB
    for number in range(mebibytes):
        yield b"".join(b"%08d" % (256 * number + place) + lines for place in range(256))


def write(path: Path, mebibytes: int) -> None:
    with path.open("wb") as out:
        out.writelines(content(mebibytes))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[Path]:
    """Give the folder for uploads; what is in it afterwards is large."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    yield folder
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


async def curl(*arguments: str) -> Any:
    with trio.fail_after(LIMIT_S):
        done = await trio.run_process([program("curl"), "-sSf", *arguments], capture_stdout=True)
    return json.loads(done.stdout)


def stored(uploads: Path, answer: Any) -> list[tuple[str, int, str]]:
    return [
        (each["name"], each["size"], digest(uploads / answer["upload"] / each["stored"]))
        for each in answer["files"]
    ]


async def send(server: Server, *parts: str) -> Any:
    return await curl(*(word for part in parts for word in ("-F", part)), f"{server.url}/uploads")


async def test_curl_sends_a_large_file_between_fields(tmp_path: Path, uploads: Path) -> None:
    small, large = tmp_path / "small.bin", tmp_path / "large.bin"
    await trio.to_thread.run_sync(write, small, 1)
    await trio.to_thread.run_sync(write, large, SIZE_MIB)
    async with serving(EXAMPLES / "uploads.py", {"UPLOADS_FOLDER": str(uploads)}) as server:
        await send(server, "title=Trip", f"file=@{small}")
        before = server.peak_bytes()
        told = await send(server, "title=Tröp", f"a=@{large}", f'b=@{small};filename=../ü"x.bin', "note=last")
        grown = server.peak_bytes() - before
    assert told["fields"] == {"title": ["Tröp"], "note": ["last"]}
    sent = [(path.stat().st_size, digest(path)) for path in (large, small)]
    assert stored(uploads, told) == [("large.bin", *sent[0]), ('../ü"x.bin', *sent[1])]
    assert grown <= GROWTH_BYTES


async def test_httpx_sends_files(tmp_path: Path, uploads: Path) -> None:
    path = tmp_path / "file.bin"
    await trio.to_thread.run_sync(write, path, 8)
    content = await trio.Path(path).read_bytes()
    async with (
        serving(EXAMPLES / "uploads.py", {"UPLOADS_FOLDER": str(uploads)}) as server,
        httpx.AsyncClient(timeout=LIMIT_S) as client,
    ):
        first: tuple[str, tuple[str, bytes, str]] = ("a", ("é.bin", content, "image/png"))
        answer = await client.post(
            f"{server.url}/uploads", data={"t": ["1", "2"]}, files=[first, ("a", ("2.bin", b""))]
        )
    told = answer.json()
    assert told["fields"] == {"t": ["1", "2"]}
    empty = hashlib.sha256(b"").hexdigest()
    assert stored(uploads, told) == [("é.bin", len(content), digest(path)), ("2.bin", 0, empty)]


async def send_until(peer: Peer, place: int) -> None:
    """Send an upload up to a place in its body."""
    length = f"Content-Length: {FILE_END + len(CLOSING)}"
    await peer.send(get("/uploads", f"Content-Type: {TYPE}", length, method="POST"))
    for piece in chain([OPENING], content(SIZE_MIB), [CLOSING]):
        await peer.send(piece[:place])
        place -= len(piece)
        if place <= 0:
            return


def files(folder: Path) -> list[str]:
    """Give the names of what is there; the server may remove a folder while this looks into it."""
    return sorted(chain.from_iterable((*folders, *names) for _, folders, names in os.walk(folder)))


async def left(server: Server, client: httpx.AsyncClient, folder: Path) -> tuple[object, ...]:
    """Tell what there is of a server: files, as descriptors those without a name too; and tasks."""
    tasks = (await client.get(f"{server.url}/tasks")).json()
    return files(folder), len(os.listdir(f"/proc/{server.process.pid}/fd")), tasks


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_nothing_is_left_where_the_connection_is_cut(tmp_path: Path, uploads: Path, how: str) -> None:
    small = tmp_path / "small.bin"
    await trio.to_thread.run_sync(write, small, 1)
    environment = {"UPLOADS_FOLDER": str(uploads), "TMPDIR": str(uploads)}
    async with (
        serving(Path(counted.__file__), environment) as server,
        httpx.AsyncClient(timeout=LIMIT_S) as client,
    ):
        await send(server, f"file=@{small}")
        before, peak = await left(server, client, uploads), server.peak_bytes()
        for where, place in PLACES.items():
            with trio.fail_after(LIMIT_S):
                peer = Peer(await trio.open_tcp_stream("127.0.0.1", server.port), PATIENCE_S)
                await send_until(peer, place)
                while files(uploads) == before[0]:  # noqa: ASYNC110  # another process's
                    await trio.sleep(0.01)
                await (peer.leave() if how == "FIN" else peer.reset())
            with trio.move_on_after(PATIENCE_S):
                while await left(server, client, uploads) != before:  # noqa: ASYNC110  # likewise
                    await trio.sleep(0.01)
            assert await left(server, client, uploads) == before, where
        assert server.peak_bytes() - peak <= GROWTH_BYTES
        assert b"Traceback" not in server.output, server.output.decode()
