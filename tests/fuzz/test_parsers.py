"""The guard and the reader of chunks, fed what the corpus becomes: what tests/http asks of made-up bytes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import GOOD, HOSTILE
from tests.fuzz.mutate import mutated
from triosanic.exceptions import BadRequest
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.guard import Head, Refusal, take_head
from triosanic.http.limits import Limits

LIMITS = Limits()
TRAILER_BYTES = 300
# A size line or trailers that are not whole yet: nothing else may wait to be understood.
WAITING_BYTES = TRAILER_BYTES + 4
STATUSES = {400, 414, 431, 501, 505}


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Bytes of the corpus, with some changes."""
    random = Random(draw(st.integers(0, 2**64)))
    return mutated(random, random.choice(random.choice((GOOD, HOSTILE))))[:20_000]


def read(data: bytes) -> Head | int | None:
    """Give the head, or the status of the refusal, or ``None`` while more is needed."""
    try:
        return take_head(data, LIMITS)
    except Refusal as refusal:
        return refusal.status


@settings(max_examples=400)
@given(data=mutants(), after=st.binary(max_size=5))
def test_a_head_is_taken_whatever_has_come_of_it_before(data: bytes, after: bytes) -> None:
    """No part of a good head is refused, and what follows does not count; what is refused stays refused."""
    found = read(data)
    end = data.find(b"\r\n\r\n") + 4
    size = min(len(data), end if end > 3 else 600)
    prefixes = [read(data[:at]) for at in {*range(min(size, 200)), *range(0, size, 37)}]
    if isinstance(found, Head):
        assert set(prefixes) == {None}
        again = read(found.raw + after)
        assert isinstance(again, Head)
        assert (again.raw, again.target, again.headers) == (found.raw, found.target, found.headers)
    else:
        assert {found, *prefixes} <= {None, *STATUSES}
        assert found is not None or set(prefixes) <= {None}


@settings(max_examples=400)
@given(data=mutants())
def test_a_head_that_is_written_again_is_read_alike(data: bytes) -> None:
    """What was understood is all that was said: nothing is hidden between the fields."""
    head = read(data)
    if isinstance(head, Head):
        version = "1.1" if head.http11 else "1.0"
        fields = [f"{name}: {value}\r\n" for name, value in head.headers]
        text = f"{head.method} {head.target} HTTP/{version}\r\n{''.join(fields)}\r\n"
        again = read(text.encode("utf-8", "surrogateescape"))
        assert isinstance(again, Head)
        for name in set(Head.__slots__) - {
            "raw",
            "host",
        }:  # an absolute target writes the host in its own way
            assert getattr(again, name) == getattr(head, name)


DIGITS = st.sampled_from(["{:x}", "{:X}", "{:04x}", "{:016X}"])
EXTENSIONS = st.sampled_from([b""] * 6 + [b";a", b" ; a = b", b';a="\\"b";c=d'])
TRAILERS = st.sampled_from([b"", b"", b"a: b\r\n", b"X-Sum:7\r\nx-sum: 8 \r\n", b"host: b\r\n"])


@st.composite
def chunk_streams(draw: st.DrawFn) -> bytes:
    """A good chunked body, or what a change makes of it."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=9) | st.just(b"\r\n0\r\n\r\n"), max_size=12))
    data = b""
    for piece in pieces:
        data += draw(DIGITS).format(len(piece)).encode() + draw(EXTENSIONS) + b"\r\n" + piece + b"\r\n"
    data += b"0" + draw(EXTENSIONS) + b"\r\n" + draw(TRAILERS) + b"\r\nGET"
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=2)) + data[at + draw(st.integers(0, 2)) :]
    return data


def decode(parts: list[bytes]) -> tuple[bytes, object, bytes, bool]:
    """Give content, trailers, the rest and whether all went well; what waits is bounded all the time."""
    inbound = ChunkedInbound(TRAILER_BYTES)
    content = b""
    try:
        for part in parts:
            inbound.feed(part)
            while not inbound.complete and (piece := inbound.take()):
                content += piece
            assert inbound.complete or len(inbound.rest) < WAITING_BYTES
    except BadRequest:
        return content, None, b"", False
    return content, inbound.trailers, inbound.rest if inbound.complete else b"", inbound.complete


@settings(max_examples=600)
@given(data=chunk_streams())
def test_chunks_that_come_whole_are_read_as_those_that_come_byte_by_byte(data: bytes) -> None:
    """The short way of whole chunks takes what the other does; a fault ends both at the same chunk."""
    whole, cut = decode([data]), decode([data[at : at + 1] for at in range(len(data))])
    assert whole[1:] == cut[1:]
    # Content before a fault is handed over as far as it has come.
    assert cut[0].startswith(whole[0])
    assert whole[0] == cut[0] or whole[1] is None


@pytest.mark.parametrize("size", [1, 249, 250, 251, 1000, 10_923])
def test_many_tiny_chunks_are_handed_over_in_short_turns(size: int) -> None:
    """Others have their turn in between: a piece never holds more than 250 of them."""
    inbound = ChunkedInbound(TRAILER_BYTES)
    inbound.feed(b"1\r\nx\r\n" * size + b"0\r\n\r\n")
    pieces = []
    while not inbound.complete:
        pieces.append(len(inbound.take()))
    assert sum(pieces) == size
    assert max(pieces) <= 250
