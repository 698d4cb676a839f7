"""What is compressed, and what the header fields then say."""

import pytest

from triosanic.compression import Compression

RULES = Compression(everywhere=True, min_bytes=1000, offered=("zstd", "br", "gzip"))
GZIP = (("accept-encoding", "gzip"),)
PLAIN = "text/plain; charset=utf-8"
VARY = ("vary", "accept-encoding")
Fields = tuple[tuple[str, str], ...]


def shape(
    *fields: tuple[str, str],
    asked: Fields = GZIP,
    status: int = 200,
    kind: str | None = PLAIN,
    size: int | None = 5000,
) -> tuple[list[tuple[str, str]], str | None]:
    found, coding = RULES.shape(asked, status, fields, kind, size)
    return list(found), coding


def test_what_is_compressed_says_so() -> None:
    """RFC 9110 8.4 and 12.5.5."""
    assert shape(("x", "y")) == ([("x", "y"), VARY, ("content-encoding", "gzip")], "gzip")


@pytest.mark.parametrize("asked", [(), (("accept-encoding", "identity"),), (("accept-encoding", "zip"),)])
def test_who_does_not_take_it_is_told_that_others_would(asked: Fields) -> None:
    """RFC 9110 12.5.5: a cache must not give this answer to those."""
    assert shape(asked=asked) == ([VARY], None)


def test_several_fields_are_one_list() -> None:
    """RFC 9110 5.3."""
    asked = (("accept-encoding", "zip"), ("accept-encoding", "br;q=0.2, gzip;q=0.1"))
    assert shape(asked=asked)[1] == "br"


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "text/html; charset=utf-8", "TEXT/CSS", "text/event-stream", "text/javascript"),
        *("application/json", "application/problem+json", "application/javascript", "application/xml"),
        *("image/svg+xml", "application/wasm", "application/x-ndjson", "font/ttf", "image/x-icon"),
    ],
)
def test_types_that_shrink_are_compressed(kind: str) -> None:
    assert shape(kind=kind)[1] == "gzip"
    assert shape(("Content-Type", kind), kind=None)[1] == "gzip"


@pytest.mark.parametrize(
    "kind",
    [
        *("image/png", "image/jpeg", "image/webp", "video/mp4", "audio/mpeg", "application/zip"),
        *("application/gzip", "application/pdf", "application/octet-stream", "font/woff2", "text", ""),
        *("application/x-jsonx", "multipart/byteranges; boundary=text/plain", "x/y;a=b+json", None),
    ],
)
def test_other_types_are_left_alone_and_vary_with_nothing(kind: str | None) -> None:
    assert shape(kind=kind) == ([], None)


@pytest.mark.parametrize(("size", "coding"), [(0, None), (999, None), (1000, "gzip"), (None, "gzip")])
def test_what_is_short_is_left_alone(size: int | None, coding: str | None) -> None:
    fields, found = shape(size=size)
    assert found == coding
    assert bool(fields) == bool(coding)


@pytest.mark.parametrize("accept", ["gzip, identity;q=0", "gzip, *;q=0"])
def test_who_refuses_it_as_it_is_gets_also_short_and_other_content_compressed(accept: str) -> None:
    """RFC 9110 12.5.3: size and type are our reasons, and not the client's."""
    asked = (("accept-encoding", accept),)
    assert shape(asked=asked, size=5)[1] == "gzip"
    assert shape(asked=asked, kind="image/png")[1] == "gzip"
    assert shape(asked=asked, size=0) == ([], None)


def test_who_refuses_everything_is_answered_all_the_same() -> None:
    """RFC 9110 15.5.7: better an answer that may be readable than a 406 that tells nothing."""
    assert shape(asked=(("accept-encoding", "*;q=0"),)) == ([VARY], None)


@pytest.mark.parametrize(
    "field",
    [
        ("Content-Encoding", "br"),
        ("content-encoding", "identity"),
        ("Cache-Control", "public, no-transform"),
        ("cache-control", "No-Transform"),
        ("Content-Digest", "sha-256=:aa=:"),
        ("repr-digest", "sha-256=:aa=:"),
        ("Digest", "md5=aa"),
        ("Content-MD5", "aa"),
    ],
)
def test_what_must_not_be_changed_is_not(field: tuple[str, str]) -> None:
    """RFC 9110 8.4; RFC 9111 5.2.2.6; RFC 9530: a digest is that of the bytes that are sent."""
    assert shape(field) == ([field], None)


@pytest.mark.parametrize("status", [204, 205])
def test_what_has_no_content_is_left_alone(status: int) -> None:
    assert shape(("etag", '"a"'), status=status) == ([("etag", '"a"')], None)


@pytest.mark.parametrize("status", [200, 201, 404, 500])
def test_the_status_does_not_matter_otherwise(status: int) -> None:
    assert shape(status=status)[1] == "gzip"


@pytest.mark.parametrize(
    ("fields", "asked", "status"),
    [
        ((("content-range", "bytes 0-4999/9000"),), GZIP, 206),
        ((("content-type", "multipart/byteranges; boundary=a"),), GZIP, 206),
        ((("Content-Range", "bytes */9000"),), GZIP, 416),
        ((), (*GZIP, ("range", "bytes=0-")), 200),
    ],
)
def test_parts_are_those_of_the_content_as_it_is(fields: Fields, asked: Fields, status: int) -> None:
    """RFC 9110 14.2 and 15.3.7: with the fields that a 200 would have, Vary among them."""
    assert shape(*fields, asked=asked, status=status) == ([*fields, VARY], None)


def test_of_what_is_compressed_no_parts_are_offered() -> None:
    """RFC 9110 14.3: they would be parts of the coded content, which is made anew each time."""
    assert shape(("Accept-Ranges", "bytes"))[0] == [VARY, ("content-encoding", "gzip")]
    assert shape(("Accept-Ranges", "bytes"), asked=())[0] == [("Accept-Ranges", "bytes"), VARY]


@pytest.mark.parametrize(("etag", "told"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"')])
def test_an_entity_tag_is_weak_then(etag: str, told: str) -> None:
    """RFC 9110 8.8.1 and 8.8.3.3: two codings of one content are not the same bytes."""
    assert ("ETag", told) in shape(("ETag", etag))[0]
    assert ("ETag", etag) in shape(("ETag", etag), asked=())[0]


@pytest.mark.parametrize(
    ("known", "told"), [('W/"a"', 'W/"a"'), ('"x", W/"a"', 'W/"a"'), ('"a"', '"a"'), ("*", '"a"')]
)
def test_a_304_has_the_tag_that_the_client_has(known: str, told: str) -> None:
    """RFC 9111 4.3.4: a strong tag selects only what is stored under the same one."""
    asked = (*GZIP, ("if-none-match", known))
    fields, coding = shape(("etag", '"a"'), asked=asked, status=304, kind=None, size=0)
    assert fields == [("etag", told), VARY]
    assert coding is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Origin", "Origin, accept-encoding"),
        ("Origin, Accept-Encoding", "Origin, Accept-Encoding"),
        ("ACCEPT-ENCODING", "ACCEPT-ENCODING"),
        ("*", "*"),
        ("", "accept-encoding"),
    ],
)
def test_vary_is_added_to_what_the_program_says(before: str, after: str) -> None:
    """RFC 9110 12.5.5."""
    assert shape(("Vary", before), asked=())[0] == [("Vary", after)]


def test_several_fields_of_vary_are_one_list() -> None:
    assert shape(("vary", "accept-encoding"), ("vary", "origin"), asked=())[0] == [
        ("vary", "accept-encoding"),
        ("vary", "origin"),
    ]
    assert shape(("vary", "a"), ("x", "y"), ("vary", "b"), asked=())[0] == [
        ("vary", "a"),
        ("x", "y"),
        ("vary", "b, accept-encoding"),
    ]


def test_hostile_types_take_linear_time() -> None:
    """A program may let its clients say what is served as what."""
    for piece in ("+", "+json", "text/", "a"):
        shape(kind=piece * 10_000)
