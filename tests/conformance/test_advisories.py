"""Advisories about what is made of requests, and of connections: docs/security.md, by these numbers."""

import errno
import gzip
import html
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterator
from functools import partial
from time import process_time
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import trio

from tests.conformance.asked import CLOSE, POST, assert_stopped, make_app, said
from triosanic import Request, Sanic
from triosanic.http.inflate import Inflater
from triosanic.log import LineFormatter, access_logger
from triosanic.response import HTTPResponse, text
from triosanic.views import HTTPMethodView

# 3


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "field",
    [
        *[("X", f"a{end}Evil: 1") for end in ("\r\n", "\n", "\r", "\0", "\r\n\r\n")],
        *[(f"X{end}Evil", "1") for end in ("\r\n", ": a\r\n", " ", "\0")],
        ("Content-Type", "a/b\r\nEvil: 1"),
    ],
    ids=ascii,
)
async def test_a_response_header_never_breaks_its_line(
    app: Sanic, streamed: bool, field: tuple[str, str]
) -> None:
    """CVE-2018-1000164, CVE-2020-7695: an error, and nothing of it on the wire."""

    @app.get("/bad")
    async def bad(request: Request) -> HTTPResponse | None:
        if not streamed:
            return text("x", headers=dict([field]))
        response = await request.respond(headers=dict([field]))
        await response.send("x")
        return None

    answer = await said(app, CLOSE.replace(b"/ ", b"/bad ", 1))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"evil" not in answer.partition(b"\r\n\r\n")[0].lower()


# 4


async def test_a_line_of_the_access_log_is_one_line_without_controls(
    app: Sanic, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2020-7694: whatever a client sends."""
    app.config.ACCESS_LOG = True
    with caplog.at_level(logging.INFO, access_logger.name):
        for target in (
            b"/%1b[31m",
            b"/%0d%0aGET",
            b"/\x1b[31m",
            b"/\r\nX: y",
            b"/\xe2\x80\xae",
            b"/|;$(x)`'\"",
        ):
            await said(app, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    lines = [
        LineFormatter("%(host)s %(request)s %(status)s").format(record)
        for record in caplog.records
        if record.name == access_logger.name
    ]
    assert len(lines) == 6
    assert all(line.isprintable() and line.isascii() for line in lines)


# 8, 9: with sockets.


class FaultySocket(socket.socket):
    """A listener whose accept fails, before each connection that it accepts, in another way."""

    faults: Iterator[int]

    def accept(self) -> tuple[socket.socket, Any]:
        fault = next(self.faults, None)
        if fault is not None:
            raise OSError(fault, os.strerror(fault))
        return super().accept()


async def ask(address: tuple[str, int]) -> bytes:
    """Ask over a new connection."""
    with trio.fail_after(30):
        async with await trio.open_tcp_stream(*address[:2]) as stream:
            await stream.send_all(CLOSE)
            return b"".join([bytes(piece) async for piece in stream])


def reset(address: tuple[str, int], *, sent: bytes = b"") -> None:
    """Connect, and reset the connection at once: before the server can ask who it was."""
    with socket.create_connection(address[:2]) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(sent)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="counts files in /proc")
async def test_clients_that_leave_at_once_leave_no_file_and_no_busy_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CVE-2024-49769."""
    app = make_app(monkeypatch)
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(app.serve, port=0))
        await ask(address)
        before = open_files()
        for number in range(50):
            reset(address, sent=b"GET" * (number % 2))
        for _ in range(3):
            assert (await ask(address)).startswith(b"HTTP/1.1 200 ")
        with trio.fail_after(10):
            while open_files() > before:  # noqa: ASYNC110  # the system does not tell when one is closed
                await trio.sleep(0.01)
        spent = process_time()
        await trio.sleep(0.1)  # a busy loop would spend it all
        assert process_time() - spent < 0.05
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "number", [errno.ECONNABORTED, errno.EPROTO, errno.EMFILE, errno.ENOBUFS, errno.EPERM]
)
async def test_nothing_that_accept_raises_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """CVE-2022-31015."""
    app = make_app(monkeypatch)
    sock = FaultySocket()
    sock.bind(("127.0.0.1", 0))
    sock.faults = iter([number] * 3)
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(app.serve, sock=sock))
        for _ in range(3):
            assert (await ask(address)).startswith(b"HTTP/1.1 200 ")
        assert next(sock.faults, None) is None
        nursery.cancel_scope.cancel()


# 15


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/", "/\\evil.example/", "/%2f/evil.example"]
)
async def test_no_path_is_redirected_to_another_host(app: Sanic, path: str) -> None:
    """CVE-2021-21330, CVE-2020-28724, CVE-2023-28370: paths are never rewritten, so nothing redirects."""
    answer = await said(app, CLOSE.replace(b"/ ", path.encode() + b" ", 1))
    assert answer[9:12] in {b"200", b"404"}
    assert b"\r\nlocation" not in answer.lower()


# 29


async def test_ten_thousand_values_of_a_header_are_joined_in_linear_time(app: Sanic) -> None:
    """CVE-2025-67725; a reason phrase is ours alone, so that nothing gets into it (CVE-2025-67724)."""
    app.config.REQUEST_MAX_HEADERS, app.config.REQUEST_MAX_HEADER_SIZE = 20_000, 200_000

    @app.get("/joined")
    async def joined(request: Request) -> HTTPResponse:
        return text(str(len(request.headers.x)), 299)

    start = process_time()
    fields = b"X: y\r\n" * 10_000
    answer = await said(app, b"GET /joined HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 299 UNKNOWN\r\n")
    assert answer.endswith(b"\r\n\r\n19999")
    assert process_time() - start < 1


# 33


BOMB: Final = gzip.compress(bytes(1 << 20))
ZIPPED: Final = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)


async def test_nothing_is_inflated_unless_the_route_asks_for_it(app: Sanic) -> None:
    """CVE-2025-69223: a body is what was sent."""
    answer = await said(app, POST + ZIPPED + BOMB + CLOSE)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b'"size":%d' % len(BOMB) in answer


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bomb_is_refused_by_its_ratio_and_by_its_size(app: Sanic, stream: bool) -> None:
    """CVE-2025-69223: 1 KB that would be 1 MiB, on routes that inflate."""
    inflated = 0

    @app.post("/bomb", decompress=True, stream=stream, request_max_size=1_000_000)
    async def bomb(request: Request) -> HTTPResponse:
        nonlocal inflated
        async for piece in request.stream:
            inflated += len(piece)
        return text("boom")

    for ratio, most in ((100, 100_000 + (1 << 16)), (2000, 1_000_000)):
        app.config.REQUEST_MAX_RATIO, inflated = ratio, 0
        answer = await said(app, POST.replace(b"/ ", b"/bomb ", 1) + ZIPPED + BOMB + CLOSE)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert inflated <= most


async def test_a_body_that_nobody_reads_is_drained_as_it_was_sent(
    app: Sanic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2026-54278: not inflated, where it could be, and the connection goes on."""

    def refuse(self: Inflater) -> bytes:
        raise AssertionError("inflated")

    monkeypatch.setattr(Inflater, "take", refuse)

    @app.post("/unread", stream=True, decompress=True)
    async def unread(request: Request) -> HTTPResponse:
        return text("early")

    answer = await said(app, POST.replace(b"/ ", b"/unread ", 1) + ZIPPED + BOMB + CLOSE)
    assert answer.count(b"HTTP/1.1 200 ") == 2


# 41


@pytest.mark.parametrize(
    "host", [b"a/../admin?", b"a#", b"a?", b"a\\b", b"a@b", b"a b", b"a,b", b"a\r\nHost: b", b""]
)
async def test_a_host_is_one_host(app: Sanic, host: bytes) -> None:
    """CVE-2026-34525, CVE-2026-48710: malformed or twice."""
    await assert_stopped(app, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")


@pytest.mark.parametrize("host", ["a", "a:80", "[::1]:8000", "a%2f", "a;b", "a!$&'()*+=", "A.example.", "a:"])
async def test_a_host_does_not_move_the_path_of_the_url(app: Sanic, host: str) -> None:
    """As above: `request.url` has the path that was routed."""
    data = f"GET /x/y?q=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = await said(app, data)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f'"url":"http://{host}/x/y?q=1"'.encode() in answer
    assert urlsplit(f"http://{host}/x/y").path == "/x/y"


# 42


@pytest.mark.parametrize(
    "method",
    ["dispatch_request", "DISPATCH_REQUEST", "as_view", "__init__", "get", "Get", "SECRET", "decorators"],
)
async def test_a_view_is_asked_for_its_http_methods_only(app: Sanic, method: str) -> None:
    """CVE-2026-48817."""

    class View(HTTPMethodView):
        def get(self, request: Request) -> HTTPResponse:
            return text("got")

        def secret(self, request: Request) -> HTTPResponse:
            return text("leaked")

    app.add_route(View.as_view(), "/view")
    answer = await said(app, f"{method} /view HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET\r\n" in answer


# 43


async def test_nothing_is_believed_that_forwarding_fields_say(app: Sanic) -> None:
    """CVE-2026-48061 and others: no proxy is trusted unless it was named, which can't be done yet."""
    fields = [f"X-Forwarded-{name}: evil" for name in ("For", "Host", "Proto", "Port", "Path", "Prefix")]
    fields += ["X-Real-IP: evil", "Forwarded: for=evil;host=evil;proto=https", "X-Scheme: https"]
    answer = await said(app, CLOSE[:-2] + "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n")
    assert b'"url":"http://a/"' in answer
    assert b'"ip":"127.0.0.1"' in answer
    assert b"evil" not in answer


async def test_the_host_of_a_route_is_no_pattern(app: Sanic) -> None:
    """CVE-2025-59152, CVE-2026-25479."""
    app.add_route(lambda request: text("secret"), "/secret", host="a.b.*", name="secret")
    for host in (b"axbxc", b"a.b.c", b"a.b.", b"a.b.*.evil", b"xa.b.*"):
        answer = await said(app, b"GET /secret HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 ")
        assert not answer.endswith(b"secret")


# 46


@pytest.mark.parametrize("debug", [False, True])
async def test_an_error_page_shows_what_was_sent_as_text(app: Sanic, debug: bool) -> None:
    """CVE-2022-39348, CVE-2024-41810."""
    app.debug = debug
    app.config.FALLBACK_ERROR_FORMAT = "html"
    script = '"><script>alert(1)</script>'

    @app.post("/fails")
    async def fails(request: Request) -> HTTPResponse:
        raise ValueError(script)

    fields = f"Host: a'&a\r\nX: {script}\r\nConnection: close\r\nAccept: text/html\r\n\r\n"
    for line, status in ((f"PUT /{script} HTTP/1.1", 405), (f"POST /fails?{script} HTTP/1.1", 500)):
        answer = await said(app, f"{line}\r\n{fields}".encode())
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\ncontent-type: text/html" in answer
        assert b"<script" not in answer
        assert b"a'&a" not in answer
        assert (html.escape("<script>").encode() in answer) == (debug or status == 405)


# 47


async def test_a_semicolon_separates_nothing_in_a_query(app: Sanic) -> None:
    """CVE-2020-28473: a cache in front would see one parameter."""
    answer = await said(app, CLOSE.replace(b"/ ", b"/?a=1;b=2&c=3%26d=4 ", 1))
    assert b'"args":{"a":["1;b=2"],"c":["3&d=4"]}' in answer
