"""Requests one after the other on one connection: which are answered, in what order, and when it closes."""

import re
from contextvars import Context, ContextVar
from functools import partial

import pytest
import trio

from tests.http.wires import GET, TEXT, App, alone, chunked, connect, forever, get, post, reply, serving
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import HTTPResponse, empty, text


async def echo(request: Request) -> HTTPResponse:
    return HTTPResponse(request.body or request.path.encode(), content_type="text/plain")


async def test_a_connection_serves_one_request_after_another() -> None:
    """RFC 9112 §9.3: HTTP/1.1 connections persist."""
    async with alone(serving(echo)) as client:
        for number in range(3):
            answer = await client.ask(post(b"%d" % number))
            assert (answer.status, answer.body, answer.keeps_alive) == (200, b"%d" % number, True)


async def test_pipelined_requests_are_answered_in_order() -> None:
    """RFC 9112 §9.3.2; CVE-2023-46137."""

    async def slow_first(exchange: Exchange) -> None:
        await trio.sleep(5 if exchange.head.target == "/0" else 0)
        await reply(exchange, exchange.head.target.encode())

    async with alone(App(slow_first)) as client:
        await client.send(b"".join(get(f"/{number}") for number in range(20)))
        assert [(await client.answer()).body for _ in range(20)] == [b"/%d" % n for n in range(20)]


async def test_pipelined_bodies_do_not_mix() -> None:
    """RFC 9112 §9.3.2: a body ends where its framing says, whatever comes after it at once."""
    async with alone(serving(echo)) as client:
        await client.send(post(b"one") + chunked(b"tw", b"o") + get("/") + post(b"four"))
        assert [(await client.answer()).body for _ in range(4)] == [b"one", b"two", b"/", b"four"]


async def test_two_pipelined_requests_are_never_handled_at_once() -> None:
    """RFC 9112 §9.3.2: one at a time."""
    running = peak = 0

    async def count(exchange: Exchange) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await trio.sleep(1)
        running -= 1
        await reply(exchange)

    async with alone(App(count)) as client:
        await client.send(GET * 5)
        for _ in range(5):
            await client.answer()
    assert peak == 1


async def test_the_read_ahead_is_bounded(nursery: trio.Nursery) -> None:
    """CVE-2026-54273: a client that pipelines without reading fills its own memory, not ours."""
    taken = 0

    async def pour() -> None:
        nonlocal taken
        while True:
            await client.send_only(GET)
            taken += len(GET)

    client = connect(nursery, App(forever), window=1024)
    nursery.start_soon(pour)
    await trio.testing.wait_all_tasks_blocked()
    assert 65_536 - len(GET) <= taken <= 2 * 65_536 + 1024


@pytest.mark.parametrize(
    ("version", "fields", "persists"),
    [
        ("1.1", (), True),
        ("1.1", ("Connection: close",), False),
        ("1.1", ("Connection: CLOSE, x",), False),
        ("1.1", ("Connection: keep-alive", "Connection: close"), False),
        ("1.0", (), False),
        ("1.0", ("Connection: keep-alive",), True),
        ("1.0", ("Connection: Keep-Alive",), True),
        ("1.0", ("Connection: keep-alive, close",), False),
    ],
)
async def test_who_asks_for_it_gets_the_connection_closed(
    version: str, fields: tuple[str, ...], persists: bool
) -> None:
    """RFC 9112 §9.3: close wins; HTTP/1.0 persists only if asked."""
    async with alone(App()) as client:
        answer = await client.ask(get("/", *fields, version=version))
        assert (answer.body, answer.whole, answer.keeps_alive) == (b"ok", True, persists)
        if persists:
            assert (await client.ask(GET)).status == 200
        else:
            assert await client.rest() == b""


async def test_nothing_is_served_after_connection_close() -> None:
    """RFC 9112 §9.6: what comes after the request that asked for the close is not looked at."""
    app = App()
    async with alone(app) as client:
        await client.send(get("/a", "Connection: close") + get("/b"))
        assert (await client.answer()).whole
        assert await client.rest() == b""
    assert app.seen == ["/a"]


async def test_a_handler_can_close_the_connection() -> None:
    """RFC 9112 §9.6."""

    async def handler(request: Request) -> HTTPResponse:
        return text("bye", headers={"Connection": "close"})

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert (answer.body, answer.headers["connection"]) == (b"bye", "close")
        assert await client.rest() == b""


async def test_keep_alive_can_be_turned_off() -> None:
    """`KEEP_ALIVE`."""
    async with alone(App(), keep_alive=False) as client:
        assert not (await client.ask(GET)).keeps_alive
        assert await client.rest() == b""


async def test_head_gets_what_get_would_without_its_content() -> None:
    """RFC 9110 §9.3.2: the same fields, Content-Length too, and no content."""
    async with alone(serving(echo)) as client:
        got = await client.ask(GET)
        await client.send(get("/", method="HEAD"))
        raw = await client.at_once()
        assert raw.endswith(b"\r\n\r\n")
        assert b"content-length: %d\r\n" % len(got.body) in raw
        assert (await client.ask(GET)).body == got.body


async def test_no_content_has_no_length_either() -> None:
    """RFC 9110 §8.6: no Content-Length in a 204."""
    async with alone(serving(lambda request: empty())) as client:
        await client.send(GET)
        raw = await client.at_once()
        assert raw.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert raw.endswith(b"\r\n\r\n")
        assert b"content-length" not in raw
        assert b"transfer-encoding" not in raw


async def test_requests_see_no_values_of_each_other() -> None:
    """Design: each request runs in a fresh copy of the server's context."""
    var = ContextVar("var", default="unset")
    context = Context()
    context.run(var.set, "server's")
    seen: list[str] = []

    async def handle(exchange: Exchange) -> None:
        seen.append(var.get())
        var.set(exchange.head.target)
        await trio.lowlevel.checkpoint()
        seen.append(var.get())
        await reply(exchange)

    async with alone(App(handle), context=context) as client:
        await client.send(get("/1") + get("/2"))  # one that is pipelined, and one that is waited for
        await client.answer()
        await client.answer()
        await client.ask(get("/3"))
    assert seen == ["server's", "/1", "server's", "/2", "server's", "/3"]


async def test_each_split_of_a_conversation_is_answered_the_same() -> None:
    """RFC 9112 §2.1: a message is a sequence of octets, however they come."""
    data = post(b"one") + chunked(b"tw", b"o", trailers=b"x: y\r\n") + get("/last", "Connection: close")

    async def talk(*parts: bytes) -> bytes:
        async with alone(serving(echo, "/", "/last")) as client:
            for part in parts:
                await client.send(part)
            return re.sub(rb"date: [^\r]+", b"date: ", await client.rest())

    whole = await talk(data)
    assert whole.count(b"HTTP/1.1 200 OK") == 3
    for at in range(1, len(data), 3):
        assert await talk(data[:at], data[at:]) == whole, at
    assert await talk(*(data[at : at + 1] for at in range(len(data)))) == whole


async def test_an_idle_connection_ends_when_its_client_leaves(nursery: trio.Nursery) -> None:
    """Nothing is left of a client that has gone."""
    client = connect(nursery, App())
    await client.ask(GET)
    await client.leave()
    with trio.fail_after(0.001):
        await client.ended.wait()


async def test_an_empty_line_before_a_request_is_ignored() -> None:
    """RFC 9112 §2.2: some clients send one after a POST; also where the exchange needs all of its state."""
    async with alone(serving(echo)) as client:
        assert (await client.ask(post(b"a"))).body == b"a"
        for request in (get("/"), post(b"b"), chunked(b"b")):
            await client.send_only(b"\r\n" + request)
            answer = await client.answer()
            assert (answer.status, answer.whole) == (200, True)


async def test_a_bad_request_ends_the_connection_and_nothing_after_it_is_served() -> None:
    """CVE-2024-49768: bytes after a parse error are never a request."""
    app = App()
    async with alone(app) as client:
        await client.send(get("/a") + b"GET /x HTTP/1.1\r\nbad header\r\n\r\n" + get("/b"))
        assert (await client.answer()).status == 200
        refused = await client.answer()
        assert (refused.status, refused.keeps_alive) == (400, False)
        assert refused.body.isascii()
        await client.send_only(get("/c"))
        assert await client.rest() == b""
    assert app.seen == ["/a"]


async def test_a_broken_body_ends_the_connection_and_nothing_after_it_is_served() -> None:
    """CVE-2024-49768, in the body: where it ends is not known any more."""
    app = serving(echo, "/", "/b")
    bad = get("/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabcX\r\n" + get("/b")
    async with alone(app) as client:
        refused = await client.ask(bad)
        assert (refused.status, refused.keeps_alive) == (400, False)
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"HEAD / HTTP/1.1\r\n\r\n", 400),
        (b"HEAD / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ],
)
async def test_a_refusal_is_plain_text_and_reaches_its_client(head: bytes, status: int) -> None:
    """http-rules, table: refused before a route is known: plain text, and then the close."""
    async with alone(App()) as client:
        refused = await client.ask(head)
        assert (refused.status, refused.whole, refused.keeps_alive) == (status, True, False)
        assert refused.headers["content-type"].startswith("text/plain")
        assert await client.rest() == b""  # also for HEAD, whose answer has no content


async def test_an_unknown_expectation_is_refused_and_the_connection_goes_on() -> None:
    """RFC 9110 §10.1.1: 417."""
    async with alone(serving(echo)) as client:
        assert (await client.ask(get("/", "Expect: magic"))).status == 417
        assert (await client.ask(GET)).status == 200


async def test_ten_connections_do_not_wait_for_each_other(nursery: trio.Nursery) -> None:
    """One handler that waits holds up nobody else."""
    clients = [connect(nursery, App(partial(_after, trio.Event()))) for _ in range(9)]
    for client in clients:
        await client.send_only(GET)
    assert (await connect(nursery, App()).ask(GET)).status == 200


async def _after(event: trio.Event, exchange: Exchange) -> None:
    await event.wait()
    await reply(exchange)


async def test_spaces_around_the_length_of_an_answer_to_head_count_for_nothing() -> None:
    """RFC 9110 5.5, 8.6."""

    async def told(exchange: Exchange) -> None:
        await exchange.reply(200, [("Content-Length", " 5 ")], b"", TEXT)

    async with alone(App(told)) as client:
        assert (await client.ask(get("/", method="HEAD"))).headers["content-length"] == "5"
