"""Floods of a server that is a process: what they are, what it holds meanwhile, how long others wait."""

import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import trio

from tests.fuzz.fuzzer import PROGRAM, ask, stats
from tests.http.wires import get
from tests.system.tools import ADDRESS, ROOT, START_S

KIB: Final = 2**10
MIB: Final = 2**20
GROWTH_BYTES: Final = 2 * MIB
# What another client may wait: a server that lets others wait does so in most attempts.
WAIT_S: Final = 0.05
ATTEMPTS: Final = 3
FLOOD_S: Final = 0.4
# A connection whose client does nothing.
IDLE: Final = 16 * KIB


@dataclass(frozen=True, slots=True)
class Flood:
    """What clients do, over and over.

    Attributes:
        start: What each connection begins with.
        piece: What is sent after that, until the server closes or the time is over; nothing if empty.
        clients: How many do it at once.
        reads: Whether the answers are read.
        pause_s: Between pieces.
        client_bytes: What each client may take of the server's memory besides, as is documented.
    """

    start: bytes
    piece: bytes = b""
    clients: int = 1
    reads: bool = False
    pause_s: float = 0.0
    client_bytes: int = 0

    async def run(self, port: int) -> None:
        """Flood until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(self.clients):
                nursery.start_soon(self._be_a_client, port, number / self.clients)

    async def _be_a_client(self, port: int, late: float) -> None:
        await trio.sleep(late * FLOOD_S)  # all at once would keep this process busy, and not the server
        while True:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream, trio.open_nursery() as nursery:
                if self.reads:
                    nursery.start_soon(_swallow, stream)
                await self._pour(stream)
                nursery.cancel_scope.cancel()

    async def _pour(self, stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(self.start)
            while self.piece:
                await stream.send_all(self.piece)
                await trio.sleep(self.pause_s)
            await trio.sleep_forever()


async def _swallow(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        async for _ in stream:
            pass


def many(piece: bytes, size: int = 256 * KIB) -> bytes:
    """Give that piece over and over, as it is sent at once."""
    return piece * (size // len(piece))



@dataclass(slots=True)
class Flooded:
    """A server in its own process.

    Attributes:
        port: Where it listens.
        nothing: What it holds when nobody is there.
        pid: Its process.
        output: A file of what it has printed.
        rest_bytes: The most memory that it has had at rest; see `settle`.
    """

    port: int
    nothing: Mapping[str, int]
    pid: int
    output: Path
    rest_bytes: int = 0

    def settle(self) -> int:
        """Look for the peak anew from here on; tell how much memory it has had at most at rest so far.

        The C library gives back what is free, and takes it again, as it likes: that is no growth.
        """
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        self.rest_bytes = max(self.rest_bytes, self.peak_bytes())
        return self.rest_bytes

    def peak_bytes(self) -> int:
        """Tell how much memory it has had at most, since it has settled (Linux: VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return KIB * int(status.partition("VmHWM:")[2].split()[0])

    def cpu_s(self) -> float:
        """Tell the CPU time of all its threads so far (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)


@dataclass(frozen=True, slots=True)
class Wait:
    """For one answer: by the clock, and what the server computed meanwhile.

    The machine's cores may be busy with something else, the flooding itself above all, and the server has its
    own pace on each: what it lets somebody wait for is at most the lesser of the two.
    """

    wall_s: float
    server_s: float

    @property
    def least_s(self) -> float:
        """What the server may be blamed for."""
        return min(self.wall_s, self.server_s)


@contextmanager
def flooded(folder: Path, warm_up: Callable[[int], Awaitable[object]]) -> Iterator[Flooded]:
    """Serve until the block ends; ``warm_up`` does once all that will be done."""
    output = folder / "output"
    environment = {
        **os.environ,
        "PORT": "0",
        "PYTHONPATH": str(ROOT),
        "SANIC_RESPONSE_TIMEOUT": "3",
        "SANIC_WEBSOCKET_PING_INTERVAL": "1",
        "SANIC_WEBSOCKET_PING_TIMEOUT": "1",
    }
    with output.open("wb") as out:
        process = subprocess.Popen([sys.executable, PROGRAM], stdout=out, stderr=out, env=environment)
    try:
        yield Flooded(*trio.run(_begin, output, warm_up), process.pid, output)
    finally:
        process.kill()
        process.wait()


async def _begin(output: Path, warm_up: Callable[[int], Awaitable[object]]) -> tuple[int, Mapping[str, int]]:
    with trio.fail_after(START_S):
        while not (match := ADDRESS.search(await trio.Path(output).read_bytes())):  # noqa: ASYNC110  # a process
            await trio.sleep(0.01)
        port = int(match[1])
        await warm_up(port)
        await stats(port)
        return port, await stats(port)


# What floods a port, or asks it something.
Calling = Callable[[int], Awaitable[None]]


async def ask_plainly(port: int) -> None:
    """Be another client, with a connection for each request."""
    await ask(port, get())


async def waits_during(
    server: Flooded, flooding: Calling, limit_s: float, call: Calling = ask_plainly
) -> list[Wait]:
    """Flood, for so long at most, and tell how long another client waits for its answers meanwhile."""
    waits: list[Wait] = []

    async def be_another() -> None:
        while True:
            start, used_s = trio.current_time(), server.cpu_s()
            await call(server.port)
            waits.append(Wait(trio.current_time() - start, server.cpu_s() - used_s))
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_another)
        with trio.move_on_after(limit_s):
            await flooding(server.port)
        nursery.cancel_scope.cancel()
    return waits


async def assert_nobody_waits(
    server: Flooded, flooding: Calling, limit_s: float, call: Calling = ask_plainly
) -> None:
    """In most attempts nobody has to wait, and by the clock most do not."""
    worst: list[float] = []
    usual: list[float] = []
    while len(worst) < ATTEMPTS and sum(wait <= WAIT_S for wait in worst) <= ATTEMPTS // 2:
        waits = await waits_during(server, flooding, limit_s, call)
        enough = len(waits) > 5
        worst.append(max(wait.least_s for wait in waits) if enough else limit_s)
        usual.append(median(wait.wall_s for wait in waits) if enough else limit_s)
    assert median(worst) <= WAIT_S, worst
    assert min(usual) <= WAIT_S, usual


async def assert_nothing_is_left(server: Flooded) -> None:
    """All connections end, and the log says nothing."""
    with trio.fail_after(30):
        while await stats(server.port) != server.nothing:  # noqa: ASYNC110  # a process
            await trio.sleep(0.02)
    log = await trio.Path(server.output).read_text()
    assert log.count("\n") == 1, log
