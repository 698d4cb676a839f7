"""A connection: from a wire to a series of exchanges, which an application answers.

The server makes one for each wire and awaits `run`, which never raises what a peer or a handler did.
It is one task, the worker, which runs the handlers. The reader takes what comes, whoever reads it from the
wire, and hands over by rescheduling the worker: no channel and no nursery a request. A writer task joins them
once a response streams.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial
from math import inf
from typing import Any, Final, assert_never

import trio

from triosanic.exceptions import ServiceUnavailable
from triosanic.http.application import Application
from triosanic.http.clock import Clock, Due
from triosanic.http.exchange import Exchange, Stage
from triosanic.http.faults import as_exception, is_failure, is_farewell
from triosanic.http.guard import Refusal, take_head
from triosanic.http.journal import line_of, note_access, note_cut, note_refusal
from triosanic.http.limits import Limits
from triosanic.http.outgoing import Outbox, send_rest
from triosanic.http.reader import Reader, Upgraded
from triosanic.http.reply import render_refusal
from triosanic.http.send_channel import SendChannel
from triosanic.http.timers import Timers
from triosanic.http.wire import Wire, WireBroken
from triosanic.log import error_logger

_FAILED: Final = "a connection failed; it is closed"
# A connection that was used within this is between two requests, rather than idle.
ACTIVE_S: Final = 1.0
# How long a shutdown waits for the next request of such a connection. Half a second is longer than most
# clients think between two requests, and together with what follows it still ends within a second.
NOTICE_S: Final = 0.5
# How long we read on after a close that the client could not expect: what it sent before it saw our FIN
# arrives within a round trip, for which a quarter of a second is enough across an ocean.
CROSSING_S: Final = 0.25


class Connection:
    """One peer's connection.

    Attributes:
        wire: The way to the peer.
        limits: What the peer may take of us.
        clock: The connection's deadlines.
        closing: Whether the next response is the last one.
        lost: Whether the client has gone while it was answered.
        unsent: How many bytes of a send that was cut off the wire did not take.
    """

    __slots__ = (
        "_app",
        "_context",
        "_drained",
        "_error",
        "_exchange",
        "_failing",
        "_gone",
        "_handed",
        "_head_begun",
        "_idle_since",
        "_notice_by",
        "_nursery",
        "_outbox",
        "_parked",
        "_queued",
        "_reader",
        "_runs_timers",
        "_scope",
        "_timers",
        "clock",
        "closing",
        "ctx",
        "limits",
        "lost",
        "unsent",
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
        self.lost = False
        self._app = app
        self._context = context
        self._reader = Reader(wire, self.clock, limits, self)
        self._scope = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._exchange: Exchange | None = None
        self._parked: trio.lowlevel.Task | None = None
        self._outbox = Outbox(wire, self._unpark)
        self._handed: Exchange | Refusal | Outbox | None = None
        self._drained: trio.Event | None = None
        self._gone = ""  # why there is nobody to answer any more
        self._error: Exception | None = None  # to answer in place of what the handler would have
        self._failing = False  # whether the application answers such an error
        self._head_begun = False  # whether the head's deadline runs
        self._idle_since = inf  # when it last began to wait for a request
        self._notice_by = inf  # in a shutdown: until when another request is waited for
        self._queued = 0  # by the system, when the peer was to take something
        self.unsent = 0

    async def run(self) -> None:
        """Serve the peer until either side closes.

        Nothing that the peer, a handler or the application does is raised; what is a defect is logged.

        Checkpoint: always.
        """
        try:
            await self._run()
        except BaseExceptionGroup as group:
            # What a program raises while it is cancelled comes together with Trio's own exception.
            own, rest = group.split(is_failure)
            if own is not None:
                error_logger.error(_FAILED, exc_info=own)
            if rest is not None:
                raise rest from None
        except BaseException as error:  # the fault wall: an error here ends this connection and no other
            if not is_failure(error):
                raise
            self._gone = self._gone or "our own error"
            error_logger.exception(_FAILED)
        finally:
            self.clock.close()
            if self._exchange is not None:
                self._close(self._exchange)
            self._exchange = self._error = None
            # A task that has ended waits for the collector, and what its context knows with it.
            trio.lowlevel.current_task().context = self._context
            self._reader.close()
            self._outbox.close()
            with trio.CancelScope(deadline=trio.current_time() + self.limits.linger_timeout_s, shield=True):
                await self.wire.aclose()

    def shut_down(self) -> None:
        """Close after the next response, which says so, or when no request comes. Checkpoint: never.

        A client that was active of late is about to send its next request, or has: it is waited for, because
        a close would lose it. One that was not is closed at once, which it must expect (RFC 9112 9.5).
        """
        now = trio.current_time()
        self._notice_by = now + NOTICE_S
        self._settle_closing()
        if self._exchange is not None:
            self._exchange.shut_down()
        if self.idle:
            wait_s = NOTICE_S if now - self._idle_since < ACTIVE_S else 0
            self.clock.arm_read(min(self.clock.read_at, now + wait_s))

    @property
    def stopping(self) -> bool:
        """Whether the server has begun to stop."""
        return self._notice_by < inf

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, and nothing of one has come."""
        return self._parked is not None and not self._reader.buffer

    @property
    def idle_since(self) -> float:
        """When it last began to wait for a request, in Trio's time; `math.inf`: it has one."""
        return self._idle_since if self.idle else inf

    def shed(self) -> bool:
        """Close now, if it is idle, because somebody else needs its place; return whether it was.

        Checkpoint: never.
        """
        if self.idle:
            self.wire.look()
        if not self.idle:
            return False
        self._leave("its place was needed")
        return True

    @property
    def task(self) -> str:
        """The request that is being handled, for the log: its method and target; ``""``: none is."""
        return "" if self._exchange is None else line_of(self._exchange)

    # What the exchange needs.

    async def send(self, parts: list[bytes]) -> None:
        """Send ``parts``, in pieces, each under a fresh deadline.

        Raises:
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take it at once. Cancelled, it leaves half a message, and aborts.
        """
        try:
            sent = self.wire.send_nowait(parts)
        except WireBroken:
            self.unsent = sum(map(len, parts))
            raise
        if sent < len(parts[0]) or len(parts) > 1:
            await send_rest(self, parts, sent)

    def hold(self, data: bytes) -> bool:
        """See `Link.hold`: not if it may be the last response. Checkpoint: never."""
        return self._reader.quiet and not (self._gone or self._error) and self._outbox.hold(data)

    def send_nowait(self, parts: list[bytes]) -> int:
        """See `Wire.send_nowait`. Checkpoint: never."""
        return self.wire.send_nowait(parts)

    def await_taking(self) -> None:
        """From now on the peer must take something within ``WRITE_TIMEOUT``. Checkpoint: never."""
        self._queued = self.wire.queued
        self.clock.arm_write(trio.current_time() + self.limits.write_timeout_s)

    def start_writer(self, channel: SendChannel) -> None:
        """Let a writer task send what is written to ``channel``. Checkpoint: never."""
        self.wire.expect_much()
        assert self._nursery is not None
        self._nursery.start_soon(self._write, channel)

    def release_body(self) -> None:
        """The peer has been told to send its body: its time counts now. Checkpoint: never."""
        self._reader.release()

    def pace_body(self, min_rate: float | None, grace_s: float | None) -> None:
        """Ask another rate of the body that is coming, as its route says. Checkpoint: never."""
        self._reader.pace(min_rate, grace_s)

    def spawn(self, async_fn: Callable[[], Awaitable[None]]) -> None:
        """Start a task that ends with the connection at the latest. Checkpoint: never."""
        assert self._nursery is not None
        self._nursery.start_soon(async_fn)

    def interrupt(self, exchange: Exchange, error: Exception) -> None:
        """Stop the handler of ``exchange``, and answer ``error`` in its place. Checkpoint: never."""
        if exchange is self._exchange and self._error is None:
            self._error = error
            self._scope.cancel()

    def hand_over(self, upgraded: Upgraded) -> None:
        """Let another protocol have the connection, until the exchange ends. Checkpoint: never."""
        self._reader.upgrade(upgraded)

    def abort(self) -> None:
        """Let the peer see that what it got is not whole. Checkpoint: never."""
        self.closing = True
        self.wire.abort()

    # What the reader tells.

    def on_bytes(self) -> None:
        """See `reader.Listener`."""
        self._outbox.flush()  # before the next answer
        if self._parked is None:
            self._settle_closing()
            return
        try:
            exchange = self._begin()
        except Refusal as refusal:
            self._unpark(refusal.with_traceback(None))
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
        self._settle_closing()
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
            self.wire.look()  # a request that is here already is not lost
            if self.idle:
                self._unpark(None)

    def _on_reply_due(self) -> None:
        self.clock.arm_reply(inf)
        assert self._exchange is not None
        self.interrupt(self._exchange, ServiceUnavailable("Response Timeout"))

    def _on_write_due(self) -> None:
        if self.wire.queued < self._queued:  # it takes, but not so much yet that the system asks for more
            self.await_taking()
            return
        self.clock.write_at = inf
        self.wire.abort()
        self._client_gone("the client took nothing for WRITE_TIMEOUT")

    # The worker.

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self._runs_timers:
                nursery.start_soon(self._timers.run)
            self.wire.deliver(self._reader, nursery)
            try:
                linger_s = await self._work()
                if linger_s:
                    await self._linger(linger_s)
            except WireBroken:  # there is nothing left to say
                self._gone = self._gone or "the client has gone"
            nursery.cancel_scope.cancel()

    async def _work(self) -> float:
        """Serve exchanges until the last; return how long the peer may still be sending, in seconds."""
        while True:
            try:
                with trio.CancelScope() as self._scope:
                    try:
                        await self._serve_all()
                    except Refusal as refusal:
                        await self._refuse(refusal)
                        return self.limits.linger_timeout_s
                    return self._linger_s()
            except BaseException as failure:  # of a handler that was stopped: the answer is why it was
                if not (self._gone and is_farewell(failure)):  # else it says what we have told it
                    if self._error is None or not is_failure(failure):
                        raise
                    error_logger.exception("a handler failed while it was stopped")
            if self._gone:
                return 0

    def _linger_s(self) -> float:
        """How long the peer may be sending still: a plain close would then reset what it has not read.

        RFC 9112 9.6: close in stages. Where it knows that this is the end, because it has asked for it or
        idled, or in a shutdown, there is but what crosses our close.
        """
        exchange = self._exchange
        if not self._reader.in_step or self._reader.buffer:
            return self.limits.linger_timeout_s
        asked = exchange is not None and not (exchange.head.keep_alive and exchange.head.http11)
        if asked and self.wire.tls:  # without a half-close it would see our end after the lingering only
            return 0
        if asked or exchange is None or self.closing:
            return min(CROSSING_S, self.limits.linger_timeout_s)
        return self.limits.linger_timeout_s

    async def _serve_all(self) -> None:
        exchange = self._exchange
        if self._error is not None and exchange is not None:
            await self._answer_error(exchange, self._error)
        if exchange is not None and not await self._conclude(exchange):
            return
        while (exchange := await self._next()) is not None:
            try:
                await self._app.handle(exchange)
            except BaseException as failure:
                if isinstance(failure, WireBroken) or self._error is not None or not is_failure(failure):
                    raise
                await self._fail(exchange, failure)
            if not await self._conclude(exchange):
                return

    async def _answer_error(self, exchange: Exchange, error: Exception) -> None:
        """Answer what a handler was stopped for; the error handler has as much time, and no more."""
        self._error = None
        if self._failing:  # it was stopped as well
            self._failing = False
            await exchange.reply_plainly(503, b"Service Unavailable\n")
            return
        self._failing = True
        self.clock.arm_reply(trio.current_time() + self.limits.response_timeout_s)
        await self._app.fail(exchange, error)
        self.clock.arm_reply(inf)
        self._failing = False

    async def _fail(self, exchange: Exchange, error: BaseException) -> None:
        """Answer for what the application has let through."""
        if not isinstance(error, Exception):  # as GeneratorExit: a defect of the program, as any other
            try:
                await self._app.fail(exchange, as_exception(error))
            except BaseException as again:
                if isinstance(again, WireBroken) or not is_failure(again):
                    raise
                error = again
            else:
                return
        error_logger.error(_FAILED, exc_info=error)
        await exchange.reply_plainly(500, b"Internal Server Error\n")

    async def _next(self) -> Exchange | None:
        """Wait for the next request; ``None``: there will be none."""
        self._exchange = None
        if self._outbox.stuck:
            await self._outbox.send(self)
        if self._reader.buffer:
            exchange = self._begin()
            self._reader.resume()
            if exchange is not None:
                # Takes effect at the next step of this task, and lets other connections have their turn.
                trio.lowlevel.current_task().context = self._context.copy()
                self._handed = exchange
                await trio.lowlevel.checkpoint()
                self._handed = None
                return exchange
        else:
            first = self._idle_since == inf
            now = self._idle_since = trio.current_time()
            idle_s = self.limits.first_byte_deadline_s if first else self.limits.keep_alive_timeout_s
            self.clock.arm_read(now + (idle_s if self._notice_by == inf else min(idle_s, NOTICE_S)))
        if self._reader.peer_ended:
            return None
        handed = await self._park()
        if isinstance(handed, Outbox):
            return await self._next()
        if handed is None:
            await trio.lowlevel.checkpoint()  # a pump hands over in a step of its own
            if self._reader.buffer:
                return await self._next()
        return handed

    async def _park(self) -> Exchange | Outbox | None:
        """Wait for an exchange, the reason why there will be none, or what the peer does not take at once."""
        task = self._parked = trio.lowlevel.current_task()
        task.context = self._context  # an idle connection keeps nothing of its last request

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if self._outbox.rest:
            self.clock.read_at = inf  # it is we who keep the peer waiting
            await self._outbox.send(self)
        handed, self._handed = self._handed, None
        try:
            if isinstance(handed, Refusal):
                raise handed
            return handed
        finally:
            del handed  # a refusal's traceback knows this frame: a cycle, with all that was read

    def _unpark(self, handed: Exchange | Refusal | Outbox | None) -> None:
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
        self._head_begun = False
        self.clock.read_at = inf
        self.clock.arm_reply(now + self.limits.response_timeout_s)
        if exchange.inbound is not None:
            reader.buffer = b""
            reader.feed(exchange.body, exchange.inbound, held=exchange.expects_continue)
            if reader.in_step:  # an empty chunked body, which has ended: nobody waits for a 100
                exchange.expects_continue = False
        else:
            reader.buffer = rest[head.content_length or 0 :]
        if self.stopping:
            self._settle_closing()
        return exchange

    def _settle_closing(self) -> None:
        """In a shutdown, let the next response say so, unless another request is here already."""
        if self.stopping and not self._gone:
            self.closing = not self._reader.buffer or trio.current_time() >= self._notice_by

    async def _conclude(self, exchange: Exchange) -> bool:
        """Clean up after an exchange; return whether the connection can serve another."""
        # An answer that left in spite of an error, behind a shield, leaves the worker cancelled.
        kept = exchange.keep_alive and exchange.stage is Stage.DONE and self._error is None
        if kept and self._reader.in_body:
            self._drained = trio.Event()
            if self._reader.discard():
                await self._drained.wait()
            self._drained = None
        self._close(exchange)
        return kept and not self._gone and self._reader.in_step

    def _close(self, exchange: Exchange) -> None:
        """End an exchange, however far it is; the second time does nothing."""
        stage = exchange.stage
        first = exchange.close()
        note_cut(exchange, stage, self._gone or "the server was stopped")
        if first and self.limits.access_log:
            note_access(exchange, trio.current_time())

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer what never became a request; nothing after it is looked at."""
        status, body = refusal.status, f"{refusal.message}\n".encode()
        head_only = self._reader.buffer.removeprefix(b"\r\n").startswith(b"HEAD ")  # RFC 9110 9.3.2
        if self.limits.access_log:
            note_refusal(self.wire.peer, status, 0 if head_only else len(body))
        await self.send([render_refusal(status, body, head_only=head_only)])

    async def _linger(self, seconds: float) -> None:
        """End our side, and swallow what the peer still sends, so that it can read our last answer."""
        self._exchange = None
        if not self._reader.peer_ended:
            await self.wire.send_eof()
        if not self._reader.peer_ended:  # it may have ended its own meanwhile
            self._drained = trio.Event()
            self._reader.linger(seconds)
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
        self.closing = self.lost = True
        if self._handed is not None:
            self.spawn(partial(self._stop_later, reason))  # its route, which may opt out, is not found yet
        else:
            self._stop_handler(reason)

    async def _stop_later(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()  # the worker has its turn
        self._stop_handler(reason)

    def _stop_handler(self, reason: str) -> None:
        if self._exchange is None or self._exchange.cancel_on_disconnect:
            self._leave(reason)
