"""What a connection makes of the bytes that come: heads, bodies, and the peer's leaving.

It waits for nothing: whoever reads the wire (`wire.pump`, or a socket's poller) asks how much it `wants`,
and calls `on_data` and `on_end`; the connection calls the rest. It promises that no more is read ahead than
the limit, that a body waits for its handler, and that every wait for the peer has a deadline.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from typing import Final, Protocol

import trio

from triosanic.exceptions import BadRequest, ClientGone, RequestTimeout
from triosanic.http.body import RequestBody
from triosanic.http.clock import Clock
from triosanic.http.framing import Inbound
from triosanic.http.limits import Limits
from triosanic.http.wire import Sink, Wire

# 64 KiB is one piece of a body. Longer reads cost half where more is known to come, of the body or of a large
# chunk. They are made once the handler has shown that it keeps up: until then a client whose handler stalls
# takes but a small piece of our memory. 120 KiB: from 128 on, malloc maps each buffer anew: twice the cost.
_READ_BYTES: Final = 65_536
_LONG_READ_BYTES: Final = 122_880
_BYTES_BEFORE_LONG_READS: Final = 16 * _READ_BYTES
# What is dropped is taken apart at once, to find its end: of the tiniest chunks this is 2 ms.
_DISCARD_BYTES: Final = 16_384
_CUT_SHORT: Final = "the client has gone before the body was complete"


class Reading(Enum):
    """What the reader is at."""

    HEADS = auto()  # collecting heads, and reading ahead while a request is handled
    BODY = auto()  # handing the body of the current request to its handler
    DISCARD = auto()  # dropping what nobody will read of that body, so that the next head can be read
    DEAF = auto()  # nothing more is wanted from the peer, or can come
    LINGER = auto()  # swallowing what comes, so that the peer can read our last answer
    UPGRADED = auto()  # all that comes is another protocol's


class Upgraded(Sink, Protocol):
    """Who has the connection after an upgrade. Nothing of this is told before it has."""

    def on_due(self) -> None:
        """The reading deadline that it has armed is over. Checkpoint: never."""


class Listener(Protocol):
    """Whom the reader tells."""

    def on_bytes(self) -> None:
        """Something new is in the buffer."""

    def on_peer_end(self, *, broken: bool) -> None:
        """The peer has ended its side, or, ``broken``, reset the connection."""

    def on_drained(self) -> None:
        """A body that was discarded has ended, or a linger: there is nothing to wait for any more."""


class Reader:
    """The receiving half of a connection, without I/O.

    Attributes:
        buffer: What was read and belongs to no request yet.
        peer_ended: Whether the peer has ended its side.
        upgraded: Who has the connection since an upgrade.
    """

    __slots__ = (
        "_body",
        "_budget",
        "_clock",
        "_grace_s",
        "_held",
        "_inbound",
        "_limits",
        "_listener",
        "_min_rate",
        "_reading",
        "_received",
        "_waited_s",
        "_waiting_since",
        "_wire",
        "buffer",
        "peer_ended",
        "upgraded",
    )

    def __init__(self, wire: Wire, clock: Clock, limits: Limits, listener: Listener) -> None:
        self._wire = wire
        self._clock = clock
        self._limits = limits
        self._listener = listener
        self._reading = Reading.HEADS
        self.buffer = b""
        self.peer_ended = False
        self.upgraded: Upgraded | None = None
        self._inbound: Inbound | None = None
        self._body: RequestBody | None = None
        self._budget = 0
        self._held = False
        self._received = 0  # of the body, framing included
        self._waited_s = 0.0  # for the body, in all
        self._waiting_since = inf
        self._min_rate = limits.body_min_rate
        self._grace_s = limits.body_min_rate_grace_s

    # The wire's side.

    @property
    def wants(self) -> int:
        """How many bytes to read next, at most; 0: none for now."""
        if self.peer_ended:
            return 0
        match self._reading:
            case Reading.HEADS:
                return _READ_BYTES if len(self.buffer) < self._limits.read_ahead_bytes else 0
            case Reading.BODY:
                return self._body_wants()
            case Reading.DISCARD | Reading.LINGER:
                return _DISCARD_BYTES
            case Reading.UPGRADED:
                return self.upgraded.wants if self.upgraded is not None else 0
            case Reading.DEAF:
                return 0

    def _body_wants(self) -> int:
        if self._body is None or self._inbound is None or self._body.waiting:
            return 0
        long = self._received > _BYTES_BEFORE_LONG_READS and self._inbound.missing
        return _LONG_READ_BYTES if long else _READ_BYTES

    def on_data(self, data: bytes) -> None:
        """Take what was read. Checkpoint: never."""
        match self._reading:
            case Reading.HEADS:
                self.buffer = self.buffer + data if self.buffer else data
                self._listener.on_bytes()
            case Reading.BODY | Reading.DISCARD:
                self._on_body_data(data)
            case Reading.LINGER:
                self._spend(len(data))
            case Reading.UPGRADED:
                if self.upgraded is not None:
                    self.upgraded.on_data(data)
            case Reading.DEAF:
                pass

    def on_end(self, *, broken: bool) -> None:
        """The peer has ended its side, or, ``broken``, reset the connection. Checkpoint: never."""
        if self.peer_ended:
            return
        self.peer_ended = True
        if self._reading is Reading.UPGRADED and self.upgraded is not None:
            self.upgraded.on_end(broken=broken)
            return
        self._listener.on_peer_end(broken=broken)  # first: a handler that is stopped sees no other error
        # What came before the end still counts: heads, and what a handler has yet to take of a body.
        if self._reading is not Reading.HEADS and not (self._body is not None and self._body.waiting):
            self._stop(ClientGone(_CUT_SHORT))

    # The connection's side.

    @property
    def in_body(self) -> bool:
        """Whether the current request's body has not ended yet."""
        return self._reading is Reading.BODY

    @property
    def in_step(self) -> bool:
        """Whether the next bytes are the next head: nothing before them was cut short or left out."""
        return self._reading is Reading.HEADS

    @property
    def quiet(self) -> bool:
        """Whether nothing has come but what was taken, and more can come."""
        return self.in_step and not (self.buffer or self.peer_ended)

    def feed(self, body: RequestBody, inbound: Inbound, *, held: bool) -> None:
        """Read the body of a request that has just begun. Checkpoint: never.

        Args:
            body: Takes the content.
            inbound: Its framing.
            held: Whether the peer waits for our word before it sends anything; see `release`.
        """
        self._body, self._inbound, self._held = body, inbound, held
        self._reading = Reading.BODY
        self._received = len(inbound.rest)
        self._waited_s = 0.0
        self._min_rate, self._grace_s = self._limits.body_min_rate, self._limits.body_min_rate_grace_s
        body.on_taken = self._deliver
        self._deliver()

    def release(self) -> None:
        """The peer has our word (100 Continue): from now on its time counts. Checkpoint: never."""
        self._held = False
        if self._reading is Reading.BODY:
            self._deliver()

    def pace(self, min_rate: float | None, grace_s: float | None) -> None:
        """Ask another rate of this body, for all of its time, where one is given. Checkpoint: never."""
        self._min_rate = self._min_rate if min_rate is None else min_rate
        self._grace_s = self._grace_s if grace_s is None else grace_s
        if self._reading is Reading.BODY:
            self._arm()

    def discard(self) -> bool:
        """Drop what is left of the body; return whether there is something to wait for. Checkpoint: never."""
        if self._body is not None:
            self._body.close()
            self._reading = Reading.DISCARD
            self._begin_draining(self._limits.linger_timeout_s)
            self._deliver()
        return self._reading is Reading.DISCARD

    def linger(self, seconds: float) -> None:
        """Swallow what comes, within the limits, and then call `Listener.on_drained`. Checkpoint: never."""
        self._forget_body()
        self.buffer = b""
        self.upgraded = None
        self._reading = Reading.LINGER
        self._begin_draining(seconds)
        self.resume()

    def upgrade(self, upgraded: Upgraded) -> None:
        """Hand over to another protocol, with what has come of it already. Checkpoint: never."""
        early, self.buffer = self.buffer, b""
        self._reading = Reading.UPGRADED
        self.upgraded = upgraded
        if early:
            upgraded.on_data(early)
        if self.peer_ended:
            upgraded.on_end(broken=False)
        self.resume()

    def close(self) -> None:
        """Keep nothing: the connection has ended. Checkpoint: never."""
        self.upgraded = None
        self._forget_body()
        self.buffer = b""
        self._reading = Reading.DEAF

    def timed_out(self) -> None:
        """The peer did not send in time: a body that is awaited fails with 408. Checkpoint: never."""
        if self._reading is Reading.UPGRADED and self.upgraded is not None:
            self.upgraded.on_due()
            return
        if self._body is not None and self._body.waiting:
            return  # its handler has given a piece back since: it is we who hold the peer back
        self._stop(RequestTimeout("Request Timeout"))

    def resume(self) -> None:
        """Let the wire be read again, if anything is wanted of it. Checkpoint: never."""
        if self.wants:
            self._wire.resume()

    # The body.

    def _on_body_data(self, data: bytes) -> None:
        if self._inbound is None:
            return
        now = trio.current_time()
        self._waited_s += max(0.0, now - self._waiting_since)
        self._waiting_since = inf
        self._received += len(data)
        self._inbound.feed(data)
        if self._reading is Reading.DISCARD:
            # What counts is what comes, however little content is in it.
            self._spend(len(data))
        self._deliver()

    def _deliver(self) -> None:
        """Hand on what can be, and see what is to be done next."""
        while self._body is not None and self._inbound is not None and not self._body.waiting:
            try:
                piece = self._inbound.take()
            except BadRequest as error:
                self._stop(error.with_traceback(None))  # its frames hold what was read
                return
            if piece:
                if self._reading is Reading.BODY:
                    self._body.put(piece)
            elif self._inbound.complete:
                self._finish(self._body, self._inbound)
            else:
                self._await_more()
                return
        self._waiting_since = inf
        if self._reading is Reading.BODY:
            self._clock.read_at = inf  # it is we who hold the peer back

    def _await_more(self) -> None:
        if self.peer_ended:
            self._stop(ClientGone(_CUT_SHORT))
            return
        if self._reading is Reading.BODY and not self._held:
            self._waiting_since = trio.current_time()
            self._arm()
        self._wire.resume()

    def _arm(self) -> None:
        """Wait for the body no longer than the bounds of silence and of its rate allow."""
        wait_s = self._limits.request_timeout_s
        if self._min_rate > 0:
            allowance_s = self._grace_s + self._received / self._min_rate
            wait_s = min(wait_s, allowance_s - self._waited_s)
        self._clock.arm_read(self._waiting_since + wait_s)

    def _finish(self, body: RequestBody, inbound: Inbound) -> None:
        body.finish(inbound.trailers)
        self.buffer = inbound.rest
        self._reading = Reading.HEADS
        self._forget_body()
        self._clock.read_at = inf
        self._listener.on_drained()
        self.resume()

    def _stop(self, error: Exception) -> None:
        """Hear nothing more; a body that has not ended fails with ``error``."""
        drained = self._reading in (Reading.DISCARD, Reading.LINGER)
        self._reading = Reading.DEAF
        if self._body is not None:
            self._body.fail(error)
        self._forget_body()
        self._clock.read_at = inf
        if drained:
            self._listener.on_drained()

    def _forget_body(self) -> None:
        if self._body is not None:
            self._body.on_taken = None
        self._body = self._inbound = None

    def _begin_draining(self, seconds: float) -> None:
        self._budget = self._limits.linger_bytes
        self._clock.arm_read(trio.current_time() + seconds)

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            self._stop(ClientGone("the rest of the body is not read"))
