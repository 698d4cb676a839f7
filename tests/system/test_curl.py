"""curl sends a file of gigabytes through the page's echo, and the server stays as small as it was."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
import trio

from tests.system.tools import EXAMPLES, Server, program, serving

pytestmark = pytest.mark.system

MIB = 2**20
FULL = os.environ.get("TRIOSANIC_FULL") == "1"
SIZE_MIB = 2048 if FULL else int(os.environ.get("TRIOSANIC_ECHO_MIB", "256"))
# The programs run on the machine's cores together with curl and tr.
LIMIT_S = 110
# What a server that is idle may grow by for other reasons than the length of the body.
GROWTH_BYTES = 8 * MIB


def write_ascii(file: Path, mebibytes: int) -> None:
    """Write numbered lines: a piece lost, doubled or moved changes the sum."""
    with file.open("wb") as out:
        for number in range(mebibytes):
            out.write(b"".join(b"%07d %05d 1\n" % (number, line) for line in range(MIB // 16)))


async def digest(*command: str, stdin: Path = Path(os.devnull)) -> str:
    """Run a program, and give the sum of what it writes."""
    total = hashlib.sha256()
    with trio.fail_after(LIMIT_S), open(stdin, "rb") as source:  # noqa: ASYNC230  # only opened here
        process = await trio.lowlevel.open_process(command, stdin=source, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            async for piece in process.stdout:
                total.update(piece)
            assert await process.wait() == 0
        finally:
            if process.poll() is None:
                process.kill()
    return total.hexdigest()


async def echoed(server: Server, file: Path) -> str:
    curl = (program("curl"), "--silent", "--show-error", "--fail", "--no-buffer")
    return await digest(*curl, "-X", "POST", "-T", str(file), f"{server.url}/stream")


async def test_file_comes_back_as_tr_makes_it(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    await trio.to_thread.run_sync(write_ascii, small, 1)
    await trio.to_thread.run_sync(write_ascii, large, SIZE_MIB)
    async with serving(EXAMPLES / "streaming.py") as server:
        assert await echoed(server, small) == await digest(program("tr"), "1", "A", stdin=small)
        before = server.peak_bytes()
        assert await echoed(server, large) == await digest(program("tr"), "1", "A", stdin=large)
        assert server.peak_bytes() - before <= GROWTH_BYTES


async def test_input_of_unknown_length_is_chunked(tmp_path: Path) -> None:
    """``curl -T -`` sends what it reads from its input."""
    file = tmp_path / "file"
    await trio.to_thread.run_sync(write_ascii, file, 4)
    async with serving(EXAMPLES / "streaming.py") as server:
        curl = (program("curl"), "-sSf", "-X", "POST", "-T", "-", f"{server.url}/stream")
        assert await digest(*curl, stdin=file) == await digest(program("tr"), "1", "A", stdin=file)


async def test_million_records_go_in_and_out(tmp_path: Path) -> None:
    """In either direction no more than a batch is held."""
    few = await peak_of_round_trip(tmp_path / "few", 1_000)
    many = await peak_of_round_trip(tmp_path / "many", 1_000_000)
    assert many - few <= GROWTH_BYTES


async def peak_of_round_trip(folder: Path, rows: int) -> int:
    """Send rows up and fetch them, and tell how much memory that took the server."""
    await trio.Path(folder).mkdir()
    file = folder / "rows.csv"
    lines = [f"name {row},{row}\r\n" for row in range(rows)]
    table = "".join(["name,amount\r\n", *lines]).encode()
    await trio.Path(file).write_bytes(table)
    curl = (program("curl"), "--silent", "--show-error", "--fail")
    async with serving(EXAMPLES / "records.py", {"RECORDS_FILE": f"{folder}/records.sqlite3"}) as server:
        await digest(*curl, "-X", "POST", "-T", str(file), f"{server.url}/records")
        received = await digest(*curl, f"{server.url}/records")
        assert received == hashlib.sha256(table).hexdigest()
        return server.peak_bytes()
