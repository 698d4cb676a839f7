"""The WebSockets of Chromium and of Node: subprotocol, compression, text and bytes, closes, a stop."""

import json
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.system.chromium import Page, browsing
from tests.system.tools import program
from triosanic import HTTPResponse, Request, Sanic, Websocket, html

pytestmark = pytest.mark.system

LIMIT_S: Final = 100
# What a page does with a WebSocket until it is closed, told as one value.
TALK: Final = """
new Promise((done) => {
  const ws = new WebSocket(`ws://${location.host}/%s`, ["v2", "v1"]);
  const got = [];
  ws.binaryType = "arraybuffer";
  ws.onopen = () => { %s };
  ws.onmessage = (event) => {
    got.push(typeof event.data === "string" ? event.data.slice(0, 20) : event.data.byteLength);
    %s
  };
  ws.onclose = (event) =>
    done({ got, code: event.code, clean: event.wasClean, protocol: ws.protocol, extensions: ws.extensions });
})
"""

NODE: Final = """
const ws = new WebSocket(process.argv[1] + "/echo", ["v2", "v1"]);
const got = [];
ws.binaryType = "arraybuffer";
ws.onopen = () => { ws.send("a€"); ws.send(new Uint8Array(300000)); };
ws.onmessage = (event) => {
  got.push(typeof event.data === "string" ? event.data : event.data.byteLength);
  if (got.length === 2) ws.close(4000, "done");
};
ws.onclose = (event) =>
  console.log(JSON.stringify({ got, protocol: ws.protocol, code: event.code, clean: event.wasClean }));
"""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("browser")

    @app.get("/")
    async def page(request: Request) -> HTTPResponse:
        return html("<title>a page</title>")

    @app.get("/stop")
    async def stop(request: Request) -> HTTPResponse:
        request.app.stop()
        return html("")

    @app.websocket("/echo", subprotocols=["v1"], compression=True)
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/origin", origins=["https://elsewhere.example"])
    async def origin(request: Request, ws: Websocket) -> None:
        await ws.send("in")

    @app.websocket("/waits", subprotocols=["v1"])
    async def waits(request: Request, ws: Websocket) -> None:
        await ws.send("stop me")
        await ws.recv()

    return app


async def talk(page: Page, path: str, opened: str, received: str) -> dict[str, object]:
    found: dict[str, object] = await page.evaluate(TALK % (path, opened, received))
    return found


async def test_chromium(app: Sanic, tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery, browsing(tmp_path) as page:
            [(host, port)] = await nursery.start(partial(app.serve, port=0))
            await page.go(f"http://{host}:{port}/")
            found = await talk(
                page,
                "echo",
                'ws.send("a€".repeat(1000)); ws.send(new Uint8Array(50000)); ws.send("");',
                "if (got.length === 3) ws.close(4000);",
            )
            assert found["got"] == ["a€" * 10, 50_000, ""]
            assert (found["code"], found["clean"], found["protocol"]) == (4000, True, "v1")
            assert "permessage-deflate" in str(found["extensions"])
            refused = await talk(page, "origin", "", "")
            assert (refused["got"], refused["code"]) == ([], 1006)
            stopped = await talk(page, "waits", "", "fetch('/stop');")
            assert stopped["code"] == 1001


async def test_node(app: Sanic) -> None:
    """Node 22 has it, and 20 behind a flag."""
    command = [program("node"), "--experimental-websocket", "--no-warnings", "-e", NODE]
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            [(host, port)] = await nursery.start(partial(app.serve, port=0))
            done = await trio.run_process([*command, f"ws://{host}:{port}"], capture_stdout=True)
            app.stop()
    right = {"got": ["a€", 300_000], "protocol": "v1", "code": 4000, "clean": True}
    assert json.loads(done.stdout) == right
