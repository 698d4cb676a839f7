"""What a route says of bodies instead of the configuration: their size, their rate, and when it is told."""

import pytest
import trio

from tests.http.wires import Answer, Client, alone, chunked, get, post, serving
from triosanic import Request, Sanic
from triosanic.response import HTTPResponse, text


async def whole(request: Request) -> HTTPResponse:
    return text(str(len(request.body)))


async def read(request: Request) -> HTTPResponse:
    return text(str(sum([len(piece) async for piece in request.stream])))


async def receive(request: Request) -> HTTPResponse:
    await request.receive_body()
    return text(str(len(request.body)))


HANDLERS = {"buffered": {}, "streaming": {"stream": True}, "ignoring": {"ignore_body": True}}
OF_KIND = {"buffered": whole, "streaming": read, "ignoring": receive}


def taking(kind: str, **options: object) -> Sanic:
    """Make an app whose route takes bodies in that way; all others take 10 bytes."""
    app = serving(OF_KIND[kind], error_format="text", **HANDLERS[kind], **options)
    app.config.REQUEST_MAX_SIZE = 10
    app.add_route(whole, "/other", ["POST"])
    return app


@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize("bound", [3, 30])
async def test_a_route_has_its_own_bound_of_a_body(kind: str, bound: int) -> None:
    """`request_max_size`, above and below that of the configuration; others keep theirs."""
    async with alone(taking(kind, request_max_size=bound)) as client:
        assert (await client.ask(post(b"x" * bound))).body == b"%d" % bound
        assert (await client.ask(chunked(*[b"x"] * bound))).body == b"%d" % bound
        assert (await client.ask(post(b"x" * 10, "/other"))).body == b"10"
        assert (await client.ask(chunked(*[b"x"] * (bound + 1)))).status == 413
    for path, size in (("/", bound + 1), ("/other", 11)):
        async with alone(taking(kind, request_max_size=bound)) as client:
            assert (await client.ask(post(b"x" * size, path))).status == 413


async def test_a_bound_of_nothing_takes_what_is_empty() -> None:
    """0 is a bound, and not the absence of one."""
    async with alone(taking("buffered", request_max_size=0)) as client:
        assert (await client.ask(post(b""))).status == 200
        assert (await client.ask(chunked())).status == 200
        assert (await client.ask(post(b"x"))).status == 413


async def test_a_handler_that_streams_may_set_its_own() -> None:
    """`request.stream.request_max_size`, within what was declared."""

    async def larger(request: Request) -> HTTPResponse:
        assert request.stream.request_max_size == 3
        request.stream.request_max_size = 5
        return await read(request)

    async with alone(serving(larger, stream=True, request_max_size=3)) as client:
        assert (await client.ask(chunked(b"xxxxx"))).body == b"5"
        assert (await client.ask(chunked(b"xxxxxx"))).status == 413


# The rate.


async def trickle(client: Client, rate: int, seconds: int, path: str = "/") -> Answer:
    """Send so many bytes a second, and read the answer."""
    await client.send(get(path, f"Content-Length: {rate * seconds}", method="POST"))
    with trio.CancelScope() as sending:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                try:
                    for _ in range(seconds):
                        await trio.sleep(1)
                        await client.send_only(b"x" * rate)
                except trio.BrokenResourceError:
                    sending.cancel()

            nursery.start_soon(send)
    return await client.answer()


def paced(kind: str, **options: object) -> Sanic:
    app = serving(OF_KIND[kind], error_format="text", **HANDLERS[kind], **options)
    app.add_route(whole, "/other", ["POST"])
    return app


@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize(("rate", "status"), [(90, 408), (100, 200), (110, 200)])
async def test_a_route_has_its_own_rate_of_a_body(kind: str, rate: int, status: int) -> None:
    """`body_min_rate`, less than that of the configuration; below, at and above it."""
    async with alone(paced(kind, body_min_rate=100), body_min_rate_grace_s=2) as client:
        assert (await trickle(client, rate, 40)).status == status


@pytest.mark.parametrize(("rate", "status"), [(950, 408), (1000, 200)])
async def test_the_rate_of_a_route_may_be_higher(rate: int, status: int) -> None:
    """`BODY_MIN_RATE` is 240."""
    async with alone(paced("buffered", body_min_rate=1000), body_min_rate_grace_s=1.5) as client:
        assert (await trickle(client, rate, 60)).status == status


async def test_a_route_may_ask_no_rate() -> None:
    """0: then only silence is bounded, by `REQUEST_TIMEOUT`."""
    async with alone(paced("buffered", body_min_rate=0)) as client:
        assert (await trickle(client, 1, 600)).status == 200
        assert (await trickle(client, 1, 600, "/other")).status == 408


@pytest.mark.parametrize(("grace", "seconds"), [(20, 20), (1, 1), (0, 0), (100, 60), (float("inf"), 60)])
async def test_a_route_has_its_own_grace(grace: float, seconds: float) -> None:
    """`body_min_rate_grace`, shorter and longer than the configuration's 5 s, whose clock runs already."""
    async with alone(paced("buffered", body_min_rate_grace=grace)) as client:
        before = trio.current_time()
        await client.send_only(get("/", "Content-Length: 5", method="POST"))
        assert (await client.answer()).status == 408
        assert trio.current_time() - before == pytest.approx(seconds, abs=0.01)


async def test_the_next_request_has_the_configuration_s_again() -> None:
    """On one connection."""
    async with alone(paced("buffered", body_min_rate_grace=20)) as client:
        assert (await client.ask(post(b"xx"))).status == 200
        await client.send(get("/", "Content-Length: 2", method="POST"))
        await trio.sleep(15)
        await client.send(b"xx")
        assert (await client.answer()).status == 200
        before = trio.current_time()
        await client.send_only(get("/other", "Content-Length: 2", method="POST"))
        assert (await client.answer()).status == 408
        assert trio.current_time() - before == pytest.approx(5, abs=0.01)


async def test_the_rate_counts_from_the_100_on() -> None:
    """A client that waits for our word is not slow."""
    app = paced("streaming", body_min_rate_grace=2)

    @app.on_request
    async def think(request: Request) -> None:
        await trio.sleep(30)

    async with alone(app) as client:
        await client.send(get("/", "Content-Length: 2", "Expect: 100-continue", method="POST"))
        await trio.sleep(31)
        assert (await client.at_once()).startswith(b"HTTP/1.1 100 ")
        await trio.sleep(0.5)
        await client.send(b"xx")
        assert (await client.answer()).status == 200


# A declared length that is too large.

HUGE = get("/", "Content-Length: 11", method="POST")


async def seconds_to_413(client: Client) -> float:
    before = trio.current_time()
    answer = await client.answer()
    assert (answer.status, answer.keeps_alive) == (413, False)
    return trio.current_time() - before


@pytest.mark.parametrize("kind", ["buffered", "streaming"])
async def test_a_client_that_sends_a_head_and_waits_is_told_after_3_s(kind: str) -> None:
    """Http11Probe MAL-POST-CL-HUGE-NO-BODY."""
    options = {} if kind == "buffered" else {"request_max_size": 10}
    async with alone(taking(kind, **options)) as client:
        await client.send_only(HUGE)
        assert await seconds_to_413(client) == pytest.approx(3, abs=0.01)


async def test_the_first_byte_is_answered_at_once() -> None:
    """It shows that the client is past its head."""
    async with alone(taking("buffered")) as client:
        await client.send(HUGE)
        await trio.sleep(1)
        assert await client.at_once() == b""
        await client.send_only(b"x")
        assert await seconds_to_413(client) < 0.01


@pytest.mark.parametrize(
    "data", [HUGE + b"x", HUGE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")]
)
async def test_a_client_that_listens_or_has_sent_is_answered_at_once(data: bytes) -> None:
    """RFC 9110 10.1.1; and with the body on its way there is nothing to wait for."""
    async with alone(taking("buffered")) as client:
        await client.send_only(data)
        assert await seconds_to_413(client) < 0.01


async def test_a_client_that_ends_its_side_is_answered_at_once() -> None:
    """Where it counts as there still, `HALF_CLOSED_CLIENTS`."""
    async with alone(taking("buffered"), cancel_half_closed=False) as client:
        await client.send(HUGE)
        await client.half_close()
        assert await seconds_to_413(client) < 0.01


async def test_the_time_that_is_waited_is_not_the_handler_s() -> None:
    """A shorter `RESPONSE_TIMEOUT` makes no 503 of it, nor a shorter grace a 408."""
    async with alone(taking("buffered"), response_timeout_s=1, body_min_rate_grace_s=2) as client:
        await client.send_only(HUGE)
        assert await seconds_to_413(client) == pytest.approx(2, abs=0.01)
