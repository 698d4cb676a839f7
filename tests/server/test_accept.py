"""Accepting connections: what may go wrong there ends nothing, and what is open ends in order."""

import errno
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.http.wires import GET, App, post, reply
from triosanic.http.connection import Application
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.server import Server, listen

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def serving(
    app: Application, *, listener: socket.socket | None = None, max_connections: int | None = None
) -> AsyncIterator[tuple[Server, tuple[Any, ...], trio.Nursery]]:
    """Serve an app on a free port; give the server, its address, and the nursery of its tasks."""
    if listener is None:
        (listener,) = await listen("127.0.0.1", 0)
    address = listener.getsockname()
    server = Server(app, Limits(), Context(), max_connections=max_connections)
    async with server.running() as nursery:
        nursery.start_soon(server.accept, listener, nursery)
        yield server, address, nursery
        nursery.cancel_scope.cancel()


async def ask(stream: trio.abc.Stream, request: bytes = GET) -> bytes:
    await stream.send_all(request)
    return bytes(await stream.receive_some())


class Flaky(socket.socket):
    """A listener whose `accept` fails with given errors before it succeeds."""

    errors: tuple[int, ...] = ()

    def accept(self) -> Any:
        if self.errors:
            number, self.errors = self.errors[0], self.errors[1:]
            raise OSError(number, "injected")
        return super().accept()


@pytest.mark.parametrize(
    "name", ["ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EMFILE", "ENFILE", "ENOBUFS", "EINTR"]
)
async def test_accept_survives_what_is_not_the_listener_s_end(name: str) -> None:
    """http-rules §2, Linux's accept(2): errors of the new connection are told by accept; CVE-2022-31015."""
    listener = Flaky(socket.AF_INET, socket.SOCK_STREAM)
    listener.errors = (getattr(errno, name),) * 3
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    async with serving(App(), listener=listener) as (_, address, _nursery):
        stream = await trio.open_tcp_stream(*address)
        assert (await ask(stream)).startswith(b"HTTP/1.1 200 OK")
        await stream.aclose()


async def test_a_broken_listener_is_an_error() -> None:
    """No busy loop: who runs the server is told."""
    listener = Flaky(socket.AF_INET, socket.SOCK_STREAM)
    listener.errors = (errno.EINVAL,)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    address = listener.getsockname()
    server = Server(App(), Limits(), Context())
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            with pytest.raises(OSError, match="injected"):
                await server.accept(listener, nursery)

        nursery.start_soon(accept)
        with suppress(OSError):  # who comes may find it closed already
            await (await trio.open_tcp_stream(*address)).aclose()
    assert listener.fileno() == -1


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_NOFILE")
async def test_running_out_of_descriptors_stops_nobody_who_is_served() -> None:
    """http-rules §2 (2): EMFILE: one warning, no busy loop, and new connections once there is room."""
    command = [sys.executable, "-m", "tests.server.limited", "30"]
    clients: list[trio.SocketStream] = []
    async with trio.open_nursery() as nursery:
        process = await nursery.start(_start, command)
        port = int(await process.stdout.receive_some())
        for _ in range(40):
            clients.append(await trio.open_tcp_stream("127.0.0.1", port))
        assert (await ask(clients[0])).startswith(b"HTTP/1.1 200 OK")
        await trio.sleep(0.5)
        assert (await ask(clients[1])).startswith(b"HTTP/1.1 200 OK")  # and those that are served go on
        for client in clients[1:30]:
            await client.aclose()
        assert (await ask(clients[-1])).startswith(b"HTTP/1.1 200 OK")
        for client in clients:
            await client.aclose()
        process.terminate()
        log = b""
        async for piece in process.stderr:
            log += piece
    assert log.count(b"can't accept connections") in range(1, 4)
    assert b"Traceback" not in log.replace(b'Traceback (most recent call last):\n  File "<frozen runpy>', b"")


async def _start(
    command: list[str], task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED
) -> None:
    process = await trio.lowlevel.open_process(command, stdout=-1, stderr=-1, cwd=ROOT)
    try:
        task_status.started(process)
        await process.wait()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@pytest.mark.parametrize("burst", [True, False], ids=["burst", "one by one"])
async def test_connections_above_the_limit_are_answered_at_the_door(burst: bool) -> None:
    """Table: `MAX_CONNECTIONS`: 503 at the door."""
    (listener,) = await listen("127.0.0.1", 0)
    address = listener.getsockname()
    streams = [await trio.open_tcp_stream(*address) for _ in range(10 if burst else 0)]
    async with serving(App(), listener=listener, max_connections=3) as (server, _, _nursery):
        answers = []
        for number in range(10):
            if not burst:
                streams.append(await trio.open_tcp_stream(*address))
            answers.append((await ask(streams[number]))[:12])
            assert server.connections <= 3
        assert answers == [b"HTTP/1.1 200"] * 3 + [b"HTTP/1.1 503"] * 7
        assert await streams[5].receive_some() == b""
        await streams[0].aclose()
        while server.connections == 3:
            await trio.lowlevel.checkpoint()
        async with await trio.open_tcp_stream(*address) as stream:  # there is room again
            assert (await ask(stream)).startswith(b"HTTP/1.1 200")
        for stream in streams:
            await stream.aclose()


async def test_a_client_that_leaves_before_it_is_accepted_harms_nobody() -> None:
    """CVE-2024-49769: no busy loop, and the descriptor is freed."""
    (listener,) = await listen("127.0.0.1", 0)
    address = listener.getsockname()
    for number in range(30):
        sock = socket.create_connection(address)
        if number % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    async with serving(App(), listener=listener) as (server, _, _nursery):
        async with await trio.open_tcp_stream(*address) as stream:
            assert (await ask(stream)).startswith(b"HTTP/1.1 200 OK")
        with trio.fail_after(5):
            while server.connections:
                await trio.lowlevel.checkpoint()


async def test_a_connection_knows_both_addresses() -> None:
    """`Wire.peer`, `Wire.local`."""
    seen: list[tuple[object, object]] = []

    async def handle(exchange: Exchange) -> None:
        seen.append((exchange.link.wire.peer, exchange.link.wire.local))
        await reply(exchange)

    async with serving(App(handle)) as (_, address, _nursery):
        stream = await trio.open_tcp_stream(*address)
        await ask(stream)
        assert seen == [(stream.socket.getsockname(), address)]
        await stream.aclose()


async def test_draining_closes_idle_connections_and_lets_the_others_end() -> None:
    """Design, shutdown: close idle connections, `Connection: close` on the rest, wait for the last."""
    goes_on = trio.Event()

    async def handle(exchange: Exchange) -> None:
        if exchange.head.target == "/slow":
            await goes_on.wait()
        await reply(exchange)

    order: list[str] = []
    async with serving(App(handle)) as (server, address, nursery):
        idle, silent, slow = [await trio.open_tcp_stream(*address) for _ in range(3)]
        await ask(idle)
        await slow.send_all(GET.replace(b"/ ", b"/slow "))
        while server.connections < 3:
            await trio.lowlevel.checkpoint()
        await trio.sleep(0.02)

        async def drain() -> None:
            await server.drain()
            order.append("drained")

        nursery.start_soon(drain)
        assert await idle.receive_some() == b""
        assert await silent.receive_some() == b""
        assert (order, server.connections) == ([], 1)
        goes_on.set()
        answer = await slow.receive_some()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        assert await slow.receive_some() == b""
        await trio.sleep(0.02)
        assert order == ["drained"]
        for stream in (idle, silent, slow):
            await stream.aclose()


async def test_many_clients_share_one_server() -> None:
    """One task reads all sockets, and one keeps all deadlines: nobody gets another's answer."""

    async def handle(exchange: Exchange) -> None:
        await reply(exchange, await exchange.body.read_all(100))

    async def talk(number: int) -> None:
        stream = await trio.open_tcp_stream(*address)
        for turn in range(10):
            body = b"%d.%d" % (number, turn)
            answer = await ask(stream, post(body))
            assert answer.endswith(b"\r\n\r\n" + body)
            if number % 10 == turn:  # some leave in the midst of it
                break
        await stream.aclose()

    async with serving(App(handle)) as (server, address, _nursery):
        async with trio.open_nursery() as talks:
            for number in range(200):
                talks.start_soon(talk, number)
        with trio.fail_after(5):
            while server.connections:
                await trio.lowlevel.checkpoint()


async def test_draining_nothing_ends_at_once() -> None:
    """As above."""
    async with serving(App()) as (server, _, _nursery):
        with trio.fail_after(1):
            await server.drain()


async def test_at_the_end_whatever_is_open_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """Design, shutdown: the grace deadline, and then cancel."""
    ended = trio.Event()

    async def handle(exchange: Exchange) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with serving(App(handle)) as (_, address, _nursery):
        stream = await trio.open_tcp_stream(*address)
        await stream.send_all(GET)
        await trio.sleep(0.02)
    assert ended.is_set()
    with suppress(trio.BrokenResourceError):
        assert await stream.receive_some() == b""
    await stream.aclose()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_listener_is_closed_with_its_server() -> None:
    """Nobody is left to wait in its backlog."""
    async with serving(App()) as (_, address, _nursery):
        pass
    with pytest.raises(OSError, match="failed"):
        await trio.open_tcp_stream(*address)
