"""How long slow clients are waited for: at each limit, just below it and just above."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import pytest
import trio

from tests.http.wires import GET, alone, get, serving
from triosanic.request import Request
from triosanic.response import HTTPResponse, text
from triosanic.testing import open_raw

HALF, REST = GET[:20], GET[20:]
LENGTH = get("/", "Content-Length: 1000", method="POST")
CHUNKED = get("/", "Transfer-Encoding: chunked", method="POST")
EXPECTING = get("/", "Content-Length: 1000", "Expect: 100-continue", method="POST")
TLS = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + b"\x9a" * 200
A_BYTE = 1 / 240  # what a byte of a body adds to the time that it may take


@dataclass(frozen=True, slots=True)
class Row:
    """A client that is slow.

    Attributes:
        sends: What it sends, and when.
        answers: What it is answered, and when.
        end_s: When it sees the server's end; from then on it is lingered for, 2 s at most.
    """

    sends: Iterable[tuple[float, bytes]]
    answers: Iterable[tuple[float, int]]
    end_s: float


def trickle(data: bytes, every_s: float, start_s: float = 0) -> list[tuple[float, bytes]]:
    """Send byte by byte."""
    return [(start_s + every_s * number, data[number : number + 1]) for number in range(len(data))]


def refused(sends: Iterable[tuple[float, bytes]], at_s: float, status: int = 408) -> Row:
    """Answered so, and that is the end, whatever else comes."""
    return Row(sends, [(at_s, status)], at_s)


def served(sends: Iterable[tuple[float, bytes]], *at_s: float) -> Row:
    """Answered with 200, and then idle."""
    return Row(sends, [(at, 200) for at in at_s], at_s[-1] + 120)


ROWS = {
    # A new connection's first byte: 30 s.
    "silent": Row([], [], 30),
    "first byte at 29.99 s": served([(29.99, GET)], 29.99),
    "first byte at 30.01 s": Row([(30.01, GET)], [], 30),
    # REQUEST_HEAD_TIMEOUT: 10 s from the first byte.
    "half a head": refused([(0, HALF)], 10),
    "half a head, after 29.99 s": refused([(29.99, HALF)], 39.99),
    "head in 9.99 s": served([(0, HALF), (9.99, REST)], 9.99),
    "head in 10.01 s": refused([(0, HALF), (10.01, REST)], 10),
    "head at a byte in 4 s": refused(trickle(GET, 4), 10),
    "head in 9.9 s, byte by byte": served(trickle(GET, 9.9 / (len(GET) - 1)), 9.9),
    "head in 10.1 s, byte by byte": refused(trickle(GET, 10.1 / (len(GET) - 1)), 10),
    "an empty line": refused([(0, b"\r\n")], 10),
    "a byte of TLS": refused([(0, TLS[:1])], 10),
    "TLS": refused([(0, TLS)], 0, 400),
    # KEEP_ALIVE_TIMEOUT: 120 s.
    "idle": served([(0, GET)], 0),
    "idle for 119.99 s": served([(0, GET), (119.99, GET)], 0, 119.99),
    "idle for 120.01 s": served([(0, GET), (120.01, GET)], 0),
    "half a head after 119.99 s": Row([(0, GET), (119.99, HALF)], [(0, 200), (129.99, 408)], 129.99),
    "half a head with the first": Row([(0, GET + HALF)], [(0, 200), (10, 408)], 10),
    # BODY_MIN_RATE: 5 s, and what has come divided by 240.
    "no body": refused([(0, LENGTH)], 5),
    "body at a byte in 4 s": refused([(0, LENGTH), *trickle(b"x" * 99, 4, 4)], 5 + A_BYTE),
    "body that stalls after half": refused([(0, LENGTH + b"x" * 500)], 5 + 500 * A_BYTE),
    "rest of a body just in time": served([(0, LENGTH + b"x" * 999), (9.16, b"x")], 9.16),
    "rest of a body too late": refused([(0, LENGTH + b"x" * 999), (9.17, b"x")], 5 + 999 * A_BYTE),
    "no chunk": refused([(0, CHUNKED)], 5),
    "chunks at a byte in 4 s": refused([(0, CHUNKED), *trickle(b"1\r\nx\r\n" * 9, 4, 4)], 5 + A_BYTE),
    "chunk size at a byte a second": refused([(0, CHUNKED), *trickle(b"0" * 16, 1, 1)], 5 + 5 * A_BYTE),
    "extension at a byte a second": refused([(0, CHUNKED), *trickle(b"1;aaaaaaa", 1, 1)], 5 + 5 * A_BYTE),
    "chunk without its end": refused([(0, CHUNKED + b"1\r\nx")], 5 + 4 * A_BYTE),
    "chunks without the last": refused([(0, CHUNKED + b"1\r\nx\r\n")], 5 + 6 * A_BYTE),
    "trailers at a byte a second": refused(
        [(0, CHUNKED + b"0\r\n"), *trickle(b"a: bcdefg\r\n\r\n", 1, 1)], 5 + 8 * A_BYTE
    ),
    "last CRLF just in time": served([(0, CHUNKED + b"0\r\n"), (5, b"\r\n")], 5),
    "last CRLF too late": refused([(0, CHUNKED + b"0\r\n"), (5.1, b"\r\n")], 5 + 3 * A_BYTE),
    "no body after 100 Continue": refused([(0, EXPECTING)], 5),
    # LINGER_TIMEOUT: 2 s in all.
    "a refusal, and a byte in 0.3 s after it": refused(
        [(0, b"BAD\r\n\r\n"), *trickle(b"x" * 40, 0.3)], 0, 400
    ),
    "408, and a byte in 0.3 s after it": refused([(0, HALF), *trickle(b"x" * 40, 0.3, 9)], 10),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_slow_sender(row: Row) -> None:
    """http-rules, the table."""
    answers: list[tuple[float, int]] = []
    start = trio.current_time()

    async def count(request: Request) -> HTTPResponse:
        return text(str(len(await request.stream.read_all(10_000))))

    async with alone(serving(count, stream=True)) as client, trio.open_nursery() as nursery:

        async def send() -> None:
            with suppress(trio.BrokenResourceError):
                for at_s, data in row.sends:
                    await trio.sleep_until(start + at_s)
                    await client.send_only(data)

        nursery.start_soon(send)
        while (answer := await client.answer()).whole:
            answers.append((trio.current_time() - start, answer.status))
        end_s = trio.current_time() - start
        await client.ended.wait()
        nursery.cancel_scope.cancel()
        assert trio.current_time() - start - end_s < 2.001
    assert [status for _, status in answers] == [status for _, status in row.answers]
    assert [at_s for at_s, _ in answers] == pytest.approx([at_s for at_s, _ in row.answers], abs=0.001)
    assert end_s == pytest.approx(row.end_s, abs=0.001)


PIECE = 65_536
MB = 1_000_000


@pytest.mark.parametrize(
    ("size", "take", "every_s", "whole"),
    [
        (30 * MB, 20_000, 1, True),
        (3 * MB, PIECE, 59, True),
        (10 * PIECE, PIECE, 59, True),
        (10 * PIECE, PIECE, 61, False),
        (10 * PIECE, PIECE // 60, 1.1, False),
        (100, 1, 1, True),
        (10, 1, 40, True),
    ],
)
async def test_slow_reader(size: int, take: int, every_s: float, whole: bool) -> None:
    """Table: `WRITE_TIMEOUT`, 60 s for each piece of 64 KiB; what the wire has taken waits for ever."""
    async with open_raw(serving(lambda request: HTTPResponse(b"x" * size))) as conn:
        await conn.send(get("/", "Connection: close"))
        got = 0
        reset = False
        try:
            while piece := await conn.receive_some(take):
                got += len(piece)
                await trio.sleep(every_s)
        except trio.BrokenResourceError:
            reset = True
    assert (got > size, reset) == (whole, not whole)
