"""SIGTERM, as clients see it: each request is answered, each close is told before, and the end is soon."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import pytest
import trio

from tests.http.wires import Answer, get, post
from tests.misfortunes.peers import Peer
from tests.system.tools import Server, serving

pytestmark = pytest.mark.system

PROGRAM: Final = Path(__file__).with_name("busy.py")
CLIENTS: Final = 30
GRACE: Final = {"SANIC_GRACEFUL_SHUTDOWN_TIMEOUT": "1"}
BODY: Final = b"x" * 100_000
# The longest that a shutdown may take once nothing is under way; a machine that does much else takes longer.
SOON_S: Final = 1.0
PATIENCE_S: Final = 10.0


@dataclass
class Load:
    """What busy clients have met.

    Attributes:
        answered: How many answers were whole.
        lost: Requests without an answer, on connections of which no answer had said that it was the last.
        last_at: When the last answer came.
    """

    answered: int = 0
    lost: list[str] = field(default_factory=list)
    last_at: float = 0


async def asked(peer: Peer, path: str) -> Answer:
    """Ask for a path; an upload comes in pieces, with pauses in between."""
    if path != "/upload":
        await peer.pour(get(path))
        return await peer.answer()
    request = post(BODY, path)
    for start in range(0, len(request), 25_000):
        await peer.pour(request[start : start + 25_000])
        await trio.sleep(0.02)
    return await peer.answer()


async def be_busy(load: Load, port: int, number: int) -> None:
    """Ask again and again, with short thoughts in between or none, until told that it was the last time."""
    random = Random(number)
    path = ("/small", "/small", "/slow", "/streamed", "/upload")[number % 5]
    thinks_s = (0, 0.01, 0.3)[number % 3]
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        peer = Peer(stream, PATIENCE_S)
        while True:
            answer = await asked(peer, path)
            load.last_at = trio.current_time()
            if not answer.whole or answer.status != 200:
                load.lost.append(f"client {number}: {path}: {answer}")
                return
            load.answered += 1
            if not answer.keeps_alive:
                return
            await trio.sleep(random.uniform(0, thinks_s))


@pytest.mark.parametrize("after_s", [0.2, 0.5, 0.77])
async def test_no_request_is_lost_and_no_busy_connection_closed_without_notice(after_s: float) -> None:
    """Design, shutdown: 30 clients that ask without a pause, or with one that is short."""
    load = Load()
    async with serving(PROGRAM) as server:
        async with trio.open_nursery() as clients:
            for number in range(CLIENTS):
                clients.start_soon(be_busy, load, server.port, number)
            await trio.sleep(after_s)
            with trio.fail_after(PATIENCE_S):
                while load.answered <= CLIENTS:  # noqa: ASYNC110  # on a machine that does much else
                    await trio.sleep(0.01)
            server.process.send_signal(signal.SIGTERM)
        assert load.lost == []
        assert await server.exit_status() == 0
        assert trio.current_time() - load.last_at < SOON_S
    assert b"Traceback" not in server.output, server.output.decode()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Peer]:
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        yield Peer(stream, PATIENCE_S)


async def seconds_to_stop(server: Server) -> float:
    start = trio.current_time()
    assert await server.stop(signal.SIGTERM) == 0
    return trio.current_time() - start


async def test_clients_that_are_idle_since_long_hold_up_nothing() -> None:
    """Design, shutdown: they get a FIN at once, and what crosses it is still read."""
    async with serving(PROGRAM) as server, connected(server) as peer, connected(server) as silent:
        assert (await asked(peer, "/small")).keeps_alive
        await trio.sleep(1.2)
        assert await seconds_to_stop(server) < SOON_S
        assert await peer.end() == await silent.end() == "closed"


@pytest.mark.parametrize("request_of", ["/upload", "/endless"])
async def test_a_client_that_stalls_is_cut_off_at_the_end_of_the_grace(request_of: str) -> None:
    """`GRACEFUL_SHUTDOWN_TIMEOUT`: it neither sends its body, nor reads what it has asked for."""
    ask = post(BODY, "/upload")[:-1] if request_of == "/upload" else get("/endless")
    async with serving(PROGRAM, GRACE) as server, connected(server) as peer:
        await peer.send(ask)
        await trio.sleep(0.2)
        assert 0.9 < await seconds_to_stop(server) < 1 + SOON_S
    assert b"cut off at the end of the grace: connections: 1" in server.output


async def test_an_upload_without_end_is_cut_off_at_the_end_of_the_grace() -> None:
    """As above, with bytes that come all the time."""
    async with serving(PROGRAM, GRACE) as server, connected(server) as peer, trio.open_nursery() as nursery:

        async def pour() -> None:
            while True:
                await peer.pour(BODY)
                await trio.sleep(0.01)

        await peer.send(get("/upload", "Content-Length: 99999999999", method="POST"))
        nursery.start_soon(pour)
        await trio.sleep(0.2)
        assert 0.9 < await seconds_to_stop(server) < 1 + SOON_S
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("path", ["/shielded", "/thread"])
async def test_what_cannot_be_cancelled_is_killed_with_its_process(path: str) -> None:
    """Design, shutdown: neither a shield nor a thread makes a server immortal; the log says which it was."""
    async with serving(PROGRAM, GRACE) as server, connected(server) as peer:
        await peer.send(get(path))
        await trio.sleep(0.2)
        assert await server.stop(signal.SIGTERM) == -signal.SIGTERM
    assert server.output.count(f"this cannot be cancelled: GET {path}\n".encode()) == 1
