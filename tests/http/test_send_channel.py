"""The send channel, on its own: what is taken, when a write waits, and how it all ends."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from tests.http.wires import GET
from triosanic.exceptions import ClientGone, ResponseBufferFull, ServerError
from triosanic.http.chunked import ChunkedInbound
from triosanic.http.framing import Outbound, machine_for
from triosanic.http.guard import take_head
from triosanic.http.limits import Limits
from triosanic.http.send_channel import CALLS_A_TURN, SendChannel, encode
from triosanic.http.wire import WireBroken

HIGH, LIMIT = 100, 500


class Peer:
    """Where a channel sends to: takes what it gets while its gate is open.

    Attributes:
        sends: What each send consisted of.
        at_once: How much it takes without waiting.
    """

    def __init__(self) -> None:
        self.sends: list[bytes] = []
        self.gate = trio.Event()
        self.broken = False
        self.at_once = 0
        self.channel: SendChannel

    def send_nowait(self, parts: list[bytes]) -> int:
        """Take as much as is to be taken without waiting."""
        if self.broken:
            raise WireBroken
        taken = b"".join(parts)[: self.at_once]
        if taken:
            self.sends.append(taken)
        return len(taken)

    async def send(self, parts: list[bytes]) -> None:
        await trio.lowlevel.checkpoint()
        await self.gate.wait()
        if self.broken:
            raise WireBroken
        self.sends.append(b"".join(parts))

    def open(self) -> None:
        self.gate.set()

    def break_off(self) -> None:
        self.broken = True
        self.gate.set()


@asynccontextmanager
async def channel(*, is_open: bool = True, begin: bool = True, **options: Any) -> AsyncIterator[Peer]:
    """Give a peer with a channel to it; the writer must have ended when the block is left."""
    peer = Peer()
    if is_open:
        peer.open()
    head = take_head(GET, Limits())
    assert head is not None
    outbound = Outbound(machine_for(head))
    length = options.pop("length", None)
    fields = [] if length is None else [("content-length", str(length))]

    async def write(made: SendChannel) -> None:
        try:
            await made.run()
        except WireBroken:
            made.fail()

    async with trio.open_nursery() as nursery:
        peer.channel = SendChannel(
            head=partial(outbound.head, 200, b"OK", fields),
            outbound=outbound,
            send=peer.send,
            send_nowait=peer.send_nowait,
            spawn=lambda made: nursery.start_soon(write, made),
            length=length,
            discards=options.pop("discards", False),
            high_water_bytes=options.pop("high", HIGH),
            limit_bytes=options.pop("limit", LIMIT),
        )
        if begin:
            peer.channel.begin()
        yield peer


def never_yields(awaitable: Awaitable[None]) -> bool:
    """Whether awaiting it ends at once."""
    return next(awaitable.__await__(), "ended") == "ended"


async def test_the_head_leaves_with_the_first_piece_if_that_comes_at_once() -> None:
    """One system call, one packet."""
    async with channel() as peer:
        await peer.channel.write(b"abc")
        peer.channel.end()
    assert len(peer.sends) == 1
    assert peer.sends[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert peer.sends[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


async def test_nothing_leaves_before_the_first_write_if_it_was_not_begun() -> None:
    """While a 100 is owed."""
    async with channel(begin=False) as peer:
        await wait_all_tasks_blocked()
        assert peer.sends == []
        peer.channel.write(b"abc")
        await wait_all_tasks_blocked()
        assert len(peer.sends) == 1
        peer.channel.end()


async def test_an_end_without_a_beginning_is_an_empty_response() -> None:
    """A handler that writes nothing has answered all the same."""
    async with channel(begin=False) as peer:
        peer.channel.end()
        await peer.channel.wait_ended()
    assert b"".join(peer.sends).endswith(b"\r\n\r\n0\r\n\r\n")


async def test_what_waits_is_sent_as_one_piece() -> None:
    """Design: the writer takes everything that waits and sends it as one piece."""
    async with channel(is_open=False) as peer:
        await wait_all_tasks_blocked()
        for _ in range(4):
            peer.channel.write(b"ab")
        peer.open()
        await wait_all_tasks_blocked()
        peer.channel.end()
    assert [send.partition(b"\r\n\r\n")[2] or send for send in peer.sends[1:2]] == [b"8\r\nabababab\r\n"]


@pytest.mark.parametrize("at_once", [0, 1, 7, 8, 99, 20_000, 20_005, 20_007, 20_008, 50_000])
async def test_a_large_piece_may_leave_at_once_in_part_or_not_at_all(at_once: int) -> None:
    """However much of it the wire takes, the bytes are the same and in order."""
    pieces = [bytes([65 + number]) * 20_000 for number in range(20)]
    async with channel(high=1 << 20, limit=1 << 20) as peer:
        peer.at_once = at_once
        for piece in pieces:
            await wait_all_tasks_blocked()
            peer.channel.write(b"small")
            await wait_all_tasks_blocked()
            peer.channel.write(piece)
            peer.channel.write(b"tiny")
            peer.channel.write(piece)
        await wait_all_tasks_blocked()
        assert (peer.channel.size, peer.channel.sent) == (0, 20 * 40_009)
        peer.channel.end()
    raw = b"".join(peer.sends).partition(b"\r\n\r\n")[2]
    inbound = ChunkedInbound(100)
    inbound.feed(raw)
    assert inbound.take() == b"".join(b"small" + piece + b"tiny" + piece for piece in pieces)
    assert (inbound.complete, inbound.rest) == (True, b"")


async def test_what_leaves_at_once_gives_others_their_turn_as_well() -> None:
    """A client that takes everything at once must not keep all others from theirs: once in a MiB."""
    turns = 0
    async with channel(high=1 << 16, limit=1 << 20) as peer, trio.open_nursery() as nursery:
        peer.at_once = 1 << 20

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        await wait_all_tasks_blocked()
        nursery.start_soon(count)
        for _ in range(704):  # 11 MiB; each fifth write sends what has come together, 80 KiB
            await peer.channel.write(b"x" * 16_384)
        nursery.cancel_scope.cancel()
        peer.channel.end()
    assert turns >= 9


async def test_pieces_below_the_mark_leave_together_and_before_the_writer_has_its_turn() -> None:
    """Design: a system call for two pieces of 64 KiB costs little more than one for each."""
    piece = b"x" * 65_536
    async with channel(high=65_536, limit=1 << 20) as peer:
        await wait_all_tasks_blocked()
        peer.at_once = 1 << 20
        for _ in range(4):
            with assert_no_checkpoints():
                await peer.channel.write(piece)
        assert peer.sends[1:] == [b"20000\r\n" + piece + piece + b"\r\n"] * 2
        peer.channel.write(piece)
        await wait_all_tasks_blocked()  # what is left does not wait for more
        assert len(peer.sends) == 4
        peer.channel.end()


async def test_a_peer_that_breaks_off_as_a_piece_leaves_at_once_has_gone() -> None:
    """`write` raises ClientGone, and no foreign exception."""
    async with channel() as peer:
        await wait_all_tasks_blocked()
        peer.break_off()
        with pytest.raises(ClientGone):
            for _ in range(3):
                peer.channel.write(b"x" * 20_000)
                await trio.lowlevel.checkpoint()
        assert not peer.channel.open


@pytest.mark.parametrize(("size", "waits"), [(HIGH - 1, False), (HIGH, False), (HIGH + 1, True)])
async def test_an_awaited_write_waits_above_the_high_water_mark_only(size: int, waits: bool) -> None:
    """Table: `RESPONSE_HIGH_WATER`: waits above it; below, awaiting is no schedule point."""
    async with channel(is_open=False) as peer:
        written = peer.channel.write(b"x" * size)
        assert never_yields(written) is not waits
        peer.open()
        with trio.fail_after(1):
            await peer.channel.write(b"")
            await peer.channel.wait_for_room()
        peer.channel.end()


async def test_a_write_that_waited_goes_on_when_there_is_room() -> None:
    """Real back-pressure, and no more of it than that."""
    went_on: list[int] = []
    async with channel(is_open=False) as peer, trio.open_nursery() as nursery:

        async def write(number: int) -> None:
            await peer.channel.write(b"x" * 60)
            went_on.append(number)

        for number in range(4):
            nursery.start_soon(write, number)
        await wait_all_tasks_blocked()
        assert len(went_on) == 1  # of the four, whichever came first
        peer.open()
        await wait_all_tasks_blocked()
        assert sorted(went_on) == [0, 1, 2, 3]
        assert peer.channel.size == 0
        peer.channel.end()


async def test_many_tiny_awaited_writes_give_others_their_turn() -> None:
    """`CALLS_A_TURN`: an awaited write yields after so many calls, however small."""
    turns = 0
    async with channel() as peer, trio.open_nursery() as nursery:

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        nursery.start_soon(count)
        await trio.lowlevel.checkpoint()
        turns = 0
        for _ in range(5 * CALLS_A_TURN):
            await peer.channel.write(b"")
            await peer.channel.write(b"x" if turns < 100 else b"y")
        nursery.cancel_scope.cancel()
        peer.channel.end()
    assert turns >= 4


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
async def test_the_buffer_limit_is_counted_before_the_call(size: int) -> None:
    """Table: `RESPONSE_BUFFER_LIMIT`; one large piece passes."""
    async with channel(is_open=False) as peer:
        peer.channel.write(b"x" * size)
        if size > LIMIT:
            with pytest.raises(ResponseBufferFull, match=r"RESPONSE_BUFFER_LIMIT.*await response\.write\(\)"):
                peer.channel.write(b"y")
        else:
            peer.channel.write(b"y" * 10_000)
        peer.open()
        await peer.channel.wait_for_room()
        peer.channel.write(b"z")  # and there is room again
        peer.channel.end()


async def test_a_full_buffer_is_a_developer_s_error() -> None:
    """It is answered with 500."""
    assert ResponseBufferFull.status_code == 500
    assert not ResponseBufferFull.quiet


async def test_the_order_is_that_of_the_calls() -> None:
    """Tasks that write at once do not mix within a piece."""
    order: list[bytes] = []
    async with channel(length=9 * 30 * 7) as peer:

        async def write(letter: bytes) -> None:
            for _ in range(30):
                order.append(letter * 7)
                await peer.channel.write(letter * 7)

        async with trio.open_nursery() as nursery:
            for letter in b"abcdefghi":
                nursery.start_soon(write, bytes([letter]))
        peer.channel.end()
    assert b"".join(peer.sends).partition(b"\r\n\r\n")[2] == b"".join(order)


async def test_the_declared_length_is_what_can_be_written() -> None:
    """RFC 9110 §8.6; Sanic's wording."""
    async with channel(length=5) as peer:
        peer.channel.write(b"abc")
        assert peer.channel.missing == 2
        with pytest.raises(ServerError, match="bigger than content-length"):
            peer.channel.write(b"def")
        peer.channel.write(b"de")
        with pytest.raises(ServerError, match="bigger than content-length"):
            peer.channel.write(b"f")
        peer.channel.write(b"")
        assert peer.channel.missing == 0
        peer.channel.end()
    assert b"".join(peer.sends).endswith(b"\r\n\r\nabcde")


async def test_what_must_have_no_content_discards_it() -> None:
    """RFC 9110 §9.3.2: HEAD; a length is not missed there."""
    async with channel(discards=True, begin=False) as peer:
        for _ in range(1000):
            await peer.channel.write(b"x" * 100)
        assert (peer.channel.size, peer.channel.missing, peer.sends) == (0, 0, [])
        peer.channel.end()


async def test_discarded_data_must_be_data_all_the_same() -> None:
    """An error that GET shows must not hide behind HEAD."""
    async with channel(discards=True) as peer:
        with pytest.raises(TypeError):
            peer.channel.write(None)
        peer.channel.end()


async def test_nothing_can_be_written_after_the_end() -> None:
    """Sanic's wording."""
    async with channel(is_open=False) as peer:
        peer.channel.write(b"abc")
        peer.channel.end()
        assert not peer.channel.open
        for data in (b"x", b""):
            with pytest.raises(ServerError, match="Response stream was ended"):
                peer.channel.write(data)
        assert not peer.channel.ended  # what waits is still sent
        peer.open()
        await peer.channel.wait_ended()
        with pytest.raises(ServerError, match="Response stream was ended"):
            peer.channel.write(b"x")
        peer.channel.end()  # twice is once
    assert b"".join(peer.sends).count(b"0\r\n\r\n") == 1


async def test_everyone_is_woken_when_the_peer_breaks_off() -> None:
    """Whoever waits for room, or for the end, is told that the client has gone."""
    outcome: list[str] = []
    async with channel(is_open=False) as peer, trio.open_nursery() as nursery:

        async def expect(awaitable: Awaitable[None], name: str) -> None:
            with pytest.raises(ClientGone):
                await awaitable
            outcome.append(name)

        for number in range(3):
            nursery.start_soon(expect, peer.channel.write(b"x" * 101), f"write {number}")
        nursery.start_soon(expect, peer.channel.wait_for_room(), "room")
        nursery.start_soon(expect, peer.channel.wait_ended(), "end")
        await wait_all_tasks_blocked()
        assert outcome == []
        peer.break_off()
    assert len(outcome) == 5
    with pytest.raises(ClientGone):
        peer.channel.write(b"x")
    with pytest.raises(ClientGone):
        await peer.channel.wait_ended()


@pytest.mark.parametrize("when", ["idle", "before", "sending"])
async def test_giving_up_ends_the_writer(when: str) -> None:
    """`fail`: the stream is to be aborted; no end is sent that would make it look whole."""
    async with channel(is_open=when != "sending", begin=when != "before") as peer:
        await wait_all_tasks_blocked()
        if when == "sending":
            peer.channel.write(b"x")
        peer.channel.fail()
        peer.channel.fail()
        peer.open()
        assert not peer.channel.open
        with pytest.raises(ClientGone):
            peer.channel.write(b"x")
    assert b"0\r\n\r\n" not in b"".join(peer.sends)


async def test_giving_up_after_the_end_changes_nothing() -> None:
    """What has left, has left."""
    async with channel() as peer:
        peer.channel.end()
        await peer.channel.wait_ended()
        peer.channel.fail()
        assert peer.channel.ended


async def test_a_cancelled_wait_loses_nothing_that_was_written() -> None:
    """`write` takes the data at once; what is cancelled is only the waiting."""
    async with channel(is_open=False) as peer:
        with trio.move_on_after(1) as scope:
            await peer.channel.write(b"x" * 101)
        assert scope.cancelled_caught
        peer.open()
        await peer.channel.write(b"y")
        peer.channel.end()
    assert b"".join(peer.sends).count(b"x") == 101
    assert b"y\r\n" in b"".join(peer.sends)


async def test_a_cancelled_writer_leaves_nobody_waiting_for_ever() -> None:
    """The connection is cancelled: its tasks are, too."""
    async with channel(is_open=False) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.channel.wait_ended)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        peer.channel.fail()
        peer.open()


async def test_an_awaited_write_can_be_awaited_later_and_not_at_all() -> None:
    """Nobody is warned of a coroutine that was never awaited; and its answer is that of the moment."""
    async with channel(is_open=False) as peer:
        later = peer.channel.write(b"x" * 101)
        del later
        later = peer.channel.write(b"x")
        peer.open()
        await wait_all_tasks_blocked()
        await later
        peer.channel.end()


async def test_counting_what_has_left() -> None:
    """`size` is on its way, `sent` has left: content, without framing."""
    async with channel(is_open=False) as peer:
        peer.channel.write(b"x" * 30)
        peer.channel.write(b"x" * 12)
        assert (peer.channel.size, peer.channel.sent) == (42, 0)
        peer.open()
        await wait_all_tasks_blocked()
        assert (peer.channel.size, peer.channel.sent) == (0, 42)
        peer.channel.end()


async def test_a_write_below_the_mark_is_no_checkpoint() -> None:
    """Design: `await write()` pays no schedule point per call while the channel has room."""
    async with channel() as peer:
        with assert_no_checkpoints():
            await peer.channel.write(b"x")
            await peer.channel.write(b"")
        peer.channel.end()


ENCODED: list[tuple[object, bytes]] = [
    (b"a", b"a"),
    (bytearray(b"a"), b"a"),
    (memoryview(b"abc")[1:], b"bc"),
    (memoryview(b"abcd")[::2], b"ac"),
    ("é", "é".encode()),
    ("", b""),
    (7, b"7"),
    (-1, b"-1"),
    (1.5, b"1.5"),
    (True, b"True"),
]


@pytest.mark.parametrize(("data", "encoded"), ENCODED, ids=map(str, range(len(ENCODED))))
def test_what_can_be_written(data: object, encoded: bytes) -> None:
    """Design: str is encoded, numbers become text, bytes-like goes as it is."""
    assert encode(data) == encoded


@pytest.mark.parametrize("data", [None, [], {}, object(), Exception()], ids=lambda data: type(data).__name__)
def test_what_can_not_be_written(data: object) -> None:
    """Design: anything else is a TypeError."""
    with pytest.raises(TypeError, match="encode it first"):
        encode(data)


async def test_a_piece_that_can_not_be_encoded_changes_nothing() -> None:
    """An error before anything was taken."""
    async with channel() as peer:
        with pytest.raises(UnicodeEncodeError):
            peer.channel.write("\ud800")
        with pytest.raises(TypeError):
            peer.channel.write(None)
        peer.channel.write("ok")
        peer.channel.end()
    assert b"".join(peer.sends).endswith(b"2\r\nok\r\n0\r\n\r\n")
