"""A simulated client: it plays its part, reads strictly, and notes when what came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Final

import trio

from triosanic.testing.simulation.answers import Answer, AnswerReader, Malformed
from triosanic.testing.simulation.plan import Conversation, Do, Fault, Step
from triosanic.testing.simulation.trace import Trace
from triosanic.testing.streams import MemoryStream

Connect = Callable[[Conversation], Awaitable[MemoryStream]]
# Whoever waits for the server's end is still there to see that it closes, too, and not only its side.
_STAYS: Final = frozenset({Fault.STALL, Fault.DEAF})


class Peer:
    """One client.

    Attributes:
        talk: Its part.
        answers: What it was answered.
        answered_at: When each answer had come.
        begun_at: When the first byte of the current answer had come.
        sent: Bytes that the connection has taken.
        sent_at: When each request was sent whole; `inf`: never.
        left: Whether it has ended its side.
        stuffed: Whether, at the end, the server could send nothing more to it.
        active_at: When it last sent or received something.
        ended: How the server ended the connection; ``""``: it did not.
        ended_at: When.
        refused: Whether it could not connect.
        problem: What was no answer.
        reader: Reads; what is in it at the end is an answer that was cut short.
        opened_at: When the connection was opened.
        received: Bytes that it has received.
    """

    def __init__(self, talk: Conversation, trace: Trace) -> None:
        self.talk = talk
        self.answers: list[Answer] = []
        self.answered_at: list[float] = []
        self.begun_at: list[float] = []
        self.sent = 0
        self.sent_at = [inf] * len(talk.sendings)
        self.left = False
        self.stuffed = False
        self.active_at = 0.0
        self.ended = ""
        self.ended_at = inf
        self.refused = False
        self.problem = ""
        self.opened_at = inf
        self.reader = AnswerReader()
        self._offered = 0
        self.received = 0
        self._trace = trace
        self._news = trio.lowlevel.ParkingLot()

    @property
    def current(self) -> int:
        """Which request has not been answered yet."""
        return len(self.answers)

    async def play(self, connect: Connect) -> None:
        """Play its part to the end. Checkpoint: always."""
        await trio.sleep(self.talk.start_s)
        try:
            stream = await connect(self.talk)
        except ConnectionRefusedError:
            self.refused = True
            return
        self.opened_at = self.active_at = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, stream, nursery.cancel_scope)
                try:
                    await self._send(stream)
                except trio.BrokenResourceError:
                    pass  # what came before is still to be received
                except trio.ClosedResourceError:
                    nursery.cancel_scope.cancel()  # reset, by the receiving half or from outside
        finally:
            self.stuffed = stream.stuffed
            if self.ended == "fin":
                await stream.aclose()
            stream.abort()

    async def _send(self, stream: MemoryStream) -> None:
        for step in self.talk.steps:
            self._trace.note(self.talk.number, step.do.name, step.data)
            match step.do:
                case Do.SEND:
                    self._offered += len(step.data)
                    await stream.send_all(step.data)
                    self._sent(len(step.data))
                case Do.EOF:
                    await stream.send_eof()
                    self.left = True
                    self.active_at = trio.current_time()
                case Do.CLOSE:
                    await stream.aclose()
                    raise trio.ClosedResourceError
                case Do.RESET:
                    stream.abort()
                    raise trio.ClosedResourceError
                case _:
                    await self._wait(step)

    async def _wait(self, step: Step) -> None:
        match step.do:
            case Do.PAUSE:
                await trio.sleep(step.seconds)
            case Do.AWAIT:
                while len(self.answers) < step.count:
                    await self._news.park()
            case Do.CONTINUE:
                with trio.move_on_after(step.seconds):
                    while not (self.reader.continued or len(self.answers) >= step.count):
                        await self._news.park()
                if self.answers and self.answers[-1].closes:  # refused before its body: RFC 9110 10.1.1
                    await trio.sleep_forever()
            case _:
                await trio.sleep_forever()

    def _sent(self, size: int) -> None:
        self.sent += size
        now = self.active_at = trio.current_time()
        for number, (_, _, end) in enumerate(self.talk.spans):
            if end <= self.sent and self.sent_at[number] == inf:
                self.sent_at[number] = now

    async def _receive(self, stream: MemoryStream, scope: trio.CancelScope) -> None:
        fault, at = self.talk.fault, self.talk.at
        try:
            while True:
                if self.received >= at:
                    if fault is Fault.DEAF:
                        await stream.wait_peer_closed()
                        self._end("closed")
                        break
                    if fault is Fault.RESET_READING:
                        stream.abort()
                        break
                data = await stream.receive_some(self.talk.read_bytes)
                self._trace.note(self.talk.number, f"received {len(data)}")
                if not data:
                    await self._on_fin(stream)
                    break
                self._on_data(data)
                if self.talk.read_pause_s:
                    await trio.sleep(self.talk.read_pause_s)
        except trio.BrokenResourceError:
            self._end("reset")
        except trio.ClosedResourceError:
            pass  # our own end: the part is over
        except Malformed as exc:
            self.problem = str(exc)
        scope.cancel()

    async def _on_fin(self, stream: MemoryStream) -> None:
        answer = self.reader.end()
        if answer is not None:
            self._answered(answer)
        self._end("fin")
        if self.talk.fault in _STAYS:
            await stream.wait_peer_closed()
            self._end("fin")

    def _end(self, how: str) -> None:
        self.ended = how
        self.ended_at = trio.current_time()

    def _on_data(self, data: bytes) -> None:
        self.received += len(data)
        self.active_at = trio.current_time()
        self.reader.feed(data)
        sendings = self.talk.sendings
        while self.reader.pending:
            if self.current == len(sendings) or (self.answers and self.answers[-1].closes):
                raise Malformed(f"{data[:200]!r} came after the last answer")
            sending = sendings[self.current]
            if len(self.begun_at) == self.current:
                self.begun_at.append(self.active_at)
            # Of a request without a whole head the server knows no method: its 408 has content.
            method = sending.ask.method if self._offered >= self.talk.spans[self.current][1] else "GET"
            answer = self.reader.take(
                method, http11=sending.http11, expects=sending.expects, upgrades=sending.upgrades
            )
            if answer is None:
                break
            self._answered(answer)
        if self.reader.continued:
            self._news.unpark_all()

    def _answered(self, answer: Answer) -> None:
        self._trace.note(self.talk.number, f"answer {answer.status}", answer.body)
        self.answers.append(answer)
        self.answered_at.append(trio.current_time())
        self._news.unpark_all()
