"""What the peer does not take at once: it is sent in pieces, each under a fresh deadline."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import trio

from triosanic.http.exchange import Link


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
