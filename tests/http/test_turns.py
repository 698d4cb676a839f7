"""Responses that leave together at the end of a turn: whatever happens meanwhile, none is lost or cut."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.wires import GET, App, Client, get, post, reply
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.http.wire import StreamWire, WireBroken
from triosanic.testing import memory_pair
from triosanic.testing.streams import MemoryStream


class Turn(StreamWire):
    """A wire of memory whose turns a test ends.

    Attributes:
        waiting: What is sent at the turn's end.
        takes: How many bytes it takes at once.
    """

    __slots__ = ("memory", "takes", "waiting")

    def __init__(self, memory: MemoryStream) -> None:
        super().__init__(memory)
        self.memory = memory
        self.waiting: list[Callable[[], None]] = []
        self.takes = 1 << 20

    def hold(self, send: Callable[[], None]) -> bool:
        self.waiting.append(send)
        return True

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        taken = b"".join(parts)[: self.takes]
        try:
            return self.memory.send_nowait([taken]) if taken else 0
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise WireBroken(str(exc)) from exc

    async def end(self) -> None:
        """End the turn."""
        waiting, self.waiting = self.waiting, []
        for send in waiting:
            send()
        await wait_all_tasks_blocked()


@asynccontextmanager
async def turning(app: App, **limits: Any) -> AsyncIterator[tuple[Client, Turn, trio.Nursery]]:
    """Serve one client whose turns end when the test says so; at the end the connection's task must end."""
    ours, theirs = memory_pair()
    wire = Turn(ours)
    async with trio.open_nursery() as nursery:
        connection = Connection(wire, app, Limits(**limits), Context())
        client = Client(theirs, connection, theirs.abort)

        async def run() -> None:
            await connection.run()
            client.ended.set()

        nursery.start_soon(run)
        yield client, wire, nursery
        await client.leave()
        with trio.fail_after(600):
            await client.ended.wait()


async def test_a_response_waits_for_the_end_of_the_turn() -> None:
    async with turning(App()) as (client, wire, _):
        for _ in range(3):
            await client.send(GET)
            assert await client.at_once() == b""
            await wire.end()
            answer = await client.answer()
            assert (answer.body, answer.keeps_alive) == (b"ok", True)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(get("/", "Connection: close"), id="the last"),
        pytest.param(get("/", version="1.0"), id="HTTP/1.0"),
        pytest.param(GET + b"GET", id="more has come"),
        pytest.param(get("/", "Content-Length: 5", method="POST") + b"abc", id="a body that is not read"),
    ],
)
async def test_what_may_be_the_last_leaves_at_once(data: bytes) -> None:
    async with turning(App()) as (client, wire, _):
        await client.send(data)
        assert wire.waiting == []
        assert (await client.answer()).body == b"ok"


@pytest.mark.parametrize(("size", "waits"), [(16_000, True), (16_384, False)])
async def test_what_is_long_leaves_at_once(size: int, waits: bool) -> None:
    """A peer that has much to read is not woken for nothing."""

    async def long(exchange: Exchange) -> None:
        await reply(exchange, b"x" * size)

    async with turning(App(long)) as (client, wire, _):
        await client.send(GET)
        assert bool(wire.waiting) is waits
        await wire.end()
        assert len((await client.answer()).body) == size


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def name(exchange: Exchange) -> None:
        await reply(exchange, exchange.head.target.encode())

    async with turning(App(name)) as (client, wire, _):
        await client.send(get("/1") + get("/2") + get("/3"))
        await wire.end()
        assert [(await client.answer()).body for _ in range(3)] == [b"/1", b"/2", b"/3"]


async def test_what_the_peer_does_not_take_is_sent_later() -> None:
    async with turning(App()) as (client, wire, _):
        await client.send(GET)
        wire.takes = 10
        await wire.end()
        assert (await client.answer()).body == b"ok"
        wire.takes = 1 << 20
        await client.send(GET)
        await wire.end()
        assert (await client.answer()).body == b"ok"


async def test_a_peer_that_takes_nothing_is_cut_after_the_write_timeout() -> None:
    async with turning(App(), write_timeout_s=7.0) as (client, wire, _):
        wire.memory.send_nowait([b"x" * 65_536])  # the pipe is full
        await client.send(GET)
        await wire.end()
        start = trio.current_time()
        await client.ended.wait()
        assert trio.current_time() - start == pytest.approx(7.0)


async def test_a_request_that_comes_meanwhile_is_answered_after_it() -> None:
    async def name(exchange: Exchange) -> None:
        await reply(exchange, exchange.head.target.encode())

    async with turning(App(name)) as (client, wire, _):
        await client.send(get("/1"))
        await client.send(get("/2"))
        await wire.end()
        assert [(await client.answer()).body for _ in range(2)] == [b"/1", b"/2"]


async def test_what_is_no_request_is_refused_after_it() -> None:
    async with turning(App()) as (client, _, _):
        await client.send(GET)
        await client.send(b"\0\r\n\r\n")
        assert [(await client.answer()).status for _ in range(2)] == [200, 400]


@pytest.mark.parametrize("takes", [1 << 20, 10])
async def test_a_server_that_is_stopped_meanwhile_sends_it(takes: int) -> None:
    async with turning(App()) as (client, wire, nursery):
        await client.send(GET)
        wire.takes = takes
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(60):
            answer = await client.answer()
            assert answer.whole is (takes > 100)


async def test_a_connection_that_is_to_close_meanwhile_sends_it() -> None:
    async with turning(App()) as (client, wire, _):
        await client.send(GET)
        client.connection.shut_down()
        await wire.end()
        assert (await client.answer()).body == b"ok"
        await client.ended.wait()


async def test_a_connection_whose_place_is_needed_meanwhile_sends_it() -> None:
    async with turning(App()) as (client, _, _):
        await client.send(GET)
        assert client.connection.shed()
        await client.ended.wait()
        assert (await client.answer()).body == b"ok"


@pytest.mark.parametrize("leave", [Client.leave, Client.half_close])
async def test_a_client_that_leaves_meanwhile_is_no_error(
    leave: Callable[[Client], Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with turning(App()) as (client, wire, _):
        await client.send(GET)
        await leave(client)
        await wire.end()
        await client.ended.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_application_may_go_on_after_its_answer() -> None:
    async def goes_on(exchange: Exchange) -> None:
        await reply(exchange)
        await trio.sleep(5)

    async with turning(App(goes_on)) as (client, wire, _):
        await client.send(GET)
        wire.takes = 10
        await wire.end()
        assert len(await client.at_once()) == 10
        start = trio.current_time()
        assert (await client.some()).endswith(b"ok")
        assert trio.current_time() - start == pytest.approx(5, abs=0.01)


async def test_handlers_whose_work_lasts_hold_nobody_up() -> None:
    """What wakes later than its turn is sent at once."""

    async def late(exchange: Exchange) -> None:
        await trio.sleep(1)
        await reply(exchange)

    async with turning(App(late)) as (client, wire, _):
        await client.send(post(b"abc"))
        assert wire.waiting == []


async def test_the_next_request_of_a_slow_reader_is_read() -> None:
    """While the rest is sent it is not the peer that is waited for, however short `KEEP_ALIVE_TIMEOUT` is."""
    async with turning(App(), keep_alive_timeout_s=1.0) as (client, wire, _):
        wire.memory.send_nowait([b"x" * 65_536])  # the pipe is full
        await client.send(GET)
        await wire.end()
        await trio.sleep(3)
        assert (await client.at_once()).endswith(b"ok")
        assert (await client.ask(GET + b"GET")).body == b"ok"


async def test_a_request_of_a_slow_reader_waits_until_the_last_answer_has_left() -> None:
    """Its handler does not run, and its time does not pass, meanwhile."""
    app = App()
    async with turning(app, response_timeout_s=1.0) as (client, wire, _):
        wire.memory.send_nowait([b"x" * 65_536])  # the pipe is full
        await client.send(get("/1"))
        await client.send(get("/2"))
        await trio.sleep(3)
        assert app.seen == ["/1"]
        await client.at_once()
        await wire.end()
        assert app.seen == ["/1", "/2"]
        assert (await client.answer()).body == b"ok"
