"""Simulations from the command line: one seed, with all that happens, or as many as you have time for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from triosanic.helpers import import_string
from triosanic.testing.simulation.simulation import Simulation, of

_PROGRESS_S: Final = 10.0
_FAILURES: Final = 20  # more of them say nothing new


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 1 if a seed has failed."""
    parser = argparse.ArgumentParser(
        prog="python -m triosanic.testing.simulation", description="Run an app under simulation."
    )
    parser.add_argument("target", help="MODULE:NAME of a Simulation, or of an app, whose GETs are then asked")
    parser.add_argument("--seed", type=int, help="run this one, and show all that happens")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run (1000)")
    parser.add_argument("--start", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--trace", action="store_true", help="with --seed: hash each step of each task, too")
    options = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    simulation = load(options.target)
    if options.seed is not None:
        return show(simulation, options.seed, steps=options.trace)
    return run_many(simulation, range(options.start, options.start + options.seeds))


def load(target: str) -> Simulation:
    """Return the simulation that ``MODULE:NAME`` is, or one of the app that it is.

    Raises:
        SystemExit: It is neither.
    """
    module, _, name = target.partition(":")
    try:
        found: Any = import_string(f"{module}.{name}")
    except (ImportError, AttributeError) as exc:
        sys.exit(f"can't load {target!r}, which must be MODULE:NAME: {exc}")
    simulation = found if isinstance(found, Simulation) else of(found)
    return replace(simulation, name=target)


def show(simulation: Simulation, seed: int, *, steps: bool) -> int:
    """Run one seed, and print all that happens in it; return 1 if it fails."""
    outcome = simulation.play(seed, steps=steps, tell=print)
    print(f"{outcome.exchanges} exchanges, {outcome.faults} faults, trace {outcome.digest}")
    if outcome.problems:
        print(simulation.report(outcome))
    return int(bool(outcome.problems))


def run_many(simulation: Simulation, seeds: Sequence[int]) -> int:
    """Run seeds, print those that fail, and how far it is; return 1 if there are any."""
    failed = exchanges = faults = count = 0
    began = told = monotonic()
    for seed in seeds:
        outcome = simulation.play(seed)
        count += 1
        exchanges += outcome.exchanges
        faults += outcome.faults
        if outcome.problems:
            failed += 1
            print(simulation.report(outcome), flush=True)
        if monotonic() - told > _PROGRESS_S:
            told = monotonic()
            rate = count / (told - began) * 60
            print(f"{count} of {len(seeds)} seeds, {rate:.0f} a minute, {failed} failed", file=sys.stderr)
        if failed == _FAILURES:
            break
    took_s = monotonic() - began
    print(
        f"{count} seeds, {exchanges} exchanges, {faults} faults, {failed} failed; {took_s:.1f} s,"
        f" {count / took_s * 60:.0f} seeds a minute"
    )
    return int(failed > 0)
