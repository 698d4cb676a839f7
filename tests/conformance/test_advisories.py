"""A regression test for each advisory of other servers that concerns what exists; docs/security.md has the list."""

import errno
import gzip
import html
import logging
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import process_time
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.guard import Refusal, take_head
from triosanic.http.limits import Limits
from triosanic.log import LineFormatter, access_logger
from triosanic.response import HTTPResponse, json, text
from triosanic.testing import open_raw, running
from triosanic.views import HTTPMethodView

GET: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST: Final = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
EVIL: Final = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE: Final = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that notes each path that it was asked for, with a clock that jumps (see conftest.py)."""
    return make_app(monkeypatch)


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


# 1


@pytest.mark.parametrize("first", range(256))
def test_the_data_of_a_chunk_ends_in_exactly_crlf(first: int) -> None:
    """CVE-2025-43859: with each first byte each second, 65,535 pairs are refused."""
    taken = []
    for second in range(256):
        inbound = ChunkedInbound(8192)
        inbound.feed(b"5\r\nhello" + bytes([first, second]) + b"0\r\n\r\n")
        try:
            while not inbound.complete:
                inbound.take()
        except BadRequest:
            continue
        taken.append(bytes([first, second]))
    assert taken == ([b"\r\n"] if first == ord("\r") else [])


# 2


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "chunked, gzip", "xchunked", "identity", "x", "chunked, x", "x\r\nX: chunked"]
)
async def test_a_transfer_coding_never_falls_back_to_a_length(app: Sanic, coding: str) -> None:
    """CVE-2024-1135, CVE-2024-6827."""
    field = f"Transfer-Encoding: {coding}\r\n\r\n".encode()
    await assert_stopped(app, POST + field, 400, 501)
    await assert_stopped(app, POST + b"Content-Length: 5\r\n" + field + b"hello", 400)


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


# 5


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\n\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n\r\n",
        b"Transfer-Encoding: chunked\x0b\r\nContent-Length: 5\r\n\r\n",
        b"Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"Content-Length: 5, 5\r\n\r\n",
    ],
)
async def test_framing_that_proxies_read_otherwise_is_refused(app: Sanic, fields: bytes) -> None:
    """CVE-2019-16785, -16786, -16789, -16792."""
    await assert_stopped(app, POST + fields + b"hello")


# 6


NO_DIGITS: Final = [b"+5", b"-5", b"0x5", b"0o5", b"1_0", b"5.0", b"\xd9\xa5", b"\xb2", b"5L"]


@pytest.mark.parametrize("number", [*NO_DIGITS, b"0b1", b"5e0", b"a"])
async def test_a_length_is_decimal_digits(app: Sanic, number: bytes) -> None:
    """CVE-2022-24761: and nothing that ``int`` takes besides."""
    await assert_stopped(app, POST + b"Content-Length: " + number + b"\r\n\r\nhello")


@pytest.mark.parametrize("number", [*NO_DIGITS, b"g"])
async def test_a_chunk_size_is_hexadecimal_digits(app: Sanic, number: bytes) -> None:
    """CVE-2022-24761, as above."""
    await assert_stopped(app, CHUNKED + number + b"\r\nhello\r\n0\r\n\r\n")


# 7


@pytest.mark.parametrize(
    "bad", [b"GET / HTTP/1.1\r\n\r\n", b"\0\r\n\r\n", b"X\r\n\r\n", CHUNKED + b"x\r\n\r\n"]
)
async def test_a_request_behind_a_bad_one_is_never_served(app: Sanic, bad: bytes) -> None:
    """CVE-2024-49768: in one buffer, and in those that follow."""
    await assert_stopped(app, bad)
    async with open_raw(app) as conn:
        await conn.send(bad)
        await wait_all_tasks_blocked()
        await conn.send(EVIL)
        assert (await conn.rest()).count(b"HTTP/1.1 ") == 1
    assert app.ctx.asked == []


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
        assert open_files() <= before
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


# 10


def quickest(run: Callable[[bytes], object], data: bytes) -> float:
    """Give the seconds of CPU that the best of some runs took."""
    found = float("inf")
    for _ in range(5):
        start = process_time()
        run(data)
        found = min(found, process_time() - start)
    return found


def head(data: bytes) -> None:
    limits = Limits(max_url_bytes=1 << 17, max_head_bytes=1 << 17, max_headers=1 << 17)
    with_refusal(partial(take_head, data, limits))


def chunks(data: bytes) -> None:
    inbound = ChunkedInbound(1 << 17)
    inbound.feed(data)
    with_refusal(inbound.take)


def with_refusal(run: Callable[[], object]) -> None:
    try:
        run()
    except (Refusal, BadRequest):
        pass


@pytest.mark.parametrize(
    "piece", [b" ", b"\t", b"\r", b"\n", b"a", b",", b"\0", b'"', b"\\", b";a", b"a:", b"\xff"]
)
@pytest.mark.parametrize(
    "name", ["X", "Transfer-Encoding", "Content-Length", "Connection", "Host", "Expect", "Content-Type"]
)
def test_64_kib_of_anything_in_a_field_take_less_than_10_ms(name: str, piece: bytes) -> None:
    """CVE-2020-5236, CVE-2026-28356: no regular expression that is more than linear."""
    start = b"" if name == "Host" else b"Host: a\r\n"
    data = (
        b"GET / HTTP/1.1\r\n" + start + name.encode() + b": a" + piece * (65_536 // len(piece)) + b"z\r\n\r\n"
    )
    assert quickest(head, data) < 0.01


@pytest.mark.parametrize(
    "piece", [b" ", b"\t", b";a", b";", b'"', b"\\", b'\\"', b"0", b"=", b"a:b\r\n", b"\r"]
)
@pytest.mark.parametrize("start", [b"5", b"5;a=", b'5;a="', b"0\r\n", b"0\r\na: "])
def test_64_kib_of_anything_in_chunks_take_less_than_10_ms(start: bytes, piece: bytes) -> None:
    """As above, in sizes, extensions and trailers."""
    assert quickest(chunks, start + piece * (65_536 // len(piece)) + b"\r\n\r\n") < 0.01


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
    assert answer.startswith(b"HTTP/1.1 299 \r\n")
    assert answer.endswith(b"\r\n\r\n29999" if b"29999" in answer else b"\r\n\r\n19999")
    assert process_time() - start < 1


# 32


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5;\n\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
        CHUNKED + b"0\r\nX : y\r\n\r\n",
        b"GET\r\nX: y / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.\xd9\xa1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: \xd9\xa5\r\n\r\nhello",
        POST + b"Content-Length: 5\xc2\xa0\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\xc2\xa0: y\r\n\r\n",
    ],
)
async def test_what_aiohttp_has_taken_is_refused(app: Sanic, data: bytes) -> None:
    """CVE-2023-47627, -47641, -49081, -49082, CVE-2024-23829, -52304, CVE-2025-53643, -69224."""
    await assert_stopped(app, data)


# 33


async def test_nothing_is_inflated(app: Sanic) -> None:
    """CVE-2025-69223, CVE-2026-54278: a body is what was sent, also where nobody reads it."""

    @app.post("/unread", stream=True)
    async def unread(request: Request) -> HTTPResponse:
        return text("early")

    bomb = gzip.compress(bytes(10_000_000))
    fields = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    start = process_time()
    answer = await said(
        app, POST.replace(b"/ ", b"/unread ", 1) + fields + bomb + POST[:-2] + b"\r\n" + fields + bomb + CLOSE
    )
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert b'"size":%d' % len(bomb) in answer
    assert process_time() - start < 1


# 34


async def test_others_are_served_while_one_sends_tiny_chunks(app: Sanic) -> None:
    """CVE-2025-69229: hundreds of thousands of them."""
    order: list[str] = []

    @app.post("/tiny", stream=True)
    async def tiny(request: Request) -> HTTPResponse:
        size = sum([len(piece) async for piece in request.stream])
        order.append("tiny")
        return text(str(size))

    body = b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"
    async with running(app) as client, client.connect() as conn, trio.open_nursery() as nursery:
        nursery.start_soon(conn.send, CHUNKED.replace(b"/ ", b"/tiny ", 1) + body)
        for _ in range(5):
            await client.get("/")
            order.append("other")
        assert (await conn.head()).startswith(b"HTTP/1.1 200 ")
        assert await conn.receive(6) == b"200000"
    assert order == ["other"] * 5 + ["tiny"]


# 35


@pytest.mark.parametrize(
    "trailers", [b"X: " + b"y" * 8190, b"X: y\r\n" * 33, b"X: " + b"y" * 1_000_000, b"X: y\r\n" * 100_000]
)
async def test_trailers_are_bounded(app: Sanic, trailers: bytes) -> None:
    """CVE-2026-22815."""
    await assert_stopped(app, CHUNKED + b"0\r\n" + trailers.rstrip() + b"\r\n\r\n")


# 36


async def test_pipelined_requests_are_not_collected(app: Sanic) -> None:
    """CVE-2026-54273: what is read ahead is bounded; CVE-2023-46137: and answered in order."""
    going = trio.Event()

    @app.get("/wait")
    async def wait(request: Request) -> HTTPResponse:
        await going.wait()
        return text("waited")

    taken = 0
    async with open_raw(app, buffer_bytes=1000) as conn:
        await conn.send(GET.replace(b"/ ", b"/wait ", 1))
        for number in range(10_000):
            data = GET.replace(b"/ ", b"/%d " % number, 1)
            with trio.move_on_after(1) as stuck:
                await conn.send(data)
            if stuck.cancelled_caught:
                break
            taken += len(data)
        assert app.config.REQUEST_BUFFER_SIZE - 1000 < taken < app.config.REQUEST_BUFFER_SIZE + 3000
        assert app.ctx.asked == []
        going.set()
        assert (await conn.head()).startswith(b"HTTP/1.1 200 ")


async def test_a_line_is_bounded_however_it_comes(app: Sanic) -> None:
    """CVE-2026-54277."""
    for data, status in ((b"GET /" + b"x" * 9000, b"414"), (GET[:-2] + b"X: " + b"y" * 20_000, b"431")):
        async with open_raw(app, buffer_bytes=100) as conn, trio.open_nursery() as nursery:
            nursery.start_soon(conn.send, data)
            assert (await conn.rest())[9:12] == status


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


# 44


async def test_trailers_forge_nothing(app: Sanic) -> None:
    """CVE-2025-58068, CVE-2023-41419: neither a header nor a request."""

    @app.post("/headers")
    async def headers(request: Request) -> HTTPResponse:
        return json(dict(request.headers))

    request = CHUNKED.replace(b"/ ", b"/headers ", 1)
    answer = await said(app, request + b"0\r\nX-User: root\r\n\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"root" not in answer
    await assert_stopped_after_one(app, request + b"0\r\n" + EVIL)
    await assert_stopped_after_one(app, request + b"0\r\nX: y\n\n" + EVIL)


async def assert_stopped_after_one(app: Sanic, data: bytes) -> None:
    app.ctx.asked.clear()
    answer = await said(app, data)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.ctx.asked == []


# 45


async def test_answers_come_in_the_order_of_the_requests(app: Sanic) -> None:
    """CVE-2023-46137: a slow one first, and never two handlers at once."""
    running_now = []

    @app.get("/slow/<seconds:int>")
    async def slow(request: Request, seconds: int) -> HTTPResponse:
        assert not running_now
        with entered(running_now):
            await trio.sleep(seconds)
        return text(f"<{seconds}>")

    asked = b"".join(GET.replace(b"/ ", b"/slow/%d " % seconds, 1) for seconds in (50, 0, 20, 1))
    answer = await said(app, asked + CLOSE)
    assert [answer.index(b"<%d>" % seconds) for seconds in (50, 0, 20, 1)] == sorted(
        answer.index(b"<%d>" % seconds) for seconds in (50, 0, 20, 1)
    )


@contextmanager
def entered(found: list[int]) -> Iterator[None]:
    found.append(1)
    yield
    found.pop()


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


# 48


@pytest.mark.parametrize(
    "body", [b"", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"0\r\nX: y\r\n"]
)
async def test_a_body_that_was_cut_short_is_never_taken_for_whole(app: Sanic, body: bytes) -> None:
    """Gunicorn 26: neither when the client ends its side nor when it is waited for."""
    app.config.HALF_CLOSED_CLIENTS = "finish"
    async with open_raw(app) as conn:
        await conn.send(CHUNKED + body)
        await conn.send_eof()
        assert not (await conn.rest()).startswith(b"HTTP/1.1 200")
    async with open_raw(app) as conn:
        await conn.send(CHUNKED + body)
        assert (await conn.rest()).startswith(b"HTTP/1.1 408 ")
    assert app.ctx.asked == []
