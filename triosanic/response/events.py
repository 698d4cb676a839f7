"""Server-sent events: a response that tells its client, over and over, what has happened.

A handler returns `sse` with an async generator, or with a function that gets a writer.
Source: WHATWG HTML, 9.2, "Server-sent events".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass
from math import inf
from typing import Any, Final, TypeAlias

import trio

from triosanic.exceptions import ClientGone
from triosanic.http.send_channel import SendChannel
from triosanic.response.types import HeaderItems, StreamingHTTPResponse, app_dumps

# What WHATWG HTML 9.2.5 takes for a line's end: `str.splitlines` knows others, which would tear data apart.
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
# Below the minute after which proxies and address translations forget a silent connection.
HEARTBEAT_S: Final = 15.0
_HEARTBEAT: Final = b":\n\n"
# Late events are worth nothing: no cache may keep them, and no proxy collect them (nginx reads the last).
_FIELDS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event, as the client's ``EventSource`` sees it.

    Args:
        data: str is sent as it is, anything else as JSON, by the app's ``dumps``; ``None``: no event
            is seen, but ``id`` and ``retry_s`` are kept by the client.
        event: Its type; ``None``: ``message``.
        id: What the client sends back as ``Last-Event-ID`` when it connects again.
        retry_s: How long it is to wait before it does, in seconds.

    Raises:
        TypeError: ``event`` or ``id`` is no str.
        ValueError: ``event`` or ``id`` has a line break, ``id`` a NUL, or ``retry_s`` is out of bounds.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry_s: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be str, not {value!r}: pass {name}=str(...)")
            if value is not None and _LINE_END.search(value):
                raise ValueError(f"{name} must be one line, and {value!r} has several")
        if self.id is not None and "\0" in self.id:
            raise ValueError(f"id must not have a NUL, for which clients ignore it: {self.id!r}")
        if self.retry_s is not None and not (_is_number(self.retry_s) and 0 <= self.retry_s < inf):
            raise ValueError(f"retry_s must be a number of seconds from 0, not {self.retry_s!r}")

    def encode(self) -> bytes:
        """Return it as it is sent.

        Raises:
            TypeError, ValueError: JSON can't be made of ``data``.
        """
        lines = [] if self.event is None else [f"event: {self.event}"]
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry_s is not None:
            lines.append(f"retry: {round(self.retry_s * 1000)}")
        if self.data is not None:
            lines += [f"data: {line}" for line in _LINE_END.split(_text_of(self.data))]
        return "\n".join([*lines, "", ""]).encode()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _text_of(data: Any) -> str:
    if isinstance(data, str):
        return data
    text = app_dumps.get()(data)
    return text if isinstance(text, str) else text.decode()


class EventWriter:
    """What sends the events of one response; several tasks may use it."""

    __slots__ = ("_channel", "_quiet_since")

    def __init__(self, channel: SendChannel) -> None:
        self._channel = channel
        self._quiet_since = trio.current_time()

    async def send(
        self, data: Any, *, event: str | None = None, id: str | None = None, retry_s: float | None = None
    ) -> None:
        """Send an event, and wait while the client does not keep up; see `ServerSentEvent` for arguments.

        Raises:
            ClientGone: The client has gone.
            TypeError, ValueError: See `ServerSentEvent`, also for the others.

        Checkpoint: as `SendChannel.write`.
        """
        await self.send_event(ServerSentEvent(data, event, id, retry_s))

    async def send_event(self, event: ServerSentEvent) -> None:
        """Send an event that is made; see `send`."""
        await self._write(event.encode())

    async def comment(self, text: str) -> None:
        """Send what clients ignore; see `send`."""
        await self._write("".join(f": {line}\n" for line in _LINE_END.split(text)).encode() + b"\n")

    async def _write(self, data: bytes) -> None:
        # Before it, too: else each of many tasks would add its event to what a slow client has not taken.
        await self._channel.wait_for_room()
        self._quiet_since = trio.current_time()
        await self._channel.write(data)

    async def _beat(self, heartbeat_s: float) -> None:
        """Send a comment whenever nothing was sent for so long."""
        while True:
            await trio.sleep_until(self._quiet_since + heartbeat_s)
            # What is on its way breaks the silence, and a heartbeat would only stand in line behind it.
            if self._channel.size:
                self._quiet_since = trio.current_time()
            elif trio.current_time() >= self._quiet_since + heartbeat_s:
                await self._write(_HEARTBEAT)

    @asynccontextmanager
    async def beating(self, heartbeat_s: float | None) -> AsyncIterator[None]:
        """Send heartbeats during a block, whose errors are raised as they are, and in no group."""
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            if heartbeat_s is not None:
                nursery.start_soon(_until_gone, self._beat, heartbeat_s)
            try:
                yield
            except Exception as exc:  # noqa: BLE001  # raised below, outside of the nursery
                failure = exc
            nursery.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # with its traceback it were a cycle


async def _until_gone(async_fn: Callable[[float], Awaitable[None]], heartbeat_s: float) -> None:
    """A client that has gone needs no heartbeat; whoever sends it an event is told."""
    try:
        await async_fn(heartbeat_s)
    except ClientGone:
        return


EventFn: TypeAlias = Callable[[EventWriter], Awaitable[None]]


class EventStreamResponse(StreamingHTTPResponse):
    """A response of server-sent events; see `sse`."""

    __slots__ = ("_heartbeat_s", "_retry_s", "_source")

    def __init__(
        self,
        source: AsyncIterable[Any] | EventFn,
        *,
        heartbeat_s: float | None = HEARTBEAT_S,
        retry_s: float | None = None,
        status: int = 200,
        headers: HeaderItems = None,
    ) -> None:
        if heartbeat_s is not None and not (_is_number(heartbeat_s) and 0 < heartbeat_s < inf):
            raise ValueError(f"heartbeat_s must be a number of seconds above 0, or None, not {heartbeat_s!r}")
        if not isinstance(source, AsyncIterable) and not callable(source):
            kind = type(source).__name__
            raise TypeError(
                f"sse() takes an async generator or a function that is called with a writer, not {kind}"
            )
        super().__init__(self._tell, status, headers, "text/event-stream")
        for name, value in _FIELDS.items():
            self.headers.setdefault(name, value)
        self._source = source
        self._heartbeat_s = heartbeat_s
        self._retry_s = retry_s

    async def _tell(self, _: object) -> None:
        exchange = self.settle()
        assert exchange is not None
        assert exchange.channel is not None
        writer = EventWriter(exchange.channel)
        with trio.CancelScope() as scope:
            exchange.at_shutdown(scope.cancel)
            async with self._closing(), writer.beating(self._heartbeat_s):
                await trio.lowlevel.checkpoint_if_cancelled()
                if self._retry_s is not None:
                    await writer.send(None, retry_s=self._retry_s)
                if isinstance(self._source, AsyncIterable):
                    await _send_all(self._source, writer)
                else:
                    await self._source(writer)

    async def skip(self) -> None:
        """See `StreamingHTTPResponse.skip`: what sends into a channel is told that nobody listens."""
        async with self._closing():
            pass

    def _closing(self) -> AbstractAsyncContextManager[object]:
        """Close generators and channels at the end; an iterable may have nothing to close."""
        source: Any = self._source
        return aclosing(source) if hasattr(source, "aclose") else nullcontext()


async def _send_all(events: AsyncIterable[Any], writer: EventWriter) -> None:
    async for event in events:
        await writer.send_event(event if isinstance(event, ServerSentEvent) else ServerSentEvent(event))


def sse(
    source: AsyncIterable[Any] | EventFn,
    *,
    heartbeat_s: float | None = HEARTBEAT_S,
    retry_s: float | None = None,
    status: int = 200,
    headers: HeaderItems = None,
) -> EventStreamResponse:
    """Make a response of server-sent events, each of which leaves at once.

    When the client leaves, the source is cancelled; when the server begins to stop, too, and the response
    ends in order. When it ends, an ``EventSource`` connects again: to keep it away, answer its next request
    with 204. Where it was is ``request.last_event_id``.

    Args:
        source: An async generator, or another async iterable, of `ServerSentEvent` objects or of their data;
            or an async function, called with an `EventWriter`.
        heartbeat_s: A comment is sent after so many seconds without an event, so that proxies do not close
            the connection; ``None``: never.
        retry_s: How long the client is to wait before it connects again, in seconds.
        status: Status code.
        headers: Header fields; ``cache-control: no-store`` can be replaced.

    Raises:
        TypeError: ``source`` is something else.
        ValueError: ``heartbeat_s`` or ``retry_s`` is out of bounds.
    """
    return EventStreamResponse(
        source, heartbeat_s=heartbeat_s, retry_s=retry_s, status=status, headers=headers
    )
