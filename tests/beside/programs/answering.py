"""Responses and their cookies (1.11, 1.14)."""

import decimal
import enum
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from tests.beside.framework import exceptions, outcome, response, run, show, top

app = top.Sanic("beside")
LATER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
Any_: Any = response


class Html:
    def __html__(self) -> str:
        return "<b>"


class Repr:
    def _repr_html_(self) -> str:
        return "<i>"


class Text:
    def __str__(self) -> str:
        return "an object"


class Number(enum.IntEnum):
    ONE = 1


MADE: Mapping[str, Callable[[], Any]] = {
    "text": lambda: response.text("hä"),
    "text-all": lambda: response.text("x", 201, {"X-A": "1"}, "text/x"),
    "text-bytes": lambda: Any_.text(b"x"),
    "text-number": lambda: Any_.text(5),
    "html": lambda: response.html("<u>"),
    "html-object": lambda: response.html(Html(), headers={"a": "b"}),
    "html-repr": lambda: response.html(Repr()),
    "html-number": lambda: Any_.html(5),
    "json": lambda: response.json({"a": [1, 2.5, None, True, "ä/\u2028<"], "b": "\\"}),
    "json-indent": lambda: response.json({"b": 1, "a": 2}, sort_keys=True, indent=1),
    "json-dumps": lambda: response.json({"a": 1}, dumps=lambda value, **kwargs: f"own {value} {kwargs}", x=1),
    "json-none": lambda: response.json(None),
    "json-nan": lambda: response.json(float("nan")),
    "json-date": lambda: response.json({"d": date(2020, 1, 1)}),
    "json-keys": lambda: response.json({1: 2, "k": 3, None: 5}),
    "json-all": lambda: response.json("x", 202, {"a": "1"}, "application/x+json"),
    "json-decimal": lambda: response.json(decimal.Decimal("1.5")),
    "json-uuid": lambda: response.json(UUID(int=1)),
    "json-tuple": lambda: response.json((1, 2)),
    "json-set": lambda: response.json({1, 2}),
    "json-bytes": lambda: response.json(b"b"),
    "json-enum": lambda: response.json(Number.ONE),
    "json-long": lambda: response.json(10**30),
    "json-control": lambda: response.json("\x00\x7f</script>"),
    "json-float": lambda: response.json([1.0, 1e100, -0.0]),
    "json-empty": lambda: response.json({}),
    "json-emoji": lambda: response.json("\U0001f600"),
    "json-unescaped": lambda: response.json("ä", ensure_ascii=False),
    "raw": lambda: response.raw(b"x"),
    "raw-text": lambda: response.raw("text"),
    "raw-none": lambda: Any_.raw(None),
    "raw-untyped": lambda: Any_.raw(b"x", content_type=None),
    "empty": response.empty,
    "empty-200": lambda: response.empty(200, {"a": "b"}),
    "redirect": lambda: response.redirect("/a b?x=ä&y=1#f"),
    "redirect-301": lambda: response.redirect("https://example.com/%20", status=301, headers={"A": "1"}),
    "redirect-type": lambda: response.redirect("/x", {"Location": "/other"}, 307, "text/plain"),
    "redirect-lines": lambda: response.redirect("/x\r\nSet-Cookie: a=b"),
    "plain": lambda: response.HTTPResponse("body", content_type="text/plain"),
    "plain-204": lambda: response.HTTPResponse(None, 204),
    "plain-304": lambda: response.HTTPResponse(None, 304, {"X": "1"}),
    "plain-299": lambda: response.HTTPResponse("x", 299, content_type="text/plain"),
    "plain-205": lambda: response.HTTPResponse("x", 205, content_type="text/plain"),
    "plain-101": lambda: response.HTTPResponse("x", 101),
    "plain-type": lambda: response.HTTPResponse("x", headers={"Content-Type": "a/b"}),
    "plain-length": lambda: response.text("x", headers={"content-length": "1"}),
    "plain-wrong-length": lambda: response.text("x", headers={"Content-Length": "10"}),
    "plain-untyped": lambda: response.HTTPResponse("x"),
    "field-list": lambda: response.text("x", headers=Any_([("A", "1")])),
    "field-number": lambda: response.text("x", headers=dict(A=5)),
    "field-float": lambda: response.text("x", headers=dict(A=1.5)),
    "field-none": lambda: response.text("x", headers=dict(A=None)),
    "field-true": lambda: response.text("x", headers=dict(A=True)),
    "field-object": lambda: response.text("x", headers=dict(A=Text())),
    "field-empty": lambda: response.text("x", headers={"A": ""}),
    "field-space": lambda: response.text("x", headers={"A": "  a b  "}),
    "field-tab": lambda: response.text("x", headers={"A": "a\tb"}),
    "field-umlaut": lambda: response.text("x", headers={"A": "ä"}),
    "field-lines": lambda: response.text("x", headers={"A": "x\r\ny"}),
    "field-nul": lambda: response.text("x", headers={"A": "a\0b"}),
    "field-name": lambda: response.text("x", headers={"Bad Name": "1"}),
    "field-vary": lambda: response.text("x", headers={"vary": "a", "Server": "me"}),
    "field-encoding": lambda: response.raw(b"x", headers={"Content-Encoding": "gzip"}),
    "nothing": lambda: None,
    "a-text": lambda: "text",
    "bytes": lambda: b"bytes",
    "a-dict": lambda: {"a": 1},
    "a-tuple": lambda: (response.text("a"), 201),
}
Made = dict[str, Any]
COOKIES: Mapping[str, Made] = {
    "plain": {},
    "all": {
        "path": "/p",
        "domain": "d.example",
        "secure": False,
        "max_age": 5,
        "expires": LATER,
        "httponly": True,
        "samesite": "Strict",
        "comment": "hi",
    },
    "quoted": {"value": "x y;"},
    "comma": {"value": "x,y"},
    "quote": {"value": 'x"y\\'},
    "umlaut": {"value": "ä"},
    "empty": {"value": ""},
    "number": {"value": 5},
    "lines": {"value": "b\r\nX: y"},
    "partitioned": {"partitioned": True, "host_prefix": True},
    "partitioned-alone": {"partitioned": True},
    "samesite-none": {"samesite": "none"},
    "samesite-lower": {"samesite": "strict"},
    "samesite-off": {"samesite": None},
    "samesite-bad": {"samesite": "bad"},
    "max-age-zero": {"max_age": 0},
    "max-age-negative": {"max_age": -1},
    "max-age-text": {"max_age": "7"},
    "max-age-bad": {"max_age": "x"},
    "expires-bad": {"expires": "x"},
    "host": {"host_prefix": True},
    "host-path": {"host_prefix": True, "path": "/x"},
    "host-domain": {"host_prefix": True, "domain": "x"},
    "host-insecure": {"host_prefix": True, "secure": False},
    "secure": {"secure_prefix": True},
    "secure-insecure": {"secure_prefix": True, "secure": False},
    "both": {"host_prefix": True, "secure_prefix": True},
    "key-space": {"key": "a b"},
    "key-reserved": {"key": "path"},
    "key-equals": {"key": "a=b"},
    "path-semicolon": {"path": "/x;y"},
    "path-none": {"path": None},
}


@app.route("/made/<name>", methods=["GET", "HEAD", "POST"])
def made(request: top.Request, name: str) -> Any:
    try:
        return MADE[name]()
    except (TypeError, ValueError, OverflowError) as failure:
        return response.text(f"raises {type(failure).__name__}", 418)


@app.get("/cookie/<name>")
def cookie(request: top.Request, name: str) -> top.HTTPResponse:
    answer = response.text("with a cookie")
    options: Made = {"key": "a", "value": "b", **COOKIES[name]}
    try:
        answer.add_cookie(options.pop("key"), options.pop("value"), **options)
    except Exception as failure:  # noqa: BLE001  # whatever it is, it is what is compared
        return response.text("refused" if not isinstance(failure, AttributeError) else "broken", 418)
    return answer


@app.get("/cookies/deleted/<how>")
def deleted(request: top.Request, how: str) -> top.HTTPResponse:
    answer = response.text("x")
    match how:
        case "plain":
            answer.delete_cookie("a")
        case "added":
            answer.add_cookie("a", "b")
            answer.add_cookie("c", "d")
            answer.delete_cookie("a")
        case "all":
            answer.delete_cookie("a", path="/x", domain="d.example", secure_prefix=True)
        case "host":
            answer.delete_cookie("a", host_prefix=True)
    return answer


@app.get("/cookies/jar")
def jar(request: top.Request) -> top.HTTPResponse:
    answer = response.text("x")
    answer.add_cookie("a", "b", httponly=True, max_age=3)
    answer.add_cookie("h", "i", host_prefix=True)
    found: Any = answer.cookies.get_cookie("a")
    return show(
        text=lambda: str(found),
        key=lambda: found.key,
        value=lambda: found.value,
        path=lambda: found.path,
        secure=lambda: found.secure,
        samesite=lambda: str(found.samesite),
        max_age=lambda: found.max_age,
        httponly=lambda: found.httponly,
        domain=lambda: found.domain,
        expires=lambda: found.expires,
        partitioned=lambda: found.partitioned,
        has=lambda: answer.cookies.has_cookie("a"),
        has_not=lambda: answer.cookies.has_cookie("zz"),
        has_prefixed=lambda: answer.cookies.has_cookie("h", host_prefix=True),
        missing=lambda: answer.cookies.get_cookie("zz"),
        count=lambda: len(answer.cookies.cookies),
    )


@app.get("/cookies/same")
def same_cookies(request: top.Request) -> top.HTTPResponse:
    answer = response.text("x")
    answer.add_cookie("a", "1")
    answer.add_cookie("a", "2")
    return answer


@app.get("/cookies/paths")
def paths(request: top.Request) -> top.HTTPResponse:
    answer = response.text("x")
    answer.add_cookie("a", "1")
    answer.add_cookie("a", "2", path="/q")
    return answer


@app.get("/json/changed/<how>")
def changed(request: top.Request, how: str) -> top.HTTPResponse:
    if how == "dict":
        answer = response.json({"a": 1})
        answer.update({"b": 2})
        answer.update(c=3)
        answer.headers["X-Popped"] = f"{answer.pop('a')} {answer.pop('zz', 'default')}"
    elif how == "list":
        answer = response.json([1])
        answer.append(2)
        answer.extend([3, 4])
        answer.headers["X-Popped"] = str(answer.pop(0))
    elif how == "set_body":
        answer = response.json([1])
        answer.set_body({"z": 1})
    else:
        answer = response.json([1])
        answer.raw_body = [9]
    return answer


@app.get("/json/misused")
def misused(request: top.Request) -> top.HTTPResponse:
    table: Any = response.json({"a": 1})
    row: Any = response.json([1])
    return show(
        append=lambda: table.append(1),
        extend=lambda: table.extend([1]),
        update=lambda: row.update({"a": 1}),
        pop_missing=lambda: table.pop("b"),
        raw_body=lambda: table.raw_body,
        body=lambda: table.body,
        own_dumps=lambda: response.JSONResponse([1], dumps=lambda value: "D").body,
        nothing=lambda: response.JSONResponse().body,
    )


@app.get("/attributes")
def attributes(request: top.Request) -> top.HTTPResponse:
    answer: Any = response.text("a", headers={"X-A": "1"})
    return show(
        status=lambda: answer.status,
        content_type=lambda: answer.content_type,
        body=lambda: answer.body,
        headers=lambda: dict(answer.headers),
        cookies=lambda: bool(answer.cookies),
        empty=lambda: response.empty().body,
        empty_status=lambda: response.empty().status,
        bare=lambda: response.HTTPResponse().body,
        bare_status=lambda: response.HTTPResponse().status,
        representation=lambda: repr(answer),
    )


@app.get("/raised/<name>")
def raised(request: top.Request, name: str) -> top.HTTPResponse:
    raise getattr(exceptions, name)("sent", headers={"X-Sent": "yes"})


@app.get("/outcome")
def of_bad_calls(request: top.Request) -> top.HTTPResponse:
    return response.text(
        "\n".join(f"{name}: {outcome(MADE[name])}" for name in ("text-number", "text-bytes"))
    )


if __name__ == "__main__":
    run(app)
