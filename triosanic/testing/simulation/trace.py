"""What happened in a run, as a hash: two runs of one seed must have the same."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import trio


class Trace:
    """Notes events, with their virtual times.

    Args:
        tell: Called with each event as a line, for people; ``None``: nobody is told.
    """

    __slots__ = ("_hash", "_tell")

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._hash = blake2b(digest_size=16)
        self._tell = tell

    def note(self, number: int, event: str, data: bytes = b"") -> None:
        """Note an event of connection ``number``. Checkpoint: never."""
        now = trio.current_time()
        self._hash.update(f"\n{now!r} {number} {event} {len(data)} ".encode())
        self._hash.update(data)
        if self._tell is not None:
            shown = f" {len(data)} {data[:60]!r}" if data else ""
            self._tell(f"{now:10.3f} #{number} {event}{shown}")

    @property
    def digest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


class Steps(trio.abc.Instrument):
    """Notes each step of each task, too: a schedule that differs at all has another hash."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._numbers: dict[trio.lowlevel.Task, int] = {}

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        number = self._numbers.setdefault(task, len(self._numbers))
        self._trace.note(number, "step", task.name.encode())
