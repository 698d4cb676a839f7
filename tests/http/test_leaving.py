"""Clients that leave: the handler is cancelled with all its children, and nothing of it is left."""

import logging
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.http.wires import GET, App, Client, alone, chunk, connect, get, post, reply, serving
from triosanic.http.exchange import Exchange
from triosanic.request import Request
from triosanic.response import HTTPResponse, StreamingHTTPResponse, stream, text

HEAD = get("/", "Content-Length: 1000000", method="POST")


async def waits(request: Request) -> HTTPResponse:
    await trio.sleep_forever()
    return text("never")


async def streams(request: Request) -> StreamingHTTPResponse:
    async def streaming(response: StreamingHTTPResponse) -> None:
        while True:
            await response.write("x")
            await trio.sleep(1)

    return stream(streaming)


async def reads(request: Request) -> HTTPResponse:
    return text(str(len(await request.stream.read_all(1 << 30))))


async def floods(request: Request) -> StreamingHTTPResponse:
    async def streaming(response: StreamingHTTPResponse) -> None:
        while True:
            await response.write("x" * 100_000)

    return stream(streaming)


@pytest.mark.parametrize("how", ["closes", "resets", "half-closes"])
@pytest.mark.parametrize(
    ("handler", "data"),
    [
        (waits, b""),
        (waits, b"GET / HT"),
        (waits, GET),
        (waits, HEAD),
        (waits, HEAD + b"x" * 300_000),
        (waits, get("/", "Expect: 100-continue", "Content-Length: 5", method="POST")),
        (reads, HEAD),
        (reads, HEAD + b"x" * 300_000),
        (reads, get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"abc")),
        (reads, get("/", "Expect: 100-continue", "Content-Length: 5", method="POST")),
        (streams, GET),
        (streams, HEAD),
        (floods, GET),
        (waits, GET + b"GET / HT"),
        (waits, GET * 3),
        (waits, get("/no")),
        (waits, b"BAD\r\n\r\n"),
    ],
    ids=[
        "before the head",
        "in the head",
        "handled",
        "in a body that is not read",
        "with a body in between",
        "100 owed",
        "in the body",
        "in a body that is read",
        "in chunks",
        "100 sent",
        "streaming",
        "streaming, in the body",
        "not reading",
        "handled, with half a head",
        "pipelined",
        "answered",
        "refused",
    ],
)
async def test_whoever_leaves_leaves_nothing_behind(
    handler: Callable[..., Awaitable[object]], data: bytes, how: str, nursery: trio.Nursery
) -> None:
    """Design: client gone: the handler is cancelled; at the latest at a write's deadline."""
    client = connect(nursery, serving(handler, stream=True))
    with trio.move_on_after(0.1):
        await client.send_only(data)
    await wait_all_tasks_blocked()
    start = trio.current_time()
    if how == "closes":
        await client.leave()
    elif how == "resets":
        client.reset()
    else:
        await client.half_close()
    await client.ended.wait()
    assert trio.current_time() - start <= 60.001


async def test_a_write_that_is_told_so_beside_a_child_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    """The child is cancelled, and the nursery makes a group of both, which dispatch does not see."""

    async def floods(request: Request) -> StreamingHTTPResponse:
        async def streaming(response: StreamingHTTPResponse) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                while True:
                    await response.write("x" * 100_000)

        return stream(streaming)

    for _ in range(20):  # whether the writer or the reader is told first is up to Trio
        async with alone(serving(floods)) as client:
            await client.send_only(GET)
            await wait_all_tasks_blocked()
            client.reset()
            await client.ended.wait()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("how", ["leave", "half_close"])
@pytest.mark.parametrize("data", [GET, HEAD, post(b"x")], ids=["get", "in the body", "post"])
async def test_the_handler_is_cancelled_at_once(how: str, data: bytes) -> None:
    """Design: within milliseconds when no unread body stands in between; a FIN counts as gone."""
    times: list[float] = []

    async def handler(request: Request) -> HTTPResponse:
        try:
            await trio.sleep_forever()
        finally:
            times.append(trio.current_time())
        return text("never")

    async with alone(serving(handler, stream=True)) as client:
        await client.send(data)
        await trio.sleep(3)
        await getattr(client, how)()
        await client.ended.wait()
    assert times == [pytest.approx(3, abs=0.001)]


async def test_children_are_cancelled_with_their_request() -> None:
    """Design: with its children; `finally` blocks run."""
    ended: list[str] = []

    async def child(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    async def handler(request: Request) -> HTTPResponse:
        request.nursery.start_soon(child, "request's")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, "own")
        return text("never")

    async with alone(serving(handler)) as client:
        await client.send(GET)
    assert sorted(ended) == ["own", "request's"]


async def test_response_middleware_does_not_run_for_a_dead_peer() -> None:
    """Design: client gone."""
    ran: list[object] = []
    app = serving(waits)
    app.on_response(lambda request, response: ran.append(response))
    async with alone(app) as client:
        await client.send(GET)
    assert ran == []


async def test_a_route_that_opts_out_runs_to_its_end() -> None:
    """Design: `cancel_on_disconnect=False`."""
    done = trio.Event()

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(30)
        done.set()
        return text("done")

    async with alone(serving(handler, cancel_on_disconnect=False)) as client:
        await client.send(GET)
        await client.leave()
        await client.ended.wait()
        assert done.is_set()


@pytest.mark.parametrize("opts_out", [True, False])
async def test_a_client_that_leaves_before_its_route_is_known(opts_out: bool) -> None:
    """A request and its client's end come in one moment: whoever opted out has its whole run all the same."""
    done: list[str] = []

    async def handler(request: Request) -> HTTPResponse:
        done.append("begun")
        await trio.sleep(30)
        done.append("ended")
        return text("done")

    async with alone(serving(handler, cancel_on_disconnect=not opts_out)) as client:
        await wait_all_tasks_blocked()
        reader = client.connection._reader  # noqa: SLF001  # no peer can time it so
        reader.on_data(GET)
        reader.on_end(broken=True)
        await client.ended.wait()
    assert done == (["begun", "ended"] if opts_out else ["begun"])


async def test_a_body_that_begins_after_its_clients_end_is_not_waited_for() -> None:
    """A part of a second request has come before the end, and will never be whole."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(1)
        return text(str(len(await request.stream.read_all(100))))

    async with alone(serving(handler, cancel_on_disconnect=False, stream=True)) as client:
        await client.send(get("/", "Content-Length: 0", method="POST") + HEAD + b"x")
        await client.half_close()
        assert (await client.answer()).body == b"0"
        await client.ended.wait()
        assert trio.current_time() < 5


async def test_a_route_that_opts_out_still_answers_a_client_that_half_closed() -> None:
    """Design: its answer is still sent to a client that only half-closed."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(30)
        return text("done")

    async with alone(serving(handler, cancel_on_disconnect=False)) as client:
        await client.send(GET)
        await client.half_close()
        answer = await client.answer()
        assert (answer.body, answer.whole, answer.keeps_alive) == (b"done", True, False)
        assert await client.rest() == b""


async def test_a_route_that_opts_out_has_a_response_timeout_all_the_same() -> None:
    """Table: `RESPONSE_TIMEOUT` is the program's bound, and not the client's."""
    async with alone(serving(waits, cancel_on_disconnect=False)) as client:
        await client.send(GET)
        await client.leave()
        await client.ended.wait()
        assert trio.current_time() == pytest.approx(60, abs=0.001)


async def test_the_read_of_an_opted_out_route_raises_when_the_client_has_gone() -> None:
    """Design: a body cut short never looks complete."""
    outcome: list[str] = []

    async def handler(request: Request) -> HTTPResponse:
        try:
            await request.stream.read_all(1 << 30)
        except Exception as exc:
            outcome.append(type(exc).__name__)
            raise
        return text("whole")

    async with alone(serving(handler, stream=True, cancel_on_disconnect=False)) as client:
        await client.send(HEAD + b"abc")
        await client.leave()
        await client.ended.wait()
    assert outcome == ["ClientGone"]


async def test_the_write_of_an_opted_out_route_raises_when_the_client_has_gone() -> None:
    """Design: as above, for the other direction."""
    outcome: list[str] = []

    async def streaming(response: StreamingHTTPResponse) -> None:
        try:
            while True:
                await response.write("x" * 70_000)
                await trio.sleep(1)
        except Exception as exc:
            outcome.append(type(exc).__name__)
            raise

    async with alone(serving(lambda request: stream(streaming), cancel_on_disconnect=False)) as client:
        await client.send(GET)
        await client.leave()
        await client.ended.wait()
    assert outcome == ["ClientGone"]


@pytest.mark.parametrize("missing", [0, 1, 2, 4, 5])
async def test_a_body_that_came_whole_before_its_clients_end_is_whole(missing: int) -> None:
    """All pieces of the second request are here before its handler begins, or all but its last bytes."""

    async def handler(request: Request) -> HTTPResponse:
        await trio.sleep(1)
        return text(str(await request.stream.read_all(100)))

    body = chunk(b"ab") + chunk(b"c") + b"0\r\n\r\n"
    second = get("/", "Transfer-Encoding: chunked", method="POST") + body
    async with alone(serving(handler, stream=True), cancel_half_closed=False) as client:
        await client.send(get("/", "Content-Length: 0", method="POST") + second[: len(second) - missing])
        await client.half_close()
        assert (await client.answer()).body == b"b''"
        answer = await client.answer()
        assert (answer.status, answer.body == b"b'abc'") == ((400, False) if missing else (200, True))
        await client.ended.wait()


async def test_half_closed_clients_can_be_finished() -> None:
    """Table: `HALF_CLOSED_CLIENTS=finish`."""

    async def slow(exchange: Exchange) -> None:
        await trio.sleep(10)
        await reply(exchange, b"done")

    async with alone(App(slow), cancel_half_closed=False) as client:
        await client.send(GET)
        await client.half_close()
        answer = await client.answer()
        assert (answer.status, answer.body, answer.whole) == (200, b"done", True)
        assert await client.rest() == b""


async def test_half_closed_clients_that_are_finished_get_all_their_answers() -> None:
    """As above: what was asked for whole before the FIN is answered, in order."""
    async with alone(App(), cancel_half_closed=False) as client:
        await client.send_only(get("/1") + get("/2") + post(b"x"))
        await client.half_close()
        for _ in range(3):
            assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_half_closed_client_that_is_finished_may_still_leave_for_good() -> None:
    """As above: a reset is a reset; at the latest the next write shows it."""

    async def streaming(response: StreamingHTTPResponse) -> None:
        while True:
            await response.write("x")
            await trio.sleep(1)

    async with alone(serving(lambda request: stream(streaming)), cancel_half_closed=False) as client:
        await client.send(GET)
        await client.half_close()
        await client.leave()
        await client.ended.wait()


@pytest.mark.parametrize("cancels", [True, False], ids=["cancel", "finish"])
async def test_a_refusal_reaches_a_client_that_has_half_closed(cancels: bool) -> None:
    """http-rules 1.3, close: the 400 reaches the client; no request is handled that could be cancelled."""
    for _ in range(10):
        async with alone(App(), cancel_half_closed=cancels) as client:
            await client.send_only(b"BAD\r\n\r\n")
            await client.half_close()
            assert (await client.answer()).status == 400


async def test_a_child_that_fails_is_answered_as_if_the_handler_had() -> None:
    """`RequestNursery`: its exception is answered; the handler and the other children are cancelled."""
    cancelled: list[str] = []

    async def fails() -> None:
        await trio.sleep(1)
        raise KeyError

    async def sibling() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.append("sibling")

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        request.nursery.start_soon(fails)
        request.nursery.start_soon(sibling)
        try:
            await trio.sleep_forever()
        finally:
            cancelled.append("handler")
        return text("never")

    app = serving(handler, "/", "/next")
    app.exception(KeyError)(lambda request, error: text("handled", 418))
    async with alone(app) as client:
        answer = await client.ask(GET)
        assert (answer.status, answer.body) == (418, b"handled")
        assert sorted(cancelled) == ["handler", "sibling"]
        assert (await client.ask(get("/next"))).body == b"next"


async def test_a_child_that_raises_what_is_no_exception_is_answered_too() -> None:
    """Misfortunes: what is neither an `Exception` nor meant to end the process is a defect as any other."""

    async def child() -> None:
        raise GeneratorExit

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/":
            request.nursery.start_soon(child)
            await trio.sleep_forever()
        return text("next")

    async with alone(serving(handler, "/", "/next")) as client:
        assert (await client.ask(GET)).status == 500
        assert (await client.ask(get("/next"))).body == b"next"

@pytest.mark.parametrize("how", ["raises", "times out", "aborts a stream"])
async def test_children_do_not_outlive_a_handler_that_ends_badly(how: str) -> None:
    """Design: every child task ends when its request ends."""
    ended = trio.Event()

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async def handler(request: Request) -> HTTPResponse:
        request.nursery.start_soon(child)
        await trio.sleep(1)
        if how == "aborts a stream":
            await (await request.respond()).send("x", False)
            await trio.sleep(1)
        if how == "times out":
            await trio.sleep_forever()
        raise ValueError

    async with alone(serving(handler)) as client:
        answer = await client.ask(GET)
        assert answer.status == {"raises": 500, "times out": 503}.get(how, 200)
        await wait_all_tasks_blocked()
        assert ended.is_set()


async def test_a_child_that_goes_on_keeps_its_response_waiting() -> None:
    """`RequestNursery`: after the handler has returned, the response waits for the children."""

    async def handler(request: Request) -> HTTPResponse:
        request.nursery.start_soon(trio.sleep, 5)
        return text("ok")

    async with alone(serving(handler)) as client:
        assert (await client.ask(GET)).body == b"ok"
        assert trio.current_time() == pytest.approx(5, abs=0.001)


async def test_a_child_that_fails_late_does_not_touch_the_next_request() -> None:
    """A child belongs to its request: the one that fails as the answer leaves harms no other."""

    async def fails(event: trio.Event) -> None:
        await event.wait()
        raise KeyError

    async def handler(request: Request) -> HTTPResponse:
        if request.path == "/next":
            return text("next")
        event = trio.Event()
        request.nursery.start_soon(fails, event)
        event.set()
        raise ValueError

    for _ in range(20):
        async with alone(serving(handler, "/", "/next")) as client:
            await client.send_only(GET + get("/next"))
            assert (await client.answer()).status == 500
            assert (await client.answer()).body == b"next"


async def test_an_access_line_says_that_the_client_left(caplog: pytest.LogCaptureFixture) -> None:
    """499 is nginx's status for a client that left without an answer; each request has one line."""
    caplog.set_level(logging.INFO, "sanic.access")
    async with alone(serving(waits), access_log=True) as client:
        await client.send(GET)
    lines = [record for record in caplog.records if record.name == "sanic.access"]
    assert [(record.__dict__["request"], record.__dict__["status"]) for record in lines] == [("GET /", 499)]


async def test_each_request_and_each_refusal_has_one_line_in_the_access_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """http-rules, table: a refusal has its line in the access log."""
    caplog.set_level(logging.INFO, "sanic.access")

    async def logged(client: Client) -> None:
        await client.ask(GET)
        await client.ask(post(b"x"))
        await client.ask(b"BAD\r\n\r\n")

    async with alone(App(), access_log=True) as client:
        await logged(client)
    lines = [record.__dict__ for record in caplog.records if record.name == "sanic.access"]
    assert [(line["status"], line["byte"]) for line in lines[:2]] == [(200, 2), (200, 2)]
    assert [line["status"] for line in lines[2:]] == [400]
