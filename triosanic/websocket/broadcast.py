"""Messages to many WebSockets at once: encoded once, bounded for each, in one order for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

import trio

from triosanic.websocket.frames import Data, Outgoing
from triosanic.websocket.socket import Websocket

# Members that are served in a row before others have their turn: half a millisecond of system calls.
_MEMBERS_A_TURN: Final = 64
_POLICY_VIOLATION: Final = 1008


class Slow(Enum):
    """What becomes of a member that takes less than is sent to it, once its buffer is full."""

    DROP_OLDEST = "drop_oldest"  # the message that has waited longest is forgotten
    DISCONNECT = "disconnect"  # it is closed, with 1008, and its handler cancelled
    WAIT = "wait"  # whoever sends waits for it, and all others with it


class Broadcast:
    """A room: what is sent to it goes to all WebSockets that are in it.

    A member that keeps up gets a message at once, without a task; for one that does not, up to
    ``max_queued`` messages wait, which all members share, and then ``slow`` decides.

    Args:
        max_queued: How many messages may wait for a member; at least 1.
        slow: What becomes of a member for which more would wait: a `Slow`, or its name.

    Raises:
        ValueError: There is no such policy, or the bound is none.
    """

    __slots__ = ("_lock", "_max", "_members", "_slow")

    def __init__(self, *, max_queued: int = 16, slow: Slow | str = Slow.DROP_OLDEST) -> None:
        if not isinstance(max_queued, int) or max_queued < 1:
            raise ValueError(f"max_queued must be a whole number, 1 or more, not {max_queued!r}")
        self._max = max_queued
        self._slow = Slow(slow)
        self._members: dict[Websocket, None] = {}
        self._lock = trio.Lock()

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Websocket]:
        return iter(tuple(self._members))

    def __contains__(self, ws: object) -> bool:
        return ws in self._members

    @contextmanager
    def member(self, ws: Websocket) -> Iterator[None]:
        """Have ``ws`` in the room for the length of a block. Checkpoint: never.

        Raises:
            ValueError: It is in it already.
        """
        if ws in self._members:
            raise ValueError(f"{ws!r} is in this room already: let one block have it")
        self._members[ws] = None
        try:
            yield
        finally:
            del self._members[ws]

    async def send(self, message: Data, *, but: Websocket | None = None) -> None:
        """Send to all members; each gets all messages in the order of these calls.

        It does not wait until they have left, unless the policy is `Slow.WAIT` and a buffer is full.

        Args:
            message: Text or bytes.
            but: A member that does not get it, as the one that it came from.

        Raises:
            TypeError, NotImplementedError: See `Websocket.send`.

        Checkpoint: always. Cancelled midway, some members have it and others do not.
        """
        outgoing = Outgoing(message)
        async with self._lock:
            full: list[Websocket] = []
            for number, ws in enumerate(tuple(self._members), 1):
                if ws is not but and ws in self._members and not ws.offer(outgoing, self._max):
                    self._on_full(ws, outgoing, full)
                if number % _MEMBERS_A_TURN == 0:
                    await trio.lowlevel.checkpoint()
            for ws in full:
                await self._wait_for(ws, outgoing)

    def _on_full(self, ws: Websocket, outgoing: Outgoing, full: list[Websocket]) -> None:
        match self._slow:
            case Slow.DROP_OLDEST:
                ws.drop_oldest()
                ws.offer(outgoing, self._max)
            case Slow.DISCONNECT:
                ws.drop(_POLICY_VIOLATION, "too slow")
            case Slow.WAIT:
                full.append(ws)

    async def _wait_for(self, ws: Websocket, outgoing: Outgoing) -> None:
        while ws in self._members and not ws.offer(outgoing, self._max):
            await ws.wait_for_room(self._max)
