"""A seed is the same run each time, in every process; its command repeats it."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio._core._run as trio_run

from tests.simulation.program import simulation
from triosanic import Sanic, text
from triosanic.request import Request
from triosanic.response import HTTPResponse
from triosanic.testing.simulation import NotDeterministic, Simulation, SimulationFailed, get
from triosanic.testing.simulation.command import load, main
from triosanic.testing.simulation.schedule import VirtualClock, seeded_schedule
from triosanic.testing.simulation.simulation import of

ROOT = Path(__file__).parent.parent.parent
TARGET = "tests.simulation.program:simulation"
DIGESTS = """
from tests.simulation.program import simulation
print([simulation.play(seed, steps=True).digest for seed in range({start}, 30)])
"""


def digests(hash_seed: str, start: int) -> list[str]:
    """Run seeds in a new process; the hash is of each step of each task."""
    run = subprocess.run(
        [sys.executable, "-c", DIGESTS.format(start=start)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip("[]\n").split(", ")


def test_a_replay_is_identical_in_another_process() -> None:
    """Nor does it matter what ran before: the second process begins ten seeds later."""
    first, second = digests("1", 0), digests("2", 10)
    assert len(set(first)) == 30
    assert first[10:] == second


def test_steps_change_the_hash_and_nothing_else() -> None:
    assert simulation.play(3) == simulation.play(3)
    assert simulation.play(3).digest != simulation.play(3, steps=True).digest


def test_runs_leave_nothing_behind() -> None:
    """A hundred thousand of them need no more memory than one."""
    simulation.play(0)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for seed in range(3):
            simulation.play(seed)
        left = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert left < 300  # one run has thousands


def test_the_command_repeats_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([TARGET, "--seed", "3"]) == 0
    shown = capsys.readouterr().out
    assert "#0 SEND" in shown
    assert simulation.play(3).digest in shown.splitlines()[-1]


def test_the_command_runs_a_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([TARGET, "--start", "5", "--seeds", "3"]) == 0
    assert capsys.readouterr().out.startswith("3 seeds, ")


async def wrong(request: Request) -> HTTPResponse:
    """An answer that is not always right."""
    return text("right" if request.port % 4 else "wrong")


def make_wrong() -> Sanic:
    app = Sanic("wrong")
    Sanic.unregister_app(app)
    app.add_route(wrong, "/")
    return app


def is_right(answer: object) -> None:
    assert getattr(answer, "body", b"") == b"right", "it is wrong"


failing = Simulation(make_wrong, [get("/", check=is_right)], name="tests.simulation.test_replay:failing")


def test_a_failure_says_how_to_repeat_it() -> None:
    with pytest.raises(SimulationFailed) as caught:
        failing.run(range(10))
    lines = str(caught.value).splitlines()
    assert lines[0] == "seed 0:"
    assert "AssertionError: it is wrong" in lines[1]
    assert lines[-1] == f"python -m triosanic.testing.simulation {failing.name} --seed 0"


def test_the_command_tells_failures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([failing.name, "--seeds", "2"]) == 1
    shown = capsys.readouterr().out
    assert f"{failing.name} --seed 1" in shown
    assert "2 failed" in shown.splitlines()[-1]


def test_an_app_alone_is_asked_its_gets() -> None:
    assert not callable(simulation.app)
    found = of(simulation.app)
    targets = {ask.target for ask in found.asks if not callable(ask)}
    assert {"/plain", "/nap"} <= targets
    assert "/echo" not in targets
    assert of(make_wrong()).run(range(3)) == 3


def test_an_app_without_a_get_is_refused() -> None:
    app = Sanic("without")
    Sanic.unregister_app(app)
    with pytest.raises(ValueError, match="say what to ask"):
        of(app)


def test_a_target_that_is_not_there_is_refused() -> None:
    with pytest.raises(SystemExit, match="MODULE:NAME"):
        load("tests.simulation.nowhere:app")


def test_a_program_is_checked_at_the_end() -> None:
    told = replace(failing, asks=[get("/")], at_end=lambda: ["a lock is held"])
    assert told.play(1).problems == ("a lock is held",)


def test_a_trio_that_has_no_seed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING")
    with pytest.raises(NotDeterministic, match=r"has no trio\._core"), seeded_schedule(1):
        pass


def test_a_virtual_clock_is_at_each_deadline_at_once() -> None:
    async def wait() -> list[float]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1e6)
            await trio.sleep(0.1)
            first = trio.current_time()
            with trio.move_on_at(-1):
                await trio.sleep_forever()
            assert trio.current_time() == first
        return [first, trio.current_time()]

    assert trio.run(wait, clock=VirtualClock()) == [0.1, 1e6]


def test_a_virtual_clock_without_a_deadline_waits_for_threads() -> None:
    async def wait() -> str:
        return await trio.to_thread.run_sync(str, 1)

    assert trio.run(wait, clock=VirtualClock()) == "1"


def test_a_schedule_is_given_back() -> None:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()  # noqa: SLF001  # what is guarded
    with seeded_schedule(1):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001  # as above
        trio_run._r.random()  # noqa: SLF001  # as above
    assert before == (trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate())  # noqa: SLF001  # as above
