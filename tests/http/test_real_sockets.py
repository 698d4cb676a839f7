"""Whole conversations over real sockets, TCP, Unix and TLS: what memory proves holds there too."""

import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from contextvars import Context
from functools import partial
from typing import Any

import pytest
import trio
import trustme

from tests.http.pairs import reset, sockets
from tests.http.wires import GET, App, Client, application_of, chunked, get, post, serving
from triosanic import Sanic
from triosanic.http import wire as wires
from triosanic.http.application import Application
from triosanic.http.connection import Connection
from triosanic.http.limits import Limits
from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.wire import SocketWire, StreamWire, Wire
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text

REAL_TIME = True
KINDS = ["tcp", "unix", "tls", *(["shared"] if AVAILABLE else [])]
MIB = 1 << 20

every = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def talking(
    kind: str, app: Application | Sanic, ca: trustme.CA, **limits: Any
) -> AsyncIterator[Client]:
    """Serve one client over sockets of that kind; at the end nothing of the connection may be left."""
    application = application_of(app) if isinstance(app, Sanic) else app
    ours, theirs = sockets(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    ours.setblocking(False)
    stream: trio.abc.Stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    with Poller() if kind == "shared" else nullcontext() as poller:
        async with trio.open_nursery() as nursery:
            if poller is not None:
                nursery.start_soon(poller.run)
            wire: Wire = SocketWire(ours, "", "", poller)
            if kind == "tls":
                wire, stream = await handshake(ours, stream, ca)
            connection = Connection(wire, application, Limits(**limits), Context())
            client = Client(stream, connection, partial(reset, theirs))
            nursery.start_soon(run, client)
            try:
                yield client
                with suppress(trio.ClosedResourceError):
                    await client.leave()
                with trio.fail_after(10):
                    await client.ended.wait()
                assert ours.fileno() < 0 or kind == "tls"
            finally:
                await trio.aclose_forcefully(stream)
                nursery.cancel_scope.cancel()


async def run(client: Client) -> None:
    try:
        await client.connection.run()
    finally:
        client.ended.set()


async def handshake(ours: socket.socket, stream: trio.abc.Stream, ca: trustme.CA) -> tuple[Wire, Any]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(server)
    context = ssl.create_default_context()
    ca.configure_trust(context)
    inner = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), server, server_side=True)
    outer = trio.SSLStream(stream, context, server_hostname="localhost")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner.do_handshake)
        nursery.start_soon(outer.do_handshake)
    return StreamWire(inner), outer


async def echo(request: Request) -> HTTPResponse:
    return HTTPResponse(request.body or b"-", content_type="text/plain")


async def echo_stream(request: Request) -> StreamingHTTPResponse:
    async def streaming(response: StreamingHTTPResponse) -> None:
        async for piece in request.stream:
            await response.write(piece)

    return stream(streaming)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's buffers are left alone")
@pytest.mark.parametrize(("near_us", "bounded"), [(10**9, True), (0, False)])
async def test_long_answers_to_a_peer_that_is_near_have_a_small_buffer(
    near_us: int, bounded: bool, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design: what is beyond 256 KiB only leaves the cache; of one that is far the system decides."""
    monkeypatch.setattr(wires, "NEAR_US", near_us)

    async def write(response: StreamingHTTPResponse) -> None:
        await response.write("long")

    app = serving(lambda request: stream(write) if request.method == "POST" else text("short"))
    ours, theirs = sockets(socket.AF_INET)
    ours.setblocking(False)
    client = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    sizes = [ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)]
    nursery.start_soon(Connection(SocketWire(ours, "", ""), application_of(app), Limits(), Context()).run)
    async with client:
        for request, end in ((GET, b"short"), (post(b""), b"0\r\n\r\n"), (post(b""), b"0\r\n\r\n")):
            await client.send_all(request)
            answer = b""
            while not answer.endswith(end):
                answer += await client.receive_some()
            sizes.append(ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
    before, short, *long = sizes
    assert short == before
    assert long == [long[0]] * 2
    # Linux doubles what is asked for, up to a bound of the administrator's.
    assert bounded == (long[0] != before)
    assert long[0] <= 2 * 262_144 or not bounded


async def ignore(request: Request) -> HTTPResponse:
    return text("ignored")


@every
async def test_a_conversation(kind: str, ca: trustme.CA) -> None:
    """Requests with and without a body, pipelined, chunked, HEAD, and one that is refused."""
    async with talking(kind, serving(echo), ca) as client:
        for _ in range(3):
            assert (await client.ask(GET)).body == b"-"
            assert (await client.ask(post(b"abc"))).body == b"abc"
            await client.send_only(chunked(b"ab", b"c") + post(b"d") + GET)
            assert [(await client.answer()).body for _ in range(3)] == [b"abc", b"d", b"-"]
            assert (await client.ask(get(method="HEAD"))).status == 200
        assert (await client.ask(b"BAD\r\n\r\n")).status == 400
        if kind != "tls":
            assert await client.rest() == b""


@every
async def test_megabytes_are_echoed_while_they_come(kind: str, ca: trustme.CA) -> None:
    """Design: both directions at once, in bounded memory."""
    body = bytes(range(256)) * 20_000
    async with talking(kind, serving(echo_stream, stream=True), ca) as client:
        for data in (post(body), chunked(*[body[at : at + 70_000] for at in range(0, len(body), 70_000)])):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send_only, data)
                answer = await client.answer("POST")
            assert (answer.whole, answer.body == body) == (True, True)


@every
async def test_large_bodies_and_answers(kind: str, ca: trustme.CA) -> None:
    """A body that is read whole, and an answer that is sent whole."""
    body = bytes(range(256)) * 40_000
    async with talking(kind, serving(echo), ca) as client:
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send_only, post(body))
                answer = await client.answer("POST")
            assert (answer.whole, answer.body == body) == (True, True)


@pytest.mark.parametrize(
    ("kind", "reads_at_once"),
    # Trio's TLS streams can't receive once a send has failed.
    [(kind, reads) for kind in KINDS for reads in (True, False) if reads or kind != "tls"],
)
async def test_a_client_that_uploads_20_mb_gets_its_early_answer(
    kind: str, reads_at_once: bool, ca: trustme.CA
) -> None:
    """http-rules 1.3, close: so that the answer reaches the client instead of a reset."""
    async with talking(kind, serving(ignore, stream=True), ca) as client, trio.open_nursery() as nursery:

        async def upload() -> None:
            try:
                await client.send_only(post(b"x" * 20 * MIB))
            except trio.BrokenResourceError:
                return

        if reads_at_once:
            nursery.start_soon(upload)
        else:
            await upload()
        answer = await client.answer("POST")
        nursery.cancel_scope.cancel()
    assert (answer.status, answer.body, answer.keeps_alive) == (200, b"ignored", False)


@every
async def test_an_answer_that_closes_survives_what_its_client_still_sends(kind: str, ca: trustme.CA) -> None:
    """RFC 9112 9.6: a reset must not destroy the last answer: what still comes is swallowed."""

    async def handler(request: Request) -> HTTPResponse:
        return text("x" * 3_000_000, headers={"Connection": "close"})

    async with talking(kind, serving(handler), ca) as client, trio.open_nursery() as nursery:

        async def pour() -> None:
            try:
                for _ in range(50):
                    await client.send_only(GET * 50)
            except trio.BrokenResourceError:
                return

        nursery.start_soon(pour)
        await trio.sleep(0.05)
        answer = await client.answer()
        nursery.cancel_scope.cancel()
    assert (answer.status, answer.whole) == (200, True)


@every
@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("state", ["idle", "handled", "streaming", "flooded", "in a body", "not read"])
async def test_whoever_leaves_leaves_nothing_behind(kind: str, how: str, state: str, ca: trustme.CA) -> None:
    """Design: client gone; within milliseconds when no unread body stands in between."""

    async def handler(request: Request) -> object:
        if state in {"handled", "not read"}:
            await trio.sleep_forever()
        if state == "in a body":
            return text(str(len(await request.stream.read_all(1 << 30))))

        async def streaming(response: StreamingHTTPResponse) -> None:
            while state != "idle":
                await response.write(b"x" * (1 if state == "streaming" else 100_000))
                await trio.sleep(0.001)

        return stream(streaming)

    data = get("/", "Content-Length: 1000000", method="POST") if state in {"in a body", "not read"} else GET
    async with talking(kind, serving(handler, stream=True), ca, write_timeout_s=3) as client:
        await client.send_only(data)
        if state == "idle":
            await client.answer()
        await trio.sleep(0.02)
        start = trio.current_time()
        if how == "resets":
            client.reset()
        else:
            await client.leave()
        await client.ended.wait()
        assert trio.current_time() - start < 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "unix"])
async def test_a_stream_that_fails_does_not_end_as_if_it_were_whole(kind: str, ca: trustme.CA) -> None:
    """Design: reset where the close itself would mean success, as for HTTP/1.0."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("half")
        await trio.sleep(0.02)
        raise ValueError

    async with talking(kind, serving(lambda request: stream(streaming)), ca) as client:
        await client.send_only(get(version="1.0"))
        with pytest.raises(trio.BrokenResourceError):
            await client.rest()


@every
@pytest.mark.parametrize("field", ["Connection: keep-alive", "Connection: close"])
async def test_the_end_of_a_response_that_ends_with_the_connection_is_seen_at_once(
    kind: str, field: str, ca: trustme.CA
) -> None:
    """RFC 9112 6.3: to HTTP/1.0 the close is the end of the body, which no lingering may delay."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        await response.write("whole")

    async with talking(kind, serving(lambda request: stream(streaming)), ca) as client:
        start = trio.current_time()
        await client.send_only(get("/", field, version="1.0"))
        assert (await client.rest()).endswith(b"\r\n\r\nwhole")
        assert trio.current_time() - start < 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tls"])
@pytest.mark.parametrize(
    "request_", [get("/", "Connection: close"), get(version="1.0")], ids=["close", "1.0"]
)
async def test_what_follows_a_request_that_is_the_last_meets_no_reset(
    kind: str, request_: bytes, ca: trustme.CA
) -> None:
    """RFC 9112 9.6; 2.2: an old client sends a CRLF behind its content. TLS has no half-close to wait in."""
    async with talking(kind, serving(lambda request: text("whole")), ca) as client:
        for data in (request_, b"\r\n", b"\r\n"):  # the second is who meets a reset of the first
            await client.send_only(data)
            await trio.sleep(0.02)
        assert (await client.rest()).endswith(b"\r\n\r\nwhole")


@every
async def test_a_client_that_does_not_read_is_cut_off(kind: str, ca: trustme.CA) -> None:
    """Table: `WRITE_TIMEOUT`."""
    async with talking(
        kind, serving(lambda request: HTTPResponse(b"x" * 30 * MIB)), ca, write_timeout_s=0.2
    ) as client:
        await client.send_only(GET)
        with trio.fail_after(5):
            await client.ended.wait()


@every
@pytest.mark.parametrize("state", ["flooded", "sending"])
async def test_an_opted_out_handler_ends_by_itself_when_its_client_is_cut_off(
    kind: str, state: str, ca: trustme.CA
) -> None:
    """`cancel_on_disconnect=False`: it runs to its end, also when the client was cut off for not reading."""
    ended = trio.Event()

    async def handler(request: Request) -> object:
        async def streaming(response: StreamingHTTPResponse) -> None:
            try:
                while True:
                    await response.write(b"x" * 100_000)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(0.05)
                ended.set()

        return stream(streaming) if state == "flooded" else HTTPResponse(b"x" * 30 * MIB)

    app = serving(handler, cancel_on_disconnect=False)
    async with talking(kind, app, ca, write_timeout_s=0.1) as client:
        await client.send_only(GET)
        await client.ended.wait()
    assert ended.is_set() or state == "sending"


@every
async def test_a_slow_handler_stops_its_client(kind: str, ca: trustme.CA) -> None:
    """Design: at the TCP window, and not in our memory."""
    goes_on = trio.Event()

    async def handler(request: Request) -> HTTPResponse:
        await request.stream.read()
        await goes_on.wait()
        return text(str(1 + len(await request.stream.read_all(1 << 30))))

    async with talking(kind, serving(handler, stream=True), ca) as client, trio.open_nursery() as nursery:
        sent = trio.Event()

        async def upload() -> None:
            await client.send_only(post(b"x" * 60 * MIB))
            sent.set()

        nursery.start_soon(upload)
        await trio.sleep(0.3)
        assert not sent.is_set()
        goes_on.set()
        assert (await client.answer("POST")).whole


@every
async def test_a_body_that_comes_byte_by_byte(kind: str, ca: trustme.CA) -> None:
    """However the bytes come."""
    async with talking(kind, serving(echo), ca) as client:
        for data in (post(b"hello"), chunked(b"he", b"llo", trailers=b"a: b\r\n")):
            for byte in data:
                await client.send_only(bytes([byte]))
                await trio.lowlevel.checkpoint()
            assert (await client.answer("POST")).body == b"hello"


@pytest.mark.parametrize("kind", ["tcp", *(["shared"] if AVAILABLE else [])])
@pytest.mark.skipif(sys.platform != "linux", reason="only there the system tells what its peer has taken")
async def test_a_reader_that_takes_little_is_not_taken_for_one_that_stands_still(
    kind: str, ca: trustme.CA
) -> None:
    """A socket asks for more only once a third of its megabytes has left."""

    async def large(request: Request) -> HTTPResponse:
        return HTTPResponse(b"x" * (16 * MIB))

    async with talking(kind, serving(large), ca, write_timeout_s=1) as client:
        await client.send_only(get("/", "Connection: close"))
        taken = 0
        for _ in range(300):
            taken += len(await client.some(6_000))
            await trio.sleep(0.01)
        assert taken + len(await client.rest()) > 16 * MIB


@every
async def test_an_error_of_ours_while_reading_ends_the_connection(
    kind: str, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """http-rules §2: it stays inside; and nothing is served after bytes that may have been lost."""

    def fail(*_: object) -> None:
        raise MemoryError

    async with talking(kind, App(), ca) as client:
        assert (await client.ask(GET)).body == b"ok"
        monkeypatch.setattr("triosanic.http.connection.take_head", fail)
        await client.send_only(GET)
        with suppress(trio.BrokenResourceError):
            assert await client.some() == b""
        await client.ended.wait()
    assert "MemoryError" in caplog.text
