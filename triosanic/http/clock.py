"""The clock of a connection: the three deadlines that it can miss.

Arming a deadline is writing a number; only one that is earlier than all before it asks the timers. In a busy
connection that happens once in a minute, where a cancel scope per step would cost 6 µs each.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from math import inf

import trio

from triosanic.http.timers import Timers


class Due(Enum):
    """Which deadline has passed."""

    READ = auto()  # the peer was to send something
    REPLY = auto()  # the handler was to begin its response
    WRITE = auto()  # the peer was to take something


class Clock:
    """Deadlines in Trio's time, in seconds; `math.inf` is none.

    Attributes:
        read_at: Until when the peer must have sent what is waited for.
        write_at: Until when the peer must have taken something of what is being sent.
        armed_at: When the timers wake it: no later than the first of its deadlines.
    """

    __slots__ = ("_held", "_on_due", "_reply_at", "_timers", "armed_at", "read_at", "write_at")

    def __init__(self, timers: Timers, on_due: Callable[[Due], None]) -> None:
        """Make a clock that calls ``on_due`` for a deadline that has passed; that must then move it."""
        self._timers = timers
        self._on_due: Callable[[Due], None] | None = on_due
        self.read_at = inf
        self.write_at = inf
        self._reply_at = inf
        self._held = 0  # how many tasks wait for the peer; the reply's time stands still meanwhile
        self.armed_at = inf

    def arm_read(self, at: float) -> None:
        """Let the deadline for reading be ``at``."""
        self.read_at = at
        if at < self.armed_at:
            self._arm(at)

    def arm_write(self, at: float) -> None:
        """Let the deadline for writing be ``at``."""
        self.write_at = at
        if at < self.armed_at:
            self._arm(at)

    def arm_reply(self, at: float) -> None:
        """Let the handler's deadline be ``at``; `inf` when it has begun its response."""
        self._reply_at = at
        self._held = 0
        if at < self.armed_at:
            self._arm(at)

    def hold_reply(self) -> None:
        """Stop the handler's time: from now on it is the peer that we wait for."""
        if self._held == 0:
            self._reply_at -= trio.current_time()  # what is left of it
        self._held += 1

    def resume_reply(self) -> None:
        """Let the handler's time go on."""
        if self._held:
            self._held -= 1
            if self._held == 0:
                self._reply_at += trio.current_time()
                if self._reply_at < self.armed_at:
                    self._arm(self._reply_at)

    def wake(self) -> None:
        """See whether a deadline has passed; the timers call it. Checkpoint: never."""
        self.armed_at = inf
        now = trio.current_time()
        due = self._due(now)
        if due is not None and self._on_due is not None:
            self._on_due(due)
        at = min(self.read_at, self.write_at, inf if self._held else self._reply_at)
        if at < self.armed_at and self._on_due is not None:
            self._arm(max(at, now))

    def close(self) -> None:
        """Tell nothing from now on, and let go of the connection. Checkpoint: never."""
        self._on_due = None
        self._disarm()
        self.read_at = self.write_at = self._reply_at = inf

    def _due(self, now: float) -> Due | None:
        if self.write_at <= now:
            return Due.WRITE
        if self._held == 0 and self._reply_at <= now:
            return Due.REPLY
        return Due.READ if self.read_at <= now else None

    def _arm(self, at: float) -> None:
        if self._on_due is not None:
            self._disarm()
            self.armed_at = at
            self._timers.add(at, self)

    def _disarm(self) -> None:
        if self.armed_at < inf:
            self.armed_at = inf
            self._timers.note_stale()
