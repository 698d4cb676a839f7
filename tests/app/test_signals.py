"""Signals of a program: their names, who is called, and who is woken."""

from enum import Enum
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from triosanic import Blueprint, NotFound, Sanic, ServerError
from triosanic.exceptions import InvalidSignal
from triosanic.signals import Event
from triosanic.testing import running


class Mine(Enum):
    DONE = "mine.job.done"


def note(app: Sanic | Blueprint, event: Any, **options: Any) -> list[dict[str, Any]]:
    """List the contexts that a handler of this event gets."""
    noted: list[dict[str, Any]] = []

    async def handler(**context: Any) -> None:
        await trio.lowlevel.checkpoint()
        noted.append(context)

    app.signal(event, **options)(handler)
    return noted


@pytest.mark.parametrize(
    ("event", "dispatched", "params"),
    [
        ("a.b.c", "a.b.c", {}),
        ("word", "word", {}),
        (Mine.DONE, Mine.DONE, {}),
        (Mine.DONE, "mine.job.done", {}),
        ("a.b.<x>", "a.b.c", {"x": "c"}),
        ("a.b.<x:int>", "a.b.12", {"x": 12}),
    ],
)
async def test_a_handler_gets_the_context_by_name(
    app: Sanic, event: Any, dispatched: Any, params: dict[str, Any]
) -> None:
    """Contract 1.8: three parts, of which the third may be a parameter, or one word."""
    noted = note(app, event)
    async with running(app):
        await app.dispatch(dispatched, context={"user": "ann"}, inline=True)
    assert noted == [{"user": "ann", **params}]


@pytest.mark.parametrize(
    "event", ["a.b", "a.b.c.d", "<a>.b.c", "a.<b>.c", "a..c", "", "<a>", "a b", "a.b.<c"]
)
def test_other_names_are_refused(app: Sanic, event: str) -> None:
    with pytest.raises(InvalidSignal, match="Invalid signal event: "):
        app.signal(event)


@pytest.mark.parametrize(
    "event", ["http.mine.own", "server.init.during", "websocket.a.b", "http.lifecycle.<x>"]
)
def test_the_servers_namespaces_take_no_new_events(app: Sanic, event: str) -> None:
    """Contract 1.8."""
    with pytest.raises(InvalidSignal, match="Cannot declare reserved signal event"):
        app.signal(event)(print)


@pytest.mark.parametrize("event", [None, 3, b"a.b.c"])
def test_an_event_is_a_name(app: Sanic, event: Any) -> None:
    with pytest.raises(TypeError, match="an event must be a text"):
        app.signal(event)


async def test_a_blueprint_is_told_of_exceptions_too(app: Sanic) -> None:
    """Contract 1.5, 1.8 ``catch_exception``; Sanic 25.12 hands the blueprint on."""
    seen: list[object] = []
    bp = Blueprint("bp")
    bp.catch_exception(lambda recorder, exception: seen.append((recorder, type(exception))))
    app.get("/fails")(lambda request: 1 / 0)
    app.blueprint(bp)
    async with running(app) as client:
        await client.get("/fails")
    assert seen == [(bp, ZeroDivisionError)]


def test_wrong_handlers_are_refused(app: Sanic) -> None:
    with pytest.raises(TypeError, match="must be callable"):
        app.add_signal("no", "a.b.c")  # type: ignore[arg-type]
    with pytest.raises(InvalidSignal, match="no type 'wat'"):
        app.add_signal(print, "a.b.<c:wat>")


async def test_a_nobody_knows_event(app: Sanic) -> None:
    """Contract 1.8 ``fail_not_found``; Sanic 25.12: it counts where the event is dispatched inline."""
    async with running(app):
        assert await (await app.dispatch("a.b.c")) is None
        assert await (await app.dispatch("a.b.c", fail_not_found=False)) is None
        with pytest.raises(NotFound, match="Could not find signal "):
            await app.dispatch("a.b.c", inline=True)
        assert await app.dispatch("a.b.c", inline=True, fail_not_found=False) is None
        with pytest.raises(NotFound, match="Could not find signal "):
            await app.event("a.b.c")


@pytest.mark.parametrize("reverse", [False, True])
async def test_higher_priority_goes_first_then_the_order(app: Sanic, reverse: bool) -> None:
    order: list[str] = []
    app.add_signal(lambda: order.append("first"), "a.b.c")
    app.add_signal(lambda: order.append("second"), "a.b.c")
    app.signal("a.b.c", priority=1)(lambda: order.append("urgent"))
    async with running(app):
        await app.dispatch("a.b.c", inline=True, reverse=reverse)
    assert order == (["second", "first", "urgent"] if reverse else ["urgent", "first", "second"])


async def test_a_true_result_ends_the_dispatch_and_is_its_own(app: Sanic) -> None:
    """Sanic 25.12."""
    app.add_signal(lambda: 0, "a.b.c")
    app.add_signal(lambda: 7, "a.b.c")
    late = note(app, "a.b.c")
    async with running(app):
        assert await app.dispatch("a.b.c", inline=True) == 7
    assert late == []


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        (None, {"plain", "inclusive"}),
        ({"one": 1}, {"exclusive", "inclusive"}),
        ({"one": 2}, set()),
    ],
)
async def test_a_condition_chooses_handlers(
    app: Sanic, said: dict[str, Any] | None, reached: set[str]
) -> None:
    """Contract 1.8 ``condition`` and ``exclusive``."""
    noted = {
        "plain": note(app, "a.b.c"),
        "exclusive": note(app, "a.b.c", condition={"one": 1}),
        "inclusive": note(app, "a.b.c", condition={"one": 1}, exclusive=False),
    }
    async with running(app):
        await app.dispatch("a.b.c", condition=said, inline=True)
    assert {name for name, contexts in noted.items() if contexts} == reached


async def test_an_exact_name_and_a_parameter_are_both_meant(app: Sanic) -> None:
    """Each has its own arguments; the exact one is the first of its priority."""
    order: list[str] = []

    def record(event: str, priority: int = 0) -> None:
        @app.signal(event, priority=priority)
        async def handler(**context: object) -> None:
            order.append(f"{event} {context}")

    record("a.b.<x>")
    record("a.b.c")
    record("a.b.<first>", priority=1)
    async with running(app):
        await app.dispatch("a.b.c", context={"y": 1}, inline=True)
        await app.dispatch("a.b.d", inline=True)
    assert order == [
        "a.b.<first> {'first': 'c', 'y': 1}",
        "a.b.c {'y': 1}",
        "a.b.<x> {'x': 'c', 'y': 1}",
        "a.b.<first> {'first': 'd'}",
        "a.b.<x> {'x': 'd'}",
    ]


async def test_a_dispatch_is_a_task_of_the_app(app: Sanic) -> None:
    """Contract 1.8: not inline, the caller does not wait."""
    gate, done = trio.Event(), []

    @app.signal("a.b.c")
    async def handler() -> str:
        await gate.wait()
        done.append("handled")
        return "result"

    async with running(app):
        task = await app.dispatch("a.b.c")
        assert not task.done()
        assert len(app.nursery.child_tasks) == 1
        gate.set()
        assert await task == "result"
    assert done == ["handled"]


async def test_a_failing_handler_is_logged_and_the_app_goes_on(
    app: Sanic, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_signal(lambda: 1 / 0, "a.b.c")
    async with running(app) as client:
        task = await app.dispatch("a.b.c")
        with pytest.raises(ZeroDivisionError):
            await task
        assert (await client.get("/")).text == "hello"
        with pytest.raises(ZeroDivisionError):
            await app.dispatch("a.b.c", inline=True)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "a task of the app failed"
    ]


async def test_before_the_start_only_inline(app: Sanic) -> None:
    noted = note(app, "a.b.c")
    app.signalize()
    with pytest.raises(ServerError, match="has none before it serves"):
        await app.dispatch("a.b.c")
    await app.dispatch("a.b.c", inline=True)
    assert noted == [{}]


# Waiting.


async def test_event_gives_the_context(app: Sanic) -> None:
    """Contract 1.8."""
    note(app, "a.b.c")
    found: list[Any] = []

    async def wait() -> None:
        found.append(await app.event("a.b.c"))

    async with running(app), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await app.dispatch("a.b.c", context={"user": "ann"})
    assert found == [{"user": "ann"}]


async def test_all_that_wait_are_woken_once(app: Sanic) -> None:
    app.add_signal(None, "a.b.c")
    found: list[Any] = []

    async def wait() -> None:
        found.append(await app.event("a.b.c"))

    async with running(app), trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        for number in (1, 2):
            await app.dispatch("a.b.c", context={"number": number})
    assert found == [{"number": 1}] * 3


async def test_event_without_a_handler_needs_to_be_registered(app: Sanic) -> None:
    """Contract 1.3 ``EVENT_AUTOREGISTER``."""
    app.config.EVENT_AUTOREGISTER = True
    found: list[Any] = []

    async def wait() -> None:
        found.append(await app.event("a.b.c"))

    async with running(app), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await app.dispatch("a.b.c", context={"n": 1})
    assert found == [{"n": 1}]


@pytest.mark.parametrize("awaited", ["a.b.*", "a.b.<x>", "a.b.7"])
async def test_event_may_leave_the_third_part_open(app: Sanic, awaited: str) -> None:
    """Sanic 25.12: the parameter is part of the context."""
    app.add_signal(None, "a.b.<x:int>")
    found: list[Any] = []

    async def wait() -> None:
        found.append(await app.event(awaited))

    async with running(app), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await app.dispatch("a.b.7", context={"n": 1})
        with pytest.raises(NotFound):
            await app.dispatch("a.b.word", inline=True)
    assert found == [{"x": 7, "n": 1}]


async def test_event_has_a_timeout_and_leaves_nothing(app: Sanic, autojump_clock: MockClock) -> None:
    app.add_signal(None, "a.b.c")
    async with running(app):
        began = trio.current_time()
        with pytest.raises(TimeoutError, match="was not dispatched within 5 s"):
            await app.event("a.b.c", timeout=5)
        assert trio.current_time() - began == 5
        assert app.signals.waiting == 0


async def test_a_cancelled_wait_leaves_nothing(app: Sanic) -> None:
    app.add_signal(None, "a.b.c")
    async with running(app):
        with trio.CancelScope() as scope:
            scope.cancel()
            await app.event("a.b.c")
        assert scope.cancelled_caught
        assert app.signals.waiting == 0


@pytest.mark.parametrize(
    ("waits", "said", "woken"),
    [
        ({}, None, True),
        ({"condition": {"one": 1}}, None, False),
        ({"condition": {"one": 1}}, {"one": 1}, True),
        ({"condition": {"one": 1}, "exclusive": False}, None, True),
        ({}, {"one": 1}, False),
    ],
)
async def test_event_with_a_condition(
    app: Sanic,
    autojump_clock: MockClock,
    waits: dict[str, Any],
    said: dict[str, Any] | None,
    woken: bool,
) -> None:
    app.add_signal(None, "a.b.c")
    found: list[Any] = []

    async def wait() -> None:
        with trio.move_on_after(1):
            found.append(await app.event("a.b.c", **waits))

    async with running(app), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await app.dispatch("a.b.c", condition=said)
    assert (found == [{}]) is woken


# Blueprints.


async def test_a_blueprint_dispatches_to_its_own(app: Sanic) -> None:
    """Contract 1.5."""
    bp, other = Blueprint("bp"), Blueprint("other")
    noted = {"app": note(app, "a.b.c"), "bp": note(bp, "a.b.c"), "other": note(other, "a.b.c")}
    app.blueprint([bp, other])
    async with running(app):
        await bp.dispatch("a.b.c", context={"n": 1}, inline=True)
        assert [len(contexts) for contexts in noted.values()] == [0, 1, 0]
        await app.dispatch("a.b.c", inline=True)
        assert [len(contexts) for contexts in noted.values()] == [1, 2, 1]


async def test_a_blueprint_waits(app: Sanic) -> None:
    bp = Blueprint("bp")
    note(bp, "a.b.c")
    app.blueprint(bp)
    found: list[Any] = []

    async def wait() -> None:
        found.append(await bp.event("a.b.c"))

    async with running(app), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await app.dispatch("a.b.c", context={"n": 1})
    assert found == [{"n": 1}]


async def test_a_blueprint_waits_for_the_first_of_its_apps(app: Sanic, autojump_clock: MockClock) -> None:
    other, bp = Sanic("other"), Blueprint("bp")
    bp.get("/b")(lambda request: None)
    note(bp, "a.b.c")
    app.blueprint(bp)
    other.blueprint(bp)
    found: list[Any] = []

    async def wait() -> None:
        found.append(await bp.event("a.b.c"))

    async with running(app), running(other), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await other.dispatch("a.b.c", context={"n": 2})
        with pytest.raises(TimeoutError):
            await bp.event("a.b.c", timeout=1)
    assert found == [{"n": 2}]


def test_apps_of_a_blueprint_that_has_none() -> None:
    with pytest.raises(Exception, match="has not yet been registered to an app"):
        _ = Blueprint("bp").apps


def test_the_table_of_signals(app: Sanic) -> None:
    note(app, "a.b.c")
    app.signalize()
    assert [spec.event for spec in app.signal_router.signals] == ["a.b.c"]
    assert "a.b.c" in repr(app.signal_router)


def test_the_servers_events_are_sanics() -> None:
    """Contract 1.8."""
    assert Event.HTTP_LIFECYCLE_READ_BODY.value == "http.lifecycle.read_body"
    assert len(Event) == 23
