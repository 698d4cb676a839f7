"""Exceptions, who handles them, and the pages they become (1.15)."""

from typing import Any

from tests.beside.framework import exceptions, response, run, show, top

app = top.Sanic("beside")
Any_: Any = exceptions


class Teapot(exceptions.SanicException):
    message = "teapot"
    status_code = 418


class Special(exceptions.NotFound):
    pass


class Own(Exception):
    pass


class Derived(Own):
    pass


class Broken(Exception):
    pass


class Silent(Exception):
    pass


METHODS = ["GET", "POST", "HEAD"]


@app.route("/raise/<name>", methods=METHODS)
def raise_named(request: top.Request, name: str) -> None:
    raise getattr(exceptions, name)


@app.route("/raise/<name>/full", methods=METHODS)
def raise_full(request: top.Request, name: str) -> None:
    raise getattr(exceptions, name)(
        "my <message>", headers={"X-H": "1"}, context={"a": 1, "b": "<x>"}, extra={"secret": 2}, quiet=True
    )


@app.get("/coded/<code:int>")
def coded(request: top.Request, code: int) -> None:
    raise exceptions.SanicException("coded", status_code=code)


@app.get("/uncommented/<code:int>")
def uncommented(request: top.Request, code: int) -> None:
    raise exceptions.SanicException(status_code=code)


class Range:
    total = 5


RAISED: dict[str, Any] = {
    "method": lambda: Any_.MethodNotAllowed("m", "GET", ["POST", "PUT"]),
    "range": lambda: Any_.RangeNotSatisfiable("m", Range()),
    "basic": lambda: exceptions.Unauthorized("m", scheme="Basic", realm="R"),
    "digest": lambda: exceptions.Unauthorized(
        "m", scheme="Digest", realm="R", qop="auth, auth-int", nonce="x"
    ),
    "bearer": lambda: exceptions.Unauthorized("m", "Bearer"),
    "teapot": Teapot,
    "teapot-own": lambda: Teapot("own"),
    "value": lambda: ValueError("secret <b>"),
    "group": lambda: ExceptionGroup("g", [ValueError("a"), KeyError("b")]),
    "own": lambda: Own("c"),
    "derived": lambda: Derived("d"),
    "broken": Broken,
    "silent": Silent,
    "lines": lambda: exceptions.NotFound("one\ntwo\n<script>"),
    "special": lambda: Special("special"),
    "timeout": lambda: TimeoutError("t"),
    "bytes": lambda: Any_.SanicException(b"bytes", 400),
    "base-503": lambda: exceptions.ServiceUnavailable("down", headers={"Retry-After": "5"}),
}


@app.route("/special/<name>", methods=METHODS)
def raise_special(request: top.Request, name: str) -> None:
    raise RAISED[name]()


@app.exception(Own)
def of_own(request: top.Request, exception: Exception) -> top.HTTPResponse:
    return response.text(f"handled {type(exception).__name__}: {exception}", 418)


@app.exception(Silent)
def of_silent(request: top.Request, exception: Exception) -> None:
    return None


@app.exception(Broken)
async def of_broken(request: top.Request, exception: Exception) -> None:
    raise RuntimeError("in a handler")


for kind in ("json", "html", "text", "auto"):

    @app.route(f"/format/{kind}", error_format=kind, name=f"format_{kind}")
    def of_format(request: top.Request) -> None:
        raise exceptions.BadRequest("bad <x>", context={"k": 1}, extra={"z": 1})

    @app.route(f"/format/{kind}/unexpected", error_format=kind, name=f"unexpected_{kind}")
    def unexpected(request: top.Request) -> None:
        raise ValueError("bad <x>")


json, html, text = response.json, response.html, response.text


@app.get("/inferred/json")
async def inferred_json(request: top.Request) -> top.HTTPResponse:
    if request.path:
        raise exceptions.BadRequest("b")
    return json({})


@app.get("/inferred/html")
async def inferred_html(request: top.Request) -> top.HTTPResponse:
    if request.path:
        raise exceptions.BadRequest("b")
    return html("")


@app.get("/inferred/text")
async def inferred_text(request: top.Request) -> top.HTTPResponse:
    if request.path:
        raise exceptions.BadRequest("b")
    return text("")


@app.get("/facts")
def facts(request: top.Request) -> top.HTTPResponse:
    full = exceptions.SanicException("a", context={"x": 1}, extra={"y": 2}, quiet=True, headers={"q": "r"})
    bare = exceptions.SanicException()
    handler: Any = app.error_handler
    return show(
        context=lambda: full.context,
        extra=lambda: full.extra,
        quiet=lambda: full.quiet,
        headers=lambda: full.headers,
        text=lambda: str(full),
        bare_text=lambda: str(bare),
        bare_status=lambda: getattr(bare, "status_code", None),
        alias_usage=lambda: exceptions.InvalidUsage is exceptions.BadRequest,
        alias_server=lambda: exceptions.InternalServerError is exceptions.ServerError,
        alias_method=lambda: exceptions.MethodNotSupported is exceptions.MethodNotAllowed,
        alias_range=lambda: exceptions.ContentRangeError is exceptions.RangeNotSatisfiable,
        alias_expect=lambda: exceptions.HeaderExpectationFailed is exceptions.ExpectationFailed,
        lookup=lambda: handler.lookup(Own(), None).__name__,
        lookup_derived=lambda: handler.lookup(Derived(), None).__name__,
        lookup_none=lambda: handler.lookup(OSError(), None),
        twice=lambda: handler.add(Own, of_own),
        quiet_404=lambda: exceptions.NotFound().quiet,
        quiet_500=lambda: exceptions.ServerError().quiet,
    )


if __name__ == "__main__":
    run(app)
