"""What whole programs do with several paragraphs at once, and what errors tell their developers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.beside.framework import (
    compat,
    config,
    cookies,
    errorpages,
    exceptions,
    handlers,
    headers,
    helpers,
    log,
    response,
    run,
    show,
    top,
    utils,
    views,
)


class Settings(config.Config):
    GREETING = "hello"
    REQUEST_MAX_SIZE = 500


class Plain(errorpages.BaseRenderer):
    """A program's own error pages."""

    def full(self) -> top.HTTPResponse:
        return self.minimal()

    def minimal(self) -> top.HTTPResponse:
        return response.text(f"{self.status}, {self.text}")


class Noting(handlers.ErrorHandler):
    """Lets middleware see what failed."""

    def default(self, request: Any, exception: Exception) -> top.HTTPResponse:
        page: top.HTTPResponse = super().default(request, exception)
        page.headers["x-failed"] = type(exception).__name__
        return page


app = top.Sanic("beside", config=Settings(), error_handler=Noting(base=Plain))
todos = top.Blueprint("todos", url_prefix="/todos", version=1)
store: dict[int, dict[str, Any]] = {}


@app.on_request
async def know(request: top.Request) -> top.HTTPResponse | None:
    request.ctx.user = request.token and request.token[::-1]
    if request.path.startswith("/v1/") and not request.ctx.user:
        return response.json({"error": "who are you?"}, 401, {"WWW-Authenticate": "Bearer"})
    return None


@app.on_response
async def sign(request: top.Request, answer: top.HTTPResponse) -> None:
    answer.headers.setdefault("x-frame-options", "DENY")
    answer.headers["x-user"] = str(getattr(request.ctx, "user", "nobody"))


@todos.exception(LookupError)
async def missing(request: top.Request, exception: LookupError) -> top.HTTPResponse:
    return response.json({"missing": request.match_info}, 404)


class Todos(views.HTTPMethodView):
    async def get(self, request: top.Request) -> top.HTTPResponse:
        return response.json([*store.values()])

    async def post(self, request: top.Request) -> top.HTTPResponse:
        number = len(store) + 1
        store[number] = {"number": number, "by": request.ctx.user, **request.json}
        place = request.app.url_for("todos.Todo", number=number)
        return response.json(store[number], 201, {"Location": place})


class Todo(views.HTTPMethodView):
    async def get(self, request: top.Request, number: int) -> top.HTTPResponse:
        return response.json(store[number])

    async def delete(self, request: top.Request, number: int) -> top.HTTPResponse:
        del store[number]
        return response.empty()


todos.add_route(Todos.as_view(), "/")
todos.add_route(Todo.as_view(), "/<number:int>")


@todos.websocket("/feed")
async def feed(request: top.Request, ws: top.Websocket) -> None:
    await ws.send("nothing new")


app.blueprint(todos)
shelf = top.Blueprint("shelf", url_prefix="/shelf")
shelf.static("/files", Path(os.environ["FILES"], "public"), index=["none.html", "a.txt"])
app.blueprint(shelf)


class Mixed(views.HTTPMethodView):
    @views.stream
    async def post(self, request: top.Request) -> top.HTTPResponse:
        return response.text(str(sum([len(piece) async for piece in request.stream])))

    async def put(self, request: top.Request) -> top.HTTPResponse:
        return response.text(request.body.decode())


app.add_route(Mixed.as_view(), "/mixed")


class Passed(Exception):
    pass


@app.exception(Passed)
async def of_passed(request: top.Request, exception: Passed) -> None:
    return None


@app.get("/passed")
async def passed(request: top.Request) -> None:
    raise Passed


@app.get("/split/<number:int>")
async def split_get(request: top.Request, number: int) -> top.HTTPResponse:
    return response.text(f"{number}")


@app.post("/split/<number:int>")
async def split_post(request: top.Request, number: int) -> top.HTTPResponse:
    return response.text(f"posted {number}")


@app.get("/annotated/<number>")
async def annotated(request: top.Request, number: int) -> top.HTTPResponse:
    return response.text(type(number).__name__)


@app.post("/login")
async def login(request: top.Request) -> top.HTTPResponse:
    answer = response.redirect("/settings")
    answer.add_cookie("user", request.form.get("user", 'no "body"\\'), httponly=True, max_age=60)
    return answer


@app.get("/settings")
async def settings(request: top.Request) -> top.HTTPResponse:
    own, user = request.app.config, request.cookies.get("user")
    return response.json([own.GREETING, own.REQUEST_MAX_SIZE, user, request.conn_info.cert])


@app.get("/fails/<kind>")
async def fails(request: top.Request, kind: str) -> None:
    raise ValueError(kind) if kind == "value" else exceptions.NotFound(kind)


@app.get("/rendered/<name>")
async def rendered(request: top.Request, name: str) -> top.HTTPResponse:
    teapot = exceptions.SanicException("tea", 418, headers={"x-tea": "1"}, context={"a": 1})
    if name == "chosen":
        return errorpages.exception_response(request, teapot, False, "auto", errorpages.TextRenderer)
    renderers = {"text": errorpages.TextRenderer, "json": errorpages.JSONRenderer}
    return renderers[name](request, teapot, False).render()


def said(probe: Callable[[], object]) -> Callable[[], str]:
    """Give what an error says."""

    def ask() -> str:
        try:
            return repr(probe())
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is compared
            return str(error)

    return ask


SIGNAL = said(lambda: app.add_signal(know, "a.b"))()


@app.get("/errors")
async def errors(request: top.Request) -> top.HTTPResponse:
    jar = response.text("").cookies
    return show(
        cookie_key=said(lambda: jar.add_cookie("a b", "c")),
        cookie_word=said(lambda: jar.add_cookie("path", "c")),
        cookie_age=said(lambda: jar.add_cookie("a", "c", max_age="soon")),  # type: ignore[arg-type]  # wrong
        cookie_site=said(lambda: jar.add_cookie("a", "c", samesite="x")),
        cookie_expires=said(lambda: jar.add_cookie("a", "c", expires="x")),  # type: ignore[arg-type]  # wrong
        url_without=said(lambda: app.url_for("fails")),
        url_nowhere=said(lambda: app.url_for("nowhere")),
        signal=lambda: SIGNAL,
        name=said(lambda: top.Blueprint("a b")),
        no_name=said(lambda: top.Blueprint(None)),  # type: ignore[arg-type]  # wrong
        number=lambda: top.Blueprint(5),  # type: ignore[arg-type]  # wrong
        truth=said(lambda: utils.str_to_bool("perhaps")),
        no_file=lambda: config.Config(env_prefix=None).load("nowhere.py"),
        unmounted=said(lambda: top.Blueprint("alone").apps),
    )


@app.get("/names")
async def names(request: top.Request) -> top.HTTPResponse:
    told = compat.Header({"forwarded": "for=1.2.3.4;proto=HTTPS;secret=s", "x-forwarded-for": "5.6.7.8"})
    trusting = config.Config({"FORWARDED_SECRET": "s", "PROXIES_COUNT": 1}, env_prefix=None)
    return show(
        forwarded=lambda: sorted((headers.parse_forwarded(told, trusting) or {}).items()),
        untrusted=lambda: headers.parse_forwarded(told, config.Config(env_prefix=None)),
        xforwarded=lambda: headers.parse_xforwarded(told, trusting),
        normal=lambda: headers.fwd_normalize([("for", "2001:DB8::1"), ("proto", "HTTPS")]),
        address=lambda: headers.fwd_normalize_address("unknown"),
        dumps=lambda: helpers.json_dumps({"a": ["é", None]}),
        terminal=helpers.is_atty,
        colors=lambda: f"{log.Colors.GREEN}x{log.Colors.END}",
        phrases=lambda: [helpers.STATUS_CODES[status] for status in (413, 414, 416, 422)],
        jar=lambda: cookies.CookieJar.__name__,
        sockets=lambda: [route.path for route in todos.websocket_routes],
        found=lambda: getattr(app.router.find_route_by_view_name("todos.Todo"), "name", None),
    )


run(app)
