"""The programs of the page work, and Sanic's database program does with one decorator more."""

import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from trio.testing import MockClock

from tests.asyncio_extra.database import Database
from triosanic import Sanic
from triosanic.testing import running

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "docs" / "asyncio.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)
SEED: Final = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "tests" / "examples" / "seed_streaming.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)


def run(program: str) -> Sanic:
    """Run a program as an import would, and give its app."""
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(program, "asyncio.md", "exec"), namespace)
    app: Sanic = namespace["app"]
    return app


@pytest.fixture(autouse=True)
def asyncpg(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setattr(Sanic, "test_mode", True)
    monkeypatch.setitem(sys.modules, "asyncpg", database)


def test_the_page_has_programs() -> None:
    """A pattern that finds nothing would leave nothing to test."""
    assert len(PROGRAMS) == 3


async def test_database_program(database: Database, autojump_clock: MockClock) -> None:
    async with running(run(PROGRAMS[0])) as client:
        for _ in range(3):
            assert (await client.get("/")).text == "012345678910"
    assert not database.open


async def test_shouting_program(autojump_clock: MockClock) -> None:
    async with running(run(PROGRAMS[1])) as client:
        assert (await client.post("/", content=b"abc")).text == "ABC"


async def test_pool_program(database: Database, autojump_clock: MockClock) -> None:
    async with running(run(PROGRAMS[2])) as client:
        assert (await client.get("/21")).json() == 42
    assert not database.open


async def test_database_program_of_sanics_page(autojump_clock: MockClock) -> None:
    (program,) = (program for program in SEED if "asyncpg" in program)
    decorated = program.replace('@app.route("/")\n', '@app.route("/")\n@aio_handler\n')
    assert decorated.count("@aio_handler") == 1
    head = (
        "import asyncpg\nfrom triosanic import Sanic\nfrom triosanic.asyncio import aio_handler\n"
        "from triosanic.response import stream\napp = Sanic('page')\n"
    )
    async with running(run(head + decorated)) as client:
        assert (await client.get("/")).text == "012345678910"
