"""Date, in every response of the server."""

import locale
import re
from collections.abc import Iterator
from contextvars import Context
from email.utils import parsedate_to_datetime
from functools import partial
from time import time

import pytest
import trio

from tests.http.wires import GET, App, Client, alone, get, post, serving
from triosanic import Request
from triosanic.http import reply
from triosanic.http.limits import Limits
from triosanic.http.reply import date_line, render
from triosanic.http.wire import StreamWire, Wire
from triosanic.response import HTTPResponse, StreamingHTTPResponse, raw, text
from triosanic.server.serve import Server
from triosanic.testing import memory_pair

IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
BIRTHDAY = 784_111_777  # RFC 9110 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT


def dates_in(data: bytes) -> list[str]:
    """Give the values of all fields of that name, whatever its case."""
    return [line[6:] for line in data.decode().split("\r\n") if line.lower().startswith("date: ")]


async def said(client: Client, data: bytes) -> bytes:
    await client.send(data)
    return await client.at_once()


async def streamed(request: Request) -> HTTPResponse | None:
    response = await request.respond(headers={"dAtE": "mine"} if request.args else None)
    await response.send("x")
    return None


async def complete(request: Request) -> HTTPResponse:
    return text("x", headers={"dAtE": "mine"} if request.args else None)


@pytest.mark.parametrize("handler", [complete, streamed])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_response_says_when_it_was_made(handler: object, method: str) -> None:
    """RFC 9110 6.6.1, and 5.6.7 for its form; by the clock on the wall, which here is not Trio's."""
    assert callable(handler)
    async with alone(serving(handler)) as client:
        await trio.sleep(20)
        before = int(time())
        [date] = dates_in(await said(client, get(method=method)))
        assert IMF_FIXDATE.fullmatch(date)
        assert before <= parsedate_to_datetime(date).timestamp() <= time()


@pytest.mark.parametrize("handler", [complete, streamed])
async def test_a_program_may_set_it_itself(handler: object) -> None:
    """Then there is no other, whatever its case."""
    assert callable(handler)
    async with alone(serving(handler)) as client:
        assert dates_in(await said(client, get("/?own=1"))) == ["mine"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        get("/no"),
        get(method="PATCH"),
        get("*", method="OPTIONS"),
        get(version="1.0"),
    ],
    ids=["refused", "404", "405", "server", "1.0"],
)
async def test_what_reaches_no_handler_has_it_too(data: bytes) -> None:
    """RFC 9110 6.6.1: 2xx, 3xx, 4xx."""
    async with alone(serving(complete)) as client:
        assert len(dates_in(await said(client, data))) == 1


@pytest.mark.parametrize("status", [204, 304, 500])
async def test_responses_without_content_have_it(status: int) -> None:
    """RFC 9110 15.4.5 asks for it in 304."""
    async with alone(serving(lambda request: raw(b"", status))) as client:
        assert len(dates_in(await said(client, GET))) == 1


async def test_100_continue_has_none() -> None:
    """RFC 9110 6.6.1 leaves it open, and nobody would read it."""

    async def read(request: Request) -> HTTPResponse:
        return text(str(len(request.body)))

    async with alone(serving(read)) as client:
        head, body = post(b"abc", "/", "Expect: 100-continue").split(b"\r\n\r\n", 1)
        assert await said(client, head + b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert len(dates_in(await said(client, body))) == 1


async def test_a_stream_of_the_seed_s_era_has_it() -> None:
    """The head is made as it leaves."""

    async def write(response: StreamingHTTPResponse) -> None:
        await response.write("x")

    async with alone(serving(lambda request: StreamingHTTPResponse(write))) as client:
        assert len(dates_in(await said(client, GET))) == 1


async def test_the_503_at_the_door_has_it() -> None:
    """``MAX_CONNECTIONS``."""
    server = Server(App(), Limits(), Context(), max_connections=0)
    send, receive = trio.open_memory_channel[Wire](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.take, receive, nursery)
        ours, theirs = memory_pair()
        await send.send(StreamWire(ours))
        data = b"".join([bytes(piece) async for piece in theirs])
        nursery.cancel_scope.cancel()
    assert data.startswith(b"HTTP/1.1 503 ")
    assert len(dates_in(data)) == 1


# On its own.


def rendered(*fields: tuple[str, str]) -> list[str]:
    return dates_in(render(200, fields, b"", content_type=None, keep_alive=True, head_only=False))


def test_a_clock_that_is_set_back_or_forth_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second is remembered for longer than it lasts."""
    told = []
    for at in (BIRTHDAY, BIRTHDAY + 0.999, BIRTHDAY + 1, 0.5, BIRTHDAY + 1.5):
        monkeypatch.setattr(reply, "time", partial(float, at))
        told += rendered()
    first, second = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"
    assert told == [first, first, second, "Thu, 01 Jan 1970 00:00:00 GMT", second]


def test_a_value_that_looks_like_the_field_is_not_taken_for_it() -> None:
    """Nor a name that ends, or begins, like it."""
    for field in (("x", "date: 1"), ("x-date", "1"), ("date-x", "1"), ("x", "a date:")):
        assert len(rendered(field)) == 1
    assert rendered(("DATE", "mine"), ("x", "y")) == ["mine"]


@pytest.fixture
def foreign() -> Iterator[None]:
    """A locale whose days and months have other names, if the system has one."""
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        break
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.usefixtures("foreign")
def test_it_is_english_whatever_the_locale() -> None:
    """RFC 9110 5.6.7; every day and every month of a year."""
    date_line.cache_clear()
    lines = [date_line(BIRTHDAY + day * 86_400) for day in range(366)]
    assert all(IMF_FIXDATE.fullmatch(line[6:-2]) for line in lines)
    assert len({line[6:9] for line in lines}) == 7
    assert len({line[14:17] for line in lines}) == 12
