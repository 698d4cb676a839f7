"""Nothing of a connection outlives it: no task, no object, no entry among the timers."""

import gc
from contextvars import Context

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.wires import GET, App, Client, alone, chunked, get, post, serving
from triosanic.exceptions import NotFound
from triosanic.http.body import RequestBody
from triosanic.http.clock import Clock
from triosanic.http.connection import CROSSING_S, Connection
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.http.send_channel import SendChannel
from triosanic.http.timers import Timers
from triosanic.http.wire import StreamWire
from triosanic.request import Request
from triosanic.response import StreamingHTTPResponse, stream, text
from triosanic.testing import memory_pair

pytestmark = pytest.mark.usefixtures("frozen")

OURS = (Connection, Exchange, RequestBody, SendChannel, Request, StreamWire)


def alive() -> list[str]:
    """Name our objects that are not garbage."""
    gc.collect()
    return [type(found).__name__ for found in gc.get_objects() if isinstance(found, OURS)]


async def handler(request: Request) -> object:
    async def streaming(response: StreamingHTTPResponse) -> None:
        async for piece in request.stream:
            await response.write(piece)

    if request.path == "/fails":
        raise NotFound  # a quiet one: pytest keeps what is logged, and with it the request
    if request.path == "/child":
        request.nursery.start_soon(trio.sleep, 1)
    if request.path == "/waits":
        await trio.sleep_forever()
    return stream(streaming) if request.path == "/streamed" else text("ok")


@pytest.mark.parametrize(
    "data",
    [
        GET,
        post(b"x"),
        post(b"x" * 100_000),
        get("/fails"),
        get("/child"),
        get("/waits"),
        post(b"x" * 9, "/streamed"),
        chunked(b"x" * 9, path="/streamed"),
        b"BAD\r\n\r\n",
        b"GET / HT",
        b"",
    ],
    ids=[
        "get",
        "post",
        "unread",
        "fails",
        "child",
        "waits",
        "streamed",
        "chunked",
        "bad",
        "partial",
        "nothing",
    ],
)
async def test_no_object_outlives_its_connection(data: bytes) -> None:
    """Bounded memory: what a million clients leave behind must be nothing."""
    before = alive()
    app = serving(handler, "/", "/fails", "/child", "/waits", "/streamed", stream=True)
    for _ in range(3):
        async with alone(app) as client:
            await client.send(data)
            await trio.sleep(2)
        del client
    await wait_all_tasks_blocked()
    assert sorted(alive()) == sorted(before)


async def test_requests_of_a_connection_do_not_pile_up() -> None:
    """As above, for a connection that lives long."""
    before = alive()
    app = serving(handler, "/", "/streamed", stream=True)
    async with alone(app) as client:
        for _ in range(20):
            await client.ask(post(b"x", "/streamed"))
            await client.ask(GET)
        await wait_all_tasks_blocked()
        assert len(alive()) - len(before) <= len(OURS)


async def test_the_timers_of_closed_connections_do_not_pile_up(nursery: trio.Nursery) -> None:
    """Bounded memory, also for a server whose connections are short and many."""
    timers = Timers()
    nursery.start_soon(timers.run)
    before = sum(isinstance(found, Clock) for found in gc.get_objects())
    for number in range(30_000):
        clock = Clock(timers, lambda due: None)
        clock.arm_read(trio.current_time() + 120)
        clock.arm_reply(trio.current_time() + 60)
        if number % 2:
            clock.arm_read(trio.current_time() + 10)
        clock.close()
    assert sum(isinstance(found, Clock) for found in gc.get_objects()) - before < 5000


async def test_one_server_s_timers_serve_many_connections(nursery: trio.Nursery) -> None:
    """`Timers`: each deadline fires for its own connection, at its time, whatever the others do."""
    timers = Timers()
    nursery.start_soon(timers.run)
    ended: dict[int, float] = {}

    async def idle(number: int) -> None:
        ours, theirs = memory_pair()
        limits = Limits(first_byte_timeout_s=1 + number % 7)
        connection = Connection(StreamWire(ours), App(), limits, Context(), timers=timers)
        client = Client(theirs, connection)
        if number % 3 == 0:
            await client.leave()
        await connection.run()
        ended[number] = trio.current_time()

    async with trio.open_nursery() as connections:
        for number in range(100):
            connections.start_soon(idle, number)
    for number, at in ended.items():
        assert at == pytest.approx(1 + number % 7 + CROSSING_S if number % 3 else 0, abs=0.001)


async def test_a_deadline_that_is_moved_fires_at_its_new_time_only(nursery: trio.Nursery) -> None:
    """`Clock`: arming a later one costs nothing, and an earlier one counts at once."""
    timers = Timers()
    nursery.start_soon(timers.run)
    fired: list[float] = []

    def on_due(due: object) -> None:
        fired.append(trio.current_time())
        clock.read_at = float("inf")

    clock = Clock(timers, on_due)
    clock.arm_read(10)
    await trio.sleep(5)
    clock.arm_read(20)
    await trio.sleep(10)
    clock.arm_read(16)
    await trio.sleep(30)
    clock.arm_read(trio.current_time() + 1)
    clock.close()
    await trio.sleep(10)
    assert fired == [pytest.approx(16, abs=0.001)]
