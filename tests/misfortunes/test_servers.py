"""Servers that can't start, and servers that are stopped."""

import errno
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.http.wires import get, post
from tests.misfortunes.peers import Peer, cut_short, served
from tests.misfortunes.table import Heard, Line
from tests.system.tools import Server, serving
from triosanic import Sanic
from triosanic.exceptions import ServerError

PROGRAM = Path(__file__).with_name("program.py")
BODY = b"x" * 1000
UPLOAD = post(BODY)
_SAID = re.compile(r"(sanic\.\w+) (\w+) (.*)\n(    )?")


async def fail(*_: object) -> None:
    raise LookupError("boom")


@asynccontextmanager
async def process(heard: Heard, **environment: str) -> AsyncIterator[Server]:
    """Run the program; at the end, with its end, hear what it has logged."""
    async with serving(PROGRAM, environment) as server:
        yield server
        await server.exit_status()
    for logger, level, said, indent in _SAID.findall(server.output.decode()):
        if logger == "sanic.access":
            heard.statuses += [] if said.endswith("/alive") else [int(level)]
        elif "serves on" not in said:
            heard.lines.append(Line(logger, level, said, bool(indent)))


@asynccontextmanager
async def uploading(server: Server) -> AsyncIterator[tuple[Peer, Peer]]:
    """Give a client in the midst of an upload, and one that is idle."""
    async with (
        await trio.open_tcp_stream("127.0.0.1", server.port) as first,
        await trio.open_tcp_stream("127.0.0.1", server.port) as second,
    ):
        peer, idle = Peer(first, 10), Peer(second, 10)
        await peer.send(UPLOAD[:-500])
        assert await idle.kept()
        yield peer, idle


async def test_port_is_taken_for_run(heard: Heard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        async with process(heard, PORT=str(port)) as server:
            assert await server.exit_status() == 1
    sentence = f"unlucky can't start: can't listen on 127.0.0.1 port {port}: Address already in use\n"
    assert server.output.decode() == sentence


async def test_port_is_taken_in_a_nursery(app: Sanic, nursery: trio.Nursery) -> None:
    app.add_route(fail, "/")
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=f"can't listen on 127.0.0.1 port {port}") as caught:
            await nursery.start(partial(app.serve, port=port))
    assert caught.value.errno == errno.EADDRINUSE
    assert await nursery.start(partial(app.serve, port=port)) == [("127.0.0.1", port)]
    app.stop()


async def stop_in_an_upload(heard: Heard, number: signal.Signals) -> None:
    async with process(heard) as server, uploading(server) as (peer, idle):
        server.process.send_signal(number)
        assert await idle.end() == "closed"
        await peer.send(UPLOAD[-500:])
        answer = await peer.answer()
        assert (answer.status, answer.body, answer.keeps_alive) == (200, b"1000", False)
        assert await peer.end() == "closed"
        assert await server.exit_status() == 0
    assert b"saw\n" in server.output


async def test_ctrl_c_in_an_upload(heard: Heard) -> None:
    """What is under way may come to its end; idle connections are closed."""
    await stop_in_an_upload(heard, signal.SIGINT)


async def test_sigterm_in_an_upload(heard: Heard) -> None:
    await stop_in_an_upload(heard, signal.SIGTERM)


async def test_second_ctrl_c_in_an_upload(heard: Heard) -> None:
    async with process(heard) as server, uploading(server) as (peer, idle):
        server.process.send_signal(signal.SIGINT)
        assert await idle.end() == "closed"
        server.process.send_signal(signal.SIGINT)
        assert (await peer.answer()).status == 0
        assert await peer.end() in {"closed", "reset"}
        assert await server.exit_status() == 0
    assert b"saw Cancelled\n" in server.output


async def test_grace_passes_in_an_upload(heard: Heard) -> None:
    async with (
        process(heard, SANIC_GRACEFUL_SHUTDOWN_TIMEOUT="0.3") as server,
        uploading(server) as (peer, idle),
    ):
        server.process.send_signal(signal.SIGTERM)
        assert await idle.end() == "closed"
        assert (await peer.answer()).status == 0
        assert await peer.end() in {"closed", "reset"}
        assert await server.exit_status() == 0
    assert b"saw Cancelled\n" in server.output


async def test_grace_passes_in_a_response(heard: Heard) -> None:
    async with (
        process(heard, SANIC_GRACEFUL_SHUTDOWN_TIMEOUT="0.3") as server,
        await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
    ):
        peer = Peer(stream, 10)
        await peer.send(get("/streamed"))
        await peer.until(b"part")
        server.process.send_signal(signal.SIGTERM)
        assert await cut_short(peer) == 200
        assert await peer.end() == "reset"
        assert await server.exit_status() == 0


async def test_handler_outlives_the_grace(heard: Heard) -> None:
    """A shield without a deadline, or a thread: the process does not wait for them."""
    async with (
        process(heard, SANIC_GRACEFUL_SHUTDOWN_TIMEOUT="0.3") as server,
        await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
    ):
        peer = Peer(stream, 10)
        assert await peer.kept()
        await peer.send(get("/shielded"))
        await trio.sleep(0.2)  # the handler is in another process
        server.process.send_signal(signal.SIGTERM)
        assert await peer.end() in {"closed", "reset"}
        assert await server.exit_status() == -signal.SIGTERM


async def test_handler_exits(heard: Heard) -> None:
    """What is meant to end the process does, in order."""
    async with (
        process(heard) as server,
        await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
    ):
        peer = Peer(stream, 10)
        assert (await peer.ask(get("/exit"))).status == 0
        assert await peer.end() == "closed"
        assert await server.exit_status() == 3
    assert server.output.endswith(b"closed\n")


async def test_third_signal(heard: Heard) -> None:
    """What a handler shields without a deadline can only be killed."""
    async with process(heard) as server, uploading(server) as (peer, idle):
        await idle.send(get("/shielded"))
        await peer.send(UPLOAD[-500:])
        assert (await peer.answer()).status == 200
        server.process.send_signal(signal.SIGINT)
        assert await peer.end() == "closed"
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        assert await idle.end() in {"closed", "reset"}
        assert await server.exit_status() == -signal.SIGTERM


async def test_start_listener_raises_in_run(heard: Heard) -> None:
    """It is no taken port: the traceback shows which listener and why."""
    async with process(heard, SCENARIO="listener") as server:
        assert await server.exit_status() == 1
    assert b"in fail_to_connect" in server.output
    assert server.output.endswith(b"ConnectionRefusedError: [Errno 111] Connect call failed: 'database'\n")


async def test_task_in_the_app_nursery_raises_in_run(heard: Heard) -> None:
    """The server had started: what it dies of is told as it is."""
    async with process(heard, SCENARIO="nursery") as server:
        assert await server.exit_status() == 1
    assert b"can't start" not in server.output
    assert server.output.endswith(b"ConnectionRefusedError: [Errno 111] Connect call failed: 'database'\n")


async def test_start_listener_hangs(heard: Heard) -> None:
    """The second signal hurries, also before anything is served."""
    async with process(heard, SCENARIO="hang") as server:
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        with trio.fail_after(5):
            # The first has ended it, and the second may come when only Python itself is left.
            assert await server.exit_status() in {0, -signal.SIGTERM}


async def test_start_listener_raises_in_serve(app: Sanic, saw: list[str]) -> None:
    """What other listeners have opened is closed."""
    app.add_route(fail, "/")

    @app.before_server_start
    async def open_database(app: Sanic) -> None:
        saw.append("opened")

    app.before_server_start(fail)

    @app.after_server_stop
    async def close_database(app: Sanic) -> None:
        saw.append("closed")

    with pytest.raises(LookupError, match="boom"):
        await app.serve(port=0)
    assert saw == ["opened", "closed"]


async def test_app_task_raises_and_is_logged(app: Sanic) -> None:
    """``APP_TASK_FAILURE = "log"``, the default."""
    app.add_task(fail)
    async with served(app) as connect:
        peer = await connect()
        assert await peer.kept()


async def test_app_task_raises_and_stops_serve(app: Sanic) -> None:
    """``APP_TASK_FAILURE = "stop"``."""
    app.config.APP_TASK_FAILURE = "stop"
    with pytest.raises(LookupError, match="boom"):
        async with served(app) as connect:
            peer = await connect()
            assert await peer.kept()
            app.add_task(fail)
            assert await peer.end() == "closed"
            await trio.sleep_forever()


async def test_app_task_raises_and_stops_run(heard: Heard) -> None:
    async with process(heard, SCENARIO="task") as server:
        assert await server.exit_status() == 1
    assert server.output.endswith(b"LookupError: boom\n")


async def test_task_in_the_app_nursery_raises(app: Sanic) -> None:
    """It is a nursery as any: its failure is the server's."""
    with pytest.raises(LookupError, match="boom"):
        async with served(app) as connect:
            peer = await connect()
            assert await peer.kept()
            app.nursery.start_soon(fail)
            assert await peer.end() == "closed"
            await trio.sleep_forever()


async def test_app_serves_twice(app: Sanic) -> None:
    async with served(app) as connect:
        peer = await connect()
        with pytest.raises(ServerError, match="serves already"):
            await app.serve(port=0)
        assert await peer.kept()
