"""The server's end of a simulated connection: it can be cut at a step, and measures what the server holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import trio

from triosanic.exceptions import ServiceUnavailable
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange, Stage
from triosanic.http.reader import Reader
from triosanic.http.wire import Address, Sink, StreamWire, WireBroken
from triosanic.testing.simulation.plan import Conversation, Fault
from triosanic.testing.streams import MemoryStream


class SimulatedWire(StreamWire):
    """A wire of memory that a simulation looks through.

    Attributes:
        talk: The client's part.
        server_end: The stream that the server must close.
        held_in: The most that the server held of what its client had sent, in bytes.
        held_out: The most that it held of what it was to send.
        taken: Bytes that it has received.
        given: Bytes that it has sent.
        struck: Whether the fault of this connection has happened at its step.
    """

    __slots__ = (
        "_client_end",
        "_nursery",
        "_reader",
        "given",
        "held_in",
        "held_out",
        "server_end",
        "struck",
        "taken",
        "talk",
    )

    def __init__(
        self, talk: Conversation, ends: tuple[MemoryStream, MemoryStream], peer: Address, local: Address
    ) -> None:
        self._client_end, self.server_end = ends
        super().__init__(self.server_end, peer, local)
        self.talk = talk
        self._nursery: trio.Nursery | None = None
        self._reader: Reader | None = None
        self.held_in = 0
        self.held_out = 0
        self.taken = 0
        self.given = 0
        self.struck = False

    def deliver(self, sink: Sink, nursery: trio.Nursery) -> None:
        """See `Wire.deliver`."""
        self._reader, self._nursery = cast(Reader, sink), nursery
        super().deliver(sink, nursery)

    async def receive(self, max_bytes: int) -> bytes:
        """See `Wire.receive`."""
        self._measure()
        data = await super().receive(max_bytes)
        self.taken += len(data)
        return data

    def hold(self, send: Callable[[], None]) -> bool:
        """See `Wire.hold`: about every other response to a client that takes bytes at once."""
        if self._nursery is None or not self.talk.at_once or self.given % 2:
            return False
        self._nursery.start_soon(_call_soon, send)
        return True

    def send_nowait(self, parts: Sequence[bytes]) -> int:
        """See `Wire.send_nowait`."""
        self._measure()
        sent = super().send_nowait(parts)
        if self.talk.at_once:
            try:
                sent = self.server_end.send_nowait(parts)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                raise WireBroken(str(exc)) from exc
        self.given += sent
        return sent

    async def send_some(self, data: memoryview) -> int:
        """See `Wire.send_some`."""
        self._measure()
        sent = await super().send_some(data)
        self.given += sent
        return sent

    def strike(self, fault: Fault) -> None:
        """Let ``fault`` happen now, if it can; see `struck`. Checkpoint: never."""
        if self._nursery is None or self.server_end.closed:
            return
        if fault is Fault.LOSE:
            self._client_end.abort()
        elif fault is Fault.CANCEL:
            self._nursery.cancel_scope.cancel()
        else:
            exchange = self._exchange
            if exchange is None or exchange.request is None or exchange.stage is not Stage.WAITING:
                return
            exchange.link.interrupt(exchange, ServiceUnavailable("Response Timeout"))
        self.struck = True

    @property
    def _exchange(self) -> Exchange | None:
        # The harness looks into what it tests: no public way leads from a wire to the exchange.
        if self._reader is None:
            return None
        return cast(Connection, self._reader._listener)._exchange  # noqa: SLF001

    def _measure(self) -> None:
        exchange = self._exchange
        if self._reader is None or exchange is None:
            return
        held = len(self._reader.buffer)
        if exchange.inbound is not None and self._reader.in_body:
            held += len(exchange.inbound.rest) + len(exchange.body._rest)  # noqa: SLF001  # as above
        self.held_in = max(self.held_in, held)
        if exchange.channel is not None:
            self.held_out = max(self.held_out, exchange.channel.size)


async def _call_soon(send: Callable[[], None]) -> None:
    await trio.lowlevel.checkpoint()
    send()
