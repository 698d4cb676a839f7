"""The workload that asks how soon a handler learns that its client has gone."""

from __future__ import annotations

import json
import statistics
import time
from contextlib import ExitStack
from typing import Final

from benchmarks.client import Connection, get
from benchmarks.measure import Sample, Scale
from benchmarks.process import Server
from benchmarks.pump import http_pump

# Until every handler waits, between two closes, and after the last one; a slow server's turn takes 0.3 s.
START_S: Final = 1.0
BETWEEN_S: Final = 0.02
GRACE_S: Final = 1.0


def cancellation(server: Server, scale: Scale) -> list[Sample]:
    """Close the clients of waiting handlers one by one, beside connections that saturate the server."""
    closed_ns = []
    with http_pump(server.address, (get("/hello"),), scale.busy_connections) as pump, ExitStack() as stack:
        waiting = [stack.enter_context(Connection(server.address)) for _ in range(scale.closes)]
        for number, connection in enumerate(waiting):
            connection.socket.sendall(get(f"/wait/{number}"))
        pump.run(START_S)
        for connection in waiting:
            closed_ns.append(time.monotonic_ns())
            connection.socket.close()
            pump.run(BETWEEN_S)
        pump.run(GRACE_S)
    with Connection(server.address) as connection:
        _, answer = connection.exchange(get("/ended"))
    ended_ns = {int(number): at_ns for number, at_ns in json.loads(answer).items()}
    if len(ended_ns) < scale.closes:
        note = "never cancelled" if not ended_ns else f"{len(ended_ns)} of {scale.closes} cancelled"
        return [Sample("cancel-median", None, note), Sample("cancel-worst", None, note)]
    delays_ms = [(ended_ns[number] - at_ns) / 1e6 for number, at_ns in enumerate(closed_ns)]
    return [
        Sample("cancel-median", statistics.median(delays_ms)),
        Sample("cancel-worst", max(delays_ms)),
    ]
