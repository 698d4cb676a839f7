"""One task that waits for all sockets of a server.

Each socket is registered once, where Trio's `wait_readable` arms and disarms it for each wait; and it is read
from right here, so that a connection needs no task of its own that waits for its peer. What this saves is in
`docs/design.md`. Where there is no epoll, each connection has a task that reads (`wire.pump`).
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import Final, Self

import trio

from triosanic.log import error_logger

AVAILABLE: Final = sys.platform == "linux"
# How many sockets are read before other tasks have their turn: some milliseconds at most.
_EVENTS_A_TURN: Final = 128
# So many must be read in a turn before what answers them is held to its end, which costs two steps of a task.
_BURST: Final = 4
# So many are held at most: the first of them waits for the handlers of the others.
_HELD: Final = 16


class Poller:
    """Calls back when a socket can be read.

    Use it as a context manager: it holds a descriptor.

    Attributes:
        bursting: Whether this turn has woken so many tasks that it pays to `hold` their answers.
    """

    __slots__ = ("_callbacks", "_epoll", "_held", "bursting")

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise NotImplementedError("Poller needs epoll: let each connection read in its own task")
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._held: list[Callable[[], None]] = []
        self.bursting = False

    def hold(self, send: Callable[[], None]) -> None:
        """While `bursting`: call ``send``, which must not raise, when the tasks that were woken have run."""
        if len(self._held) == _HELD:
            self._send_held()
        self._held.append(send)

    def add(self, fd: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``fd`` can be read, or is broken, until `remove`. It must not raise."""
        if sys.platform == "linux":
            self._callbacks[fd] = callback
            self._epoll.register(fd, select.EPOLLIN)

    def pause(self, fd: int) -> None:
        """Call back for errors only."""
        if sys.platform == "linux":
            self._epoll.modify(fd, 0)

    def resume(self, fd: int) -> None:
        """Call back again also when there is something to read."""
        if sys.platform == "linux":
            self._epoll.modify(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Never call back for ``fd`` again; before it is closed."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the descriptor."""
        self._epoll.close()

    async def run(self) -> None:
        """Call back until cancelled. Checkpoint: always."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            events = self._epoll.poll(0, _EVENTS_A_TURN)
            self.bursting = len(events) >= _BURST
            for fd, _ in events:
                callback = self._callbacks.get(fd)
                if callback is not None:
                    self._call(callback)
            if self.bursting:
                # Trio shuffles the tasks of a step: those that were woken have run for sure after the second.
                await trio.lowlevel.cancel_shielded_checkpoint()
                await trio.lowlevel.cancel_shielded_checkpoint()
                self.bursting = False
                self._send_held()

    def _send_held(self) -> None:
        held, self._held = self._held, []
        for send in held:
            self._call(send)

    @staticmethod
    def _call(callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001  # a defect of ours in one connection must not stop the others
            error_logger.exception("a connection failed beneath its requests")
