"""Background tasks: handles, names, and their end."""

import pytest
import trio
from trio.testing import MockClock

from triosanic import Sanic, SanicException
from triosanic.testing import running


async def test_a_task_gives_its_result(app: Sanic) -> None:
    """Contract 1.17: `add_task` returns the task."""

    async def answer() -> int:
        await trio.lowlevel.checkpoint()
        return 42

    async with running(app):
        task = app.add_task(answer())
        assert (task.done(), task.cancelled()) == (False, False)
        with pytest.raises(RuntimeError, match="has no result, because it has not ended"):
            task.result()
        assert await task == 42
        assert (task.done(), task.result(), task.exception()) == (True, 42, None)
        assert task.cancel() is False


async def test_a_task_may_be_a_coroutine_or_a_function(app: Sanic) -> None:
    """Contract 1.17: of no argument, or of the app."""
    got: list[object] = []

    async def bare() -> None:
        got.append("bare")

    async def with_app(app: Sanic) -> None:
        got.append(app)

    def plain() -> None:
        got.append("plain")

    async with running(app):
        for work in (bare, with_app, bare(), plain):
            await app.add_task(work)
    assert got == ["bare", app, "bare", "plain"]


async def test_tasks_have_names(app: Sanic) -> None:
    async with running(app):
        task = app.add_task(trio.sleep_forever, name="sleeper")
        assert app.get_task("sleeper") is task
        assert (task.name, task.get_name()) == ("sleeper", "sleeper")
        assert list(app.tasks) == [task]
        app.add_task(trio.sleep_forever, name="secret", register=False)
        assert app.get_task("secret", raise_exception=False) is None
        with pytest.raises(SanicException, match='Registered task named "nobody" not found'):
            app.get_task("nobody")
        await app.shutdown_tasks()


async def test_a_task_is_cancelled_by_name(app: Sanic) -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append("up")

    async with running(app):
        task = app.add_task(work, name="work")
        await trio.lowlevel.checkpoint()
        await app.cancel_task("work", msg="enough")
        assert cleaned == ["up"]
        assert task.cancelled()
        with pytest.raises(RuntimeError, match=r"was cancelled \(enough\)"):
            await task
        assert app.get_task("work") is task  # Sanic 25.12: until it is purged
        await app.cancel_task("work")
        app.purge_tasks()
        with pytest.raises(SanicException):
            await app.cancel_task("work")
        await app.cancel_task("work", raise_exception=False)


async def test_purging_forgets_what_has_ended(app: Sanic) -> None:
    async with running(app):
        ended = app.add_task(trio.lowlevel.checkpoint, name="ended")
        app.add_task(trio.sleep_forever, name="runs")
        await ended
        assert app.get_task("ended") is ended
        app.purge_tasks()
        assert [task.name for task in app.tasks] == ["runs"]
        await app.shutdown_tasks()


async def test_shutdown_of_tasks_waits_until_the_timeout(app: Sanic, autojump_clock: MockClock) -> None:
    async def slow_to_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)

    async with running(app):
        task = app.add_task(slow_to_end)
        await trio.sleep(1)
        began = trio.current_time()
        await app.shutdown_tasks(timeout=3)
        assert trio.current_time() - began == 3
        assert not task.done()
        await app.shutdown_tasks()
        assert trio.current_time() - began == 10
        assert task.cancelled()


async def test_a_task_before_the_start_waits_for_it(app: Sanic) -> None:
    """Contract 1.17: delayed; a name is allowed."""
    started: list[str] = []

    async def work() -> None:
        started.append("work")

    task = app.add_task(work, name="early")
    assert app.get_task("early") is task
    assert [one.name for one in app.tasks] == ["early"]
    for run in (1, 2):  # what can be called is called at each start
        async with running(app):
            await task
        assert started == ["work"] * run


async def test_a_task_that_was_cancelled_before_the_start_never_runs(app: Sanic) -> None:
    ran: list[str] = []

    async def work() -> None:
        ran.append("work")

    task = app.add_task(work(), name="early")
    await app.cancel_task("early")
    async with running(app):
        await trio.testing.wait_all_tasks_blocked()
    assert (ran, task.cancelled(), list(app.tasks)) == ([], True, [task])


async def test_a_failure_is_the_tasks_own(app: Sanic, caplog: pytest.LogCaptureFixture) -> None:
    async with running(app) as client:
        task = app.add_task(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await task
        assert isinstance(task.exception(), ZeroDivisionError)
        assert (await client.get("/")).status_code == 200
    assert "a task of the app failed" in caplog.messages


async def test_a_failure_stops_the_app_where_it_is_to(app: Sanic) -> None:
    app.config.APP_TASK_FAILURE = "stop"
    with pytest.raises(ZeroDivisionError):
        async with running(app):
            app.add_task(lambda: 1 / 0)
            await trio.sleep_forever()


async def test_the_end_of_the_server_is_the_tasks_end(app: Sanic, autojump_clock: MockClock) -> None:
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 2
    async with running(app):
        task = app.add_task(trio.sleep_forever)
    assert task.cancelled()
    assert "cancelled" in repr(task)
    assert list(app.tasks) == []


async def test_tasks_begin_in_the_order_of_their_adding(app: Sanic) -> None:
    """As asyncio's do; Trio shuffles those of one turn."""
    begun: list[int] = []

    async def begin(number: int) -> None:
        begun.append(number)
        await trio.lowlevel.checkpoint()

    for number in range(20):
        app.add_task(begin(number))
    async with running(app):
        tasks = [app.add_task(begin(number)) for number in range(20, 40)]
        tasks[5].cancel()
        await tasks[-1].wait()
    assert begun == [*range(40)]
