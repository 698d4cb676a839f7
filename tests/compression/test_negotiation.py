"""Which coding a client gets: RFC 9110 12.5.3, with the weights of 12.4.2."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic.compression.negotiation import Choice, choose, read_weights

OFFERED = ("zstd", "br", "gzip")

# The field, and the coding that is chosen of zstd, br and gzip in that order.
CASES: list[tuple[str | None, str | None]] = [
    (None, None),  # anything is acceptable; but such a client may read nothing
    ("", None),  # an empty field: no coding
    ("gzip", "gzip"),
    ("GZip", "gzip"),  # 8.4.1: case does not matter
    ("x-gzip", "gzip"),  # 8.4.1.3
    ("gzip, deflate, br, zstd", "zstd"),  # what browsers send: ours is the choice
    ("gzip, deflate, br", "br"),
    ("deflate, compress", None),
    ("gzip;q=1.0, br;q=0.5", "gzip"),
    ("gzip;q=0.8, br;q=0.801", "br"),
    ("gzip ; q=0.5 ,\tbr;q=0", "gzip"),
    ("gzip;Q=0.5", "gzip"),
    ("gzip;q=0", None),
    ("gzip;q=0.000", None),
    ("*", "zstd"),
    ("*;q=0", None),
    ("*;q=0, gzip", "gzip"),
    ("zstd;q=0, *", "br"),
    ("zstd;q=0.1, *;q=0.5", "br"),
    ("*, gzip;q=0", "zstd"),
    ("identity", None),
    ("identity, gzip", "gzip"),
    ("identity;q=0.5, gzip;q=1.0", "gzip"),
    ("identity;q=1, gzip;q=0.5", None),
    ("gzip;q=0.5, identity;q=0", "gzip"),
    ("gzip;q=2", None),  # malformed: names nothing
    ("gzip;q=0.1234", None),
    ("gzip;q=-1", None),
    ("gzip;q=", None),
    ("gzip;q=1;level=9", None),
    ("gzip;level=9", None),
    (",,gzip,,", "gzip"),  # 5.6.1.2: empty elements
    ("gzip deflate", None),
    ("gzip;q=\u0661", None),  # CVE-2025-69225: digits are ASCII
]


@pytest.mark.parametrize(("accept", "coding"), CASES, ids=[repr(accept) for accept, _ in CASES])
def test_the_coding(accept: str | None, coding: str | None) -> None:
    assert choose(accept, OFFERED).coding == coding


@pytest.mark.parametrize(
    ("accept", "refused"),
    [
        ("identity;q=0", True),
        ("*;q=0", True),
        ("gzip, *;q=0", True),
        ("gzip, identity;q=0", True),
        ("*;q=0, identity;q=0.1", False),
        ("*;q=0, identity", False),
        ("gzip", False),
        ("", False),
        (None, False),
    ],
)
def test_whether_the_content_may_be_sent_as_it_is(accept: str | None, refused: bool) -> None:
    """RFC 9110 12.5.3: unless it is refused, by its name or by the asterisk."""
    assert choose(accept, OFFERED).refuses_identity is refused


def test_only_what_is_offered_is_chosen() -> None:
    assert choose("zstd, br, gzip;q=0.1", ("gzip",)) == Choice("gzip")
    assert choose("br", ("gzip",)) == Choice(None)


names = st.sampled_from(["gzip", "br", "zstd", "identity", "*", "deflate", "x"])
weights = st.integers(0, 1000)


@given(st.dictionaries(names, weights))
def test_the_best_of_what_is_named_is_chosen(wanted: dict[str, int]) -> None:
    """An oracle that asks for each coding alone what it weighs."""
    field = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in wanted.items())
    weigh = {coding: wanted.get(coding, wanted.get("*", 0)) for coding in OFFERED}
    best = max(OFFERED, key=lambda coding: weigh[coding])
    takes = weigh[best] > 0 and weigh[best] >= wanted.get("identity", 0)
    assert choose(field, OFFERED).coding == (best if takes else None)


@given(st.text(st.characters(codec="latin-1")) | st.from_regex(re.compile(r"[gzip*;q=01., ]{0,40}")))
def test_nothing_that_a_client_sends_is_an_error(field: str) -> None:
    for name, weight in read_weights(field).items():
        assert name
        assert 0 <= weight <= 1
    assert choose(field, OFFERED).coding in (None, *OFFERED)


@pytest.mark.parametrize("piece", [",", ";", "gzip,", "gzip;q=1,", "a;", " ", "\t;", "q=0.", "*,"])
def test_hostile_fields_take_linear_time(piece: str) -> None:
    """http-rules: 64 KiB of anything take less than 10 ms; a head has 16 at most, a machine may be slow."""
    before = process_time()
    choose(piece * (16_384 // len(piece)), OFFERED)
    assert process_time() - before < 0.05
