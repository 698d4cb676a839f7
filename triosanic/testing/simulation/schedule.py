"""Trio's own order of tasks, from one seed, and a clock that never waits.

Trio shuffles the tasks that are ready. It has a private switch that sorts them before, for Hypothesis; with
that and a seed, a run on a virtual clock is the same each time. What is private may go: then we say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from random import Random
from typing import Any, Final

import trio
import trio._core._run as _trio_run  # the switch is there and nowhere else

_SWITCH: Final = "_ALLOW_DETERMINISTIC_SCHEDULING"
_RANDOM: Final = "_r"


class NotDeterministic(RuntimeError):
    """This version of Trio can't be given a seed."""


class VirtualClock(trio.abc.Clock):
    """Jumps to the next deadline as soon as every task waits.

    `trio.testing.MockClock` lets tasks in `trio.testing.wait_all_tasks_blocked` go first, for which each of
    its jumps takes the scheduler another round.
    """

    def __init__(self) -> None:
        self._now_s = 0.0

    def start_clock(self) -> None:
        """See `trio.abc.Clock`."""

    def current_time(self) -> float:
        """See `trio.abc.Clock`."""
        return self._now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """See `trio.abc.Clock`: asked only when no task can run."""
        if deadline == inf:
            return inf  # only another thread can wake a task
        self._now_s = max(self._now_s, deadline)
        return 0.0


@contextmanager
def seeded_schedule(seed: int) -> Iterator[None]:
    """Let Trio choose the order of tasks by ``seed``, for runs that begin in the block.

    Args:
        seed: Any whole number.

    Raises:
        NotDeterministic: Trio has no such switch any more.
    """
    run: Any = _trio_run
    random = getattr(run, _RANDOM, None)
    if not hasattr(run, _SWITCH) or not isinstance(random, Random):
        raise NotDeterministic(
            f"Trio {trio.__version__} has no trio._core._run.{_SWITCH} with {_RANDOM}, which simulations need"
            " to repeat a run: use a version that has them, as 0.30 to 0.35"
        )
    allowed, state = getattr(run, _SWITCH), random.getstate()
    setattr(run, _SWITCH, True)
    random.seed(seed)
    try:
        yield
    finally:
        setattr(run, _SWITCH, allowed)
        random.setstate(state)
