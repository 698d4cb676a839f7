"""However a peer's bytes are cut, the conversation is the same."""

import zlib
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.websocket.frames import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Frame,
    ask,
    closing,
    deflate,
    frame,
    receive_frame,
)
from triosanic import Request, Sanic, Websocket
from triosanic.testing import RawConnection, open_raw

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
REQUEST = ask("/", OFFER)
SAID = (
    frame(TEXT, b"abc")
    + frame(TEXT, "a€".encode()[:2], fin=False)
    + frame(PING, b"p")
    + frame(0, "a€".encode()[2:])
    + frame(BINARY, deflate(b"a" * 300), rsv=4)
    + frame(TEXT, deflate(b"b" * 300)[:4], rsv=4, fin=False)
    + frame(0, b"", fin=False)
    + frame(0, deflate(b"b" * 300)[4:])
    + frame(BINARY, b"c" * 200)
)
ANSWERS = [
    Frame(TEXT, b"abc"),
    Frame(TEXT, "a€".encode()),
    Frame(BINARY, b"a" * 300),
    Frame(TEXT, b"b" * 300),
    Frame(BINARY, b"c" * 200),
]
ENDS = {
    "closed": (closing(4000, b"bye"), 4000),
    "without a mask": (frame(TEXT, b"x", mask=None), 1002),
    "RSV1 of a continuation": (frame(0, b"", rsv=4), 1002),
    "no text": (frame(TEXT, b"\xff"), 1007),
    "too long": (frame(BINARY, b"", length=b"\x7f" + bytes(4) + b"\x10" + bytes(3)), 1009),
}


@pytest.fixture(autouse=True, scope="module")
def no_registry() -> Iterator[None]:
    """Each run makes its own app of the same name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sanic, "test_mode", True)
        yield


def _app() -> Sanic:
    app = Sanic("splits")

    @app.websocket("/", compression=True)
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


async def _talk(app: Sanic, data: bytes, cuts: list[int], code: int) -> None:
    async with open_raw(app) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(_send, connection, data, cuts)
        await connection.head()
        got: list[Frame] = []
        while (found := await receive_frame(connection)).opcode != CLOSE:
            got.append(found)
        assert found.code == code
        pongs = [one for one in got if one.opcode == 10]
        assert pongs == [Frame(10, b"p")]
        assert [_plain(one) for one in got if one.opcode != 10] == ANSWERS
        assert await connection.rest() == b""
        nursery.cancel_scope.cancel()


def _plain(found: Frame) -> Frame:
    """Give a frame as if it had not been compressed."""
    if not found.rsv:
        return found
    inflater = zlib.decompressobj(-15)
    return Frame(found.opcode, inflater.decompress(found.payload + b"\0\0\xff\xff"))


async def _send(connection: RawConnection, data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    for begin, end in pairwise(places):
        await connection.send(data[begin:end])
        await trio.sleep(0.001)


def _play(data: bytes, cuts: list[int], code: int) -> None:
    trio.run(partial(_talk, _app(), data, cuts, code), clock=MockClock(autojump_threshold=0))


@settings(max_examples=60)
@given(end=st.sampled_from(sorted(ENDS)), cuts=st.lists(st.integers(0, 10_000), max_size=40))
def test_any_split(end: str, cuts: list[int]) -> None:
    data, code = ENDS[end]
    _play(REQUEST + SAID + data, cuts, code)


def test_byte_by_byte() -> None:
    for data, code in ENDS.values():
        whole = REQUEST + SAID + data
        _play(whole, list(range(len(whole))), code)
