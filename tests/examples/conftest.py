"""What every example's tests share: the program served on a free port, and a client for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from tests.http.wires import run_in_virtual_time
from triosanic import Sanic

Serve = Callable[[Sanic], Awaitable[str]]


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Let a test run by its fixtures' clock: pytest-trio takes one only from the test's own arguments."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "clock" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page names its app as the example does; here both live in one process."""
    monkeypatch.setattr(Sanic, "test_mode", True)


@pytest.fixture
def serve(nursery: trio.Nursery) -> Serve:
    """Give a function that serves an app on a free port until the test ends, and says its address."""

    async def start(app: Sanic) -> str:
        addresses = await nursery.start(partial(app.serve, port=0))
        return f"http://127.0.0.1:{addresses[0][1]}"

    return start


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Give an HTTP client that waits no longer than a test may take."""
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


async def begin(method: str, url: str, length: int | None = None) -> trio.SocketStream:
    """Send a head over a connection of its own, for what httpx cannot do: leave midway without a trace."""
    address = httpx.URL(url)
    stream = await trio.open_tcp_stream(address.host, address.port or 0)
    body = b"" if length is None else b"Content-Length: %d\r\n" % length
    await stream.send_all(b"%b %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method.encode(), address.raw_path, body))
    return stream
