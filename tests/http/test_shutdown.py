"""How a connection ends when the server stops: nobody who asks is lost, nobody who is idle holds it up."""

import socket
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.pairs import sockets
from tests.http.wires import GET, App, Client, alone, get, post, reply, serving
from triosanic.http.connection import ACTIVE_S, CROSSING_S, NOTICE_S
from triosanic.http.exchange import Exchange
from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.wire import SocketWire
from triosanic.request import Request
from triosanic.response import StreamingHTTPResponse, stream

approx = partial(pytest.approx, abs=0.001)


async def slow(exchange: Exchange) -> None:
    await trio.sleep(20)
    await reply(exchange)


async def seconds_to_fin(client: Client) -> float:
    """The client sees an end in order; it stays, as one that looks no more at a connection of its pool."""
    start = trio.current_time()
    assert await client.rest() == b""
    return trio.current_time() - start


async def test_a_response_under_way_comes_to_its_end_and_says_close() -> None:
    """Design, shutdown: `Connection: close` on what is under way."""
    async with alone(App(slow)) as client:
        await client.send(GET)
        client.connection.shut_down()
        answer = await client.answer()
        assert (answer.status, answer.whole, answer.keeps_alive) == (200, True, False)
        assert await client.rest() == b""


async def test_who_is_idle_since_long_is_closed_at_once() -> None:
    """RFC 9112 §9.5: a server may close an idle connection at any time."""
    async with alone(App()) as client:
        await client.ask(GET)
        await trio.sleep(ACTIVE_S)
        client.connection.shut_down()
        start = trio.current_time()
        assert await seconds_to_fin(client) == approx(0)
        await client.ended.wait()
        assert trio.current_time() - start == approx(CROSSING_S)


async def test_what_crosses_the_close_meets_no_reset() -> None:
    """RFC 9112 §9.6: a client must be able to read the end, though it has sent something meanwhile."""
    async with alone(App()) as client:
        await client.ask(GET)
        await trio.sleep(ACTIVE_S)
        client.connection.shut_down()
        await wait_all_tasks_blocked()
        await client.send(GET)
        assert await client.rest() == b""


async def test_a_client_that_closes_too_ends_it() -> None:
    """What is waited for is the client's end, and not a time."""
    async with alone(App(slow)) as client:
        await client.send(GET)
        client.connection.shut_down()
        await client.answer()
        start = trio.current_time()
        await client.leave()
        await client.ended.wait()
        assert trio.current_time() == start


@pytest.mark.parametrize("asked", [True, False], ids=["asked before", "new"])
async def test_who_was_active_of_late_may_ask_once_more(asked: bool) -> None:
    """Under a client that is busy, a connection is between two requests at most times."""
    async with alone(App()) as client:
        if asked:
            assert (await client.ask(GET)).keeps_alive
        await trio.sleep(ACTIVE_S / 2)
        client.connection.shut_down()
        await trio.sleep(NOTICE_S - 0.01)
        answer = await client.ask(GET)
        assert (answer.status, answer.keeps_alive) == (200, False)
        assert await client.rest() == b""


async def test_who_was_active_of_late_and_asks_no_more_is_closed_after_a_moment() -> None:
    """The notice is bounded."""
    async with alone(App()) as client:
        await client.ask(GET)
        client.connection.shut_down()
        assert await seconds_to_fin(client) == approx(NOTICE_S)


async def test_who_was_told_that_the_connection_stays_may_ask_once_more() -> None:
    """The head of its response had left before the shutdown began."""

    async def write(response: StreamingHTTPResponse) -> None:
        await response.write("a")
        await trio.sleep(20)
        await response.write("b")

    async with alone(serving(lambda request: stream(write))) as client:
        await client.send(GET)
        client.connection.shut_down()
        answer = await client.answer()
        assert (answer.body, answer.keeps_alive) == (b"ab", True)
        answer = await client.ask(GET)
        assert (answer.body, answer.keeps_alive) == (b"ab", False)


@pytest.mark.parametrize("request_of", [GET, post(b"x" * 10)], ids=["GET", "POST"])
async def test_requests_that_have_come_are_all_answered(request_of: bytes) -> None:
    """RFC 9112 §9.6: after `close` nothing is answered, so only the last answer says it."""
    async with alone(App()) as client:
        await client.send_only(request_of * 3)
        client.connection.shut_down()
        assert [(await client.answer()).keeps_alive for _ in range(3)] == [True, True, False]
        assert await client.rest() == b""


async def test_requests_without_end_are_not_answered_for_ever() -> None:
    """A client that always has another request on its way gets its notice, too."""

    async def handle(exchange: Exchange) -> None:
        await trio.sleep(0.1)
        await reply(exchange)

    async with alone(App(handle)) as client:
        await client.send_only(GET * 100)
        client.connection.shut_down()
        start = trio.current_time()
        while (answer := await client.answer()).keeps_alive:
            assert answer.status == 200
        assert trio.current_time() - start <= NOTICE_S + 0.1
        assert await client.rest() == b""


async def test_a_head_that_has_begun_may_be_completed() -> None:
    """Design, shutdown: who has begun to ask is answered."""
    async with alone(App()) as client:
        await client.send(GET[:10])
        client.connection.shut_down()
        await trio.sleep(2 * NOTICE_S)
        await client.send_only(GET[10:])
        answer = await client.answer()
        assert (answer.status, answer.keeps_alive) == (200, False)


async def test_a_body_may_be_completed() -> None:
    """As above; the deadlines of bodies are their own."""

    async def handle(exchange: Exchange) -> None:
        await reply(exchange, await exchange.body.read_all(100))

    async with alone(App(handle)) as client:
        await client.send(post(b"x" * 50)[:-10])
        client.connection.shut_down()
        await trio.sleep(4)
        await client.send_only(b"x" * 10)
        answer = await client.answer()
        assert (answer.body, answer.keeps_alive) == (b"x" * 50, False)


@pytest.mark.skipif(not AVAILABLE, reason="no epoll")
async def test_what_a_socket_holds_is_seen_without_waiting(nursery: trio.Nursery) -> None:
    """`Wire.look`: the poller has not had its turn."""
    seen: list[bytes] = []

    class Sink:
        wants = 100

        def on_data(self, data: bytes) -> None:
            seen.append(data)

        def on_end(self, *, broken: bool) -> None:
            seen.append(b"")

    ours, theirs = sockets(socket.AF_INET)
    ours.setblocking(False)
    with Poller() as poller, theirs:
        wire = SocketWire(ours, "", "", poller)
        wire.deliver(Sink(), nursery)
        theirs.send(b"GET")
        wire.look()
        wire.look()
        await wire.aclose()
        wire.look()
    assert seen == [b"GET"]


async def test_a_handler_of_a_large_upload_is_closed_with_patience() -> None:
    """`LINGER_TIMEOUT` counts, and not the moment for what crosses: more of the body is coming for sure."""

    async def early(request: Request) -> StreamingHTTPResponse:
        return stream(lambda response: response.write("no"))

    async with alone(serving(early, stream=True)) as client:
        await client.send(get("/", "Content-Length: 1000000", method="POST"))
        client.connection.shut_down()
        await client.answer()
        start = trio.current_time()
        await client.ended.wait()
        assert trio.current_time() - start >= 4 * CROSSING_S
