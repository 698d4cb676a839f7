"""The way of frames to a peer: one after another, each whole, and the urgent ones first.

Everything that sends on a WebSocket goes through its `Outlet`; it promises that a frame which was begun is
finished or the connection is aborted, that it holds a bounded number of frames, and that nothing follows a
Close.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import trio
from wsproto.frame_protocol import Opcode

from triosanic.exceptions import WebsocketClosed
from triosanic.http.exchange import Link
from triosanic.http.wire import WireBroken
from triosanic.websocket.frames import control

NOT_WRITABLE: Final = "Cannot write to websocket interface after it is closed."
# A sender yields at the latest after so much: half a millisecond.
_FRAMES_A_TURN: Final = 64
_BYTES_A_TURN: Final = 1 << 20


class Outlet:
    """Sends the frames of one WebSocket.

    Args:
        link: The connection.
        broken: Called when nothing can be sent any more.

    Attributes:
        sent: Bytes that were sent.
    """

    __slots__ = (
        "_backlog",
        "_begun",
        "_broken",
        "_busy",
        "_bytes",
        "_dead",
        "_ended",
        "_farewell",
        "_frames",
        "_link",
        "_pong",
        "_room",
        "_sender",
        "_turns",
        "sent",
    )

    def __init__(self, link: Link, broken: Callable[[], None]) -> None:
        self._link = link
        self._broken: Callable[[], None] | None = broken
        self.sent = 0
        self._busy = False  # whether a frame is on its way; then the wire is its sender's alone
        self._turns: trio.lowlevel.ParkingLot | None = None  # who waits for the wire
        self._room: trio.lowlevel.ParkingLot | None = None  # who waits for something else to leave
        self._backlog: deque[list[bytes]] | None = None  # what waits without a task
        self._pong: bytes | None = None
        self._farewell: bytes | None = None
        self._sender: trio.lowlevel.Task | None = None  # who waits for what is on its way
        self._begun = 0  # how many frames have been begun
        self._dead = False  # whether that can't be finished
        self._ended = False  # whether a Close was sent, or is owed
        self._frames = self._bytes = 0  # since the last schedule point

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return self._busy

    async def send(self, parts: list[bytes]) -> None:
        """Send a frame, after those that wait already.

        Raises:
            WebsocketClosed: A Close has been sent, or the peer has gone.

        Checkpoint: if the peer does not take it at once, and now and then. Cancelled before its turn, it
        has sent nothing; later it has sent half a frame, and the connection is aborted, unless a Close is to
        follow: then the frame is finished.
        """
        await self._pause(parts)
        waited = self._busy
        if waited:
            await self._turn()
        if self._ended:
            if waited:
                self._pass_on()
            raise WebsocketClosed(NOT_WRITABLE)
        if self._try(parts):
            self._pass_on()
        else:
            await self._wait_left()

    def offer(self, parts: list[bytes], limit: int) -> bool:
        """Send a frame without waiting, or let it wait behind others; return whether it could.

        Args:
            parts: The frame.
            limit: How many frames may wait.

        Checkpoint: never.
        """
        if self._ended:
            return True  # there is nobody to whom it could be late
        if not self._busy:
            self._send_now(parts)
            return True
        if self._backlog is None:
            self._backlog = deque()
        if len(self._backlog) >= limit:
            return False
        self._backlog.append(parts)
        return True

    def drop_oldest(self) -> None:
        """Forget the frame that waits longest. Checkpoint: never."""
        if self._backlog:
            self._backlog.popleft()

    async def wait_for_room(self, limit: int) -> None:
        """Wait until fewer than ``limit`` frames wait. Checkpoint: if there are as many."""
        while self._busy and self._backlog is not None and len(self._backlog) >= limit and not self._ended:
            await self._wait_for_something()

    async def wait_idle(self) -> None:
        """Wait until nothing is on its way. Checkpoint: if something is."""
        while self._busy:
            await self._wait_for_something()

    def pong(self, payload: bytes) -> None:
        """Answer a ping, now or next; RFC 6455 5.5.3: of those that wait, the last one. Checkpoint: never."""
        if self._ended:
            return
        if self._busy:
            self._pong = payload
        else:
            self._send_now(control(Opcode.PONG, payload))

    def ping(self, payload: bytes) -> bool:
        """Send a ping, unless something is on its way; return whether it was sent. Checkpoint: never."""
        if self._busy or self._ended:
            return False
        self._send_now(control(Opcode.PING, payload))
        return True

    def farewell(self, frame: bytes) -> None:
        """Send a Close, now or next; what waits is dropped, and nothing follows. Checkpoint: never."""
        if self._ended:
            return
        self._ended = True
        self._pong = None
        self._backlog = None
        if self._busy:
            self._farewell = frame
        else:
            self._send_now([frame])

    def shut(self) -> None:
        """Send nothing any more: there is nobody to take it. Checkpoint: never."""
        self._ended = True
        self._pong = self._farewell = self._backlog = None
        self._broken = None
        if self._sender is not None:
            self._dead = True
            self._wake_sender()

    async def _pause(self, parts: list[bytes]) -> None:
        self._frames += 1
        self._bytes += len(parts[-1])
        if self._frames > _FRAMES_A_TURN or self._bytes > _BYTES_A_TURN:
            self._frames = self._bytes = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    async def _turn(self) -> None:
        """Wait for the wire; it is handed over by whoever has it, and then stays busy."""
        if self._turns is None:
            self._turns = trio.lowlevel.ParkingLot()
        await self._turns.park()

    async def _wait_left(self) -> None:
        """Wait until our frame, whose rest a task sends, has left."""
        ours = self._begun
        if not self._dead:
            self._sender = trio.lowlevel.current_task()

            def abort(_: object) -> trio.lowlevel.Abort:
                self._sender = None
                return trio.lowlevel.Abort.SUCCEEDED

            try:
                await trio.lowlevel.wait_task_rescheduled(abort)
            except trio.Cancelled:
                if self._busy and self._begun == ours and not self._ended:
                    self._give_up()
                raise
        if self._dead:
            raise WebsocketClosed(NOT_WRITABLE)

    def _wake_sender(self) -> None:
        task, self._sender = self._sender, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def _wait_for_something(self) -> None:
        if self._room is None:
            self._room = trio.lowlevel.ParkingLot()
        await self._room.park()

    def _send_now(self, parts: list[bytes]) -> None:
        """Send a frame, and what has come to wait meanwhile."""
        if self._try(parts):
            self._pass_on()

    def _try(self, parts: list[bytes]) -> bool:
        """Send what the wire takes; a task sends the rest. Return whether there was none."""
        self._busy = True
        self._begun += 1
        try:
            sent = self._link.send_nowait(parts)
        except WireBroken:
            self._give_up()
            return False
        size = sum(map(len, parts))
        self.sent += size
        if sent == size:
            return True
        self._link.spawn(partial(self._send_rest, _after(parts, sent)))
        return False

    async def _send_rest(self, parts: list[bytes]) -> None:
        try:
            await self._link.send(parts)
        except WireBroken:
            self._give_up()
        except BaseException:
            self._give_up()
            raise
        else:
            self._pass_on()

    def _pass_on(self) -> None:
        """The wire is free: let the next one have it."""
        self._busy = False
        self._wake_sender()
        if self._room is not None:
            self._room.unpark_all()
        while (parts := self._next()) is not None:
            if not self._try(parts):
                return
            self._busy = False

    def _next(self) -> list[bytes] | None:
        """Give what is to be sent next without a task; one that waits for its turn has it from now on."""
        if self._farewell is not None:
            frame, self._farewell = self._farewell, None
            return [frame]
        if self._pong is not None:
            payload, self._pong = self._pong, None
            return control(Opcode.PONG, payload)
        if self._turns:
            self._busy = True
            self._turns.unpark()
            return None
        return self._backlog.popleft() if self._backlog else None

    def _give_up(self) -> None:
        """What was begun can't be finished."""
        broken = self._broken
        self.shut()
        self._dead = True
        self._pass_on()
        self._link.abort()
        if broken is not None:
            broken()


def _after(parts: list[bytes], sent: int) -> list[bytes]:
    """Give what is left of ``parts``."""
    left: list[bytes] = []
    for part in parts:
        if sent < len(part):
            left.append(part[sent:])
        sent = max(0, sent - len(part))
    return left
