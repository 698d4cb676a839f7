"""An app in memory that notes what it was asked for, and bytes to ask it with."""

from typing import Final

import pytest

from triosanic import Request, Sanic
from triosanic.response import HTTPResponse, json
from triosanic.testing import open_raw

GET: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST: Final = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
EVIL: Final = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE: Final = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def make_app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("app")
    app.ctx.asked = []

    async def index(request: Request, path: str = "") -> HTTPResponse:
        app.ctx.asked.append(request.path)
        return json({"size": len(request.body), "args": request.args, "url": request.url, "ip": request.ip})

    for name, uri in (("index", "/"), ("other", "/<path:path>")):
        app.add_route(index, uri, ["GET", "POST"], name=name)
    return app


async def said(app: Sanic, data: bytes) -> bytes:
    """Give all that the server says to ``data`` until it closes."""
    async with open_raw(app) as conn:
        await conn.send(data)
        return await conn.rest()


async def assert_stopped(app: Sanic, data: bytes, *statuses: int) -> None:
    """The request is refused, the connection closed, and what follows on it never served."""
    answer = await said(app, data + EVIL)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert int(answer[9:12]) in (statuses or (400,))
    assert app.ctx.asked == []
