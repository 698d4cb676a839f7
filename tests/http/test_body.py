"""`request.stream`, on its own: a reader's side that puts pieces, and a handler's side that takes them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from tests.http.wires import run_in_virtual_time
from triosanic.exceptions import BadRequest, ClientGone, PayloadTooLarge, ServerError
from triosanic.http.body import RequestBody

Make = Callable[..., AbstractAsyncContextManager[RequestBody]]
TEXT = b"one\ntwo\r\n\nfour\r\r\n five"


@asynccontextmanager
async def coming(*pieces: bytes, error: Exception | None = None) -> AsyncIterator[RequestBody]:
    """Give a body whose pieces come one by one, and then its end or an error."""
    body, left = RequestBody(), list(pieces)

    def deliver() -> None:
        if left:
            body.put(left.pop(0))
        elif error is None:
            body.finish([("x", "y")])
        else:
            body.fail(error)

    async def begin() -> None:
        body.on_taken = deliver
        deliver()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(begin)
        yield body
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def here(*pieces: bytes) -> AsyncIterator[RequestBody]:
    """Give a body that lies whole in memory."""
    yield RequestBody(b"".join(pieces))


both = pytest.mark.parametrize("make", [coming, here])


@both
@pytest.mark.parametrize("name", ["read", "get", "receive_some"])
async def test_the_pieces_come_in_order_and_then_the_end_for_ever(make: Make, name: str) -> None:
    """Sanic: `None` after the end, and after that too; Trio: `b""`."""
    async with make(b"a", b"bc") as body:
        read = getattr(body, name)
        pieces = [await read() for _ in range(6)]
        end = b"" if name == "receive_some" else None
        assert b"".join(piece or b"" for piece in pieces) == b"abc"
        assert pieces[-3:] == [end] * 3


@both
async def test_an_iteration_ends_with_the_body(make: Make) -> None:
    """Sanic 25.12: `async for`."""
    async with make(b"a", b"bc") as body:
        assert b"".join([piece async for piece in body]) == b"abc"
        assert [piece async for piece in body] == []


@both
async def test_a_body_is_true_until_all_of_it_has_been_read(make: Make) -> None:
    """Sanic: `while request.stream`."""
    async with make(b"a") as body:
        assert body
        assert await body.read() == b"a"
        assert await body.read() is None
        assert not body
    assert not RequestBody(b"")


async def test_trailers_are_there_at_the_end_and_not_before() -> None:
    """RFC 9110 §6.5."""
    async with coming(b"a") as body:
        await body.read()
        await body.read()
        assert list(body.trailers) == [("x", "y")]
    assert list(RequestBody().trailers) == []


@both
async def test_receive_some_gives_no_more_than_was_asked_for_and_loses_nothing(make: Make) -> None:
    """Trio's `ReceiveStream`."""
    async with make(b"abcde", b"fgh") as body:
        got = []
        while piece := await body.receive_some(2):
            assert len(piece) <= 2
            got.append(piece)
        assert b"".join(got) == b"abcdefgh"


@pytest.mark.parametrize("max_bytes", [0, -1])
async def test_receive_some_asks_for_one_byte_at_least(max_bytes: int) -> None:
    """Trio's `ReceiveStream`."""
    with pytest.raises(ValueError, match="at least 1"):
        await RequestBody(b"x").receive_some(max_bytes)


@both
async def test_readexactly_takes_from_many_pieces_and_leaves_the_rest(make: Make) -> None:
    """asyncio's `StreamReader.readexactly`, which Sanic programs know."""
    async with make(b"abc", b"def", b"ghi") as body:
        assert await body.readexactly(2) == b"ab"
        assert await body.readexactly(5) == b"cdefg"
        assert await body.readexactly(2) == b"hi"
        assert await body.read() is None


@both
async def test_readexactly_of_nothing_takes_nothing(make: Make) -> None:
    """As above."""
    async with make(b"abc") as body:
        assert await body.readexactly(0) == b""
        assert await body.readexactly(1) == b"a"
        assert await body.readexactly(0) == b""
        assert await body.read() == b"bc"


@both
async def test_readexactly_beyond_the_end_is_a_bad_request(make: Make) -> None:
    """The client has promised more than it sent."""
    async with make(b"abc") as body:
        with pytest.raises(BadRequest, match="3 of 4"):
            await body.readexactly(4)


async def test_readexactly_of_less_than_nothing_is_an_error() -> None:
    """A developer's error."""
    with pytest.raises(ValueError, match="at least 0"):
        await RequestBody(b"").readexactly(-1)


@both
async def test_lines_come_without_their_ends(make: Make) -> None:
    """LF or CRLF ends a line; an empty one is one; the last may lack its end."""
    async with make(TEXT) as body:
        assert [line async for line in body.lines()] == [b"one", b"two", b"", b"four\r", b" five"]


@pytest.mark.parametrize("at", range(len(TEXT) + 1))
async def test_lines_do_not_depend_on_the_pieces(at: int) -> None:
    """A piece is where a read happened to end."""
    async with coming(*(piece for piece in (TEXT[:at], TEXT[at:]) if piece)) as body:
        assert [line async for line in body.lines()] == [b"one", b"two", b"", b"four\r", b" five"]


@pytest.mark.parametrize(("size", "passes"), [(9, True), (10, True), (11, False)])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nx"], ids=ascii)
@pytest.mark.parametrize("step", [1, 4, 100])
async def test_a_line_has_a_limit(size: int, passes: bool, end: bytes, step: int) -> None:
    """A line that never ends must not fill our memory."""
    data = b"a\n" + b"x" * size + end
    lines = []
    async with coming(*(data[at : at + step] for at in range(0, len(data), step))) as body:
        try:
            async for line in body.lines(10):
                lines.append(line)
        except PayloadTooLarge:
            assert not passes
            assert lines == [b"a"]
        else:
            assert passes
            assert lines[:2] == [b"a", b"x" * size]


async def test_what_follows_a_line_can_be_read_otherwise() -> None:
    """A protocol may have a line in front, and then bytes."""
    async with coming(b"one\ntwo\nrest") as body:
        lines = body.lines()
        assert [await anext(lines), await anext(lines)] == [b"one", b"two"]
        assert await body.read() == b"rest"


@both
async def test_read_all_takes_what_is_left(make: Make) -> None:
    """For a handler that wants it whole."""
    async with make(b"abc", b"def") as body:
        assert await body.receive_some(2) == b"ab"
        assert await body.read_all(100) == b"cdef"
        assert await body.read_all(100) == b""


@both
@pytest.mark.parametrize(("limit", "passes"), [(5, False), (6, True), (7, True)])
async def test_read_all_has_a_limit(make: Make, limit: int, passes: bool) -> None:
    """413 for what is longer; exactly the limit passes."""
    async with make(b"abc", b"def") as body:
        if passes:
            assert await body.read_all(limit) == b"abcdef"
        else:
            with pytest.raises(PayloadTooLarge):
                await body.read_all(limit)


@both
async def test_a_handler_can_set_the_limit_itself(make: Make) -> None:
    """Sanic: `request.stream.request_max_size`."""
    async with make(b"abc", b"def") as body:
        body.request_max_size = 5
        with pytest.raises(PayloadTooLarge):
            while await body.read():
                pass
        with pytest.raises(PayloadTooLarge):  # and it does not look whole the next time either
            await body.read()


@pytest.mark.parametrize("error", [ClientGone(), BadRequest()], ids=["gone", "bad"])
@pytest.mark.parametrize("name", ["read", "receive_some", "lines", "read_all", "readexactly"])
async def test_a_body_that_is_cut_short_raises_in_every_way_to_read_it(error: Exception, name: str) -> None:
    """Design: a body cut short never looks complete."""

    async def lines() -> None:
        async for _ in body.lines():
            pass

    async def until_empty() -> None:
        while await getattr(body, name)():
            pass

    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "lines": lines,
        "read_all": lambda: body.read_all(99),
        "readexactly": lambda: body.readexactly(9),
    }
    async with coming(b"abc", error=error) as body:
        for _ in range(2):
            with pytest.raises(type(error)):
                await ways.get(name, until_empty)()
        assert body


@pytest.mark.parametrize("name", ["read", "receive_some", "read_all", "readexactly", "lines"])
@both
async def test_a_body_can_not_be_read_after_its_request_has_ended(make: Make, name: str) -> None:
    """Design: after the request has ended: an error."""
    async with make(b"abc") as body:
        body.close()
        arguments = {"read_all": (99,), "readexactly": (1,)}
        with pytest.raises(ServerError, match="ended"):
            if name == "lines":
                _ = [line async for line in body.lines()]
            else:
                await getattr(body, name)(*arguments.get(name, ()))


async def test_who_waits_when_the_request_ends_is_woken() -> None:
    """As above: no task is left to wait for ever."""
    body = RequestBody()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_raises, body.read, ServerError)
        await wait_all_tasks_blocked()
        body.close()


async def test_who_waits_when_the_client_leaves_is_woken() -> None:
    """As above, with the error that says why."""
    body = RequestBody()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_raises, body.read, ClientGone)
        await wait_all_tasks_blocked()
        body.fail(ClientGone())


async def _raises(read: Callable[[], Awaitable[object]], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await read()


async def test_two_readers_at_once_are_an_error() -> None:
    """Design: whose piece it is would be chance."""
    body = RequestBody()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body.read)
        await wait_all_tasks_blocked()
        with pytest.raises(ServerError, match="another task"):
            await body.read()
        with pytest.raises(ServerError, match="another task"):
            await body.receive_some(1)
        nursery.cancel_scope.cancel()


async def test_readers_one_after_the_other_are_none() -> None:
    """As above."""
    async with coming(b"a", b"b", b"c") as body:
        for expected in (b"a", b"b", b"c", None):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expect, body, expected)


async def _expect(body: RequestBody, expected: bytes | None) -> None:
    assert await body.read() == expected


@pytest.mark.parametrize("name", ["read", "receive_some"])
async def test_a_cancelled_read_loses_no_byte(name: str) -> None:
    """Trio: `receive_some` can be cancelled and called again."""
    data = bytes(range(200))
    got = b""
    async with coming(*(data[at : at + 7] for at in range(0, 200, 7))) as body:
        for _ in range(300):
            with trio.CancelScope() as scope:
                scope.cancel()
                got += await getattr(body, name)(*([3] if name == "receive_some" else [])) or b""
            got += await body.receive_some(3)
    assert got == data


async def test_a_piece_waits_until_it_is_taken() -> None:
    """Design: one piece at a time: that is what stops the client."""
    body = RequestBody()
    taken: list[bool] = []
    body.on_taken = lambda: taken.append(body.waiting)
    assert not body.waiting
    body.put(b"abc")
    assert body.waiting
    assert await body.receive_some(2) == b"ab"
    assert body.waiting
    assert await body.receive_some(2) == b"c"
    assert not body.waiting
    assert taken == [False]


async def test_a_body_that_is_given_up_is_not_taken_for_one_that_goes_on() -> None:
    """A body above its limit has failed, on the reader's side too."""
    body = RequestBody()
    body.request_max_size = 1
    body.put(b"xx")
    with pytest.raises(PayloadTooLarge):
        await body.read()
    assert body.failed


@pytest.mark.parametrize("late", ["put", "finish"])
async def test_what_comes_after_the_close_changes_nothing(late: str) -> None:
    """The peer goes on sending while the answer leaves."""
    body = RequestBody()
    body.close()
    getattr(body, late)({"put": b"x", "finish": ()}[late])
    with pytest.raises(ServerError, match="ended"):
        await body.read()
    with pytest.raises(ServerError, match="ended"):
        await body.read_all(10)


async def test_closing_a_body_ends_reading_it() -> None:
    """Trio's `AsyncResource`: idempotent; reads after it raise."""
    for body in (RequestBody(b"abc"), RequestBody()):
        async with body:
            pass
        await body.aclose()
        with pytest.raises(ServerError, match="closed"):
            await body.read()


@pytest.mark.parametrize("name", ["readexactly", "lines"])
async def test_what_was_taken_for_something_that_was_not_completed_is_given_back(name: str) -> None:
    """Cancelled, `readexactly` and `lines` lose no byte either."""
    body = RequestBody()
    pieces = [b"ab", b"cd", b"ef"]
    body.on_taken = lambda: body.put(pieces.pop(0)) if pieces else None
    body.put(b"xy")
    for _ in range(3):
        with trio.move_on_after(1) as scope:
            await _reads(body, name)()
        assert scope.cancelled_caught
    assert await body.receive_some() == b"xyabcdef"


async def test_what_the_client_left_unfinished_can_be_looked_at() -> None:
    """`readexactly` beyond the end, or with a client that has gone: what there was of it is still there."""
    async with coming(b"abc", b"d") as body:
        with pytest.raises(BadRequest):
            await body.readexactly(5)
        assert await body.readexactly(4) == b"abcd"


@pytest.mark.parametrize("name", ["readexactly", "lines"])
async def test_nothing_is_given_back_to_a_body_whose_request_has_ended(name: str) -> None:
    """Design: after the request has ended: an error."""
    body = RequestBody()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_raises, _reads(body, name), ServerError)
        await wait_all_tasks_blocked()
        body.put(b"abc")
        await wait_all_tasks_blocked()
        body.close()
    with pytest.raises(ServerError):
        await body.read()


def _reads(body: RequestBody, name: str) -> Callable[[], Awaitable[object]]:
    lines = body.lines()
    return (lambda: body.readexactly(9)) if name == "readexactly" else (lambda: anext(lines))


@both
@pytest.mark.parametrize("name", ["read", "receive_some", "readexactly", "aclose"])
async def test_every_read_is_a_checkpoint(make: Make, name: str) -> None:
    """Trio's rule: an async function that may block always checkpoints."""
    async with make(b"ab") as body:
        with assert_checkpoints():
            await getattr(body, name)(*([1] if name == "readexactly" else []))


async def test_the_wait_for_the_peer_is_told_and_nothing_else() -> None:
    """The response's clock stops while it is the client that we wait for."""
    events: list[str] = []

    async def before_read() -> None:
        events.append("before")

    body = RequestBody()
    body.before_read = before_read
    body.watch(lambda: events.append("hold"), lambda: events.append("resume"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body.read)
        await wait_all_tasks_blocked()
        assert events == ["before", "hold"]
        body.put(b"x")
    assert events == ["before", "hold", "resume"]


@given(pieces=st.lists(st.binary(min_size=1, max_size=9), max_size=6), sizes=st.lists(st.integers(0, 12)))
def test_no_way_to_cut_a_body_changes_what_it_is(pieces: list[bytes], sizes: list[int]) -> None:
    """Any mix of `receive_some` and `readexactly` gives the bytes in order, each once."""

    async def check() -> None:
        whole = b"".join(pieces)
        got = b""
        async with coming(*pieces) as body:
            for size in sizes:
                if size % 2 or not size:
                    size = min(size, len(whole) - len(got))
                    got += await body.readexactly(size)
                else:
                    got += await body.receive_some(size)
                assert whole.startswith(got)
            got += await body.read_all(1000)
        assert got == whole

    run_in_virtual_time(check)


@given(pieces=st.lists(st.text(alphabet="ab\r\n", min_size=1, max_size=6), max_size=6))
def test_lines_are_those_of_the_whole_text(pieces: list[str]) -> None:
    """Split at each LF, with one CR before it dropped; nothing after the last LF is no line."""

    async def check() -> None:
        whole = "".join(pieces)
        lines = whole.split("\n")
        if not lines[-1]:
            lines.pop()
        async with coming(*(piece.encode() for piece in pieces)) as body:
            got = [line.decode() async for line in body.lines()]
        assert got == [line.removesuffix("\r") for line in lines]

    run_in_virtual_time(check)
