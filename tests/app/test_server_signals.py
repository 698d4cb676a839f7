"""The server's own signals: when they come, and with what."""

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from triosanic import Blueprint, HTTPResponse, NotFound, Request, Sanic, ServerError, text
from triosanic.announcing import SignallingDispatcher
from triosanic.dispatch import Dispatcher
from triosanic.http.wire import Wire
from triosanic.signals import Event
from triosanic.testing import Network, open_raw, running

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def note_all(app: Sanic | Blueprint, namespace: str) -> list[tuple[str, dict[str, Any]]]:
    """List all signals of a namespace with their contexts, in the order they come."""
    noted: list[tuple[str, dict[str, Any]]] = []

    def noting(event: str) -> None:
        async def handler(**context: Any) -> None:
            await trio.lowlevel.checkpoint()
            noted.append((event, context))

        app.signal(event)(handler)

    for event in Event:
        if event.value.startswith(namespace):
            noting(event.value)
    return noted


def dispatcher_of(app: Sanic) -> type:
    front = app._serving.front  # noqa: SLF001  # what the hot path runs is seen nowhere else
    assert front is not None
    return type(front.handle.__self__)  # type: ignore[attr-defined]  # a bound method


async def test_a_request_passes_the_signals_in_order(app: Sanic) -> None:
    """Contract 1.8; the order is Sanic's."""
    app.on_request(lambda request: None)
    app.on_response(lambda request, response: None)
    noted = note_all(app, "http.")
    async with open_raw(app) as conn:
        await conn.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await conn.rest()).endswith(b"hello")
    assert [event.removeprefix("http.") for event, _ in noted] == [
        "lifecycle.begin",
        "lifecycle.read_head",
        "lifecycle.request",
        "lifecycle.handle",
        "routing.before",
        "routing.after",
        "middleware.before",
        "middleware.after",
        "handler.before",
        "handler.after",
        "middleware.before",
        "middleware.after",
        "lifecycle.response",
        "lifecycle.send",
        "lifecycle.complete",
    ]


async def test_what_the_signals_of_a_request_tell(app: Sanic) -> None:
    """Contract 1.8: the arguments."""

    @app.post("/items/<id:int>")
    async def item(request: Request, id: int) -> HTTPResponse:
        return text(f"item {id}")

    noted = note_all(app, "http.")
    async with running(app) as client:
        await client.post("/items/7", content=b"abc")
    told = dict(noted)
    request = told["http.lifecycle.request"]["request"]
    assert isinstance(request, Request)
    assert told["http.lifecycle.read_head"]["head"].startswith(b"POST /items/7 HTTP/1.1\r\n")
    assert told["http.lifecycle.read_body"] == {"body": b"abc"}
    assert told["http.routing.after"]["kwargs"] == {"id": 7}
    assert told["http.routing.after"]["route"].name == "app.item"
    assert told["http.routing.after"]["handler"] is item
    assert told["http.handler.before"] == {"request": request}
    assert told["http.lifecycle.response"]["response"].body == b"item 7"
    assert told["http.lifecycle.send"]["data"].endswith(b"\r\n\r\nitem 7")
    info = request.conn_info
    assert told["http.lifecycle.begin"] == told["http.lifecycle.complete"] == {"conn_info": info}


@pytest.mark.parametrize("attach_to", ["request", "response"])
async def test_middleware_is_told_apart_by_a_condition(app: Sanic, attach_to: str) -> None:
    """Contract 1.8 ``attach_to``."""
    noted: list[Any] = []
    app.on_request(lambda request: None)
    app.on_response(lambda request, response: None)

    @app.signal("http.middleware.before", condition={"attach_to": attach_to})
    async def before(request: Request, response: HTTPResponse | None) -> None:
        noted.append(None if response is None else response.body)

    async with running(app) as client:
        await client.get("/")
    assert noted == [None if attach_to == "request" else b"hello"]


async def test_handlers_of_routing_may_change_the_parameters(app: Sanic) -> None:
    """Sanic 25.12; extensions inject arguments so."""

    @app.get("/items/<id:int>")
    async def item(request: Request, id: int, db: str) -> HTTPResponse:
        return text(f"{id} {db}")

    @app.signal(Event.HTTP_ROUTING_AFTER)
    async def inject(request: Request, kwargs: dict[str, Any], **_: Any) -> None:
        kwargs["db"] = "injected"

    async with running(app) as client:
        assert (await client.get("/items/7")).text == "7 injected"


async def test_a_failing_handler_of_a_signal_is_answered(app: Sanic) -> None:
    @app.signal("http.lifecycle.request")
    async def refuse(request: Request) -> None:
        raise ServerError("refused by a signal")

    async with running(app) as client:
        response = await client.get("/", headers={"accept": "text/plain"})
        assert (response.status_code, "refused by a signal" in response.text) == (500, True)


@pytest.mark.parametrize(
    "event",
    ["http.lifecycle.begin", "http.lifecycle.send", "http.lifecycle.complete", "http.lifecycle.exception"],
)
async def test_a_failing_handler_that_no_request_answers_for_is_logged(
    app: Sanic, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.signal(event)(lambda **_: 1 / 0)
    async with running(app) as client:
        assert (await client.get("/nowhere")).status_code == 404
    assert f"a handler of {event} failed" in caplog.messages


async def test_streams_are_told_as_they_are_sent(app: Sanic) -> None:
    sent: list[bytes] = []
    app.signal("http.lifecycle.send")(lambda data: sent.append(data))

    @app.get("/stream")
    async def stream(request: Request) -> None:
        response = await request.respond()
        for piece in ("one", "two"):
            await response.send(piece)
            await wait_all_tasks_blocked()

    async with running(app) as client:
        assert (await client.get("/stream")).text == "onetwo"
    whole = b"".join(sent)
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_an_exception_is_told_with_its_request(app: Sanic) -> None:
    told: list[Any] = []
    app.signal("http.lifecycle.exception")(lambda request, exception: told.append((request.path, exception)))
    async with running(app) as client:
        assert (await client.get("/nowhere")).status_code == 404
    ((path, exception),) = told
    assert (path, type(exception)) == ("/nowhere", NotFound)


@pytest.mark.parametrize("decorator", ["report_exception", "catch_exception"])
async def test_exceptions_are_reported_wherever_they_are_raised(app: Sanic, decorator: str) -> None:
    """Contract 1.8 ``server.exception.report``."""
    reported: list[tuple[Sanic, str]] = []

    async def report(app: Sanic, exception: Exception) -> None:
        reported.append((app, str(exception)))

    getattr(app, decorator)(report)

    async def fail(where: str) -> None:
        raise ValueError(where)

    app.get("/fail")(lambda request: fail("request"))
    app.signal("a.b.c")(lambda: fail("signal"))
    async with running(app) as client:
        await client.get("/fail")
        app.add_task(fail("task"))
        await app.dispatch("a.b.c")
        await wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="signal"):
            await app.dispatch("a.b.c", inline=True)
    assert sorted(what for _, what in reported) == ["request", "signal", "signal", "task"]
    assert {one for one, _ in reported} == {app}


async def test_a_failing_report_is_logged(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    @app.report_exception
    def report(app: Sanic, exception: Exception) -> None:
        raise ValueError("twice")

    async with running(app) as client:
        assert (await client.get("/nowhere")).status_code == 404
    assert "a handler of server.exception.report failed" in caplog.messages


async def test_the_life_of_the_server(app: Sanic) -> None:
    """Contract 1.8 and 1.7: signals and listeners, `*_stop` in reverse."""
    order: list[str] = []
    names = ["main_process_start", "before_server_start", "after_server_start", "main_process_ready"]
    names += ["before_server_stop", "after_server_stop", "main_process_stop"]
    for name in names:
        app.register_listener(lambda _, name=name: order.append(name), name)
    for event in ("init.before", "init.after", "shutdown.before", "shutdown.after"):
        app.signal(f"server.{event}")(lambda app, loop, event=event: order.append(event))
    async with running(app):
        pass
    assert order == [
        "main_process_start",
        "before_server_start",
        "init.before",
        "after_server_start",
        "init.after",
        "main_process_ready",
        "shutdown.before",
        "before_server_stop",
        "shutdown.after",
        "after_server_stop",
        "main_process_stop",
    ]


async def test_a_single_process_has_no_main_one(app: Sanic) -> None:
    """Sanic 25.12."""
    order: list[str] = []
    for name in ("main_process_start", "before_server_start", "main_process_ready", "main_process_stop"):
        app.register_listener(lambda _, name=name: order.append(name), name)
    app.prepare(single_process=True)
    async with running(app):
        pass
    assert order == ["before_server_start"]


async def test_a_task_may_wait_for_the_end(app: Sanic) -> None:
    over: list[str] = []

    async def wait() -> None:
        await app.event("server.shutdown.before")
        over.append("told")

    app.add_task(wait)
    async with running(app):
        await wait_all_tasks_blocked()
    assert over == ["told"]


# What it costs: nothing where nobody asks.


async def test_a_server_without_signals_has_nothing_of_them_on_the_way(app: Sanic) -> None:
    app.signal("mine.own.signal")(print)
    app.signal("server.init.before")(lambda **_: None)
    async with running(app) as client:
        await client.get("/")
        assert dispatcher_of(app) is Dispatcher
        route, _ = app._serving.router().resolve("GET", "/", "")  # noqa: SLF001  # as above
        assert not hasattr(route.handler, "__wrapped__")


async def test_a_task_that_waits_turns_the_servers_signals_on(app: Sanic) -> None:
    found: list[Any] = []

    async def wait() -> None:
        found.append(await app.event(Event.HTTP_LIFECYCLE_RESPONSE))

    async with running(app) as client:
        await client.get("/")
        assert dispatcher_of(app) is Dispatcher
        app.add_task(wait)
        await wait_all_tasks_blocked()
        assert dispatcher_of(app) is SignallingDispatcher
        await client.get("/")
        await wait_all_tasks_blocked()
    assert [context["response"].body for context in found] == [b"hello"]


async def test_a_blueprint_hears_the_servers_signals(app: Sanic) -> None:
    bp = Blueprint("bp")
    noted = note_all(bp, "http.routing")
    app.blueprint(bp)
    async with running(app) as client:
        await client.get("/")
    assert [event for event, _ in noted] == ["http.routing.before", "http.routing.after"]


async def test_a_connection_whose_beginning_is_told_is_closed_with_the_server(app: Sanic) -> None:
    """Whatever a handler of its begin still does: no stream is left."""

    @app.signal("http.lifecycle.begin")
    async def hang(**_: object) -> None:
        await trio.sleep_forever()

    send, receive = trio.open_memory_channel[Wire](0)
    async with send, receive, trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, sock=(), wires=receive))
        stream = await Network(send).connect()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        assert await stream.receive_some() == b""


async def test_a_response_is_told_of_as_it_is_before_it_is_compressed(app: Sanic) -> None:
    told = []
    app.add_route(lambda request: text("x" * 5000), "/long", name="long", compress=True)

    @app.signal("http.lifecycle.response")
    async def tell(request: Request, response: HTTPResponse) -> None:
        told.append(response.body)

    async with running(app) as client:
        answer = await client.get("/long", headers={"Accept-Encoding": "gzip"})
    assert told == [b"x" * 5000]
    assert answer.headers["content-encoding"] == "gzip"
