"""Bodies that a handler does not read, reads in part, or that never come whole."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from tests.http.wires import GET, Answer, App, Client, alone, chunk, chunked, get, post, reply, serving
from triosanic.exceptions import ClientGone, SanicException
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import HTTPResponse, text

Handler = Callable[[Request], Awaitable[HTTPResponse]]


async def ignore(request: Request) -> HTTPResponse:
    return text("ignored")


async def read_one(request: Request) -> HTTPResponse:
    await request.stream.read()
    return text("one")


async def send_all_or_nothing(client: Client, data: bytes) -> None:
    try:
        await client.send_only(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def ask(client: Client, data: bytes) -> Answer:
    """Send while reading, as curl does."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all_or_nothing, client, data)
        answer = await client.answer("POST")
        if not answer.keeps_alive:
            nursery.cancel_scope.cancel()
    return answer


@pytest.mark.parametrize("handler", [ignore, read_one])
@pytest.mark.parametrize("size", [1, 65_535, 65_537, 200_000, 900_000], ids=str)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_small_unread_body_is_drained_and_the_connection_goes_on(
    handler: Handler, size: int, framing: str
) -> None:
    """Design: an unread body is drained up to a limit."""
    body = b"x" * size
    pieces = [body[at : at + 10_000] for at in range(0, size, 10_000)]
    data = post(body) if framing == "length" else chunked(*pieces)
    async with alone(serving(handler, stream=True)) as client:
        answer = await ask(client, data)
        assert (answer.status, answer.keeps_alive) == (200, True)
        assert (await client.ask(GET)).status == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("handler", [ignore, read_one])
async def test_a_large_unread_body_is_answered_and_then_the_connection_closes(
    handler: Handler, framing: str
) -> None:
    """http-rules, table: `LINGER_SIZE` is read at the most, so that the client gets the answer."""
    piece = b"x" * 65_536
    data = post(piece * 320) if framing == "length" else chunked(*[piece] * 320)
    async with alone(serving(handler, stream=True)) as client:
        answer = await ask(client, data)
        assert (answer.status, answer.whole) == (200, True)
        assert answer.keeps_alive is (framing == "chunked")  # how long it is was not known
        assert await client.rest() == b""


async def test_the_answer_comes_before_the_body_has_been_sent() -> None:
    """Design: a handler can answer at once, whatever it has been promised."""
    async with alone(serving(ignore, stream=True)) as client:
        answer = await client.ask(get("/", "Content-Length: 1000000", method="POST"))
        assert (answer.status, answer.body) == (200, b"ignored")


async def test_draining_ends_after_the_linger_timeout() -> None:
    """http-rules, table: `LINGER_TIMEOUT`, 2 s."""
    async with alone(serving(ignore, stream=True)) as client:
        await client.ask(get("/", "Content-Length: 1000", method="POST"))
        start = trio.current_time()
        await client.rest()
        assert trio.current_time() - start == pytest.approx(2, abs=0.001)


async def test_a_body_that_trickles_is_not_drained_for_longer() -> None:
    """http-rules, table: the time is that of all the lingering, and not of each byte."""
    async with alone(serving(ignore, stream=True)) as client, trio.open_nursery() as nursery:

        async def trickle() -> None:
            while True:
                await send_all_or_nothing(client, b"x")
                await trio.sleep(0.1)

        await client.ask(get("/", "Content-Length: 1000", method="POST"))
        start = trio.current_time()
        nursery.start_soon(trickle)
        await client.rest()
        nursery.cancel_scope.cancel()
        assert trio.current_time() - start == pytest.approx(2, abs=0.11)


async def test_the_body_of_a_refused_request_is_drained_so_that_the_refusal_arrives() -> None:
    """http-rules 1.3, close: half-close, then drain, then close."""
    async with alone(App()) as client:
        data = get("/", "Content-Length: x", method="POST") + b"x" * 500_000
        answer = await ask(client, data)
        assert (answer.status, answer.whole) == (400, True)
        assert await client.rest() == b""


@pytest.mark.parametrize("half_closed", [True, False], ids=["half-closed", "closed"])
@pytest.mark.parametrize("cancels", [True, False], ids=["cancel", "finish"])
@pytest.mark.parametrize(
    "data",
    [
        get("/", "Content-Length: 6", method="POST") + b"abc",
        get("/", "Content-Length: 6", method="POST"),
        get("/", "Transfer-Encoding: chunked", method="POST"),
        get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc"),
        get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc") + b"0\r\n",
        get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc") + b"0\r\nx: y\r\n",
        get("/", "Transfer-Encoding: chunked", method="POST") + b"6\r\nabc",
    ],
    ids=["length", "no byte", "no chunk", "chunks", "last chunk", "trailers", "mid-chunk"],
)
async def test_a_body_that_is_cut_short_never_looks_whole(
    data: bytes, cancels: bool, half_closed: bool
) -> None:
    """Design: the handler is cancelled, or the read raises; RFC 9112 §8."""
    outcomes: list[object] = []

    async def handle(exchange: Exchange) -> None:
        try:
            while piece := await exchange.body.read():
                outcomes.append(piece)
        except (SanicException, trio.Cancelled) as exc:
            outcomes.append(type(exc))
            raise
        outcomes.append("whole")
        await reply(exchange)

    async with alone(App(handle), cancel_half_closed=cancels) as client:
        await client.send(data)
        await (client.half_close() if half_closed else client.leave())
        await client.ended.wait()
    assert outcomes[-1] in {ClientGone, trio.Cancelled}
    if half_closed and not cancels:
        assert outcomes[-1] is ClientGone


async def test_a_body_longer_than_the_limit_is_413() -> None:
    """`REQUEST_MAX_SIZE`, by the declared length."""
    app = serving(ignore)
    app.config.REQUEST_MAX_SIZE = 100_000
    async with alone(app) as client:
        answer = await ask(client, post(b"x" * 300_000))
        assert (answer.status, answer.whole, answer.keeps_alive) == (413, True, False)
        assert await client.rest() == b""


async def test_a_chunked_body_longer_than_the_limit_is_413() -> None:
    """`REQUEST_MAX_SIZE`, as it turns out."""
    app = serving(ignore)
    app.config.REQUEST_MAX_SIZE = 100_000
    async with alone(app) as client:
        answer = await ask(client, chunked(*[b"x" * 10_000] * 30))
        assert (answer.status, answer.whole, answer.keeps_alive) == (413, True, False)
        assert await client.rest() == b""


async def test_a_body_of_exactly_the_limit_passes() -> None:
    """`REQUEST_MAX_SIZE` is the largest that passes; it counts content, and not framing."""
    app = serving(lambda request: text(str(len(request.body))))
    app.config.REQUEST_MAX_SIZE = 100
    async with alone(app) as client:
        assert (await client.ask(post(b"x" * 100))).body == b"100"
        assert (await client.ask(chunked(*[b"x"] * 100))).body == b"100"
        assert (await client.ask(chunked(*[b"x"] * 101))).status == 413


async def test_trailers_come_with_the_end_of_the_body() -> None:
    """RFC 9110 §6.5: trailers are kept apart from the headers."""

    async def handler(request: Request) -> HTTPResponse:
        before = tuple(request.stream.trailers)
        await request.stream.read_all(100)
        return text(f"{before} {[*request.stream.trailers]} {'x-sum' in request.headers}")

    async with alone(serving(handler, stream=True)) as client:
        head, body = chunked(b"abc", trailers=b"X-Sum: 7 \r\n").split(b"\r\n\r\n", 1)
        await client.send(head + b"\r\n\r\n")
        await client.send_only(body)
        assert (await client.answer("POST")).body == b"() [('x-sum', '7')] False"
        assert (await client.ask(GET)).status == 200


async def test_pipelined_bytes_are_not_lost_when_a_request_with_a_body_begins() -> None:
    """A body that arrives just as its handler is about to begin is read from its first byte to its last."""
    body = bytes(range(256)) * 4
    for _ in range(30):  # the order in which tasks run within a step is random
        done = trio.Event()

        async def handle(exchange: Exchange, done: trio.Event = done) -> None:
            if exchange.head.method == "GET":
                await done.wait()
            await reply(exchange, await exchange.body.read_all(10_000))

        async with alone(App(handle)) as client:
            await client.send(GET + post(body)[:-1000])
            done.set()  # the answer leaves, and the next request begins, in the step in which its body comes
            await client.send_only(body[24:])
            assert (await client.answer()).status == 200
            answer = await client.answer("POST")
            assert (answer.status, answer.body) == (200, body)
