"""From samples to tables: medians, spreads, ratios and floors; functions of values."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Better, Metric, Sample, Usage

NOTHING = "–"

# (metric, server) → its samples in the order of the rounds
Results = Mapping[tuple[str, str], Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Floor:
    """What triosanic promises of one metric.

    Args:
        metric: Its name.
        limit: With a peer, how many times as good as it at least; without, the median at most.
        peer: Whom the promise is relative to.
    """

    metric: str
    limit: float
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A floor held against the results; ``passed`` is ``None`` where there was nothing to hold it against."""

    text: str
    passed: bool | None


def values(samples: Iterable[Sample]) -> list[float]:
    """Return the values there are."""
    return [sample.value for sample in samples if sample.value is not None]


def median(samples: Sequence[Sample]) -> float | None:
    """Return the median, or ``None`` unless every sample has a value: a failed round is not forgotten."""
    numbers = values(samples)
    return statistics.median(numbers) if numbers and len(numbers) == len(samples) else None


def spread(samples: Sequence[Sample]) -> float | None:
    """Return the distance from the least to the greatest of several values, as a fraction of the median."""
    middle = median(samples)
    numbers = values(samples)
    return (max(numbers) - min(numbers)) / abs(middle) if middle and len(numbers) > 1 else None


def ratio(better: Better, mine: float | None, theirs: float | None) -> float | None:
    """Return how many times as good ``mine`` is as ``theirs``: above 1 is better, whichever way is good."""
    if mine is None or theirs is None or mine <= 0 or theirs <= 0:
        return None
    return mine / theirs if better is Better.MORE else theirs / mine


def share(samples: Sequence[Sample], of: str) -> float | None:
    """Return the median share of its core that the ``server`` or the ``load`` generator used."""
    usages = _usages(samples)
    parts = [(usage.server_s if of == "server" else usage.load_s) / usage.wall_s for usage in usages]
    return statistics.median(parts) if parts else None


def cpu_us(samples: Sequence[Sample]) -> float | None:
    """Return the median CPU time of the server for one operation, in microseconds."""
    costs = [usage.server_s / usage.operations * 1e6 for usage in _usages(samples)]
    return statistics.median(costs) if costs else None


def _usages(samples: Sequence[Sample]) -> list[Usage]:
    return [sample.usage for sample in samples if sample.usage is not None]


def judge(floor: Floor, metric: Metric, results: Results, ours: str) -> Verdict:
    """Hold a floor against the medians; what was tried here and failed has not kept it."""
    samples = results.get((metric.name, ours), ())
    mine = median(samples)
    failed = False if samples and mine is None else None
    if floor.peer is None:
        text = f"{metric.title}: {number(mine)} {metric.unit}, at most {number(floor.limit)}"
        return Verdict(text, failed if mine is None else mine <= floor.limit)
    theirs = median(results.get((metric.name, floor.peer), ()))
    factor = ratio(metric.better, mine, theirs)
    text = f"{metric.title}: {number(factor)} × {floor.peer}, at least {number(floor.limit)}"
    return Verdict(text, failed if factor is None else factor >= floor.limit)


def number(value: float | None) -> str:
    """Write a number with three digits or all those before the point, or a dash for none."""
    if value is None:
        return NOTHING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Write a fraction as a whole percentage."""
    return NOTHING if value is None else f"{value * 100:.0f} %"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose columns line up, the first to the left and the others to the right."""
    widths = [max(3, *(len(row[column]) for row in (header, *rows))) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), "| " + " | ".join(rule) + " |", *map(line, rows)])


def summary(metrics: Sequence[Metric], servers: Sequence[str], results: Results, reference: str) -> str:
    """Write one row a metric and one column a server: the median and, in brackets, its ratio."""
    rows = []
    for metric in metrics:
        base = median(results.get((metric.name, reference), ()))
        cells = [f"{metric.title}, {metric.unit}"]
        for server in servers:
            middle = median(results.get((metric.name, server), ()))
            factor = None if server == reference else ratio(metric.better, middle, base)
            cells.append(number(middle) + (f" ({number(factor)})" if factor is not None else ""))
        rows.append(cells)
    return markdown(["", *servers], rows)


def details(metric: Metric, servers: Sequence[str], results: Results, reference: str, ours: str) -> str:
    """Write one metric's table, a row for each server, and below it what there is to note."""
    found = {server: results.get((metric.name, server), ()) for server in servers}
    medians = {server: median(samples) for server, samples in found.items()}
    rows = [
        [
            server,
            number(medians[server]),
            percent(spread(samples)),
            number(ratio(metric.better, medians[server], medians.get(reference))),
            number(ratio(metric.better, medians[server], medians.get(ours))),
            percent(share(samples, "server")),
            percent(share(samples, "load")),
            number(cpu_us(samples)),
        ]
        for server, samples in found.items()
    ]
    header = ["", "median", "spread", f"× {reference}", f"× {ours}", "server CPU", "load CPU", "µs each"]
    notes = sorted({f"* {server}: {s.note}" for server, samples in found.items() for s in samples if s.note})
    table = f"## {metric.title}, {metric.unit}\n\n{markdown(header, rows)}"
    return "\n".join([table, "", *notes]) if notes else table
