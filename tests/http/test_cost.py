"""What hostile bytes cost: time in proportion to their number, and no more (CVE-2020-5236, CVE-2026-28356).

The clock of a machine that others use says little about one run, so each size is tried a few times, the best
counts, and what is compared is twice the size: twice the time is linear, four times is quadratic.
"""

import gc
from collections.abc import Callable
from contextlib import suppress
from time import process_time

import pytest

from triosanic.exceptions import SanicException
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.guard import Refusal, take_head
from triosanic.http.limits import Limits

HUGE = Limits(max_url_bytes=1 << 24, max_head_bytes=1 << 24, max_headers=1 << 24, max_trailer_bytes=1 << 24)
SIZE = 1 << 16
START = b"GET / HTTP/1.1\r\nHost: a\r\n"
END = b"\r\n\r\n"


def best(run: Callable[[bytes], object], data: bytes) -> float:
    """Give the seconds of CPU that the quickest of some runs took."""
    found = float("inf")
    gc.disable()  # it looks at everything that other tests have left, and not at these bytes
    for _ in range(3):
        start = process_time()
        run(data)
        found = min(found, process_time() - start)
    gc.enable()
    return found


def assert_linear(run: Callable[[bytes], object], make: Callable[[int], bytes], size: int = SIZE) -> None:
    """Compare the times of two sizes; again where the machine was busy with something else."""
    ratios = []
    for _ in range(4):
        once, twice = best(run, make(size)), best(run, make(2 * size))
        ratios.append(twice / max(once, 1e-4))  # less is copying, in a cache or not
        if ratios[-1] < 3:
            return
    raise AssertionError(f"twice the size took {ratios} times as long")


def guard(data: bytes) -> None:
    with suppress(Refusal):
        take_head(data, HUGE)


def chunks(data: bytes) -> None:
    inbound = ChunkedInbound(1 << 24)
    inbound.feed(data)
    with suppress(SanicException):
        while not inbound.complete:
            if not inbound.take() and not inbound.complete:
                return


PIECES = [
    b"a",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b":",
    b"a:",
    b"a: b\r\n",
    b"a:\r\n",
    b" \t",
    b"\0",
    b"\xff",
    b",",
]
HEADS: dict[str, Callable[[bytes], bytes]] = {
    "in the method": lambda data: data + b" / HTTP/1.1" + END,
    "in the target": lambda data: b"GET /" + data + b" HTTP/1.1" + END,
    "in a name": lambda data: START + data + b": b" + END,
    "in a value": lambda data: START + b"a: " + data + b"c" + END,
    "in a value, without end": lambda data: START + b"a: " + data,
    "in Transfer-Encoding": lambda data: START + b"Transfer-Encoding: " + data + END,
    "in Content-Length": lambda data: START + b"Content-Length: " + data + END,
    "in Connection": lambda data: START + b"Connection: " + data + END,
    "in Host": lambda data: b"GET / HTTP/1.1\r\nHost: " + data + END,
}


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("place", HEADS)
def test_a_hostile_head_costs_linear_time(piece: bytes, place: str) -> None:
    """http-rules 1.5, 10: no super-linear regular expression."""
    assert_linear(guard, lambda size: HEADS[place](piece * (size // len(piece))))


@pytest.mark.parametrize("prefix", [START + b"a: ", b"GET /", START], ids=["value", "target", "name"])
def test_a_head_that_comes_byte_by_byte_costs_little_more_for_what_came_before(prefix: bytes) -> None:
    """As above: each byte of 16 KiB must not cost a reading of all; a search at memory's speed it may."""

    def ask(data: bytes) -> None:
        for _ in range(300):
            take_head(data, HUGE)

    assert best(ask, prefix + b"a" * (1 << 14)) < 60 * best(ask, prefix)


CHUNKED: dict[str, Callable[[bytes], bytes]] = {
    "in the size": lambda data: b"1" + data + b"\r\n",
    "in an extension": lambda data: b"1;" + data + b"\r\n",
    "in a quoted value": lambda data: b'1;a="' + data + b'"\r\n',
    "in trailers": lambda data: b"0\r\n" + data + END,
    "in trailers, without end": lambda data: b"0\r\n" + data,
    "in a trailer": lambda data: b"0\r\na: " + data + END,
    "in the content": lambda data: b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("piece", [*PIECES, b"0", b";", b";a", b"\\", b'"', b'\\"', b"1\r\nx\r\n"], ids=ascii)
@pytest.mark.parametrize("place", CHUNKED)
def test_a_hostile_chunked_body_costs_linear_time(piece: bytes, place: str) -> None:
    """http-rules 1.4: 64 KiB of chunk extensions cost other servers 1.8 s."""
    assert_linear(chunks, lambda size: CHUNKED[place](piece * (size // len(piece))))


def test_a_million_tiny_chunks_cost_linear_time() -> None:
    """CVE-2025-69229."""
    assert_linear(chunks, lambda size: b"1\r\nx\r\n" * (size // 6) + b"0\r\n\r\n", 1 << 19)
