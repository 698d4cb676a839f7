"""Compressed responses over a connection: complete, streamed, and of files."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.compression.decoded import CODINGS, Decoder, decode
from tests.http.wires import Answer, alone, get, run_in_virtual_time, serving
from triosanic import Request, Sanic
from triosanic.blueprints import compile_router
from triosanic.exceptions import NotFound, ResponseBufferFull
from triosanic.http.exchange import Exchange
from triosanic.response import (
    EventWriter,
    HTTPResponse,
    StreamingHTTPResponse,
    html,
    raw,
    sse,
    text,
    validate,
)
from triosanic.response import json as json_response
from triosanic.sending import CompressingSender, Sender, sender_of

LONG = "".join(f"{number} bottles of beer on the wall\n" for number in range(999, 0, -1))
GZIP = "Accept-Encoding: gzip"
Handler = Callable[[Request], Awaitable[Any]]


async def whole(request: Request) -> HTTPResponse:
    return text(LONG)


async def responds(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for line in LONG.splitlines(keepends=True):
        await response.send(line, False)
    await response.eof()


async def generates(request: Request) -> AsyncIterator[str]:
    for line in LONG.splitlines(keepends=True):
        yield line


async def streams(request: Request) -> StreamingHTTPResponse:
    async def write(response: StreamingHTTPResponse) -> None:
        for line in LONG.splitlines(keepends=True):
            response.write(line)  # awaited is none of them

    return StreamingHTTPResponse(write)


HANDLERS: list[Any] = [whole, responds, generates, streams]
every_handler = pytest.mark.parametrize("handler", HANDLERS)


async def ask(
    handler: Any, *fields: str, method: str = "GET", version: str = "1.1", **options: Any
) -> Answer:
    """Send one request to a route that compresses, and give its answer."""
    async with alone(serving(handler, compress=True, **options)) as client:
        return await client.ask(get("/", *fields, method=method, version=version))


@every_handler
@pytest.mark.parametrize("coding", CODINGS)
async def test_each_kind_of_response_comes_compressed(handler: Any, coding: str) -> None:
    answer = await ask(handler, f"Accept-Encoding: {coding}")
    assert decode(coding, answer.body).decode() == LONG
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert len(answer.body) * 3 < len(LONG)


@every_handler
async def test_who_does_not_take_it_gets_it_as_it_is(handler: Any) -> None:
    answer = await ask(handler)
    assert answer.body.decode() == LONG
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"


@every_handler
async def test_an_old_client_gets_it_too(handler: Any) -> None:
    """RFC 9112 6.3: its end is the connection's."""
    answer = await ask(handler, GZIP, version="1.0")
    assert decode("gzip", answer.body).decode() == LONG


@every_handler
async def test_head_is_told_what_get_would_be(handler: Any) -> None:
    """RFC 9110 9.3.2."""
    head, answer = await ask(handler, GZIP, method="HEAD"), await ask(handler, GZIP)
    assert head.body == b""
    assert head.headers == answer.headers


async def test_head_without_content_tells_no_length_that_would_be_another() -> None:
    """RFC 9110 8.6: a length that GET would not have must not be sent."""

    async def told(request: Request) -> HTTPResponse:
        return html(b"", headers={"Content-Length": "5000"})

    head = await ask(told, GZIP, method="HEAD")
    assert head.headers["content-encoding"] == "gzip"
    assert "content-length" not in head.headers
    assert (await ask(told, method="HEAD")).headers["content-length"] == "5000"


@dataclass
class Switches:
    """An app with three routes: one that says yes, one that says no, and one that says nothing."""

    app: Sanic

    def __init__(self, everywhere: bool) -> None:
        self.app = Sanic("test")
        self.app.config.RESPONSE_COMPRESSION = everywhere
        for name, said in {"yes": True, "no": False, "silent": None}.items():
            self.app.add_route(whole, f"/{name}", name=name, compress=said)

    async def codings(self, *paths: str) -> list[str | None]:
        async with alone(self.app) as client:
            return [(await client.ask(get(path, GZIP))).headers.get("content-encoding") for path in paths]


@pytest.mark.parametrize(
    ("everywhere", "codings"), [(False, ["gzip", None, None]), (True, ["gzip", None, "gzip"])]
)
async def test_a_route_counts_more_than_the_app(everywhere: bool, codings: list[str | None]) -> None:
    assert await Switches(everywhere).codings("/yes", "/no", "/silent") == codings


async def test_error_pages_are_compressed_as_their_route_or_the_app_says() -> None:
    async def fails(request: Request) -> None:
        raise NotFound("no " * 1000)

    answer = await ask(fails, GZIP, error_format="text")
    assert answer.status == 404
    assert b"no no no" in decode("gzip", answer.body)
    app = serving(whole, "/a")
    app.config.update(RESPONSE_COMPRESSION=True, RESPONSE_COMPRESSION_MIN_SIZE=0)
    async with alone(app) as client:
        answer = await client.ask(get("/nowhere", GZIP))
    assert b"/nowhere not found" in decode("gzip", answer.body)


async def test_the_least_size_is_the_configurations() -> None:
    app = serving(lambda request: text("x" * 50), compress=True)
    for min_bytes, coding in ((50, "gzip"), (51, None)):
        app.config.RESPONSE_COMPRESSION_MIN_SIZE = min_bytes
        async with alone(app) as client:
            assert (await client.ask(get("/", GZIP))).headers.get("content-encoding") == coding


async def test_one_response_object_can_be_sent_to_everybody() -> None:
    """Nothing is written into it."""
    constant = json_response({"a": LONG})

    async def same(request: Request) -> HTTPResponse:
        return constant

    async with alone(serving(same, compress=True)) as client:
        for _ in range(2):
            assert decode("gzip", (await client.ask(get("/", GZIP))).body) == constant.body
            assert (await client.ask(get("/"))).body == constant.body
    assert list(constant.headers) == []


async def test_middleware_sees_it_as_it_is() -> None:
    seen = []
    app = serving(whole, compress=True)

    @app.on_response
    async def look(request: Request, response: HTTPResponse) -> None:
        seen.append(response.body.decode())
        response.headers["x-size"] = str(len(response.body))

    async with alone(app) as client:
        answer = await client.ask(get("/", GZIP))
    assert seen == [LONG]
    assert answer.headers["x-size"] == str(len(LONG))
    assert decode("gzip", answer.body).decode() == LONG


async def test_what_a_program_has_compressed_is_left_alone() -> None:
    async def packed(request: Request) -> HTTPResponse:
        return raw(b"x" * 5000, headers={"Content-Encoding": "br"}, content_type="text/plain")

    assert (await ask(packed, GZIP)).body == b"x" * 5000


async def versioned(request: Request) -> HTTPResponse:
    refused = validate(request, etag='"v3"')
    return refused or text(LONG, headers={"ETag": '"v3"'})


async def test_the_tag_of_a_compressed_answer_gets_a_304() -> None:
    """RFC 9110 13.1.2: compared weakly."""
    async with alone(serving(versioned, compress=True)) as client:
        first = await client.ask(get("/", GZIP))
        assert first.headers["etag"] == 'W/"v3"'
        again = await client.ask(get("/", GZIP, f"If-None-Match: {first.headers['etag']}"))
        assert (again.status, again.headers["etag"]) == (304, 'W/"v3"')
        assert again.headers["vary"] == "accept-encoding"
        plain = await client.ask(get("/"))
        again = await client.ask(get("/", f"If-None-Match: {plain.headers['etag']}"))
        assert (again.status, again.headers["etag"]) == (304, '"v3"')


async def test_a_length_that_was_told_holds_the_handler_and_is_not_sent() -> None:
    async def short(request: Request) -> None:
        response = await request.respond(content_type="text/plain", headers={"Content-Length": "5000"})
        await response.send("x" * 4999, False)
        await trio.sleep(1)

    async def right(request: Request) -> None:
        response = await request.respond(content_type="text/plain", headers={"Content-Length": "5000"})
        await response.send("x" * 5000, True)

    answer = await ask(right, GZIP)
    assert decode("gzip", answer.body) == b"x" * 5000
    assert "content-length" not in answer.headers
    assert answer.headers["transfer-encoding"] == "chunked"
    assert not (await ask(short, GZIP)).whole


# Streams.


class Reader:
    """A client that reads what a stream has by now."""

    def __init__(self, coding: str) -> None:
        self._decoder = Decoder(coding)
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of a chunked answer; return what of its content can be read."""
        self._buffer += data
        if self._buffer.startswith(b"HTTP/"):
            self._buffer = self._buffer.partition(b"\r\n\r\n")[2]
        content = b""
        while b"\r\n" in self._buffer:
            line, _, rest = self._buffer.partition(b"\r\n")
            size = int(line, 16)
            content += self._decoder.feed(rest[:size])
            self._buffer = rest[size + 2 :]
        return content


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("awaits", [True, False])
async def test_each_piece_is_seen_before_the_next_is_made(coding: str, awaits: bool) -> None:
    """Server-sent events: nobody waits for a compressor's window."""
    next_one = trio.Event()

    async def events(request: Request) -> None:
        nonlocal next_one
        response = await request.respond(content_type="text/event-stream")
        for number in range(20):
            written = response.write(f"data: {number}\n\n")
            if awaits:
                await written
            await next_one.wait()
            next_one = trio.Event()

    reader = Reader(coding)
    async with alone(serving(events, compress=True)) as client:
        await client.send(get("/", f"Accept-Encoding: {coding}"))
        for number in range(20):
            assert reader.feed(await client.at_once()) == b"data: %d\n\n" % number
            next_one.set()
        assert (await client.at_once()).endswith(b"0\r\n\r\n")


async def test_events_and_heartbeats_are_seen_at_once() -> None:
    async def events(request: Request) -> StreamingHTTPResponse:
        async def tell(writer: EventWriter) -> None:
            for number in range(3):
                await writer.send(number)
                await trio.sleep(10)

        return sse(tell, heartbeat_s=6)

    reader = Reader("gzip")
    async with alone(serving(events, compress=True)) as client:
        await client.send(get("/", GZIP))
        for number in range(3):
            assert reader.feed(await client.at_once()) == b"data: %d\n\n" % number
            await trio.sleep(6.5)
            assert reader.feed(await client.at_once()).startswith(b":")
            await trio.sleep(3.5)
        assert (await client.at_once()).endswith(b"0\r\n\r\n")


async def test_the_head_does_not_wait_for_content() -> None:
    async def waits(request: Request) -> None:
        await request.respond(content_type="text/plain")
        await trio.sleep(10)

    async with alone(serving(waits, compress=True)) as client:
        await client.send(get("/", GZIP))
        assert b"content-encoding: gzip\r\n" in (await client.at_once()).lower()


@given(
    pieces=st.lists(st.text(max_size=20) | st.sampled_from(["x" * 40_000, "y" * 100_000]), max_size=8),
    awaited=st.lists(st.booleans(), min_size=8, max_size=8),
    window=st.sampled_from([100, 65_536]),
    coding=st.sampled_from(CODINGS),
)
def test_any_split_of_writes_gives_the_same_content(
    pieces: list[str], awaited: list[bool], window: int, coding: str
) -> None:
    """Whatever is awaited, and however fast the client is: in order, and whole."""

    async def writes(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        for piece, is_awaited in zip(pieces, awaited, strict=False):
            written = response.write(piece)
            if is_awaited:
                await written

    async def run() -> None:
        async with alone(serving(writes, compress=True), window=window) as client:
            answer = await client.ask(get("/", f"Accept-Encoding: {coding}"))
        assert decode(coding, answer.body) == "".join(pieces).encode()

    run_in_virtual_time(run)


async def test_a_slow_client_stops_the_handler() -> None:
    """Design: the high-water mark counts what was written, before it is compressed."""
    written = 0
    noise = Random(0)

    async def writes(request: Request) -> None:
        nonlocal written
        response = await request.respond(content_type="text/plain")
        while True:
            await response.write(noise.randbytes(10_000))  # does not shrink
            written += 10_000

    async with alone(serving(writes, compress=True), window=10_000) as client:
        await client.send(get("/", GZIP))
        assert written <= 65_536 + 4 * 32_768
        stopped_at = written
        for _ in range(20):
            await client.some()
        await wait_all_tasks_blocked()
        assert written > stopped_at


async def test_output_that_is_not_awaited_is_bounded() -> None:
    """`RESPONSE_BUFFER_LIMIT`."""
    raised = None

    async def writes(request: Request) -> None:
        nonlocal raised
        response = await request.respond(content_type="text/plain")
        try:
            for _ in range(1000):
                response.write("x" * 1000)
        except ResponseBufferFull as error:
            raised = error

    async with alone(serving(writes, compress=True), response_buffer_bytes=100_000) as client:
        await client.ask(get("/", GZIP))
    assert "RESPONSE_BUFFER_LIMIT (100000)" in str(raised)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_stream_that_fails_has_no_end(coding: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither that of the chunks nor that of the coding: nobody takes half an answer for a whole one."""

    async def fails(request: Request) -> AsyncIterator[str]:
        yield "begun"
        await trio.sleep(1)
        raise ValueError("midway")

    answer = await ask(fails, f"Accept-Encoding: {coding}")
    assert not answer.whole
    decoder = Decoder(coding)
    decoder.feed(answer.body)
    assert not decoder.ended
    assert "was aborted after" in caplog.text


async def test_a_stream_that_fails_at_once_is_answered_with_500() -> None:
    async def fails(request: Request) -> StreamingHTTPResponse:
        async def write(response: StreamingHTTPResponse) -> None:
            raise ValueError("at once")

        return StreamingHTTPResponse(write)

    answer = await ask(fails, GZIP)
    assert (answer.status, answer.whole) == (500, True)


@pytest.mark.parametrize("before", ["text/plain", "image/png"])
async def test_a_stream_is_compressed_as_its_head_is_when_it_leaves(before: str) -> None:
    """Sanic 25.12: what respond() gives may be changed until the first piece."""
    after = "image/png" if before == "text/plain" else "text/plain"

    async def handler(request: Request) -> None:
        response = await request.respond(content_type=before)
        response.content_type = after
        await response.send(LONG)

    answer = await ask(handler, GZIP)
    assert answer.headers["content-type"] == after
    assert answer.headers.get("content-encoding") == ("gzip" if after == "text/plain" else None)
    content = decode("gzip", answer.body) if after == "text/plain" else answer.body
    assert content == LONG.encode()


async def test_a_client_that_leaves_stops_the_handler_and_the_compressor() -> None:
    ended = trio.Event()

    async def writes(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        try:
            while True:
                await response.write("x" * 1_000_000)
        finally:
            ended.set()

    async with alone(serving(writes, compress=True), window=1000) as client:
        await client.send(get("/", GZIP))
        client.reset()
        await ended.wait()


async def test_an_empty_stream_is_an_empty_content() -> None:
    async def nothing(request: Request) -> None:
        await request.respond(content_type="text/plain")

    assert decode("gzip", (await ask(nothing, GZIP)).body) == b""


async def test_the_log_counts_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sanic.access")
    for handler in (whole, generates):
        async with alone(serving(handler, compress=True), access_log=True) as client:
            answer = await client.ask(get("/", GZIP))
        assert vars(caplog.records[-1])["byte"] == len(answer.body)


# Fairness.


@pytest.mark.parametrize("handler", ["whole", "streamed"])
async def test_others_have_their_turn_while_much_is_compressed(handler: str) -> None:
    """Design: a turn of 32 KiB; a thread would be jumped over by the clock that this runs on."""
    turns = 0

    async def large(request: Request) -> HTTPResponse:
        return text("x" * 1_000_000)

    async def streamed(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        await response.write("x" * 1_000_000)

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    chosen = large if handler == "whole" else streamed
    async with alone(serving(chosen, compress=True)) as client, trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await client.ask(get("/", GZIP))
        nursery.cancel_scope.cancel()
    assert turns >= 1_000_000 // 32_768


async def test_a_handler_that_is_out_of_time_is_stopped_while_its_answer_is_compressed() -> None:
    """It is still its time, until the head leaves."""

    async def large(request: Request) -> HTTPResponse:
        exchange: Exchange = request.exchange
        exchange.link.interrupt(exchange, NotFound("out of time"))
        return text("x" * 1_000_000)

    answer = await ask(large, GZIP, error_format="text")
    assert answer.status == 404


def test_where_no_route_compresses_nothing_is_asked() -> None:
    """What sends the responses is decided at the start."""
    for app, kind in (
        (serving(whole), Sender),
        (serving(whole, compress=False), Sender),
        (serving(whole, compress=True), CompressingSender),
    ):
        assert type(sender_of(compile_router(app), app.config)) is kind
