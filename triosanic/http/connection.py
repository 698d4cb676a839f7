"""A connection: from a wire to a series of exchanges, which an application answers.

The server makes one for each wire and awaits `run`, which never raises what a peer or a handler did.
It is one task, the worker, which runs the handlers. The reader takes what comes, whoever reads it from the
wire, and hands over by rescheduling the worker: no channel and no nursery a request. A writer task joins them
once a response streams.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import Context
from math import inf
from typing import Any, Final, Protocol, assert_never

import trio

from triosanic.exceptions import ServiceUnavailable
from triosanic.http.clock import Clock, Due
from triosanic.http.exchange import Exchange, Stage
from triosanic.http.guard import Refusal, take_head
from triosanic.http.limits import Limits
from triosanic.http.reader import Reader
from triosanic.http.reply import render
from triosanic.http.send_channel import SendChannel
from triosanic.http.timers import Timers
from triosanic.http.wire import Wire, WireBroken, show
from triosanic.log import error_logger, log_access, logger

_PLAIN: Final = "text/plain; charset=utf-8"
_FAILED: Final = "a connection failed; it was closed"


class Application(Protocol):
    """Who answers the exchanges of a connection."""

    async def handle(self, exchange: Exchange) -> None:
        """Answer it. Whatever a handler raises is answered too."""

    async def fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer it with ``error``, because its handler was stopped."""


class Connection:
    """One peer's connection.

    Attributes:
        wire: The way to the peer.
        limits: What the peer may take of us.
        clock: The connection's deadlines.
        closing: Whether the next response is the last one.
    """

    __slots__ = (
        "_app",
        "_context",
        "_drained",
        "_error",
        "_exchange",
        "_gone",
        "_handed",
        "_head_begun",
        "_nursery",
        "_parked",
        "_reader",
        "_runs_timers",
        "_scope",
        "_served",
        "_timers",
        "clock",
        "closing",
        "ctx",
        "limits",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        app: Application,
        limits: Limits,
        context: Context,
        *,
        timers: Timers | None = None,
    ) -> None:
        """Make a connection.

        Args:
            wire: The way to the peer.
            app: Answers.
            limits: What the peer may take of us.
            context: Copied for each request.
            timers: Run by somebody else, for many connections; ``None``: the connection has its own.
        """
        self.wire = wire
        self.limits = limits
        self._runs_timers = timers is None
        self._timers = timers or Timers()
        self.clock = Clock(self._timers, self._on_due)
        self.closing = False
        self.ctx: Any = None  # made on demand by who offers it to handlers
        self._app = app
        self._context = context
        self._reader = Reader(wire, self.clock, limits, self)
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._exchange: Exchange | None = None
        self._parked: trio.lowlevel.Task | None = None
        self._handed: Exchange | Refusal | None = None
        self._drained: trio.Event | None = None
        self._gone = ""  # why there is nobody to answer any more
        self._error: Exception | None = None  # to answer in place of what the handler would have
        self._served = False
        self._head_begun = False  # whether the head's deadline runs

    async def run(self) -> None:
        """Serve the peer until either side closes.

        Nothing that the peer, a handler or the application does is raised; what is a defect is logged.

        Checkpoint: always.
        """
        try:
            await self._run()
        except Exception:  # noqa: BLE001  # the fault wall: an error here ends this connection and no other
            error_logger.exception(_FAILED)
        except BaseExceptionGroup as group:
            # What a program raises while it is cancelled comes together with Trio's own exception.
            own, rest = group.split(Exception)
            if own is not None:
                error_logger.error(_FAILED, exc_info=own)
            if rest is not None:
                raise rest from None
        finally:
            self.clock.close()
            if self._exchange is not None:
                self._close(self._exchange)
            with trio.CancelScope(deadline=trio.current_time() + self.limits.linger_timeout_s, shield=True):
                await self.wire.aclose()

    def shut_down(self) -> None:
        """Close as soon as no request is under way; responses say so from now on. Checkpoint: never."""
        self.closing = True
        if self._parked is not None and not self._reader.buffer:
            self._leave("the server shuts down")

    # What the exchange needs.

    async def send(self, parts: list[bytes]) -> None:
        """Send ``parts``, in pieces, each under a fresh deadline.

        Raises:
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take it at once. Cancelled, it leaves half a message, and aborts.
        """
        sent = self.wire.send_nowait(parts)
        for part in parts:
            if sent < len(part):
                try:
                    await self._send_rest(part, sent)
                except trio.Cancelled:
                    self.abort()
                    raise
            sent = max(0, sent - len(part))

    def send_nowait(self, parts: list[bytes]) -> int:
        """Send what the wire takes of ``parts`` at once; return how much. Checkpoint: never.

        Raises:
            WireBroken: The peer has gone.
        """
        return self.wire.send_nowait(parts)

    async def _send_rest(self, part: bytes, sent: int) -> None:
        with memoryview(part) as view:
            while sent < len(view):
                self.clock.arm_write(trio.current_time() + self.limits.write_timeout_s)
                sent += await self.wire.send_some(view[sent:])
        self.clock.write_at = inf

    def start_writer(self, channel: SendChannel) -> None:
        """Let a writer task send what is written to ``channel``. Checkpoint: never."""
        assert self._nursery is not None
        self._nursery.start_soon(self._write, channel)

    def release_body(self) -> None:
        """The peer has been told to send its body: its time counts now. Checkpoint: never."""
        self._reader.release()

    def spawn(self, async_fn: Callable[[], Awaitable[None]]) -> None:
        """Start a task that ends with the connection at the latest. Checkpoint: never."""
        assert self._nursery is not None
        self._nursery.start_soon(async_fn)

    def interrupt(self, exchange: Exchange, error: Exception) -> None:
        """Stop the handler of ``exchange``, and answer ``error`` in its place. Checkpoint: never."""
        if exchange is self._exchange and self._error is None:
            self._error = error
            self._scope.cancel()

    def abort(self) -> None:
        """Let the peer see that what it got is not whole. Checkpoint: never."""
        self.closing = True
        self.wire.abort()

    # What the reader tells.

    def on_bytes(self) -> None:
        """See `reader.Listener`."""
        if self._parked is None:
            return
        try:
            exchange = self._begin()
        except Refusal as refusal:
            self._unpark(refusal)
        else:
            if exchange is not None:
                self._unpark(exchange)

    def on_peer_end(self, *, broken: bool) -> None:
        """See `reader.Listener`."""
        if self._parked is not None:
            self._leave("the client has gone")
        elif self._exchange is None:
            return  # the worker says its last word, and sees for itself who is there to hear it
        elif broken or self.limits.cancel_half_closed:
            self._client_gone("the client has gone")

    def on_drained(self) -> None:
        """See `reader.Listener`."""
        if self._drained is not None:
            self._drained.set()

    # What the clock tells.

    def _on_due(self, due: Due) -> None:
        match due:
            case Due.READ:
                self._on_read_due()
            case Due.REPLY:
                self._on_reply_due()
            case Due.WRITE:
                self._on_write_due()
            case _:
                assert_never(due)

    def _on_read_due(self) -> None:
        self.clock.read_at = inf
        if self._parked is None:
            self._reader.timed_out()
        elif self._reader.buffer:
            self._unpark(Refusal(408, "Request Timeout: the request head took too long"))
        else:
            self._leave("idle")

    def _on_reply_due(self) -> None:
        self.clock.arm_reply(inf)
        assert self._exchange is not None
        self.interrupt(self._exchange, ServiceUnavailable("Response Timeout"))

    def _on_write_due(self) -> None:
        self.clock.write_at = inf
        logger.info("a client was cut off: it took nothing for WRITE_TIMEOUT")
        self.wire.abort()
        self._client_gone("the client does not read")

    # The worker.

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self._runs_timers:
                nursery.start_soon(self._timers.run)
            self.wire.deliver(self._reader, nursery)
            try:
                if await self._work():
                    await self._linger()
            except WireBroken:
                pass  # the peer has gone, and there is nothing left to say
            nursery.cancel_scope.cancel()

    async def _work(self) -> bool:
        """Serve exchanges until the last; return whether the peer may still be sending."""
        while True:
            try:
                with trio.CancelScope() as self._scope:
                    try:
                        await self._serve_all()
                    except Refusal as refusal:
                        await self._refuse(refusal)
                        return True
                    return self._must_linger()
            except Exception:  # of a handler that was stopped: the answer is the reason why it was
                if self._error is None:
                    raise
                error_logger.exception("a handler failed while it was stopped")
            if self._gone:
                return False

    def _must_linger(self) -> bool:
        """Whether the peer may be sending still, so that a plain close would reset what it has not read.

        RFC 9112 9.6: close in stages. Not when the peer knows that it was its last request (HTTP/1.0: of
        a stream), nor when it said nothing of late and the server shuts down.
        """
        exchange = self._exchange
        if exchange is None:
            return False
        unasked = exchange.head.keep_alive and exchange.head.http11 and not self.closing
        return unasked or not self._reader.in_step or bool(self._reader.buffer)

    async def _serve_all(self) -> None:
        error, self._error = self._error, None
        exchange = self._exchange
        if error is not None and exchange is not None:
            await self._app.fail(exchange, error)
        if exchange is not None and not await self._conclude(exchange):
            return
        while (exchange := await self._next()) is not None:
            await self._app.handle(exchange)
            if not await self._conclude(exchange):
                return

    async def _next(self) -> Exchange | None:
        """Wait for the next request."""
        self._exchange = None
        if self._reader.buffer:
            exchange = self._begin()
            self._reader.resume()
            if exchange is not None:
                # Takes effect at the next step of this task, and lets other connections have their turn.
                trio.lowlevel.current_task().context = self._context.copy()
                await trio.lowlevel.checkpoint()
                return exchange
        elif not self.closing:
            idle_s = self.limits.keep_alive_timeout_s if self._served else self.limits.first_byte_deadline_s
            self.clock.arm_read(trio.current_time() + idle_s)
        if self._reader.peer_ended or (self.closing and not self._reader.buffer):
            return None
        return await self._park()

    async def _park(self) -> Exchange:
        """Wait until the reader hands over an exchange, or the reason why there will be none."""
        self._parked = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        handed, self._handed = self._handed, None
        assert handed is not None
        if isinstance(handed, Refusal):
            raise handed
        return handed

    def _unpark(self, handed: Exchange | Refusal) -> None:
        task, self._parked = self._parked, None
        if task is not None:
            task.context = self._context.copy()
            self._handed = handed
            trio.lowlevel.reschedule(task)

    def _begin(self) -> Exchange | None:
        """Make an exchange of what is in the buffer, if a whole head is."""
        reader = self._reader
        now = trio.current_time()
        head = take_head(reader.buffer, self.limits)
        if head is None:
            # From a head's first byte on its deadline is absolute, however the head trickles.
            if not self._head_begun:
                self._head_begun = True
                self.clock.arm_read(now + self.limits.head_deadline_s)
            return None
        rest = reader.buffer[len(head.raw) :]
        exchange = self._exchange = Exchange(self, head, rest, now)
        self._served = True
        self._head_begun = False
        self.clock.read_at = inf
        self.clock.arm_reply(now + self.limits.response_timeout_s)
        if exchange.inbound is not None:
            reader.buffer = b""
            reader.feed(exchange.body, exchange.inbound, held=exchange.expects_continue)
        else:
            reader.buffer = rest[head.content_length or 0 :]
        return exchange

    async def _conclude(self, exchange: Exchange) -> bool:
        """Clean up after an exchange; return whether the connection can serve another."""
        if exchange.keep_alive and exchange.stage is Stage.DONE and self._reader.in_body:
            self._drained = trio.Event()
            if self._reader.discard():
                await self._drained.wait()
            self._drained = None
        self._close(exchange)
        return exchange.keep_alive and not self.closing and self._reader.in_step

    def _close(self, exchange: Exchange) -> None:
        """End an exchange, however far it is; the second time does nothing."""
        if exchange.close() and self.limits.access_log:
            _log_access(exchange, trio.current_time())

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what never became a request; nothing after it is looked at."""
        body = f"{refusal.message}\n".encode()
        status = refusal.status
        if self.limits.access_log:
            host = show(self.wire.peer)
            log_access(host=host, request="-", status=status, sent_bytes=len(body), duration_s=0)
        data = render(status, (), body, content_type=_PLAIN, keep_alive=False, head_only=False)
        await self.send([data])

    async def _linger(self) -> None:
        """End our side, and swallow what the peer still sends, so that it can read our last answer."""
        if not self._reader.peer_ended:
            self._drained = trio.Event()
            await self.wire.send_eof()
            self._reader.linger()
            await self._drained.wait()

    async def _write(self, channel: SendChannel) -> None:
        try:
            await channel.run()
        except WireBroken:
            channel.fail()
            self._client_gone("the client has gone")
        except Exception:  # noqa: BLE001  # as in `run`: what is left of this response is its own affair
            error_logger.exception("a response could not be sent")
            channel.fail()
            self._leave("our own error")

    def _leave(self, reason: str) -> None:
        """Stop the worker for good."""
        self._gone = self._gone or reason
        self.closing = True
        self._scope.cancel()

    def _client_gone(self, reason: str) -> None:
        """There is nobody to answer: stop the handler, unless it asked to run to its end."""
        self.closing = True
        if self._exchange is None or self._exchange.cancel_on_disconnect:
            self._leave(reason)


def _log_access(exchange: Exchange, now: float) -> None:
    """One line for an exchange. 499 is nginx's status for a client that left without an answer."""
    log_access(
        host=show(exchange.link.wire.peer),
        request=f"{exchange.head.method} {exchange.head.target}",
        status=exchange.status or 499,
        sent_bytes=exchange.sent_bytes,
        duration_s=now - exchange.started_at,
    )
