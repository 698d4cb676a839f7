"""RFC 6455, rule by rule, where it concerns a server: bytes in, frames out."""

import struct

import pytest

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
    frame,
    receive_frame,
)
from triosanic import Request, Sanic, Websocket
from triosanic.testing import open_raw, running


@pytest.fixture
def echo(app: Sanic) -> Sanic:
    @app.websocket("/")
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


EURO = "€".encode()

ANSWERED = {
    "5.2 lengths of 7 bits": (frame(BINARY, b"a" * 125), [Frame(BINARY, b"a" * 125)]),
    "5.2 lengths of 16 bits": (frame(BINARY, b"a" * 126), [Frame(BINARY, b"a" * 126)]),
    "5.2 the longest of 16 bits": (frame(BINARY, b"a" * 65_535), [Frame(BINARY, b"a" * 65_535)]),
    "5.2 lengths of 64 bits": (frame(BINARY, b"a" * 65_536), [Frame(BINARY, b"a" * 65_536)]),
    "5.3 a mask of nothing": (frame(TEXT, b"abc", mask=bytes(4)), [Frame(TEXT, b"abc")]),
    "5.4 fragments": (
        frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c"),
        [Frame(TEXT, b"abc")],
    ),
    "5.4 empty fragments": (
        frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) + frame(0, b""),
        [Frame(BINARY, b"")],
    ),
    "5.4 control frames between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b"),
        [Frame(PONG, b"p"), Frame(TEXT, b"ab")],
    ),
    "5.5.2 a ping is answered by its own content": (frame(PING, b"x" * 125), [Frame(PONG, b"x" * 125)]),
    "5.5.3 a pong that nobody asked for": (frame(PONG, b"x") + frame(TEXT, b"a"), [Frame(TEXT, b"a")]),
    "5.6 a character over two fragments": (
        frame(TEXT, EURO[:2], fin=False) + frame(0, EURO[2:]),
        [Frame(TEXT, EURO)],
    ),
    "5.6 bytes need be no text": (frame(BINARY, b"\xff\xfe"), [Frame(BINARY, b"\xff\xfe")]),
    "8.1 text up to the last code point": (
        frame(TEXT, "\U0010ffff\ufffe\0".encode()),
        [Frame(TEXT, "\U0010ffff\ufffe\0".encode())],
    ),
}


@pytest.mark.parametrize(("sent", "answers"), ANSWERED.values(), ids=ANSWERED)
async def test_what_is_answered(echo: Sanic, sent: bytes, answers: list[Frame]) -> None:
    async with open_raw(echo) as connection:
        await connection.send(ask() + sent)
        await connection.head()
        for answer in answers:
            assert await receive_frame(connection) == answer
        await connection.send(closing(1000))
        assert await close_code(connection) == 1000


FAILED = {
    "5.1 a frame without a mask": (frame(TEXT, b"a", mask=None), 1002),
    "5.2 RSV1 without its extension": (frame(TEXT, b"a", rsv=4), 1002),
    "5.2 RSV2": (frame(TEXT, b"a", rsv=2), 1002),
    "5.2 RSV3": (frame(TEXT, b"a", rsv=1), 1002),
    "5.2 RSV1 of a control frame": (frame(PING, b"a", rsv=4), 1002),
    "5.2 an opcode that is none": (frame(3, b"a"), 1002),
    "5.2 a control opcode that is none": (frame(11, b"a"), 1002),
    "5.2 a length in more bits than it needs": (frame(TEXT, b"a", length=b"\x7e\0\1"), 1002),
    "5.2 the same with 64 bits": (frame(TEXT, b"a", length=b"\x7f" + struct.pack("!Q", 1)), 1002),
    "5.2 a length of 64 bits with the first set": (frame(TEXT, b"", length=b"\x7f" + b"\xff" * 8), 1002),
    "5.4 a continuation of nothing": (frame(0, b"a"), 1002),
    "5.4 a message within another": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "5.4 bytes within text": (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), 1002),
    "5.5 a control frame in fragments": (frame(PING, b"a", fin=False), 1002),
    "5.5 a control frame of 126 bytes": (frame(PING, b"a" * 126), 1002),
    "5.5.1 a Close of one byte": (frame(CLOSE, b"\3"), 1002),
    "5.5.1 a reason that is no text": (closing(1000, b"\xff"), 1007),
    "7.4.1 1004": (closing(1004), 1002),
    "7.4.1 1005": (closing(1005), 1002),
    "7.4.1 1006": (closing(1006), 1002),
    "7.4.1 1015": (closing(1015), 1002),
    "7.4.2 999": (closing(999), 1002),
    "7.4.2 1014": (closing(1014), 1002),
    "7.4.2 1016": (closing(1016), 1002),
    "7.4.2 2999": (closing(2999), 1002),
    "7.4.2 5000": (closing(5000), 1002),
    "8.1 text that is no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "8.1 an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "8.1 a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "8.1 beyond the last code point": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "8.1 a character that is cut short": (frame(TEXT, EURO[:2]), 1007),
    "8.1 the same in a fragment, at once": (frame(TEXT, b"\xce\xba\xf4\x90", fin=False), 1007),
}


@pytest.mark.parametrize(("sent", "code"), FAILED.values(), ids=FAILED)
async def test_what_fails_the_connection(echo: Sanic, sent: bytes, code: int) -> None:
    """RFC 6455 7.1.7: a Close says why, and nothing that comes behind is looked at; neighbours live on."""
    async with running(echo) as client, client.websocket("/") as neighbour, client.connect() as connection:
        await connection.send(ask() + frame(TEXT, b"first") + sent + frame(TEXT, b"behind"))
        await connection.head()
        assert await receive_frame(connection) == Frame(TEXT, b"first")
        found = await receive_frame(connection)
        assert (found.opcode, found.code) == (CLOSE, code)
        assert await connection.rest() == b""
        await neighbour.send("a")
        assert await neighbour.receive() == "a"


CLOSED = {
    "no code": (frame(CLOSE), 1005),
    "1000": (closing(1000), 1000),
    "with a reason": (closing(1001, b"x" * 123), 1001),
    "1003": (closing(1003), 1003),
    "1013": (closing(1013), 1013),
    "3000": (closing(3000), 3000),
    "4999": (closing(4999), 4999),
}


@pytest.mark.parametrize(("sent", "code"), CLOSED.values(), ids=CLOSED)
async def test_a_close_is_echoed_and_nothing_behind_it_counts(echo: Sanic, sent: bytes, code: int) -> None:
    """RFC 6455 5.5.1; 1005: a Close without a code is answered by one without."""
    async with open_raw(echo) as connection:
        await connection.send(ask() + sent + frame(TEXT, b"behind") + b"anything")
        await connection.head()
        assert await close_code(connection) == code


async def test_an_incomplete_frame_is_waited_for(echo: Sanic) -> None:
    """And the wait is the heartbeat's: there is no time that a message must be there in."""
    whole = frame(TEXT, b"hello")
    async with open_raw(echo) as connection:
        await connection.send(ask())
        await connection.head()
        for number in range(len(whole)):
            await connection.send(whole[number : number + 1])
        assert await receive_frame(connection) == Frame(TEXT, b"hello")
