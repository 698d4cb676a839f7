"""Node's fetch streams a body up (``duplex: "half"``) and an answer down."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.system.tools import EXAMPLES, Server, program, serving

pytestmark = pytest.mark.system

LIMIT_S = 100
MIB = 2**20
SCRIPT = Path(__file__).with_name("stream.mjs")


async def node(server: Server, mode: str, mebibytes: int) -> dict[str, Any]:
    with trio.fail_after(LIMIT_S):
        done = await trio.run_process(
            [program("node"), str(SCRIPT), mode, server.url, str(mebibytes)], capture_stdout=True
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


async def test_body_is_streamed_up() -> None:
    async with serving(EXAMPLES / "streaming.py") as server:
        answer = await node(server, "upload", 16)
    assert (answer["status"], answer["bytes"], answer["equal"]) == (200, 16 * MIB, True)


async def test_body_is_echoed_while_it_is_sent() -> None:
    async with serving(EXAMPLES / "streaming.py") as server:
        answer = await node(server, "echo", 16)
    assert (answer["status"], answer["bytes"], answer["equal"]) == (200, 16 * MIB, True)
    assert answer["pieces"] > 1


async def test_body_goes_up_by_one_request_and_down_by_another() -> None:
    async with serving(EXAMPLES / "demo.py") as server:
        answer = await node(server, "relay", 64)
    assert (answer["status"], answer["equal"]) == (200, True)
    assert answer["bytes"] == answer["sent"] == 64 * MIB
