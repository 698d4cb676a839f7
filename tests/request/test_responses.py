"""Response objects: their fields, and JSON that middleware changes."""

import json as stdlib_json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from triosanic import HTTPResponse, Request, Sanic, empty, html, json, raw, text
from triosanic.exceptions import SanicException
from triosanic.response import redirect
from triosanic.testing import open_raw


def fields(response: HTTPResponse) -> list[tuple[bytes, bytes]]:
    return list(response.processed_headers)


def test_processed_headers_are_what_is_sent() -> None:
    """Sanic 25.12: bytes, Content-Type last."""
    response = text("x", headers={"X-A": 1, "X-B": "é"})
    response.add_cookie("a", "b")
    assert fields(response) == [
        (b"X-A", b"1"),
        (b"X-B", "é".encode()),
        (b"Set-Cookie", b"a=b; Path=/; SameSite=Lax; Secure"),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    assert fields(text("x", headers={"Content-Type": "a/b"})) == [(b"Content-Type", b"a/b")]
    assert fields(HTTPResponse("x")) == []


@pytest.mark.parametrize("status", [204, 304, 101])
def test_without_content_there_is_no_content_type(status: int) -> None:
    """RFC 9110 §6.4.1."""
    assert fields(text("x", status)) == []


@pytest.mark.parametrize("status", [204, 304])
async def test_content_that_cannot_be_sent_is_left_out(
    app: Sanic, autojump_clock: object, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Sanic 25.12 does it and warns each time; who reads the log cannot mend it."""

    @app.get("/")
    async def handler(request: Request) -> HTTPResponse:
        return json({"never": "sent"}, status)

    async with open_raw(app) as conn:
        await conn.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head, _, rest = (await conn.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert rest == b""
    assert b"content-" not in head.lower()
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


def test_kinds_of_content() -> None:
    assert empty().status == 204
    assert (empty().body, html("<p>").content_type) == (b"", "text/html; charset=utf-8")
    assert (raw(b"\xff").body, raw("é").body) == (b"\xff", "é".encode())
    assert raw(None).content_type == "application/octet-stream"
    with pytest.raises(TypeError, match=r"text\(\) takes str, not bytes: use raw\(\)"):
        text(b"x")  # type: ignore[arg-type]  # that is what is tested


def test_html_of_objects_that_can_show_themselves() -> None:
    """Sanic 25.12."""

    class Page:
        def __html__(self) -> str:
            return "<p>"

    class Plot:
        def _repr_html_(self) -> str:
            return "<b>"

    assert (html(Page()).body, html(Plot()).body) == (b"<p>", b"<b>")
    with pytest.raises(TypeError, match="html"):
        html(5)


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/a", "/a"),
        ("/a b?c=d&e#f", "/a+b?c=d&e#f"),
        ("http://x.tld/é", "http://x.tld/%C3%A9"),
        ("/%2F", "/%2F"),
        ("/a\r\nX: y", "/a%0D%0AX:+y"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ],
)
def test_redirects(to: str, location: str) -> None:
    """Sanic 25.12; a line break cannot end the field."""
    response = redirect(to)
    assert (response.status, response.headers["location"]) == (302, location)
    assert response.content_type == "text/html; charset=utf-8"


def test_redirects_keep_their_headers() -> None:
    told = CIMultiDict([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("location", "/old")])
    response = redirect("/new", told, status=303)
    assert response.headers.getall("location") == ["/new"]
    assert response.headers.getall("set-cookie") == ["a=1", "b=2"]
    assert told["location"] == "/old"


def test_json_is_changed_as_a_value() -> None:
    """Sanic 25.12 ``JSONResponse``."""
    response = json({"a": 1})
    response.update({"b": 2}, c=3)
    assert response.body == b'{"a":1,"b":2,"c":3}'
    assert response.pop("a") == 1
    assert response.pop("missing", None) is None
    assert response.raw_body == {"b": 2, "c": 3}
    response.raw_body = [1]
    response.append(2)
    response.extend([3, "é"])
    assert response.body == b'[1,2,3,"\\u00e9"]'
    assert response.pop(-1) == "é"
    assert response.body == b"[1,2,3]"


def test_json_is_written_again_as_it_was_at_first() -> None:
    response = json([1], dumps=stdlib_json.dumps, indent=1)
    response.append(2)
    assert response.body == b"[\n 1,\n 2\n]"
    response.set_body({"a": [1]}, dumps=stdlib_json.dumps, separators=("; ", " = "))
    assert response.body == b'{"a" = [1]}'
    response.set_body([])
    assert response.body == b"[]"


def test_a_body_that_was_set_is_no_json_any_more() -> None:
    """Sanic 25.12."""
    response = json([1])
    response.body = b"[1]"
    for use in (lambda: response.raw_body, lambda: response.append(2), lambda: response.pop(0)):
        with pytest.raises(SanicException, match="Cannot use raw_body after body has been manually set"):
            use()
    assert response.body == b"[1]"
    response.set_body([2])
    assert (response.raw_body, response.body) == ([2], b"[2]")


@pytest.mark.parametrize(
    ("value", "change", "words"),
    [
        ({}, ("append", 1), "Cannot append to a non-list object."),
        ("x", ("extend", [1]), "Cannot extend a non-list object."),
        ([], ("update", {}), "Cannot update a non-dict object."),
        ("x", ("pop", 0), "Cannot pop from a non-list and non-dict object."),
    ],
)
def test_values_that_cannot_be_changed_so(value: Any, change: tuple[str, Any], words: str) -> None:
    """Sanic 25.12."""
    response = json(value)
    with pytest.raises(SanicException) as caught:
        getattr(response, change[0])(change[1])
    assert str(caught.value) == words


def test_taking_what_is_not_there() -> None:
    with pytest.raises(KeyError):
        json({}).pop("a")
    with pytest.raises(IndexError):
        json([]).pop(0)
    with pytest.raises(TypeError, match="pop doesn't accept a default argument for lists"):
        json([1]).pop(0, None)


def test_a_value_that_is_no_json_is_refused_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json(object())
    response = json([1])
    with pytest.raises(TypeError, match="not JSON serializable"):
        response.append(object())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(JSON_VALUES)
def test_json_says_what_the_standard_library_says(value: Any) -> None:
    """Contract 1.11: ujson, in ASCII."""
    body = json(value).body
    assert body.isascii()
    assert stdlib_json.loads(body) == stdlib_json.loads(stdlib_json.dumps(value))


def test_json_is_written_as_sanic_writes_it() -> None:
    """Sanic 25.12, which writes it with ujson, too."""
    value = {"a": [1, "é", Decimal("1.50"), 1e-7, None], "b/c": True}
    assert json(value).body == b'{"a":[1,"\\u00e9",1.5,1e-7,null],"b/c":true}'
    assert json({"a": 1}, indent=1).body == b'{\n "a": 1\n}'


def test_what_json_cannot_say_is_refused() -> None:
    circle: list[object] = []
    circle.append({"a": circle})
    with pytest.raises(OverflowError, match="recursion"):
        json(circle)
    with pytest.raises(TypeError, match="not JSON serializable"):
        json({"a": object()})
    assert json([1]).body == b"[1]"
