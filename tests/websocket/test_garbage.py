"""What a WebSocket has used is free when it has ended: nothing waits for the garbage collector."""

import gc
import logging
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.websocket.frames import PING, TEXT, ask, closing, frame
from triosanic import Request, Sanic, Websocket
from triosanic.testing import running
from triosanic.websocket.conversation import Conversation
from triosanic.websocket.outlet import Outlet

pytestmark = pytest.mark.usefixtures("frozen")

ENDS = {
    "closed by the peer": frame(TEXT, b"a") + closing(1000),
    "closed by the handler": frame(TEXT, b"close"),
    "failed": frame(TEXT, b"fail"),
    "a bad frame": frame(3),
    "too long": frame(TEXT, b"", length=b"\x7f" + bytes(4) + b"\x10" + bytes(3)),
    "vanished": b"",
    "vanished in a frame": frame(PING, b"abc")[:-1],
    "vanished in a message": frame(TEXT, b"abc", fin=False),
}


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("sent", ENDS.values(), ids=ENDS)
async def test_nothing_is_left(app: Sanic, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    traces: list[weakref.ref[Request]] = []

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        traces.append(weakref.ref(request))
        async for message in ws:
            if message == "fail":
                raise LookupError
            if message == "close":
                await ws.close()

    caplog.set_level(logging.CRITICAL + 1, "sanic.error")  # pytest keeps what is logged, and its frames
    async with running(app) as client:
        for _ in range(3):
            async with client.connect() as connection:
                await connection.send(ask() + sent)
                await connection.head()
                await wait_all_tasks_blocked()
            await trio.sleep(20)
        await wait_all_tasks_blocked()
        assert [trace() for trace in traces] == [None] * 3
        left = [one for one in gc.get_objects() if isinstance(one, Websocket | Conversation | Outlet)]
        assert left == []
