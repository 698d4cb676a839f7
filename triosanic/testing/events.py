"""What a client makes of a stream of server-sent events, as an ``EventSource`` does (WHATWG HTML 9.2.6)."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections import deque
from dataclasses import dataclass
from typing import Self

from triosanic.testing.extra import httpx


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event that has come.

    Attributes:
        data: Its text.
        event: Its type.
        id: The last id that was sent, with it or before.
    """

    data: str
    event: str
    id: str


class EventParser:
    """Takes a stream of events apart, in pieces of any size.

    Attributes:
        last_event_id: What a client would send when it connects again.
        retry_s: How long it would wait before it does, in seconds; ``None``: it was not told.
        comments: How many lines there were for nobody, as heartbeats are.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry_s: float | None = None
        self.comments = 0
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._text = ""  # of a line that has not ended
        self._skip_lf = False
        self._data: list[str] = []
        self._event = ""
        self._id = ""

    def feed(self, data: bytes) -> list[ReceivedEvent]:
        """Take the next piece; return the events that it completes."""
        text = self._decoder.decode(data)
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        if text and self._skip_lf:  # a CR has ended a line before, and may have been half of a CRLF
            self._skip_lf = False
            text = text.removeprefix("\n")
        self._skip_lf = self._skip_lf or text.endswith("\r")
        *lines, self._text = (self._text + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: str) -> ReceivedEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1000
        elif not field:
            self.comments += 1
        return None

    def _dispatch(self) -> ReceivedEvent | None:
        self.last_event_id = self._id
        data, self._data = self._data, []
        event, self._event = self._event, ""
        return ReceivedEvent("\n".join(data), event or "message", self._id) if data else None


class EventStream:
    """The events of one response; iterate over it.

    Args:
        response: The answer, whose body is still to be read.

    Attributes:
        response: As above.
        parser: What it has told so far, for whoever connects again.

    Raises:
        ValueError: It is no stream of events: an ``EventSource`` would give up.
    """

    def __init__(self, response: httpx.Response) -> None:
        kind = response.headers.get("content-type", "")
        if response.status_code != 200 or kind.partition(";")[0] != "text/event-stream":  # noqa: PLR2004  # OK
            raise ValueError(
                f"{response.url} answers {response.status_code} {kind!r}: no 200 with text/event-stream"
            )
        self.response = response
        self.parser = EventParser()
        self._pieces = response.aiter_bytes()
        self._events: deque[ReceivedEvent] = deque()
        self._reading = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedEvent:
        """Wait for the next event.

        Raises:
            StopAsyncIteration: The stream has ended in order.
            httpx.TransportError: It was cut.
            RuntimeError: Another read runs, or was cancelled.

        Checkpoint: unless an event has come already.
        """
        while not self._events:
            self._events.extend(self.parser.feed(await self._piece()))
        return self._events.popleft()

    async def _piece(self) -> bytes:
        # httpx reads by generators, and one that was cancelled looks as if the stream had ended in order.
        if self._reading:
            raise RuntimeError(
                "another read of this stream runs, or was cancelled, which ends it: read in one task"
            )
        self._reading = True
        try:
            piece = await anext(self._pieces)
        except (StopAsyncIteration, httpx.HTTPError):
            self._reading = False
            raise
        self._reading = False
        return piece
