"""Where each microsecond of a hello request goes: the layers measured one by one, on one core.

``python -m benchmarks.breakdown`` prints the table; with ``--update-readme`` it puts it into README.md.
Layers that can run alone are timed alone; the connection and the dispatch are what a whole turn over a wire
without a kernel takes more than these.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from contextvars import Context
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import trio
import trio.testing

from benchmarks.apps.payloads import HELLO
from benchmarks.apps.triosanic_app import build
from benchmarks.client import get
from benchmarks.heads import browser_request
from benchmarks.process import cores
from benchmarks.report import README
from benchmarks.tables import markdown, number
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.guard import take_head
from triosanic.http.limits import Limits
from triosanic.http.reply import render
from triosanic.http.timers import Timers
from triosanic.http.wire import Sink, Wire
from triosanic.response import text

BEGIN: Final = "<!-- breakdown: begin -->\n"
END: Final = "<!-- breakdown: end -->\n"
CONNECTIONS: Final = 32
TURNS: Final = 100
REPEATS: Final = 15
PLAIN: Final = "text/plain; charset=utf-8"
REQUESTS: Final = {"2 headers": get("/hello"), "9 headers": browser_request()}


@dataclass(slots=True)
class NoKernel:
    """A wire that takes everything and costs nothing."""

    sink: Sink | None = None
    peer: str = ""
    local: str = ""
    tls: bool = False
    queued: int = 0

    def deliver(self, sink: Sink, nursery: trio.Nursery) -> None:  # noqa: ARG002  # a wire's
        self.sink = sink

    def resume(self) -> None:
        pass

    def look(self) -> None:
        pass

    def expect_much(self) -> None:
        pass

    def hold(self, send: Callable[[], None]) -> bool:  # noqa: ARG002  # a wire's
        return False

    async def receive(self, max_bytes: int) -> bytes:
        raise NotImplementedError

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        return sum(map(len, parts))

    async def send_some(self, data: memoryview) -> int:
        return len(data)

    async def send_eof(self) -> None:
        pass

    def abort(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class Minimal:
    """Answers without a framework."""

    async def handle(self, exchange: Exchange) -> None:
        await exchange.reply(200, (), HELLO.encode(), PLAIN)

    async def fail(self, exchange: Exchange, error: Exception) -> None:  # noqa: ARG002  # an application's
        raise error


def each(call: Callable[[], object]) -> float:
    """Return the microseconds of a call."""
    number_of_calls = CONNECTIONS * TURNS
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(number_of_calls):
            call()
        times.append(time.perf_counter() - start)
    return min(times) / number_of_calls * 1e6


def kernel(request: bytes, answer: bytes) -> tuple[float, float]:
    """Return the microseconds of receiving a request, with a share of the poll, and of sending an answer."""
    received, sent = [], []
    with ExitStack() as stack, select.epoll() as poll:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        pairs = []
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.create_connection(listener.getsockname()))
            server = stack.enter_context(listener.accept()[0])
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(server, select.EPOLLIN)
            pairs.append((client, server))
        servers = {server.fileno(): server for _, server in pairs}
        for _ in range(TURNS * REPEATS):
            for client, _ in pairs:
                client.send(request)
            start = time.perf_counter()
            for fd, _ in poll.poll():
                servers[fd].recv(65_536)
            received.append(time.perf_counter() - start)
            start = time.perf_counter()
            for _, server in pairs:
                server.send(answer)
            sent.append(time.perf_counter() - start)
            for client, _ in pairs:
                client.recv(65_536)
    return min(received) / CONNECTIONS * 1e6, min(sent) / CONNECTIONS * 1e6


async def switch() -> float:
    """Return the microseconds of handing over to a task that is parked."""
    parked: list[trio.lowlevel.Task] = []

    async def worker() -> None:
        while True:
            parked.append(trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    def wake() -> None:
        tasks = parked.copy()
        parked.clear()
        for task in tasks:
            trio.lowlevel.reschedule(task)

    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(worker)
        await trio.testing.wait_all_tasks_blocked()
        best = await turns(wake)
        nursery.cancel_scope.cancel()
    return best


async def turns(deliver: Callable[[], object]) -> float:
    """Return the microseconds of what ``deliver`` sets going for each connection."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(TURNS):
            deliver()
            await trio.lowlevel.cancel_shielded_checkpoint()
        times.append(time.perf_counter() - start)
    return min(times) / (TURNS * CONNECTIONS) * 1e6


application = cache(build)  # a name has one app
Serve = Callable[[Sequence[NoKernel], trio.Nursery], Awaitable[None]]


async def without_framework(wires: Sequence[NoKernel], nursery: trio.Nursery) -> None:
    """Serve ``wires`` with `Minimal`."""
    timers = Timers()
    for wire in wires:
        nursery.start_soon(Connection(wire, Minimal(), Limits(), Context(), timers=timers).run)


async def with_framework(wires: Sequence[NoKernel], nursery: trio.Nursery) -> None:
    """Serve ``wires`` with the benchmarks' program."""
    send, receive = trio.open_memory_channel[Wire](CONNECTIONS)
    for wire in wires:
        send.send_nowait(wire)
    await nursery.start(partial(application().serve, sock=(), wires=receive))


async def conversation(serve: Serve, request: bytes) -> float:
    """Return the microseconds of a request's whole way through a connection without a kernel."""
    wires = [NoKernel() for _ in range(CONNECTIONS)]

    def deliver() -> None:
        for wire in wires:
            assert wire.sink is not None
            wire.sink.on_data(request)

    async with trio.open_nursery() as nursery:
        await serve(wires, nursery)
        await trio.testing.wait_all_tasks_blocked()
        best = await turns(deliver)
        nursery.cancel_scope.cancel()
    return best


def layers(request: bytes) -> dict[str, float]:
    """Return the microseconds of each layer, from the wire to the program."""
    response = text(HELLO)
    answer = render(200, (), response.body, content_type=PLAIN, keep_alive=True, head_only=False)
    receiving, sending = kernel(request, answer)
    guard = each(lambda: take_head(request, Limits()))
    rendering = each(
        lambda: render(200, (), response.body, content_type=PLAIN, keep_alive=True, head_only=False)
    )
    switching = trio.run(switch)
    connection = trio.run(conversation, without_framework, request)
    whole = trio.run(conversation, with_framework, request)
    return {
        "kernel: a share of `epoll_wait`, `recv`": receiving,
        "guard: the head, read strictly": guard,
        "Trio: waking a task and running it": switching,
        "connection and exchange: framing, deadlines, hand-over": connection - guard - switching - rendering,
        "dispatch: request, route, handler, response": whole - connection,
        "rendering the response": rendering,
        "kernel: `send`": sending,
    }


def report() -> str:
    """Measure, and write the table."""
    columns = {title: layers(request) for title, request in REQUESTS.items()}
    rows = [
        [name, *(number(column[name]) for column in columns.values())]
        for name in next(iter(columns.values()))
    ]
    rows.append(["**sum**", *(f"**{number(sum(column.values()))}**" for column in columns.values())])
    return markdown(["µs of a hello request", *columns], rows)


def main() -> None:
    """Print the table; put it into README.md if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breakdown", description=__doc__)
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {cores()[0]})
    table = report()
    print(table)
    if arguments.update_readme:
        before, _, rest = README.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}{table}\n{END}{after}")


if __name__ == "__main__":
    main()
