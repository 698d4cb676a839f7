"""asyncpg works in a handler that wears one decorator more, and records live in PostgreSQL too."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from tests.system.tools import EXAMPLES, ROOT, serving

pytestmark = pytest.mark.system

PAGE = (ROOT / "tests" / "examples" / "seed_streaming.md").read_text(encoding="utf-8")
LIMIT_S = 100


def tool(name: str) -> str:
    """Find a program of PostgreSQL's, which Debian keeps out of the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(folders))])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"{name} of PostgreSQL is not installed; `make test-system` installs it")
    return found


def owner() -> str | None:
    """Name the user for a server that refuses to run as root."""
    if os.geteuid():
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Mapping[str, str]]:
    """Run a server of our own on a socket in a new folder; give the environment that leads to it."""
    user = owner()
    # Not pytest's folder: other users may not enter it, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        run = partial(subprocess.run, user=user, check=True, cwd="/", stdout=subprocess.DEVNULL)
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        run([tool("initdb"), "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        control = [tool("pg_ctl"), "-D", data, "-w"]
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run([*control, "-l", f"{folder}/log", "-o", options, "start"])
        os.chmod(folder, 0o755)
        try:
            run([tool("createdb"), "-h", folder, "-U", "tester", "test"])
            yield {
                "PGHOST": folder,
                "PGUSER": "tester",
                "DATABASE_URL": f"postgresql://tester@/test?host={folder}",
            }
        finally:
            run([*control, "-m", "immediate", "stop"])


async def test_program_of_the_page_with_one_decorator_more(
    postgresql: Mapping[str, str], tmp_path: Path
) -> None:
    programs = re.findall(r"^```\w*\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    decorated = programs[1].replace('@app.route("/")\n', '@app.route("/")\n@aio_handler\n')
    assert decorated != programs[1]
    file = tmp_path / "page.py"
    file.write_text(
        "import asyncpg\n"
        "from triosanic import Sanic\n"
        "from triosanic.asyncio import aio_handler\n"
        "from triosanic.response import stream\n"
        f"app = Sanic('page')\n{decorated}\napp.run(port=0)\n"
    )
    async with serving(file, postgresql) as server, httpx.AsyncClient() as client:
        for _ in range(3):
            assert (await client.get(server.url, timeout=LIMIT_S)).text == "012345678910"


async def test_streaming_example_has_the_database(postgresql: Mapping[str, str]) -> None:
    async with serving(EXAMPLES / "streaming.py", postgresql) as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/db", timeout=LIMIT_S)).text == "012345678910"
        assert b"Traceback" not in server.output, server.output.decode()


async def test_records_round_trip(postgresql: Mapping[str, str]) -> None:
    rows = "name,amount\r\n" + "".join(f"name {row},{row}\r\n" for row in range(100_000))
    async with (
        serving(EXAMPLES / "records.py", postgresql) as server,
        httpx.AsyncClient(timeout=LIMIT_S) as client,
    ):
        url = f"{server.url}/records"
        answer = await client.post(url, content=rows)
        assert (answer.status_code, answer.json()) == (201, {"records": 100_000})
        assert (await client.get(url)).text == rows

        wrong = await client.post(url, content="name,amount\r\na,1\r\nb,x\r\n")
        assert wrong.status_code == 400
        assert "Line 3" in wrong.text

        head = b"POST /records HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            await stream.send_all(head + b"name,amount\r\n" + b"row,1\r\n" * 50_000)
        assert (await client.post(url, content="name,amount\r\n")).json() == {"records": 0}
        assert (await client.get(url)).text == rows
        assert b"Traceback" not in server.output, server.output.decode()
