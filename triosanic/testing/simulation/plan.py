"""What happens in one run: who asks what, when, and what goes wrong. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from random import Random
from typing import Final

from triosanic.testing.simulation.asks import Ask, MakeAsk, Sending, render


class Fault(Enum):
    """What goes wrong with a connection."""

    # Delays: every answer must come as if nothing had happened.
    PAUSE = "the client pauses in the middle of a request"
    TRICKLE = "a request comes byte by byte"
    SLOW = "the client reads slowly, in small pieces"
    # Losses: what comes must be right, and the server must let go in time.
    CUT = "the client ends its side in the middle (FIN)"
    LEAVE = "the client closes in the middle"
    RESET = "the client resets the connection while it sends"
    RESET_READING = "the client resets the connection while it reads"
    STALL = "the client sends no more"
    DEAF = "the client reads no more"
    # At some step of Trio's scheduler.
    LOSE = "the connection is reset at a step"
    CANCEL = "the server's tasks of the connection are cancelled at a step"
    INTERRUPT = "the handler's time is over at a step"


DELAYS: Final = frozenset({Fault.PAUSE, Fault.TRICKLE, Fault.SLOW})
AT_STEP: Final = frozenset({Fault.LOSE, Fault.CANCEL, Fault.INTERRUPT})
_SURE: Final = tuple(fault for fault in Fault if fault not in AT_STEP)

# Shorter than every limit of the server: `LINGER_TIMEOUT` is the shortest.
_LONGEST_PAUSE_S: Final = 1.9
_TRICKLED_BYTES: Final = 48
# Most runs have more steps of the scheduler; where one has fewer, the fault does not happen.
_STEPS: Final = 400
_RECEIVED_BYTES: Final = 3000
# Bytes, and the seconds after them: faster than 64 KiB in `WRITE_TIMEOUT`, below which a peer is stuck.
_SLOW_READS: Final = ((50, 0.0), (50, 0.01), (500, 0.1), (1400, 0.3))
_STOP_WITHIN_S: Final = 3.0
_TRIES: Final = 200


class Do(Enum):
    """What a client does next."""

    SEND = auto()
    PAUSE = auto()
    AWAIT = auto()  # so many answers
    CONTINUE = auto()  # 100 Continue, or so many answers
    EOF = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()  # nothing more, until the server has ended it


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a client's part."""

    do: Do
    data: bytes = b""
    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """One client's part.

    Attributes:
        number: Which of the run.
        start_s: When it connects.
        sendings: Its requests.
        spans: Of each, where it begins, where its body begins and where it ends, in what the client sends.
        steps: What the client does.
        at_once: Whether the server's end takes bytes at once while there is room, as a socket does, or only
            from a task that waits, as TLS.
        fault: What goes wrong.
        at: Where: a byte that is sent or received, or a step of the scheduler.
        read_bytes: What the client takes at once; ``None``: all there is.
        read_pause_s: How long it waits after that.
    """

    number: int
    start_s: float
    sendings: tuple[Sending, ...]
    spans: tuple[tuple[int, int, int], ...]
    steps: tuple[Step, ...]
    at_once: bool
    fault: Fault | None = None
    at: int = 0
    read_bytes: int | None = None
    read_pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        conversations: The clients' parts.
        buffer_bytes: What a connection holds in each direction.
        stop_at_s: When the app is stopped amid the traffic; ``None``: afterwards.
    """

    conversations: tuple[Conversation, ...]
    buffer_bytes: int
    stop_at_s: float | None = field(default=None)


def make_plan(asks: Sequence[Ask | MakeAsk], random: Random, *, connections: int, exchanges: int) -> Plan:
    """Make a plan of at least so many connections and exchanges, and two faults."""
    sizes = [1] * (connections + random.randrange(3))
    while sum(sizes) < exchanges:
        sizes[random.randrange(len(sizes))] += 1
    talks = [_converse(number, size, asks, random) for number, size in enumerate(sizes)]
    for count, number in enumerate(random.sample(range(len(talks)), 2 + random.randrange(3))):
        # Two that are sure to happen.
        talks[number] = _spoil(talks[number], random.choice(_SURE if count < 2 else tuple(Fault)), random)  # noqa: PLR2004
    stop_at_s = random.random() * _STOP_WITHIN_S if random.random() < 0.15 else None  # noqa: PLR2004  # one in seven
    # Small ones, so that everything that can wait does wait at times.
    return Plan(tuple(talks), random.choice((1500, 4096, 10_000, 65_536)), stop_at_s)


def _converse(number: int, size: int, asks: Sequence[Ask | MakeAsk], random: Random) -> Conversation:
    sendings: list[Sending] = []
    tries = 0
    while len(sendings) < size:
        chosen = random.choice(asks)
        ask = chosen if isinstance(chosen, Ask) else chosen(random)
        tries += 1
        # Where all that can be asked ends its connection, there is no other.
        last = len(sendings) == size - 1 or tries == _TRIES
        if last or not (ask.closes or ask.breaks):
            sendings.append(render(ask, random, last=last))
            tries = 0
        if last:
            break
    spans: list[tuple[int, int, int]] = []
    at = 0
    for sending in sendings:
        body_at = at + len(sending.head)
        spans.append((at, body_at, body_at + len(sending.body)))
        at = spans[-1][2]
    steps = tuple(_steps(sendings, random))
    start_s = random.choice((0.0, 0.0, random.random()))
    at_once = random.random() < 0.75  # noqa: PLR2004  # most connections are sockets
    return Conversation(number, start_s, tuple(sendings), tuple(spans), steps, at_once)


def _steps(sendings: Sequence[Sending], random: Random) -> Iterator[Step]:
    burst = random.random()  # how likely the next request does not wait for an answer
    waiting = b""
    for count, sending in enumerate(sendings):
        waiting += sending.head
        if sending.expects:
            yield from _send(waiting, random)
            yield Step(Do.CONTINUE, count=count + 1, seconds=random.choice((0.5, 3.0)))
            waiting = b""
        elif sending.upgrades:  # so that it is open for a while
            yield from _send(waiting, random)
            yield Step(Do.PAUSE, seconds=random.random())
            waiting = b""
        waiting += sending.body
        if random.random() > burst or count == len(sendings) - 1:
            yield from _send(waiting, random)
            waiting = b""
            yield Step(Do.AWAIT, count=count + 1)
    yield Step(random.choice((Do.CLOSE, Do.CLOSE, Do.EOF, Do.HANG)))


def _send(data: bytes, random: Random) -> Iterator[Step]:
    """Send ``data``, whole or in some pieces."""
    if random.random() < 0.5:  # noqa: PLR2004  # a half
        cut = random.randrange(len(data) + 1)
        if cut:
            yield Step(Do.SEND, data[:cut])
        data = data[cut:]
    if data:
        yield Step(Do.SEND, data)


def _spoil(talk: Conversation, fault: Fault, random: Random) -> Conversation:
    sent = talk.spans[-1][2]
    at = random.randrange(sent + 1)
    match fault:
        case Fault.SLOW:
            size, pause_s = random.choice(_SLOW_READS)
            return replace(talk, fault=fault, read_bytes=size, read_pause_s=pause_s)
        case Fault.DEAF | Fault.RESET_READING:
            return replace(talk, fault=fault, at=random.randrange(_RECEIVED_BYTES))
        case Fault.LOSE | Fault.CANCEL | Fault.INTERRUPT:
            return replace(talk, fault=fault, at=random.randrange(_STEPS))
    return replace(talk, fault=fault, at=at, steps=tuple(_spoiled(talk.steps, fault, at, random)))


def _spoiled(steps: Sequence[Step], fault: Fault, at: int, random: Random) -> Iterator[Step]:
    """Do as in ``steps`` up to the byte ``at``, and then what ``fault`` says."""
    sent = 0
    for number, step in enumerate(steps):
        if sent + len(step.data) < at or (step.do is not Do.SEND and sent < at):
            sent += len(step.data)
            yield step
            continue
        cut = at - sent
        if cut:
            yield Step(Do.SEND, step.data[:cut])
        rest = step.data[cut:]
        if fault is Fault.PAUSE:
            yield Step(Do.PAUSE, seconds=random.random() * _LONGEST_PAUSE_S)
        elif fault is Fault.TRICKLE:
            small, rest = rest[:_TRICKLED_BYTES], rest[_TRICKLED_BYTES:]
            yield from (Step(Do.SEND, small[n : n + 1]) for n in range(len(small)))
        else:
            yield from _ENDINGS[fault]
            return
        if rest or step.do is not Do.SEND:
            yield Step(step.do, rest, step.count, step.seconds)
        yield from steps[number + 1 :]
        return


_ENDINGS: Final = {
    Fault.CUT: (Step(Do.EOF),),
    Fault.LEAVE: (Step(Do.CLOSE),),
    Fault.RESET: (Step(Do.RESET),),
    Fault.STALL: (Step(Do.HANG),),
}
