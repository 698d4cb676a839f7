"""Listeners while a server lives: which are called, when, and with what."""

from typing import Any

import pytest
import trio

from triosanic import Blueprint, HTTPResponse, Request, Sanic, text
from triosanic.testing import running

STARTS = ["main_process_start", "before_server_start", "after_server_start", "main_process_ready"]
STOPS = ["before_server_stop", "after_server_stop", "main_process_stop"]
# There is no reloader.
NEVER = ["reload_process_start", "reload_process_stop", "before_reload_trigger", "after_reload_trigger"]


@pytest.mark.parametrize("how", ["decorator", "named", "register", "called"])
async def test_all_of_them_are_called_at_their_time(app: Sanic, how: str) -> None:
    """Contract 1.7."""
    order: list[str] = []
    for name in [*STARTS, *STOPS, *NEVER]:

        async def listener(app: Sanic, name: str = name) -> None:
            await trio.lowlevel.checkpoint()
            order.append(name)

        if how == "decorator":
            getattr(app, name)(listener)
        elif how == "called":
            getattr(app, name)(priority=0)(listener)
        elif how == "named":
            app.listener(name)(listener)
        else:
            app.register_listener(listener, name)
    async with running(app):
        assert order == STARTS
    assert order == STARTS + STOPS


@pytest.mark.parametrize("event", [*STARTS, *STOPS])
async def test_the_order_within_an_event(app: Sanic, event: str) -> None:
    """Contract 1.7: ``*_stop`` in reverse; a blueprint's where it was mounted."""
    order: list[str] = []
    bp = Blueprint("bp")
    app.register_listener(lambda _: order.append("first"), event)
    app.blueprint(bp)
    app.register_listener(lambda _: order.append("last"), event)
    app.register_listener(lambda _: order.append("urgent"), event, priority=1)
    bp.register_listener(lambda _: order.append("blueprint"), event)
    async with running(app):
        pass
    expected = ["urgent", "first", "blueprint", "last"]
    assert order == (expected[::-1] if event.endswith("_stop") else expected)


@pytest.mark.parametrize("event", [*STARTS, *STOPS])
async def test_a_second_argument_is_the_nursery(app: Sanic, event: str) -> None:
    """The contract's old ``(app, loop)``."""
    got: list[Any] = []
    app.register_listener(lambda app, loop: got.append((app, loop is app.nursery)), event)
    async with running(app):
        pass
    assert got == [(app, True)]


@pytest.mark.parametrize("event", STARTS)
async def test_one_that_fails_at_the_start_ends_it(app: Sanic, event: str) -> None:
    closed: list[str] = []
    app.register_listener(lambda _: 1 / 0, event)
    app.after_server_stop(lambda _: closed.append("closed"))
    with pytest.raises(ZeroDivisionError):
        async with running(app):
            await trio.sleep_forever()
    assert closed == ["closed"]


@pytest.mark.parametrize("event", STOPS)
async def test_one_that_fails_at_the_stop_is_logged_and_the_others_run(
    app: Sanic, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []
    app.register_listener(lambda _: closed.append("closed"), event)
    app.register_listener(lambda _: 1 / 0, event)
    async with running(app):
        pass
    assert closed == ["closed"]
    assert any(message.startswith("a listener of ") for message in caplog.messages)


async def test_what_a_start_listener_configures_holds(
    app: Sanic, autojump_clock: trio.testing.MockClock
) -> None:
    """As in Sanic: of limits of connections, of bodies, and of the shutdown."""

    @app.before_server_start
    async def configure(app: Sanic) -> None:
        app.config.update({"RESPONSE_TIMEOUT": 3, "REQUEST_MAX_SIZE": 2, "GRACEFUL_SHUTDOWN_TIMEOUT": 5})

    @app.route("/wait", methods=["GET", "POST"])
    async def wait(request: Request) -> HTTPResponse:
        await trio.sleep(100)
        return text("late")

    async with running(app) as client:
        start = trio.current_time()
        assert (await client.post("/wait", content=b"abc")).status_code == 413
        assert (await client.get("/wait")).status_code == 503
        assert trio.current_time() == pytest.approx(start + 3)

    async with running(app) as client, client.connect() as raw:
        app.config.RESPONSE_TIMEOUT = 1000  # put back by the listener
        await raw.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b" 503 " in await raw.head()
