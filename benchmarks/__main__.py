"""Runs the workloads on the servers, alternating round by round, and reports."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import BenchmarkError
from benchmarks.files import write_served_files
from benchmarks.measure import FULL, QUICK, Sample, Scale
from benchmarks.peers import PEERS, Peer
from benchmarks.process import cores, running
from benchmarks.report import Run, full_report, gather_facts, update_readme, write_files
from benchmarks.tables import number
from benchmarks.venv import peers_python
from benchmarks.workloads import WORKLOADS, Workload

DEFAULT_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Bench:
    """A run under way; ``results`` fills up.

    Args:
        scale: How much of everything.
        workloads: In their order.
        peers_python: The interpreter of the peers' environment.
        core: The servers'.
    """

    scale: Scale
    workloads: Sequence[Workload]
    peers_python: Path
    core: int
    results: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)

    def one_round(self, peer: Peer, number_of_round: int) -> None:
        """Do to one server what this round asks for."""
        due = [w for w in self.workloads if w.max_rounds is None or number_of_round < w.max_rounds]
        self._on_one_server(peer, [workload for workload in due if not workload.fresh])
        for workload in due:
            if workload.fresh:
                self._on_one_server(peer, [workload])

    def _on_one_server(self, peer: Peer, workloads: Sequence[Workload]) -> None:
        python = Path(sys.executable) if peer.ours else self.peers_python
        waiting = list(workloads)
        while waiting:
            try:
                with running(peer, python, self.core) as server:
                    while waiting:
                        self._record(peer, waiting[0].run(server, self.scale))
                        waiting.pop(0)
            except (BenchmarkError, OSError) as error:
                # The next workload gets a new server: this one may be in any state.
                failed = waiting.pop(0)
                self._record(peer, [Sample(metric.name, None, str(error)) for metric in failed.metrics])

    def _record(self, peer: Peer, samples: Sequence[Sample]) -> None:
        for sample in samples:
            self.results.setdefault((sample.metric, peer.name), []).append(sample)
            line = f"{peer.name:18} {sample.metric:14} {number(sample.value):>8} {sample.note}"
            print(line, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    workloads, peers = [workload.name for workload in WORKLOADS], [peer.name for peer in PEERS]
    parser.add_argument("--only", type=_names_of(workloads), default=workloads, metavar="NAME,…",
                        help=f"workloads, of {', '.join(workloads)}")  # fmt: skip
    parser.add_argument("--servers", type=_names_of(peers), default=peers, metavar="NAME,…",
                        help=f"servers, of {', '.join(peers)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes: a smoke test, no measurement")
    parser.add_argument("--update-readme", action="store_true", help="put the results into README.md")
    arguments = parser.parse_args()
    arguments.whole = not arguments.quick and arguments.only == workloads and arguments.servers == peers
    if arguments.update_readme and not arguments.whole:
        parser.error("--update-readme wants all workloads and servers at full size")
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {arguments.rounds}")
    return arguments


def _names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := sorted(set(chosen) - set(known)):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return [name for name in known if name in chosen]

    return parse


def _allow_files() -> None:
    """Lift the soft limit of open files, often 1,024, for this process and for the servers that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> int:
    """Run it; the exit status is 1 if a floor of a full-size run does not hold."""
    arguments = _arguments()
    started = time.monotonic()
    server_core, load_core = cores()
    python = peers_python()
    facts = gather_facts(python, arguments.rounds, (server_core, load_core))
    facts["sizes"] = "small (--quick): these are no measurements" if arguments.quick else "full"
    peers = [peer for peer in PEERS if peer.name in arguments.servers]
    workloads = [workload for workload in WORKLOADS if workload.name in arguments.only]
    os.sched_setaffinity(0, {load_core})
    _allow_files()
    scale = QUICK if arguments.quick else FULL
    write_served_files(scale.bulk_bytes)
    bench = Bench(scale, workloads, python, server_core)
    for number_of_round in range(arguments.rounds):
        print(f"round {number_of_round + 1} of {arguments.rounds}", file=sys.stderr)
        # Each round begins with another server, so that none is always measured first.
        turn = number_of_round % len(peers)
        for peer in peers[turn:] + peers[:turn]:
            bench.one_round(peer, number_of_round)
    facts["duration"] = f"{(time.monotonic() - started) / 60:.1f} minutes"
    metrics = [metric for workload in workloads for metric in workload.metrics]
    run = Run(facts, metrics, [peer.name for peer in peers], bench.results)
    write_files(run, "latest" if arguments.whole else "partial")
    if arguments.update_readme:
        update_readme(run)
    print(full_report(run))
    failed = any(verdict.passed is False for verdict in run.verdicts())
    return int(failed and not arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
