"""Each program of the page runs, with nothing changed but the name of the import."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import trio

from tests.examples.conftest import Serve

PAGE = Path(__file__).with_name("seed_streaming.md").read_text(encoding="utf-8")
EXAMPLE = (Path(__file__).parents[2] / "examples" / "streaming.py").read_text(encoding="utf-8")
SAMPLE, DATABASE, WHOLE = (
    re.sub(r"^(from|import) sanic\b", r"\1 triosanic", program, flags=re.MULTILINE)
    for program in re.findall(r"^```\w*\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
)


def run(program: str, **names: object) -> dict[str, Any]:
    """Run a program as an import would, and give its names."""
    namespace: dict[str, Any] = {"__name__": "seed_page", **names}
    exec(compile(program, "seed_streaming.md", "exec"), namespace)
    return namespace


def asyncpg_on_trio() -> ModuleType:
    """A database driver with asyncpg's face, native to Trio."""

    class Connection:
        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[None]:
            yield

        async def cursor(self, query: str) -> AsyncIterator[tuple[int]]:
            assert query == "SELECT generate_series(0, 10)"
            for number in range(11):
                await trio.lowlevel.checkpoint()
                yield (number,)

    async def connect(*, database: str) -> Connection:
        assert database == "test"
        await trio.lowlevel.checkpoint()
        return Connection()

    module = ModuleType("asyncpg")
    vars(module)["connect"] = connect
    return module


async def test_sample_is_streamed_as_csv(serve: Serve, client: httpx.AsyncClient) -> None:
    url = await serve(run(SAMPLE)["app"])
    answer = await client.get(url)
    assert (answer.status_code, answer.text) == (200, "foo,bar")
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["transfer-encoding"] == "chunked"


async def test_records_of_a_database_are_streamed(serve: Serve, client: httpx.AsyncClient) -> None:
    """The page leaves out the imports and the app, and writes numbers."""
    first_lines = "\n".join(line for line in SAMPLE.splitlines() if re.match(r"from |app = ", line))
    program = f"{first_lines}\n{DATABASE}"
    url = await serve(run(program, asyncpg=asyncpg_on_trio())["app"])
    assert (await client.get(url)).text == "012345678910"


@pytest.fixture(params=["page", "example"])
def streaming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The page's last program, and the example made of it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return run(WHOLE if request.param == "page" else EXAMPLE)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("/stream", "A, 2, A", id="app"),
        pytest.param("/bp_stream", "A, 2, A", id="blueprint"),
        pytest.param("/composition_view", "1, 2, 1", id="view"),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_body_is_streamed(
    streaming: dict[str, Any], serve: Serve, *, path: str, answer: str, framing: str
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"1", b", 2", b", 1"):
            yield chunk

    url = await serve(streaming["app"])
    content = chunks() if framing == "chunked" else b"1, 2, 1"
    async with httpx.AsyncClient() as client:
        reply = await client.post(url + path, content=content)
    assert (reply.status_code, reply.text) == (200, answer)


async def test_answer_begins_before_the_body_has_ended(streaming: dict[str, Any], serve: Serve) -> None:
    url = httpx.URL(await serve(streaming["app"]))
    head = b"POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with await trio.open_tcp_stream(url.host, url.port or 0) as stream:
        await stream.send_all(head + b"3\r\n1 2\r\n")
        received = b""
        with trio.fail_after(5):
            while b"A 2" not in received:
                received += await stream.receive_some()
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_route_beside_the_streams(
    streaming: dict[str, Any], serve: Serve, client: httpx.AsyncClient
) -> None:
    url = await serve(streaming["app"])
    assert (await client.get(f"{url}/get")).text == "OK"


@pytest.mark.parametrize("path", ["/stream", "/bp_stream", "/composition_view"])
async def test_wrong_method_names_the_right_one(
    streaming: dict[str, Any], serve: Serve, client: httpx.AsyncClient, path: str
) -> None:
    url = await serve(streaming["app"])
    reply = await client.get(url + path)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_example_has_the_sample_too(
    serve: Serve, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    url = await serve(run(EXAMPLE)["app"])
    assert (await client.get(url)).text == "foo,bar"
