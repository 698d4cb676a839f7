"""Trio's functions in asyncio's code are an error of that handler, and of nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio_asyncio
from trio.testing import MockClock

from triosanic import Request, Sanic
from triosanic.asyncio import aio_handler
from triosanic.response import HTTPResponse, text
from triosanic.testing import running


async def sleep(request: Request) -> None:
    await trio.sleep(1)


async def checkpoint(request: Request) -> None:
    await trio.lowlevel.checkpoint()


async def wait_for_a_channel(request: Request) -> None:
    _, receive = trio.open_memory_channel[None](0)
    await receive.receive()


async def sleep_in_a_task(request: Request) -> None:
    await asyncio.create_task(sleep(request))


async def scope_around_asyncio(request: Request) -> None:
    with trio.fail_after(5):
        await asyncio.sleep(1)


async def nursery_around_asyncio(request: Request) -> None:
    async with trio.open_nursery():
        await asyncio.sleep(1)


async def insist(request: Request) -> None:
    for _ in range(3):
        try:
            await trio.sleep(1)
        except RuntimeError:
            continue
    await trio.sleep(1)


@pytest.mark.parametrize(
    "misuse",
    [
        sleep,
        checkpoint,
        wait_for_a_channel,
        sleep_in_a_task,
        scope_around_asyncio,
        nursery_around_asyncio,
        insist,
    ],
)
async def test_misuse_is_one_handlers_error(
    app: Sanic,
    misuse: Callable[[Request], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    app.get("/misuse")(aio_handler(misuse))

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        await asyncio.sleep(1)
        return text("fine")

    async with running(app) as client:
        for _ in range(3):
            assert (await client.get("/misuse")).status_code == 500
            assert (await client.get("/")).text == "fine"
    assert "trio_as_aio" in caplog.text


async def test_nothing_stays_behind(app: Sanic, autojump_clock: MockClock) -> None:
    """Else the event would wake the task that runs the loop, which waits for something else."""

    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        event = trio.Event()
        with pytest.raises(RuntimeError, match="trio_as_aio"):
            await event.wait()
        assert event.statistics().tasks_waiting == 0
        event.set()
        await asyncio.sleep(1)
        return text("fine")

    async with running(app) as client:
        assert (await client.get("/")).text == "fine"


async def test_the_remedy_works(app: Sanic, autojump_clock: MockClock) -> None:
    @app.get("/")
    @aio_handler
    async def handler(request: Request) -> HTTPResponse:
        begun = trio.current_time()
        await trio_asyncio.trio_as_aio(trio.sleep)(3)
        return text(f"{trio.current_time() - begun:.0f}")

    async with running(app) as client:
        assert (await client.get("/")).text == "3"
