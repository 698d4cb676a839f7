"""Programs of the system, and the examples run as a person runs them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import trio

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"
# A start takes half a second; on a machine that does much else, several.
START_S: Final = 30
ADDRESS: Final = re.compile(rb"http://127\.0\.0\.1:([0-9]+)")


def program(name: str) -> str:
    """Find a program, or fail: a test of the system that cannot run has not passed."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed; `make test-system` installs it")
    return found


@dataclass(eq=False, slots=True)
class Server:
    """A program that serves, as a process."""

    process: trio.Process
    output: bytearray = field(default_factory=bytearray)
    # Set once the address has been printed, or the output has ended without it.
    started: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        """The address that the program printed."""
        match = ADDRESS.search(self.output)
        assert match, self.output.decode()
        return match[0].decode()

    @property
    def port(self) -> int:
        """The port of that address."""
        return int(self.url.rpartition(":")[2])

    def peak_bytes(self) -> int:
        """Tell how much memory the process has had at most (Linux: VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    async def stop(self, number: signal.Signals) -> int:
        """Send a signal, and give the exit status."""
        self.process.send_signal(number)
        return await self.exit_status()

    async def exit_status(self) -> int:
        """Wait for the end, with all its output read."""
        with trio.fail_after(START_S):
            await self.ended.wait()
            return await self.process.wait()

    async def read_output(self) -> None:
        """Keep what the program says, until its end."""
        assert self.process.stdout is not None
        async for piece in self.process.stdout:
            self.output += piece
            if ADDRESS.search(self.output):
                self.started.set()
        self.ended.set()
        self.started.set()


@asynccontextmanager
async def serving(file: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Run a program on a free port until the block ends, from the time it says where it listens."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(file)],
        # This checkout is what is tested, whatever is installed.
        env={**os.environ, "PORT": "0", "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    server = Server(process)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.read_output)
        try:
            with trio.fail_after(START_S):
                await server.started.wait()
            yield server
        finally:
            if process.poll() is None:
                process.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + START_S):
                await process.wait()
            nursery.cancel_scope.cancel()
