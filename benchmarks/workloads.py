"""The table of workloads and of the numbers that they yield."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.bulk import download, first_piece, small_pieces, upload, upload_chunked
from benchmarks.cancellation import cancellation
from benchmarks.client import get
from benchmarks.files import big_file, small_file_requests
from benchmarks.heads import browser_request, json_request, page_requests, varied_requests
from benchmarks.measure import Better, Meter, Metric, Sample, Scale
from benchmarks.memory import idle_connections, stalled_downloads, stalled_uploads
from benchmarks.messages import broadcast, echo, idle_sockets, messages_down, messages_up
from benchmarks.process import Server
from benchmarks.pump import WARM_UP_S, http_pump

Run = Callable[[Server, Scale], list[Sample]]

# Of what takes seconds until memory is still or handlers wait, and differs little from round to round.
SLOW_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that is done to every server.

    Args:
        name: What ``--only`` calls it.
        metrics: What it yields.
        run: Does it once.
        fresh: Whether it needs a server of its own, since memory that an earlier workload has left
            free would hide what this one takes.
        max_rounds: Where more rounds would only take longer.
    """

    name: str
    metrics: tuple[Metric, ...]
    run: Run
    fresh: bool = False
    max_rounds: int | None = None


def _rate(requests: tuple[bytes, ...], metric: str, server: Server, scale: Scale) -> list[Sample]:
    with http_pump(server.address, requests, scale.connections) as pump:
        pump.run(WARM_UP_S)
        meter = Meter(server)
        answers = pump.run(scale.seconds)
        usage = meter.usage(answers)
    return [Sample(metric, answers / usage.wall_s, usage=usage)]


def _rate_workload(name: str, title: str, *requests: bytes) -> Workload:
    metric = Metric(name, title, "requests/s", Better.MORE)
    return Workload(name, (metric,), partial(_rate, requests, name))


def _message_rate(name: str, title: str, unit: str, run: Run) -> Workload:
    return Workload(name, (Metric(name, title, unit, Better.MORE),), run, max_rounds=SLOW_ROUNDS)


def _transfer(name: str, title: str, run: Run) -> Workload:
    return Workload(name, (Metric(name, title, "MiB/s", Better.MORE),), run)


def _memory(name: str, title: str, unit: str, run: Run) -> Workload:
    metric = Metric(name, title, unit, Better.LESS)
    return Workload(name, (metric,), run, fresh=True, max_rounds=SLOW_ROUNDS)


WORKLOADS: Final = (
    _rate_workload("hello2", "hello, 2 headers", get("/hello")),
    _rate_workload("hello9", "hello, a browser's 9 headers", browser_request()),
    _rate_workload("hello9-varied", "hello, 9 headers, order and case vary", *varied_requests()),
    _rate_workload("json", "JSON response", get("/json")),
    _rate_workload("json-echo", "1 KiB of JSON posted and answered", json_request()),
    _rate_workload("param", "path parameter", get("/param/1234567")),
    _rate_workload("page", "path parameter, middleware, cookie, JSON", *page_requests()),
    _rate_workload("small-files", "1,000 files of 2 KiB", *small_file_requests()),
    _transfer("up", "1 GiB up, Content-Length", upload),
    _transfer("up-chunked", "1 GiB up, chunked", upload_chunked),
    _transfer("down", "1 GiB down in 64 KiB pieces", download),
    Workload(
        "file",
        (
            Metric("file", "a file of 1 GiB", "MiB/s", Better.MORE),
            Metric("file-growth", "growth of the peak by it", "MiB", Better.LESS),
        ),
        big_file,
        fresh=True,
    ),
    Workload(
        "pieces",
        (Metric("pieces", "200,000 pieces of 64 bytes", "s", Better.LESS),),
        small_pieces,
    ),
    Workload(
        "first-piece",
        (Metric("first-piece", "pieces made before the first arrived", "pieces", Better.LESS),),
        first_piece,
        max_rounds=1,
    ),
    _memory("idle", "an idle connection", "KiB", idle_connections),
    _memory("stalled-up", "growth by 100 stalled uploads", "MiB", stalled_uploads),
    _memory("stalled-down", "growth by 100 unread downloads", "MiB", stalled_downloads),
    Workload(
        "cancel",
        (
            Metric("cancel-median", "close to cancellation, median", "ms", Better.LESS),
            Metric("cancel-worst", "close to cancellation, worst", "ms", Better.LESS),
        ),
        cancellation,
        max_rounds=SLOW_ROUNDS,
    ),
    _message_rate("ws-echo", "WebSocket: messages that come back", "round trips/s", echo),
    _message_rate("ws-up", "WebSocket: messages up", "messages/s", messages_up),
    _message_rate("ws-down", "WebSocket: messages down", "messages/s", messages_down),
    _message_rate("ws-broadcast", "WebSocket: a room of 1,000", "copies/s", broadcast),
    _memory("ws-idle", "an idle WebSocket", "KiB", idle_sockets),
)
