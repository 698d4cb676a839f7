"""The opening handshake: what is accepted, and that everything else is a normal answer."""

import pytest

from tests.http.wires import get
from tests.websocket.frames import ACCEPT, KEY, TEXT, Frame, ask, frame, receive_frame
from triosanic import HTTPResponse, Request, Sanic, Websocket, text
from triosanic.exceptions import Unauthorized
from triosanic.testing import UpgradeRefused, open_raw, running


@pytest.fixture
def echo(app: Sanic) -> Sanic:
    @app.websocket("/", subprotocols=["v2", "v1"])
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.get("/hello")
    async def hello(request: Request) -> HTTPResponse:
        return text("hello")

    return app


ACCEPTED = {
    "as in the RFC": ask(),
    "a list of protocols": ask("/", "Upgrade: h2c, WebSocket"),
    "other options": ask("/", "Connection: keep-alive, UPGRADE"),
    "options in two fields": ask("/", "Connection: keep-alive", "Connection: upgrade"),
    "no body": ask("/", "Content-Length: 0"),
    "an expectation": ask("/", "Expect: 100-continue"),
    "extensions that are not known": ask("/", "Sec-WebSocket-Extensions: x-a; b=1, x-c"),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED)
async def test_what_is_accepted(echo: Sanic, request_: bytes) -> None:
    """RFC 6455 4.2.1, 4.2.2: names and tokens in any case, in any order."""
    async with open_raw(echo) as connection:
        await connection.send(request_)
        head = await connection.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert f"sec-websocket-accept: {ACCEPT}".encode() in head
        assert b"content-length" not in head
        assert b"sec-websocket-extensions" not in head
        await connection.send(frame(TEXT, b"a"))
        assert await receive_frame(connection) == Frame(TEXT, b"a")


REFUSED = {
    "no upgrade": (get("/"), 426),
    "another protocol": (ask("/", "Upgrade: h2c"), 426),
    "no option": (ask("/", "Connection: keep-alive"), 426),
    "HTTP/1.0": (ask("/", version="1.0", without="Connection") + b"", 426),
    "an old version": (ask("/", "Sec-WebSocket-Version: 8"), 426),
    "a list of versions": (ask("/", "Sec-WebSocket-Version: 13, 8"), 426),
    "two versions": (ask("/", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"), 426),
    "no version": (ask("/", without="Sec-WebSocket-Version"), 400),
    "no key": (ask("/", without="Sec-WebSocket-Key"), 400),
    "an empty key": (ask("/", "Sec-WebSocket-Key:"), 400),
    "a short key": (ask("/", "Sec-WebSocket-Key: dGhl"), 400),
    "a key that is no base64": (ask("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="), 400),
    "a key that is not ASCII": (ask("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZü=="), 400),
    "two keys": (ask("/", f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key: {KEY}"), 400),
    "a subprotocol that is not ASCII": (ask("/", "Sec-WebSocket-Protocol: v1, ü"), 400),
    "a subprotocol that is no text": (ask("/", "Sec-WebSocket-Protocol: \udcff"), 400),
    "a subprotocol with a space": (ask("/", "Sec-WebSocket-Protocol: v 1"), 400),
    "POST": (ask("/", method="POST"), 405),
    "HEAD": (ask("/", method="HEAD"), 405),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused(echo: Sanic, request_: bytes, status: int) -> None:
    """RFC 6455 4.2.1; RFC 9110 15.5.22: a refused upgrade is an answer, and the connection lives on."""
    async with open_raw(echo) as connection:
        await connection.send(request_)
        head = (await connection.head()).lower().decode().split("\r\n")
        assert head[0].startswith(f"http/1.1 {status}")
        if status == 426:
            assert "upgrade: websocket" in head
            assert any(line.startswith("connection: upgrade") for line in head)
        if "HTTP/1.0" in request_.decode("utf-8", "replace"):
            return
        length = next(line for line in head if line.startswith("content-length: "))
        await connection.receive(0 if b"HEAD" in request_ else int(length.partition(": ")[2]))
        await connection.send(get("/hello"))
        assert (await connection.head()).startswith(b"HTTP/1.1 200")


async def test_the_version_that_is_served_is_named(echo: Sanic) -> None:
    """RFC 6455 4.4: the client may then try again."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/", "Sec-WebSocket-Version: 7"))
        assert b"sec-websocket-version: 13" in await connection.head()


@pytest.mark.parametrize(
    "body",
    [
        ask("/", "Content-Length: 5") + b"hello",
        ask("/", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
async def test_an_upgrade_with_a_body_is_refused_and_the_body_drained(echo: Sanic, body: bytes) -> None:
    """What follows could be read as a body, or as frames."""
    async with open_raw(echo) as connection:
        await connection.send(body + get("/hello"))
        assert (await connection.head()).startswith(b"HTTP/1.1 400")
        await connection.until(b"no body")
        await connection.until(b"HTTP/1.1 200")


async def test_a_bad_chunk_behind_an_upgrade_is_an_answer(echo: Sanic) -> None:
    async with open_raw(echo) as connection:
        await connection.send(ask("/", "Transfer-Encoding: chunked") + b"zz\r\n")
        assert (await connection.rest()).startswith(b"HTTP/1.1 400")


async def test_an_upgrade_elsewhere_is_a_plain_request(echo: Sanic) -> None:
    """RFC 9110 7.8: a server may ignore it."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/hello"))
        assert (await connection.head()).startswith(b"HTTP/1.1 200")
        assert await connection.receive(5) == b"hello"
        await connection.send(ask("/nowhere"))
        assert (await connection.head()).startswith(b"HTTP/1.1 404")


async def test_frames_that_come_with_the_request_are_kept(echo: Sanic) -> None:
    """hypercorn #225: bytes right behind an upgrade's head."""
    async with open_raw(echo) as connection:
        await connection.send(ask() + frame(TEXT, b"a") + frame(TEXT, b"b" * 70_000))
        assert b" 101 " in await connection.head()
        assert await receive_frame(connection) == Frame(TEXT, b"a")
        assert await receive_frame(connection) == Frame(TEXT, b"b" * 70_000)


@pytest.mark.parametrize(
    ("offered", "chosen"), [((), None), (["x"], None), (["v1", "v2"], "v2"), (["x", "v1"], "v1")]
)
async def test_the_server_chooses_among_subprotocols(
    echo: Sanic, offered: list[str], chosen: str | None
) -> None:
    """RFC 6455 4.2.2: one that the client offers, or none; which is best, the server says."""
    async with running(echo) as client, client.websocket("/", subprotocols=offered) as ws:
        assert ws.subprotocol == chosen


async def test_origins(app: Sanic) -> None:
    """RFC 6455 10.2: a browser says which page has asked."""

    @app.websocket("/", origins=["https://A.example", None])
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send("in")

    @app.websocket("/strict", origins="https://a.example")
    async def strict(request: Request, ws: Websocket) -> None:
        await ws.send("in")

    async with running(app) as client:
        for headers in ({}, {"Origin": "https://a.example"}):
            async with client.websocket("/", headers=headers) as ws:
                assert await ws.receive() == "in"
        for path, fields in (
            ("/", [("Origin", "https://b.example")]),
            ("/", [("Origin", "null")]),
            ("/", [("Origin", "https://a.example"), ("Origin", "https://a.example")]),
            ("/strict", []),
        ):
            with pytest.raises(UpgradeRefused) as refused:
                async with client.websocket(path, headers=fields):
                    pass
            assert refused.value.status == 403


async def test_middleware_and_cookies(app: Sanic) -> None:
    """Middleware of both kinds runs, and what it adds to the response goes with the 101."""

    @app.on_request
    async def authenticate(request: Request) -> HTTPResponse | None:
        if request.cookies.get("token") != "secret":
            raise Unauthorized("no token")
        return text("teapot", 418) if request.args.get("tea") else None

    @app.on_response
    async def add(request: Request, response: HTTPResponse) -> None:
        response.headers["X-Seen"] = str(response.status)
        response.headers["Sec-WebSocket-Accept"] = "forged"
        response.headers["Connection"] = "close"
        response.add_cookie("last", "now", secure=False)

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send(str(request.cookies.get("token")))

    async with running(app) as client:
        async with client.websocket("/", headers={"Cookie": "token=secret"}) as ws:
            assert ws.headers["x-seen"] == "101"
            assert ws.headers["set-cookie"].startswith("last=now")
            assert await ws.receive() == "secret"
        for path, headers, status in (("/", {}, 401), ("/?tea=1", {"Cookie": "token=secret"}, 418)):
            with pytest.raises(UpgradeRefused) as refused:
                async with client.websocket(path, headers=headers):
                    pass
            assert refused.value.status == status
            assert refused.value.headers["x-seen"] == str(status)


async def test_a_response_middleware_may_answer_otherwise(app: Sanic) -> None:
    calls = []

    @app.on_response
    async def replace(request: Request, response: HTTPResponse) -> HTTPResponse:
        calls.append(response.status)
        return text("full", 503)

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        raise AssertionError("it is not called")

    async with running(app) as client:
        with pytest.raises(UpgradeRefused) as refused:
            async with client.websocket("/"):
                pass
    assert (refused.value.status, refused.value.body) == (503, b"full")
    assert calls == [101]


async def test_a_response_header_never_breaks_the_line_of_a_101(app: Sanic) -> None:
    @app.on_response
    async def inject(request: Request, response: HTTPResponse) -> None:
        response.headers["X-A"] = "a\r\nX-B: b"

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        raise AssertionError("it is not called")

    async with open_raw(app) as connection:
        await connection.send(ask())
        head = await connection.head()
        assert head.startswith(b"HTTP/1.1 500")
        assert b"X-B" not in head


async def test_handlers_of_errors_answer_for_refusals(app: Sanic) -> None:
    @app.exception(Exception)
    async def answer(request: Request, exception: Exception) -> HTTPResponse:
        return text(type(exception).__name__, 499)

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        raise AssertionError("it is not called")

    async with running(app) as client:
        response = await client.get("/")
        assert (response.status_code, response.text) == (499, "UpgradeRequired")
