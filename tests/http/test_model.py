"""Any conversation, cut anyhow, over pipes of any size: each request gets its own answer, in order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.wires import Answer, alone, application_of, chunk, get, run_in_virtual_time
from triosanic import Sanic
from triosanic.dispatch import Dispatcher
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, empty, stream, text

PATHS = [
    "/echo",
    "/streamed",
    "/lines",
    "/ignored",
    "/first",
    "/exactly",
    "/generated",
    "/empty",
    "/fails",
    "/no",
]
METHODS = ["GET", "POST", "HEAD"]
READ = {"/echo", "/streamed", "/exactly"}  # these answer with what they were sent


@dataclass(frozen=True)
class Ask:
    """A request, as it is sent, and what its answer will be."""

    path: str
    method: str
    pieces: tuple[bytes, ...]
    framing: str
    expects: bool

    @property
    def body(self) -> bytes:
        return b"" if self.framing == "none" else b"".join(self.pieces)

    @property
    def raw(self) -> bytes:
        # Only where the body is read: else the connection ends with the answer. HEAD runs no stream.
        reads = self.path in READ and (self.method, self.path) != ("HEAD", "/streamed")
        fields = ["Expect: 100-continue"] if self.expects and reads else []
        if self.framing == "none":
            return get(self.path, method=self.method)
        if self.framing == "length":
            return (
                get(self.path, f"Content-Length: {len(self.body)}", *fields, method=self.method) + self.body
            )
        chunks = b"".join(chunk(piece) for piece in self.pieces if piece) + b"0\r\n\r\n"
        return get(self.path, "Transfer-Encoding: chunked", *fields, method=self.method) + chunks

    def is_answered_by(self, answer: Answer) -> bool:
        """Whether it is the right one."""
        status = {"/empty": 204, "/fails": 500, "/no": 404}.get(self.path, 200)
        if not answer.whole or answer.status != status:
            return False
        if self.method == "HEAD" or status == 204:
            return answer.body == b""
        wanted = {"/ignored": b"ignored", "/generated": b"abc" * 100, "/first": b"first"}.get(self.path)
        if self.path in READ:
            wanted = self.body
        if self.path == "/lines":
            wanted = b"%d" % (self.body.count(b"\n") + (self.body[-1:] not in {b"", b"\n"}))
        return wanted is None or answer.body == wanted


async def echo(request: Request) -> HTTPResponse:
    return HTTPResponse(request.body)


async def streamed(request: Request) -> StreamingHTTPResponse:
    async def streaming(response: StreamingHTTPResponse) -> None:
        async for piece in request.stream:
            response.write(piece)

    return stream(streaming)


async def lines(request: Request) -> HTTPResponse:
    return text(str(len([line async for line in request.stream.lines()])))


async def ignored(request: Request) -> HTTPResponse:
    return text("ignored")


async def first(request: Request) -> HTTPResponse:
    await request.stream.receive_some(1)
    return text("first")


async def exactly(request: Request) -> HTTPResponse:
    length = request.headers.get("content-length", "0")
    head = await request.stream.readexactly(int(length) // 2)
    return HTTPResponse(head + await request.stream.read_all(1 << 20))


async def generated(request: Request) -> AsyncIterator[str]:
    for _ in range(100):
        yield "abc"


async def fails(request: Request) -> HTTPResponse:
    raise ValueError


@cache
def program() -> Dispatcher:
    """Compile an app of these handlers."""
    app = Sanic("test")
    streaming = [streamed, lines, ignored, first, exactly, generated]
    for handler in (echo, fails, *streaming):
        app.add_route(handler, f"/{handler.__name__}", METHODS, stream=handler in streaming)
    app.add_route(lambda request: empty(), "/empty", METHODS, name="empty")
    return application_of(app)


asks = st.builds(
    Ask,
    path=st.sampled_from(PATHS),
    method=st.sampled_from(METHODS),
    pieces=st.lists(st.binary(max_size=30) | st.sampled_from([b"x" * 3000, b"\n" * 40]), max_size=5).map(
        tuple
    ),
    framing=st.sampled_from(["none", "length", "chunked"]),
    expects=st.booleans(),
)


@settings(max_examples=150)
@given(
    asked=st.lists(asks, min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 500), max_size=20),
    window=st.sampled_from([10, 100, 1000, 65_536]),
    pause=st.booleans(),
)
def test_each_request_gets_its_answer(asked: list[Ask], cuts: list[int], window: int, pause: bool) -> None:
    """RFC 9112 9.3: whatever came before it, however the bytes came."""
    data = b"".join(ask.raw for ask in asked)
    parts = []
    for cut in cuts:
        parts.append(data[:cut])
        data = data[cut:]
    parts.append(data)

    async def talk() -> None:
        async with alone(program(), window=window) as client:

            async def send() -> None:
                for part in parts:
                    await client.send_only(part)
                    if pause:
                        await trio.sleep(0.05)  # 20 of them are less than LINGER_TIMEOUT for an unread body

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                for ask in asked:
                    answer = await client.answer(ask.method)
                    assert ask.is_answered_by(answer), (ask, answer)

    run_in_virtual_time(talk)
