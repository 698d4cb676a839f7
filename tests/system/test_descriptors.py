"""A server that runs out of descriptors: those who ask are served, those who are idle give way."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.http.wires import GET, get
from tests.misfortunes.peers import Peer
from tests.system.tools import ROOT, START_S

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors and CPU in /proc"),
]

DESCRIPTORS: Final = 100
CLIENTS: Final = 200
PATIENCE_S: Final = 20
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
SHORT: Final = b"can't accept connections for the time being"
OVER: Final = b"connections are accepted again"


@dataclass(eq=False, slots=True)
class Limited:
    """A server that may have few descriptors, as a process."""

    process: trio.Process
    port: int
    log: bytearray = field(default_factory=bytearray)

    @property
    def descriptors(self) -> int:
        """How many are open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def cpu_s(self) -> float:
        """CPU time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    async def read_log(self) -> None:
        """Keep what it logs."""
        assert self.process.stderr is not None
        async for piece in self.process.stderr:
            self.log += piece


@asynccontextmanager
async def limited() -> AsyncIterator[Limited]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tests.server.limited", str(DESCRIPTORS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        with trio.fail_after(START_S):
            server = Limited(process, int(await process.stdout.receive_some()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.read_log)
            yield server
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def connect(stack: AsyncExitStack, server: Limited) -> Peer:
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    return Peer(await stack.enter_async_context(stream), PATIENCE_S)


async def be_busy(peer: Peer, answers: list[int]) -> None:
    """Ask again and again; each answer must come."""
    while True:
        answers.append((await peer.ask(GET)).status)
        await trio.sleep(0.05)


async def test_the_idle_give_way_to_those_who_ask() -> None:
    """http-rules §2 (2): one line for the whole of it, busy clients untouched, and full recovery."""
    answers: list[int] = []
    async with limited() as server, trio.open_nursery() as nursery:
        before = server.descriptors
        async with AsyncExitStack() as stack:
            for _ in range(5):
                nursery.start_soon(be_busy, await connect(stack, server), answers)
            idle = []
            for _ in range(CLIENTS):
                idle.append(await connect(stack, server))
                assert (await idle[-1].ask(GET)).status == 200
            start = server.cpu_s
            late = await connect(stack, server)
            assert (await late.ask(GET)).status == 200
            assert await idle[0].end() == "closed"
            await trio.sleep(1)
            assert server.cpu_s - start < 0.5
            nursery.cancel_scope.cancel()
        assert set(answers) == {200}
        assert server.log.count(SHORT) == 1
        with trio.fail_after(PATIENCE_S):
            while server.descriptors > before:  # noqa: ASYNC110  # another process's
                await trio.sleep(0.01)
        assert b"Traceback" not in server.log, server.log.decode()


async def test_where_all_are_busy_newcomers_wait_and_nobody_spins() -> None:
    """http-rules §2 (2): no busy loop; who waits is served as soon as there is room, and the log says so."""
    async with limited() as server, AsyncExitStack() as stack:
        async with AsyncExitStack() as busy:
            for _ in range(DESCRIPTORS):
                await (await connect(busy, server)).send(get("/wait"))
            late = await connect(stack, server)
            await late.send(GET)
            await trio.sleep(0.5)
            assert server.descriptors == DESCRIPTORS
            start = server.cpu_s
            await trio.sleep(2)
            assert server.cpu_s - start < 0.3
        assert (await late.answer()).status == 200
        await trio.sleep(5.2)
        assert (await (await connect(stack, server)).ask(GET)).status == 200
        with trio.fail_after(PATIENCE_S):
            while OVER not in server.log:  # noqa: ASYNC110  # another process's
                await trio.sleep(0.01)
        assert server.log.count(SHORT) == 1
