"""Conversations with a server over real sockets: bytes are sent, and what came back is told.

All are played at once in one run, so that those which wait for an answer that never comes wait together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

import h11
import trio

from tests.conformance.probed import Seen, make_app

_QUIET_S: Final = 2.0  # no answer for so long is none: the time that http11probe.json sets


class State(StrEnum):
    """What has become of a connection."""

    OPEN = "Open"
    CLOSED = "ClosedByServer"
    TIMED_OUT = "TimedOut"  # open, and no byte has come


@dataclass(frozen=True, slots=True)
class Answer:
    """A final response, as an h11 client reads it; ``whole``: it ended as its framing says."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    interim: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a conversation came to.

    Attributes:
        state: What has become of the connection.
        answers: All responses, in order.
        odd: Bytes that are no response.
        seen: The requests that reached the app.
    """

    state: State
    answers: tuple[Answer, ...]
    odd: bytes = b""
    seen: tuple[str, ...] = ()

    @property
    def statuses(self) -> tuple[int, ...]:
        return tuple(answer.status for answer in self.answers)

    @property
    def first_status(self) -> str:
        """As http11probe.json names it."""
        return str(self.answers[0].status) if self.answers else "none"


# What is sent; or it depends on the answers so far.
Step: TypeAlias = bytes | Callable[[Sequence[Answer]], bytes]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation: each step is sent once the one before is answered.

    Attributes:
        methods: Of the requests in turn, as far as they are not GET: an answer to HEAD has no content.
        trickled: Whether each byte is sent for itself.
        alone: Whether it is over once it is quiet itself, and not only when all are.
    """

    steps: tuple[Step, ...]
    methods: tuple[str, ...] = ()
    trickled: bool = False
    alone: bool = False


def read_answers(data: bytes, methods: Sequence[str], *, ended: bool) -> tuple[tuple[Answer, ...], bytes]:
    """Read what a server sent as responses; give what is none beside them."""
    answers: list[Answer] = []
    while data:
        machine = h11.Connection(h11.CLIENT)
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        machine.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        machine.send(h11.EndOfMessage())
        machine.receive_data(data)
        try:
            answer = _read_answer(machine, ended=ended)
        except h11.RemoteProtocolError:
            return tuple(answers), data
        if answer is None:
            return tuple(answers), data
        answers.append(answer)
        data = bytes(machine.trailing_data[0]) if answer.whole else b""
    return tuple(answers), b""


def _read_answer(machine: h11.Connection, *, ended: bool) -> Answer | None:
    answer: Answer | None = None
    interim: list[int] = []
    pieces: list[bytes] = []
    while True:
        event = machine.next_event()
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            headers = {name.decode(): value.decode() for name, value in event.headers}
            answer = Answer(event.status_code, headers, b"", whole=False)
        elif isinstance(event, h11.Data):
            pieces.append(bytes(event.data))
        elif answer is not None and isinstance(event, h11.EndOfMessage):
            return replace(answer, body=b"".join(pieces), whole=True, interim=tuple(interim))
        elif event is h11.NEED_DATA and ended:
            ended = False
            machine.receive_data(b"")
        else:
            return answer and replace(answer, body=b"".join(pieces), interim=tuple(interim))


@dataclass(slots=True)
class _Quiet:
    """When all will have been quiet for a while: on a busy machine an answer is late, and not missing."""

    deadline: float = 0.0

    def broken(self) -> None:
        self.deadline = trio.current_time() + _QUIET_S


@dataclass(slots=True)
class _Player:
    """One conversation that is under way."""

    talk: Talk
    quiet: _Quiet
    stream: trio.SocketStream
    data: bytes = b""
    ended: bool = False

    async def play(self) -> Outcome:
        for number, step in enumerate(self.talk.steps, 1):
            await self._send(step if isinstance(step, bytes) else step(self._answers()[0]))
            last = number == len(self.talk.steps)
            await self._receive(count=None if last else number)
        answers, odd = self._answers()
        state = State.CLOSED if self.ended else State.OPEN if self.data else State.TIMED_OUT
        return Outcome(state, answers, odd)

    async def _send(self, step: bytes) -> None:
        pieces = [step[at : at + 1] for at in range(len(step))] if self.talk.trickled else [step]
        try:
            for piece in pieces:
                await self.stream.send_all(piece)
                self.quiet.broken()
        except trio.BrokenResourceError:
            pass  # the server has closed; what it said is still to be read

    async def _receive(self, count: int | None) -> None:
        """Take what comes until there are so many answers, the server ends, or all is quiet."""
        while not self.ended and not (count is not None and len(self._answers()[0]) >= count):
            if trio.current_time() >= self.quiet.deadline:
                return
            with trio.move_on_at(self.quiet.deadline):
                try:
                    data = await self.stream.receive_some(65_536)
                except trio.BrokenResourceError:
                    data = b""
                self.data += data
                self.ended = not data
                self.quiet.broken()

    def _answers(self) -> tuple[tuple[Answer, ...], bytes]:
        return read_answers(self.data, self.talk.methods, ended=self.ended)


async def _play_all(talks: Mapping[str, Talk]) -> Mapping[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    seen, quiet = Seen(), _Quiet()

    async def play(name: str, talk: Talk, port: int) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            own = stream.socket.getsockname()[1]
            outcome = await _Player(talk, _Quiet() if talk.alone else quiet, stream).play()
            outcomes[name] = replace(outcome, seen=tuple(seen.by_port.pop(own, ())))

    async with trio.open_nursery() as serving:
        addresses = await serving.start(partial(make_app(seen).serve, port=0))
        async with trio.open_nursery() as nursery:
            quiet.broken()
            for name, talk in talks.items():
                nursery.start_soon(play, name, talk, addresses[0][1])
        serving.cancel_scope.cancel()
    return outcomes


def play_all(talks: Mapping[str, Talk]) -> Mapping[str, Outcome]:
    """Play conversations with the app, each over a connection of its own; give what they came to."""
    return trio.run(_play_all, talks)
