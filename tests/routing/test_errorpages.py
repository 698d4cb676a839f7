"""What is told about an exception, to whom, and in which format."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triosanic import response as response_module
from triosanic.blueprints import compile_router
from triosanic.errorpages import RequestFacts, choose_format, error_response, infer_format
from triosanic.exceptions import MethodNotAllowed, NotFound, SanicException, Unauthorized
from triosanic.recorder import Recorder
from triosanic.response import JSONResponse, html, text

FORMATS = ("text", "html", "json")
HIDDEN = "The application encountered an unexpected error and could not continue."
FACTS = RequestFacts(
    line="GET /x?a=<1> HTTP/1.1",
    path="/x",
    args={"a": ["<1>"]},
    headers=(("x-probe", "<probe>"), ("host", "h")),
)


def body_of(exception: BaseException, **options: Any) -> str:
    return bytes(error_response(exception, **options).body or b"").decode()


@pytest.mark.parametrize(
    ("accept", "auto", "as_json", "as_html", "as_text"),
    [
        (None, "text", "json", "html", "text"),
        ("*/*", "text", "json", "html", "text"),
        ("text/html", "html", "text", "html", "text"),
        ("application/json", "json", "json", "text", "text"),
        ("text/plain", "text", "text", "text", "text"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "html", "json", "html", "text"),
        ("text/html, application/json;q=0.5", "html", "json", "html", "text"),
        ("application/json, text/html", "json", "json", "html", "text"),
        ("image/png", "text", "text", "text", "text"),
        ("application/*", "json", "json", "text", "text"),
        ("", "text", "text", "text", "text"),
        ("no media type", "text", "json", "html", "text"),
    ],
)
def test_client_s_wish_and_the_configured_format(
    accept: str | None, auto: str, as_json: str, as_html: str, as_text: str
) -> None:
    """Contract 1.15; Sanic 25.12: a browser gets HTML, curl text."""
    chosen = {
        fallback: choose_format(accept=accept, fallback=fallback) or "text" for fallback in ("auto", *FORMATS)
    }
    assert chosen == {"auto": auto, "json": as_json, "html": as_html, "text": as_text}


@pytest.mark.parametrize(
    ("route_format", "fallback", "accept", "chosen"),
    [
        ("json", "auto", "*/*", "json"),
        ("json", "text", "*/*", "json"),
        ("json", "auto", "text/html", "html"),
        ("json", "text", "text/html", "text"),
        ("auto", "html", "*/*", "html"),
        (None, "html", "*/*", "html"),
        ("html", "auto", "application/json, text/plain, */*", "html"),
        ("html", "auto", "text/plain, application/json", "text"),
        ("html", "auto", None, "html"),
    ],
)
def test_route_s_format_goes_before_the_configured(
    route_format: str | None, fallback: str, accept: str | None, chosen: str
) -> None:
    """Contract 1.15; Sanic 25.12 for what is no match."""
    assert (choose_format(accept=accept, route_format=route_format, fallback=fallback) or "text") == chosen


@pytest.mark.parametrize(
    ("content_type", "accept", "chosen"),
    [
        ("application/json", None, "json"),
        ("Application/JSON; charset=utf-8", "*/*", "json"),
        ("application/json", "text/html", "html"),
        ("application/jsonlines", "*/*", "text"),
        ("text/html", "*/*", "text"),
    ],
)
def test_whoever_sends_json_gets_json(content_type: str, accept: str | None, chosen: str) -> None:
    """Contract 1.15."""
    assert (choose_format(accept=accept, content_type=content_type) or "text") == chosen


def returns_json(request: object) -> object:
    def inner() -> object:
        return JSONResponse({})

    return inner()


def returns_text(request: object) -> object:
    if request:
        return text("")
    return response_module.raw(b"")


async def returns_html(request: object) -> object:
    return html("")


def returns_both(request: object) -> object:
    if request:
        return html("")
    return text("")


def returns_neither(request: object) -> object:
    return response_module.json({})


COMPILED: dict[str, Any] = {}
exec("def without_source(request): return json({})", COMPILED)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (returns_json, "json"),
        (returns_text, "text"),
        (returns_html, "html"),
        (returns_both, None),
        (returns_neither, None),
        (COMPILED["without_source"], None),
        (len, None),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_format_is_inferred_from_what_a_handler_returns(
    function: Callable[..., object], found: str | None
) -> None:
    """Contract 1.15: from the syntax tree, plain calls only, as in Sanic 25.12."""
    assert infer_format(function) == found


def test_inferred_format_is_the_route_s_unless_it_has_its_own() -> None:
    app = Recorder("app")
    app.get("/a")(returns_html)
    app.get("/b", name="b", error_format="json")(returns_html)
    app.get("/c", name="c", error_format="auto")(returns_html)
    assert [route.error_format for route in compile_router(app).routes] == ["html", "json", "auto"]


def test_text_form() -> None:
    """Contract 1.15, letter by letter."""
    response = error_response(NotFound("msg"), format="text")
    assert (response.status, response.content_type) == (404, "text/plain; charset=utf-8")
    assert body_of(NotFound("msg")) == "⚠️ 404 — Not Found\n==================\nmsg\n\n"


def test_text_form_with_a_context() -> None:
    """Source: Sanic 25.12, letter by letter."""
    page = body_of(NotFound("msg", context={"a": 1, "b": "<x>"}))
    assert page == '⚠️ 404 — Not Found\n==================\nmsg\n\n\nContext\n    a: 1\n    b: "<x>"'


def test_json_form() -> None:
    """Contract 1.15, letter by letter."""
    response = error_response(NotFound("ü"), format="json")
    assert (response.status, response.content_type) == (404, "application/json")
    assert response.body == b'{"description":"Not Found","status":404,"message":"\\u00fc"}'


def test_html_form() -> None:
    response = error_response(NotFound("msg"), format="html")
    assert (response.status, response.content_type) == (404, "text/html; charset=utf-8")
    page = body_of(NotFound("msg"), format="html")
    assert page.startswith("<!DOCTYPE html>")
    assert "<h1><b>404</b> Not Found</h1>\n<p>msg</p>" in page
    assert "<script" not in page
    assert len(page) < 2000


def test_headers_of_the_exception_are_the_response_s() -> None:
    """Contract 1.15."""
    allowed = error_response(MethodNotAllowed("m", "POST", ["GET", "HEAD"]), format="html")
    assert allowed.headers["allow"] == "GET, HEAD"
    challenge = error_response(Unauthorized("m", scheme="Basic", realm="r"))
    assert challenge.headers["www-authenticate"] == 'Basic realm="r"'


def test_status_without_a_phrase() -> None:
    assert body_of(SanicException("m", 499)).startswith("⚠️ 499 — Error Occurred\n")


@pytest.mark.parametrize("form", FORMATS)
def test_context_is_told_and_extra_is_not(form: str) -> None:
    """Contract 1.15: ``context`` is for clients, ``extra`` for debug mode."""
    error = SanicException("m", 418, context={"given": [1, object]}, extra={"hidden": 2})
    page = body_of(error, format=form)
    assert "given" in page
    assert "hidden" not in page
    assert "hidden" in body_of(error, format=form, debug=True)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "error", [ValueError("secret"), KeyError("secret"), ExceptionGroup("secret", [OSError()])], ids=repr
)
def test_production_hides_other_exceptions(form: str, error: Exception) -> None:
    """Contract 1.15."""
    error.add_note("secret")
    vars(error).update(context={"secret": 1}, extra={"secret": 1}, status_code=404, headers={"secret": "1"})
    response = error_response(error, format=form, facts=FACTS)
    assert response.status == 500
    assert "secret" not in f"{response.headers}"
    page = body_of(error, format=form, facts=FACTS)
    assert HIDDEN in page
    assert not any(word in page for word in ("secret", type(error).__name__, "Traceback", __file__, "probe"))


def fail(error: Exception) -> None:
    raise error


def fails() -> None:
    try:
        fail(KeyError("root <cause>"))
    except KeyError as error:
        raise ValueError("what <failed>") from error


def caught(function: Callable[[], None] = fails) -> Exception:
    try:
        function()
    except ValueError as error:
        return error
    raise AssertionError


def test_debug_json_has_the_traceback() -> None:
    """Contract 1.15: ``path``, ``args``, ``exceptions``."""
    told = json.loads(body_of(caught(), format="json", debug=True, facts=FACTS))
    assert (told["message"], told["path"], told["args"]) == ("what <failed>", "/x", {"a": ["<1>"]})
    root, last = told["exceptions"]
    assert (root["type"], root["exception"]) == ("KeyError", "'root <cause>'")
    assert (last["type"], last["exception"]) == ("ValueError", "what <failed>")
    assert [frame["name"] for frame in last["frames"]] == ["caught", "fails"]
    assert last["frames"][1]["file"] == __file__
    assert last["frames"][1]["src"] == 'raise ValueError("what <failed>") from error'


def test_debug_text_has_the_traceback_and_the_request() -> None:
    page = body_of(caught(), format="text", debug=True, facts=FACTS)
    assert "⚠️ 500 — Internal Server Error" in page
    assert "KeyError: 'root <cause>'" in page
    assert 'raise ValueError("what <failed>") from error' in page
    assert "Request\n    GET /x?a=<1> HTTP/1.1\n    x-probe: <probe>\n    host: h" in page


def test_debug_html_has_the_traceback_and_the_request() -> None:
    page = body_of(caught(), format="html", debug=True, facts=FACTS)
    assert "<h2>KeyError: &#x27;root &lt;cause&gt;&#x27;</h2>" in page
    assert "<h2>ValueError: what &lt;failed&gt;</h2>" in page
    assert "raise ValueError(&quot;what &lt;failed&gt;&quot;) from error\n</mark>" in page
    assert "<tr><th>x-probe</th><td>&lt;probe&gt;</td></tr>" in page
    assert "GET /x?a=&lt;1&gt; HTTP/1.1" in page


def test_debug_shows_every_exception_of_a_group() -> None:
    group = ExceptionGroup("both", [KeyError("one"), caught()])
    page = body_of(group, format="html", debug=True)
    assert "KeyError: &#x27;one&#x27;" in page
    assert "ValueError: what &lt;failed&gt;" in page


def recurses() -> None:
    recurses()


def test_traceback_is_bounded() -> None:
    with pytest.raises(RecursionError) as caught_:
        recurses()
    told = json.loads(body_of(caught_.value, format="json", debug=True))
    assert [frame["name"] for frame in told["exceptions"][0]["frames"]] == ["recurses"] * 50


def fails_alone() -> None:
    try:
        fail(KeyError("root"))
    except KeyError:
        raise ValueError("last") from None


def test_suppressed_cause_is_not_shown() -> None:
    told = json.loads(body_of(caught(fails_alone), format="json", debug=True))
    assert [found["type"] for found in told["exceptions"]] == ["ValueError"]


class Outline(HTMLParser):
    """Collects a page's tags and, outside its style, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


TEXTS = st.text(st.characters(exclude_characters="\r\0"), max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</p></style>", "&lt;", "'", "\ud800"]
)


@given(TEXTS)
def test_nothing_that_a_client_says_is_markup(words: str) -> None:
    """CVE-2022-39348, CVE-2024-41810."""
    error = SanicException(words, context={words: words}, extra={words: words})
    facts = RequestFacts(line=words, path=words, args={words: [words]}, headers=((words, words),))
    plain = SanicException("x", context={"x": "x"}, extra={"x": "x"})
    same = RequestFacts(line="x", path="x", args={"x": ["x"]}, headers=(("x", "x"),))
    outline = Outline(body_of(error, format="html", debug=True, facts=facts))
    expected = Outline(body_of(plain, format="html", debug=True, facts=same))
    assert (outline.tags, outline.attributes) == (expected.tags, expected.attributes)
    assert words.encode("utf-8", "backslashreplace").decode() in outline.text


@given(TEXTS)
def test_json_is_json_whatever_is_said(words: str) -> None:
    error = SanicException(words, context={words: words})
    assert json.loads(body_of(error, format="json"))["context"] == {words: words}
