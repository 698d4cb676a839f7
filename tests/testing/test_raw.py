"""A raw connection takes bytes as a test wants to compare them."""

from functools import partial

import pytest
import trio

from triosanic import HTTPResponse, Request, Sanic, text
from triosanic.testing import RawConnection, memory_pair, open_raw

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_response_in_bytes(app: Sanic, autojump_clock: trio.testing.MockClock) -> None:
    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return text("hello")

    async with open_raw(app) as conn:
        await conn.send(GET)
        assert (await conn.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await conn.receive(5) == b"hello"
        await conn.send_eof()
        assert await conn.rest() == b""


async def test_pieces_are_cut_as_asked_for() -> None:
    ours, theirs = memory_pair()
    conn = RawConnection(ours)
    await theirs.send_all(b"one\ntwo\nthree")
    assert await conn.until(b"\n") == b"one"
    assert await conn.receive(2) == b"tw"
    assert await conn.receive_some(1) == b"o"
    assert await conn.receive_some() == b"\nthree"
    await theirs.send_all(b"four\nfive")
    assert await conn.until(b"\n") == b"four"
    await theirs.aclose()
    assert await conn.rest() == b"five"
    assert await conn.receive_some() == b""


async def test_a_separator_may_come_in_halves(nursery: trio.Nursery) -> None:
    ours, theirs = memory_pair(1)
    conn = RawConnection(ours)
    nursery.start_soon(theirs.send_all, b"head\r\n\r\nbody")
    assert await conn.head() == b"head"
    assert await conn.receive(4) == b"body"


@pytest.mark.parametrize("call", ["head", "receive"])
async def test_early_end_shows_what_came(call: str) -> None:
    ours, theirs = memory_pair()
    conn = RawConnection(ours)
    await theirs.send_all(b"HTTP/1.1 2")
    await theirs.aclose()
    with pytest.raises(EOFError, match=r"before that came b'HTTP/1\.1 2'"):
        await (conn.head() if call == "head" else conn.receive(100))


async def test_cancelled_calls_lose_no_byte() -> None:
    ours, theirs = memory_pair()
    conn = RawConnection(ours)
    await theirs.send_all(b"one")
    for call in (partial(conn.until, b"\n"), partial(conn.receive, 10)):
        with trio.move_on_after(0.01) as scope:
            await call()
        assert scope.cancelled_caught
    await theirs.send_all(b"\n")
    assert await conn.until(b"\n") == b"one"


async def test_reset_reaches_the_server(app: Sanic, autojump_clock: trio.testing.MockClock) -> None:
    ended = trio.Event()

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with open_raw(app) as conn:
        await conn.send(GET)
        await trio.testing.wait_all_tasks_blocked()
        conn.abort()
        with trio.fail_after(1):
            await ended.wait()
