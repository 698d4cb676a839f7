"""Writes what was measured, and on what: to the screen, to results/ and into README.md."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measure import Metric
from benchmarks.peers import OURS, REFERENCE
from benchmarks.tables import Floor, Results, Verdict, details, judge, median, summary
from benchmarks.venv import ROOT, installed_versions

RESULTS: Final = ROOT / "benchmarks" / "results"
README: Final = ROOT / "benchmarks" / "README.md"
BEGIN: Final = "<!-- results: begin -->\n"
END: Final = "<!-- results: end -->\n"

PEERS_PACKAGES: Final = (
    "sanic", "uvloop", "httptools", "starlette", "uvicorn", "h11", "hypercorn", "quart", "quart-trio", "trio",
    "websockets", "wsproto",
)  # fmt: skip
OUR_PACKAGES: Final = ("triosanic", "trio", "h11", "wsproto")

FLOORS: Final = (
    *(
        Floor(metric, limit, peer)
        for metric in ("hello2", "hello9", "hello9-varied")
        for peer, limit in (("sanic", 0.8), ("uvicorn-h11", 2.3), ("hypercorn-trio", 8.0))
    ),
    Floor("json-echo", 0.8, "sanic"),
    Floor("page", 1.0, "sanic"),
    Floor("small-files", 1.0, "sanic"),
    Floor("up", 1.0, "sanic"),
    Floor("up-chunked", 0.7, "sanic"),
    Floor("down", 1.0, "sanic"),
    Floor("file", 1.5, "sanic"),
    Floor("file-growth", 8),
    Floor("pieces", 1.3, "sanic"),
    Floor("first-piece", 9),
    Floor("idle", 12),
    Floor("stalled-up", 16),
    Floor("stalled-down", 16),
    Floor("cancel-median", 5),
    Floor("cancel-worst", 50),
    *(Floor(name, 1.0, "hypercorn-trio") for name in ("ws-echo", "ws-up", "ws-down", "ws-broadcast")),
    Floor("ws-idle", 20),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What was run: everything that a report needs."""

    facts: Mapping[str, str]
    metrics: Sequence[Metric]
    servers: Sequence[str]
    results: Results

    def verdicts(self) -> list[Verdict]:
        """Hold the floors of the metrics that were measured against the results."""
        named = {metric.name: metric for metric in self.metrics}
        return [
            judge(floor, named[floor.metric], self.results, OURS) for floor in FLOORS if floor.metric in named
        ]


def gather_facts(peers_python: Path, rounds: int, cores: tuple[int, int]) -> dict[str, str]:
    """Return the date, the machine and the versions, as a reader wants to see them."""
    theirs, ours = installed_versions(peers_python), installed_versions(Path(sys.executable))
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit.stdout.strip() or "unknown",
        "machine": f"{_cpu_model()}, {os.cpu_count()} cores; server on core {cores[0]}, load on {cores[1]}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load average at the start": load,
        "triosanic's packages": _versions(ours, OUR_PACKAGES),
        "the peers' packages": _versions(theirs, PEERS_PACKAGES),
        "rounds": str(rounds),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions(installed: Mapping[str, str], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {installed.get(name, 'not installed')}" for name in names)


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each floor: PASS, FAIL, or SKIP where something to compare is missing."""
    words = {True: "PASS", False: "FAIL", None: "SKIP"}
    return [f"{words[verdict.passed]}  {verdict.text}" for verdict in verdicts]


def short_report(run: Run) -> str:
    """Write the facts, the medians and the floors."""
    facts = "\n".join(f"* {name}: {value}" for name, value in run.facts.items())
    table = summary(run.metrics, run.servers, run.results, REFERENCE)
    floors = "\n".join(verdict_lines(run.verdicts()))
    return (
        f"{facts}\n\n{table}\n\n"
        f"Medians; in brackets how many times as good as {REFERENCE}.\n\n```text\n{floors}\n```\n"
    )


def full_report(run: Run) -> str:
    """Write the short report and a table for every metric."""
    tables = [details(metric, run.servers, run.results, REFERENCE, OURS) for metric in run.metrics]
    return "# Results\n\n" + short_report(run) + "\n" + "\n\n".join(tables) + "\n"


def write_files(run: Run, name: str) -> None:
    """Write results/<name>.md and, with every sample, results/<name>.json."""
    document = {
        "facts": run.facts,
        "metrics": [
            {"name": m.name, "title": m.title, "unit": m.unit, "better": m.better.value} for m in run.metrics
        ],
        "results": [
            {
                "metric": metric,
                "server": server,
                "median": median(samples),
                "samples": [dataclasses.asdict(sample) for sample in samples],
            }
            for (metric, server), samples in run.results.items()
        ],
        "floors": [dataclasses.asdict(verdict) for verdict in run.verdicts()],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(full_report(run))


def update_readme(run: Run) -> None:
    """Put the short report between the markers of README.md."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}{short_report(run)}{END}{after}")
