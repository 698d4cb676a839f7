"""Two requests meet; each piece goes from the one to the other, and both end together."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import trio
import trio.testing

from examples import demo
from tests.examples.conftest import Serve, begin

PIECE = bytes(range(256)) * 256
# The kernel's buffers of two connections hold less; a server that keeps what it is given has no bound.
MORE_THAN_BUFFERS = 64 * 2**20


@pytest.fixture
async def url(serve: Serve) -> AsyncIterator[str]:
    yield await serve(demo.app)
    assert demo.app.ctx.waiting == {}


@pytest.fixture
def relay(url: str) -> str:
    return f"{url}/relay/{uuid4()}"


async def settled() -> None:
    """Wait until nothing moves any more: what the tests have sent has arrived."""
    await trio.testing.wait_all_tasks_blocked(0.02)


async def test_page_loads_nothing_from_elsewhere(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(url)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "//" not in answer.text.replace("// ", "")


@pytest.mark.parametrize("first", ["upload", "download"])
async def test_what_goes_up_comes_down(relay: str, client: httpx.AsyncClient, first: str) -> None:
    received = b""

    async def upload() -> None:
        answer = await client.post(relay, content=PIECE * 20)
        assert answer.json() == {"bytes": 20 * len(PIECE)}

    async def download() -> None:
        nonlocal received
        received = (await client.get(relay)).content

    sides = [upload, download] if first == "upload" else [download, upload]
    async with trio.open_nursery() as nursery:
        for side in sides:
            nursery.start_soon(side)
            await settled()
    assert received == PIECE * 20


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_side_alone_is_told_so(
    relay: str, client: httpx.AsyncClient, method: str, autojump_clock: trio.testing.MockClock
) -> None:
    client.timeout = httpx.Timeout(60)
    assert (await client.request(method, relay, content=b"1")).status_code == 504


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_side_is_taken_once(relay: str, client: httpx.AsyncClient, method: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.request, method, relay)
        await settled()
        assert (await client.request(method, relay)).status_code == 409
        nursery.cancel_scope.cancel()
    await settled()


async def test_cancelled_download_ends_the_upload(relay: str) -> None:
    """The answer comes while the body is still on its way."""
    async with await begin("POST", relay, length=2**40) as upload:
        async with await begin("GET", relay) as download:
            await upload.send_all(PIECE)
            assert await download.receive_some()
        await settled()
        await upload.send_all(PIECE)
        with trio.fail_after(5):
            while (answer := await upload.receive_some()).startswith(b"HTTP/1.1 100 "):
                pass
        assert answer.startswith(b"HTTP/1.1 410 ")


async def test_cancelled_upload_breaks_the_download_off(relay: str, client: httpx.AsyncClient) -> None:
    """RFC 9112 §8: an answer that is cut must not look complete."""

    async def leave_midway() -> None:
        async with await begin("POST", relay, length=1000) as upload:
            await upload.send_all(b"12345")
            await settled()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave_midway)
        with pytest.raises(httpx.TransportError):
            await client.get(relay)


async def test_download_that_is_not_read_holds_the_upload_back(relay: str) -> None:
    sent = 0

    async def send_on(upload: trio.SocketStream) -> None:
        nonlocal sent
        while sent < MORE_THAN_BUFFERS:
            await upload.send_all(PIECE)
            sent += len(PIECE)

    async with (
        await begin("GET", relay),
        await begin("POST", relay, length=2**40) as upload,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(send_on, upload)
        await settled()
        assert len(PIECE) < sent < MORE_THAN_BUFFERS
        nursery.cancel_scope.cancel()
    await settled()


async def test_rows_are_a_million(
    url: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousandth of them, here."""
    monkeypatch.setattr(demo, "ROWS", 2_000)
    lines = (await client.get(f"{url}/rows.csv")).text.splitlines()
    assert lines[:2] == ["row,square", "1,1"]
    assert lines[-1] == "2000,4000000"
    assert len(lines) == 2_001
