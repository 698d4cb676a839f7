"""The mapping of fields, and the rules for names and values."""

import copy
import pickle
from time import process_time

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic.exceptions import InvalidHeader
from triosanic.headers import (
    Header,
    check_header_name,
    check_header_value,
    parse_accept,
    parse_content_header,
    parse_credentials,
    parse_host,
)

LATIN = st.text(st.characters(max_codepoint=0x17F))


def refuses(check: object, text: str) -> bool:
    assert callable(check)
    try:
        check(text)
    except ValueError:
        return True
    return False


def test_fields_are_found_whatever_their_case() -> None:
    """RFC 9110 §5.1."""
    headers = Header([("X-A", "1"), ("x-a", "2"), ("Host", "h")])
    assert headers["x-A"] == headers.getone("X-a") == "1"
    assert headers.getall("X-A") == headers.get_all("x-a") == ["1", "2"]
    assert "HOST" in headers


def test_a_missing_field_has_no_values() -> None:
    """Sanic 25.12 ``Header.get_all``."""
    headers = Header()
    assert headers.get_all("x") == []
    assert headers.get("x") is None
    with pytest.raises(KeyError):
        headers.getall("x")


def test_attributes_are_fields_joined_by_commas() -> None:
    """Sanic 25.12 ``Header``."""
    headers = Header([("X-Forwarded-For", "1"), ("x-forwarded-for", "2")])
    assert headers.x_forwarded_for == headers.x_forwarded_for_ == "1,2"
    assert Header({"From": "a"}).from_ == "a"
    assert headers.missing == ""


def test_special_attributes_are_not_fields() -> None:
    """Else the mapping could be neither copied nor sent to a process."""
    headers = Header({"A": "1"})
    assert not hasattr(headers, "__deepcopy__")
    assert not hasattr(headers, "_private")
    assert copy.copy(headers) == pickle.loads(pickle.dumps(headers)) == headers


@pytest.mark.parametrize("name", ["Host", "x-a", "!#$%&'*+-.^_`|~09aZ"])
def test_a_token_is_a_name(name: str) -> None:
    """RFC 9110 §5.6.2."""
    check_header_name(name)


@pytest.mark.parametrize("name", ["", " a", "a ", "a:", "a\n", "a\r\nb", "ä", "a\x00", "a(b)", "a/b", '"a"'])
def test_nothing_else_is_a_name(name: str) -> None:
    """RFC 9110 §5.1."""
    with pytest.raises(ValueError, match="must be a token") as caught:
        check_header_name(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("value", ["", "a", "a b", "a\tb", "a  b", "é\xa0\x80\xff", 'text/html; a="b"'])
def test_visible_latin_is_a_value(value: str) -> None:
    """RFC 9110 §5.5."""
    check_header_value(value)


@pytest.mark.parametrize(
    "value",
    ["a\r\nb: c", "a\nb", "a\rb", "a\n", "\x00", "a\x1bb", "a\x7f", "Ā", "日", " a", "a ", "\ta", "a\t", " "],
)
def test_nothing_else_is_a_value(value: str) -> None:
    """RFC 9110 §5.5; CVE-2018-1000164, CVE-2020-7695."""
    with pytest.raises(ValueError, match="value of a header") as caught:
        check_header_value(value)
    assert repr(value) in str(caught.value)


@given(LATIN)
def test_a_value_that_passes_can_be_sent(value: str) -> None:
    """What is refused here never reaches the protocol's machine, and what passes never fails there."""
    if not refuses(check_header_value, value):
        response = h11.Response(status_code=200, headers=[(b"x", value.encode("latin-1"))])
        assert response.headers[0][1].decode("latin-1") == value
        assert not set(value) & {"\r", "\n", "\0"}


@given(LATIN)
def test_a_name_passes_here_as_it_does_in_h11(name: str) -> None:
    """An oracle of its own."""
    try:
        h11.Response(status_code=200, headers=[(name, "x")])
    except (h11.LocalProtocolError, UnicodeEncodeError):
        assert refuses(check_header_name, name)
    else:
        check_header_name(name)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("text/plain", ("text/plain", {})),
        ("Text/Plain ; ", ("text/plain", {})),
        ("text/plain;charset=us-ascii", ("text/plain", {"charset": "us-ascii"})),
        ('text/plain ; Charset="us-ascii"; b=c', ("text/plain", {"charset": "us-ascii", "b": "c"})),
        ('attachment; filename="a;b";size=123;', ("attachment", {"filename": "a;b", "size": "123"})),
        ("a; b; c=d", ("a", {"c": "d"})),
        ("a; b=1; B=2", ("a", {"b": "2"})),
        ('a; b=""', ("a", {"b": ""})),
        ("a; filename*=UTF-8''x%20y", ("a", {"filename*": "UTF-8''x%20y"})),
        ("", ("", {})),
    ],
)
def test_content_headers(text: str, parsed: tuple[str, dict[str, str]]) -> None:
    """RFC 9110 §8.3.1; Sanic 25.12 ``parse_content_header``."""
    assert parse_content_header(text) == parsed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('form-data; name="foo%22;bar\\"; filename="😀"', 'foo";bar\\'),
        ('form-data; name="foo\\";bar\\"; filename="😀"', 'foo";bar\\'),
        ('form-data; filename="😀"; name="fo\\"o;bar\\"', 'fo"o;bar\\'),
        ('form-data; name="a%0D%0Ab"; filename="😀"', "a\nb"),
        ('form-data; name="C:\\dir\\a"; filename="😀"', "C:\\dir\\a"),
    ],
    ids=["percent", "backslash", "backslash at the end", "line break", "path"],
)
def test_names_as_browsers_quote_them(text: str, name: str) -> None:
    """HTML's multipart/form-data encoding; older Firefox; older Internet Explorer."""
    assert parse_content_header(text) == ("form-data", {"name": name, "filename": "😀"})


@given(st.text(st.characters(exclude_characters='"\\%\r\n')))
def test_a_quoted_value_comes_back(text: str) -> None:
    assert parse_content_header(f'a; b="{text}"; c=d') == ("a", {"b": text, "c": "d"})


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        (None, (None, None)),
        ("Bearer abc", ("Bearer", "abc")),
        ("bearer  abc ", ("Bearer", "abc")),
        ("Token abc", ("Token", "abc")),
        ("Basic", ("Basic", "")),
        ("abc", (None, "abc")),
        ("Digest a=b", (None, "Digest a=b")),
        ("xBearer abc", (None, "xBearer abc")),
        ("abc Bearer def", (None, "abc Bearer def")),
    ],
)
def test_credentials(header: str | None, parsed: tuple[str | None, str | None]) -> None:
    """RFC 9110 §11.4: the scheme comes first, in any case; without a known one, the whole is given."""
    assert parse_credentials(header) == parsed


def test_credentials_of_other_schemes() -> None:
    """Sanic 25.12 ``parse_credentials``."""
    assert parse_credentials("digest a=b", ["Digest"]) == ("Digest", "a=b")
    assert parse_credentials("Bearer x", ["Digest"]) == (None, "Bearer x")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("localhost", ("localhost", None)),
        ("Example.COM:8080", ("example.com", 8080)),
        ("my_host-1.a~b", ("my_host-1.a~b", None)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:8000", ("[::1]", 8000)),
        ("[2001:DB8::1]", ("[2001:db8::1]", None)),
        ("[::ffff:1.2.3.4]:65535", ("[::ffff:1.2.3.4]", 65535)),
    ],
)
def test_hosts(text: str, parsed: tuple[str, int | None]) -> None:
    """RFC 9110 §4.2.3."""
    assert parse_host(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a:",
        "a:65536",
        "a:-1",
        "a:\uff11",
        "a b",
        "a,b",
        "u@a",
        "a/b",
        "a?b",
        "::1",
        "[::1",
        "[:::]",
        "[1.2]",
        "é",
    ],
)
def test_what_is_not_a_host(text: str) -> None:
    """Sanic gives ``(None, None)``; userinfo, path and list: RFC 9112 §3.2."""
    assert parse_host(text) == (None, None)


@pytest.mark.parametrize("parser", [parse_content_header, parse_accept, parse_credentials, parse_host])
@given(text=st.text(st.sampled_from('ab/*;,="\\ \t:[]%q01.')))
def test_parsers_refuse_only_in_their_own_way(parser: object, text: str) -> None:
    assert callable(parser)
    try:
        parser(text)
    except InvalidHeader as error:
        assert text in error.message


@pytest.mark.parametrize("parser", [parse_content_header, parse_accept, parse_credentials, parse_host])
@pytest.mark.parametrize(
    "unit", [';a="\\"', '; ', ';a="', ";a", '\\"', ',"', '"\\', 'a/b;c="\\"', "a/b,", "a/b;", "[:", " "]
)  # fmt: skip
def test_hostile_text_takes_linear_time(parser: object, unit: str) -> None:
    """CVE-2020-5236, CVE-2025-67726: 64 KiB took seconds to minutes where time was quadratic."""
    assert callable(parser)
    text = (unit * 65_536)[:65_536]
    start = process_time()
    for hostile in (text, "x" + text, 'x/x;a="' + text):
        try:
            parser(hostile)
        except InvalidHeader:
            continue
    # Ten times what it takes: a hundredth of what a quadratic pattern would.
    assert process_time() - start < 0.5
