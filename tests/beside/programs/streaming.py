"""Bodies as they come and go, and their limits (1.12, 2)."""

from typing import Any

from tests.beside.framework import exceptions, response, run, top

app = top.Sanic("beside")
app.config.REQUEST_MAX_SIZE = 1000


@app.post("/read", stream=True)
async def read(request: Any) -> top.HTTPResponse:
    body = b""
    while (piece := await request.stream.read()) is not None:
        body += piece
    return response.raw(body)


@app.post("/iterate", stream=True)
async def iterate(request: Any) -> top.HTTPResponse:
    total = 0
    async for piece in request.stream:
        total += len(piece)
    return response.text(f"{total} {request.body!r}")


@app.post("/receive", stream=True)
async def receive(request: Any) -> top.HTTPResponse:
    await request.receive_body()
    return response.raw(request.body)


@app.post("/limited", stream=True)
async def limited(request: Any) -> top.HTTPResponse:
    request.stream.request_max_size = 10
    await request.receive_body()
    return response.raw(request.body)


@app.post("/unread", stream=True)
async def unread(request: Any) -> top.HTTPResponse:
    return response.text("not read")


@app.post("/refused", stream=True)
async def refused(request: Any) -> top.HTTPResponse:
    raise exceptions.Forbidden("not wanted")


@app.post("/echo", stream=True)
async def echo(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    async for piece in request.stream:
        await answer.send(piece)


@app.post("/body")
async def body(request: Any) -> top.HTTPResponse:
    return response.text(f"{len(request.body)} {request.headers.get('content-length')}")


@app.get("/pieces")
async def pieces(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send("a")
    await answer.send(b"b")
    await answer.eof()


@app.get("/ended")
async def ended(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send("all of it", end_stream=True)


@app.get("/only-eof")
async def only_eof(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.eof()


@app.get("/nothing-sent")
async def nothing_sent(request: Any) -> None:
    await request.respond(content_type="text/plain")


@app.get("/numbers")
async def numbers(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send(5)
    await answer.send("all")


@app.get("/empty-pieces")
async def empty_pieces(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    for piece in ("", b"", "z"):
        await answer.send(piece)


@app.get("/status")
async def status(request: Any) -> None:
    answer = await request.respond(status=201, headers={"X-A": "b"}, content_type="x/y")
    await answer.send("a")


@app.get("/untyped")
async def untyped(request: Any) -> None:
    answer = await request.respond()
    await answer.send("a")


@app.get("/prepared")
async def prepared(request: Any) -> None:
    answer = await request.respond(response.text("prepared"))
    await answer.eof()


@app.get("/prepared/returned")
async def prepared_returned(request: Any) -> Any:
    return await request.respond(response.text("prepared"))


@app.get("/prepared/more")
async def prepared_more(request: Any) -> None:
    answer = await request.respond(response.text("prepared"))
    await answer.send(", and more")


@app.get("/prepared/cookie")
async def prepared_cookie(request: Any) -> None:
    prepared = response.text("1")
    prepared.add_cookie("a", "b")
    await request.respond(prepared)


@app.get("/with")
async def with_block(request: Any) -> None:
    async with await request.respond(content_type="a/b") as send:
        await send("q")


@app.get("/late/fields")
async def late_fields(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    answer.status = 203
    answer.headers["X-Late"] = "1"
    await answer.send("x")


@app.get("/length")
async def length(request: Any) -> None:
    answer = await request.respond(headers={"content-length": "2"}, content_type="text/plain")
    await answer.send("ab")


@app.get("/length/less")
async def less(request: Any) -> None:
    answer = await request.respond(headers={"content-length": "5"}, content_type="text/plain")
    await answer.send("ab")


@app.get("/204")
async def no_content(request: Any) -> None:
    answer = await request.respond(status=204)
    await answer.eof()


@app.get("/second")
async def second(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    try:
        await request.respond()
    except exceptions.ServerError as failure:
        await answer.send(str(failure))


@app.get("/after/end")
async def after_end(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send("a")
    await answer.eof()
    try:
        await answer.send("b")
    except exceptions.ServerError as failure:
        app.ctx.last = str(failure)


@app.get("/after/length")
async def after_length(request: Any) -> None:
    answer = await request.respond(headers={"content-length": "2"}, content_type="text/plain")
    await answer.send("ab")
    try:
        await answer.send("c")
    except exceptions.ServerError as failure:
        app.ctx.last = str(failure)


@app.get("/last")
async def last(request: Any) -> top.HTTPResponse:
    return response.text(app.ctx.last)


@app.get("/ignored")
async def ignored(request: Any) -> top.HTTPResponse:
    answer = await request.respond(content_type="text/plain")
    await answer.send("sent")
    return response.text("returned")


@app.get("/reset")
async def reset(request: Any) -> top.HTTPResponse:
    await request.respond(response.text("one"))
    request.reset_response()
    return response.text("two")


@app.get("/fails/before")
async def fails_before(request: Any) -> None:
    await request.respond(content_type="text/plain")
    raise exceptions.SanicException("too late?", 418)


@app.get("/fails/midway")
async def fails_midway(request: Any) -> None:
    answer = await request.respond(content_type="text/plain")
    await answer.send("half")
    raise ValueError("midway")


if __name__ == "__main__":
    run(app)
