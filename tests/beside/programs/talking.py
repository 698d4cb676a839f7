"""WebSockets (1.16)."""

from typing import Any

from tests.beside.framework import response, run, top

app = top.Sanic("beside")


@app.on_response
def after(request: top.Request, response: top.HTTPResponse) -> None:
    response.headers["X-After"] = str(response.status)


@app.websocket("/echo")
async def echo(request: top.Request, ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


@app.websocket("/kinds")
async def kinds(request: top.Request, ws: Any) -> None:
    while (message := await ws.recv()) is not None:
        await ws.send(type(message).__name__)


@app.websocket("/subprotocols", subprotocols=["two", "three"])
async def subprotocols(request: top.Request, ws: Any) -> None:
    await ws.send(str(ws.subprotocol))


@app.websocket("/greeting/<name>")
async def greeting(request: top.Request, ws: Any, name: str) -> None:
    await ws.send(f"hello {name} {request.name}")


@app.websocket("/closes")
async def closes(request: top.Request, ws: Any) -> None:
    await ws.close(4001, "enough")


@app.websocket("/fails")
async def fails(request: top.Request, ws: Any) -> None:
    raise ValueError("websocket")


@app.websocket("/misused")
async def misused(request: top.Request, ws: Any) -> None:
    for value in ({"a": 1}, 5, None):
        try:
            await ws.send(value)
        except Exception as failure:  # noqa: BLE001  # whatever it is, it is what is compared
            await ws.send(type(failure).__name__)


@app.get("/plain")
async def plain(request: top.Request) -> top.HTTPResponse:
    return response.text("no websocket")


async def added(request: top.Request, ws: Any) -> None:
    await ws.send("added")


app.add_websocket_route(added, "/added")
blueprint = top.Blueprint("shop", url_prefix="/shop")


@blueprint.websocket("/feed")
async def feed(request: top.Request, ws: Any) -> None:
    await ws.send(str(request.name))


app.blueprint(blueprint)

if __name__ == "__main__":
    run(app)
