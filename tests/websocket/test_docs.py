"""The programs of docs/websockets.md do what it says."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from triosanic import Sanic
from triosanic.testing import UpgradeRefused, running

PAGE: Final = (Path(__file__).parents[2] / "docs" / "websockets.md").read_text(encoding="utf-8")
PROGRAMS: Final = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ECHO, CHAT, TICKS, INSIDE, TESTS, PLAIN = range(6)


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sanic, "test_mode", True)


def run(number: int) -> dict[str, Any]:
    """Run one of its programs; give its names."""
    assert len(PROGRAMS) == 6
    names: dict[str, Any] = {}
    exec(PROGRAMS[number], names)  # our own page
    return names


async def test_the_echo() -> None:
    async with running(run(ECHO)["app"]) as client, client.websocket("/echo") as ws:
        await ws.send("a")
        assert await ws.receive() == "a"


async def test_the_chat() -> None:
    names = run(CHAT)
    async with running(names["app"]) as client:
        async with client.websocket("/rooms/tea?who=ann") as ann, client.websocket("/rooms/tea?who=bo") as bo:
            assert {await ann.receive(), await ann.receive()} == {"ann is here", "bo is here"}
            await wait_all_tasks_blocked()
            await bo.send("hello")
            assert await ann.receive() == "bo: hello"
        await wait_all_tasks_blocked()
        assert names["rooms"] == {}
        with pytest.raises(UpgradeRefused):
            async with client.websocket("/rooms/tea", headers={"Origin": "https://evil.example"}):
                pass


async def test_the_ticker() -> None:
    begin = trio.current_time()
    async with running(run(TICKS)["app"]) as client:
        async with client.websocket("/ticks", subprotocols=["ticks.v1"]) as ws:
            assert await ws.receive() == "ticks.v1 1.0"
            await ws.send("5")
            assert [await ws.receive() for _ in range(2)] == ["ticks.v1 5.0"] * 2
        assert trio.current_time() == begin + 6


async def test_the_handshake() -> None:
    headers = {"Origin": "https://app.example", "Cookie": "session=s3cret"}
    async with running(run(INSIDE)["app"]) as client:
        async with client.websocket("/inbox", headers=headers) as ws:
            assert ws.headers["set-cookie"].startswith("seen=yes")
            assert await ws.receive() == "hello from https://app.example"
        for changed, status in (({"Cookie": "session=x"}, 401), ({"Origin": "https://evil.example"}, 403)):
            with pytest.raises(UpgradeRefused) as refused:
                async with client.websocket("/inbox", headers={**headers, **changed}):
                    pass
            assert refused.value.status == status


async def test_the_first_test() -> None:
    await run(TESTS)["test_shout"]()


async def test_the_second_test() -> None:
    await run(TESTS)["test_a_silent_client_is_given_up"](None)


def test_the_plain_test() -> None:
    names = run(PLAIN)
    assert names["request"].path == "/shout"
    assert names["response"].client_sent == names["response"].server_received == ["hello", ""]
    assert names["response"].server_sent == ["HELLO"]
    assert names["response"].opened
    assert names["response"].close_code == 1000
