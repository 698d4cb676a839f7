"""One request and its response: the owner of everything that ends with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from functools import partial
from math import inf
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from triosanic.compression import Compressor
from triosanic.exceptions import ClientGone, ServerError
from triosanic.helpers import STATUS_CODES
from triosanic.http.body import RequestBody
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.compressed_channel import CompressedChannel
from triosanic.http.framing import Headers, Inbound, LengthInbound, Outbound, machine_for
from triosanic.http.guard import LENGTH
from triosanic.http.inflate import inflated
from triosanic.http.reply import (
    BODILESS,
    PLAIN,
    UNREGISTERED,
    check_status,
    clean,
    date_of,
    render,
    render_switch,
)
from triosanic.http.send_channel import SendChannel
from triosanic.http.wire import WireBroken

if TYPE_CHECKING:
    import h11

    from triosanic.http.clock import Clock
    from triosanic.http.guard import Head
    from triosanic.http.limits import Limits
    from triosanic.http.reader import Upgraded
    from triosanic.http.wire import Wire

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOT_MODIFIED: Final = 304  # says the length that a 200 would have


class Stage(Enum):
    """How far the response is."""

    # Members are singletons; Enum's own hash is Python code, on the way of each request.
    __hash__ = object.__hash__

    WAITING = auto()
    SENDING = auto()  # a complete one; it can still be cut short
    STREAMING = auto()
    UPGRADED = auto()  # the connection is another protocol's, until the exchange ends
    DONE = auto()
    ABORTED = auto()


class Move(Enum):
    """What may happen to a response."""

    __hash__ = object.__hash__  # as above

    REPLY = auto()
    SENT = auto()
    START = auto()
    UPGRADE = auto()
    RETRACT = auto()
    END = auto()
    ABORT = auto()


NEXT_STAGE: Final[Mapping[tuple[Stage, Move], Stage]] = {
    (Stage.WAITING, Move.REPLY): Stage.SENDING,
    (Stage.WAITING, Move.START): Stage.STREAMING,
    (Stage.WAITING, Move.UPGRADE): Stage.UPGRADED,
    (Stage.WAITING, Move.ABORT): Stage.ABORTED,
    (Stage.SENDING, Move.SENT): Stage.DONE,
    (Stage.SENDING, Move.ABORT): Stage.ABORTED,
    (Stage.STREAMING, Move.RETRACT): Stage.WAITING,
    (Stage.STREAMING, Move.END): Stage.DONE,
    (Stage.STREAMING, Move.ABORT): Stage.ABORTED,
    (Stage.UPGRADED, Move.ABORT): Stage.ABORTED,
}


class Link(Protocol):
    """What an exchange needs of its connection; see `connection.Connection`."""

    wire: Wire
    limits: Limits
    clock: Clock
    closing: bool
    lost: bool
    unsent: int
    ctx: Any

    @property
    def stopping(self) -> bool:
        """Whether the server has begun to stop."""

    async def send(self, parts: list[bytes]) -> None:
        """Send ``parts``."""

    def hold(self, data: bytes) -> bool:
        """Send the end of a response soon, together with others; return whether that will be done."""

    def send_nowait(self, parts: list[bytes]) -> int:
        """Send what the wire takes of ``parts`` at once; return how much."""

    def await_taking(self) -> None:
        """From now on the peer must take something within ``WRITE_TIMEOUT``."""

    def start_writer(self, channel: SendChannel) -> None:
        """Let a writer task send what is written to ``channel``."""

    def release_body(self) -> None:
        """The peer has been told to send its body."""

    def pace_body(self, min_rate: float | None, grace_s: float | None) -> None:
        """Ask another rate of the body that is coming."""

    def spawn(self, async_fn: Callable[[], Awaitable[None]]) -> None:
        """Start a task that ends with the connection at the latest."""

    def interrupt(self, exchange: Exchange, error: Exception) -> None:
        """Stop the handler of ``exchange``, and answer ``error`` in its place."""

    def hand_over(self, upgraded: Upgraded) -> None:
        """Let another protocol have the connection, until the exchange ends."""

    def abort(self) -> None:
        """Let the peer see that what it got is not whole."""


class Content(Protocol):
    """What a complete response has in place of bytes; see `sendfile.FileContent`."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    async def send(self, link: Link, sent: Callable[[int], None]) -> None:
        """Send it, and tell ``sent`` the size of each piece."""


class Exchange:
    """What the application sees of a connection: one request's head and body, and the way to answer it.

    Attributes:
        head: The request's head.
        stage: How far the response is.
        status: Status of the response; 0 before it has begun.
        cancel_on_disconnect: Whether a client that leaves cancels the handler.
        keep_alive: Whether the connection may serve another request after this one.
        request: Room for the application's request object.
        link: The connection.
    """

    __slots__ = (
        "_at_shutdown",
        "_body",
        "_closed",
        "_continuing",
        "_deferred",
        "_inflated",
        "_machine",
        "cancel_on_disconnect",
        "channel",
        "expects_continue",
        "head",
        "inbound",
        "keep_alive",
        "link",
        "request",
        "sent_bytes",
        "stage",
        "started_at",
        "status",
    )

    def __init__(self, link: Link, head: Head, rest: bytes, now: float) -> None:
        """Begin an exchange; ``rest`` is what has come after the head, ``now`` Trio's time."""
        self.link = link
        self._closed = False
        self._at_shutdown: Callable[[], None] | None = None
        self._machine: h11.Connection | None = None
        self.head = head
        self.stage = Stage.WAITING
        self.status = 0
        self.sent_bytes = 0
        self.cancel_on_disconnect = True
        self.keep_alive = head.keep_alive and link.limits.keep_alive
        self.request: Any = None
        self.channel: SendChannel | None = None
        self.expects_continue = False  # whether a 100 is owed
        self._continuing = False  # whether it is being sent
        self._deferred: SendChannel | None = None  # what waits for that to be done
        self.started_at = now
        self.inbound: Inbound | None = None
        length = head.content_length
        self._body: RequestBody | None = None  # as it is sent
        self._inflated: RequestBody | None = None  # as handlers read it, where that is something else
        if length == 0:
            return
        if length is not None and length <= len(rest):
            self._body = RequestBody(rest[:length])
        else:
            self.inbound = (
                ChunkedInbound(link.limits.max_trailer_bytes) if length is None else LengthInbound(length)
            )
            self.inbound.feed(rest)
            # With an unknown expectation it may wait as well: nobody knows whether the body will come.
            self.expects_continue = self.head.expect is not None
            self._body = RequestBody()
            self._body.watch(link.clock.hold_reply, link.clock.resume_reply)
            if self.expects_continue:
                self._body.before_read = self._before_read

    @property
    def body(self) -> RequestBody:
        """The request's body, as handlers read it; empty if it has none."""
        if self._inflated is not None:
            return self._inflated
        if self._body is None:
            self._body = RequestBody(b"")
            if self._closed:
                self._body.close()
        return self._body

    def inflate(self, coding: str) -> None:
        """Let the body be inflated as it is read, of which nothing has been read yet. Checkpoint: never."""
        if self._body is not None:
            self._inflated = inflated(self._body, coding, self.link.limits.max_ratio)

    @property
    def has_body(self) -> bool:
        """Whether the request has a body that is not empty."""
        return self._body is not None

    @property
    def machine(self) -> h11.Connection:
        """The state machine of this exchange; made when one is needed."""
        if self._machine is None:
            self._machine = machine_for(self.head)
        return self._machine

    @property
    def unread(self) -> int:
        """Bytes of the body that are known to be still to come; 0 if that is not known."""
        return self.inbound.missing if self.inbound is not None else 0

    @property
    def wants_continue(self) -> bool:
        """Whether the client has asked for 100 Continue, and nothing else (RFC 9110 10.1.1)."""
        return self.head.expect is not None and set(self.head.expect.lower().split(", ")) == {"100-continue"}

    @property
    def head_only(self) -> bool:
        """Whether the response must not have content, because this is HEAD (RFC 9110 9.3.2)."""
        return self.head.method == "HEAD"

    async def reply(
        self, status: int, headers: Headers, body: bytes | Content, content_type: str | None
    ) -> None:
        """Answer with a complete response.

        Raises:
            ServerError: It has been answered already, or a header can't be sent.
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take it at once.
        """
        sending = self._after(Move.REPLY)
        # A handler that was stopped gets no word in: its answer is the reason why.
        await trio.lowlevel.checkpoint_if_cancelled()
        if (self._body is not None and self._body.failed) or self.unread > self.link.limits.linger_bytes:
            self.keep_alive = False
        self._settle_keep_alive(headers)
        content = None
        if not isinstance(body, bytes):
            headers = [*headers, ("content-length", str(body.size))]
            content, body = body, b""
        data = render(
            status,
            headers,
            body,
            content_type=content_type,
            keep_alive=self.keep_alive,
            head_only=self.head_only or content is not None,
        )
        self.stage = sending
        self.status = status
        self.link.clock.arm_reply(inf)
        has_content = not self.head_only and status not in BODILESS
        self.sent_bytes = len(body) if has_content else 0
        if content is not None or not self.keep_alive or not self.link.hold(data):
            await self.link.send([data])
        if content is not None and has_content:
            await content.send(self.link, self._count_sent)
        self.stage = self._after(Move.SENT)

    async def reply_plainly(self, status: int, body: bytes) -> None:
        """Answer without the program, unless an answer has begun to leave; the connection ends with it.

        Raises:
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take it at once.
        """
        self.retract()
        self.keep_alive = False
        if self.stage is Stage.WAITING:
            await self.reply(status, (), body, PLAIN)

    def start(self, status: int, headers: Headers, compressor: Compressor | None = None) -> SendChannel:
        """Begin a streamed response; the head leaves with the first piece.

        Without a content-length it is chunked, or, for HTTP/1.0, ends with the connection.

        Args:
            status: A final status.
            headers: The header fields.
            compressor: Compresses the content, of which ``headers`` say so; their content-length, which is
                that of the content before, then holds what is written and is not sent.

        Raises:
            ServerError: It has been answered already, or a header can't be sent.

        Checkpoint: never.
        """
        streaming = self._after(Move.START)
        check_status(status)
        headers = clean(headers)
        length = None
        if status in BODILESS and status != _NOT_MODIFIED:  # RFC 9110 8.6
            headers = _without_length(headers)
        else:
            length = _declared_length(headers)
            if compressor is not None:
                headers = _without_length(headers)
        if not self.head.http11:  # RFC 9112 9.3: h11 ends these with the connection
            self.keep_alive = False
        outbound = Outbound(self.machine)

        def head() -> bytes:
            self.link.clock.arm_reply(inf)
            self._settle_keep_alive(headers)
            fields = [(k, v) for k, v in headers if k.lower() not in ("connection", "transfer-encoding")]
            if not any(k.lower() == "date" for k, _ in fields):  # RFC 9110 6.6.1
                fields.append(("date", date_of(int(time()))))
            fields.append(("connection", "keep-alive" if self.keep_alive else "close"))
            return outbound.head(status, STATUS_CODES.get(status, UNREGISTERED), fields)

        limits = self.link.limits
        make: Callable[..., SendChannel] = (
            SendChannel if compressor is None else partial(CompressedChannel, compressor)
        )
        self.channel = make(
            head,
            outbound,
            self.link.send,
            self.link.send_nowait,
            self._start_writer,
            length=length,
            discards=self.head_only or status in BODILESS,
            high_water_bytes=limits.high_water_bytes,
            limit_bytes=limits.response_buffer_bytes,
        )
        self.stage = streaming
        if self._body is not None:
            self._body.before_read = self._before_read
        self.status = status
        if not self.expects_continue:  # else the first read or write decides between 100 and the head
            self.channel.begin()
        return self.channel

    async def upgrade(self, headers: Headers, upgraded: Upgraded) -> None:
        """Switch protocols: answer 101, and let ``upgraded`` have the connection until the exchange ends.

        What the client has sent behind its request is the first that ``upgraded`` is told.

        Raises:
            ServerError: It has been answered already, or a header can't be sent.
            WireBroken: The peer has gone.

        Checkpoint: if the peer does not take the answer at once.
        """
        switched = self._after(Move.UPGRADE)
        await trio.lowlevel.checkpoint_if_cancelled()
        data = render_switch(headers)
        self.keep_alive = False  # HTTP is over
        self.stage = switched
        self.status = 101
        self.link.clock.arm_reply(inf)
        await self.link.send([data])
        self.link.hand_over(upgraded)

    def retract(self) -> bool:
        """Take a streamed response back, if not even its head has left; return whether it could be.

        Checkpoint: never.
        """
        if self.stage is not Stage.STREAMING or self.channel is None or self.channel.begun:
            return False
        self.channel.fail()
        self.channel = self._deferred = None
        self.stage = self._after(Move.RETRACT)
        return True

    async def end(self) -> None:
        """End a streamed response: wait until all of it has left.

        Raises:
            ServerError: Less was written than the content-length promises; the stream is aborted.
            ClientGone: The peer has gone before.

        Checkpoint: if something is still to be sent.
        """
        if self.stage is not Stage.STREAMING or self.channel is None:
            return
        if self.channel.missing:
            missing = self.channel.missing
            self.abort()
            raise ServerError(f"the response ended {missing} bytes before its content-length")
        self.channel.end()
        await self.channel.wait_ended()
        if self.stage is Stage.STREAMING:
            self.stage = self._after(Move.END)
            self.sent_bytes = self.channel.sent

    def abort(self) -> None:
        """Give the response up: the peer is told by a reset that it is not whole. Checkpoint: never."""
        if (self.stage, Move.ABORT) in NEXT_STAGE:
            self.stage = self._after(Move.ABORT)
            self.keep_alive = False
            if self.channel is not None:
                self.sent_bytes = self.channel.sent
                self.channel.fail()
            self.sent_bytes = max(0, self.sent_bytes - self.link.unsent)
            self.link.abort()

    def at_shutdown(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the server begins to stop, now if it has. Checkpoint: never."""
        if self.link.stopping:
            callback()
        else:
            self._at_shutdown = callback

    def shut_down(self) -> None:
        """The server begins to stop: what has no end of its own is told so. Checkpoint: never."""
        if self._at_shutdown is not None:
            self._at_shutdown()

    def close(self) -> bool:
        """End it, however far it is; return whether it had not ended before. Checkpoint: never."""
        if self._closed:
            return False
        self._closed = True
        if self.stage in (Stage.SENDING, Stage.STREAMING):
            self.abort()
        if self._body is not None:
            self._body.close()
            if self._inflated is not None:
                self._inflated.close()
        # What refers to each other waits for the garbage collector, which costs a tenth of a request.
        self.request = self._deferred = self._at_shutdown = None
        return True

    def _after(self, move: Move) -> Stage:
        """Return the stage that ``move`` leads to."""
        stage = NEXT_STAGE.get((self.stage, move))
        if stage is None:
            raise ServerError("this request has been answered already")
        return stage

    def _count_sent(self, size: int) -> None:
        self.sent_bytes += size

    def _settle_keep_alive(self, headers: Headers) -> None:
        """Decide, as the head is made, what it says about the connection."""
        # RFC 9110 10.1.1: a final answer in place of 100 leaves open whether the body will come.
        if self.link.closing or self.expects_continue:
            self.keep_alive = self.expects_continue = False
        for name, value in headers:
            if name.lower() == "connection" and "close" in value.lower():
                self.keep_alive = False

    async def _before_read(self) -> None:
        """Send the 100 that is owed; hold the reader back while the peer does not take our output."""
        if self.expects_continue:
            await trio.lowlevel.checkpoint_if_cancelled()  # else it would be cut off in the middle of it
            self.expects_continue = False
            self._continuing = True
            try:
                await self.link.send([_CONTINUE])
            except WireBroken as exc:
                raise ClientGone("the client has gone before it could send the body") from exc
            self._continuing = False
            self.link.release_body()
            if self._deferred is not None:
                self.link.start_writer(self._deferred)
            elif self.channel is not None:
                self.channel.begin()
        if self.channel is not None and self.channel.open:
            await self.channel.wait_for_room()

    def _start_writer(self, channel: SendChannel) -> None:
        """Let the head leave; never between the bytes of a 100, and after it there is no 100 any more."""
        if self._continuing:
            self._deferred = channel
            return
        if self.expects_continue:
            self.keep_alive = self.expects_continue = False
        self.link.start_writer(channel)


def _without_length(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() != "content-length"]


def _declared_length(headers: Headers) -> int | None:
    values = [value for name, value in headers if name.lower() == "content-length"]
    if not values:
        return None
    if len(values) > 1 or LENGTH.fullmatch(values[0]) is None:
        given = ", ".join(values)
        raise ServerError(f"content-length must be one decimal number of up to 18 digits, not {given!r}")
    return int(values[0])
