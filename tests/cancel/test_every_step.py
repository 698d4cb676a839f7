"""A conversation is cut off at each of its steps in turn: nothing is left, and no half looks whole."""

from collections.abc import Callable, Iterator
from contextvars import Context

import pytest
import trio
from trio.testing import MockClock

from tests.cancel.conversations import CONVERSATIONS, AtStep, Conversation, Program, talk
from tests.http.wires import Client, application_of
from triosanic.exceptions import ServiceUnavailable
from triosanic.http.application import Application
from triosanic.http.connection import Connection
from triosanic.http.limits import Limits
from triosanic.http.wire import StreamWire
from triosanic.testing import memory_pair

Answers = list[tuple[int, bytes, bool]]
MOST_STEPS = 2000


class Run:
    """One run of a conversation with a program, cut off at a step."""

    def __init__(
        self, conversation: Conversation, program: Program, application: Application, step: int
    ) -> None:
        self.conversation = conversation
        self.program = program
        self.answers: Answers = []
        self.at_step = AtStep(step)
        self.scope = trio.CancelScope()
        self.ours, theirs = memory_pair(1000)
        self.connection = Connection(StreamWire(self.ours), application, Limits(), Context())
        self.client = Client(theirs, self.connection, theirs.abort)

    def play(self, act: Callable[[], None]) -> None:
        """Run it; whatever happens, it ends within the longest deadline."""
        trio.run(self._play, act, clock=MockClock(autojump_threshold=0), instruments=[self.at_step])

    async def _play(self, act: Callable[[], None]) -> None:
        with trio.fail_after(200):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve)
                self.at_step.begin(act)
                await talk(self.client, self.conversation.script, self.answers)
                await self.client.leave()
        assert self.program.running == 0

    async def _serve(self) -> None:
        with self.scope:
            await self.connection.run()
        with pytest.raises(trio.ClosedResourceError):
            await self.ours.receive_some(1)

    def check(self, *others: int) -> None:
        """Every answer is the right one, or one of ``others``, or, at the end, cut off."""
        for number, (status, body, whole) in enumerate(self.answers):
            if whole and status not in others:
                assert self.conversation.right(number, status, body), self.answers
            assert whole or number == len(self.answers) - 1


def runs(name: str) -> Iterator[Run]:
    """Give runs of a conversation, cut off ever later, until one has come to its end before."""
    program = Program()
    application = application_of(program.app)
    for step in range(1, MOST_STEPS):
        program.exchange = None
        run = Run(CONVERSATIONS[name], program, application, step)
        yield run
        if not run.at_step.acted:
            run.check()
            assert len(run.answers) == len(run.conversation.answers)
            assert all(whole for _, _, whole in run.answers)
            return
    raise AssertionError(f"{name} has more than {MOST_STEPS} steps")


every = pytest.mark.parametrize("name", CONVERSATIONS)


@every
def test_cancelling_a_connection_at_any_step(name: str) -> None:
    """Style guide: each awaiting class has a test in tests/cancel; as httpcore's, at every await."""
    for run in runs(name):
        run.play(run.scope.cancel)
        run.check()


@every
def test_a_client_that_resets_at_any_step(name: str) -> None:
    """Design: client gone: the handler's scope is cancelled, with its children."""
    for run in runs(name):
        run.play(run.client.reset)


@every
def test_stopping_a_handler_at_any_step(name: str) -> None:
    """RFC 9112 9.3.2: whenever its time is up, each request gets its own answer, or 503, or none."""
    for run in runs(name):

        def stop(run: Run = run) -> None:
            exchange = run.program.exchange
            if exchange is not None:
                exchange.link.interrupt(exchange, ServiceUnavailable("Response Timeout"))

        run.play(stop)
        run.check(503)


@every
def test_shutting_down_at_any_step(name: str) -> None:
    """Design, shutdown: what is under way is answered; nothing is cut off."""
    for run in runs(name):
        run.play(run.connection.shut_down)
        run.check()
        assert all(whole for _, _, whole in run.answers[:-1])
