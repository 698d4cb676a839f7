"""The contract of wires, held to the same by sockets, TLS and memory."""

import gc
from collections.abc import Iterator

import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from tests.http.pairs import KINDS, Pair, pair_of
from triosanic.http.wire import WireBroken, show

REAL_TIME = True
BIG = bytes(range(256)) * 12_000

every = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True, scope="module")
def nothing_unclosed() -> Iterator[None]:
    """A ResourceWarning of what these tests leave is a failure."""
    yield
    gc.collect()


async def until_broken(pair: Pair, *, received: bytes = b"") -> bytes:
    """Receive until the wire breaks; give what came before."""
    with pytest.raises(WireBroken):
        while data := await pair.wire.receive(65_536):
            received += data
    return received


@every
async def test_what_is_sent_is_received_and_then_the_end_for_ever(kind: str, ca: trustme.CA) -> None:
    """`Wire.receive`: `b""` once the peer has ended its side."""
    async with pair_of(kind, ca) as pair:
        await pair.peer.send_all(b"hello")
        assert await pair.wire.receive(100) == b"hello"
        pair.nursery.start_soon(pair.peer.aclose)
        for _ in range(3):
            assert await pair.wire.receive(100) == b""


@every
@pytest.mark.parametrize("max_bytes", [1, 3, 65_536])
async def test_no_more_is_received_than_was_asked_for(kind: str, max_bytes: int, ca: trustme.CA) -> None:
    """`Wire.receive`: up to `max_bytes`."""
    async with pair_of(kind, ca) as pair:
        await pair.peer.send_all(BIG[:500])
        got = b""
        while len(got) < 500:
            data = await pair.wire.receive(max_bytes)
            assert 1 <= len(data) <= max_bytes
            got += data
        assert got == BIG[:500]


@every
async def test_a_cancelled_receive_loses_no_byte(kind: str, ca: trustme.CA) -> None:
    """`Wire.receive`: cancelling loses no byte."""
    got = b""
    async with pair_of(kind, ca) as pair:

        async def send() -> None:
            for at in range(0, 3000, 10):
                await pair.peer.send_all(BIG[at : at + 10])
                await trio.lowlevel.checkpoint()

        pair.nursery.start_soon(send)
        rounds = 0
        while len(got) < 3000:
            rounds += 1
            with trio.CancelScope() as scope:
                if rounds % 3:
                    scope.cancel()
                got += await pair.wire.receive(7)
    assert got == BIG[:3000]


@every
async def test_megabytes_go_both_ways_at_once(kind: str, ca: trustme.CA) -> None:
    """`Wire`: one task may receive while another sends."""
    got: dict[str, bytes] = {}
    async with pair_of(kind, ca) as pair, trio.open_nursery() as nursery:

        async def receive(name: str) -> None:
            parts = bytearray()
            while len(parts) < len(BIG):
                parts += await (pair.wire.receive(65_536) if name == "ours" else pair.peer.receive_some())
            got[name] = bytes(parts)

        nursery.start_soon(receive, "ours")
        nursery.start_soon(receive, "theirs")
        nursery.start_soon(pair.peer.send_all, BIG)
        nursery.start_soon(pair.send_all, BIG)
    assert got == {"ours": BIG, "theirs": BIG}


@every
async def test_a_send_tells_how_much_it_took(kind: str, ca: trustme.CA) -> None:
    """`Wire.send_some`: waits until the wire takes some; `send_nowait`: may take nothing."""
    async with pair_of(kind, ca) as pair:
        pair.nursery.start_soon(pair.drain)
        for size in (1, 1000, 65_536, 1_000_000):
            assert 0 <= pair.wire.send_nowait([BIG[:size]]) <= size
            with memoryview(BIG[:size]) as view:
                assert 1 <= await pair.wire.send_some(view) <= size


@every
async def test_parts_are_sent_in_order_as_far_as_they_go(kind: str, ca: trustme.CA) -> None:
    """`Wire.send_nowait`: of all the parts together."""
    parts = [b"head", *[b"x" * size for size in (1, 10, 100_000, 0, 3_000_000)], *[b"y"] * 2000]
    whole = b"".join(parts)
    async with pair_of(kind, ca) as pair:
        sent = pair.wire.send_nowait(parts)
        assert 0 <= sent <= len(whole)
        pair.nursery.start_soon(pair.send_all, whole[sent:])
        got = b""
        while len(got) < len(whole):
            got += await pair.peer.receive_some()
    assert got == whole


@every
async def test_who_does_not_read_stops_who_sends(kind: str, ca: trustme.CA) -> None:
    """Back-pressure: no wire holds what its peer does not take."""
    async with pair_of(kind, ca) as pair:
        with trio.move_on_after(0.3) as scope:
            for _ in range(100):
                await pair.send_all(BIG)
        assert scope.cancelled_caught


@every
async def test_ending_our_side_leaves_the_other_open(kind: str, ca: trustme.CA) -> None:
    """`Wire.send_eof`: half-close, as far as the wire can."""
    async with pair_of(kind, ca) as pair:
        await pair.send_all(b"last")
        await pair.wire.send_eof()
        if pair.half_closes:
            assert await pair.peer_receives_all() == b"last"
        await pair.peer.send_all(b"more")
        assert await pair.wire.receive(100) == b"more"


@every
async def test_a_close_is_a_regular_end(kind: str, ca: trustme.CA) -> None:
    """`Wire.aclose`: everything that was sent arrives, and then the end."""
    got: list[bytes] = []
    async with pair_of(kind, ca) as pair:

        async def receive() -> None:
            got.append(await pair.peer_receives_all())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await pair.send_all(BIG)
            await pair.wire.aclose()
    assert got == [BIG]


@every
async def test_an_abort_is_no_regular_end(kind: str, ca: trustme.CA) -> None:
    """`Wire.abort`: TCP's reset; TLS without its last word; on Unix sockets nothing can tell."""
    async with pair_of(kind, ca) as pair:
        await pair.send_all(b"half")
        pair.wire.abort()
        pair.nursery.start_soon(pair.wire.aclose)
        if pair.resets:
            with pytest.raises(trio.BrokenResourceError):
                await pair.peer_receives_all()
        else:
            assert await pair.peer_receives_all() == b"half"


@every
@pytest.mark.parametrize("how", ["abort", "aclose", "both"])
async def test_nothing_goes_through_a_closed_wire(kind: str, how: str, ca: trustme.CA) -> None:
    """`WireBroken`: the wire was closed beneath a call; nothing else is raised, however often."""
    async with pair_of(kind, ca) as pair:
        if how != "aclose":
            pair.wire.abort()
        if how != "abort":
            await pair.wire.aclose()
        for _ in range(3):
            with memoryview(b"x") as view, pytest.raises(WireBroken):
                await pair.wire.send_some(view)
            with pytest.raises(WireBroken):
                pair.wire.send_nowait([b"x"])
                await pair.wire.send_some(memoryview(b"x"))
            if pair.half_closes:
                with pytest.raises(WireBroken):
                    await pair.wire.send_eof()
            if kind not in {"tls", "memory"} or how != "abort":
                with pytest.raises(WireBroken):
                    await pair.wire.receive(1)
        pair.wire.abort()
        await pair.wire.aclose()
        await pair.wire.aclose()


@every
async def test_an_abort_wakes_who_waits_to_send(kind: str, ca: trustme.CA) -> None:
    """`Wire.abort`: the write that takes too long is the reason for most of them."""
    async with pair_of(kind, ca) as pair:

        async def flood() -> None:
            with pytest.raises(WireBroken):
                while True:
                    await pair.send_all(BIG)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(0.1)
            pair.wire.abort()


@every
async def test_a_close_wakes_who_waits_to_receive(kind: str, ca: trustme.CA) -> None:
    """`Wire.aclose`: nobody is left to wait for ever."""
    async with pair_of(kind, ca) as pair:

        async def receive() -> None:
            with pytest.raises(WireBroken):
                await pair.wire.receive(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            await pair.wire.aclose()


@every
async def test_a_peer_that_resets_breaks_the_wire(kind: str, ca: trustme.CA) -> None:
    """`WireBroken`: foreign exceptions end here."""
    async with pair_of(kind, ca) as pair:
        pair.reset_peer()
        if pair.resets:
            await until_broken(pair)
        with pytest.raises(WireBroken):
            for _ in range(100):
                await pair.send_all(b"x" * 1000)
                await trio.sleep(0.001)


@every
async def test_a_peer_that_vanishes_in_the_midst_of_a_send_breaks_the_wire(kind: str, ca: trustme.CA) -> None:
    """As above, for who waits."""
    async with pair_of(kind, ca) as pair:

        async def flood() -> None:
            with pytest.raises(WireBroken):
                while True:
                    await pair.send_all(BIG)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(0.1)
            pair.reset_peer()


class Sink:
    """Takes what a wire delivers, `wants` at a time."""

    def __init__(self) -> None:
        self.wants = 65_536
        self.data = bytearray()
        self.ends: list[bool] = []
        self.ended = trio.Event()
        self.sizes: set[bool] = set()

    def on_data(self, data: bytes) -> None:
        self.sizes.add(0 < len(data) <= self.wants)
        self.data += data

    def on_end(self, *, broken: bool) -> None:
        self.ends.append(broken)
        self.ended.set()


@every
@pytest.mark.parametrize("wants", [1, 1000, 65_536])
async def test_a_sink_gets_everything_in_order_and_then_the_end_once(
    kind: str, wants: int, ca: trustme.CA
) -> None:
    """`Wire.deliver`: whenever the sink wants something, until the peer's end."""
    data = BIG[: wants * 1000]
    async with pair_of(kind, ca) as pair:
        sink = Sink()
        sink.wants = wants
        pair.wire.deliver(sink, pair.nursery)
        await pair.peer.send_all(data)
        pair.nursery.start_soon(pair.peer.aclose)
        await sink.ended.wait()
        await trio.sleep(0.01)
    assert (bytes(sink.data) == data, sink.ends, sink.sizes) == (True, [False], {True})


@every
async def test_a_sink_that_wants_nothing_stops_its_peer_until_it_resumes(kind: str, ca: trustme.CA) -> None:
    """`Wire.resume`: see again what the sink wants."""
    async with pair_of(kind, ca) as pair:
        sink = Sink()
        sink.wants = 0
        pair.wire.deliver(sink, pair.nursery)
        sent = trio.Event()

        async def send() -> None:
            await pair.peer.send_all(BIG * 10)
            sent.set()

        pair.nursery.start_soon(send)
        await trio.sleep(0.1)
        assert (len(sink.data), sent.is_set()) == (0, False)
        pair.wire.resume()  # and it still wants nothing
        await trio.sleep(0.01)
        assert len(sink.data) == 0
        sink.wants = 65_536
        pair.wire.resume()
        await sent.wait()
        pair.nursery.start_soon(pair.peer.aclose)
        await sink.ended.wait()
    assert bytes(sink.data) == BIG * 10


@every
async def test_a_sink_may_stop_and_resume_as_it_takes(kind: str, ca: trustme.CA) -> None:
    """`Wire.resume`: also from within `on_data`, and by a task a little later."""

    class Hesitant(Sink):
        def on_data(self, data: bytes) -> None:
            super().on_data(data)
            self.wants = 0
            if len(self.data) % 2:
                self.go_on()

        def go_on(self) -> None:
            self.wants = 1001
            pair.wire.resume()

    async with pair_of(kind, ca) as pair:
        sink = Hesitant()
        pair.wire.deliver(sink, pair.nursery)
        pair.nursery.start_soon(pair.peer.send_all, BIG[:500_000])
        while len(sink.data) < 500_000:
            await trio.lowlevel.checkpoint()
            if not sink.wants:
                sink.go_on()
        pair.nursery.start_soon(pair.peer.aclose)
        sink.go_on()
        await sink.ended.wait()
    assert (bytes(sink.data) == BIG[:500_000], sink.ends) == (True, [False])


@every
async def test_a_sink_is_told_of_a_reset(kind: str, ca: trustme.CA) -> None:
    """`Sink.on_end`: broken, where the wire can tell."""
    async with pair_of(kind, ca) as pair:
        sink = Sink()
        pair.wire.deliver(sink, pair.nursery)
        await trio.sleep(0.01)
        pair.reset_peer()
        await sink.ended.wait()
        await trio.sleep(0.01)
    assert sink.ends == [pair.resets]


@pytest.mark.skipif("polled" not in KINDS, reason="a task that reads hears of a reset once it reads")
async def test_a_sink_that_wants_nothing_is_told_of_a_reset_and_gets_no_data(ca: trustme.CA) -> None:
    """RFC 9293 3.5.2: a reset flushes what has not been read; the system may hold megabytes of it."""
    async with pair_of("polled", ca) as pair:
        sink = Sink()
        sink.wants = 0
        pair.wire.deliver(sink, pair.nursery)
        await pair.peer.send_all(BIG[:100_000])
        pair.reset_peer()
        await sink.ended.wait()
    assert (len(sink.data), sink.ends) == (0, [True])


@every
@pytest.mark.parametrize("how", ["abort", "aclose"])
async def test_a_sink_hears_no_data_after_the_close(kind: str, how: str, ca: trustme.CA) -> None:
    """`Wire.deliver`: until `aclose`."""
    async with pair_of(kind, ca) as pair:
        sink = Sink()
        pair.wire.deliver(sink, pair.nursery)
        await pair.peer.send_all(b"a")
        await trio.sleep(0.01)
        if how == "abort":
            pair.wire.abort()
        await pair.wire.aclose()
        pair.wire.resume()
        try:
            await pair.peer.send_all(b"b")
            await trio.sleep(0.01)
        except trio.BrokenResourceError:
            pass
        assert bytes(sink.data) == b"a"


def test_addresses_are_shown_as_in_urls() -> None:
    """`show`: brackets around IPv6."""
    assert show(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert show(("::1", 80, 0, 0)) == "[::1]:80"
    assert show("/run/x.sock") == "/run/x.sock"
