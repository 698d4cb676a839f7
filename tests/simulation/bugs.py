"""Bugs put into the real server on purpose, each of which the simulation must find."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
import trio

from tests.simulation.program import simulation, websockets
from triosanic.dispatch import Dispatcher
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.connection import Connection
from triosanic.http.exchange import Exchange
from triosanic.http.limits import Limits
from triosanic.http.reader import Reader
from triosanic.http.send_channel import SendChannel
from triosanic.request import Request
from triosanic.response import EventWriter, HTTPResponse, ServerSentEvent
from triosanic.testing.simulation import Simulation
from triosanic.websocket import outlet
from triosanic.websocket.conversation import Conversation, Piece


@dataclass(frozen=True, slots=True)
class Bug:
    """A defect.

    Attributes:
        put_in: Puts it in, until the end of the test.
        said: What the simulation must say of it.
        within: Within so many seeds.
        found_by: The simulation.
    """

    put_in: Callable[[pytest.MonkeyPatch], None]
    said: str
    within: int
    found_by: Simulation = simulation


def leak_a_task(patch: pytest.MonkeyPatch) -> None:
    """The tasks of `request.nursery` belong to nobody: when the client leaves, they stay."""

    def spawn(self: Connection, async_fn: Callable[[], Awaitable[None]]) -> None:
        trio.lowlevel.spawn_system_task(async_fn)

    patch.setattr(Connection, "spawn", spawn)


def swap_answers(patch: pytest.MonkeyPatch) -> None:
    """A cache that forgets the query: of two requests for a path at one time, one gets the other's answer."""
    answer = Dispatcher._answer  # noqa: SLF001  # a defect has to be somewhere
    cache: dict[tuple[str, float], object] = {}

    async def cached(self: Dispatcher, request: Request) -> object:
        response = await answer(self, request)
        if type(response) is not HTTPResponse or request.path != "/nap":
            return response
        return cache.setdefault((request.path, trio.current_time()), response)

    patch.setattr(Dispatcher, "_answer", cached)


def buffer_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Awaited writes never wait for a slow client."""

    async def never(self: SendChannel) -> None:
        await trio.lowlevel.checkpoint()

    patch.setattr(SendChannel, "wait_for_room", never)


def buffer_the_request(patch: pytest.MonkeyPatch) -> None:
    """The reader goes on while a handler has not taken what is there."""
    wants = Reader.wants
    assert isinstance(wants, property)
    asked = wants.fget
    assert asked is not None

    def always(self: Reader) -> int:
        return 0 if self.peer_ended else max(1500, asked(self))

    patch.setattr(Reader, "wants", property(always))


def miss_a_deadline(patch: pytest.MonkeyPatch) -> None:
    """A body may come as slowly as it likes, as long as something comes within REQUEST_TIMEOUT."""
    limits = Limits.from_config
    patch.setattr(Limits, "from_config", lambda config: replace(limits(config), body_min_rate=0.0))


def lose_a_byte(patch: pytest.MonkeyPatch) -> None:
    """A chunk's last byte is lost, if it is all that is missing when a read ends."""
    take = ChunkedInbound.take

    def careless(self: Any) -> bytes:
        piece = take(self)
        return piece[:-1] if self.missing == 1 else piece

    patch.setattr(ChunkedInbound, "take", careless)


def lose_an_event(patch: pytest.MonkeyPatch) -> None:
    """What a slow client has no room for is dropped, as some libraries do without a word."""
    send = EventWriter.send_event

    async def hasty(self: Any, event: ServerSentEvent) -> None:
        if self._channel.size <= 1000:
            await send(self, event)

    patch.setattr(EventWriter, "send_event", hasty)


def tear_an_event(patch: pytest.MonkeyPatch) -> None:
    """An event leaves in two pieces, between which another task can send."""

    async def torn(self: Any, event: ServerSentEvent) -> None:
        data = event.encode()
        half = len(data) // 2
        await self._write(data[:half])
        await trio.lowlevel.checkpoint()
        await self._write(data[half:])

    patch.setattr(EventWriter, "send_event", torn)


def go_on_at_a_stop(patch: pytest.MonkeyPatch) -> None:
    """A stop waits for streams of events to end by themselves."""
    patch.setattr(Exchange, "at_shutdown", lambda *_: None)


def lose_a_message(patch: pytest.MonkeyPatch) -> None:
    """A WebSocket's message is dropped if no handler waits for it."""
    put = Conversation._put  # noqa: SLF001  # what is broken

    def careless(self: Any, piece: Piece) -> None:
        if self._receiver is not None:
            put(self, piece)

    patch.setattr(Conversation, "_put", careless)


def tear_a_frame(patch: pytest.MonkeyPatch) -> None:
    """A byte is lost where a frame is not taken at once."""
    after = outlet._after  # noqa: SLF001  # what is broken
    patch.setattr(outlet, "_after", lambda parts, sent: [part[:-1] for part in after(parts, sent)])


def outlive_a_peer(patch: pytest.MonkeyPatch) -> None:
    """A peer's end without a Close is not seen."""
    patch.setattr(Conversation, "on_end", lambda *_, **__: None)


BUGS: Final = {
    "a leaked task": Bug(leak_a_task, "tasks were left", 500),
    "a swapped answer": Bug(swap_answers, "in place of", 50),
    "an unbounded buffer of answers": Bug(buffer_the_answer, "of an answer were held", 100),
    "an unbounded buffer of requests": Bug(buffer_the_request, "of requests were held", 50),
    "a missed deadline": Bug(miss_a_deadline, "and should have after", 300),
    "a lost byte": Bug(lose_a_byte, "in place of", 1000),
    "a lost event": Bug(lose_an_event, "in place of ReceivedEvent", 50),
    "a torn event": Bug(tear_an_event, "in place of ReceivedEvent", 50),
    "an event stream that outlives a stop": Bug(go_on_at_a_stop, "s late", 150),
    "a lost message": Bug(lose_a_message, "0 of", 50, websockets),
    "a torn frame": Bug(tear_a_frame, "and a Close of None", 50, websockets),
    "a WebSocket that outlives its peer": Bug(outlive_a_peer, "has not closed its stream", 350, websockets),
}
