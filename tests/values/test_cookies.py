"""Cookies: reading what a client sends, and writing what it is to keep."""

import re
from datetime import UTC, datetime, timedelta, timezone
from time import process_time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic.cookies import Cookie, CookieJar, parse_cookie
from triosanic.exceptions import ServerError
from triosanic.headers import Header
from triosanic.request.parameters import CookieRequestParameters

NAME_CHARACTERS = "!#$%&'*+-.^_`|~:09azAZ"
names = st.text(st.sampled_from(NAME_CHARACTERS), min_size=1)
values = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("a=b", {"a": ["b"]}),
        ("a=b; c=d;e=f", {"a": ["b"], "c": ["d"], "e": ["f"]}),
        ("a=1; a=2", {"a": ["1", "2"]}),
        (" a =\tb ; c= ", {"a": ["b"], "c": [""]}),
        ("a=b=c", {"a": ["b=c"]}),
        ('a="b c"', {"a": ["b c"]}),
        (r'a="x y\073"', {"a": ["x y;"]}),
        (r'a="\"\\\351\x"', {"a": ['"\\éx']}),
        (r'a="\073\400\0"', {"a": [";4000"]}),
        ('a=""; b="; c=x"', {"a": [""], "b": ['"'], "c": ['x"']}),
        ("a=b,c d", {"a": ["b,c d"]}),
        ("a=日", {"a": ["日"]}),
        ("", {}),
        (";;; ;", {}),
    ],
)
def test_cookie_fields(field: str, cookies: dict[str, list[str]]) -> None:
    """RFC 6265 §5.4, and quotes as in Sanic and Python."""
    assert parse_cookie(field) == cookies


@pytest.mark.parametrize(
    "field",
    ["=b", "b", " = b", "=__Host-session=evil", "__Host-session", "==__Host-session=evil", "a b=c", "a[]=c"],
)
def test_a_cookie_without_a_name_is_none(field: str) -> None:
    """CVE-2023-23934 (werkzeug): browsers send a nameless cookie as its value, which another site may set."""
    assert parse_cookie(field) == {}
    assert parse_cookie(f"{field}; __Host-session=mine") == {"__Host-session": ["mine"]}


def test_a_prefixed_cookie_is_found_by_its_bare_name() -> None:
    """Sanic 25.12; the one that only this host can have set counts most."""
    cookies = CookieRequestParameters(
        parse_cookie("a=1; __Secure-a=2; __Host-a=3; __Secure-b=4; c-d=5; a=6; _e=7")
    )
    assert cookies["a"] == ["3"]
    assert (cookies.get("a"), cookies.getlist("a"), cookies.a) == ("3", ["3"], "3")
    assert (cookies["b"], cookies.b, cookies["__Secure-a"]) == (["4"], "4", ["2"])
    assert (cookies.c_d, cookies._e, cookies.missing) == ("5", "7", "")  # noqa: SLF001  # a cookie's name
    assert cookies.get("missing") is None
    assert cookies.getlist("missing") == []
    with pytest.raises(KeyError):
        _ = cookies["missing"]


def test_special_attributes_are_not_cookies() -> None:
    assert not hasattr(CookieRequestParameters(parse_cookie("__deepcopy__=1")), "__deepcopy__")


@pytest.mark.parametrize("unit", ["\\", '\\"', "\\0", "\\07", '"', "a=", ";", "; a", "=", " ", 'a="\\073";'])
def test_hostile_cookies_take_linear_time(unit: str) -> None:
    """CVE-2024-7592 (CPython): quadratic where a value had many backslashes."""
    text = (unit * 65_536)[:65_536]
    start = process_time()
    for hostile in (text, f'a="{text}"', f'a="{text}'):
        parse_cookie(hostile)
    # Ten times what it takes: a hundredth of what a quadratic pattern would.
    assert process_time() - start < 0.5


def test_malformed_cookies_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """CVE-2025-69230 (aiohttp): a line each filled the log."""
    parse_cookie("; ".join(["b@d", "=", "x", '"'] * 1000))
    assert caplog.records == []


@given(st.text(st.sampled_from('ab=;" \\073_-:[]é\x00\x1f\udc80')))
def test_any_field_can_be_read(field: str) -> None:
    for name, found in parse_cookie(field).items():
        assert re.fullmatch(f"[{re.escape(NAME_CHARACTERS)}a-b3-7]+", name)
        assert found


@given(names, values)
def test_what_is_set_comes_back(name: str, value: str) -> None:
    if name.lower() in {"path", "domain", "secure", "expires"}:
        return
    text = str(Cookie(name, value))
    pair, path, *_ = text.split("; ")
    assert path == "Path=/"
    assert parse_cookie(pair) == {name: [value]}


@given(values)
def test_no_cookie_value_can_add_to_its_field(value: str) -> None:
    """GHSA-78cv-mqj4-43f7 (tornado)."""
    text = str(Cookie("a", value))
    assert text.endswith("; Path=/; SameSite=Lax; Secure")
    assert text.count(";") == 3
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({}, "a=b; Path=/; SameSite=Lax; Secure"),
        ({"path": None, "samesite": None, "secure": False}, "a=b"),
        ({"path": "", "domain": "", "comment": "", "samesite": None, "secure": False}, "a=b"),
        ({"samesite": "strict", "httponly": True}, "a=b; Path=/; SameSite=Strict; Secure; HttpOnly"),
        ({"samesite": "NONE", "path": "/x"}, "a=b; Path=/x; SameSite=None; Secure"),
        ({"domain": ".example.com"}, "a=b; Path=/; Domain=.example.com; SameSite=Lax; Secure"),
        ({"max_age": 0}, "a=b; Path=/; Max-Age=0; SameSite=Lax; Secure"),
        ({"max_age": "-1"}, "a=b; Path=/; Max-Age=-1; SameSite=Lax; Secure"),
        ({"comment": "hi you"}, "a=b; Path=/; Comment=hi you; SameSite=Lax; Secure"),
        ({"host_prefix": True, "partitioned": True}, "__Host-a=b; Path=/; SameSite=Lax; Secure; Partitioned"),
        ({"secure_prefix": True, "path": "/x"}, "__Secure-a=b; Path=/x; SameSite=Lax; Secure"),
    ],
)
def test_fields_are_written_as_sanic_does(attributes: dict[str, Any], text: str) -> None:
    """Sanic 25.12; without the attributes that are empty, which it writes."""
    assert str(Cookie("a", "b", **attributes)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("b", "b"),
        ("", '""'),
        ("x y;", '"x y\\073"'),
        ('"\\', '"\\042\\134"'),
        ("é", '"\\351"'),
        ("日", '"日"'),
    ],
)
def test_values_are_quoted_as_sanic_does(value: str, text: str) -> None:
    assert str(Cookie("a", value, path=None, samesite=None, secure=False)) == f"a={text}"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 2, 3, 4, 5),
        datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2030, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_expiry_is_told_in_utc(moment: datetime) -> None:
    """RFC 9110 §5.6.7; Sanic would say 05:04:05 for the last of these."""
    assert "; Expires=Wed, 02 Jan 2030 03:04:05 GMT; " in str(Cookie("a", "b", expires=moment))


def said(error: BaseException) -> str:
    """Give all that is told of an error: its message, which is Sanic's, and its notes, which are ours."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@pytest.mark.parametrize(
    "name", ["", "a b", "a;b", "a=b", "a\r\nb", "a,b", '"a"', "é", "path", "Max-Age", "\x00", None]
)
def test_what_cannot_be_a_name(name: Any) -> None:
    """RFC 6265 §4.1.1; CVE-2026-35536 (tornado)."""
    with pytest.raises(KeyError, match=r"Cookie (key contains illegal|name is a reserved)") as caught:
        Cookie(name, "b")
    assert repr(name) in said(caught.value)


def test_a_prefix_hides_no_bad_name() -> None:
    with pytest.raises(KeyError, match="Cookie name is a reserved word") as caught:
        Cookie("path", "b", host_prefix=True)
    assert "it is 'path'" in said(caught.value)


WRONG_ATTRIBUTE: Final = "^(the (path|domain|comment) of a cookie|Cookie 'samesite' property) must be "


@pytest.mark.parametrize("attribute", ["path", "domain", "comment", "samesite"])
@pytest.mark.parametrize(
    "text", ["/;Secure", "a; HttpOnly", "a\r\nSet-Cookie: x=y", "a\n", "a\x00", "a\x7f", "é", 5]
)
def test_no_cookie_attribute_can_add_to_its_field(attribute: str, text: Any) -> None:
    """CVE-2026-35536, GHSA-78cv-mqj4-43f7 (tornado)."""
    with pytest.raises((TypeError, ValueError), match=WRONG_ATTRIBUTE) as caught:
        Cookie("a", "b", **{attribute: text})
    assert repr(text) in said(caught.value)


@pytest.mark.parametrize("attribute", ["path", "domain", "comment", "samesite"])
def test_nor_can_one_that_is_set_later(attribute: str) -> None:
    cookie = Cookie("a", "b")
    with pytest.raises((TypeError, ValueError), match=WRONG_ATTRIBUTE):
        setattr(cookie, attribute, "a; b")
    with pytest.raises((TypeError, ValueError), match=WRONG_ATTRIBUTE):
        cookie[attribute] = "a; b"
    assert str(cookie) == "a=b; Path=/; SameSite=Lax; Secure"


@pytest.mark.parametrize(
    ("attributes", "error", "words"),
    [
        ({"max_age": "soon"}, ValueError, "Cookie max-age must be an integer"),
        ({"max_age": 1.5}, ValueError, "it is 1.5; wanted: a whole"),
        ({"max_age": True}, ValueError, "it is True"),
        ({"expires": "tomorrow"}, TypeError, "Cookie 'expires' property must be a datetime"),
        (
            {"expires": datetime.min},
            ValueError,
            "from 1601 to 9999 in UTC, not datetime.datetime(1, 1, 1, 0, 0)",
        ),
        (
            {"expires": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))},
            ValueError,
            "from 1601 to 9999",
        ),
        ({"host_prefix": True, "path": "/x"}, ServerError, "host_prefix on a cookie unless path='/'"),
        ({"host_prefix": True, "domain": "x.tld"}, ServerError, "host_prefix on a cookie with a defined"),
        ({"host_prefix": True, "secure": False}, ServerError, "host_prefix on a cookie without secure=True"),
        ({"secure_prefix": True, "secure": False}, ServerError, "secure_prefix on a cookie without secure"),
        ({"partitioned": True, "secure": False}, ServerError, "partitioned cookie without secure=True"),
        ({"host_prefix": True, "secure_prefix": True}, ServerError, "A cookie should have only one prefix"),
    ],
)
def test_attributes_that_do_not_fit(attributes: dict[str, Any], error: type[Exception], words: str) -> None:
    """Sanic 25.12; RFC 6265bis §4.1.3."""
    with pytest.raises(error) as caught:
        Cookie("a", "b", **attributes)
    assert words in said(caught.value)


@pytest.mark.parametrize(("value", "error"), [(5, TypeError), (None, TypeError), ("\ud800", ValueError)])
def test_what_cannot_be_a_value(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="value of a cookie must be ") as caught:
        Cookie("a", value)
    assert repr(value) in str(caught.value)


def test_a_repr_tells_no_secret() -> None:
    assert repr(Cookie("session", "s3cret")) == "<Cookie session>"


def jar(*fields: str) -> CookieJar:
    return CookieJar(Header([("Set-Cookie", field) for field in fields]))


def test_a_jar_is_what_its_headers_say() -> None:
    headers = Header({"X-A": "1"})
    first = CookieJar(headers).add_cookie("a", "1")
    second = CookieJar(headers).add_cookie("b", "2", path="/x")
    assert CookieJar(headers).cookies == [first, second]
    assert len(CookieJar(headers)) == 2
    assert [str(field) for field in headers.getall("set-cookie")] == [str(first), str(second)]
    assert headers.set_cookie == f"{first},{second}"


def test_cookies_are_found_by_name_path_and_domain() -> None:
    """Sanic 25.12."""
    cookies = jar("raw=1")
    cookie = cookies.add_cookie("a", "1", path="/x", domain="y.tld")
    prefixed = cookies.add_cookie("b", "2", host_prefix=True)
    assert cookies.get_cookie("a", path="/x", domain="y.tld") is cookie
    assert cookies.get_cookie("b", host_prefix=True) is prefixed
    assert cookies.get_cookie("a") is None
    assert cookies.has_cookie("a", "/x", "y.tld")
    assert not cookies.has_cookie("raw")


def test_the_later_of_two_counts() -> None:
    """RFC 6265 §4.1.1: a response sets a cookie once; one of another path is another."""
    cookies = jar("raw=1")
    for value, path in (("1", "/"), ("2", "/x"), ("3", "/")):
        cookies.add_cookie("a", value, path=path)
    assert [cookie.value for cookie in cookies.cookies] == ["2", "3"]
    assert list(cookies) == ["a"]


def test_deleting_a_cookie() -> None:
    """Sanic 25.12."""
    cookies = jar()
    cookies.add_cookie("old", "1")
    cookies.delete_cookie("old")
    cookies.delete_cookie("b", path="/x", domain="y.tld", secure=False)
    cookies.delete_cookie("c", host_prefix=True)
    assert [str(cookie) for cookie in cookies.cookies] == [
        'old=""; Path=/; Max-Age=0; Secure',
        'b=""; Path=/x; Domain=y.tld; Max-Age=0',
        '__Host-c=""; Path=/; Max-Age=0; Secure',
    ]


def test_cookies_as_in_the_first_years() -> None:
    """Sanic's documentation of 2017."""
    cookies = jar()
    cookies["test"] = "It worked!"
    cookies["test"]["domain"] = ".gotta-go-fast.com"
    cookies["test"]["httponly"] = True
    cookies["test"]["max-age"] = 5
    assert str(cookies["test"]) == 'test="It worked!"; Path=/; Domain=.gotta-go-fast.com; Max-Age=5; HttpOnly'
    cookies["test"] = "again"
    assert (cookies["test"].value, cookies["test"]["httponly"], "test" in cookies) == ("again", True, True)


def test_deleting_as_in_the_first_years() -> None:
    """Sanic's documentation of 2017: one that this response sets is taken back."""
    cookies = jar()
    cookies["favorite_color"] = "blue"
    del cookies["favorite_color"]
    del cookies["kill_me"]
    assert [str(cookie) for cookie in cookies.cookies] == ['kill_me=""; Path=/; Max-Age=0']
    with pytest.raises(KeyError):
        _ = cookies["favorite_color"]


def test_an_unknown_attribute_is_refused() -> None:
    cookie = Cookie("a", "b")
    with pytest.raises(KeyError, match=r"a cookie has path, .*, not 'colour'"):
        cookie["colour"] = "red"
    with pytest.raises(AttributeError):
        cookie.colour = "red"
