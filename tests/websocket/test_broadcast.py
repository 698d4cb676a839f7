"""One message to many: in one order, bounded for each, and a slow member is no other's misfortune."""

import tracemalloc

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.websocket.frames import ask, receive_frame
from triosanic import Request, Sanic, Websocket
from triosanic.testing import running
from triosanic.websocket import Broadcast, Slow

LARGE = "a" * 10_000


class Room:
    """An app whose WebSockets are all in one room."""

    def __init__(self, app: Sanic, **options: object) -> None:
        self.room = room = Broadcast(**options)  # type: ignore[arg-type]  # those of a room
        self.closed: list[int | None] = []

        @app.websocket("/", compression=True)
        async def handler(request: Request, ws: Websocket) -> None:
            try:
                with room.member(ws):
                    async for message in ws:
                        await room.send(message, but=ws)
            finally:
                self.closed.append(ws.close_code)


async def test_all_members_get_all_messages_in_one_order(app: Sanic) -> None:
    room = Room(app, max_queued=1000).room
    async with running(app) as client, trio.open_nursery() as nursery:

        async def member(number: int) -> None:
            async with client.websocket("/", compression=number % 2 == 0) as ws:
                await wait_all_tasks_blocked()
                got = [await ws.receive() for _ in range(20)]
                orders.append(got)

        orders: list[list[str | bytes]] = []
        for number in range(150):
            nursery.start_soon(member, number)
        await wait_all_tasks_blocked(0.1)
        assert len(room) == 150
        async with trio.open_nursery() as senders:
            for number in range(20):
                senders.start_soon(room.send, f"{number} " * 100)
        await wait_all_tasks_blocked(0.1)
        assert len(orders) == 150
        assert all(got == orders[0] for got in orders)


async def test_who_sends_may_be_left_out(app: Sanic) -> None:
    Room(app)
    async with running(app) as client, client.websocket("/") as one, client.websocket("/") as two:
        await wait_all_tasks_blocked()
        await one.send("from one")
        assert await two.receive() == "from one"
        await two.send("from two")
        assert await one.receive() == "from two"


async def test_a_member_that_has_closed_is_none(app: Sanic) -> None:
    room = Room(app).room
    async with running(app) as client, client.websocket("/") as stays:
        async with client.websocket("/"):
            await wait_all_tasks_blocked()
            assert len(room) == 2
        await wait_all_tasks_blocked()
        assert len(room) == 1
        [ws] = room
        assert ws in room
        with pytest.raises(ValueError, match="already"), room.member(ws):
            pass
        await room.send("a")
        assert await stays.receive() == "a"


async def test_the_oldest_is_dropped(app: Sanic) -> None:
    """`Slow.DROP_OLDEST`: the newest are what a slow member sees; others see all."""
    room = Room(app, max_queued=3, slow="drop_oldest").room
    async with running(app, buffer_bytes=1000) as client, client.connect() as slow:
        await slow.send(ask())
        await slow.head()
        async with client.websocket("/") as fast:
            await wait_all_tasks_blocked()
            for number in range(10):
                await room.send(f"{number}" * 500)
                assert await fast.receive() == f"{number}" * 500
            got = [(await receive_frame(slow)).payload[:1] for _ in range(5)]
    assert got[-3:] == [b"7", b"8", b"9"]
    assert got[0] == b"0"


async def test_a_slow_member_is_disconnected(app: Sanic) -> None:
    """`Slow.DISCONNECT`: its handler is cancelled, and nobody waits for it."""
    rooms = Room(app, max_queued=3, slow=Slow.DISCONNECT)
    async with running(app, buffer_bytes=1000) as client, client.connect() as slow:
        await slow.send(ask())
        await slow.head()
        async with client.websocket("/") as fast:
            await wait_all_tasks_blocked()
            begin = trio.current_time()
            for _ in range(10):
                await rooms.room.send(LARGE)
                assert await fast.receive() == LARGE
            assert trio.current_time() - begin < 1
            assert rooms.closed == [1008]
            assert len(rooms.room) == 1
            await trio.sleep(60)  # a stuck one is given up in a bounded time
            with pytest.raises(trio.BrokenResourceError):
                await slow.rest()


async def test_all_wait_for_a_slow_member(app: Sanic) -> None:
    """`Slow.WAIT`: its pace is everybody's; WRITE_TIMEOUT ends one that takes nothing."""
    room = Room(app, max_queued=3, slow="wait").room
    async with running(app, buffer_bytes=1000) as client, client.connect() as slow:
        await slow.send(ask())
        await slow.head()
        async with client.websocket("/"):
            await wait_all_tasks_blocked()
            begin = trio.current_time()
            for number in range(4):
                await room.send(f"{number}" * 800)
            assert trio.current_time() == begin
            with trio.move_on_after(10) as scope:
                for number in range(4, 10):
                    await room.send(f"{number}" * 800)
            assert scope.cancelled_caught
            await room.send("after the stuck one has ended")
            assert 50 < trio.current_time() - begin <= 70


async def test_a_buffer_holds_messages_that_all_share(app: Sanic) -> None:
    """A hundred members that take nothing: what waits for them is one copy of each message."""
    room = Room(app, max_queued=16).room
    async with running(app, buffer_bytes=100) as client, trio.open_nursery() as nursery:

        async def deaf() -> None:
            async with client.connect() as connection:
                await connection.send(ask())
                await trio.sleep_forever()

        for _ in range(100):
            nursery.start_soon(deaf)
        await wait_all_tasks_blocked(0.1)
        tracemalloc.start()
        for _ in range(100):
            await room.send("a" * 20_000)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert grown < 4_000_000  # of which 100 are the frames that are on their way, one a member
        nursery.cancel_scope.cancel()


def test_what_a_room_is_made_of() -> None:
    with pytest.raises(ValueError, match="max_queued must be"):
        Broadcast(max_queued=0)
    with pytest.raises(ValueError, match="'sometimes'"):
        Broadcast(slow="sometimes")


async def test_what_cannot_be_sent_is_refused_before_anybody_gets_it() -> None:
    with pytest.raises(TypeError, match="str or bytes"):
        await Broadcast().send({"a": 1})  # type: ignore[arg-type]  # what is tested
