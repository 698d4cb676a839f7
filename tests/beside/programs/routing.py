"""Routes: parameters, slashes, hosts, versions, methods (1.4)."""

import warnings
from datetime import date
from typing import Any
from uuid import UUID

from tests.beside.framework import outcome, response, run, show, top

app = top.Sanic("beside")


def tell(request: top.Request, **matched: Any) -> top.HTTPResponse:
    return show(
        matched=lambda: matched,
        match_info=lambda: dict(request.match_info),
        name=lambda: request.name,
        path=lambda: request.route and request.route.path,
        template=lambda: request.uri_template,
    )


def halved(value: str) -> int:
    return int(value) // 2


for kind in ("str", "strorempty", "int", "float", "alpha", "slug", "path", "ymd", "uuid", "ext"):
    app.add_route(tell, f"/{kind}/<value:{kind}>", name=kind)
for kind in ("string", "number"):
    with warnings.catch_warnings(action="ignore"):
        app.add_route(tell, f"/{kind}/<value:{kind}>", name=kind)
app.add_route(tell, "/extension/<value:ext=jpg|png>", name="extension")
app.add_route(tell, "/numbered/<value=int:ext=tar.gz>", name="numbered")
app.add_route(tell, r"/regex/<value:\d{3}>", name="regex")
app.add_route(tell, r"/group/<value:(?P<value>\d+)\.jpg>", name="group")
app.add_route(tell, "/two/<one>/<two:int>", name="two")
app.add_route(tell, "/mixed/<value:int>", name="mixed_int")
app.add_route(tell, "/mixed/<value:str>", name="mixed_str")
app.add_route(tell, "/mixed/fixed", name="mixed_fixed")
app.add_route(tell, "/unquoted/<value>", name="unquoted", unquote=True)
app.add_route(tell, "/quoted/<value>", name="quoted")
app.add_route(tell, "/unquoted/path/<value:path>", name="unquoted_path", unquote=True)
app.add_route(tell, "/ünï", name="umlauts", unquote=True)
app.add_route(tell, "no/slash", name="no_slash")
app.router.register_pattern("even", halved, r"[02468]+")
app.add_route(tell, "/own/<value:even>", name="own")


@app.get("/inferred/<number>/<share>/<word>/<key>")
def inferred(request: top.Request, number: int, share: float, word: str, key: UUID) -> top.HTTPResponse:
    return tell(request, number=number, share=share, word=word, key=key)


@app.get("/day/<day:ymd>")
def day(request: top.Request, day: date) -> top.HTTPResponse:
    return response.text(day.isoformat())


app.add_route(tell, "/loose", name="loose")
app.add_route(tell, "/loose/slash/", name="loose_slash")
app.add_route(tell, "/strict", name="strict", strict_slashes=True)
app.add_route(tell, "/strict/slash/", name="strict_slash", strict_slashes=True)
app.add_route(tell, "/hosted", name="hosted", host="one.example")
app.add_route(tell, "/hosted", name="hosted_more", host=["two.example", "three.example:8000"])
app.add_route(tell, "/versioned", name="version_1", version=1)
app.add_route(tell, "/versioned", name="version_11", version=1.1)
app.add_route(tell, "/versioned", name="version_v2", version="v2")
app.add_route(tell, "/versioned", name="version_3", version=3, version_prefix="/api/v")
app.add_route(tell, "/methods", name="methods", methods=["GET", "put", "OPTIONS"])


@app.route("/ctx", ctx_color="red", ctx_size=5)
def ctx(request: top.Request) -> top.HTTPResponse:
    found: Any = request.route
    return show(color=lambda: found.ctx.color, size=lambda: found.ctx.size)


@app.get("/route", name="the_route")
async def route(request: top.Request) -> top.HTTPResponse:
    found: Any = request.route
    return show(
        name=lambda: found.name,
        path=lambda: found.path,
        methods=lambda: sorted(found.methods),
        ident=lambda: found.extra.ident,
        ignore_body=lambda: found.extra.ignore_body,
        stream=lambda: found.extra.stream,
        static=lambda: bool(found.extra.static),
        error_format=lambda: found.extra.error_format,
        websocket=lambda: bool(found.extra.websocket),
    )


@app.route("/verbs", methods=["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def verbs(request: top.Request) -> top.HTTPResponse:
    return response.text(f"{request.method} {len(request.body)}")


@app.head("/verb")
def on_head(request: top.Request) -> top.HTTPResponse:
    return response.text("head", headers={"X-Verb": "head"})


@app.options("/verb")
def on_options(request: top.Request) -> top.HTTPResponse:
    return response.text("options")


@app.delete("/verb", ignore_body=False)
def on_delete(request: top.Request) -> top.HTTPResponse:
    return response.text(f"delete {request.body!r}")


@app.get("/body/ignored")
async def ignored(request: top.Request) -> top.HTTPResponse:
    before = request.body
    await request.receive_body()
    return response.text(f"{before!r} {request.body!r}")


@app.get("/body/heeded", ignore_body=False)
async def heeded(request: top.Request) -> top.HTTPResponse:
    return response.text(repr(request.body))


def fresh(uri: str, handler: Any = tell, **options: Any) -> str:
    """Give what becomes of a registration that is not kept."""
    bare = top.Sanic("fresh", configure_logging=False)
    try:
        return outcome(lambda: bare.route(uri, **options)(handler) and None)
    finally:
        top.Sanic.unregister_app(bare)


REFUSALS = {
    "handler_without_request": fresh("/x", lambda: None),
    "unknown_argument": fresh("/x", unknown=1),
    "unknown_method": fresh("/x", methods=["BREW"]),
    "text_for_methods": fresh("/x", methods="GET"),
    "dunder": fresh("/<__x>"),
    "no_path": fresh(None),  # type: ignore[arg-type]  # which is what is refused
}


@app.get("/refusals")
def refusals(request: top.Request) -> top.HTTPResponse:
    return response.text("\n".join(f"{name}: {result}" for name, result in REFUSALS.items()))


if __name__ == "__main__":
    run(app)
