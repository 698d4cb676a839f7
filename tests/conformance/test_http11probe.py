"""The 215 cases of Http11Probe: what passes, and what docs/http-support.md says of those that do not."""

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.conformance.play import Answer, Outcome, State
from tests.conformance.probe import DYNAMIC, PROBES, WORDS, Probe, Verdict
from tests.conformance.tables import DOCS, answers_of

PAGE = "http-support.md"
WARNED = answers_of(PAGE, "Cases that warn")

Outcomes = Mapping[str, Outcome]


def told(outcome: Outcome) -> str:
    """Give an outcome as the page does: the statuses, or a dash."""
    return " ".join(map(str, outcome.statuses)) or "—"


@pytest.mark.parametrize("probe", PROBES, ids=[probe.id for probe in PROBES])
def test_case(probe: Probe, outcomes: Outcomes) -> None:
    """Passes, or warns and is a row of docs/http-support.md with its reason, and what the row says is so."""
    outcome = outcomes[probe.id]
    verdict = probe.judge(outcome)
    known = verdict is Verdict.WARN and probe.id in WARNED
    assert verdict is Verdict.PASS or known, (
        f"{probe.id} {verdict}: {probe.expected} was expected, and this came: {outcome}"
    )
    assert verdict is Verdict.PASS or WARNED[probe.id] == told(outcome)


@pytest.mark.parametrize("probe", PROBES, ids=[probe.id for probe in PROBES])
def test_what_comes_back_is_responses_and_nothing_else(probe: Probe, outcomes: Outcomes) -> None:
    """At most one for each step, each of them whole; after a refusal the close."""
    outcome = outcomes[probe.id]
    assert outcome.odd == b""
    assert all(answer.whole for answer in outcome.answers)
    assert len(outcome.answers) <= len(probe.talk.steps)
    if any(answer.headers["connection"] == "close" for answer in outcome.answers):
        assert outcome.state is State.CLOSED


def test_rows_are_of_cases_that_warn(outcomes: Outcomes) -> None:
    """A row that is not needed any more misleads."""
    warned = [probe.id for probe in PROBES if probe.judge(outcomes[probe.id]) is Verdict.WARN]
    assert sorted(WARNED) == sorted(warned)


def test_the_page_has_the_numbers(outcomes: Outcomes) -> None:
    """Of all cases, and of those that are scored."""
    for probes, name in ((PROBES, "All"), ([probe for probe in PROBES if probe.scored], "Scored")):
        count = Counter(probe.judge(outcomes[probe.id]) for probe in probes)
        numbers = [len(probes), count[Verdict.PASS], count[Verdict.WARN], count[Verdict.FAIL]]
        row = "| " + " | ".join([name, *map(str, numbers)]) + " |"
        assert row in (DOCS / PAGE).read_text(encoding="utf-8")


def test_no_case_is_left_out() -> None:
    """The file has 215, of which 161 are scored; and each row of words belongs to one."""
    ids = [probe.id for probe in PROBES]
    assert len(ids) == len(set(ids)) == 215
    assert sum(probe.scored for probe in PROBES) == 161
    assert set(ids) >= {*WORDS, *DYNAMIC}


@pytest.mark.parametrize("probe", PROBES, ids=[probe.id for probe in PROBES])
def test_no_case_passes_whatever_comes(probe: Probe) -> None:
    """A judge that can't say no would hide a failure."""
    nonsense = Answer(299, {}, b"\0", whole=False)
    switched = Answer(101, {}, b"", whole=True, interim=(100,))
    bad = [Outcome(State.OPEN, (answer,) * 3) for answer in (nonsense, switched)]
    assert any(probe.judge(outcome) is not Verdict.PASS for outcome in bad)


def test_words_are_translated_where_the_lists_say_nothing() -> None:
    """Several steps, or content: there the file has words only."""
    for probe in PROBES:
        if len(probe.talk.steps) > 1 or re.search(r"echo|with \w+|without \w+", probe.expected):
            assert probe.by_words or probe.id in LISTS_SUFFICE, probe


# Words that only comment on what the lists say.
LISTS_SUFFICE = {
    "COOK-NUL",  # refused, so nothing is preserved
    "COOK-CONTROL-CHARS",
    "COMP-TRACE-SENSITIVE",  # 405, so nothing is echoed
}
