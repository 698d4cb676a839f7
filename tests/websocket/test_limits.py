"""What a peer can make us keep and do is bounded, while it comes and not afterwards."""

import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.websocket.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    ask,
    close_code,
    closing,
    deflate,
    frame,
    receive_frame,
)
from triosanic import Request, Sanic, Websocket
from triosanic.testing import RawConnection, open_raw, running

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@pytest.fixture
def echo(app: Sanic) -> Sanic:
    app.config.WEBSOCKET_MAX_SIZE = 1000

    @app.websocket("/", compression=True)
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/large", compression=True, max_size=10_000_000)
    async def large(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(str(len(message)))

    return app


ALLOWED = {
    "as long as the limit": frame(BINARY, b"a" * 1000),
    "in fragments": frame(BINARY, b"a" * 500, fin=False) + frame(0, b"a" * 500),
    "compressed": frame(BINARY, deflate(b"a" * 1000), rsv=4),
    "stored": frame(BINARY, deflate(b"a" * 1000, level=0), rsv=4),
    "compressed in fragments": frame(BINARY, deflate(b"a" * 1000)[:3], rsv=4, fin=False)
    + frame(0, deflate(b"a" * 1000)[3:]),
    "a message after another": frame(BINARY, b"b" * 1000) + frame(BINARY, b"a" * 1000),
}


@pytest.mark.parametrize("sent", ALLOWED.values(), ids=ALLOWED)
async def test_a_message_of_the_limit_passes(echo: Sanic, sent: bytes) -> None:
    async with open_raw(echo) as connection:
        await connection.send(ask("/", OFFER) + sent + closing(1000))
        assert b"permessage-deflate; server_no_context_takeover; client_no" in await connection.head()
        last = found = await receive_frame(connection)
        while found.opcode != CLOSE:
            last, found = found, await receive_frame(connection)
        assert (last.opcode, found.code) == (BINARY, 1000)


FAILED = {
    "too long": (frame(BINARY, b"a" * 1001), 1009),
    "too long by its declared length": (frame(BINARY, b"", length=b"\x7e\x03\xe9"), 1009),
    "of 2**62 bytes": (frame(BINARY, b"", length=b"\x7f\x40" + bytes(7)), 1009),
    "too long in fragments": (frame(BINARY, b"a" * 500, fin=False) + frame(0, b"a" * 501), 1009),
    "too long in a fragment that has begun": (
        frame(BINARY, b"a" * 500, fin=False) + frame(0, b"", length=b"\x7e\x03\xe9"),
        1009,
    ),
    "too long, compressed": (frame(BINARY, deflate(b"a" * 1001), rsv=4), 1009),
    "no compressed data": (frame(BINARY, b"\xff\xff\xff", rsv=4), 1007),
    "compressed data of something else": (frame(TEXT, deflate(b"\xff"), rsv=4), 1007),
    "RSV1 in a continuation": (frame(BINARY, b"", rsv=4, fin=False) + frame(0, b"", rsv=4), 1002),
    "RSV1 of a ping": (frame(PING, b"", rsv=4), 1002),
    "RSV2 beside RSV1": (frame(TEXT, deflate(b"a"), rsv=6), 1002),
    "data behind a final block": (frame(BINARY, b"\x03\x00" + b"\x03\x00" * 10, rsv=4), 1007),
    "nothing but empty fragments": (
        frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) * 2000,
        1008,
    ),
    "nothing but fragments": (frame(TEXT, b"a", fin=False) + frame(0, b"a", fin=False) * 2000, (1008, 1009)),
}


@pytest.mark.parametrize(("sent", "codes"), FAILED.values(), ids=FAILED)
async def test_what_is_beyond_a_limit(echo: Sanic, sent: bytes, codes: int | tuple[int, ...]) -> None:
    """RFC 6455 7.4.1, RFC 7692 6: the code says which."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/", OFFER))
        await connection.head()
        await connection.send(sent)
        found = await receive_frame(connection)
        assert found.opcode == CLOSE
        assert found.code in (codes if isinstance(codes, tuple) else (codes,))
        assert await connection.rest() == b""


async def test_small_fragments_are_no_flood(echo: Sanic) -> None:
    """A long message in fragments of 16 bytes, and a short one in fragments of one."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/large"))
        await connection.head()
        rest = frame(0, b"a" * 16, fin=False) * 20_000 + frame(0, b"a")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send, frame(TEXT, b"", fin=False) + rest)
            assert await receive_frame(connection) == Frame(TEXT, b"320001")
        await connection.send(frame(TEXT, b"", fin=False) + frame(0, b"a", fin=False) * 900 + frame(0))
        assert await receive_frame(connection) == Frame(TEXT, b"900")


@pytest.mark.parametrize(("size", "code"), [(64_000, 1000), (2_000_000, 1009)], ids=["small", "bomb"])
async def test_a_bomb_is_stopped_by_its_ratio(echo: Sanic, size: int, code: int) -> None:
    """WEBSOCKET_MAX_RATIO: zeros compress by 1,000, what is said by 8 to 30; 64 KiB may be zeros."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/large", OFFER))
        await connection.head()
        await connection.send(frame(BINARY, deflate(bytes(size)), rsv=4) + closing(1000))
        assert await close_code(connection) == code


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", b""),
        ("permessage-deflate; server_max_window_bits=10", b"; server_max_window_bits=10"),
        ('permessage-deflate; server_max_window_bits="9"', b"; server_max_window_bits=9"),
        ("permessage-deflate; client_max_window_bits=8", b""),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", b""),
        ("x, permessage-deflate; nonsense, permessage-deflate", b""),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_max_window_bits=10; client_max_window_bits=10", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; x", None),
        ("permessage-deflate2", None),
        ("", None),
    ],
)
async def test_offers_of_compression(echo: Sanic, offer: str, answer: bytes | None) -> None:
    """RFC 7692 7.1: an offer that is not understood is declined, and another one may do."""
    async with open_raw(echo) as connection:
        await connection.send(ask("/", f"Sec-WebSocket-Extensions: {offer}"))
        head = await connection.head()
        assert head.startswith(b"HTTP/1.1 101")
        lines = [line for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-extensions")]
        if answer is None:
            assert lines == []
        else:
            assert lines[0].endswith(b"client_no_context_takeover" + answer)


async def test_what_is_sent_is_compressed_if_it_is_worth_it(app: Sanic) -> None:
    """RFC 7692 6: message by message; the window is the one that was agreed on."""
    text = "".join(chr(97 + n * n % 26) for n in range(4000))

    @app.websocket("/", compression=True)
    async def handler(request: Request, ws: Websocket) -> None:
        for message in ("a", text, text.encode()):
            await ws.send(message)

    async with running(app) as client:
        async with client.websocket("/", compression=True) as ws:
            assert ws.compressed
            assert [await ws.receive() for _ in range(3)] == ["a", text, text.encode()]
        async with client.connect() as connection:
            await connection.send(ask("/", "Sec-WebSocket-Extensions: permessage-deflate"))
            await connection.head()
            assert await receive_frame(connection) == Frame(TEXT, b"a")
            found = await receive_frame(connection)
            assert (found.rsv, len(found.payload) < 1000) == (4, True)


async def test_a_final_block_ends_a_compressed_message(echo: Sanic) -> None:
    """RFC 7692 7.2.3.4: with BFINAL, and a byte of nothing behind it; the next message is its own."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    final = compressor.compress(b"abc") + compressor.flush()
    async with open_raw(echo) as connection:
        await connection.send(ask("/", OFFER))
        await connection.head()
        for payload in (final, final + b"\0", deflate(b"abc")):
            await connection.send(frame(TEXT, payload, rsv=4))
            assert await receive_frame(connection) == Frame(TEXT, b"abc")


# Floods.

GROWTH = 2_000_000


async def _flood(connection: RawConnection, piece: bytes, times: int) -> None:
    """Send until it is not taken any more."""
    with trio.move_on_after(5):
        for _ in range(times):
            await connection.send(piece)


# What is sent, and how often: 1.2 MB of what is large, 200 KB of what is tiny.
FLOODS: dict[str, tuple[bytes, int]] = {
    "messages": (frame(TEXT, b"a" * 1000) * 60, 20),
    "tiny messages": (frame(TEXT, b"") * 10_000, 3),
    "pings": (frame(PING, b"p" * 125) * 500, 20),
    "empty pings": (frame(PING) * 10_000, 3),
    "pongs": (frame(PONG, b"p" * 125) * 500, 20),
    "one endless message of fragments": (frame(0, b"a" * 60_000, fin=False), 20),
    "one endless text of fragments": (frame(0, b"a" * 60_000, fin=False), 20),
    "empty fragments": (frame(0, b"", fin=False) * 10_000, 3),
}


@pytest.mark.parametrize("reads", [False, True], ids=["deaf client", "client that reads"])
@pytest.mark.parametrize("name", FLOODS)
async def test_floods_that_no_handler_reads(app: Sanic, name: str, reads: bool) -> None:
    """Memory grows by at most 2 MB, whatever comes, and a neighbour is served meanwhile."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await trio.sleep_forever()

    @app.websocket("/echo")
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with running(app) as client, client.websocket("/echo") as neighbour, client.connect() as connection:
        opcode = TEXT if "text" in name else BINARY
        await connection.send(ask() + (frame(opcode, b"", fin=False) if "fragment" in name else b""))
        await connection.head()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        async with trio.open_nursery() as nursery:
            if reads:
                nursery.start_soon(_swallow, connection)
            with suppress(trio.BrokenResourceError):
                await _flood(connection, *FLOODS[name])
            grown = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.stop()
            await neighbour.send("a")
            assert await neighbour.receive() == "a"
            nursery.cancel_scope.cancel()
        assert grown < GROWTH


async def _swallow(connection: RawConnection) -> None:
    try:
        while await connection.receive_some():
            pass
    except trio.BrokenResourceError:
        return


async def test_a_handler_that_does_not_read_stops_its_peer(app: Sanic) -> None:
    """One message waits, one read of the connection may; then the window is full."""
    began = trio.Event()

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await began.wait()
        async for _ in ws:
            pass

    async with open_raw(app) as connection:
        await connection.send(ask())
        sent = 0
        with trio.move_on_after(5):
            while True:
                await connection.send(frame(TEXT, b"a" * 1000))
                sent += 1
        assert sent < 150
        began.set()
        await wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            await connection.send(frame(TEXT, b"a"))
        assert not scope.cancelled_caught


@pytest.mark.parametrize("take", ["recv", "iterate", "burst", "stream"])
async def test_a_handler_that_always_has_something_lets_others_run(app: Sanic, take: str) -> None:
    """Awaiting what is there already yields now and then."""
    turns: list[int] = []

    async def received(ws: Websocket) -> None:
        way: dict[str, Callable[[], Awaitable[object]]] = {
            "recv": ws.recv,
            "iterate": aiter(ws).__anext__,
            "burst": lambda: ws.recv_burst(1),
            "stream": lambda: anext(ws.recv_streaming()),
        }
        for _ in range(1000):
            await way[take]()

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_count, turns)
            await received(ws)
            nursery.cancel_scope.cancel()

    async with open_raw(app) as connection:
        await connection.send(ask() + frame(TEXT, b"a") * 1000)
        assert await connection.head()
        assert (await receive_frame(connection)).code == 1000
    assert len(turns) > 10


async def _count(turns: list[int]) -> None:
    while True:
        turns.append(1)
        await trio.lowlevel.checkpoint()
