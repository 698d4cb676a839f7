"""Middleware, listeners and signals: which run, and in which order (1.6, 1.7, 1.8)."""

from functools import partial
from typing import Any

from tests.beside.framework import exceptions, outcome, response, run, show, top

app = top.Sanic("beside")
app.ctx.started = []
app.ctx.heard = []


@app.on_request
async def first(request: top.Request) -> object:
    request.ctx.passed = ["first"]
    match request.args.get("request"):
        case "answers":
            return response.text("from the middleware")
        case "empty":
            return response.empty()
        case "fails":
            raise ValueError("middleware")
        case "forbids":
            raise exceptions.Forbidden("by the middleware")
        case "header":
            request.headers["X-New"] = "new"
        case "method":
            request.method = "PUT"
        case "body":
            request.body = b'{"new": 1}'
        case "match":
            request.match_info["number"] = 7
    return None


@app.middleware("request")
def second(request: top.Request) -> None:
    request.ctx.passed.append("second")


@app.on_request(priority=5)
def early(request: top.Request) -> None:
    request.ctx.early = True


@app.middleware
def third(request: top.Request) -> None:
    request.ctx.passed.append("third")


@app.on_response
async def last(request: top.Request, response: top.HTTPResponse) -> None:
    response.headers["X-Last"] = response.headers.get("X-Order", "")


@app.on_response
def before_last(request: top.Request, sent: top.HTTPResponse) -> object:
    sent.headers["X-Order"] = sent.headers.get("X-Order", "") + " before_last"
    match request.args.get("response"):
        case "answers":
            return response.text("replaced", 201)
        case "fails":
            raise ValueError("response middleware")
        case "forbids":
            raise exceptions.Forbidden("by the response middleware")
        case "status":
            sent.status = 202
        case "body":
            sent.body = b"another body"
        case "type":
            sent.content_type = "text/x-other"
        case "header":
            sent.headers.add("X-Two", "1")
            sent.headers.add("x-two", "2")
        case "cookie":
            sent.add_cookie("by", "middleware")
    return None


@app.middleware("response")
def earlier(request: top.Request, response: top.HTTPResponse) -> None:
    response.headers["X-Order"] = "earlier"


@app.on_response(priority=9)
def by_priority(request: top.Request, response: top.HTTPResponse) -> None:
    response.headers["X-Priority"] = "9"


def named(request: top.Request) -> None:
    request.ctx.passed.append("named")


app.register_named_middleware(named, ["other"], "request")


@app.route("/", methods=["GET", "POST"], name="root")
async def root(request: top.Request) -> top.HTTPResponse:
    return response.json(
        {
            "passed": request.ctx.passed,
            "early": request.ctx.early,
            "new": request.headers.get("x-new"),
            "method": request.method,
            "body": request.body.decode(),
        }
    )


@app.get("/other", name="other")
async def other(request: top.Request) -> top.HTTPResponse:
    return response.text(" ".join(request.ctx.passed))


@app.get("/number/<number:int>")
async def number(request: top.Request, number: int) -> top.HTTPResponse:
    return response.text(str(number))


@app.get("/fails")
async def fails(request: top.Request) -> None:
    raise exceptions.SanicException("by the handler", 418)


@app.get("/streams")
async def streams(request: top.Request) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send("streamed")


for event in ("main_process_start", "before_server_start", "after_server_start", "main_process_ready"):

    def listen(app: top.Sanic, *rest: object, event: str = event) -> None:
        app.ctx.started.append(event)

    app.register_listener(listen, event)


@app.before_server_start
async def decorated(app: top.Sanic) -> None:
    app.ctx.started.append("decorated")


@app.listener("before_server_start", priority=3)
async def prior(app: top.Sanic) -> None:
    app.ctx.started.append("prior")


@app.after_server_start
async def with_a_second_argument(app: top.Sanic, loop: object) -> None:
    app.ctx.started.append(f"second argument {loop is not None}")


@app.get("/listeners")
def listeners(request: top.Request) -> top.HTTPResponse:
    return response.text("\n".join(app.ctx.started))


@app.get("/listeners/refused")
def refused(request: top.Request) -> top.HTTPResponse:
    own = top.Blueprint("own")
    return show(
        unknown=lambda: own.listener("before_breakfast")(listen),
        known=lambda: own.listener("after_server_stop")(listen) is listen,
    )


@app.signal("shop.order.placed")
async def placed(**context: Any) -> None:
    app.ctx.heard.append(f"placed {sorted(context.items())}")


@app.signal("shop.order.<state>")
async def state(state: str, **context: Any) -> None:
    app.ctx.heard.append(f"state {state}")


@app.signal("shop.paid.late", condition={"urgent": True})
async def urgent(**context: Any) -> None:
    app.ctx.heard.append("urgent")


@app.signal("shop.failing.now")
async def failing() -> None:
    raise ValueError("signal")


@app.get("/signals")
async def signals(request: top.Request) -> top.HTTPResponse:
    app.ctx.heard.clear()
    await app.dispatch("shop.order.shipped", inline=True)
    await app.dispatch("shop.paid.late", inline=True)
    await app.dispatch("shop.paid.late", condition={"urgent": True}, inline=True)
    return response.text("\n".join(app.ctx.heard))


@app.get("/signals/both")
async def both(request: top.Request) -> top.HTTPResponse:
    app.ctx.heard.clear()
    await app.dispatch("shop.order.placed", context={"number": 5}, inline=True)
    return response.text("\n".join(app.ctx.heard))


@app.get("/signals/failing")
async def failing_signal(request: top.Request) -> top.HTTPResponse:
    try:
        await app.dispatch("shop.failing.now", inline=True)
    except ValueError as failure:
        return response.text(f"raised {failure}")
    return response.text("nothing raised")


@app.get("/signals/unknown")
async def unknown_signal(request: top.Request) -> top.HTTPResponse:
    try:
        await app.dispatch("shop.unknown.event", inline=True)
    except exceptions.NotFound:
        return response.text("not found")
    return response.text("nothing raised")


@app.get("/signals/quiet")
async def quiet_signal(request: top.Request) -> top.HTTPResponse:
    await app.dispatch("shop.unknown.event", inline=True, fail_not_found=False)
    return response.text("nothing raised")


def registered(name: str) -> None:
    app.signal(name)(placed)


REFUSED = {
    name: outcome(partial(registered, name))
    for name in ("one.two", "a.b.c.d", "http.own.event", "<shop>.order.placed", "server.init.mine")
}


@app.get("/signals/refused")
def refused_signals(request: top.Request) -> top.HTTPResponse:
    return response.text("\n".join(f"{name}: {result}" for name, result in REFUSED.items()))


@app.signal("http.routing.after")
async def routed(request: top.Request, route: Any, kwargs: dict[str, Any], handler: Any) -> None:
    request.ctx.routed = f"{route.path} {kwargs} {handler.__name__}"


@app.signal("http.lifecycle.handle")
async def handled(request: top.Request) -> None:
    request.ctx.handled = True


@app.signal("http.handler.before")
async def before_handler(request: top.Request) -> None:
    request.ctx.before = True


@app.get("/lifecycle/<word>")
async def lifecycle(request: top.Request, word: str) -> top.HTTPResponse:
    return show(
        routed=lambda: request.ctx.routed,
        handled=lambda: request.ctx.handled,
        before=lambda: request.ctx.before,
    )


if __name__ == "__main__":
    run(app)
