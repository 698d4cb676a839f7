"""A WebSocket is cut off at each of its steps in turn: nothing is left, and no half frame looks whole."""

from collections.abc import Callable, Iterator
from contextvars import Context

import pytest
import trio
from trio.testing import MockClock

from tests.cancel.conversations import AtStep
from tests.http.wires import application_of
from tests.websocket.frames import CLOSE, PING, PONG, TEXT, ask, closing, frame, receive_frame
from triosanic import Request, Sanic, Websocket
from triosanic.http.connection import Connection
from triosanic.http.limits import Limits
from triosanic.http.wire import StreamWire
from triosanic.testing import RawConnection, memory_pair

MOST_STEPS = 3000
LARGE = "x" * 5000


class Run:
    """One conversation, cut off at a step; the client takes little at a time."""

    def __init__(self, step: int) -> None:
        self.running = 0
        self.got: list[bytes] = []
        self.code: int | None = None
        self.reset = False
        self.at_step = AtStep(step)
        self.scope = trio.CancelScope()
        self.ws: Websocket | None = None
        app = Sanic("test")
        app.websocket("/")(self.handle)
        self.ours, self.theirs = memory_pair(1000)
        self.connection = Connection(StreamWire(self.ours), application_of(app), Limits(), Context())
        self.client = RawConnection(self.theirs)

    async def handle(self, request: Request, ws: Websocket) -> None:
        """Echo, with a child that sends too, and a clean-up that awaits."""
        self.running += 1
        self.ws = ws
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.send, LARGE)
                await ws.send(str(await ws.recv(timeout=5)))
                async for piece in ws.recv_streaming():
                    await ws.send(piece)
                await (await ws.ping())
                await ws.close(4000)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await trio.sleep(0.1)
            self.running -= 1

    def play(self, act: Callable[[], None]) -> None:
        """Run it; whatever happens, it ends within the longest deadline."""
        trio.run(self._play, act, clock=MockClock(autojump_threshold=0), instruments=[self.at_step])
        assert self.running == 0

    async def _play(self, act: Callable[[], None]) -> None:
        with trio.fail_after(200):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve)
                self.at_step.begin(act)
                try:
                    await self._talk()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.reset = True
                await self.client.aclose()

    async def _serve(self) -> None:
        with self.scope:
            await self.connection.run()
        with pytest.raises(trio.ClosedResourceError):
            await self.ours.receive_some(1)

    async def _talk(self) -> None:
        await self.client.send(ask() + frame(TEXT, b"hello") + frame(PING, b"p"))
        await self.client.send(frame(TEXT, b"a" * 1500, fin=False) + frame(0, b"b" * 1500))
        try:
            await self.client.head()
            await self._receive_frames()
        except EOFError as exc:  # in order: then there is no half of a frame
            assert str(exc).endswith("came b''"), self.got
            return
        await self.client.rest()

    async def _receive_frames(self) -> None:
        while True:
            found = await receive_frame(self.client)
            if found.opcode == CLOSE:
                self.code = found.code
                await self.client.send(closing(found.code))
                return
            if found.opcode == PING:
                await self.client.send(frame(PONG, found.payload))
            else:
                self.got.append(found.payload)

    def check_whole(self) -> None:
        """It has come to its end: all of it is there."""
        assert self.code == 4000
        assert not self.reset
        assert sorted(self.got)[-1] == LARGE.encode()
        assert b"".join(piece for piece in self.got if piece[:1] in b"ab") == b"a" * 1500 + b"b" * 1500
        assert {b"hello", b"p"} < set(self.got)


def runs() -> Iterator[Run]:
    """Give runs, cut off ever later, until one has come to its end before."""
    for step in range(1, MOST_STEPS):
        run = Run(step)
        yield run
        if not run.at_step.acted:
            run.check_whole()
            return
    raise AssertionError(f"it has more than {MOST_STEPS} steps")


def test_cancelling_a_connection_at_any_step() -> None:
    """Style guide: each awaiting class has a test in tests/cancel."""
    for run in runs():
        run.play(run.scope.cancel)


def test_a_client_that_resets_at_any_step() -> None:
    """The handler is cancelled, with its children, and its clean-up runs to its end."""
    for run in runs():
        run.play(run.theirs.abort)


def test_shutting_down_at_any_step() -> None:
    """RFC 6455 7.4.1: 1001, unless it was closing already."""
    for run in runs():
        run.play(run.connection.shut_down)
        assert run.code in {1001, 4000} or run.reset


def test_a_failure_of_the_request_at_any_step() -> None:
    """A task of ``request.nursery`` fails: 1011."""
    for run in runs():

        def fail(run: Run = run) -> None:
            if run.ws is not None and run.ws.open:
                run.ws.drop(1011, "failed")

        run.play(fail)
        assert run.code in {1011, 4000} or run.reset
