"""Cookies over the wire."""

import pytest

from triosanic import HTTPResponse, Request, Sanic, json, text
from triosanic.response import redirect, stream
from triosanic.testing import open_raw, running

GET = b'GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; a=2\r\nCookie: b="x y\\073"\r\n\r\n'


async def test_cookies_are_read(app: Sanic, autojump_clock: object) -> None:
    """RFC 9113 §8.2.3: they may have been parted on their way."""

    @app.get("/")
    async def show(request: Request) -> HTTPResponse:
        assert request.cookies is request.cookies
        return json([request.cookies, request.cookies.get("a"), request.cookies.b])

    async with open_raw(app) as conn:
        await conn.send(GET)
        await conn.head()
        body = b'[{"a":["1","2"],"b":["x y;"]},"1","x y;"]'
        assert await conn.receive(len(body)) == body


async def test_each_cookie_has_a_field_of_its_own(app: Sanic, autojump_clock: object) -> None:
    """RFC 9110 §5.3: Set-Cookie cannot be joined."""

    @app.on_response
    async def track(request: Request, response: HTTPResponse) -> None:
        response.add_cookie("seen", "1", samesite=None, secure=False)

    @app.get("/")
    async def show(request: Request) -> HTTPResponse:
        response = text("x", headers={"Set-Cookie": "raw=1"})
        response.cookies["a"] = "b"
        response.cookies["a"]["httponly"] = True
        response.delete_cookie("old")
        return response

    async with running(app) as client:
        answer = await client.get("/")
    assert answer.headers.get_list("set-cookie") == [
        "raw=1",
        "a=b; Path=/; HttpOnly",
        'old=""; Path=/; Max-Age=0; Secure',
        "seen=1; Path=/",
    ]


@pytest.mark.parametrize("path", ["respond", "stream", "redirect", "error"])
async def test_every_kind_of_response_sets_cookies(app: Sanic, autojump_clock: object, path: str) -> None:
    @app.get("/respond")
    async def respond(request: Request) -> None:
        response = HTTPResponse()
        response.add_cookie("a", "b")
        await request.respond(response)

    @app.get("/stream")
    async def seed(request: Request) -> HTTPResponse:
        async def write(response: HTTPResponse) -> None:
            response.write("x")

        response = stream(write)
        response.cookies["a"] = "b"
        return response  # type: ignore[return-value]  # as programs annotate it

    @app.get("/redirect")
    async def away(request: Request) -> HTTPResponse:
        response = redirect("/x", headers=[("Set-Cookie", "b=1"), ("Set-Cookie", "c=2")])  # type: ignore[arg-type]
        response.add_cookie("a", "b")
        return response

    @app.exception(KeyError)
    async def failed(request: Request, error: KeyError) -> HTTPResponse:
        response = text("failed", 500)
        response.add_cookie("a", "b")
        return response

    @app.get("/error")
    async def fail(request: Request) -> None:
        raise KeyError("x")

    async with running(app) as client:
        answer = await client.get(f"/{path}")
    assert client.cookies.get("a") == "b" or answer.headers["set-cookie"].startswith("a=b; Path=/")
    if path == "redirect":
        assert [field[:3] for field in answer.headers.get_list("set-cookie")] == ["b=1", "c=2", "a=b"]


async def test_no_cookie_ends_its_field(app: Sanic, autojump_clock: object) -> None:
    """CVE-2026-35536 (tornado): what a client sends may be echoed in a cookie."""

    @app.get("/")
    async def echo(request: Request) -> HTTPResponse:
        response = text("x")
        response.add_cookie("a", request.args.get("a"))
        return response

    async with open_raw(app) as conn:
        await conn.send(b"GET /?a=b%0d%0aX-Evil:1;Domain=evil%00 HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await conn.head()
    assert b'Set-Cookie: a="b\\015\\012X-Evil:1\\073Domain=evil\\000"; Path=/; SameSite=Lax; Secure' in head
    assert b"\r\nX-Evil" not in head
