"""Stand between clients and another server, streaming both ways.

Run it:

    UPSTREAM=http://127.0.0.1:9000 python examples/relay.py

A piece is asked of one side only once the other has taken the last, so the slower holds the faster back.
When the client leaves, the handler is cancelled, and with it the request to the other server.
If that server fails before it answers the client gets 502; after that, an answer that is visibly cut.
HTTP/1.1 clients such as httpx send all of a body before they read: the answer starts after the upload.
PORT chooses another port than 8000.
"""

import math
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from triosanic import Request, Sanic
from triosanic.exceptions import SanicException
from triosanic.headers import Header

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# RFC 9110 §7.6.1 and RFC 9112: these speak of one connection, not of the message.
# "Expect" is answered here, at the first read; "Host" names the other server.
ONE_HOP: Final = frozenset({
    "connection", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
# One exchange may be slow, but not silent: this, not RESPONSE_TIMEOUT, bounds each of its steps.
TIMEOUT: Final = httpx.Timeout(60, connect=5)

app = Sanic("relay")


class BadGateway(SanicException):
    """The other server did not answer."""

    status_code = 502


@app.before_server_start
async def open_client(app: Sanic) -> None:
    app.ctx.upstream = httpx.URL(os.environ.get("UPSTREAM", "http://127.0.0.1:9000"))
    app.ctx.client = httpx.AsyncClient(
        # As many at once as there are clients; what is idle is kept for the next.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        # One client's cookies are not the next one's.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # The environment's proxies are not meant for a server behind this one.
        trust_env=False,
    )


@app.after_server_stop
async def close_client(app: Sanic) -> None:
    await app.ctx.client.aclose()


def end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the headers that are meant for one hop, among them those that Connection names."""
    fields = [(name.lower(), value) for name, value in headers]
    connection = ",".join(value for name, value in fields if name == "connection")
    left_out = ONE_HOP | {token.strip().lower() for token in connection.split(",")}
    return [(name, value) for name, value in fields if name not in left_out]


class Body(httpx.AsyncByteStream):
    """The body on its way in, as the body on its way out: a piece is read when there is room for it."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._request.stream)


def outgoing(request: Request) -> httpx.Request:
    upstream: httpx.URL = request.app.ctx.upstream
    fields = end_to_end(request.headers.items())
    body: httpx.AsyncByteStream = httpx.ByteStream(b"")
    if "transfer-encoding" in request.headers or "content-length" in request.headers:
        body = Body(request)
    if "transfer-encoding" in request.headers:
        fields.append(("transfer-encoding", "chunked"))
    # RFC 9110 §7.6.3: a proxy says in each request that it was there.
    fields += [("host", upstream.netloc.decode()), ("via", "1.1 triosanic")]
    url = upstream.copy_with(raw_path=request.raw_url)
    return httpx.Request(
        request.method, url, headers=fields, stream=body, extensions={"timeout": TIMEOUT.as_dict()}
    )


@app.route("/", methods=METHODS, stream=True, name="root", response_timeout=math.inf)
@app.route("/<path:path>", methods=METHODS, stream=True, name="any", response_timeout=math.inf)
async def relay(request: Request, path: str = "") -> None:
    try:
        incoming = await request.app.ctx.client.send(outgoing(request), stream=True)
        async with aclosing(incoming):
            headers = Header(end_to_end(incoming.headers.multi_items()))
            response = await request.respond(status=incoming.status_code, headers=headers)
            # Raw: neither decompressed nor measured anew, so its Content-Length still holds.
            async for piece in incoming.aiter_raw():
                await response.send(piece)
            await response.eof()
    except httpx.TransportError as error:
        # Before the head this is the answer; after it, it cuts the answer off.
        raise BadGateway("The server behind this one did not answer.") from error


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
