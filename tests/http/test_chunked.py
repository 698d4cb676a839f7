"""Chunked bodies, on their own: RFC 9112 7.1 where it leaves no freedom, and h11 as the second opinion."""

import re
from collections.abc import Iterable
from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.wires import chunk
from triosanic.exceptions import BadRequest
from triosanic.http.chunked import ChunkedInbound

LAST = b"0\r\n\r\n"
TRAILER_BYTES = 8192
Body = tuple[bytes, list[tuple[str, str]], bytes]


def read(parts: Iterable[bytes], max_trailer_bytes: int = TRAILER_BYTES) -> Body | None:
    """Give content, trailers and what is left; ``None`` while more is needed."""
    inbound = ChunkedInbound(max_trailer_bytes)
    pieces = []
    for part in parts:
        inbound.feed(part)
        while not inbound.complete and (piece := inbound.take()):
            pieces.append(piece)
    if not inbound.complete:
        return None
    return b"".join(pieces), list(inbound.trailers), inbound.rest


def refused(parts: Iterable[bytes], max_trailer_bytes: int = TRAILER_BYTES) -> bool:
    try:
        read(parts, max_trailer_bytes)
    except BadRequest:
        return True
    return False


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def trailer(text: bytes) -> bytes:
    return b"0\r\n" + text + b"\r\n\r\n"


TAKEN: list[tuple[bytes, bytes]] = [
    (LAST, b""),
    (b"000\r\n\r\n", b""),
    (b"5\r\nhello\r\n" + LAST, b"hello"),
    (b"1\r\na\r\n2\r\nbc\r\n" + LAST, b"abc"),
    (b"a\r\n0123456789\r\n" + LAST, b"0123456789"),
    (b"A\r\n0123456789\r\n" + LAST, b"0123456789"),
    (b"0000000000000001\r\na\r\n" + LAST, b"a"),
    (b"2\r\n\r\n\r\n" + LAST, b"\r\n"),
    (b"5\r\n0\r\n\r\n\r\n" + LAST, b"0\r\n\r\n"),
    (b"1;a\r\nx\r\n" + LAST, b"x"),
    (b"1;a=b\r\nx\r\n" + LAST, b"x"),
    (b"1;a=b;c;d=e\r\nx\r\n" + LAST, b"x"),
    (b'1;a="b c;\\"d\\\\"\r\nx\r\n' + LAST, b"x"),
    (b'1;a=""\r\nx\r\n' + LAST, b"x"),
    (b"1 ; a = b\r\nx\r\n" + LAST, b"x"),
    (b"1;" + b"a" * 255 + b"\r\nx\r\n" + LAST, b"x"),
    (b"0000000000000001;" + b"a" * 255 + b"\r\nx\r\n" + LAST, b"x"),
    (b"0;a=b\r\n\r\n", b""),
]
TRAILED: list[tuple[bytes, list[tuple[str, str]]]] = [
    (b"a: b", [("a", "b")]),
    (b"X-Sum:  7 \t", [("x-sum", "7")]),
    (b"a:", [("a", "")]),
    (b"a: b\r\nA: c", [("a", "b"), ("a", "c")]),
    (b"a: \xc3\xa9", [("a", "é")]),
    (b"a: \xff", [("a", "\udcff")]),
]
BAD_SIZES = [
    *(
        b"",
        b" 1",
        b"1 ",
        b"1\t",
        b"+1",
        b"-1",
        b"0x1",
        b"1_0",
        b"g",
        b"1g",
        b"1.0",
        b"\xb2",
        b"0" * 17,
        b"f" * 17,
    ),
    *(
        b"1;",
        b"1;;a",
        b"1;a;",
        b"1;=b",
        b"1;a=",
        b"1;a b",
        b"1;a=b c",
        b'1;a="',
        b'1;a="b',
        b'1;a="b"c',
        b'1;a="\\',
    ),
    *(
        b"1;a\0",
        b"1;a\x01",
        b"1;a=\x7f",
        b'1;a="\x01"',
        b'1;a="\n"',
        b"1;\xe9",
        b"1;a=\xe9",
        b"1;a@",
        b"1;(a)",
        b"1,a",
    ),
    *(
        b"1;" + b"a" * 256,
        b"1;" + b"a" * 70_000,
        b"1\0",
        b"1\n",
        b"1\r",
        b"1\r\r",
        b"\r\n1",
        b"\n1",
        b"1;a\r",
        b"1;a\n",
    ),
]
BAD_ENDS = [b"", b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"x\r\n", b"\0\r\n", b"  ", b"XX", b"\r\n\r\n", b" \r\n"]
BAD_TRAILERS = [
    *(
        b" a: b",
        b"a: b\r\n c",
        b"a : b",
        b": b",
        b"a",
        b"a: \0",
        b"a: b\nc: d",
        b"a: b\rc: d",
        b"a: \x7f",
        b"\xe9: a",
    ),
    *(b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: b", b"Authorization: x", b"Cookie: a=b"),
    *(
        b"Content-Type: a/b",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Trailer: a",
        b"x: y\r\nHOST: b",
    ),
    b"a: " + b"b" * TRAILER_BYTES,
    b"\r\n".join([b"a: b"] * 3000),
]


def test_what_is_known_to_be_still_to_come() -> None:
    """The rest of the current chunk: by it the reader decides how long its reads are."""
    inbound = ChunkedInbound(TRAILER_BYTES)
    known = []
    for part in (b"A", b"\r\n", b"0123", b"456789", b"\r\n", b"2\r\nab\r\n3\r\nc", b"de\r\n0", b"\r\n\r\n"):
        inbound.feed(part)
        inbound.take()
        known.append(inbound.missing)
    assert known == [0, 10, 6, 0, 0, 2, 0, 0]


@pytest.mark.parametrize(("data", "content"), TAKEN, ids=map(str, range(len(TAKEN))))
def test_what_is_taken(data: bytes, content: bytes) -> None:
    """RFC 9112 7.1; what follows belongs to the next request."""
    for rest in (b"", b"GET", b"\r\n", b"0\r\n\r\n"):
        assert read([data + rest]) == (content, [], rest)
        for at in range(1, len(data)):
            assert read([data[:at], data[at:] + rest]) == (content, [], rest), at
    assert read(bytewise(data)) == (content, [], b"")


@pytest.mark.parametrize(("text", "fields"), TRAILED, ids=map(str, range(len(TRAILED))))
def test_trailers_are_fields(text: bytes, fields: list[tuple[str, str]]) -> None:
    """RFC 9112 7.1.2."""
    data = trailer(text)
    assert read([data + b"GET"]) == (b"", fields, b"GET")
    for at in range(1, len(data)):
        assert read([data[:at], data[at:]]) == (b"", fields, b""), at


@pytest.mark.parametrize("size", BAD_SIZES, ids=map(str, range(len(BAD_SIZES))))
def test_a_size_that_is_malformed_is_refused_however_it_comes(size: bytes) -> None:
    """http-rules 1.3, 1.4: chunk size and extensions; CVE-2022-24761."""
    data = chunk(b"ok") + size + b"\r\nx\r\n" + LAST
    assert refused([data])
    assert refused(bytewise(data[:2000]))
    for at in range(1, min(len(data), 300)):
        assert refused([data[:at], data[at:]]), at


@pytest.mark.parametrize("end", BAD_ENDS, ids=ascii)
def test_the_data_of_a_chunk_ends_in_exactly_crlf(end: bytes) -> None:
    """CVE-2025-43859: any two other bytes are refused."""
    data = b"1\r\nx" + end + LAST
    assert refused([data])
    assert refused(bytewise(data))


@pytest.mark.parametrize("text", BAD_TRAILERS, ids=map(str, range(len(BAD_TRAILERS))))
def test_a_trailer_that_is_malformed_or_forbidden_is_refused(text: bytes) -> None:
    """http-rules 1.3: bounded; no framing, Host or auth fields; CVE-2025-58068, CVE-2026-22815."""
    data = trailer(text)
    assert refused([data])
    assert refused(data[at : at + 7] for at in range(0, len(data), 7))


@pytest.mark.parametrize(
    ("size", "passes"), [(99, True), (100, True), (101, False), (102, False), (110, False)]
)
def test_the_limit_of_trailers_is_the_largest_that_passes_however_they_come(size: int, passes: bool) -> None:
    """Table: `REQUEST_MAX_TRAILER_SIZE`."""
    data = trailer(b"a: " + b"b" * (size - 3))
    assert refused([data], 100) is not passes
    assert refused(bytewise(data), 100) is not passes
    for at in range(1, len(data)):
        assert refused([data[:at], data[at:]], 100) is not passes, at


def test_chunk_extensions_have_a_limit_in_the_whole_body() -> None:
    """Table: 256 B a chunk, 8 KiB a body."""
    one = b"1;" + b"a" * 254 + b"\r\nx\r\n"
    assert not refused([one * 32 + LAST])
    assert refused([one * 34 + LAST])
    assert refused([one] * 34)


@pytest.mark.parametrize("size", [b"f" * 16, b"7" + b"f" * 15, b"1" + b"0" * 15])
def test_a_huge_chunk_is_promised_and_not_reserved(size: bytes) -> None:
    """16 digits are allowed; nothing is done about them until bytes come."""
    assert read([size + b"\r\nabc"]) is None


@pytest.mark.parametrize("data", [data for data, _ in TAKEN], ids=map(str, range(len(TAKEN))))
def test_a_body_that_is_cut_short_is_never_complete(data: bytes) -> None:
    """RFC 9112 8: incomplete without the empty line at its end."""
    for at in range(len(data)):
        assert read([data[:at]]) is None, at


def second_opinion(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes] | None:
    """Read with h11; ``None`` if it has not ended."""
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    machine.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    content = b""
    while True:
        event = machine.next_event()
        if isinstance(event, h11.Data):
            content += event.data
        elif isinstance(event, h11.EndOfMessage):
            return content, list(event.headers), bytes(machine.trailing_data[0])
        elif event is h11.NEED_DATA:
            return None


PIECES = [
    b"0",
    b"1",
    b"a",
    b"\r\n",
    b"\r",
    b"\n",
    b";",
    b"=",
    b'"',
    b" ",
    b"a: b\r\n",
    LAST,
    b"1\r\nx\r\n",
    b"3\r\nabc\r\n",
]
CHUNKISH = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=20).map(b"".join)


@settings(max_examples=500)
@given(data=CHUNKISH | CHUNKISH.map(lambda data: data + LAST))
def test_what_is_taken_h11_reads_alike(data: bytes) -> None:
    """Design: a property test holds it to the same content; and no other exception ever."""
    try:
        found = read([data])
    except BadRequest:
        return
    if found is None or re.search(rb"[ \t];", data):
        return  # h11 may know already that it is bad, or wait as well; and it refuses BWS before ";"
    other = second_opinion(data)
    content, trailers, rest = found
    raw = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in trailers]
    assert other == (content, raw, rest)


@settings(max_examples=300)
@given(data=CHUNKISH, cuts=st.lists(st.integers(0, 80), max_size=5))
def test_how_bytes_come_does_not_decide_what_they_are(data: bytes, cuts: list[int]) -> None:
    """RFC 9112 2.1: once all has come, the result is that of all."""
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    parts = [data[a:b] for a, b in pairwise(places)]
    whole = None if refused([data]) else (read([data]),)
    cut = None if refused(parts) else (read(parts),)
    assert whole == cut


@given(pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=30), step=st.integers(1, 100))
def test_content_survives_any_chunking_and_any_cutting(pieces: list[bytes], step: int) -> None:
    """RFC 9112 7.1.3."""
    data = b"".join(map(chunk, pieces)) + LAST
    assert read(data[at : at + step] for at in range(0, len(data), step)) == (b"".join(pieces), [], b"")
