"""What does not leave at once: a response that waits for others, and what the peer does not take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Final

import trio

from triosanic.http.exchange import Link
from triosanic.http.wire import Wire, WireBroken

# What is longer leaves at once: with it the peer has something to do.
_HELD_BYTES: Final = 16_384


async def send_rest(link: Link, parts: Sequence[bytes], sent: int) -> None:
    """Send what is left of ``parts`` after the first ``sent`` bytes; see `Link.send`.

    Raises:
        WireBroken: The peer has gone.

    Checkpoint: always. Cancelled, it leaves half a message, and aborts.
    """
    link.unsent = sum(map(len, parts)) - sent
    for part in parts:
        if sent < len(part):
            try:
                await _send_part(link, part, sent)
            except trio.Cancelled:
                link.abort()
                raise
        sent = max(0, sent - len(part))


async def _send_part(link: Link, part: bytes, sent: int) -> None:
    with memoryview(part) as view:
        while sent < len(view):
            link.await_taking()
            taken = await link.wire.send_some(view[sent:])
            sent += taken
            link.unsent -= taken
    link.clock.write_at = inf


class Outbox:
    """Holds a response back until the others of this turn are sent, too.

    The connection asks it to when nothing but the next request is waited for, and sends what is left then.

    Args:
        wire: The way to the peer.
        on_rest: Called with this when the peer did not take it all, but left `rest`. Checkpoint: never.

    Attributes:
        rest: What has not left yet.
        stuck: Whether that waits for the peer, and no longer for others.
    """

    __slots__ = ("_on_rest", "_wire", "rest", "stuck")

    def __init__(self, wire: Wire, on_rest: Callable[[Outbox], None]) -> None:
        self._wire = wire
        self._on_rest: Callable[[Outbox], None] | None = on_rest
        self.rest = b""
        self.stuck = False

    def hold(self, data: bytes) -> bool:
        """Send ``data`` soon; return whether that will be done. Checkpoint: never."""
        if len(data) > _HELD_BYTES or not self._wire.hold(self.flush):
            return False
        assert not self.rest
        self.rest = data
        return True

    def flush(self) -> None:
        """Send what the wire takes of it now. Checkpoint: never."""
        if self.rest:
            with suppress(WireBroken):  # whoever sends the rest will see it
                self.rest = self.rest[self._wire.send_nowait([self.rest]) :]
            self.stuck = bool(self.rest)
            if self.stuck and self._on_rest is not None:
                self._on_rest(self)

    def close(self) -> None:
        """Send what the wire takes of it, or show the peer that it is not whole. Checkpoint: never."""
        self._on_rest = None  # lets go of the connection
        self.flush()
        if self.stuck:
            self._wire.abort()

    async def send(self, link: Link) -> None:
        """Send what is left of it; see `send_rest`, also for errors. Checkpoint: if there is something."""
        rest, self.rest, self.stuck = self.rest, b"", False
        if rest:
            await send_rest(link, [rest], 0)
