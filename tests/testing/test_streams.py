"""Memory streams behave as Trio asks of streams, and as TCP where a peer can tell."""

import pytest
import trio
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from triosanic.testing import MemoryStream, memory_pair

Pair = tuple[MemoryStream, MemoryStream]


async def clogged_pair() -> Pair:
    pair = memory_pair(1000)
    for stream in pair:
        await stream.send_all(bytes(1000))
    return pair


@pytest.mark.parametrize("max_bytes", [100, 65_536])
async def test_they_are_half_closeable_streams(max_bytes: int) -> None:
    async def make() -> Pair:
        return memory_pair(max_bytes)

    await check_half_closeable_stream(make, clogged_pair)


async def test_a_sender_waits_while_its_peer_does_not_receive() -> None:
    ours, theirs = memory_pair(10)
    with trio.move_on_after(0.01) as scope:
        await ours.send_all(b"0123456789abcdef")
    assert scope.cancelled_caught
    assert await theirs.receive_some() == b"0123456789"


async def test_what_is_sent_at_once_is_what_there_is_room_for() -> None:
    ours, theirs = memory_pair(10)
    assert ours.send_nowait([b"0123", memoryview(b"456789abcdef"), b"x"]) == 10
    assert ours.send_nowait([b"y"]) == 0
    assert await theirs.receive_some() == b"0123456789"


async def test_sending_at_once_refuses_as_sending_does() -> None:
    ours, theirs = await clogged_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, b"x")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            ours.send_nowait([b"y"])
        nursery.cancel_scope.cancel()
    theirs.abort()
    with pytest.raises(trio.BrokenResourceError):
        ours.send_nowait([b"y"])
    ours.abort()
    with pytest.raises(trio.ClosedResourceError):
        ours.send_nowait([b"y"])


async def test_one_direction_does_not_wait_for_the_other() -> None:
    ours, theirs = await clogged_pair()
    assert await theirs.receive_some() == bytes(1000)
    await ours.send_all(b"x")
    assert await theirs.receive_some() == b"x"


async def test_cancelled_receive_loses_no_byte() -> None:
    ours, theirs = memory_pair()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(theirs.receive_some)
            await wait_all_tasks_blocked()
            await ours.send_all(b"x")
            scope.cancel()
    with trio.fail_after(1):
        # The receiver may have had its turn before it was cancelled; then the next byte is for us.
        await ours.send_all(b"y")
        assert (await theirs.receive_some()).endswith(b"y")


async def test_receive_that_is_cancelled_at_once_takes_nothing() -> None:
    ours, theirs = memory_pair()
    await ours.send_all(b"x")
    with trio.CancelScope() as scope:
        scope.cancel()
        await theirs.receive_some()
    assert await theirs.receive_some() == b"x"


async def test_send_that_is_cancelled_at_once_sends_nothing() -> None:
    ours, theirs = memory_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await ours.send_all(b"x")
    await ours.send_all(b"y")
    assert await theirs.receive_some() == b"y"


async def test_a_stream_works_on_after_each_call_was_cancelled() -> None:
    ours, theirs = await clogged_pair()
    for call in (ours.wait_send_all_might_not_block, ours.send_eof):
        with trio.CancelScope() as scope:
            scope.cancel()
            await call()
    await theirs.receive_some()
    with trio.fail_after(1):
        await ours.send_all(b"x")


async def test_close_lets_the_peer_receive_what_is_under_way() -> None:
    ours, theirs = memory_pair()
    await ours.send_all(b"x")
    await ours.aclose()
    assert await theirs.receive_some() == b"x"
    assert await theirs.receive_some() == b""


async def test_reset_is_no_end() -> None:
    """RFC 9293 §3.10.7.4: a reset is reported as an error, and not as the end of the stream."""
    ours, theirs = memory_pair()
    await ours.send_all(b"x")
    ours.abort()
    assert await theirs.receive_some() == b"x"
    with pytest.raises(trio.BrokenResourceError):
        await theirs.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await theirs.send_all(b"y")


async def test_forceful_close_is_a_reset() -> None:
    """`trio.aclose_forcefully` is what a wire's abort comes to."""
    ours, theirs = memory_pair()
    await trio.aclose_forcefully(ours)
    with pytest.raises(trio.BrokenResourceError):
        await theirs.receive_some()


async def test_reset_after_close_changes_nothing() -> None:
    ours, theirs = memory_pair()
    await ours.aclose()
    ours.abort()
    assert await theirs.receive_some() == b""


@pytest.mark.parametrize("how", ["abort", "aclose"])
async def test_peers_close_wakes_a_sender(how: str, nursery: trio.Nursery) -> None:
    ours, theirs = await clogged_pair()

    async def close() -> None:
        await wait_all_tasks_blocked()
        if how == "abort":
            theirs.abort()
        else:
            await theirs.aclose()

    nursery.start_soon(close)
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_all(b"x")


async def test_readable_tells_whether_receiving_would_wait() -> None:
    ours, theirs = memory_pair()
    assert not theirs.readable
    await ours.send_all(b"x")
    assert theirs.readable
    await theirs.receive_some()
    assert not theirs.readable
    await ours.aclose()
    assert theirs.readable


def test_a_pipe_takes_at_least_one_byte() -> None:
    with pytest.raises(ValueError, match="max_bytes must be at least 1, not 0"):
        memory_pair(0)
