"""Conversations that are cut off at each of their steps."""

import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from tests.http.wires import Client, chunk, chunked, get, post
from triosanic import Sanic
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import EventStreamResponse, HTTPResponse, StreamingHTTPResponse, sse, stream, text

Script = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a client sends, with ``None`` where it waits for an answer, and what the answers are.

    The first may be one that goes on until it is stopped, so that less of it is whole as well.
    """

    script: Script
    answers: Sequence[bytes]
    statuses: Sequence[int] = ()
    endless: bool = False

    def right(self, number: int, status: int, body: bytes) -> bool:
        """Whether it is that answer; of an error only the status is looked at."""
        if self.endless and number == 0:
            return status == 200 and self.answers[0].startswith(body)
        wanted = self.statuses[number] if self.statuses else 200
        return status == wanted and (status != 200 or body == self.answers[number])


@dataclass
class Program:
    """An app that counts what it begins and what it ends.

    Attributes:
        running: Handlers and children that have begun and not ended.
        exchange: The last one that was begun.
    """

    running: int = 0
    exchange: Exchange | None = None
    app: Sanic = field(init=False)

    def __post_init__(self) -> None:
        self.app = app = Sanic("test")
        for handler, streams in (
            (self.hello, False),
            (self.echo, False),
            (self.streamed, True),
            (self.generated, True),
            (self.children, False),
            (self.ignores, True),
            (self.large, False),
            (self.fails, False),
            (self.both, True),
            (self.events, False),
        ):
            app.add_route(handler, f"/{handler.__name__}", ["GET", "POST", "HEAD"], stream=streams)
        app.add_route(self.echo, "/inflated", ["POST"], name="inflated", decompress=True)
        app.add_route(self.zipped, "/zipped", compress=True)
        app.add_route(self.zips, "/zips", compress=True)

    def begin(self, request: Request) -> "Program":
        self.exchange = request.exchange
        return self

    def __enter__(self) -> None:
        self.running += 1

    def __exit__(self, *_: object) -> None:
        self.running -= 1

    async def hello(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            await trio.lowlevel.checkpoint()
            return text("hello")

    async def echo(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            return text(request.body.decode())

    async def streamed(self, request: Request) -> StreamingHTTPResponse:
        async def streaming(response: StreamingHTTPResponse) -> None:
            with self:
                while (piece := await request.stream.get()) is not None:
                    response.write(piece)
                await response.write("!")

        with self.begin(request):
            return stream(streaming)

    async def generated(self, request: Request) -> AsyncIterator[bytes]:
        with self.begin(request):
            yield b"a" * 10
            await trio.sleep(1)
            yield b"b" * 20_000
            yield b"c"

    async def children(self, request: Request) -> HTTPResponse:
        async def child() -> None:
            with self:
                await trio.sleep(1)

        with self.begin(request):
            request.nursery.start_soon(child)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
            return text("children")

    async def ignores(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            return text("ignored")

    async def large(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            return text("x" * 5000)

    async def zipped(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            return text("x" * 100_000)

    async def zips(self, request: Request) -> AsyncIterator[str]:
        with self.begin(request):
            for _ in range(3):
                yield "x" * 40_000
                await trio.sleep(1)

    async def fails(self, request: Request) -> HTTPResponse:
        with self.begin(request):
            try:
                await trio.sleep(1)
            finally:
                raise ValueError("in the cleanup")

    async def both(self, request: Request) -> None:
        with self.begin(request):
            response = await request.respond(content_type="text/plain")

            async def write() -> None:
                with self:
                    for _ in range(3):
                        await response.send("x" * 700, False)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                await request.stream.read_all(10_000)
            await response.eof()

    async def events(self, request: Request) -> EventStreamResponse:
        async def happen() -> AsyncIterator[str]:
            with self:
                yield "a"
                await trio.sleep(20)
                yield "b"

        with self.begin(request):
            return sse(happen())


EXPECT: Final = get("/streamed", "Expect: 100-continue", "Content-Length: 5", method="POST")
GZIP: Final = "Accept-Encoding: gzip"
ZIPPED: Final = gzip.compress(b"abc")
CONVERSATIONS: Final[dict[str, Conversation]] = {
    "kept alive": Conversation([get("/hello"), None, get("/hello"), None], [b"hello"] * 2),
    "pipelined": Conversation(
        [get("/hello") + post(b"abc", "/echo") + get("/hello"), None, None, None],
        [b"hello", b"abc", b"hello"],
    ),
    "in pieces": Conversation(
        [post(b"abcdef", "/echo")[:20], post(b"abcdef", "/echo")[20:-3], b"def", None], [b"abcdef"]
    ),
    "chunked": Conversation(
        [chunked(b"ab", b"c", path="/echo"), None, get("/hello"), None], [b"abc", b"hello"]
    ),
    "inflated": Conversation(
        [chunked(ZIPPED[:9], ZIPPED[9:], path="/inflated", fields=("Content-Encoding: gzip",)), None],
        [b"abc"],
    ),
    "streamed": Conversation(
        [
            get("/streamed", "Transfer-Encoding: chunked", method="POST"),
            chunk(b"ab"),
            chunk(b"cd"),
            b"0\r\n\r\n",
            None,
        ],
        [b"abcd!"],
    ),
    "100": Conversation([EXPECT, b"hello", None, get("/hello"), None], [b"hello!", b"hello"]),
    "100 both ways": Conversation([EXPECT.replace(b"streamed", b"both"), b"hello", None], [b"x" * 2100]),
    "generated": Conversation(
        [get("/generated"), None, get("/hello"), None], [b"a" * 10 + b"b" * 20_000 + b"c", b"hello"]
    ),
    "events": Conversation(
        [get("/events"), None, get("/hello"), None], [b"data: a\n\n:\n\ndata: b\n\n", b"hello"], endless=True
    ),
    "HTTP/1.0": Conversation([get("/generated", version="1.0"), None], [b"a" * 10 + b"b" * 20_000 + b"c"]),
    "children": Conversation([get("/children") + get("/hello"), None, None], [b"children", b"hello"]),
    "unread": Conversation(
        [post(b"x" * 3000, "/ignores"), None, get("/hello"), None], [b"ignored", b"hello"]
    ),
    "fails": Conversation([get("/fails") + get("/hello"), None, None], [b"", b"hello"], [500, 200]),
    "compressed": Conversation(
        [get("/zipped", GZIP), None, get("/hello"), None], [b"x" * 100_000, b"hello"]
    ),
    "compressed stream": Conversation(
        [get("/zips", GZIP), None, get("/hello"), None], [b"x" * 120_000, b"hello"]
    ),
    "large": Conversation([get("/large") + get("/large"), None, None], [b"x" * 5000] * 2),
}


async def talk(client: Client, script: Script, answers: list[tuple[int, bytes, bool]]) -> None:
    """Play a client's part; give each answer's status, content, and whether it is whole."""
    try:
        for part in script:
            if part is not None:
                await client.send_only(part)
                continue
            answer = await client.answer()
            body = answer.body
            if answer.whole and answer.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)  # raises if it is not whole
            answers.append((answer.status, body, answer.whole))
            if not answer.whole:
                return
        await client.leave()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


Act = Callable[[], None]


class AtStep(trio.abc.Instrument):
    """Does something at the n-th step of any task, counted from `begin` on."""

    def __init__(self, step: int) -> None:
        self._left = step
        self._act: Act | None = None

    def begin(self, act: Act) -> None:
        """Count from now on."""
        self._act = act

    @property
    def acted(self) -> bool:
        """Whether there were as many steps."""
        return self._left <= 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if self._act is not None:
            self._left -= 1
            if self._left == 0:
                self._act()
