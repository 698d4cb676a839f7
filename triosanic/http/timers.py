"""One task that tells clocks when their time has come.

The server runs one `Timers` for all of its connections. A clock asks to be woken at a time; if by then it
wants a later one, it finds nothing due and asks again.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Final, Protocol

import trio

from triosanic.log import error_logger

# Entries that mean nothing any more are dropped together, once they outnumber the others and these.
_STALE: Final = 1000


class Sleeper(Protocol):
    """Who is woken.

    Attributes:
        armed_at: The time that it waits for; an entry for another is stale. `math.inf`: it waits for none.
    """

    armed_at: float

    def wake(self) -> None:
        """The time has come. Checkpoint: never."""


class Timers:
    """A heap of times in Trio's seconds, and the task that waits for the first."""

    __slots__ = ("_armed", "_entries", "_number", "_scope", "_stale")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Sleeper]] = []
        self._number = count()  # so that two entries of one time compare
        self._stale = 0
        self._armed = inf
        self._scope: trio.CancelScope | None = None

    def add(self, at: float, sleeper: Sleeper) -> None:
        """Wake ``sleeper`` at ``at``, if that is still what it waits for. Checkpoint: never."""
        heappush(self._entries, (at, next(self._number), sleeper))
        if at < self._armed and self._scope is not None:
            self._armed = self._scope.deadline = at

    def note_stale(self) -> None:
        """A sleeper with an entry waits for another time now, or for none. Checkpoint: never."""
        self._stale += 1
        if self._stale > _STALE and self._stale * 2 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[0] == entry[2].armed_at]
            heapify(self._entries)
            self._stale = 0

    async def run(self) -> None:
        """Wake sleepers until cancelled. Checkpoint: always."""
        while True:
            self._armed = self._entries[0][0] if self._entries else inf
            with trio.CancelScope(deadline=self._armed) as self._scope:
                await trio.sleep_forever()
            now = trio.current_time()
            while self._entries and self._entries[0][0] <= now:
                at, _, sleeper = heappop(self._entries)
                if at == sleeper.armed_at:
                    _wake(sleeper)
                elif self._stale:
                    self._stale -= 1


def _wake(sleeper: Sleeper) -> None:
    try:
        sleeper.wake()
    except Exception:  # noqa: BLE001  # a defect of ours in one connection must not stop the others
        error_logger.exception("a connection's deadline could not be handled")
