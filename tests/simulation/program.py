"""The app under simulation, what its clients ask, and what each answer must be."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from random import Random
from typing import Final

import trio

from triosanic import Sanic, Websocket
from triosanic.request import Request
from triosanic.response import (
    EventStreamResponse,
    EventWriter,
    HTTPResponse,
    ServerSentEvent,
    StreamingHTTPResponse,
    sse,
    stream,
    text,
)
from triosanic.testing import ReceivedEvent
from triosanic.testing.simulation import Answer, Ask, Framing, Simulation, websocket
from triosanic.testing.simulation.plan import Fault
from triosanic.testing.simulation.wire import SimulatedWire

# Small, so that what can wait does wait.
HIGH_WATER: Final = 4096
PIECE: Final = 1500
LARGEST_PIECE: Final = 9000  # what /echo may write at once
NO_BODY: Final = (Framing.PLAIN, Framing.PLAIN, Framing.PLAIN, Framing.HTTP10)
NAP_S: Final = 1.5
HEARTBEAT_S: Final = 0.4


class Planned(Exception):
    """What handlers raise on purpose."""


class Counts:
    """Handlers, and their children, that have begun and not ended."""

    def __init__(self) -> None:
        self.running = 0
        self.stubborn = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a handler while it runs."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def at_end(self) -> Iterator[str]:
        """See `Simulation.at_end`."""
        if self.running or self.stubborn:
            yield f"handlers have begun and not ended: {self.running}, and {self.stubborn} to their end"
        self.running = self.stubborn = 0


COUNTS: Final = Counts()


def content(key: str, size: int) -> bytes:
    """What the answer to ``key`` is: nobody else's has a piece of it."""
    piece = blake2b(key.encode(), digest_size=16).hexdigest().encode()
    return (piece * (size // len(piece) + 1))[:size]


async def plain(request: Request) -> HTTPResponse:
    return text(content(request.args["key"][0], int(request.args["size"][0])).decode())


async def buffered(request: Request) -> HTTPResponse:
    return text(f"{request.args['key'][0]}:{request.body.decode()}")


async def echo(request: Request) -> None:
    with COUNTS.one():
        response = await request.respond(content_type="application/octet-stream")
        async for piece in request.stream:
            await response.send(piece)
        await response.eof()


async def collect(request: Request) -> HTTPResponse:
    with COUNTS.one():
        pieces = [piece async for piece in request.stream]
        return text(b"".join(pieces).decode()[::-1])


async def lines(request: Request) -> HTTPResponse:
    with COUNTS.one():
        found = [await request.stream.readexactly(10)]
        found += [line async for line in request.stream.lines()]
        return text(b"|".join(found).decode())


async def late(request: Request) -> HTTPResponse:
    """The body must wait for its reader."""
    with COUNTS.one():
        await trio.sleep(NAP_S)
        return text((await request.stream.read_all(1 << 20)).decode()[::-1])


async def early(request: Request) -> HTTPResponse:
    return text(content(request.args["key"][0], 100).decode())


async def streamed(request: Request) -> StreamingHTTPResponse:
    whole = content(request.args["key"][0], int(request.args["size"][0]))
    headers = {"Content-Length": str(len(whole))} if "length" in request.args else {}

    async def write(response: StreamingHTTPResponse) -> None:
        with COUNTS.one():
            for at in range(0, len(whole), PIECE):
                await response.write(whole[at : at + PIECE])

    return stream(write, headers=headers)


async def generated(request: Request) -> AsyncIterator[bytes]:
    whole = content(request.args["key"][0], 4000)
    with COUNTS.one():
        yield whole[:10]
        await trio.sleep(NAP_S)
        yield whole[10:]


async def nap(request: Request) -> HTTPResponse:
    with COUNTS.one():
        await trio.sleep(NAP_S)
        return text(request.args["key"][0])


async def too_long(request: Request) -> HTTPResponse:
    with COUNTS.one():
        await trio.sleep_forever()
        return text("never")


async def stubborn(request: Request) -> HTTPResponse:
    """Runs to its end, whoever leaves."""
    wire = request.exchange.link.wire
    assert isinstance(wire, SimulatedWire)
    COUNTS.stubborn += 1
    with COUNTS.one():
        try:
            await trio.sleep(NAP_S)
        except trio.Cancelled:
            if wire.struck and wire.talk.fault in (Fault.CANCEL, Fault.INTERRUPT):
                COUNTS.stubborn -= 1
            raise
        COUNTS.stubborn -= 1
        return text(request.args["key"][0])


async def family(request: Request) -> HTTPResponse:
    found: list[str] = []

    async def child(number: float) -> None:
        with COUNTS.one():
            await trio.sleep(number / 10)
            found.append(request.args["key"][0])

    with COUNTS.one():
        for number in range(3):
            request.nursery.start_soon(child, number)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, 2.5)
        return text("-".join(found))


async def orphans(request: Request) -> HTTPResponse:
    async def child() -> None:
        with COUNTS.one():
            await trio.sleep(0.5)
            raise Planned

    with COUNTS.one():
        request.nursery.start_soon(child)
        await trio.sleep(NAP_S)
        return text("never")


async def fails(request: Request) -> HTTPResponse:
    with COUNTS.one():
        await trio.lowlevel.checkpoint()
        raise Planned


async def breaks(request: Request) -> None:
    with COUNTS.one():
        response = await request.respond()
        await response.send(content(request.args["key"][0], 700))
        await trio.sleep(0.1)
        raise Planned


def event_data(key: str, number: int, size: int) -> str:
    """Some lines, so that an event that is torn is another one."""
    return "\n".join([key, str(number), content(f"{key}{number}", size).decode(), ""])


async def pause_before(number: int) -> None:
    """Let some events come one by one, one after heartbeats, and some at once."""
    if number == 2:
        await trio.sleep(NAP_S)
    elif number % 3 == 0:
        await trio.sleep(0.1)


async def events(request: Request) -> EventStreamResponse:
    """Tell events by a generator, or by a writer that two tasks use."""
    key = request.args["key"][0]
    count, size = (int(request.args[name][0]) for name in ("count", "size"))

    async def generate() -> AsyncGenerator[ServerSentEvent, None]:
        with COUNTS.one():
            for number in range(count):
                await pause_before(number)
                yield ServerSentEvent(event_data(key, number, size), "told", str(number))

    async def whisper(writer: EventWriter) -> None:
        while True:  # at the times of the events
            await trio.sleep(0.1)
            await writer.comment("aside")

    async def write(writer: EventWriter) -> None:
        with COUNTS.one():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(whisper, writer)
                for number in range(count):
                    await pause_before(number)
                    await writer.send(event_data(key, number, size), event="told", id=str(number))
                nursery.cancel_scope.cancel()

    return sse(write if "written" in request.args else generate(), heartbeat_s=HEARTBEAT_S, retry_s=1)


async def chat(request: Request, ws: Websocket) -> None:
    """Echo so many messages, of which one that is taken in pieces comes back whole."""
    with COUNTS.one():
        for number in range(int(request.args["count"][0])):
            await pause_before(number)
            if "pieces" in request.args:
                await ws.send("".join([str(piece) async for piece in ws.recv_streaming()]))
            else:
                await ws.send(await ws.get_message())


def make_app() -> Sanic:
    """Return the app, with small buffers."""
    app = Sanic("simulated")
    app.config.REQUEST_BUFFER_SIZE = 4096
    app.config.RESPONSE_HIGH_WATER = HIGH_WATER
    app.config.LINGER_SIZE = 32_768
    app.config.REQUEST_MAX_HEADER_SIZE = 2048
    for handler in (plain, streamed, generated, nap, family, orphans, fails, breaks, events):
        app.add_route(handler, f"/{handler.__name__}", ["GET", "HEAD"], error_format="text")
    for handler in (echo, collect, lines, late, early):
        app.add_route(handler, f"/{handler.__name__}", ["POST"], stream=True, error_format="text")
    app.add_route(buffered, "/buffered", ["POST"], error_format="text")
    app.add_route(stubborn, "/stubborn", ["GET"], cancel_on_disconnect=False, error_format="text")
    app.add_route(too_long, "/too_long", ["GET"], response_timeout=5.0, error_format="text")
    app.config.WEBSOCKET_CLOSE_TIMEOUT = 1
    app.add_websocket_route(chat, "/chat", error_format="text")
    return app


def _key(random: Random) -> str:
    return f"{random.getrandbits(40):x}"


def _size(random: Random) -> int:
    return random.choice((0, 1, 30, 700, 3000, 9000))


def ask_plain(random: Random) -> Ask:
    key, size, method = _key(random), random.choice((0, 30, 30, 9000)), random.choice(("GET", "GET", "HEAD"))
    right = content(key, size)

    def check(answer: Answer) -> None:
        assert int(answer["content-length"]) == size

    target = f"/plain?key={key}&size={size}"
    return Ask(method, target, status=200, content=right, takes_s=0, check=check, closes=False)


def ask_buffered(random: Random) -> Ask:
    key = _key(random)
    body = content(key, _size(random))
    right = key.encode() + b":" + body
    return Ask("POST", f"/buffered?key={key}", body, status=200, content=right, takes_s=0, closes=False)


def ask_echo(random: Random) -> Ask:
    body = content(_key(random), _size(random))
    return Ask("POST", "/echo", body, status=200, content=body, takes_s=0, closes=False)


def ask_collect(random: Random) -> Ask:
    body = content(_key(random), _size(random))
    return Ask("POST", "/collect", body, status=200, content=body[::-1], takes_s=0, closes=False)


def ask_lines(random: Random) -> Ask:
    parts = [content(_key(random), size) for size in (10, 0, 50, 3, 900)]
    body = parts[0] + b"\n".join(parts[1:])
    return Ask("POST", "/lines", body, status=200, content=b"|".join(parts), takes_s=0, closes=False)


def ask_late(random: Random) -> Ask:
    body = content(_key(random), random.choice((10, 5000, 20_000)))
    return Ask("POST", "/late", body, status=200, content=body[::-1], takes_s=NAP_S, closes=False)


def ask_early(random: Random) -> Ask:
    key = _key(random)
    body = content(key, random.choice((10, 900, 9000)))
    right = content(key, 100)
    return Ask("POST", f"/early?key={key}", body, status=200, content=right, takes_s=0, closes=False)


def ask_streamed(random: Random) -> Ask:
    key, size = _key(random), random.choice((0, 30, 1500, 3000, 9000, 30_000))
    length = random.choice(("", "&length=1"))
    target = f"/streamed?key={key}&size={size}{length}"
    return Ask("GET", target, status=200, content=content(key, size), takes_s=0, closes=False)


def ask_generated(random: Random) -> Ask:
    key = _key(random)
    right = content(key, 4000)
    return Ask("GET", f"/generated?key={key}", status=200, content=right, takes_s=NAP_S, closes=False)


def ask_nap(random: Random) -> Ask:
    key, path = _key(random), random.choice(("nap", "stubborn"))
    return Ask("GET", f"/{path}?key={key}", status=200, content=key.encode(), takes_s=NAP_S, closes=False)


def ask_family(random: Random) -> Ask:
    key = _key(random)
    right = "-".join([key] * 4).encode()
    return Ask("GET", f"/family?key={key}", status=200, content=right, takes_s=0.25, closes=False)


def ask_failing(random: Random) -> Ask:
    path, takes_s = random.choice((("fails", 0.0), ("orphans", 0.5)))
    return Ask("GET", f"/{path}", status=500, takes_s=takes_s, closes=False)


def ask_breaking(random: Random) -> Ask:
    key = _key(random)
    return Ask("GET", f"/breaks?key={key}", status=200, content=content(key, 700), takes_s=0.1, breaks=True)


def ask_too_long(_: Random) -> Ask:
    return Ask("GET", "/too_long", status=503, takes_s=5.0, closes=False)


def ask_events(random: Random) -> Ask:
    key, count, size = _key(random), random.choice((0, 1, 3, 12)), random.choice((0, 30, 700, 3000))
    right = [ReceivedEvent(event_data(key, number, size), "told", str(number)) for number in range(count)]
    target = f"/events?key={key}&count={count}&size={size}{random.choice(('', '&written=1'))}"
    return Ask("GET", target, status=200, events=right, takes_s=_pauses_s(count), closes=False)


def _pauses_s(count: int) -> float:
    """See `pause_before`."""
    return 0.1 * len(range(0, count, 3)) + (NAP_S if count > 2 else 0)


def ask_nothing(random: Random) -> Ask:
    nothings = (("GET", "/nothing", 404), ("DELETE", "/nap", 405), ("OPTIONS", "*", 200))
    method, path, status = random.choice(nothings)
    return Ask(method, path, status=status, takes_s=0, closes=False)


def ask_chat(random: Random) -> Ask:
    count = random.choice((0, 1, 3, 12))
    messages = [content(_key(random), random.choice((1, 30, 700, 3000))).decode() for _ in range(count)]
    target = f"/chat?count={count}{random.choice(('', '&pieces=1'))}"
    return websocket(target, messages, messages, takes_s=_pauses_s(count))


MALFORMED: Final = (
    (b"GET /plain HTTP/1.1\r\n\r\n", 400),
    (b"GET /plain HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /plain HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET  /plain HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"POST /buffered HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /buffered HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /plain HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3000 + b"\r\n\r\n", 431),
)


def ask_malformed(random: Random) -> Ask:
    raw, status = random.choice(MALFORMED)
    return Ask("GET", "/malformed", raw=raw, status=status, takes_s=0, closes=True)


ASKS: Final = (
    ask_plain,
    ask_plain,
    ask_plain,
    ask_buffered,
    ask_echo,
    ask_collect,
    ask_lines,
    ask_late,
    ask_early,
    ask_streamed,
    ask_streamed,
    ask_generated,
    ask_nap,
    ask_family,
    ask_failing,
    ask_breaking,
    ask_too_long,
    ask_events,
    ask_events,
    ask_nothing,
    ask_malformed,
)

simulation: Final = Simulation(
    make_app(),
    ASKS,
    name="tests.simulation.program:simulation",
    own_errors=(Planned,),
    at_end=COUNTS.at_end,
    settle_s=10.0,
    max_held_out_bytes=HIGH_WATER + LARGEST_PIECE,
)

# Apart, so that the seeds of the first stay what they are.
websockets: Final = replace(
    simulation, asks=(*ASKS, *[ask_chat] * 20), name="tests.simulation.program:websockets"
)
