"""Chromium's EventSource: what it reads, that it comes back to where it was, and how it is kept away."""

from functools import partial
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.system.chromium import browsing
from triosanic import HTTPResponse, Request, Sanic, empty, html
from triosanic.response import EventStreamResponse, EventWriter, sse

pytestmark = pytest.mark.system

LIMIT_S: Final = 100
LISTEN: Final = """
new Promise((done) => {
  const source = new EventSource("/events");
  const got = [];
  const note = (event) => got.push([event.type, event.data, event.lastEventId]);
  source.onmessage = note;
  source.addEventListener("tick", note);
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) done(got); };
})
"""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("events")
    app.ctx.places = []

    @app.get("/")
    async def page(request: Request) -> HTTPResponse:
        return html("<title>a page</title>")

    @app.get("/events")
    async def events(request: Request) -> EventStreamResponse | HTTPResponse:
        request.app.ctx.places.append(request.last_event_id)
        first = int(request.last_event_id or 0)
        if first == 6:
            return empty()

        async def tell(events: EventWriter) -> None:
            await events.comment("two, and then an end")
            await events.send(f"a€\n{first}", id=str(first + 1))
            await events.send({"n": first}, event="tick", id=str(first + 2))

        return sse(tell, retry_s=0.01)

    return app


async def test_chromium(app: Sanic, tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery, browsing(tmp_path) as page:
            [(host, port)] = await nursery.start(partial(app.serve, port=0))
            await page.go(f"http://{host}:{port}/")
            got = await page.evaluate(LISTEN)
            app.stop()
    assert app.ctx.places == ["", "2", "4", "6"]
    assert got == [
        event
        for first in (0, 2, 4)
        for event in (
            ["message", f"a€\n{first}", str(first + 1)],
            ["tick", f'{{"n":{first}}}', str(first + 2)],
        )
    ]
