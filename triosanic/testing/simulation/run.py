"""One run of one seed: the app, its clients, what goes wrong, and what must be true in the end."""

from __future__ import annotations

import gc
import logging
import os
import random as global_random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from random import Random
from typing import Any, Final, Protocol

import trio

from triosanic.config import Config
from triosanic.http.wire import Wire
from triosanic.log import error_logger, logger, server_logger
from triosanic.testing.simulation.asks import Ask, MakeAsk
from triosanic.testing.simulation.peer import Peer
from triosanic.testing.simulation.plan import AT_STEP, Conversation, Plan, make_plan
from triosanic.testing.simulation.schedule import VirtualClock, seeded_schedule
from triosanic.testing.simulation.trace import Steps, Trace
from triosanic.testing.simulation.verdict import Circumstances, judge
from triosanic.testing.simulation.wire import SimulatedWire
from triosanic.testing.streams import MemoryStream, memory_pair

_HOST: Final = "127.0.0.1"
_FIRST_PORT: Final = 49_152
# No limit is as long: what is not over by then hangs.
_HANGS_S: Final = 3600.0
_DESCRIPTORS: Final = "/proc/self/fd" if os.path.exists("/proc/self/fd") else "/dev/fd"
_LOGGERS: Final = (logger, error_logger, server_logger)
_CUT_OFF: Final = "cut off at the end of the grace"


class App(Protocol):
    """What a simulation needs of an app; see `Sanic`."""

    config: Config

    @property
    def serve(self) -> Callable[..., Any]:
        """Serve until stopped."""

    @property
    def nursery(self) -> trio.Nursery:
        """Has the app's own tasks."""

    def stop(self) -> None:
        """Begin the shutdown."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What runs have in common; see `Simulation`."""

    asks: Sequence[Ask | MakeAsk]
    own_errors: tuple[type[BaseException], ...]
    connections: int
    exchanges: int
    settle_s: float
    max_held_in_bytes: int | None
    max_held_out_bytes: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run.

    Attributes:
        seed: The seed.
        problems: What was wrong, a line each.
        digest: The hash of all that happened.
        exchanges: How many requests were answered.
        faults: How many things went wrong, on purpose.
    """

    seed: int
    problems: tuple[str, ...]
    digest: str
    exchanges: int
    faults: int


def run_seed(
    app: App, scene: Scene, seed: int, *, steps: bool = False, tell: Callable[[str], None] | None = None
) -> Outcome:
    """Run one seed.

    Args:
        app: Must not serve.
        scene: What all runs have in common.
        seed: Decides everything.
        steps: Whether the hash is of each step of each task, too.
        tell: Called with each event as a line.

    Raises:
        NotDeterministic: Trio can't be given a seed.
    """
    with _without_collector():
        return _run_seed(app, scene, seed, Trace(tell), steps=steps)


def _run_seed(app: App, scene: Scene, seed: int, trace: Trace, *, steps: bool) -> Outcome:
    random = Random(seed)
    plan = make_plan(scene.asks, random, connections=scene.connections, exchanges=scene.exchanges)
    run = _Run(app, scene, plan, trace)
    state = global_random.getstate()
    before = _descriptors()
    with seeded_schedule(seed), _heard(run):
        global_random.seed(seed)  # the program's own
        try:
            trio.run(partial(run.play, steps=steps), clock=VirtualClock())
        except Exception as exc:  # noqa: BLE001  # it is what this run has found
            run.problems.append(f"the app raised {exc!r}")
        finally:
            global_random.setstate(state)
        gc.collect()  # what is found in the garbage is of this run, and each time the same
    if (left := _descriptors()) != before:
        run.problems.append(f"descriptors were left open: {sorted(left - before)}")
    exchanges = sum(len(peer.answers) for peer in run.peers)
    return Outcome(seed, tuple(run.problems), run.trace.digest, exchanges, run.faults)


class _Run:
    """One run."""

    def __init__(self, app: App, scene: Scene, plan: Plan, trace: Trace) -> None:
        self._app = app
        self._scene = scene
        self._plan = plan
        self.trace = trace
        self.problems: list[str] = []
        self.peers = [Peer(talk, trace) for talk in plan.conversations]
        self._wires: dict[int, SimulatedWire] = {}
        self._stopped_at = inf

    @property
    def faults(self) -> int:
        """How many faults have happened."""
        talks = [talk for talk in self._plan.conversations if talk.fault is not None]
        happened = [talk.fault not in AT_STEP or self._struck(talk) for talk in talks]
        return sum(happened) + (self._stopped_at < inf)

    def _struck(self, talk: Conversation) -> bool:
        return talk.number in self._wires and self._wires[talk.number].struck

    def expects(self, record: logging.LogRecord, error: BaseException | None) -> bool:
        """Whether the program, or the shutdown amid the traffic, is why ``record`` was logged."""
        if error is not None:
            return self._is_own(error)
        grace_ends_at = self._stopped_at + self._app.config.GRACEFUL_SHUTDOWN_TIMEOUT
        return record.msg.startswith(_CUT_OFF) and trio.current_time() >= grace_ends_at

    def _is_own(self, error: BaseException) -> bool:
        """Whether the program has raised it on purpose; a nursery's group is what is in it."""
        if isinstance(error, BaseExceptionGroup):
            return all(map(self._is_own, error.exceptions))
        return isinstance(error, self._scene.own_errors)

    def on_unraisable(self, found: sys.UnraisableHookArgs) -> None:
        """See `sys.unraisablehook`."""
        self.problems.append(f"unraisable: {found.exc_value!r} in {found.object!r}")

    async def play(self, *, steps: bool) -> None:
        """Run it, on this Trio's clock."""
        if steps:
            trio.lowlevel.add_instrument(Steps(self.trace))
        before = _living()
        with trio.move_on_after(_HANGS_S) as limit:
            send, receive = trio.open_memory_channel[Wire](0)
            async with send, trio.open_nursery() as nursery:
                await nursery.start(partial(self._app.serve, sock=(), wires=receive))
                await self._visit(send)
                began = trio.current_time()
                self._stop()
            self._check_stop(trio.current_time() - began)
        if limit.cancelled_caught:
            self.problems.append(f"it hangs: {_HANGS_S} s have passed")
        if _living() != before:
            self.problems.append(f"tasks outlived the server: {_living() - before}")
        self._judge()

    async def _visit(self, send: trio.abc.SendChannel[Wire]) -> None:
        """Let the clients play their parts, and see that nothing is left of them."""
        own = _living() - len(self._app.nursery.child_tasks)
        connect = partial(self._connect, send)
        with _at_steps(self._plan, self._wires):
            async with trio.open_nursery() as nursery:
                if self._plan.stop_at_s is not None:
                    nursery.start_soon(self._stop_later, self._plan.stop_at_s)
                for peer in self.peers:
                    nursery.start_soon(peer.play, connect)
        await trio.sleep(self._scene.settle_s)
        for wire in self._wires.values():
            if not wire.server_end.closed:
                self.problems.append(f"#{wire.talk.number}: the server has not closed its stream")
        if self._stopped_at == inf:
            left = _living() - len(self._app.nursery.child_tasks) - own
            if left:
                self.problems.append(f"tasks were left when all connections had ended: {left}")

    async def _connect(self, send: trio.abc.SendChannel[Wire], talk: Conversation) -> MemoryStream:
        ends = memory_pair(self._plan.buffer_bytes)
        wire = SimulatedWire(talk, ends, (_HOST, _FIRST_PORT + talk.number), (_HOST, 80))
        try:
            await send.send(wire)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise ConnectionRefusedError from exc
        self._wires[talk.number] = wire
        return ends[0]

    async def _stop_later(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self._stop()

    def _stop(self) -> None:
        if self._stopped_at == inf:
            self.trace.note(-1, "stop")
            self._app.stop()
            if self._plan.stop_at_s is not None:
                self._stopped_at = trio.current_time()

    def _check_stop(self, took_s: float) -> None:
        if took_s > 0:  # nobody was there any more
            self.problems.append(f"the shutdown took {took_s} s")

    def _judge(self) -> None:
        for peer in self.peers:
            wire = self._wires.get(peer.talk.number)
            around = Circumstances(
                self._app.config,
                self._stopped_at,
                self._struck(peer.talk),
                wire.taken if wire is not None else 0,
                wire.given if wire is not None else 0,
            )
            fault = f" [{peer.talk.fault.name}]" if peer.talk.fault else ""
            self.problems += [f"#{peer.talk.number}{fault}: {complaint}" for complaint in judge(peer, around)]
            if wire is not None:
                self._judge_buffers(wire)

    def _judge_buffers(self, wire: SimulatedWire) -> None:
        config = self._app.config
        # A read ahead begins below its limit, and may then bring as much as the connection holds.
        most_in = self._scene.max_held_in_bytes or config.REQUEST_BUFFER_SIZE + self._plan.buffer_bytes
        most_out = self._scene.max_held_out_bytes or 2 * config.RESPONSE_BUFFER_LIMIT
        number = wire.talk.number
        if wire.held_in > most_in:
            self.problems.append(f"#{number}: {wire.held_in} bytes of requests were held, not {most_in}")
        if wire.held_out > most_out:
            self.problems.append(f"#{number}: {wire.held_out} bytes of an answer were held, not {most_out}")


class _AtStep(trio.abc.Instrument):
    """Lets faults happen at their steps."""

    def __init__(self, due: list[tuple[int, Conversation]], wires: dict[int, SimulatedWire]) -> None:
        self._due = sorted(due, key=lambda item: -item[0])
        self._wires = wires
        self._step = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002  # Trio's
        """See `trio.abc.Instrument`."""
        self._step += 1
        while self._due and self._due[-1][0] <= self._step:
            _, talk = self._due[-1]
            wire = self._wires.get(talk.number)
            assert talk.fault is not None
            if wire is None:
                return  # it has not connected yet
            wire.strike(talk.fault)
            if not wire.struck and not wire.server_end.closed:
                return  # there is no handler yet
            self._due.pop()


@contextmanager
def _at_steps(plan: Plan, wires: dict[int, SimulatedWire]) -> Iterator[None]:
    due = [(talk.at, talk) for talk in plan.conversations if talk.fault in AT_STEP]
    if not due:
        yield
        return
    instrument = _AtStep(due, wires)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(instrument)


class _Listener(logging.Handler):
    """Takes what is logged, but for errors that are the program's own."""

    def __init__(self, run: _Run) -> None:
        super().__init__(logging.WARNING)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not self._run.expects(record, error):
            line = f"logged: {record.name} {record.levelname} {record.getMessage()}: {error!r}"
            self._run.problems.append(line)


@contextmanager
def _heard(run: _Run) -> Iterator[None]:
    """Listen to the server's loggers and to what Python can't raise."""
    listener = _Listener(run)
    before = [(log, log.propagate, log.handlers, log.level) for log in _LOGGERS]
    hook = sys.unraisablehook
    sys.unraisablehook = run.on_unraisable
    for log in _LOGGERS:
        log.propagate, log.handlers = False, [listener]
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for log, propagate, handlers, level in before:
            log.propagate, log.handlers = propagate, handlers
            log.setLevel(level)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let the collector see nothing but the run, at its end; and then what the run itself has kept."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before is not looked at, which would take longer than the run
    try:
        yield
    finally:
        gc.collect()  # else a quarter of a megabyte stays behind each run
        gc.unfreeze()
        if enabled:
            gc.enable()


def _living() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def _descriptors() -> frozenset[str]:
    return frozenset(os.listdir(_DESCRIPTORS))
