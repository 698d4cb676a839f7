"""Accepting connections: what may go wrong there ends nothing, and what is open ends in order."""

import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

import pytest
import trio

from tests.http.wires import GET, App, post, reply
from triosanic.http.application import Application
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.server import Server, listen, serve


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
        for stream in (idle, silent):
            assert await stream.receive_some() == b""
            await stream.aclose()
        while server.connections > 1:
            await trio.lowlevel.checkpoint()
        assert order == []
        goes_on.set()
        answer = await slow.receive_some()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        assert await slow.receive_some() == b""
        await slow.aclose()
        await trio.sleep(0.02)
        assert order == ["drained"]


async def test_who_is_in_the_backlog_as_the_server_stops_is_answered() -> None:
    """Design, shutdown: a listener that is closed resets who has connected and was not accepted."""
    (listener,) = await listen("127.0.0.1", 0)
    stream = await trio.open_tcp_stream(*listener.getsockname())
    await stream.send_all(GET)
    server = Server(App(), Limits(), Context())
    async with server.running() as nursery:
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.accept(listener, nursery)
        with trio.fail_after(5):
            await server.drain()
    assert b"connection: close" in await stream.receive_some()
    await stream.aclose()


@pytest.mark.parametrize("idle_s", [0, 2])
async def test_at_the_limit_those_that_were_idle_longest_give_way(
    idle_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`MAX_CONNECTIONS`: a client that asks is worth more than one that does not."""
    async with serving(App(), max_connections=3) as (server, address, _nursery):
        streams = [await trio.open_tcp_stream(*address) for _ in range(3)]
        for stream in streams:
            assert (await ask(stream)).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(serve, "ACTIVE_S", 1 - idle_s)
        monkeypatch.setattr(serve, "_SHED_AT_ONCE", 2)
        streams.append(await trio.open_tcp_stream(*address))
        assert (await ask(streams[3])).startswith(b"HTTP/1.1 503" if idle_s == 0 else b"HTTP/1.1 200")
        if idle_s:
            assert [await stream.receive_some() for stream in streams[:2]] == [b"", b""]
        assert (await ask(streams[2])).startswith(b"HTTP/1.1 200")
        assert server.connections == (2 if idle_s else 3)
        for stream in streams:
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
