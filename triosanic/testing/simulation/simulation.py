"""Simulations: an app, what its clients ask, and as many seeds as you like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from triosanic.recorder import Mount, Recorder
from triosanic.router import RouteSpec
from triosanic.testing.simulation.asks import Ask, MakeAsk, get
from triosanic.testing.simulation.run import App, Outcome, Scene, run_seed

_COMMAND: Final = "python -m triosanic.testing.simulation"


class SimulationFailed(AssertionError):
    """A seed has found something. The message's last line repeats it."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """An app under simulation.

    Attributes:
        app: The app, or what makes one for each run.
        asks: What clients ask: requests, and functions that make one from a `random.Random`.
        name: Where this object is, as ``module:name``, for the command that repeats a failure.
        own_errors: Exceptions that the program raises on purpose: that they are logged is right.
        at_end: Called after each run; yields what is wrong with the program.
        connections: At least so many a run.
        exchanges: At least so many requests a run.
        settle_s: How long, in virtual seconds, handlers may run after their clients have left.
        max_held_in_bytes: What the server may hold of what one client has sent; ``None``: what its limits
            say.
        max_held_out_bytes: What it may hold of what it is to send to one client; ``None``: likewise.
    """

    app: App | Callable[[], App]
    asks: Sequence[Ask | MakeAsk]
    name: str = ""
    own_errors: tuple[type[BaseException], ...] = ()
    at_end: Callable[[], Iterable[str]] | None = None
    connections: int = 8
    exchanges: int = 26
    settle_s: float = 60.0
    max_held_in_bytes: int | None = None
    max_held_out_bytes: int | None = None

    def play(
        self, seed: int, *, steps: bool = False, tell: Callable[[str], None] | None = None
    ) -> Outcome:
        """Run one seed, and return what became of it; see `run.run_seed`."""
        app = self.app() if callable(self.app) else self.app
        scene = Scene(
            self.asks,
            self.own_errors,
            self.connections,
            self.exchanges,
            self.settle_s,
            self.max_held_in_bytes,
            self.max_held_out_bytes,
        )
        outcome = run_seed(app, scene, seed, steps=steps, tell=tell)
        if self.at_end is None:
            return outcome
        problems = (*outcome.problems, *self.at_end())
        return Outcome(seed, problems, outcome.digest, outcome.exchanges, outcome.faults)

    def run(self, seeds: Iterable[int]) -> int:
        """Run ``seeds`` until one fails; return how many there were.

        Raises:
            SimulationFailed: A seed has found something.
        """
        count = 0
        for seed in seeds:
            outcome = self.play(seed)
            if outcome.problems:
                raise SimulationFailed(self.report(outcome))
            count += 1
        return count

    def report(self, outcome: Outcome) -> str:
        """Return what went wrong, with the command that repeats it."""
        command = f"{_COMMAND} {self.name or 'MODULE:NAME'} --seed {outcome.seed}"
        return "\n".join([f"seed {outcome.seed}:", *(f"  {line}" for line in outcome.problems), command])


def of(app: Any) -> Simulation:
    """Return a simulation that asks every path of ``app`` that takes GET and has no parameters.

    Any status below 500 is right: what an answer must be, only the program's author can say.

    Raises:
        ValueError: There is no such path.
    """
    asks = [get(path, status=None) for path in _paths(app)]
    if not asks:
        raise ValueError(f"{app!r} has no GET without parameters: make a Simulation and say what to ask")
    return Simulation(app, asks)


def _paths(recorder: Recorder, prefix: str = "") -> Iterator[str]:
    for spec in recorder.specs:
        if isinstance(spec, RouteSpec) and "GET" in spec.methods and "<" not in prefix + spec.uri:
            yield (prefix + spec.uri) or "/"
        elif isinstance(spec, Mount) and spec.version is None:
            yield from _paths(spec.recorder, prefix + (spec.url_prefix or ""))
