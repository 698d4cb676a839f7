"""The pings that wait for their pongs: a handler's, and those of the heartbeat."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from os import urandom
from typing import Any, Final

import trio

from triosanic.exceptions import ServerError, WebsocketClosed

# A program that pings a peer which never answers is held to this; the oldest then count as lost.
_MOST: Final = 64
# RFC 6455 5.5.2 leaves the content open: random, so that no pong can be sent ahead.
_BYTES: Final = 4


class PongWaiter:
    """A ping on its way; awaiting it waits for the pong.

    Raises:
        WebsocketClosed: When awaited: the WebSocket was closed first.
    """

    __slots__ = ("_event", "answered")

    def __init__(self) -> None:
        self.answered = False
        self._event = trio.Event()

    def done(self, *, answered: bool) -> None:
        """Let whoever waits go on."""
        self.answered = answered
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait. Checkpoint: always."""
        yield from self._event.wait().__await__()
        if not self.answered:
            raise WebsocketClosed("The WebSocket was closed before the pong came.")


class Pings:
    """What was sent and not answered.

    Attributes:
        heartbeat_at: When the heartbeat's ping was sent; `math.inf`: none is on its way.
    """

    __slots__ = ("_heartbeat", "_waiters", "heartbeat_at")

    def __init__(self) -> None:
        self._waiters: dict[bytes, PongWaiter] | None = None
        self._heartbeat = b""
        self.heartbeat_at = inf

    def heartbeat(self, now: float) -> bytes:
        """Give the content of a ping that is sent now."""
        self._heartbeat = urandom(_BYTES)
        self.heartbeat_at = now
        return self._heartbeat

    def skip_heartbeat(self) -> None:
        """It was not sent after all."""
        self.heartbeat_at = inf

    def add(self, payload: bytes | None) -> tuple[bytes, PongWaiter]:
        """Note a ping of the handler's; give its content.

        Raises:
            ServerError: One with this content is on its way.
        """
        if self._waiters is None:
            self._waiters = {}
        if payload is None:
            payload = urandom(_BYTES)
        if payload in self._waiters:
            raise ServerError("already waiting for a pong with the same data")
        if len(self._waiters) >= _MOST:
            self._waiters.pop(next(iter(self._waiters))).done(answered=False)
        waiter = self._waiters[payload] = PongWaiter()
        return payload, waiter

    def forget(self, payload: bytes) -> None:
        """That ping was not sent after all."""
        if self._waiters is not None:
            self._waiters.pop(payload, None)

    def on_pong(self, payload: bytes) -> bool:
        """Take a pong; return whether it answers the heartbeat.

        RFC 6455 5.5.3: a peer may answer only the last of several pings, so it answers those before too.
        """
        if self._waiters and payload in self._waiters:
            for sent in list(self._waiters):
                self._waiters.pop(sent).done(answered=True)
                if sent == payload:
                    break
        if self.heartbeat_at == inf or payload != self._heartbeat:
            return False
        self.heartbeat_at = inf
        return True

    def end(self) -> None:
        """Nothing will be answered any more."""
        self.heartbeat_at = inf
        waiters, self._waiters = self._waiters, None
        for waiter in (waiters or {}).values():
            waiter.done(answered=False)
