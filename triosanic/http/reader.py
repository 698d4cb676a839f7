"""The reader of a connection: it keeps one read pending as long as the connection lives.

The connection calls it; it promises that the peer's leaving is seen while a handler runs, that no more is
read ahead than the limit, and that every wait for the peer has a deadline.
It runs under the connection's clock, which may cancel and begin anew each step: what lasts is an attribute.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from typing import Final, Protocol, assert_never

import trio

from triosanic.exceptions import BadRequest, ClientGone, RequestTimeout
from triosanic.http.body import RequestBody
from triosanic.http.clock import Clock
from triosanic.http.framing import Inbound
from triosanic.http.limits import Limits
from triosanic.http.wire import Wire, WireBroken

# 64 KiB: h11 copies its buffer, so that larger reads cost more than they save. A body of known length does
# not go through it: there 256 KiB cost two thirds, and are read once a handler has shown that it keeps up;
# until then a client whose handler stalls takes no more than a small piece of our memory.
_READ_BYTES: Final = 65_536
_LONG_READ_BYTES: Final = 262_144
_PIECES_BEFORE_LONG_READS: Final = 16


class Reading(Enum):
    """What the reader is at."""

    HEADS = auto()  # collecting heads, and reading ahead while a request is handled
    BODY = auto()  # handing the body of the current request to its handler
    DEAF = auto()  # nothing more is wanted from the peer, or can come
    LINGER = auto()  # swallowing what comes, so that the peer can read our last answer


class Listener(Protocol):
    """Whom the reader tells."""

    def on_bytes(self) -> None:
        """Something new is in the buffer."""

    def on_end(self, *, broken: bool) -> None:
        """The peer has ended its side, or, ``broken``, reset the connection."""

    def on_body_end(self) -> None:
        """The current request's body has ended, whole or not."""


class Reader:
    """Reads for one connection.

    Attributes:
        buffer: What was read and belongs to no request yet.
        peer_ended: Whether the peer has ended its side.
    """

    __slots__ = (
        "_body",
        "_budget",
        "_clock",
        "_inbound",
        "_limits",
        "_listener",
        "_piece",
        "_reading",
        "_received",
        "_waited_s",
        "_waiting",
        "_wire",
        "buffer",
        "peer_ended",
    )

    def __init__(self, wire: Wire, clock: Clock, limits: Limits, listener: Listener) -> None:
        self._wire = wire
        self._clock = clock
        self._limits = limits
        self._listener = listener
        self._reading = Reading.HEADS
        self.buffer = b""
        self.peer_ended = False
        self._inbound: Inbound | None = None
        self._body: RequestBody | None = None
        self._piece = b""
        self._budget = 0
        self._received = 0
        self._waited_s = 0.0
        self._waiting = False  # for a head; if so, a change of what is to be read must interrupt it

    # The connection's side.

    def feed(self, body: RequestBody, inbound: Inbound) -> None:
        """Read the body of a request that has just begun."""
        self._body, self._inbound = body, inbound
        self._budget = -1
        self._received = len(inbound.rest)
        self._waited_s = 0.0
        self._reading = Reading.BODY
        if self._waiting:
            self._clock.kick()

    def discard(self) -> None:
        """Drop what is left of the body, within the limits of lingering."""
        if self._body is not None:
            self._budget = self._limits.linger_bytes
            self._body.close()
            self._clock.arm_read(trio.current_time() + self._limits.linger_timeout_s)

    def linger(self) -> None:
        """Swallow what comes, within the limits, and then return from `run`."""
        self._budget = self._limits.linger_bytes
        self._clock.arm_read(trio.current_time() + self._limits.linger_timeout_s)
        self._reading = Reading.LINGER
        self._clock.kick()

    def timed_out(self) -> None:
        """The peer did not send in time: lingering ends, and a body that is awaited fails with 408."""
        self._budget = -1
        if self._reading is Reading.BODY:
            self._end_body(RequestTimeout("Request Timeout"))
            self._reading = Reading.DEAF

    def resume(self) -> None:
        """Read on, if the buffer was full: there is room in it again."""
        if self._waiting and len(self.buffer) < self._limits.read_ahead_bytes:
            self._clock.kick()

    @property
    def in_body(self) -> bool:
        """Whether the current request's body has not ended yet."""
        return self._reading is Reading.BODY

    @property
    def in_step(self) -> bool:
        """Whether the next bytes are the next head: nothing before them was cut short or left out."""
        return self._reading is Reading.HEADS

    async def run(self) -> None:
        """Read until lingering is over. Checkpoint: always."""
        while not (self._reading is Reading.LINGER and (self.peer_ended or self._budget < 0)):
            try:
                await self._step()
            except WireBroken:
                self._on_end(broken=True)

    # The steps.

    async def _step(self) -> None:
        match self._reading:
            case Reading.HEADS:
                await self._read_heads()
            case Reading.BODY:
                await self._read_body()
            case Reading.DEAF:
                await trio.sleep_forever()
            case Reading.LINGER:
                await self._linger()
            case _:
                assert_never(self._reading)

    async def _read_heads(self) -> None:
        self._waiting = True
        if len(self.buffer) >= self._limits.read_ahead_bytes:
            await trio.sleep_forever()  # `feed`, `linger` or `resume` kicks us out of it
        data = await self._wire.receive(_READ_BYTES)
        self._waiting = False
        if not data:
            self._on_end(broken=False)
            return
        self.buffer = self.buffer + data if self.buffer else data
        self._listener.on_bytes()

    async def _read_body(self) -> None:
        assert self._inbound is not None
        assert self._body is not None
        try:
            self._piece = self._piece or self._inbound.take()
        except BadRequest as exc:
            self._end_body(exc)
            self._reading = Reading.DEAF
            return
        if self._piece:
            await self._hand_over(self._body)
        elif self._inbound.complete:
            self._body.finish(self._inbound.trailers)
            self.buffer = self._inbound.rest
            self._reading = Reading.HEADS
            self._forget_body()
        else:
            await self._read_more(self._inbound)

    async def _hand_over(self, body: RequestBody) -> None:
        if self._budget < 0:
            self._clock.read_at = inf  # it is we who hold the peer back
            try:
                await body.put(self._piece)
            except trio.BrokenResourceError:
                if self._reading is Reading.BODY and self._budget < 0:  # and not `discard` or `linger`
                    self._reading = Reading.DEAF
                    self._forget_body()
                return
        else:
            await trio.lowlevel.checkpoint()  # nobody takes it: this is where others have their turn
        self._piece = b""

    async def _read_more(self, inbound: Inbound) -> None:
        before = trio.current_time()
        if self._budget < 0:
            allowance = self._limits.body_allowance_s(self._received) - self._waited_s
            self._clock.arm_read(before + min(self._limits.request_timeout_s, allowance))
        large = self._received > _PIECES_BEFORE_LONG_READS * _READ_BYTES and inbound.missing
        try:
            data = await self._wire.receive(_LONG_READ_BYTES if large else _READ_BYTES)
        finally:
            self._waited_s += trio.current_time() - before
        if data:
            self._received += len(data)
            inbound.feed(data)
            if self._budget >= 0:  # discarding: what counts is what comes, however little content is in it
                self._budget -= len(data)
                if self._budget < 0:
                    self._reading = Reading.DEAF
                    self._forget_body()
        else:
            self._on_end(broken=False)

    async def _linger(self) -> None:
        data = await self._wire.receive(_READ_BYTES)
        if data:
            self._budget -= len(data)
        else:
            self.peer_ended = True

    def _on_end(self, *, broken: bool) -> None:
        self.peer_ended = True
        if self._reading is not Reading.LINGER:
            self._end_body(ClientGone("the client has gone before the body was complete"))
            self._reading = Reading.DEAF
        self._listener.on_end(broken=broken)

    def _end_body(self, error: Exception) -> None:
        if self._body is not None:
            self._body.fail(error)
            self._forget_body()

    def _forget_body(self) -> None:
        self._body = self._inbound = None
        self._piece = b""
        self._clock.read_at = inf
        self._listener.on_body_end()
