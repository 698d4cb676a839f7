"""The clock of a connection: three deadlines on one cancel scope.

The reader runs under the clock's scope. Arming a deadline later than the one the scope already has costs
nothing: the scope fires at the earlier time, finds nothing due, and is entered anew. In a busy connection
that happens once in a minute, where entering a scope per step would cost 6 µs each (`docs/design.md`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from math import inf

import trio


class Due(Enum):
    """Which deadline has passed."""

    READ = auto()  # the peer was to send something
    REPLY = auto()  # the handler was to begin its response
    WRITE = auto()  # the peer was to take something


class Clock:
    """Deadlines in Trio's time, in seconds; `math.inf` is none.

    Attributes:
        read_at: Until when the peer must have sent what the reader waits for.
        write_at: Until when the peer must have taken something of what is being sent.
    """

    __slots__ = ("_armed", "_held", "_reply_at", "_scope", "read_at", "write_at")

    def __init__(self) -> None:
        self.read_at = inf
        self.write_at = inf
        self._reply_at = inf
        self._held = 0  # how many tasks wait for the peer; the reply's clock stops meanwhile
        self._armed = inf
        self._scope: trio.CancelScope | None = None

    def arm_read(self, at: float) -> None:
        """Let the reader's deadline be ``at``."""
        self.read_at = at
        self._move(at)

    def arm_write(self, at: float) -> None:
        """Let the sender's deadline be ``at``."""
        self.write_at = at
        self._move(at)

    def arm_reply(self, at: float) -> None:
        """Let the handler's deadline be ``at``; `inf` when it has begun its response."""
        self._reply_at = at
        self._held = 0
        self._move(at)

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
                self._move(self._reply_at)

    def due(self) -> Due | None:
        """Which deadline has passed by now, if any."""
        now = trio.current_time()
        if self.write_at <= now:
            return Due.WRITE
        if self._held == 0 and self._reply_at <= now:
            return Due.REPLY
        return Due.READ if self.read_at <= now else None

    async def run(self, step: Callable[[], Awaitable[None]], on_due: Callable[[Due], None]) -> None:
        """Run ``step`` to its end; each time a deadline passes, cancel it, call ``on_due``, and run it again.

        Checkpoint: as ``step``.
        """
        while True:
            self._armed = min(self.read_at, self.write_at, inf if self._held else self._reply_at)
            with trio.CancelScope(deadline=self._armed) as self._scope:
                await step()
                return
            due = self.due()
            if due is not None:
                on_due(due)

    def kick(self) -> None:
        """Let the step be cancelled and begun again, because what it should wait for has changed."""
        if self._scope is not None:
            self._scope.cancel()

    def _move(self, at: float) -> None:
        if at < self._armed and self._scope is not None:
            self._armed = self._scope.deadline = at
