"""What a workload hands back, and how much of it there is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import Final

from benchmarks.process import Server

GIB: Final = 2**30


class Better(Enum):
    """Which way a number is good."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Metric:
    """One kind of number, a row of the tables."""

    name: str
    title: str
    unit: str
    better: Better


@dataclass(frozen=True, slots=True)
class Usage:
    """What the two cores did while something was measured.

    Args:
        wall_s: How long it took.
        server_s: CPU time of the server.
        load_s: CPU time of the load generator.
        operations: What the server's CPU time is divided by: requests, pieces, or MiB of a transfer.
    """

    wall_s: float
    server_s: float
    load_s: float
    operations: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one metric; without a value where the server cannot be measured.

    Args:
        metric: A name from the table of metrics.
        value: In the metric's unit.
        note: Why there is no value, or what to know about it.
        usage: Where the load is meant to saturate the server.
    """

    metric: str
    value: float | None
    note: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes of the workloads."""

    seconds: float
    connections: int
    bulk_bytes: int
    pieces: int
    idle_connections: int
    stalled_clients: int
    busy_connections: int
    closes: int
    messages: int
    room: int
    copies: int


FULL: Final = Scale(
    seconds=1.5,
    connections=32,
    bulk_bytes=GIB,
    pieces=200_000,
    idle_connections=2_000,
    stalled_clients=100,
    busy_connections=100,
    closes=100,
    messages=50_000,
    room=1_000,
    copies=50_000,
)
QUICK: Final = Scale(
    seconds=0.2,
    connections=32,
    bulk_bytes=GIB // 64,
    pieces=5_000,
    idle_connections=100,
    stalled_clients=10,
    busy_connections=10,
    closes=10,
    messages=5_000,
    room=50,
    copies=5_000,
)


class Meter:
    """A running account of both processes, since it was made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._start = self._now()

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), self._server.cpu_s(), time.process_time()

    def usage(self, operations: int) -> Usage:
        """Return what was used until now."""
        wall, server, load = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return Usage(wall, server, load, operations)
