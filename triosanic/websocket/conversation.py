"""The state of one WebSocket: what comes, what is waited for, and how it ends.

The connection's reader tells it what has come; `Websocket` is what handlers see of it. It promises that at
most one message waits for its handler and one is being put together, that a peer which sends more is not
read, and that every end, whoever begins it, is one of the ways in `NEXT_STATE`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from math import inf
from typing import Final

import trio
from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from triosanic.exceptions import WebsocketClosed
from triosanic.http.exchange import Link
from triosanic.log import websockets_logger
from triosanic.websocket.frames import Intake, control
from triosanic.websocket.outlet import NOT_WRITABLE, Outlet
from triosanic.websocket.pings import Pings

# As of bodies: one socket read.
_READ_BYTES: Final = 65_536
# Frames that are read in a row before others have their turn: a millisecond of the smallest.
_FRAMES_A_TURN: Final = 64
# What has come behind a message is looked at when the handler asks for more, so that a Close, or a frame that
# is wrong, does not cancel the handling of what came before it; but at the latest after this, because nothing
# says that it will ask. Longer than most answers take, and shorter than anybody would notice.
_PATIENCE_S: Final = 0.25
# Messages that a handler takes in a row before others have their turn.
_MESSAGES_A_TURN: Final = 16
_NOT_OPEN: Final = "Cannot receive from websocket interface after it is closed."
ABNORMAL: Final = 1006  # RFC 6455 7.4.1: the connection has ended without a Close

# Of what is wrong with a peer's frames, no more is told than this.
_REASONS: Final[Mapping[int, str]] = {
    CloseReason.PROTOCOL_ERROR: "protocol error",
    CloseReason.INVALID_FRAME_PAYLOAD_DATA: "invalid data",
    CloseReason.MESSAGE_TOO_BIG: "message too big",
    CloseReason.POLICY_VIOLATION: "too many fragments",
}


class State(Enum):
    """How far a WebSocket is."""

    OPEN = auto()
    CLOSING = auto()  # we have said Close, and wait for the peer's
    CLOSED = auto()


class Move(Enum):
    """What ends a WebSocket."""

    CLOSE = auto()  # we say Close
    PEER_CLOSE = auto()  # the peer has said Close
    FAIL = auto()  # we say Close, and listen no more
    LOSE = auto()  # the connection has ended


NEXT_STATE: Final[Mapping[tuple[State, Move], State]] = {
    (State.OPEN, Move.CLOSE): State.CLOSING,
    (State.OPEN, Move.PEER_CLOSE): State.CLOSED,
    (State.OPEN, Move.FAIL): State.CLOSED,
    (State.OPEN, Move.LOSE): State.CLOSED,
    (State.CLOSING, Move.PEER_CLOSE): State.CLOSED,
    (State.CLOSING, Move.FAIL): State.CLOSED,
    (State.CLOSING, Move.LOSE): State.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds of a WebSocket. Times in seconds, sizes in bytes.

    Attributes:
        ping_interval_s: Between the pings that we send; `math.inf`: none is sent.
        ping_timeout_s: How long a peer may be silent after one.
        close_timeout_s: How long we wait for the peer's Close after ours.
        max_ratio: What a compressed message may inflate to; see `frames.Intake`.
    """

    max_bytes: int = 1 << 20
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    close_timeout_s: float = 10.0
    max_ratio: float = 25.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a message, as `Conversation.take` gives it.

    Attributes:
        data: Text or bytes.
        last: Whether the message ends here.
        encoded: Whether it is text that is still to be decoded.
    """

    data: str | bytes
    last: bool
    encoded: bool = False


class Conversation:
    """One WebSocket's state; see `reader.Upgraded` for what the connection calls.

    Args:
        link: The connection.
        outlet: Sends; see `connect`.
        terms: The bounds.
        deflates: Whether permessage-deflate was agreed on.
        cancels: Whether its end cancels the handler.

    Attributes:
        state: How far it is.
        code: Of the Close that ended it, or `ABNORMAL`; ``None`` while it is open.
        reason: Of the same Close.
        failure: What failed in a task of the request, for which it was closed.
        scope: What the handler runs in.
    """

    __slots__ = (
        "_beat_at",
        "_behind",
        "_cancels",
        "_clock",
        "_fed",
        "_frames",
        "_heard_at",
        "_intake",
        "_is_text",
        "_later",
        "_link",
        "_over",
        "_partial",
        "_patience_at",
        "_ready",
        "_receiver",
        "_skipping",
        "_streaming",
        "_taken",
        "_terms",
        "_turns",
        "code",
        "failure",
        "outlet",
        "pings",
        "reason",
        "scope",
        "state",
    )

    def __init__(self, link: Link, terms: Terms, *, deflates: bool, cancels: bool) -> None:
        self._link = link
        self._terms = terms
        self._cancels = cancels
        self._clock = link.clock
        self._intake = Intake(terms.max_bytes, terms.max_ratio, inflates=deflates)
        self._frames = FrameProtocol(False, [self._intake])
        self.outlet = Outlet(link, self._lose)
        self.pings = Pings()
        self.scope = trio.CancelScope()
        self.state = State.OPEN
        self.code: int | None = None
        self.reason = ""
        self.failure: Exception | None = None
        self._fed = 0  # bytes that have come
        self._behind = False  # whether some of them were not looked at yet
        self._patience_at = inf  # when they are, whatever the handler does
        self._beat_at = inf  # when the heartbeat has something to do
        self._later = False  # whether a task will look at them
        self._partial: BytesIO | None = None
        self._is_text = False  # whether that is text
        self._ready: deque[Piece] = deque()
        self._receiver: trio.lowlevel.Task | None = None
        self._streaming = False  # whether the handler takes messages in pieces
        self._taken = False  # whether it has some of one, and not its end
        self._skipping = False  # whether the rest of a message is wanted by nobody
        self._over: trio.Event | None = None
        self._turns = 0
        self._heard_at = -inf

    # The connection's side.

    @property
    def wants(self) -> int:
        """See `wire.Sink.wants`."""
        if self.state is State.CLOSED or self._ready or self._behind:
            return 0
        return _READ_BYTES

    def on_data(self, data: bytes) -> None:
        """See `wire.Sink.on_data`."""
        self._heard_at = trio.current_time()
        if self.state is not State.CLOSED:
            self._frames.receive_bytes(data)
            self._fed += len(data)
            self._behind = True
            if not self._ready and not self._later:
                self._decode()

    def on_end(self, *, broken: bool) -> None:  # noqa: ARG002  # the interface's: without a Close it is all one
        """See `wire.Sink.on_end`."""
        self._lose()

    def on_due(self) -> None:
        """See `reader.Upgraded.on_due`: it is time to look whether the peer is still there."""
        now = trio.current_time()
        if self._patience_at <= now:
            self._patience_at = inf
            self._go_on()
        if self._beat_at <= now and self.state is State.OPEN:
            self._beat(now)
        self._arm()

    def shut_down(self) -> None:
        """The server shuts down: say so, and cancel the handler. Checkpoint: never."""
        if self.state is State.OPEN:
            self._say_close(CloseReason.GOING_AWAY, "")
            self._stop_handler()

    def fail(self, error: Exception) -> None:
        """Cancel the handler, because a task of its request has failed. Checkpoint: never."""
        if self.failure is None:
            self.failure = error
        self.scope.cancel()

    # The handler's side.

    def begin(self) -> None:
        """Start the heartbeat. Checkpoint: never."""
        if self.state is State.OPEN:
            self._beat_at = trio.current_time() + self._terms.ping_interval_s
            self._arm()

    def check_open(self) -> None:
        """Raise unless something can still be sent.

        Raises:
            WebsocketClosed: It is closed.
        """
        if self.state is not State.OPEN:
            raise WebsocketClosed(NOT_WRITABLE)

    async def send_ping(self, payload: bytes) -> None:
        """Send a ping; see `Outlet.send`."""
        await self.outlet.send(control(Opcode.PING, payload))

    async def send_pong(self, payload: bytes) -> None:
        """Send a pong; see `Outlet.send`."""
        await self.outlet.send(control(Opcode.PONG, payload))

    def check_receiving(self) -> None:
        """Raise unless something can still be received.

        Raises:
            WebsocketClosed: It is closed, and all that came before has been taken.
        """
        if not self._ready and self.state is not State.OPEN:
            raise WebsocketClosed(_NOT_OPEN)

    async def take(self, *, streaming: bool = False, anew: bool = False) -> Piece:
        """Take the next message, or, ``streaming``, the next piece of one, ``anew`` of another one.

        Raises:
            WebsocketClosed: It is closed, and all that came before has been taken.

        Checkpoint: always, though it yields only now and then if there is something. Cancelling loses
        nothing.
        """
        self._turns += 1
        if self._turns >= _MESSAGES_A_TURN:
            self._turns = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._streaming and (self._taken if anew else not streaming):
            self.end_streaming()
        if streaming and not self._streaming:
            self._begin_streaming()
        if not self._ready:
            self._go_on()
        if not self._ready:
            if self.state is not State.OPEN:
                await trio.lowlevel.checkpoint()  # who is cancelled for it sees that, whenever it has come
            self.check_receiving()
            await self._park()
            self.check_receiving()
        return self._pop()

    def take_nowait(self) -> Piece | None:
        """Take a message that has come, if one has. Checkpoint: never."""
        if self._streaming:
            self.end_streaming()
        if not self._ready:
            self._go_on()
        return self._pop() if self._ready else None

    async def take_burst(self, most: float) -> list[str | bytes]:
        """Take the messages that one read has brought: so many at most, and together about the largest one.

        Raises:
            WebsocketClosed: See `take`.

        Checkpoint: always. Cancelling loses nothing.
        """
        await trio.lowlevel.checkpoint()
        self.check_receiving()
        messages: list[str | bytes] = []
        size, fed = 0, self._fed
        while len(messages) < most and size < self._terms.max_bytes and self._fed == fed:
            piece = self.take_nowait()
            if piece is None:
                break
            messages.append(piece.data)
            size += len(piece.data)
            if len(messages) % _MESSAGES_A_TURN == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()
        return messages

    def end_streaming(self) -> None:
        """Give whole messages again; what is left of one of which pieces were taken is dropped."""
        self._streaming = False
        if self._taken:
            self._skipping = not any(piece.last for piece in self._ready)
            self._ready.clear()
        elif self._ready and not self._ready[0].last:
            self._collect(self._ready.popleft().data)
        self._taken = False
        self._go_on()

    def close(self, code: int, reason: str) -> None:
        """Say Close, if nobody has; what was not taken is dropped. Checkpoint: never."""
        if self.state is State.OPEN:
            self._say_close(code, reason)
            self._wake()

    def _say_close(self, code: int, reason: str) -> None:
        self._move(Move.CLOSE, code, reason)
        self._beat_at = inf
        self._ready.clear()
        self._partial = None
        self.outlet.farewell(bytes(self._frames.close(code, reason)))
        self._go_on()  # to see the peer's

    async def wait_closed(self) -> None:
        """Wait until it is closed, at most ``WEBSOCKET_CLOSE_TIMEOUT``; then see to it that it is.

        Checkpoint: if something is still to be waited for.
        """
        with trio.move_on_after(self._terms.close_timeout_s):
            await self._wait_over()
            await self.outlet.wait_idle()
        if self.outlet.busy:  # half a frame: only a reset tells that it is not whole
            self._link.abort()
        self._lose()

    async def _wait_over(self) -> None:
        if self.state is not State.CLOSED:
            if self._over is None:
                self._over = trio.Event()
            await self._over.wait()

    # What comes.

    def _decode(self) -> None:
        """Look at frames until there is something for the handler, or it is somebody else's turn."""
        left = _FRAMES_A_TURN
        try:
            for frame in self._frames.received_frames():
                self._on_frame(frame)
                left -= 1
                if self._ready or self.state is State.CLOSED:
                    self._behind = self._fed > self._intake.consumed
                    return
                if not left:
                    self._decode_later()
                    return
        except ParseFailed as exc:
            self.drop(exc.code, _REASONS.get(exc.code, "error"))
        self._behind = False

    def _decode_later(self) -> None:
        if not self._later:
            self._later = True
            self._link.spawn(self._decode_in_turn)

    async def _decode_in_turn(self) -> None:
        await trio.lowlevel.checkpoint()
        self._later = False
        self._go_on()

    def _go_on(self) -> None:
        """Look at what has come, and let more come."""
        if self._behind and not self._ready and not self._later and self.state is not State.CLOSED:
            self._decode()
        if self.wants:
            self._link.wire.resume()

    def _on_frame(self, frame: Frame) -> None:
        payload = frame.payload
        if isinstance(payload, tuple):
            self._on_close(*payload)
        elif frame.opcode is Opcode.PING:
            self.outlet.pong(_bytes_of(payload))
        elif frame.opcode is Opcode.PONG:
            if self.pings.on_pong(_bytes_of(payload)):
                self._beat_at = trio.current_time() + self._terms.ping_interval_s
                self._arm()
        elif self.state is State.OPEN:
            self._on_piece(payload, last=frame.message_finished)

    def _on_piece(self, data: str | bytes, *, last: bool) -> None:
        if self._skipping:
            self._skipping = not last
        elif self._streaming:
            if data or last:
                self._put(Piece(data, last))
        elif last and self._partial is None:
            self._put(Piece(data, last))
        else:
            self._collect(data)
            if last:
                self._put(self._collected(last=True))

    def _collect(self, data: str | bytes) -> None:
        """Append to the message that is being put together.

        A list of a million pieces would be 8 MB, and so would text with one wide character: it is kept
        encoded until it is taken.
        """
        if self._partial is None:
            self._partial = BytesIO()
            self._is_text = isinstance(data, str)
        self._partial.write(data.encode() if isinstance(data, str) else data)

    def _collected(self, *, last: bool) -> Piece:
        assert self._partial is not None
        partial, self._partial = self._partial, None
        return Piece(partial.getvalue(), last, encoded=self._is_text)

    def _begin_streaming(self) -> None:
        """From now on, hand over pieces; first what has come of a message already."""
        self._streaming = True
        if self._partial is not None:
            self._put(self._collected(last=False))

    def _put(self, piece: Piece) -> None:
        self._ready.append(piece)
        self._wake()

    def _pop(self) -> Piece:
        piece = self._ready.popleft()
        self._taken = not piece.last
        if piece.last:
            self._streaming = False
        if self.pings.heartbeat_at < inf:
            self._heard_at = trio.current_time()  # from now on we listen again
        if self._behind and self.state is State.OPEN:
            self._patience_at = trio.current_time() + _PATIENCE_S
            self._arm()
        elif not self._ready:
            self._go_on()
        return Piece(_bytes_of(piece.data).decode(), piece.last) if piece.encoded else piece

    async def _park(self) -> None:
        self._receiver = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._receiver = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake(self) -> None:
        task, self._receiver = self._receiver, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    # The heartbeat.

    def _arm(self) -> None:
        if self.state is not State.CLOSED:
            self._clock.arm_read(min(self._beat_at, self._patience_at))

    def _beat(self, now: float) -> None:
        """Send a ping, or see whether the peer has given a sign of life since the last one."""
        timeout_s = self._terms.ping_timeout_s
        # While it is we who do not listen, what it has to say may lie behind: silence means nothing. But a
        # ping to a peer that has gone is answered by a reset, which is heard all the same.
        if self.pings.heartbeat_at == inf or not self.wants:
            self._send_heartbeat(now)
        elif (due := max(self.pings.heartbeat_at, self._heard_at) + timeout_s) > now:
            self._beat_at = due
        else:
            websockets_logger.info("a peer did not answer a ping within WEBSOCKET_PING_TIMEOUT")
            self.drop(CloseReason.INTERNAL_ERROR, "ping timeout")

    def _send_heartbeat(self, now: float) -> None:
        payload = self.pings.heartbeat(now)
        if self.outlet.ping(payload):
            self._beat_at = now + self._terms.ping_timeout_s
        else:  # something is on its way, and the write deadline watches over that
            self.pings.skip_heartbeat()
            self._beat_at = now + self._terms.ping_interval_s

    # Its end.

    def _on_close(self, code: int, reason: str) -> None:
        """RFC 6455 5.5.1: a Close is answered by one, of the same code."""
        self._end(Move.PEER_CLOSE, code, reason)
        self.outlet.farewell(bytes(self._frames.close(code)))  # unless ours was first

    def drop(self, code: int, reason: str) -> None:
        """Say Close because of what the peer does, and listen to it no more. Checkpoint: never."""
        if self.state is not State.CLOSED:
            self._ready.clear()
            self._end(Move.FAIL, code, reason)
            self.outlet.farewell(bytes(self._frames.close(code, reason)))

    def _lose(self) -> None:
        """The connection has ended, or will now."""
        self.outlet.shut()
        if self.state is not State.CLOSED:
            self._end(Move.LOSE, ABNORMAL, "")

    def _end(self, move: Move, code: int, reason: str) -> None:
        """Take the last move, and tell everybody who waits; a Close is sent later, for that may fail."""
        handled = self.state is State.OPEN  # else whoever said Close knows of it
        self._move(move, code, reason)
        self._behind = False
        self._partial = None
        self._clock.read_at = inf
        if self._over is not None:
            self._over.set()
        if handled:
            self._stop_handler()
        self.pings.end()

    def _move(self, move: Move, code: int, reason: str) -> None:
        answered = self.state is State.CLOSING and move is Move.PEER_CLOSE
        if self.code is None or answered:
            self.code, self.reason = int(code), reason
        self.state = NEXT_STATE[self.state, move]

    def _stop_handler(self) -> None:
        """Cancel it, and wake what waits elsewhere: in tasks of the app's, or because it opted out."""
        if self._cancels:
            self.scope.cancel()
        self._wake()


def _bytes_of(payload: object) -> bytes:
    assert isinstance(payload, bytes | bytearray)
    return bytes(payload)
