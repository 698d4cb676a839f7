"""Advisories about how bytes become requests: docs/security.md, by these numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import process_time
from typing import Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.conformance.asked import CHUNKED, CLOSE, EVIL, GET, POST, assert_stopped, said
from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.guard import Refusal, take_head
from triosanic.http.limits import Limits
from triosanic.response import HTTPResponse, json, text
from triosanic.testing import open_raw, running

# 1


@pytest.mark.parametrize("first", range(256))
def test_the_data_of_a_chunk_ends_in_exactly_crlf(first: int) -> None:
    """CVE-2025-43859: with each first byte each second, 65,535 pairs are refused."""
    taken = []
    for second in range(256):
        inbound = ChunkedInbound(8192)
        inbound.feed(b"5\r\nhello" + bytes([first, second]) + b"0\r\n\r\n")
        try:
            while not inbound.complete:
                inbound.take()
        except BadRequest:
            continue
        taken.append(bytes([first, second]))
    assert taken == ([b"\r\n"] if first == ord("\r") else [])


# 2


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "chunked, gzip", "xchunked", "identity", "x", "chunked, x", "x\r\nX: chunked"]
)
async def test_a_transfer_coding_never_falls_back_to_a_length(app: Sanic, coding: str) -> None:
    """CVE-2024-1135, CVE-2024-6827."""
    field = f"Transfer-Encoding: {coding}\r\n\r\n".encode()
    await assert_stopped(app, POST + field, 400, 501)
    await assert_stopped(app, POST + b"Content-Length: 5\r\n" + field + b"hello", 400)


# 5


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\n\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n\r\n",
        b"Transfer-Encoding: chunked\x0b\r\nContent-Length: 5\r\n\r\n",
        b"Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"Content-Length: 5, 5\r\n\r\n",
    ],
)
async def test_framing_that_proxies_read_otherwise_is_refused(app: Sanic, fields: bytes) -> None:
    """CVE-2019-16785, -16786, -16789, -16792."""
    await assert_stopped(app, POST + fields + b"hello")


# 6


NO_DIGITS: Final = [b"+5", b"-5", b"0x5", b"0o5", b"1_0", b"5.0", b"\xd9\xa5", b"\xb2", b"5L"]


@pytest.mark.parametrize("number", [*NO_DIGITS, b"0b1", b"5e0", b"a"])
async def test_a_length_is_decimal_digits(app: Sanic, number: bytes) -> None:
    """CVE-2022-24761: and nothing that ``int`` takes besides."""
    await assert_stopped(app, POST + b"Content-Length: " + number + b"\r\n\r\nhello")


@pytest.mark.parametrize("number", [*NO_DIGITS, b"g"])
async def test_a_chunk_size_is_hexadecimal_digits(app: Sanic, number: bytes) -> None:
    """CVE-2022-24761, as above."""
    await assert_stopped(app, CHUNKED + number + b"\r\nhello\r\n0\r\n\r\n")


# 7


@pytest.mark.parametrize(
    "bad", [b"GET / HTTP/1.1\r\n\r\n", b"\0\r\n\r\n", b"X\r\n\r\n", CHUNKED + b"x\r\n\r\n"]
)
async def test_a_request_behind_a_bad_one_is_never_served(app: Sanic, bad: bytes) -> None:
    """CVE-2024-49768: in one buffer, and in those that follow."""
    await assert_stopped(app, bad)
    async with open_raw(app) as conn:
        await conn.send(bad)
        await wait_all_tasks_blocked()
        await conn.send(EVIL)
        assert (await conn.rest()).count(b"HTTP/1.1 ") == 1
    assert app.ctx.asked == []


# 10


def takes_10_ms(run: Callable[[bytes], object], data: bytes) -> bool:
    """Say whether so much CPU is enough for one of some runs: the machine may be busy with something else.

    A slow machine has as long as it takes for work of the same kind, which is 10 ms of another.
    """
    for _ in range(20):
        start = process_time()
        run(data)
        taken = process_time() - start
        if taken < 0.01 or taken < ten_ms():
            return True
    return False


def ten_ms() -> float:
    start = process_time()
    fields = [(text.lower(), text.rstrip(" ")) for text in ["a:b "] * 40_000]
    taken = process_time() - start
    assert fields
    return taken


def head(data: bytes) -> None:
    limits = Limits(max_url_bytes=1 << 17, max_head_bytes=1 << 17, max_headers=1 << 17)
    with_refusal(partial(take_head, data, limits))


def chunks(data: bytes) -> None:
    inbound = ChunkedInbound(1 << 17)
    inbound.feed(data)
    with_refusal(inbound.take)


def with_refusal(run: Callable[[], object]) -> None:
    with suppress(Refusal, BadRequest):
        run()


@pytest.mark.parametrize(
    "piece", [b" ", b"\t", b"\r", b"\n", b"a", b",", b"\0", b'"', b"\\", b";a", b"a:", b"\xff"]
)
@pytest.mark.parametrize(
    "name", ["X", "Transfer-Encoding", "Content-Length", "Connection", "Host", "Expect", "Content-Type"]
)
def test_64_kib_of_anything_in_a_field_take_less_than_10_ms(name: str, piece: bytes) -> None:
    """CVE-2020-5236, CVE-2026-28356: no regular expression that is more than linear."""
    start = b"" if name == "Host" else b"Host: a\r\n"
    data = (
        b"GET / HTTP/1.1\r\n" + start + name.encode() + b": a" + piece * (65_536 // len(piece)) + b"z\r\n\r\n"
    )
    assert takes_10_ms(head, data)


@pytest.mark.parametrize(
    "piece", [b" ", b"\t", b";a", b";", b'"', b"\\", b'\\"', b"0", b"=", b"a:b\r\n", b"\r"]
)
@pytest.mark.parametrize("start", [b"5", b"5;a=", b'5;a="', b"0\r\n", b"0\r\na: "])
def test_64_kib_of_anything_in_chunks_take_less_than_10_ms(start: bytes, piece: bytes) -> None:
    """As above, in sizes, extensions and trailers."""
    assert takes_10_ms(chunks, start + piece * (65_536 // len(piece)) + b"\r\n\r\n")


# 32


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5;\n\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
        CHUNKED + b"0\r\nX : y\r\n\r\n",
        b"GET\r\nX: y / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.\xd9\xa1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: \xd9\xa5\r\n\r\nhello",
        POST + b"Content-Length: 5\xc2\xa0\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\xc2\xa0: y\r\n\r\n",
    ],
)
async def test_what_aiohttp_has_taken_is_refused(app: Sanic, data: bytes) -> None:
    """CVE-2023-47627, -47641, -49081, -49082, CVE-2024-23829, -52304, CVE-2025-53643, -69224."""
    await assert_stopped(app, data)


# 34


async def test_others_are_served_while_one_sends_tiny_chunks(app: Sanic) -> None:
    """CVE-2025-69229: hundreds of thousands of them."""
    order: list[str] = []

    @app.post("/tiny", stream=True)
    async def tiny(request: Request) -> HTTPResponse:
        size = sum([len(piece) async for piece in request.stream])
        order.append("tiny")
        return text(str(size))

    body = b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"
    async with running(app) as client, client.connect() as conn, trio.open_nursery() as nursery:
        nursery.start_soon(conn.send, CHUNKED.replace(b"/ ", b"/tiny ", 1) + body)
        for _ in range(5):
            await client.get("/")
            order.append("other")
        assert (await conn.head()).startswith(b"HTTP/1.1 200 ")
        assert await conn.receive(6) == b"200000"
    assert order == ["other"] * 5 + ["tiny"]


# 35


@pytest.mark.parametrize(
    "trailers", [b"X: " + b"y" * 8190, b"X: y\r\n" * 33, b"X: " + b"y" * 1_000_000, b"X: y\r\n" * 100_000]
)
async def test_trailers_are_bounded(app: Sanic, trailers: bytes) -> None:
    """CVE-2026-22815."""
    await assert_stopped(app, CHUNKED + b"0\r\n" + trailers.rstrip() + b"\r\n\r\n")


# 36


async def test_pipelined_requests_are_not_collected(app: Sanic) -> None:
    """CVE-2026-54273: what is read ahead is bounded; CVE-2023-46137: and answered in order."""
    going = trio.Event()

    @app.get("/wait")
    async def wait(request: Request) -> HTTPResponse:
        await going.wait()
        return text("waited")

    taken = 0
    async with open_raw(app, buffer_bytes=1000) as conn:
        await conn.send(GET.replace(b"/ ", b"/wait ", 1))
        for number in range(10_000):
            data = GET.replace(b"/ ", b"/%d " % number, 1)
            with trio.move_on_after(1) as stuck:
                await conn.send(data)
            if stuck.cancelled_caught:
                break
            taken += len(data)
        assert app.config.REQUEST_BUFFER_SIZE - 1000 < taken < app.config.REQUEST_BUFFER_SIZE + 3000
        assert app.ctx.asked == []
        going.set()
        assert (await conn.head()).startswith(b"HTTP/1.1 200 ")


async def test_a_line_is_bounded_however_it_comes(app: Sanic) -> None:
    """CVE-2026-54277."""
    for data, status in ((b"GET /" + b"x" * 9000, b"414"), (GET[:-2] + b"X: " + b"y" * 20_000, b"431")):
        async with open_raw(app, buffer_bytes=100) as conn, trio.open_nursery() as nursery:
            nursery.start_soon(conn.send, data)
            assert (await conn.rest())[9:12] == status


# 44


async def test_trailers_forge_nothing(app: Sanic) -> None:
    """CVE-2025-58068, CVE-2023-41419: neither a header nor a request."""

    @app.post("/headers")
    async def headers(request: Request) -> HTTPResponse:
        return json(dict(request.headers))

    request = CHUNKED.replace(b"/ ", b"/headers ", 1)
    answer = await said(app, request + b"0\r\nX-User: root\r\n\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"root" not in answer
    await assert_stopped_after_one(app, request + b"0\r\n" + EVIL)
    await assert_stopped_after_one(app, request + b"0\r\nX: y\n\n" + EVIL)


async def assert_stopped_after_one(app: Sanic, data: bytes) -> None:
    app.ctx.asked.clear()
    answer = await said(app, data)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.ctx.asked == []


# 45


async def test_answers_come_in_the_order_of_the_requests(app: Sanic) -> None:
    """CVE-2023-46137: a slow one first, and never two handlers at once."""
    running_now: list[int] = []

    @app.get("/slow/<seconds:int>")
    async def slow(request: Request, seconds: int) -> HTTPResponse:
        assert not running_now
        with entered(running_now):
            await trio.sleep(seconds)
        return text(f"<{seconds}>")

    asked = b"".join(GET.replace(b"/ ", b"/slow/%d " % seconds, 1) for seconds in (50, 0, 20, 1))
    answer = await said(app, asked + CLOSE)
    assert [answer.index(b"<%d>" % seconds) for seconds in (50, 0, 20, 1)] == sorted(
        answer.index(b"<%d>" % seconds) for seconds in (50, 0, 20, 1)
    )


@contextmanager
def entered(found: list[int]) -> Iterator[None]:
    found.append(1)
    yield
    found.pop()


# 48


@pytest.mark.parametrize(
    "body", [b"", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"0\r\nX: y\r\n"]
)
async def test_a_body_that_was_cut_short_is_never_taken_for_whole(app: Sanic, body: bytes) -> None:
    """Gunicorn 26: neither when the client ends its side nor when it is waited for."""
    app.config.HALF_CLOSED_CLIENTS = "finish"
    async with open_raw(app) as conn:
        await conn.send(CHUNKED + body)
        await conn.send_eof()
        assert not (await conn.rest()).startswith(b"HTTP/1.1 200")
    async with open_raw(app) as conn:
        await conn.send(CHUNKED + body)
        assert (await conn.rest()).startswith(b"HTTP/1.1 408 ")
    assert app.ctx.asked == []
