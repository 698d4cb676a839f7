"""What a relay takes from one side it hands to the other, a piece at a time."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from examples import relay
from tests.examples.conftest import Serve, begin
from triosanic import Request, Sanic
from triosanic.response import HTTPResponse, json, raw

PIECE = bytes(65_536)
# The kernel's buffers of two connections hold less; a relay that keeps what it is given has no bound.
MORE_THAN_BUFFERS = 64 * 2**20
# httpx reads by generators within generators, and closes only the outermost when a reader leaves midway.
leaves_generators = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core):ResourceWarning")


class Upstream:
    """The server behind the relay, and what it saw."""

    def __init__(self) -> None:
        self.app = Sanic("upstream")
        self.cancelled = trio.Event()
        self.received_half = trio.Event()
        self.sent = 0
        self.app.add_route(self.headers, "/headers", methods=["POST"])
        self.app.add_route(self.length, "/length", methods=["POST"], stream=True)
        self.app.add_route(self.endless, "/endless")
        self.app.add_route(self.breaks, "/breaks")
        self.app.add_route(self.plain, "/plain", methods=["GET", "HEAD"])

    async def headers(self, request: Request) -> HTTPResponse:
        answer = json([list(request.headers.items()), request.raw_url.decode()], headers={"x-both": "1"})
        answer.headers.add("set-cookie", "a=b")
        answer.headers.add("set-cookie", "c=d")
        return answer

    async def length(self, request: Request) -> HTTPResponse:
        size = 0
        try:
            async for piece in request.stream:
                size += len(piece)
        except BaseException:
            self.cancelled.set()
            raise
        return json(size)

    async def endless(self, request: Request) -> None:
        response = await request.respond(content_type="application/octet-stream")
        try:
            while self.sent < MORE_THAN_BUFFERS:
                await response.send(PIECE)
                self.sent += len(PIECE)
        finally:
            self.cancelled.set()

    async def breaks(self, request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        await response.send("half")
        await self.received_half.wait()
        raise RuntimeError("the other half is missing")

    async def plain(self, request: Request) -> HTTPResponse:
        return raw(b"12345", content_type="text/x-five")


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def url(upstream: Upstream, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("UPSTREAM", await serve(upstream.app))
    return await serve(relay.app)


async def test_headers_of_the_message_pass_and_those_of_the_hop_do_not(
    url: str, client: httpx.AsyncClient
) -> None:
    """RFC 9110 §7.6.1: Connection, what it names, and its companions are for one hop."""
    hop = {"connection": "keep-alive, x-hop", "x-hop": "1", "keep-alive": "5", "te": "trailers"}
    answer = await client.post(f"{url}/headers?a=%20b", headers={**hop, "x-end": "2"}, content=b"{}")
    fields, target = answer.json()
    sent: dict[str, Any] = dict(fields)
    assert target == "/headers?a=%20b"
    assert sent["x-end"] == "2"
    assert sent["via"] == "1.1 triosanic"
    assert not {"x-hop", "keep-alive", "te"} & sent.keys()
    assert sent["host"] != httpx.URL(url).netloc.decode()
    assert answer.headers.get_list("set-cookie") == ["a=b", "c=d"]


async def test_cookies_of_one_client_are_not_sent_for_the_next(url: str, client: httpx.AsyncClient) -> None:
    await client.post(f"{url}/headers")
    client.cookies.clear()
    fields, _ = (await client.post(f"{url}/headers")).json()
    assert "cookie" not in dict(fields)


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_body_passes(url: str, client: httpx.AsyncClient, framing: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield PIECE

    content = chunks() if framing == "chunked" else PIECE * 20
    assert (await client.post(f"{url}/length", content=content)).json() == 20 * len(PIECE)


async def test_length_of_the_answer_is_kept(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{url}/plain")
    assert answer.content == b"12345"
    assert (answer.headers["content-length"], answer.headers["content-type"]) == ("5", "text/x-five")


async def test_head_has_the_same_headers(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.head(f"{url}/plain")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "5", b"")


async def test_status_passes(url: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{url}/nowhere")).status_code == 404


async def test_no_server_behind_it_is_502(
    serve: Serve, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("UPSTREAM", f"http://127.0.0.1:{unused.getsockname()[1]}")
        url = await serve(relay.app)
        assert (await client.get(url)).status_code == 502
        assert (await client.post(url, content=PIECE)).status_code == 502


async def test_answer_cut_behind_it_is_cut(url: str, client: httpx.AsyncClient, upstream: Upstream) -> None:
    async with client.stream("GET", f"{url}/breaks") as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.TransportError):
            async for piece in answer.aiter_raw():
                assert piece == b"half"
                upstream.received_half.set()


@leaves_generators
async def test_client_that_leaves_ends_the_request_behind_it(url: str, upstream: Upstream) -> None:
    async with await begin("GET", f"{url}/endless") as stream:
        assert await stream.receive_some()
    with trio.fail_after(5):
        await upstream.cancelled.wait()


@leaves_generators
async def test_upload_that_is_cut_is_cut_behind_it(url: str, upstream: Upstream) -> None:
    async with await begin("POST", f"{url}/length", length=10 * len(PIECE)) as stream:
        await stream.send_all(PIECE)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert not upstream.cancelled.is_set()
    with trio.fail_after(5):
        await upstream.cancelled.wait()


@leaves_generators
async def test_client_that_does_not_read_holds_the_server_behind_it_back(
    url: str, upstream: Upstream
) -> None:
    async with await begin("GET", f"{url}/endless"):
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(PIECE) < upstream.sent < MORE_THAN_BUFFERS
