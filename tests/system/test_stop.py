"""The examples end as programs should: at a signal, without a traceback, and at once if the port is taken."""

import signal
import socket

import pytest
import trio

from tests.system.tools import EXAMPLES, Server, serving

pytestmark = pytest.mark.system

NAMES = ["demo", "records", "relay", "streaming"]
UPLOAD = {
    "demo": "/relay/8d0d5f0c-3b1f-4a3e-9d43-0c9f2f6d6a11",
    "records": "/records",
    "relay": "/anywhere",
    "streaming": "/stream",
}


async def stopped(server: Server, number: signal.Signals) -> None:
    """The server leaves with success, and its last words are no traceback."""
    assert await server.stop(number) == 0
    assert b"Traceback" not in server.output, server.output.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("name", NAMES)
async def test_signal_ends_an_idle_example(name: str, number: signal.Signals) -> None:
    async with serving(EXAMPLES / f"{name}.py") as server:
        await stopped(server, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("name", NAMES)
async def test_signal_ends_an_example_in_the_midst_of_an_upload(name: str, number: signal.Signals) -> None:
    """The upload may finish within the time of grace; it does not, and is cancelled."""
    head = f"POST {UPLOAD[name]} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    # A server behind the relay that takes connections and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "SANIC_GRACEFUL_SHUTDOWN_TIMEOUT": "0.5",
            "UPSTREAM": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        async with (
            serving(EXAMPLES / f"{name}.py", environment) as server,
            await trio.open_tcp_stream("127.0.0.1", server.port) as stream,
        ):
            await stream.send_all(head.encode() + b"name,amount\r\n" * 100)
            # The handler is in another process: give it the time to be in the midst.
            await trio.sleep(0.3)
            await stopped(server, number)


@pytest.mark.parametrize("name", NAMES)
async def test_second_on_one_port_says_so_in_one_sentence(name: str) -> None:
    async with serving(EXAMPLES / f"{name}.py") as first:
        second = EXAMPLES / f"{name}.py"
        async with serving(second, {"PORT": str(first.port)}) as server:
            assert await server.exit_status() == 1
        lines = server.output.decode().splitlines()
        assert b"Traceback" not in server.output, server.output.decode()
        assert str(first.port) in lines[-1]
