"""What the guard takes for a request, and what it answers instead: http-rules 1.3 and 1.4 as a table."""

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.http.heads import END, KELVIN, REFUSED, TAKEN, field, line
from triosanic.http.guard import Head, Refusal, take_head
from triosanic.http.limits import Limits

LIMITS = Limits()
SHORT = [data for data in TAKEN if len(data) < 400]


def read(data: bytes, limits: Limits = LIMITS) -> Head | int | None:
    """Give the head, or the status of the refusal, or ``None`` while more is needed."""
    try:
        return take_head(data, limits)
    except Refusal as refusal:
        return refusal.status


def arrive(parts: list[bytes], limits: Limits = LIMITS) -> Head | int | None:
    """Read as a connection does, from what has come so far; a refusal is final."""
    buffer, found = b"", None
    for part in parts:
        buffer += part
        found = read(buffer, limits)
        if found is not None:
            break
    return found


def outcome(found: Head | int | None) -> object:
    """Make heads comparable."""
    if not isinstance(found, Head):
        return found
    return {name: getattr(found, name) for name in Head.__slots__}


def accepted(data: bytes) -> Head:
    head = read(data)
    assert isinstance(head, Head), (data, head)
    return head


@pytest.mark.parametrize(("data", "status"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_is_refused(data: bytes, status: int) -> None:
    """http-rules 1.3, 1.4."""
    assert read(data) == status, data


@pytest.mark.parametrize(("data", "status"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_a_refusal_does_not_depend_on_how_the_bytes_come(data: bytes, status: int) -> None:
    """RFC 9112 2.1: a sequence of octets; at each place where it may be cut, and byte by byte."""
    for at in range(1, min(len(data), 400)):
        assert arrive([data[:at], data[at:]]) == status, data[:at]
    if len(data) < 400:
        assert arrive([bytes([byte]) for byte in data]) == status, data


@pytest.mark.parametrize("data", TAKEN, ids=map(str, range(len(TAKEN))))
def test_what_is_taken_is_what_h11_reads(data: bytes) -> None:
    """Design: only what h11 gives the same events for may go another way."""
    agree(accepted(data))


@pytest.mark.parametrize("data", SHORT, ids=map(str, range(len(SHORT))))
def test_a_head_does_not_depend_on_how_the_bytes_come(data: bytes) -> None:
    """RFC 9112 2.1."""
    whole = outcome(accepted(data))
    for at in range(len(data)):
        assert read(data[:at]) is None, data[:at]
    assert outcome(arrive([bytes([byte]) for byte in data])) == whole


@pytest.mark.parametrize("rest", [b"\0", b"\n\n", b" ", b"GET / HTTP/9.9\r\n", b"\r\n\r\n", b"x" * 100_000])
def test_what_follows_a_head_is_not_looked_at(rest: bytes) -> None:
    """It is the body, or the next request."""
    for data in TAKEN:
        assert outcome(accepted(data + rest)) == outcome(accepted(data))


def agree(head: Head) -> None:
    """Compare a head with h11's reading of the same bytes."""
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    machine.receive_data(head.raw.removeprefix(b"\r\n"))
    event = machine.next_event()
    assert isinstance(event, h11.Request)
    assert head.method.encode() == event.method
    assert event.http_version == (b"1.1" if head.http11 else b"1.0")
    if not event.target.lower().startswith((b"http:", b"https:")):
        assert head.target.encode() == event.target
    raw = [(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in head.headers]
    lowered = {b"transfer-encoding"}  # h11 does that
    assert list(event.headers) == [(n, v.lower() if n in lowered else v) for n, v in raw]
    then = machine.next_event()
    chunked = head.content_length is None
    if chunked or head.content_length:
        assert then is h11.NEED_DATA
        rest = b"1\r\nx\r\n0\r\n\r\n" if chunked else b"x" * min(head.content_length or 0, 10)
        machine.receive_data(rest)
        data = machine.next_event()
        assert isinstance(data, h11.Data)
        assert data.data == (b"x" if chunked else rest)
    else:
        assert isinstance(then, h11.EndOfMessage)


@pytest.mark.parametrize(
    ("raw", "target", "host"),
    [
        (b"http://a/b?c#", None, None),
        (b"http://a", "/", "a"),
        (b"http://a?x", "/?x", "a"),
        (b"http://A/b//c", "/b//c", "A"),
        (b"https://a/http://b/", "/http://b/", "a"),
        (b"//a/b", "//a/b", "a"),
    ],
)
def test_a_target_with_an_authority_becomes_a_path_and_a_host(
    raw: bytes, target: str | None, host: str | None
) -> None:
    """RFC 9112 3.2.2: the authority is the host, and the two must agree."""
    found = read(line(b"GET " + raw + b" HTTP/1.1"))
    if target is None:
        assert found == 400
    else:
        assert isinstance(found, Head)
        assert (found.target, found.host) == (target, host)


def test_an_authority_is_the_host_where_no_host_is_asked_for() -> None:
    """RFC 9112 3.2.2, HTTP/1.0."""
    assert accepted(b"GET http://a:81/ HTTP/1.0" + END).host == "a:81"


def test_an_expectation_of_http_1_0_is_none() -> None:
    """RFC 9110 10.1.1."""
    assert accepted(field(b"Expect: x", b"POST / HTTP/1.0")).expect is None
    assert accepted(field(b"Expect: x\r\nExpect: y")).expect == "x, y"


def sized(url: int = 0, headers: int = 0, count: int = 0) -> bytes:
    """Give a head whose target, or header block, or number of fields is of that size."""
    head = b"GET /" + b"u" * (url - 1) + b" HTTP/1.1\r\nHost: a\r\n"
    head += b"".join(b"n%d:\r\n" % number for number in range(count - 1))
    if headers:
        head += b"x: " + b"v" * (headers - len(head) - 3) + b"\r\n"
        assert len(head) == headers + 2
    return head + b"\r\n"


# Small ones, so that each place where a head may be cut can be tried.
SMALL = Limits(max_url_bytes=100, max_head_bytes=500, max_headers=10)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (sized(url=99), None),
        (sized(url=100), None),
        (sized(url=101), 414),
        (sized(url=190), 414),
        (sized(url=600), 414),
        (sized(url=5000), 414),
        (sized(headers=499), None),
        (sized(headers=500), None),
        (sized(headers=501), 431),
        (sized(headers=502), 431),
        (sized(headers=503), 431),
        (sized(headers=504), 431),
        (sized(headers=505), 431),
        (sized(headers=5000), 431),
        (sized(count=9), None),
        (sized(count=10), None),
        (sized(count=11), 431),
        (sized(url=100, headers=500, count=9), None),
        (b"\r\n" + sized(url=100), None),
        (b"M" * 32 + b" /" + b"u" * 99 + b" HTTP/1.1\r\nHost: a\r\n\r\n", None),
        (b"\r\n" + b"M" * 32 + b" /" + b"u" * 99 + b" HTTP/1.1\r\nHost: a\r\n\r\n", None),
        (b"M" * 32 + b" /" + b"u" * 100 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"M" * 33 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a" * 490 + END, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 1000 + b"\r\n", 431),
    ],
)
def test_the_limits_are_the_largest_that_pass_however_the_bytes_come(data: bytes, status: int | None) -> None:
    """Table: URL 414, head 431, number of fields 431; CVE-2026-54277: also when fragmented."""
    for found in (read(data, SMALL), arrive([data[at : at + 1] for at in range(len(data))], SMALL)):
        assert (found if status else isinstance(found, Head)) == (status or True)
    for at in range(1, min(len(data), 800)):
        found = arrive([data[:at], data[at:]], SMALL)
        assert (found if status else isinstance(found, Head)) == (status or True), at


@pytest.mark.parametrize(
    "data", [b"G" * 20_000, b"GET /" + b"a" * 20_000, b"GET / HTTP/1.1\r\n" + b"a" * 20_000]
)
def test_a_head_without_end_is_refused_as_soon_as_it_is_too_long(data: bytes) -> None:
    """Bounded memory: what can't be mended by any further byte is not waited for."""
    for much in (len(data), LIMITS.max_head_bytes + 100):
        assert arrive([data[at : at + 9] for at in range(0, much, 9)]) in {400, 414, 431}


PIECES = [
    *(
        b"GET",
        b"POST",
        b" ",
        b"/",
        b"*",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"\r\n",
        b"\r",
        b"\n",
        b"Host",
        b": ",
        b":",
    ),
    *(b"Content-Length", b"Transfer-Encoding", b"chunked", b"5", b",", b"\t", b"\0", b"\xff", b"Connection"),
    *(b"close", b"http://", b"Expect", b"100-continue", b'"', b"gzip", b"identity", b"a", END, KELVIN),
    b"GET / HTTP/1.1\r\nHost: a\r\n",
]
HEADISH = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
FRAMED = HEADISH.map(lambda data: b"GET / HTTP/1.1\r\nHost: a\r\n" + data + END)
TCHAR = "!#$%&'*+-.^_`|~09azAZ"
VCHAR = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")
FIELD_CHAR = st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t")


@settings(max_examples=500)
@given(data=HEADISH | FRAMED | st.binary(max_size=200))
@example(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
def test_whatever_comes_is_a_head_or_a_refusal_and_h11_agrees(data: bytes) -> None:
    """Never another exception; and what is taken is read alike."""
    found = read(data)
    if isinstance(found, Head):
        agree(found)
    elif found is not None:
        assert found in {400, 414, 431, 501, 505}


@given(data=HEADISH, cuts=st.lists(st.integers(0, 300), max_size=5))
def test_how_bytes_come_does_not_decide_whether_they_are_taken(data: bytes, cuts: list[int]) -> None:
    """As above; which of two faults is named may depend on it."""
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    whole, cut = read(data), arrive([data[a:b] for a, b in pairwise(places)])
    if isinstance(whole, int) and isinstance(cut, int):
        return
    assert outcome(whole) == outcome(cut)


@given(
    method=st.text(TCHAR, min_size=1, max_size=10),
    target=st.text(VCHAR, max_size=50),
    fields=st.lists(st.tuples(st.text(TCHAR, min_size=1), st.text(FIELD_CHAR, max_size=50)), max_size=20),
)
def test_a_good_head_is_always_taken_and_h11_agrees(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    """Nothing good is refused."""
    lines = [
        f"{method} /{target} HTTP/1.1",
        "Host: a",
        *(f"x{name}:{value}" for name, value in fields),
        "",
        "",
    ]
    head = accepted("\r\n".join(lines).encode())
    assert (head.method, head.target) == (method, f"/{target}")
    assert head.headers[1:] == [(f"x{name}".lower(), value.strip(" \t")) for name, value in fields]
    agree(head)
