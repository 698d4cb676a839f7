"""A WebSocket, as handlers see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, Final, Self

import trio

from triosanic.exceptions import ServerError, WebsocketClosed
from triosanic.websocket.conversation import Conversation, Piece, State
from triosanic.websocket.frames import Data, Outgoing
from triosanic.websocket.pings import PongWaiter

_NORMAL: Final = 1000
_CONTROL_BYTES: Final = 125  # RFC 6455 5.5
_REASON_BYTES: Final = 123  # beside the code
# RFC 6455 7.4: what a Close may say; 1005, 1006 and 1015 stand for a Close that was not sent.
_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1014), *range(3000, 5000)})


class Pieces:
    """One message, in pieces: what `Websocket.recv_streaming` gives."""

    # No async generator: one that is left before its end would have to be closed.
    __slots__ = ("_begun", "_ended", "_ws")

    def __init__(self, ws: Websocket) -> None:
        self._ws = ws
        self._begun = False
        self._ended = False

    def __aiter__(self) -> Self:
        """Give the pieces."""
        return self

    async def __anext__(self) -> str | bytes:
        """Receive the next piece. Checkpoint: always."""
        while not self._ended:
            piece = await self._ws.receive_piece(anew=not self._begun)
            self._begun, self._ended = True, piece.last
            if piece.data:
                return piece.data
        raise StopAsyncIteration


class Websocket:
    """One WebSocket. Its handler is called with the request and it: ``async def feed(request, ws)``.

    When the peer closes or vanishes, the handler is cancelled, unless its route has
    ``cancel_on_disconnect=False``; then receiving and sending raise `WebsocketClosed`. When the handler
    returns, it is closed with 1000; when the handler raises, with 1011; when the server stops, with 1001.

    Source: Sanic 25.12 ``Websocket``; `send_message` and `get_message` are trio-websocket's names.
    """

    # No slots: programs hang their own attributes on it, and keep it in weak sets, as Sanic's.

    def __init__(
        self, conversation: Conversation, *, subprotocol: str | None = None, deflate_bits: int | None = None
    ) -> None:
        """Make what a handler gets.

        Args:
            conversation: Its state.
            subprotocol: The one that was agreed on.
            deflate_bits: Window of what is compressed; ``None``: nothing is.
        """
        self._conversation = conversation
        self._bits = deflate_bits
        self._receiving = False
        self.subprotocol = subprotocol

    def __repr__(self) -> str:
        return f"<Websocket: {self.state.name.lower()}>"

    # What it is.

    @property
    def state(self) -> State:
        """How far it is."""
        return self._conversation.state

    @property
    def open(self) -> bool:
        """Whether nobody has said Close yet, and the connection lives as far as is known."""
        return self.state is State.OPEN

    @property
    def closed(self) -> bool:
        """Whether it is not `open`."""
        return self.state is not State.OPEN

    @property
    def close_code(self) -> int | None:
        """The code of the Close that ended it; 1006 where none did; ``None`` while it is open."""
        return self._conversation.code

    @property
    def close_reason(self) -> str | None:
        """The reason of the Close that ended it; ``None`` while it is open."""
        return None if self._conversation.code is None else self._conversation.reason

    @property
    def compressed(self) -> bool:
        """Whether permessage-deflate was agreed on."""
        return self._bits is not None

    @property
    def ws_proto(self) -> Self:
        """Itself: what Sanic's programs read there, as ``state``, ``subprotocol`` and ``close_code``."""
        return self

    # Sending.

    async def send(self, message: Data) -> None:
        """Send a message: text as str, or bytes.

        It waits until the system has taken all of it; a peer that takes nothing for ``WRITE_TIMEOUT`` is
        gone. Several tasks may send; each message is whole.

        Raises:
            WebsocketClosed: It is closed.
            TypeError: It is a mapping, or something else that is no message.
            NotImplementedError: It is another iterable: messages are not sent in fragments.

        Checkpoint: if the peer does not take it at once, and now and then. Cancelled while a part of it has
        left, it ends the connection: nobody could tell where the next message begins.
        """
        await self._conversation.outlet.send(Outgoing(message).parts(self._bits))

    send_message = send

    def offer(self, message: Outgoing, limit: int) -> bool:
        """Send a message without waiting, or let it wait behind others; return whether it could.

        Args:
            message: It is encoded once, for any number of sockets.
            limit: How many messages may wait.

        Checkpoint: never.
        """
        return self._conversation.outlet.offer(message.parts(self._bits), limit)

    def drop_oldest(self) -> None:
        """Forget the message that has waited longest since its `offer`. Checkpoint: never."""
        self._conversation.outlet.drop_oldest()

    async def wait_for_room(self, limit: int) -> None:
        """Wait until fewer than ``limit`` messages wait. Checkpoint: if there are as many."""
        await self._conversation.outlet.wait_for_room(limit)

    def drop(self, code: int = 1008, reason: str = "") -> None:
        """Close it at once; its handler is cancelled as if the peer had left. Checkpoint: never.

        Args:
            code: See `close`, also for errors.
            reason: As there.
        """
        _check_close(code, reason)
        self._conversation.drop(code, reason)

    # Receiving.

    async def recv(self, timeout: float | None = None) -> str | bytes | None:  # noqa: ASYNC109  # Sanic's
        """Receive a message: str or bytes, as the peer has sent it.

        Args:
            timeout: Seconds to wait at most; ``None``: without limit; 0: take one that has come already. No
                message is lost by it.

        Returns:
            The message; ``None`` if none came in time.

        Raises:
            WebsocketClosed: It is closed, and all that came before was taken.
            ServerError: Another task receives.

        Checkpoint: always.
        """
        with self._alone():
            if timeout is not None and timeout <= 0:
                return next(iter(await self._conversation.take_burst(1)), None)
            with trio.move_on_after(inf if timeout is None else timeout):
                return (await self._conversation.take()).data
        return None

    async def get_message(self) -> str | bytes:
        """Receive a message; see `recv`, also for errors. Source: trio-websocket. Checkpoint: always."""
        with self._alone():
            return (await self._conversation.take()).data

    async def recv_burst(self, max_recv: int | None = None) -> list[str | bytes]:
        """Receive messages that have come, which may be none.

        Args:
            max_recv: How many at most; ``None``: what one read of the connection has brought. Once they are
                as long together as ``WEBSOCKET_MAX_SIZE``, the next ones are left for the next call.

        Raises:
            WebsocketClosed, ServerError: See `recv`.

        Checkpoint: always.
        """
        with self._alone():
            return await self._conversation.take_burst(inf if max_recv is None else max_recv)

    def recv_streaming(self) -> Pieces:
        """Receive one message in pieces, as they come: ``async for piece in ws.recv_streaming()``.

        What is left of a message when something else is received before its end is dropped.
        Each step raises what `recv` does, and is a checkpoint as it is.
        """
        return Pieces(self)

    async def receive_piece(self, *, anew: bool) -> Piece:
        """Receive the next piece of a message, or, ``anew``, the first of another; see `recv_streaming`."""
        with self._alone():
            return await self._conversation.take(streaming=True, anew=anew)

    def __aiter__(self) -> Self:
        """Receive message after message, until it is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        """Receive the next one; see `recv`."""
        try:
            return await self.get_message()
        except WebsocketClosed:
            raise StopAsyncIteration from None

    # Control.

    async def ping(self, data: str | bytes | None = None) -> PongWaiter:
        """Send a ping; ``await (await ws.ping())`` waits for the pong too.

        Args:
            data: Its content, up to 125 bytes; ``None``: something random.

        Raises:
            WebsocketClosed: It is closed.
            ServerError: A ping with this content is on its way.
            ValueError: The content is too long.

        Checkpoint: as `send`.
        """
        payload = None if data is None else _control(data)
        self._conversation.check_open()
        payload, waiter = self._conversation.pings.add(payload)
        try:
            await self._conversation.send_ping(payload)
        except BaseException:
            self._conversation.pings.forget(payload)
            raise
        return waiter

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that nobody has asked for, as a sign of life; see `ping`, also for errors.

        Pings are answered without it.
        """
        await self._conversation.send_pong(_control(data))

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Close it, and wait for the peer to say so too, at most ``WEBSOCKET_CLOSE_TIMEOUT``.

        What has come and was not received is dropped. A second time it only waits.

        Args:
            code: 1000 to 1003, 1007 to 1013, or 3000 to 4999 (RFC 6455 7.4).
            reason: Up to 123 bytes.

        Raises:
            ValueError: The code or reason is none that can be sent.
            TypeError: The reason is no str.

        Checkpoint: always.
        """
        _check_close(code, reason)
        await trio.lowlevel.checkpoint_if_cancelled()
        self._conversation.close(code, reason)
        await self._conversation.wait_closed()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second task, which would take messages from the first."""
        if self._receiving:
            raise ServerError(
                "cannot receive while another task is already waiting for the next message: "
                "let one task receive, and hand on what it gets"
            )
        self._receiving = True
        try:
            yield
        finally:
            self._receiving = False


def _control(data: Any) -> bytes:
    if not isinstance(data, str | bytes | bytearray | memoryview):
        raise TypeError(f"data must be str or bytes, not {data!r}")
    payload = data.encode() if isinstance(data, str) else bytes(data)
    if len(payload) > _CONTROL_BYTES:
        raise ValueError(f"data must be at most {_CONTROL_BYTES} bytes, not {len(payload)}")
    return payload


def _check_close(code: int, reason: str) -> None:
    if code not in _CODES:
        raise ValueError(
            f"code must be 1000 to 1003, 1007 to 1013, or 3000 to 4999 for your own, not {code!r}"
        )
    if not isinstance(reason, str):
        raise TypeError(f"reason must be str, not {reason!r}")
    if len(reason.encode()) > _REASON_BYTES:
        raise ValueError(f"reason must be at most {_REASON_BYTES} bytes, not {reason!r}")
