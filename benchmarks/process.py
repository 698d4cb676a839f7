"""A server under test as a process: pinned to its core, watched through the kernel's own counters."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.client import Address, BenchmarkError, Connection, get
from benchmarks.peers import Peer
from benchmarks.venv import ROOT

START_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    address: Address

    def cpu_s(self) -> float:
        """Return the CPU time of all its threads so far.

        Raises:
            BenchmarkError: The process has died.
        """
        # clock_getcpuclockid(3) for another process; /proc/PID/stat only counts in steps of 10 ms.
        clock = (~self.pid << 3) | 2
        try:
            return time.clock_gettime(clock)
        except OSError as error:
            raise BenchmarkError("the server died") from error

    def memory_kib(self) -> int:
        """Return its anonymous memory: heap and stacks, without the file-backed pages of libraries."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
        raise BenchmarkError("the kernel does not tell the server's anonymous memory")

    def peak_kib(self, *, anew: bool = False) -> int:
        """Return the most memory that it has had, all kinds together, since it was asked ``anew``."""
        if anew:
            Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])


def cores() -> tuple[int, int]:
    """Return the server's core and the load generator's: different, and no siblings if possible.

    Raises:
        BenchmarkError: This process may only use one core.
    """
    allowed = sorted(os.sched_getaffinity(0))
    first = allowed[0]
    siblings = Path(f"/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list")
    shared = siblings.read_text().strip() if siblings.exists() else ""
    others = [core for core in allowed[1:] if str(core) not in shared.replace("-", ",").split(",")]
    candidates = others or allowed[1:]
    if not candidates:
        raise BenchmarkError("two cores are needed: one for the server, one for the load")
    return first, candidates[0]


@contextmanager
def running(peer: Peer, python: Path, core: int) -> Iterator[Server]:
    """Run a server for the length of a ``with`` block.

    Raises:
        BenchmarkError: It did not answer in time, or the block raised this or an ``OSError``; the message
            ends with what the server wrote.
    """
    with tempfile.TemporaryFile("w+") as output:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address: Address = probe.getsockname()
        command = [str(python), "-m", peer.module, str(address[1]), *peer.arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        try:
            os.sched_setaffinity(process.pid, {core})
            _await_answer(process, address)
            yield Server(process.pid, address)
        except (BenchmarkError, OSError) as error:
            raise BenchmarkError(f"{error}{_last_words(output)}") from error
        finally:
            # Not terminate(): a graceful end would wait for the connections that are stalled on purpose.
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], address: Address) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with Connection(address) as connection:
                connection.exchange(get("/hello"))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BenchmarkError("the server did not start")


def _last_words(output: IO[str]) -> str:
    output.seek(0)
    lines = output.read().strip().splitlines()
    return f"; its last line: {lines[-1][:200]}" if lines else ""
