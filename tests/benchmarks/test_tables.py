"""The arithmetic and the writing of the benchmarks' tables."""

from __future__ import annotations

import pytest

from benchmarks.client import ChunkCounter
from benchmarks.measure import Better, Metric, Sample, Usage
from benchmarks.tables import (
    Floor,
    cpu_us,
    details,
    judge,
    markdown,
    median,
    number,
    ratio,
    share,
    spread,
    summary,
)

RATE = Metric("rate", "hello", "requests/s", Better.MORE)
DELAY = Metric("delay", "a delay", "ms", Better.LESS)


def samples(metric: Metric, *numbers: float | None) -> list[Sample]:
    return [Sample(metric.name, value) for value in numbers]


def test_median_and_spread_of_several_rounds() -> None:
    found = samples(RATE, 90, 110, 100)
    assert median(found) == 100
    assert spread(found) == pytest.approx(0.2)


def test_one_round_has_no_spread() -> None:
    assert spread(samples(RATE, 90)) is None


def test_a_failed_round_leaves_no_median() -> None:
    assert median(samples(RATE, 90, None, 100)) is None
    assert median([]) is None


@pytest.mark.parametrize(
    ("better", "mine", "theirs", "expected"),
    [
        pytest.param(Better.MORE, 300, 200, 1.5, id="more is better"),
        pytest.param(Better.LESS, 2, 3, 1.5, id="less is better"),
        pytest.param(Better.LESS, 0, 3, None, id="nothing to divide by"),
        pytest.param(Better.MORE, None, 3, None, id="not measured"),
    ],
)
def test_ratio_above_one_is_better(
    better: Better, mine: float | None, theirs: float | None, expected: float | None
) -> None:
    assert ratio(better, mine, theirs) == expected


def test_usage_is_told_as_shares_of_a_core_and_time_for_each() -> None:
    usage = Usage(wall_s=2.0, server_s=1.0, load_s=0.5, operations=1_000)
    found = [Sample(RATE.name, 500, usage=usage)]
    assert (share(found, "server"), share(found, "load")) == (0.5, 0.25)
    assert cpu_us(found) == 1_000


@pytest.mark.parametrize(
    ("floor", "mine", "theirs", "passed"),
    [
        pytest.param(Floor("rate", 1.3, "them"), 131, 100, True, id="relative, above"),
        pytest.param(Floor("rate", 1.3, "them"), 129, 100, False, id="relative, below"),
        pytest.param(Floor("rate", 1.3, "them"), 131, None, None, id="relative, to nothing"),
        pytest.param(Floor("delay", 5), 5, None, True, id="absolute, at it"),
        pytest.param(Floor("delay", 5), 5.1, None, False, id="absolute, above"),
        pytest.param(Floor("delay", 5), None, None, False, id="absolute, tried in vain"),
    ],
)
def test_floor(floor: Floor, mine: float | None, theirs: float | None, passed: bool | None) -> None:
    metric = RATE if floor.metric == "rate" else DELAY
    results = {(metric.name, "us"): samples(metric, mine), (metric.name, "them"): samples(metric, theirs)}
    assert judge(floor, metric, results, "us").passed is passed


def test_numbers_keep_three_digits() -> None:
    assert [number(value) for value in (31_250.4, 12.34, 0.123, None)] == ["31,250", "12.3", "0.12", "–"]


def test_markdown_lines_up() -> None:
    assert markdown(["", "b"], [["first", "1"]]) == "|       |   b |\n| ----- | --: |\n| first |   1 |"


def test_summary_tells_medians_and_their_ratio_to_the_reference() -> None:
    results = {("rate", "us"): samples(RATE, 150), ("rate", "them"): samples(RATE, 100)}
    assert summary([RATE], ["us", "them"], results, "them").splitlines()[2] == (
        "| hello, requests/s | 150 (1.50) |  100 |"
    )


def test_details_say_why_there_is_no_value() -> None:
    results = {("delay", "us"): [Sample("delay", None, "never cancelled")]}
    assert details(DELAY, ["us"], results, "them", "us").endswith("* us: never cancelled")


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_chunks_are_counted_however_they_arrive(step: int) -> None:
    body = bytearray(b"5;x=1\r\nhe\r\no\r\nA\r\n0123456789\r\n0\r\n\r\n")
    counter = ChunkCounter()
    for start in range(0, len(body), step):
        assert not counter.done
        counter.feed(body, start, min(start + step, len(body)))
    assert (counter.total, counter.done) == (15, True)
