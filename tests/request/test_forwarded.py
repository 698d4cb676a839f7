"""What proxies say, and who is believed."""

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.request.made import link_of, request_of
from triosanic import Config, HTTPResponse, Request, Sanic, json
from triosanic.headers import Header, fwd_normalize_address, parse_forwarded, parse_xforwarded, read_forwarded
from triosanic.testing import running

SECRET = "mySecret"
EVERY_HEADER = (
    "Forwarded: for=1.1.1.1;proto=https;host=evil.tld;secret=guess",
    "X-Real-IP: 1.1.1.1",
    "X-Forwarded-For: 1.1.1.1",
    "X-Scheme: https",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.tld",
    "X-Forwarded-Port: 666",
    "X-Forwarded-Path: /evil",
)


def forwarded(*fields: str) -> dict[str, Any] | None:
    return parse_forwarded(
        Header([("forwarded", field) for field in fields]), Config({"FORWARDED_SECRET": SECRET})
    )


def xforwarded(count: int = 1, **fields: str) -> dict[str, Any] | None:
    headers = Header([(name.replace("_", "-"), value) for name, value in fields.items()])
    config = Config({"PROXIES_COUNT": count, "REAL_IP_HEADER": "X-Real-IP"}, env_prefix=None)
    return parse_xforwarded(headers, config)


def test_nothing_is_believed_unless_it_is_trusted() -> None:
    """CVE-2026-48061, CVE-2025-59152, CVE-2026-25479 (litestar)."""
    request = request_of(*EVERY_HEADER, link=link_of(("9.9.9.9", 5)))
    assert (request.forwarded, request.remote_addr, request.client_ip) == ({}, "", "9.9.9.9")
    assert (request.url, request.server_port, request.server_path) == ("http://example.com/", 80, "/")


@pytest.mark.parametrize(
    "config",
    [
        {"FORWARDED_SECRET": SECRET},
        {"FORWARDED_SECRET": "guess2"},
        {"REAL_IP_HEADER": "CF-Connecting-IP"},
        {"PROXIES_COUNT": 2},
        {"PROXIES_COUNT": 0, "REAL_IP_HEADER": "", "FORWARDED_SECRET": ""},
    ],
    ids=["secret", "another secret", "another header", "too few proxies", "nothing"],
)
def test_what_did_not_come_through_our_proxies_is_not_believed(config: dict[str, Any]) -> None:
    """The same; a client that reaches the server past the proxies may say what it likes."""
    request = request_of(*EVERY_HEADER, **config)
    assert (request.forwarded, request.remote_addr, request.url) == ({}, "", "http://example.com/")


def test_the_element_with_the_secret_is_believed() -> None:
    """RFC 7239 §4; Sanic 25.12."""
    field = 'for="[::2]";proto=HTTPS;host="Me.tld:8443";port=443;path="/app/";secret=mySecret'
    request = request_of(f"Forwarded: {field}", FORWARDED_SECRET=SECRET, link=link_of(("9.9.9.9", 5)))
    assert request.forwarded == {
        "for": "[::2]",
        "proto": "https",
        "host": "me.tld:8443",
        "port": 443,
        "path": "/app/",
        "secret": SECRET,
    }
    assert (request.remote_addr, request.client_ip, request.ip) == ("[::2]", "[::2]", "9.9.9.9")
    assert (request.scheme, request.host, request.server_name) == ("https", "me.tld:8443", "me.tld")
    assert (request.server_port, request.server_path, request.path) == (443, "/app/", "/")
    assert request.url == "https://me.tld:8443/"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("secret=mySecret", {"secret": SECRET}),
        ("for=1.2.3.4;by=mySecret", {"for": "1.2.3.4", "by": SECRET}),
        ("FOR=1.2.3.4; Secret=mySecret", {"for": "1.2.3.4", "secret": SECRET}),
        ('secret="mySecret";;proto=http;', {"secret": SECRET, "proto": "http"}),
        ("for=1.1.1.1, for=1.2.3.4;secret=mySecret,for=9.9.9.9", {"for": "1.2.3.4", "secret": SECRET}),
        ("for=1.1.1.1;secret=mySecret, for=2.2.2.2;secret=mySecret", {"for": "2.2.2.2", "secret": SECRET}),
        ('host=", for="[::2]";secret=mySecret', {"for": "[::2]", "secret": SECRET}),
        ('for="a, for=1.2.3.4;secret=mySecret', {"for": "1.2.3.4", "secret": SECRET}),
        ("for=a;;;=, , ,for=1.2.3.4;secret=mySecret", {"for": "1.2.3.4", "secret": SECRET}),
        ("for=1.1.1.1;for=2.2.2.2;secret=mySecret", {"for": "2.2.2.2", "secret": SECRET}),
        ('for="1.2.3.4:80";secret=mySecret', {"for": "1.2.3.4", "secret": SECRET}),
        ('for="[2001:DB8::1]:80";secret=mySecret', {"for": "[2001:db8::1]", "secret": SECRET}),
        ("for=unknown;secret=mySecret", {"secret": SECRET}),
        ("for=_hidden;secret=mySecret", {"for": "_hidden", "secret": SECRET}),
        ("for=localhost;proto=gopher;port=0;secret=mySecret", {"secret": SECRET}),
        ('host="a/b";path=x;port=x;secret=mySecret', {"secret": SECRET}),
        ('path="/a%20b";secret=mySecret', {"path": "/a b", "secret": SECRET}),
        ('path="//evil";secret=mySecret', {"secret": SECRET}),
        ('path="/%5Cevil";secret=mySecret', {"secret": SECRET}),
        ('path="/a%0D%0Ab";secret=mySecret', {"secret": SECRET}),
    ],
)
def test_elements(field: str, expected: dict[str, Any]) -> None:
    """RFC 7239 §4 and §6; from the right, because a client may have sent what stands on the left."""
    assert forwarded(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        "for=1.2.3.4",
        "for=1.2.3.4;secret=wrong",
        "secret=mySecretX",
        "secret=mySecret;for=1.2.3.4 x",
        'secret=mySecret;for="1.2.3.4',
        'secret=mySecret;host="a\\"b"',
        "for=1.2.3.4:80;secret=mySecret",
        "mySecret",
        "",
        "secret",
    ],
)
def test_elements_that_are_not_ours(field: str) -> None:
    """What is malformed ends the search: nothing on its left is ours."""
    assert forwarded(field) is None


def test_several_fields_are_one_list() -> None:
    """RFC 9110 §5.3."""
    assert forwarded("for=1.1.1.1;secret=mySecret", "for=2.2.2.2") == {"for": "1.1.1.1", "secret": SECRET}


@pytest.mark.parametrize(
    ("count", "field", "address"),
    [
        (1, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        (2, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "evil, 1.1.1.1,2.2.2.2", "1.1.1.1"),
        (1, "::1", "[::1]"),
        (1, "[::1]:8080", "[::1]"),
        (1, "1.1.1.1:8080", "1.1.1.1"),
        (1, ", 1.1.1.1 ,, ", "1.1.1.1"),
    ],
)
def test_proxies_are_counted_from_the_right(count: int, field: str, address: str) -> None:
    """Sanic 25.12 ``PROXIES_COUNT``: each proxy appends who called it."""
    assert xforwarded(count, X_Forwarded_For=field) == {"for": address}


@pytest.mark.parametrize(
    ("count", "field"),
    [(2, "1.1.1.1"), (1, ""), (1, "evil"), (1, "1.1.1.1, 999.1.1.1"), (1, "1.1.1.1, [1.1.1.1]"), (1, "[::1")],
)
def test_what_our_proxies_have_not_written_is_not_believed(count: int, field: str) -> None:
    assert xforwarded(count, X_Forwarded_For=field, X_Forwarded_Host="evil.tld") is None


def test_the_address_in_a_header_of_its_own_counts_most() -> None:
    """Sanic 25.12 ``REAL_IP_HEADER``."""
    assert xforwarded(1, X_Real_IP="1.1.1.1", X_Forwarded_For="2.2.2.2") == {"for": "1.1.1.1"}
    assert xforwarded(1, X_Real_IP="x", X_Forwarded_For="2.2.2.2") == {"for": "2.2.2.2"}
    assert xforwarded(0, X_Real_IP="x", X_Forwarded_For="2.2.2.2") is None


def test_the_other_headers_come_with_the_address() -> None:
    """Sanic 25.12: X-Forwarded-Proto counts more than X-Scheme."""
    others = {
        "X_Scheme": "http",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "Me.tld",
        "X_Forwarded_Port": "8443",
        "X_Forwarded_Path": "/a%20b",
    }
    assert xforwarded(1, X_Forwarded_For="unknown", **others) == {
        "proto": "https",
        "host": "me.tld",
        "port": 8443,
        "path": "/a b",
    }
    assert xforwarded(1, **others) is None


def test_of_two_headers_the_one_that_is_of_its_form_counts() -> None:
    assert xforwarded(1, X_Real_IP="1.1.1.1", X_Scheme="https", X_Forwarded_Proto="x") == {
        "for": "1.1.1.1",
        "proto": "https",
    }


def test_a_field_that_came_twice_says_nothing() -> None:
    """One of the two is the client's."""
    fields = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]
    config = Config({"PROXIES_COUNT": 1}, env_prefix=None)
    assert parse_xforwarded(Header(fields), config) == {"for": "1.1.1.1"}


def test_another_header_than_x_forwarded_for() -> None:
    """Sanic 25.12 ``FORWARDED_FOR_HEADER``."""
    request = request_of("X-Via: 1.1.1.1", FORWARDED_FOR_HEADER="X-Via", PROXIES_COUNT=1)
    assert request.remote_addr == "1.1.1.1"


def test_forwarded_counts_more_than_the_others() -> None:
    told = ["X-Forwarded-For: 2.2.2.2", "Forwarded: for=1.1.1.1;secret=mySecret"]
    config: dict[str, Any] = {"FORWARDED_SECRET": SECRET, "PROXIES_COUNT": 1}
    assert request_of(*told, **config).remote_addr == "1.1.1.1"
    assert request_of(told[0], **config).remote_addr == "2.2.2.2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PROXIES_COUNT", -1),
        ("PROXIES_COUNT", "1"),
        ("PROXIES_COUNT", True),
        ("REAL_IP_HEADER", "X Real IP"),
        ("REAL_IP_HEADER", []),
        ("FORWARDED_FOR_HEADER", ""),
        ("REQUEST_ID_HEADER", "a:"),
        ("FORWARDED_SECRET", 'a"b'),
        ("FORWARDED_SECRET", 5),
        ("SERVER_NAME", "a b"),
        ("SERVER_NAME", "ftp://a"),
        ("SERVER_NAME", "a@b"),
    ],
)
def test_settings_that_can_never_match_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^config.{key} must be ") as caught:
        Config({key: value}, env_prefix=None)
    assert repr(value) in str(caught.value)


HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "x-scheme", "x-forwarded-port", "x-forwarded-path"]
fields = st.lists(
    st.tuples(
        st.sampled_from(HEADERS),
        st.text(st.sampled_from('fory=sect;,:[]"\\ \t1.%/_\udc80é'), max_size=40)
        | st.sampled_from(["secret=y", "for=1.1.1.1;secret=y", "1.1.1.1", "99999", "/%0a", "\u0663"]),
    ),
    max_size=6,
)


@given(fields, st.integers(0, 3))
def test_hostile_fields_raise_nothing(told: list[tuple[str, str]], count: int) -> None:
    """A client's bytes are no reason for a 500."""
    config = Config(
        {"FORWARDED_SECRET": "y", "PROXIES_COUNT": count, "REAL_IP_HEADER": "X-Real-IP"}, env_prefix=None
    )
    said = read_forwarded(Header(told), config)
    assert "\n" not in "".join(map(str, said.values()))


nodes = st.sampled_from(["1.2.3.4", '"[::1]"', "_h", "unknown", "x"])
elements = st.builds("for={};secret={}".format, nodes, st.sampled_from([SECRET, "other"]))


@given(st.lists(elements, min_size=1, max_size=5), st.text(st.sampled_from('fory=;,"\\ '), max_size=20))
def test_what_stands_on_the_left_changes_nothing(ours: list[str], evil: str) -> None:
    """A proxy appends to what a client has sent."""
    expected = forwarded(", ".join(ours))
    if expected is not None:
        assert forwarded(f"{evil}, {', '.join(ours)}") == expected
        assert forwarded(evil, ", ".join(ours)) == expected


@pytest.mark.parametrize(
    "unit", ['for="', "a=b;", "a=b,", ";", ",", "=", '"', "\\", " ", "a", "1.1.1.1,", "[::"]
)
def test_hostile_fields_take_linear_time(unit: str) -> None:
    text = (unit * 65_536)[:65_536]
    start = process_time()
    forwarded(text + ", for=1.2.3.4;secret=mySecret")
    forwarded(text)
    xforwarded(1, X_Forwarded_For=text, X_Forwarded_Path="/" + text)
    # Ten times what it takes: a hundredth of what a quadratic pattern would.
    assert process_time() - start < 1.5


async def test_a_request_through_proxies(app: Sanic, autojump_clock: object) -> None:
    app.config.PROXIES_COUNT = 1

    @app.get("/")
    async def show(request: Request) -> HTTPResponse:
        return json([request.remote_addr, request.client_ip, request.url, request.forwarded])

    told = {"X-Forwarded-For": "evil, 1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.tld"}
    async with running(app) as client:
        answer = await client.get("/", headers=told)
    said = {"for": "1.2.3.4", "proto": "https", "host": "shop.tld"}
    assert answer.json() == ["1.2.3.4", "1.2.3.4", "https://shop.tld/", said]


@pytest.mark.parametrize(
    ("text", "address"), [("1.2.3.4:80", "1.2.3.4"), ("2001:DB8::1", "[2001:db8::1]"), ("_hidden", "_hidden")]
)
def test_an_address_is_written_in_one_way(text: str, address: str) -> None:
    """RFC 7239 6."""
    assert fwd_normalize_address(text) == address


@pytest.mark.parametrize("text", ["unknown", "", "a.b", "1.2.3.999"])
def test_what_is_no_address(text: str) -> None:
    """Sanic 25.12 ``fwd_normalize_address``, for the first of them."""
    with pytest.raises(ValueError, match="no address"):
        fwd_normalize_address(text)


def test_without_a_secret_nothing_is_forwarded() -> None:
    assert parse_forwarded(Header([("forwarded", f"for=1.2.3.4;secret={SECRET}")]), Config()) is None
