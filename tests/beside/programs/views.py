"""Class-based views, and what is left of the interface of 2017 (1.9, 2)."""

from typing import Any

from tests.beside.framework import outcome, response, run, top, views

app = top.Sanic("beside")


def shout(handler: Any) -> Any:
    def decorated(request: top.Request, *args: Any, **kwargs: Any) -> Any:
        answer = handler(request, *args, **kwargs)
        answer.headers["X-Decorated"] = "yes"
        return answer

    return decorated


class Plain(views.HTTPMethodView):
    def get(self, request: top.Request, word: str = "none") -> top.HTTPResponse:
        return response.text(f"get {word} {request.name}")

    def post(self, request: top.Request, word: str = "none") -> top.HTTPResponse:
        return response.text(f"post {word} {request.body!r}")

    async def put(self, request: top.Request, word: str = "none") -> top.HTTPResponse:
        return response.text("put, async")


class Decorated(views.HTTPMethodView):
    decorators = [shout]  # noqa: RUF012  # as Sanic's guide has it

    def get(self, request: top.Request) -> top.HTTPResponse:
        return response.text("decorated")


class Built(views.HTTPMethodView):
    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    def get(self, request: top.Request) -> top.HTTPResponse:
        return response.text(self.greeting)


class Attached(views.HTTPMethodView, attach=app, uri="/attached", strict_slashes=True, name="by_keyword"):
    def get(self, request: top.Request) -> top.HTTPResponse:
        return response.text(str(request.name))


class Streaming(views.HTTPMethodView):
    @views.stream
    async def post(self, request: top.Request) -> top.HTTPResponse:
        total = 0
        async for piece in request.stream:
            total += len(piece)
        return response.text(f"{total} of a stream")

    async def put(self, request: top.Request) -> top.HTTPResponse:
        return response.text(f"{len(request.body)} in one")


class Heads(views.HTTPMethodView):
    def get(self, request: top.Request) -> top.HTTPResponse:
        return response.text("for head too")


app.add_route(Plain.as_view(), "/plain")
app.add_route(Plain.as_view(), "/plain/<word>", name="with_word")
app.add_route(Decorated.as_view(), "/decorated")
app.add_route(Built.as_view("good day"), "/built")
Plain.attach(app, "/by/method", name="by_method", version=2)
app.add_route(Streaming.as_view(), "/streaming", stream=True)
app.add_route(Heads.as_view(), "/heads", methods=["GET", "HEAD"])
blueprint = top.Blueprint("shop", url_prefix="/shop")
blueprint.add_route(Plain.as_view(), "/view")
app.blueprint(blueprint)


@app.get("/name")
def name(request: top.Request) -> top.HTTPResponse:
    return response.text(
        f"{Plain.as_view().__name__} {app.url_for('with_word', word='x')} {app.url_for('Plain')}"
    )


@app.post("/stream", stream=True)
async def stream(request: top.Request) -> top.HTTPResponse:
    pieces = []
    while (piece := await request.stream.read()) is not None:
        pieces.append(piece)
    return response.raw(b"".join(pieces))


@app.post("/plain/body")
async def plain_body(request: top.Request) -> top.HTTPResponse:
    return response.text(f"{len(request.body)}")


@app.get("/cookie/2017")
def cookie(request: top.Request) -> top.HTTPResponse:
    answer: Any = response.text("with a cookie")
    answer.cookies["a"] = "b"
    answer.cookies["a"]["httponly"] = True
    return answer  # type: ignore[no-any-return]  # of the interface of 2017


@app.get("/stream/2017")
def stream_2017(request: top.Request) -> Any:
    async def streaming(answer: Any) -> None:
        answer.write("of ")
        await answer.write("2017")

    return response.stream(streaming)


@app.get("/listener/2017")
def listener(request: top.Request) -> top.HTTPResponse:
    return response.text(app.ctx.listened)


@app.listener("before_server_start")
async def listen(app: top.Sanic, loop: object) -> None:
    app.ctx.listened = outcome(lambda: loop is None)


if __name__ == "__main__":
    run(app)
