"""Slow clients over real sockets, in real time, with the defaults; and answers to those who still send.

To the millisecond, with a clock that jumps, this is tests/http/test_patience.py.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import pytest
import trio

from tests.fuzz.answers import Answer, read_answers
from tests.fuzz.fuzzer import PROGRAM, stats
from tests.http.wires import GET, get
from tests.system.tools import serving

pytestmark = pytest.mark.system

FULL: Final = os.environ.get("TRIOSANIC_FULL") == "1"
MB: Final = 1_000_000
REPETITIONS: Final = 100
POST: Final = get("/count", "Content-Length: 1000", method="POST")
CHUNKED: Final = get("/count", "Transfer-Encoding: chunked", method="POST")
ENDLESS: Final = get("/echo", "Content-Length: 99999999999", method="POST")
SMALL: Final = get("/count", "Connection: close")
# About 30 MB.
LARGE: Final = get("/much/whole/458", "Connection: close")
LARGE_BYTES: Final = 458 * 65_536


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[trio.SocketStream]:
    """Open a connection."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield stream


async def rest(stream: trio.SocketStream) -> bytes:
    """Take all that comes until the server's end, or its reset."""
    got = bytearray()
    with suppress(trio.BrokenResourceError):
        async for piece in stream:
            got += piece
    return bytes(got)


async def trickle(stream: trio.SocketStream, data: bytes, every_s: float) -> None:
    """Send byte by byte, for as long as the server lets us."""
    with suppress(trio.BrokenResourceError):
        for byte in data:
            await stream.send_all(bytes([byte]))
            await trio.sleep(every_s)


async def slow_sender(
    port: int, start: bytes, slow: bytes, status: int, seconds: tuple[float, float]
) -> None:
    """A client that begins so, goes on byte by byte in 4 s each, and is answered and cut off in that time."""
    async with connected(port) as stream, trio.open_nursery() as nursery:
        began = trio.current_time()
        if start:
            await stream.send_all(start)
        nursery.start_soon(trickle, stream, slow, 4)
        [answer] = read_answers(await rest(stream), ended=True)
        assert (answer.status, answer.closes) == (status, True), start
        assert seconds[0] <= trio.current_time() - began <= seconds[1], start
        nursery.cancel_scope.cancel()


async def slow_reader(
    port: int, request: bytes, size: int, take: int, every_s: float, *, enough: int
) -> None:
    """A client that takes so much at a time, and after ``enough`` bytes the rest; it gets all of it."""
    async with connected(port) as stream:
        await stream.send_all(request)
        got = bytearray()
        while len(got) < enough:
            piece = await stream.receive_some(take)
            assert piece, f"cut off after {len(got)} bytes"
            got += piece
            # Not a wait for something: it is what a slow client does.
            await trio.sleep(every_s * len(piece) / take)
        [answer] = read_answers(bytes(got) + await rest(stream), ended=True)
        assert (answer.status, answer.whole, len(answer.body)) == (200, True, size)


async def silent(port: int) -> None:
    """A client that says nothing is cut off in silence, after 30 s."""
    async with connected(port) as stream:
        began = trio.current_time()
        assert await rest(stream) == b""
        assert 29.9 <= trio.current_time() - began <= 31


async def lingering(port: int) -> None:
    """A client that goes on after it was refused is cut off after 2 s."""
    async with connected(port) as stream:
        await stream.send_all(b"BAD\r\n\r\n")
        [answer] = read_answers(await rest(stream), ended=True)
        began = trio.current_time()
        assert answer.status == 400
        await trickle(stream, b"x" * 100, 0.1)
        assert 1.5 <= trio.current_time() - began <= 3


async def test_slow_clients_have_their_time_and_no_more() -> None:
    """http-rules, the table: all at once, so that it takes no longer than the slowest."""
    some = b"x" * 100
    async with serving(PROGRAM) as server, serving(PROGRAM, {"SANIC_WRITE_TIMEOUT": "1"}) as hasty:
        port = server.port
        nothing = await stats(port)
        with trio.fail_after(3000 if FULL else 25):
            async with trio.open_nursery() as nursery:
                for start, slow, status, seconds in (
                    (b"", GET, 408, (9.9, 11.0)),
                    (GET[:20], b"", 408, (9.9, 11.0)),
                    (b"\r\n", b"", 408, (9.9, 11.0)),
                    (b"\x16", b"", 408, (9.9, 11.0)),
                    (b"\x16\x03\x01\x00\xf8\x01" + b"\x9a" * 250, some, 400, (0.0, 1.0)),
                    (POST, some, 408, (4.9, 15.0)),
                    (POST + b"x" * 500, b"", 408, (6.9, 15.0)),
                    (CHUNKED, b"1\r\nx\r\n" * 9, 408, (4.9, 15.0)),
                    (CHUNKED, b"0" * 16, 408, (4.9, 15.0)),
                    (CHUNKED, b"1;aaaaaaa", 408, (4.9, 15.0)),
                    (CHUNKED + b"0\r\n", b"a: b\r\n\r\n", 408, (4.9, 15.0)),
                ):
                    nursery.start_soon(slow_sender, port, start, slow, status, seconds)
                nursery.start_soon(lingering, port)
                for reader in (
                    partial(slow_reader, port, SMALL, 1, 1, 1, enough=10),
                    partial(slow_reader, hasty.port, LARGE, LARGE_BYTES, 2 * MB, 0.5, enough=LARGE_BYTES),
                ):
                    nursery.start_soon(reader)
                if FULL:
                    nursery.start_soon(silent, port)
                    for_long = partial(slow_reader, port, LARGE, LARGE_BYTES, 20_000, 1, enough=LARGE_BYTES)
                    nursery.start_soon(for_long)
        with trio.fail_after(10):
            while await stats(port) != nothing:  # noqa: ASYNC110  # a process
                await trio.sleep(0.05)
        assert server.output.count(b"\n") == hasty.output.count(b"\n") == 1


async def pour(stream: trio.SocketStream, start: bytes, piece: bytes, pause_s: float = 0) -> None:
    """Send 20 MB, or as much of it as the server lets us."""
    with suppress(trio.BrokenResourceError):
        await stream.send_all(start)
        for _ in range(20 * MB // len(piece)):
            await stream.send_all(piece)
            await trio.sleep(pause_s)


async def answer_to(port: int, pouring: Callable[[trio.SocketStream], Awaitable[None]]) -> Answer:
    """Send all, and only then read."""
    async with connected(port) as stream:
        await pouring(stream)
        [answer] = read_answers(await rest(stream), ended=False)
        return answer


PIECE: Final = b"x" * 65_536
REFUSED: Final = {
    "413, as declared": (ENDLESS, PIECE, 413),
    "413, as it turns out": (
        get("/echo", "Transfer-Encoding: chunked", method="POST"),
        b"10000\r\n%b\r\n" % PIECE,
        413,
    ),
    "400 to a head": (get("/echo", "Content-Length: x", method="POST"), PIECE, 400),
    "400 to a chunk": (CHUNKED + b"nonsense\r\n", PIECE, 400),
    "200 to what nobody reads": (ENDLESS.replace(b"/echo", b"/ignored"), PIECE, 200),
}


@pytest.mark.parametrize(("start", "piece", "status"), REFUSED.values(), ids=REFUSED)
async def test_who_sends_20_mb_and_only_then_reads_gets_the_answer(
    start: bytes, piece: bytes, status: int
) -> None:
    """RFC 9112 9.6: a reset must not take the answer with it."""
    async with serving(PROGRAM, {"SANIC_REQUEST_MAX_SIZE": "1000000"}) as server:
        for _ in range(REPETITIONS):
            answer = await answer_to(server.port, lambda stream: pour(stream, start, piece))
            assert (answer.status, answer.whole, answer.closes) == (status, True, True)


async def test_who_sends_slowly_and_only_then_reads_gets_the_answer() -> None:
    """As above, where the time of lingering is over before the bytes are; as many times, at once."""
    answers: list[tuple[int, bool]] = []

    async def ask(start: bytes, piece: bytes) -> None:
        answer = await answer_to(server.port, lambda stream: pour(stream, start, piece, 0.25))
        answers.append((answer.status, answer.whole))

    async with serving(PROGRAM, {"SANIC_REQUEST_MAX_SIZE": "1000000"}) as server:
        async with trio.open_nursery() as nursery:
            for _ in range(REPETITIONS):
                nursery.start_soon(ask, ENDLESS, b"x" * 1000)
                await trio.sleep(0.01)
        assert answers == [(413, True)] * REPETITIONS
