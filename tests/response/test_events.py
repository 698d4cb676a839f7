"""Server-sent events: what is sent for each, when it leaves, and how a stream of them ends."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from triosanic import Request, Sanic
from triosanic.exceptions import ClientGone
from triosanic.response import EventWriter, ServerSentEvent, empty, sse
from triosanic.testing import EventParser, RawConnection, ReceivedEvent, running


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("events")


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (ServerSentEvent("a"), b"data: a\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd\n"), b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        # Of these `str.splitlines` would make two lines.
        (ServerSentEvent("a\N{LINE SEPARATOR}\x0b\x85b"), "data: a\N{LINE SEPARATOR}\x0b\x85b\n\n".encode()),
        (ServerSentEvent({"a": [1, None]}), b'data: {"a":[1,null]}\n\n'),
        (ServerSentEvent(0), b"data: 0\n\n"),
        (ServerSentEvent("a", "tick", "7", 1.5), b"event: tick\nid: 7\nretry: 1500\ndata: a\n\n"),
        (ServerSentEvent(id="7"), b"id: 7\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
    ],
)
def test_an_event_as_it_is_sent(event: ServerSentEvent, sent: bytes) -> None:
    """WHATWG HTML 9.2.5."""
    assert event.encode() == sent


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"id": "a\nb"}, "one line"),
        ({"id": "a\rdata: evil"}, "one line"),
        ({"id": "a\0"}, "NUL"),
        ({"event": "a\nb"}, "one line"),
        ({"retry_s": -1}, "seconds"),
        ({"retry_s": float("inf")}, "seconds"),
        ({"retry_s": float("nan")}, "seconds"),
        ({"retry_s": "3"}, "seconds"),
    ],
)
def test_what_would_add_a_field_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ServerSentEvent("a", **fields)


@pytest.mark.parametrize("fields", [{"id": 7}, {"event": b"tick"}])
def test_an_id_or_a_type_that_is_no_text_is_refused(fields: dict[str, Any]) -> None:
    [name] = fields
    with pytest.raises(TypeError, match=f"{name} must be str, not .*: pass {name}=str"):
        ServerSentEvent("a", **fields)


LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n: \ufeff"))


@given(st.lists(st.tuples(TEXT, LINE, LINE), min_size=1), st.integers(1, 9))
def test_what_is_sent_is_what_comes_however_it_is_split(
    events: list[tuple[str, str, str]], size: int
) -> None:
    """Line ends become \\n, as WHATWG HTML 9.2.6 has it."""
    sent = b"".join(ServerSentEvent(data, event or None, id).encode() for data, event, id in events)
    parser = EventParser()
    come = [event for at in range(0, len(sent), size) for event in parser.feed(sent[at : at + size])]
    assert come == [
        ReceivedEvent(data.replace("\r\n", "\n").replace("\r", "\n"), event or "message", id)
        for data, event, id in events
    ]


def test_a_parser_takes_all_line_ends_and_ignores_what_it_does_not_know() -> None:
    """WHATWG HTML 9.2.6."""
    parser = EventParser()
    stream = "\ufeff: hi\r\nretry: 20\rretry: x\nid:1\nid: a\0\n\ndata\n\nfoo: 1\ndata:  a\ndata:b\n\n"
    events = [event for byte in stream.encode() for event in parser.feed(bytes([byte]))]
    assert events == [ReceivedEvent("", "message", "1"), ReceivedEvent(" a\nb", "message", "1")]
    assert (parser.comments, parser.retry_s, parser.last_event_id) == (1, 0.02, "1")


async def test_each_event_leaves_at_once(app: Sanic, autojump_clock: trio.testing.MockClock) -> None:
    @app.get("/")
    async def ticks(request: Request) -> object:
        async def tick() -> AsyncGenerator[object, None]:
            for number in range(3):
                yield ServerSentEvent({"n": number}, "tick", str(number))
                await trio.sleep(10)
            yield "end"

        return sse(tick(), retry_s=2)

    async with running(app) as client, client.events("/") as events:
        assert events.response.headers["cache-control"] == "no-store"
        at = [(trio.current_time(), event) async for event in events]
        start = at[0][0]
        assert [round(when - start) for when, _ in at] == [0, 10, 20, 30]
        assert at[0][1] == ReceivedEvent('{"n":0}', "tick", "0")
        assert at[-1][1] == ReceivedEvent("end", "message", "2")
        assert events.parser.retry_s == 2


async def test_who_connects_again_is_sent_what_it_missed(app: Sanic, autojump_clock: object) -> None:
    @app.get("/")
    async def counted(request: Request) -> object:
        first = int(request.last_event_id or 0)
        if first >= 4:
            return empty()

        async def count(events: EventWriter) -> None:
            for number in range(first, first + 2):
                await events.send("x", id=str(number + 1))

        return sse(count)

    seen: list[str] = []
    async with running(app) as client:
        for _ in range(2):
            async with client.events("/", last_event_id=seen[-1] if seen else "") as events:
                seen += [event.id async for event in events]
        with pytest.raises(ValueError, match="204"):
            async with client.events("/", last_event_id=seen[-1]):
                pass
    assert seen == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("heartbeat_s", "beats"), [(15.0, 5), (30.0, 2), (None, 0)])
async def test_heartbeats_fill_the_silence(
    app: Sanic, autojump_clock: object, heartbeat_s: float | None, beats: int
) -> None:
    """An event puts the next one off: they come at 15, 30, 65, 80 and 95 s, or at 30 and 80 s."""

    @app.get("/")
    async def silent(request: Request) -> object:
        async def tell(events: EventWriter) -> None:
            await trio.sleep(40)
            await events.send("a")
            await trio.sleep(10)
            await events.send("b")
            await trio.sleep(50)

        return sse(tell, heartbeat_s=heartbeat_s)

    async with running(app) as client, client.events("/") as events:
        assert [event.data async for event in events] == ["a", "b"]
        assert events.parser.comments == beats


@pytest.mark.parametrize("of_writer", [False, True])
async def test_a_client_that_leaves_ends_its_source(
    app: Sanic, autojump_clock: trio.testing.MockClock, of_writer: bool
) -> None:
    ended = trio.Event()

    async def forever() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "a"
                await trio.sleep(100)
        finally:
            ended.set()

    async def write(events: EventWriter) -> None:
        try:
            await events.send("a")
            await trio.sleep_forever()
        finally:
            ended.set()

    @app.get("/")
    async def told(request: Request) -> object:
        return sse(write if of_writer else forever())

    async with running(app) as client:
        async with client.events("/") as events:
            await anext(events)
        start = trio.current_time()
        await ended.wait()
        assert trio.current_time() == start


async def test_a_source_that_opted_out_hears_of_it_when_it_sends(app: Sanic, autojump_clock: object) -> None:
    raised: list[BaseException] = []

    @app.get("/", cancel_on_disconnect=False)
    async def told(request: Request) -> object:
        async def write(events: EventWriter) -> None:
            await events.comment("begin\nhere")
            await trio.sleep(100)  # heartbeats fail on their own
            try:
                await events.send("a")
            except ClientGone as exc:
                raised.append(exc)
                raise

        return sse(write)

    async with running(app) as client:
        async with client.connect() as raw:
            await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"text/event-stream" in await raw.head()
            assert await raw.receive(22) == b"10\r\n: begin\n: here\n\n\r\n"
        await trio.sleep(200)
    assert len(raised) == 1


async def test_a_source_that_fails_cuts_the_stream(
    app: Sanic, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged as it is, in no group."""

    @app.get("/")
    async def told(request: Request) -> object:
        async def fail() -> AsyncIterator[str]:
            yield "a"
            await wait_all_tasks_blocked()
            raise KeyError("lost")

        return sse(fail())

    async with running(app) as client, client.events("/") as events:
        with pytest.raises(Exception, match=r"peer|reset|broken|closed"):
            assert [event async for event in events] == [ReceivedEvent("a", "message", "")]
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


@pytest.mark.parametrize("source", ["text", [1], None])
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(TypeError, match="async generator"):
        sse(source)


@pytest.mark.parametrize("heartbeat_s", [0, -1, float("inf"), float("nan"), "15"])
def test_a_heartbeat_out_of_bounds_is_refused(heartbeat_s: float) -> None:
    with pytest.raises(ValueError, match="heartbeat_s"):
        sse(EventWriter.comment, heartbeat_s=heartbeat_s)  # type: ignore[arg-type]  # it is never called


async def test_a_channel_is_a_source_and_is_closed(app: Sanic, autojump_clock: object) -> None:
    send, receive = trio.open_memory_channel[str](0)

    @app.get("/")
    async def told(request: Request) -> object:
        return sse(receive, headers={"Cache-Control": "no-cache"})

    async with running(app) as client, client.events("/") as events:
        assert events.response.headers.get_list("cache-control") == ["no-cache"]
        await send.send("a")
        assert (await anext(events)).data == "a"
        await events.response.aclose()
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            send.send_nowait("b")


@pytest.mark.parametrize("way", ["head", "stopping"])
async def test_a_channel_that_is_never_read_is_closed_too(
    app: Sanic, autojump_clock: object, way: str
) -> None:
    send, receive = trio.open_memory_channel[str](0)

    @app.route("/", methods=["GET", "HEAD"])
    async def told(request: Request) -> object:
        if way == "stopping":
            app.stop()
            await wait_all_tasks_blocked()
        return sse(receive)

    async with running(app) as client:
        response = await client.request("HEAD" if way == "head" else "GET", "/")
        assert (response.status_code, response.content) == (200, b"")
    with pytest.raises(trio.BrokenResourceError):
        send.send_nowait("a")


async def read_slowly(raw: RawConnection, until: bytes) -> bytes:
    """Take a piece of 1,000 bytes a second."""
    await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    come = b""
    while until not in come:
        piece = await raw.receive_some()
        assert piece, come[-100:]
        come += piece
        await trio.sleep(1)
    return come


async def test_a_heartbeat_never_ends_what_it_is_to_keep(app: Sanic, autojump_clock: object) -> None:
    """An event longer than RESPONSE_BUFFER_LIMIT is on its way for longer than it takes to the next beat."""
    app.config.RESPONSE_BUFFER_LIMIT = app.config.RESPONSE_HIGH_WATER = 1000

    @app.get("/")
    async def told(request: Request) -> object:
        async def long() -> AsyncGenerator[str, None]:
            yield "x" * 40_000
            yield "end"

        return sse(long())

    async with running(app, buffer_bytes=1000) as client, client.connect() as raw:
        come = await read_slowly(raw, b"end")
        assert b"\n:\n" not in come  # what is on its way breaks the silence


async def test_each_of_many_tasks_waits_for_a_slow_client(app: Sanic, autojump_clock: object) -> None:
    app.config.RESPONSE_BUFFER_LIMIT = app.config.RESPONSE_HIGH_WATER = 1000
    held: list[int] = []

    @app.get("/")
    async def told(request: Request) -> object:
        async def tell(events: EventWriter) -> None:
            async def one(number: int) -> None:
                await events.send("x" * 900, id=str(number))
                assert request.exchange.channel is not None
                held.append(request.exchange.channel.size)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(one, number)
            await events.send("end")

        return sse(tell)

    async with running(app, buffer_bytes=1000) as client, client.connect() as raw:
        come = await read_slowly(raw, b"end")
    assert come.count(b"id: ") == 20
    assert max(held) < 2000


async def test_any_id_is_said_again(app: Sanic, autojump_clock: object) -> None:
    """WHATWG HTML 9.2.3: in UTF-8."""

    @app.get("/")
    async def told(request: Request) -> object:
        async def tell(events: EventWriter) -> None:
            await events.send(request.last_event_id, id="\N{SNOWMAN} é")

        return sse(tell)

    async with running(app) as client:
        async with client.events("/") as events:
            event = await anext(events)
        async with client.events("/", last_event_id=event.id) as events:
            assert (await anext(events)).data == "\N{SNOWMAN} é"


async def test_a_read_that_was_cancelled_does_not_look_like_the_end(
    app: Sanic, autojump_clock: object
) -> None:
    @app.get("/")
    async def told(request: Request) -> object:
        async def tell(events: EventWriter) -> None:
            await trio.sleep(10)
            await events.send("a")

        return sse(tell)

    async with running(app) as client, client.events("/") as events:
        with trio.move_on_after(1):
            await anext(events)
        with pytest.raises(RuntimeError, match="cancelled"):
            await anext(events)


@pytest.mark.parametrize("stops_before", [False, True])
async def test_a_stop_ends_it_in_order_and_at_once(
    app: Sanic, autojump_clock: trio.testing.MockClock, stops_before: bool
) -> None:
    """What was sent arrives, and the client connects again to whoever serves then."""
    ended: list[float] = []

    @app.get("/")
    async def told(request: Request) -> object:
        async def forever() -> AsyncGenerator[str, None]:
            try:
                while True:
                    yield "a"
                    await trio.sleep(100)
            finally:
                ended.append(trio.current_time())

        if stops_before:
            app.stop()
            await wait_all_tasks_blocked()
        return sse(forever())

    async with running(app) as client, client.events("/") as events:
        start = trio.current_time()
        if not stops_before:
            await anext(events)
            app.stop()
        assert [event async for event in events] == []
        assert ended == ([] if stops_before else [start])
        assert trio.current_time() == start


async def test_head_runs_no_source(app: Sanic, autojump_clock: object) -> None:
    """RFC 9110 9.3.2."""

    @app.route("/", methods=["HEAD"])
    async def told(request: Request) -> object:
        async def never(events: EventWriter) -> None:
            raise AssertionError

        return sse(never)

    async with running(app) as client:
        assert (await client.head("/")).headers["content-type"] == "text/event-stream"
