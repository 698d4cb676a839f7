"""Many requests in one turn of real sockets: their answers leave together."""

import socket
from collections.abc import Sequence
from contextvars import Context
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.pairs import reset, sockets
from tests.http.wires import GET, App, reply
from triosanic import Sanic
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.http.poller import AVAILABLE, Poller
from triosanic.http.wire import SocketWire
from triosanic.request import Request
from triosanic.response import HTTPResponse, text

REAL_TIME = True
pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no epoll")


class Watched(SocketWire):
    """A socket that writes down what is sent."""

    __slots__ = ("story",)

    def __init__(self, sock: socket.socket, poller: Poller, story: list[str]) -> None:
        super().__init__(sock, "", "", poller)
        self.story = story

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        self.story.append("sent")
        return super().send_nowait(parts)


async def told_by(count: int, broken: int = 0) -> list[str]:
    """Let so many clients ask at once, of which some then reset; give what was done in which order."""
    story: list[str] = []

    async def handles(exchange: Exchange) -> None:
        story.append("handled")
        await reply(exchange)

    pairs = [sockets(socket.AF_INET) for _ in range(count)]
    with Poller() as poller:
        async with trio.open_nursery() as nursery:
            for ours, _ in pairs:
                ours.setblocking(False)
                connection = Connection(Watched(ours, poller, story), App(handles), Limits(), Context())
                nursery.start_soon(connection.run)
            await wait_all_tasks_blocked()
            for _, theirs in pairs:
                theirs.send(GET)
            nursery.start_soon(poller.run)
            for number, (_, theirs) in enumerate(pairs):
                if number < broken:
                    reset(theirs)
                else:
                    await trio.lowlevel.wait_readable(theirs)
                    assert theirs.recv(1000).endswith(b"ok")
                    theirs.close()
            nursery.cancel_scope.cancel()
    return story


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (1, ["handled", "sent"]),
        (3, ["handled", "sent"] * 3),
        (4, ["handled"] * 4 + ["sent"] * 4),
        (16, ["handled"] * 16 + ["sent"] * 16),
        # The seventeenth finds sixteen that wait.
        (17, [*["handled"] * 17, *["sent"] * 17]),
        (33, [*["handled"] * 17, *["sent"] * 16, *["handled"] * 16, *["sent"] * 17]),
    ],
)
async def test_a_turn_with_many_requests_sends_its_answers_together(count: int, told: list[str]) -> None:
    assert await told_by(count) == told


async def test_clients_that_reset_harm_no_others_of_their_turn() -> None:
    assert (await told_by(12, broken=6)).count("handled") >= 6


async def test_each_response_of_a_turn_is_announced() -> None:
    """``http.lifecycle.send`` is awaited before anything leaves, so nothing is held."""
    app = Sanic("test")
    sent: list[bytes] = []

    @app.get("/")
    async def hello(request: Request) -> HTTPResponse:
        return text("ok")

    @app.signal("http.lifecycle.send")
    async def note(data: bytes) -> None:
        sent.append(data)

    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(app.serve, port=0))
        clients = [socket.create_connection(address) for _ in range(8)]
        await wait_all_tasks_blocked()
        for client in clients:
            client.send(GET)
        for client in clients:
            await trio.lowlevel.wait_readable(client)
            assert client.recv(1000).endswith(b"ok")
            client.close()
        nursery.cancel_scope.cancel()
    assert len(sent) == 8


async def test_a_peer_that_has_not_read_the_last_answer_is_sent_the_next_at_once() -> None:
    """What it does not take of it is the handler's own affair then, with its line in the log."""
    ours, theirs = sockets(socket.AF_INET)
    ours.setblocking(False)
    with Poller() as poller, theirs:
        wire = SocketWire(ours, "", "", poller)
        poller.bursting = True
        assert wire.hold(lambda: None)
        while wire.send_nowait([b"x" * 65_536]):
            pass
        assert not wire.hold(lambda: None)
        await wire.aclose()
