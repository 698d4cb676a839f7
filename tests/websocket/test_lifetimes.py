"""Who may end a WebSocket, what the other side sees, and that handlers always reach their ``finally``."""

import logging

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from tests.http.wires import get
from tests.websocket.frames import CLOSE, TEXT, ask, close_code, closing, frame, receive_frame
from triosanic import Blueprint, Request, Sanic, Websocket
from triosanic.exceptions import WebsocketClosed
from triosanic.testing import UpgradeRefused, open_raw, running

LONG = "a" * 5_000_000


class Watch:
    """What became of a handler."""

    def __init__(self, app: Sanic, **options: object) -> None:
        self.began = trio.Event()
        self.ended = trio.Event()
        self.cancelled = False
        self.error: BaseException | None = None

        @app.websocket("/", **options)  # type: ignore[arg-type]  # those of a route
        async def handler(request: Request, ws: Websocket) -> None:
            self.began.set()
            try:
                await self.handle(ws)
            except trio.Cancelled:
                self.cancelled = True
                raise
            except Exception as exc:
                self.error = exc
                raise
            finally:
                self.ended.set()

    async def handle(self, ws: Websocket) -> None:
        """Wait; a test may put something else here."""
        await trio.sleep_forever()


async def test_the_peers_close_is_answered_and_the_handler_cancelled(
    app: Sanic
) -> None:
    """RFC 6455 5.5.1, 7.1.1: the server answers with the same code, and closes the connection first."""
    watch = Watch(app)
    async with open_raw(app) as connection:
        await connection.send(ask() + closing(4321, b"bye"))
        await connection.head()
        assert await close_code(connection) == 4321
        await watch.ended.wait()
        assert watch.cancelled


async def test_messages_before_the_close_are_still_handled(app: Sanic) -> None:
    """A handler that opts out takes all that came before the Close, and then ends by itself."""
    watch = Watch(app, cancel_on_disconnect=False)
    got: list[object] = []

    async def handle(ws: Websocket) -> None:
        async for message in ws:
            await trio.lowlevel.checkpoint()
            got.append(message)
        with pytest.raises(WebsocketClosed):
            await ws.send("too late")
        with pytest.raises(WebsocketClosed):
            await ws.ping()

    watch.handle = handle  # type: ignore[method-assign]
    async with open_raw(app) as connection:
        await connection.send(ask() + frame(TEXT, b"a") + frame(TEXT, b"b") + closing(1000))
        await connection.head()
        assert await close_code(connection) == 1000
    assert got == ["a", "b"]
    assert watch.error is None


async def test_a_handler_that_asks_for_more_is_cancelled_for_a_close_that_has_come(app: Sanic) -> None:
    """Whether the Close came with the message before it or later makes no difference."""
    watch = Watch(app)
    got: list[str | bytes] = []

    async def handle(ws: Websocket) -> None:
        async for message in ws:
            await trio.sleep(0.1)  # it is handled to its end first
            got.append(message)
        got.append("too far")

    watch.handle = handle  # type: ignore[method-assign]
    async with open_raw(app) as connection:
        await connection.send(ask() + frame(TEXT, b"a") + closing(1000))
        await connection.head()
        await watch.ended.wait()
        assert await close_code(connection) == 1000
    assert got == ["a"]
    assert watch.cancelled


async def test_two_tasks_may_close(app: Sanic) -> None:
    """Both wait for the peer's Close, and neither for longer."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close, 4000)
            nursery.start_soon(ws.close, 4000)
        seconds.append(trio.current_time() - begin)

    seconds: list[float] = []
    begin = trio.current_time()
    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 4000
        await wait_all_tasks_blocked()
    assert seconds == [0]


@pytest.mark.parametrize("how", ["end", "reset"])
async def test_a_peer_that_vanishes_cancels_the_handler(app: Sanic, how: str) -> None:
    watch = Watch(app)
    async with running(app) as client, client.websocket("/") as ws:
        await watch.began.wait()
        if how == "reset":
            ws.abort()
        else:
            await ws.aclose()
        await watch.ended.wait()
        assert watch.cancelled


async def test_a_handler_that_opts_out_is_told_that_the_peer_has_vanished(app: Sanic) -> None:
    watch = Watch(app, cancel_on_disconnect=False)
    codes: list[object] = []

    async def handle(ws: Websocket) -> None:
        try:
            await ws.recv()
        finally:
            codes.append(ws.close_code)

    watch.handle = handle  # type: ignore[method-assign]
    async with running(app) as client, client.websocket("/") as ws:
        await watch.began.wait()
        ws.abort()
        await watch.ended.wait()
    assert codes == [1006]


async def test_a_handler_that_returns_closes_with_1000(app: Sanic) -> None:
    watch = Watch(app)
    watch.handle = _nothing  # type: ignore[method-assign]
    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 1000


async def _nothing(ws: Websocket) -> None:
    return


async def test_a_handler_may_close_and_go_on(app: Sanic) -> None:
    """The second time does nothing; receiving is over."""
    after: list[object] = []

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.close(4000, "enough")
        await ws.close(4001)
        with pytest.raises(WebsocketClosed):
            await ws.recv()
        with pytest.raises(WebsocketClosed):
            await ws.send("a")
        await trio.lowlevel.checkpoint()
        after.append((ws.close_code, ws.close_reason))

    async with running(app) as client, client.websocket("/") as ws:
        await ws.send("not received")
        assert await ws.wait_closed() == 4000
        assert ws.close_reason == "enough"
    assert after in ([(4000, "enough")], [(4000, "")])


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_close_has_a_code_that_can_be_sent(app: Sanic, code: int) -> None:
    """RFC 6455 7.4."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        with pytest.raises(ValueError, match=f"code must be .* not {code}"):
            await ws.close(code)
        with pytest.raises(ValueError, match="at most 123 bytes"):
            await ws.close(1000, "ü" * 62)
        with pytest.raises(TypeError, match="reason must be str, not b'bye'"):
            await ws.close(1000, b"bye")  # type: ignore[arg-type]

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 1000


async def test_an_exception_closes_with_1011_and_is_logged(
    app: Sanic, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise LookupError("mine")

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 1011
        assert ws.close_reason == ""
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_an_exception_while_it_is_cancelled_is_logged(
    app: Sanic, caplog: pytest.LogCaptureFixture
) -> None:
    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise LookupError("mine")

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.close(1000) == 1000
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_is_no_exception_ends_one_socket(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        raise GeneratorExit

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 1011
        async with client.websocket("/") as again:
            assert await again.wait_closed() == 1011


async def test_a_stop_closes_with_1001_and_waits_for_the_handshake(
    app: Sanic
) -> None:
    """RFC 6455 7.4.1: going away. The handler is cancelled; its clean-up may await."""
    cleaned: list[float] = []

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        try:
            await ws.recv()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await trio.sleep(1)
            cleaned.append(trio.current_time())

    async with running(app) as client, client.websocket("/") as ws:
        begin = trio.current_time()
        app.stop()
        assert await ws.wait_closed() == 1001
        assert trio.current_time() - begin < 0.1
    assert cleaned == [begin + 1]


async def test_a_stop_does_not_wait_for_a_peer_that_does_not_answer(
    app: Sanic
) -> None:
    """WEBSOCKET_CLOSE_TIMEOUT, and then what any connection has to end."""
    Watch(app)
    app.config.WEBSOCKET_CLOSE_TIMEOUT = 5.0
    async with running(app) as client, client.connect() as connection:
        await connection.send(ask())
        await connection.head()
        begin = trio.current_time()
        app.stop()
        found = await receive_frame(connection)
        assert (found.opcode, found.code) == (CLOSE, 1001)
        assert await connection.rest() == b""
        assert 5 <= trio.current_time() - begin <= 5.5


async def test_a_peer_that_takes_nothing_ends_by_the_write_deadline(
    app: Sanic
) -> None:
    """WRITE_TIMEOUT: a slow receiver slows its sender, and a stuck one ends."""
    watch = Watch(app)

    async def handle(ws: Websocket) -> None:
        await ws.send(LONG)

    watch.handle = handle  # type: ignore[method-assign]
    async with running(app) as client, client.connect() as connection:
        begin = trio.current_time()
        await connection.send(ask())
        await watch.ended.wait()
        assert trio.current_time() - begin == 60
        with pytest.raises(trio.BrokenResourceError):
            await connection.rest()


async def test_a_cancelled_send_leaves_no_half_frame_on_a_connection_that_lives(
    app: Sanic
) -> None:
    """Else a later frame would be taken for the rest of this one."""
    outcome: list[object] = []

    @app.websocket("/", cancel_on_disconnect=False)
    async def handler(request: Request, ws: Websocket) -> None:
        with trio.move_on_after(1) as scope:
            await ws.send(LONG)
        outcome.append(scope.cancelled_caught)
        for attempt in (lambda: ws.send("b"), ws.recv):
            with pytest.raises(WebsocketClosed):
                await attempt()
        outcome.append(ws.close_code)

    async with running(app) as client, client.connect() as connection:
        await connection.send(ask())
        with pytest.raises(trio.BrokenResourceError):
            await trio.sleep(3)
            await connection.rest()
    assert outcome == [True, 1006]


async def test_a_cancelled_send_ends_a_handler_that_has_not_opted_out(app: Sanic) -> None:
    """The connection has ended with it, and so the handler is cancelled, as when its peer vanishes."""
    watch = Watch(app)
    after: list[str] = []

    async def handle(ws: Websocket) -> None:
        with trio.move_on_after(1):
            await ws.send(LONG)
        await trio.sleep(1)
        after.append("too far")

    watch.handle = handle  # type: ignore[method-assign]
    async with running(app) as client, client.connect() as connection:
        await connection.send(ask())
        await watch.ended.wait()
        assert watch.cancelled
        assert after == []
        with pytest.raises(trio.BrokenResourceError):
            await connection.rest()


async def test_a_send_that_is_cancelled_before_its_turn_has_sent_nothing(
    app: Sanic
) -> None:
    """The connection lives on; compressed messages too, because each stands for itself."""
    app.config.WEBSOCKET_COMPRESSION = True

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        assert ws.compressed
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, bytes(range(256)) * 4000)
            await wait_all_tasks_blocked()
            with trio.move_on_after(1) as scope:
                await ws.send("b" * 1000)
            assert scope.cancelled_caught
        await ws.send("c" * 1000)

    async with running(app, buffer_bytes=1000) as client, client.websocket("/", compression=True) as ws:
        await trio.sleep(2)
        assert await ws.receive() == bytes(range(256)) * 4000
        assert await ws.receive() == "c" * 1000

@pytest.mark.parametrize("ends", ["the peer closes", "the server stops"])
async def test_a_frame_on_its_way_is_finished_before_the_close(app: Sanic, ends: str) -> None:
    """The handler is cancelled in the middle of a send; no peer that closes in order gets a reset for it."""
    watch = Watch(app)

    async def handle(ws: Websocket) -> None:
        await ws.send(LONG)

    watch.handle = handle  # type: ignore[method-assign]
    async with running(app) as client, client.connect() as connection:
        await connection.send(ask())
        await connection.head()
        await wait_all_tasks_blocked()
        if ends == "the peer closes":
            await connection.send(closing(4000))
        else:
            app.stop()
        await watch.ended.wait()
        assert watch.cancelled
        await trio.sleep(5)
        assert (await receive_frame(connection)).payload == LONG.encode()
        found = await receive_frame(connection)
        assert found.code == (4000 if ends == "the peer closes" else 1001)
        if ends == "the server stops":
            await connection.send(closing(1001))
        assert await connection.rest() == b""


async def test_a_ping_while_we_close_is_no_death(app: Sanic) -> None:
    """RFC 6455 5.5.1: nothing follows our Close, so such a ping has no pong."""
    Watch(app).handle = _nothing  # type: ignore[method-assign]
    async with open_raw(app) as connection:
        await connection.send(ask())
        await connection.head()
        found = await receive_frame(connection)
        assert (found.opcode, found.code) == (CLOSE, 1000)
        await connection.send(frame(9, b"x") + frame(TEXT, b"y") + closing(1000))
        assert await connection.rest() == b""


async def test_the_closing_handshake_finishes_while_the_handler_is_being_cancelled(
    app: Sanic
) -> None:
    watch = Watch(app)

    async def handle(ws: Websocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await trio.sleep(3)

    watch.handle = handle  # type: ignore[method-assign]
    async with running(app) as client, client.websocket("/") as ws:
        await watch.began.wait()
        begin = trio.current_time()
        assert await ws.close(1000) == 1000
        assert trio.current_time() == begin
        await watch.ended.wait()
        assert trio.current_time() == begin + 3


async def test_children_of_the_request(app: Sanic) -> None:
    """``request.nursery``: waited for when the handler returns, cancelled when the peer leaves."""
    ended: list[str] = []

    async def child(ws: Websocket) -> None:
        try:
            await ws.send("from the child")
            await trio.sleep_forever()
        finally:
            ended.append("child")

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        request.nursery.start_soon(child, ws)

    async with running(app) as client:
        async with client.websocket("/") as ws:
            assert await ws.receive() == "from the child"
            assert not ended
        await wait_all_tasks_blocked()
        assert ended == ["child"]


async def test_a_child_that_fails_closes_with_1011(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    async def child() -> None:
        raise LookupError("a child's")

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        request.nursery.start_soon(child)
        await ws.recv()

    async with running(app) as client, client.websocket("/") as ws:
        assert await ws.wait_closed() == 1011
    assert any(record.exc_info and isinstance(record.exc_info[1], LookupError) for record in caplog.records)


async def test_http_timeouts_are_off(app: Sanic) -> None:
    """RESPONSE_TIMEOUT, KEEP_ALIVE_TIMEOUT and REQUEST_TIMEOUT are a request's."""

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send(await ws.get_message())

    app.config.WEBSOCKET_PING_INTERVAL = None
    async with running(app) as client, client.websocket("/") as ws:
        await trio.sleep(3600)
        await ws.send("a")
        assert await ws.receive() == "a"
        assert ws.pings == []


async def test_a_line_in_the_access_log(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    app.config.ACCESS_LOG = True

    @app.websocket("/")
    async def handler(request: Request, ws: Websocket) -> None:
        await ws.send("a" * 100)

    with caplog.at_level(logging.INFO, "sanic.access"):
        async with running(app) as client, client.websocket("/") as ws:
            await ws.receive()
    [line] = [record for record in caplog.records if record.name == "sanic.access"]
    assert (line.__dict__["status"], line.__dict__["byte"]) == (101, 102 + 4)


async def test_requests_that_come_after_the_stop_are_refused(app: Sanic) -> None:
    """An upgrade on a connection that is still kept for a request is closed at once with 1001."""
    Watch(app)

    @app.get("/hello")
    async def hello(request: Request) -> None:
        return None

    async with running(app) as client, client.connect() as connection:
        await connection.send(get("/none"))
        await connection.head()
        app.stop()
        await wait_all_tasks_blocked(0.001)
        await connection.send(ask())
        await connection.until(b" 101 ")
        await connection.head()
        assert (await receive_frame(connection)).code == 1001
        await connection.send(closing(1001))
        assert await connection.rest() == b""


async def test_signals(app: Sanic) -> None:
    """Sanic 25.12: websocket.handler.before, after and exception."""
    told: list[tuple[str, str]] = []

    @app.signal("websocket.handler.before")
    async def before(request: Request, websocket: Websocket) -> None:
        told.append(("before", request.path))

    @app.signal("websocket.handler.after")
    async def after(request: Request, websocket: Websocket) -> None:
        told.append(("after", request.path))

    @app.signal("websocket.handler.exception")
    async def exception(request: Request, websocket: Websocket, exception: Exception) -> None:
        told.append((repr(exception), request.path))

    @app.websocket("/<what>")
    async def handler(request: Request, ws: Websocket, what: str) -> None:
        if what == "fails":
            raise LookupError(what)

    async with running(app) as client:
        for path in ("/works", "/fails"):
            async with client.websocket(path) as ws:
                await ws.wait_closed()
    assert told == [
        ("before", "/works"),
        ("after", "/works"),
        ("before", "/fails"),
        ("LookupError('fails')", "/fails"),
    ]


def test_a_handler_takes_two_arguments(app: Sanic) -> None:
    """Sanic 25.12's words."""
    with pytest.raises(ValueError, match="`request` and/or `ws` missing in the handler"):

        @app.websocket("/")
        async def handler(request: Request) -> None:
            pass

    with pytest.raises(TypeError, match="must be a list of names"):
        app.websocket("/", subprotocols="v1")
    with pytest.raises(ValueError, match="max_size must be"):
        app.websocket("/", max_size=0)


async def test_routes_of_all_kinds(app: Sanic) -> None:
    """``add_websocket_route``, blueprints, versions, hosts, ``ctx_*``, and ``url_for``."""

    async def handler(request: Request, ws: Websocket, number: int) -> None:
        await ws.send(f"{number + 1} {request.route.ctx.label}")

    app.add_websocket_route(handler, "/n/<number>", None, None, ["v2"], 1, "numbers", ctx_label="x")
    assert app.url_for("numbers", number=4, _external=True, _server="a") == "ws://a/v1/n/4"
    api = Blueprint("api", url_prefix="/api")
    api.websocket("/m/<number>", None, None, None, None, "of_api", ctx_label="y")(handler)
    app.blueprint(api)
    async with running(app) as client:
        async with client.websocket("/v1/n/4", subprotocols=["v2"]) as ws:
            assert ws.subprotocol == "v2"
            assert await ws.receive() == "5 x"
        async with client.websocket("/api/m/4") as ws:
            assert await ws.receive() == "5 y"
        with pytest.raises(UpgradeRefused) as refused:
            async with client.websocket("/v1/n/x"):
                pass
        assert refused.value.status == 404
