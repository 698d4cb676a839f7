"""What a client accepts, and which of several types it likes best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic.exceptions import InvalidHeader
from triosanic.headers import AcceptList, MediaType, parse_accept, parse_media_type

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

tokens = st.text(st.sampled_from("abz-+.*"), min_size=1, max_size=4)
weights = st.sampled_from(["", ";q=0", ";q=0.2", "; Q=0.25", ";q=1", ';q=1.000;x="a,b;c"'])
media_ranges = st.builds("{}/{}{}".format, tokens, tokens, weights)


def media(text: str) -> MediaType:
    parsed = parse_media_type(text)
    assert parsed is not None
    return parsed


def names(accept: AcceptList) -> list[str]:
    return [entry.mime for entry in accept]


def test_entries_come_best_liked_first() -> None:
    """RFC 9110 §12.4.2; entries liked equally keep their order."""
    accept = parse_accept(BROWSER)
    liked = ["text/html", "application/xhtml+xml", "image/avif", "image/webp"]
    assert names(accept) == [*liked, "application/xml", "*/*"]
    assert [entry.q for entry in accept] == [1, 1, 1, 1, 0.9, 0.8]


def test_without_the_field_anything_goes() -> None:
    """RFC 9110 §12.5.1."""
    assert names(parse_accept(None)) == ["*/*"]
    assert parse_accept(None).match("foo/bar") == "foo/bar"


def test_with_an_empty_field_nothing_goes() -> None:
    """Sanic 23.3."""
    assert names(parse_accept("")) == []
    assert not parse_accept("").match("*/*")


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "missing/",
        "/missing",
        ",",
        "a/b;q=2",
        "a/b;q=x",
        "a/b;q=",
        "a/b;q=nan",
        "a/b;q=-1",
        "a/b;c",
        "a/b," * 100,
    ],
)
def test_a_malformed_field_is_a_bad_request(text: str) -> None:
    """Sanic's words; CVE-2025-67726: a count before the work."""
    with pytest.raises(InvalidHeader, match="Invalid header value in Accept: ") as caught:
        parse_accept(text)
    assert caught.value.status_code == 400


def test_old_java_clients_are_understood() -> None:
    """``java.net.HttpURLConnection`` sends this."""
    accept = parse_accept("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")
    assert [str(entry) for entry in accept] == ["text/html", "image/gif", "image/jpeg", "*/*;q=.2"]


def test_quotes_hide_commas_and_semicolons() -> None:
    """RFC 9110 §5.6.6."""
    (first, second) = parse_accept('a/b;c="d,e;f\\"g", h/i')
    assert first.params == {"c": 'd,e;f"g'}
    assert second == "h/i"


def test_types_ignore_case() -> None:
    """RFC 9110 §8.3.1."""
    assert parse_accept("TEXT/Html").match("text/HTML") == "text/HTML"


@pytest.mark.parametrize(
    ("accept", "mimes", "matched"),
    [
        ("a/b;q=0.5, c/d", ("a/b", "c/d"), "c/d"),
        ("a/b, c/d", ("c/d", "a/b"), "c/d"),
        ("a/*", ("c/d", "a/b"), "a/b"),
        ("a/b", ("c/d",), ""),
        ("a/b", (), ""),
        ("*/*, a/b;q=0", ("a/b", "c/d"), "c/d"),
        ("a/b;q=0", ("a/b", "a/*"), ""),
        ("*/*, a/b;q=0.5", ("a/b", "c/d"), "c/d"),
        ("a/*;q=0.9, */*;q=0.1", ("c/d", "a/b"), "a/b"),
        ("a/b;level=1;q=0.1, a/b;q=0.7, c/d;q=0.4", ("c/d", "a/b"), "a/b"),
        ("a/b;level=1;q=0.1, a/b;q=0.7, c/d;q=0.4", ("c/d", "a/b;level=1"), "c/d"),
        ("a/b", ("not a type", "a/b"), "a/b"),
    ],
)
def test_the_best_liked_is_found(accept: str, mimes: tuple[str, ...], matched: str) -> None:
    """RFC 9110 §12.5.1: the most exact entry counts; §12.4.2: ``q=0`` is a refusal."""
    found = parse_accept(accept).match(*mimes)
    assert found == matched
    assert bool(found) == bool(matched)


def test_a_match_says_what_it_fits() -> None:
    """Sanic 23.3 ``Matched``."""
    accept = parse_accept("foo/bar;q=0.0, */plain;param=123, text/plain, text/*, foo/bar;q=0.5")
    found = accept.match("foo/bar", "text/*", "text/plain")
    assert repr(found) == "<text/* matched */plain;param=123>"
    assert str(found) == found.mime == "text/*"
    assert found.header == "*/plain"
    assert repr(accept.match("foo/bar")) == "<foo/bar matched foo/bar;q=0.5>"
    assert repr(accept.match("x/y")) == "<no match>"
    assert accept.match("foo/bar") != accept.match("x/y")
    assert len({accept.match("foo/bar"), accept.match("foo/bar")}) == 1


def test_wildcards_of_the_client_can_be_left_out() -> None:
    """Sanic 23.3 ``accept_wildcards``."""
    accept = parse_accept("*/*, foo/*, */bar, foo/bar;q=0.1")
    assert not accept.match("text/html", "foo/foo", "bar/bar", accept_wildcards=False)
    found = accept.match("text/plain", "*/*", accept_wildcards=False)
    assert found == "*/*"
    assert found.header == "foo/bar"


def test_in_means_named() -> None:
    """Sanic 23.3: a wildcard is itself only."""
    assert "foo/bar" in parse_accept("foo/bar;q=0.1")
    assert "foo/bar" not in parse_accept("foo/*")
    assert "*/*" not in parse_accept("foo/*")


@pytest.mark.parametrize("one", ["foo/bar", "foo/*", "*/bar", "*/*"])
@pytest.mark.parametrize("other", ["foo/bar", "foo/*", "*/bar", "*/*"])
def test_wildcards_fit_both_ways(one: str, other: str) -> None:
    """Sanic 23.3 ``MediaType.match``."""
    assert media(one).match(other)
    assert media(one).match(media(other)) is not None
    assert bool(media(one).match("x/y")) == (one == "*/*")
    assert not media(one).match("no type")


def test_parameters_that_are_asked_for_must_be_there() -> None:
    """Sanic 23.3 ``MediaType.match``."""
    entry = media("foo/bar;param=123")
    assert entry.match("foo/bar")
    assert entry.match("foo/bar;param=123")
    assert not entry.match("foo/bar;param=456")
    assert not entry.match("foo/bar;q=1.0")


def test_equality_leaves_parameters_out() -> None:
    """Sanic's words."""
    assert media("foo/bar;a=1") == media("foo/bar;a=2")
    assert len({media("foo/bar;a=1"), media("foo/bar")}) == 1
    assert media("foo/bar") != 1
    with pytest.raises(ValueError, match=r"^Use match\(\) to compare with parameters$"):
        _ = media("foo/bar") == "foo/bar;a=1"


@given(st.lists(media_ranges, min_size=1, max_size=6))
def test_a_list_written_and_read_again_is_the_same(ranges: list[str]) -> None:
    accept = parse_accept(", ".join(ranges))
    again = parse_accept(str(accept))
    assert str(again) == str(accept)
    assert [entry.params for entry in again] == [entry.params for entry in accept]


@given(
    st.lists(media_ranges, min_size=1, max_size=6),
    st.lists(st.sampled_from(["a/b", "z/z", "a/*"]), max_size=3),
)
def test_a_match_is_one_of_the_arguments_and_wanted(ranges: list[str], mimes: list[str]) -> None:
    accept: AcceptList = parse_accept(",".join(ranges))
    found = accept.match(*mimes)
    if found:
        assert found.mime in mimes
        assert found.header in accept
        assert found.header is not None
        assert found.header.q > 0
    else:
        assert found.mime == ""
