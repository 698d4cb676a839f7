"""Many clients and faults at once, from one seed: every echo comes whole and in order, and everything ends.

As `triosanic.testing.simulation` does for requests: the order of tasks and what clients do is the seed's.
"""

import logging
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from tests.websocket.frames import ask, frame
from triosanic import Request, Sanic, Websocket
from triosanic.exceptions import WebsocketClosed
from triosanic.testing import TestWebsocket, running
from triosanic.testing.client import Client
from triosanic.testing.simulation.schedule import seeded_schedule
from triosanic.websocket import Broadcast

CLIENTS: Final = 25
SEEDS: Final = range(40)


@pytest.fixture(autouse=True, scope="module")
def no_registry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sanic, "test_mode", True)
        yield


class World:
    """One run: an app, clients that do what chance says, and a stop in the midst of it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.running = 0
        self.room = Broadcast(max_queued=4, slow=self.random.choice(["drop_oldest", "disconnect", "wait"]))
        self.app = Sanic("seeds")
        self.app.config.WEBSOCKET_COMPRESSION = True
        self.app.config.WRITE_TIMEOUT = 5
        self.app.config.WEBSOCKET_PING_INTERVAL = 3
        self.app.config.WEBSOCKET_PING_TIMEOUT = 4
        self.app.websocket("/echo")(self.echo)
        self.app.websocket("/room")(self.join)
        self.app.websocket("/stays", name="stays", cancel_on_disconnect=False)(self.echo)

    async def echo(self, request: Request, ws: Websocket) -> None:
        self.running += 1
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            self.running -= 1

    async def join(self, request: Request, ws: Websocket) -> None:
        self.running += 1
        try:
            with self.room.member(ws):
                async for message in ws:
                    await self.room.send(message)
        finally:
            self.running -= 1

    async def run(self) -> None:
        """Run it; after two minutes of its time it has failed."""
        with trio.fail_after(120):
            async with (
                running(self.app, buffer_bytes=self.random.choice([700, 5000, 65_536])) as client,
                trio.open_nursery() as nursery,
            ):
                for _ in range(CLIENTS):
                    nursery.start_soon(self.client, client, Random(self.random.random()))
                await trio.sleep(self.random.uniform(0, 20))
                self.app.stop()
        assert self.running == 0
        assert len(self.room) == 0

    async def client(self, client: Client, random: Random) -> None:
        await trio.sleep(random.uniform(0, 5))
        try:
            path = random.choice(["/echo", "/room", "/stays"])
            if random.random() < 0.2:
                await self.vandal(client, path, random)
                return
            async with client.websocket(path, compression=random.random() < 0.5) as ws:
                await self.talk(ws, path, random)
        except (ConnectionRefusedError, trio.BrokenResourceError, WebsocketClosed, EOFError):
            return  # the server has stopped, or this client was too slow for it

    async def talk(self, ws: TestWebsocket, path: str, random: Random) -> None:
        sent: list[str] = []
        for number in range(random.randrange(8)):
            message = f"{number}{random.random()}" * random.choice([1, 20, 400])
            await ws.send(message)
            sent.append(message)
            if random.random() < 0.3:
                await ws.ping(b"p")
            if path != "/room" and random.random() < 0.8:
                assert await ws.receive() == sent.pop(0)
            await trio.sleep(random.choice([0, 0, 0.1, 2]))
        while path != "/room" and sent and random.random() < 0.9:
            assert await ws.receive() == sent.pop(0)
        match random.randrange(4):
            case 0:
                ws.abort()
            case 1:
                await ws.aclose()
            case 2:
                await trio.sleep(20)

    async def vandal(self, client: Client, path: str, random: Random) -> None:
        """Send what is no protocol, or only a part of it, and read nothing."""
        async with client.connect() as connection:
            whole = ask(path) + frame(1, b"a" * random.choice([0, 100, 3000])) * random.choice([1, 30])
            bad = random.choice([b"", frame(3), frame(1, b"\xff"), frame(0), whole[::-1]])
            data = (whole + bad)[: random.randrange(len(whole) + len(bad))]
            with trio.move_on_after(random.uniform(0, 10)):
                await connection.send(data)
            await trio.sleep(random.uniform(0, 10))
            if random.random() < 0.5:
                connection.abort()


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    with seeded_schedule(seed):
        trio.run(World(seed).run, clock=MockClock(autojump_threshold=0))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
