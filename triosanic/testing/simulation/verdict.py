"""What must be true of one client's part, once it is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import inf
from typing import Final

from triosanic.config import Config
from triosanic.testing.events import EventParser, ReceivedEvent
from triosanic.testing.simulation.answers import SWITCHING, Answer
from triosanic.testing.simulation.asks import Framing, Sending
from triosanic.testing.simulation.frames import judge_messages
from triosanic.testing.simulation.peer import Peer
from triosanic.testing.simulation.plan import AT_STEP, DELAYS, Fault

_FAILED: Final = 500
# Of the virtual clock, which counts whole jumps: what is less is the float's.
_SLACK_S: Final = 1e-6
# What a server may say to a request whose client did not keep its part.
_EXCUSES: Final = {
    Fault.STALL: frozenset({408}),
    Fault.CUT: frozenset({400}),
    Fault.INTERRUPT: frozenset({503}),
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a client's fate depends on.

    Attributes:
        config: The app's.
        stopped_at: When the app was stopped; `inf`: after all clients.
        struck: Whether the fault at a step has happened.
        taken: Bytes that the server has received.
        given: Bytes that it has sent.
    """

    config: Config
    stopped_at: float
    struck: bool
    taken: int
    given: int


def judge(peer: Peer, around: Circumstances) -> Iterator[str]:
    """Yield what is wrong with what ``peer`` has seen."""
    if peer.refused:
        if around.stopped_at == inf:
            yield "it could not connect"
        return
    if peer.problem:
        yield peer.problem
        return
    for number, (sending, answer) in enumerate(zip(peer.talk.sendings, peer.answers, strict=False)):
        stopped = peer.answered_at[number] >= around.stopped_at
        for complaint in _judge_answer(sending, answer, _excused(peer, around, number), stopped=stopped):
            yield f"{_name(number, sending)}: {complaint}"
        if sending.ask.sends is not None and answer.status == SWITCHING:
            whole = not stopped and not _damaged(peer, around)
            for complaint in judge_messages(answer.body, sending.ask.receives, whole=whole):
                yield f"{_name(number, sending)}: {complaint}"
    yield from _judge_times(peer, around)
    yield from _judge_end(peer, around)


def _name(number: int, sending: Sending) -> str:
    ask = sending.ask
    return f"request {number} ({sending.framing.name} {ask.method} {ask.target})"


def _damaged(peer: Peer, around: Circumstances) -> bool:
    fault = peer.talk.fault
    return fault is not None and fault not in DELAYS and (fault not in AT_STEP or around.struck)


def _excused(peer: Peer, around: Circumstances, number: int) -> frozenset[int]:
    """Which statuses a fault excuses: of the request that it hit."""
    fault = peer.talk.fault
    if fault is None or not _damaged(peer, around):
        return frozenset()
    if fault is Fault.INTERRUPT or peer.sent < peer.talk.spans[number][2]:
        return _EXCUSES.get(fault, frozenset())
    return frozenset()


def _judge_answer(
    sending: Sending, answer: Answer, excused: frozenset[int], *, stopped: bool
) -> Iterator[str]:
    ask = sending.ask
    if answer.status in excused:
        return
    if ask.breaks and answer.status < _FAILED:
        yield f"its handler broke it off, and it looks whole: {answer}"
    elif ask.breaks:
        return
    if answer.status >= _FAILED if ask.status is None else answer.status != ask.status:
        yield f"status {answer.status} in place of {ask.status or 'one below 500'}: {answer.body[:200]!r}"
        return
    if ask.content is not None and answer.body != ask.content and ask.method != "HEAD":
        yield f"content {_shown(answer.body)} in place of {_shown(ask.content)}"
    if ask.events is not None:
        yield from _judge_events(answer.body, ask.events, whole=not stopped)
        if not answer.body.endswith(b"\n\n") and answer.body:
            yield f"it ends in the middle of an event: {answer.body[-60:]!r}"
    if ask.check is not None:
        try:
            ask.check(answer)
        except Exception as exc:  # noqa: BLE001  # whatever a check raises is its complaint
            yield f"{type(exc).__name__}: {exc}"


def _judge_events(body: bytes, right: Sequence[ReceivedEvent], *, whole: bool) -> Iterator[str]:
    """All of the events must have come, or at least the first of them, and nothing else."""
    for number, (event, expected) in enumerate(zip_longest(EventParser().feed(body), right)):
        if event is None and not whole:
            return
        if event != expected:
            yield f"event {number} is {event!r} in place of {expected!r}"
            return


def _shown(content: bytes) -> str:
    return repr(content) if len(content) < 100 else f"{content[:60]!r}… ({len(content)} bytes)"  # noqa: PLR2004  # a line


def _judge_times(peer: Peer, around: Circumstances) -> Iterator[str]:
    """On a virtual clock only waits take time: each must be one that somebody has a right to."""
    if peer.talk.read_pause_s:
        return
    free_at = peer.opened_at
    for number, (sending, at) in enumerate(zip(peer.talk.sendings, peer.answered_at, strict=False)):
        takes_s = sending.ask.takes_s
        if takes_s is None:
            at, takes_s = peer.begun_at[number], around.config.RESPONSE_TIMEOUT
        elif sending.ask.sends is not None:  # whose Close is not answered
            takes_s += around.config.WEBSOCKET_CLOSE_TIMEOUT
        begins_at = max(peer.sent_at[number], free_at)
        if sending.ask.events is not None:  # a stop ends it at once
            takes_s = min(takes_s, max(0.0, around.stopped_at - begins_at))
        late_s = at - begins_at - takes_s
        if late_s > _SLACK_S:
            yield f"{_name(number, sending)}: answered {late_s:.3f} s late"
        free_at = peer.answered_at[number]
    waited_s = peer.ended_at - peer.active_at
    patience_s = _patience_s(peer, around)
    if peer.ended and waited_s > patience_s + _SLACK_S:
        yield (
            f"the server let go after {waited_s:.3f} s without a byte,"
            f" and should have after {patience_s:.3f} s"
        )


def _patience_s(peer: Peer, around: Circumstances) -> float:
    """How long the server may keep a connection on which nothing moves."""
    spans, config = peer.talk.spans, around.config
    sent = max(peer.sent, around.taken)  # of a piece that is being sent, only the server knows how much
    asked = [n for n in range(peer.current, len(spans)) if sent >= spans[n][1]]
    takes_s = [peer.talk.sendings[n].ask.takes_s for n in asked]
    handlers_s = sum(config.RESPONSE_TIMEOUT if s is None else s for s in takes_s)
    return float(handlers_s + _peer_limit_s(peer, sent, config) + 2 * config.LINGER_TIMEOUT)


def _peer_limit_s(peer: Peer, sent: int, config: Config) -> float:
    """The limit of what the server waits for."""
    spans, now = peer.talk.spans, peer.current
    if now < len(spans) and sent >= spans[now][1] and peer.talk.sendings[now].upgrades:
        return _websocket_limit_s(peer, config)
    if peer.left:
        return 0.0
    if peer.stuffed:
        return float(config.WRITE_TIMEOUT)
    if peer.answers and peer.answers[-1].status == SWITCHING:  # a stop has closed it: nobody answers that
        return float(config.WEBSOCKET_CLOSE_TIMEOUT)
    return _request_limit_s(spans, sent, config)


def _request_limit_s(spans: Sequence[tuple[int, int, int]], sent: int, config: Config) -> float:
    """As above: the rest of a request, or the next."""
    for begin, body_at, end in spans:
        if begin < sent < body_at:
            return float(min(config.REQUEST_HEAD_TIMEOUT, config.REQUEST_TIMEOUT))
        if body_at <= sent < end:
            received_s = (sent - body_at) / config.BODY_MIN_RATE if config.BODY_MIN_RATE else inf
            return float(min(config.REQUEST_TIMEOUT, config.BODY_MIN_RATE_GRACE + received_s))
    return float(config.KEEP_ALIVE_TIMEOUT if sent else min(30, config.REQUEST_TIMEOUT))


def _websocket_limit_s(peer: Peer, config: Config) -> float:
    """As above: it pings, waits for a pong, closes, and waits for a Close."""
    takes_s = config.WRITE_TIMEOUT if peer.stuffed else 0.0
    if peer.left:
        return takes_s
    pinged_s = (config.WEBSOCKET_PING_INTERVAL or inf) + (config.WEBSOCKET_PING_TIMEOUT or inf)
    return takes_s + pinged_s + config.WEBSOCKET_CLOSE_TIMEOUT


def _judge_end(peer: Peer, around: Circumstances) -> Iterator[str]:
    talk = peer.talk
    damaged = _damaged(peer, around)
    whole = len(peer.answers)
    if peer.answers and peer.answers[-1].closes:
        if not damaged and not _may_close(talk.sendings[whole - 1], peer.answers[-1], around):
            yield f"{_name(whole - 1, talk.sendings[whole - 1])}: the connection was closed after it"
        return
    if whole == len(talk.sendings):
        last = talk.sendings[-1]
        if not damaged and (around.taken, around.given) != (peer.sent, peer.received):
            yield (
                f"sent {peer.sent} and received {peer.received} bytes,"
                f" where the server received {around.taken} and sent {around.given}"
            )
        if last.ask.closes and not damaged:
            yield f"{_name(whole - 1, last)}: the connection was kept"
        return
    sending = talk.sendings[whole]
    if peer.reader.status:
        yield from _judge_part(peer, sending)
        cut_off = peer.ended_at >= around.stopped_at + around.config.GRACEFUL_SHUTDOWN_TIMEOUT
        if not (damaged or sending.ask.breaks or cut_off):
            yield f"{_name(whole, sending)}: its answer was cut short after {len(peer.reader.body)} bytes"
    elif not (damaged or sending.ask.breaks) and around.stopped_at == inf:
        yield f"{_name(whole, sending)}: it was not answered"


def _judge_part(peer: Peer, sending: Sending) -> Iterator[str]:
    """What has come of an answer must be right, too."""
    right, reader = sending.ask.content, peer.reader
    if right is not None and sending.ask.status == reader.status and not right.startswith(reader.body):
        yield f"{_name(peer.current, sending)}: {_shown(reader.body)} is no beginning of {_shown(right)}"
    if sending.ask.sends is not None and reader.status == SWITCHING:
        for complaint in judge_messages(reader.body, sending.ask.receives, whole=False):
            yield f"{_name(peer.current, sending)}: {complaint}"
    if sending.ask.events is not None and sending.ask.status == reader.status:
        for complaint in _judge_events(reader.body, sending.ask.events, whole=False):
            yield f"{_name(peer.current, sending)}: {complaint}"


def _may_close(sending: Sending, answer: Answer, around: Circumstances) -> bool:
    refused = sending.framing is Framing.EXPECT and not answer.continued
    old = sending.framing is Framing.HTTP10
    return sending.ask.closes is not False or refused or old or around.stopped_at < inf
