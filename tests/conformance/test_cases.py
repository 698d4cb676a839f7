"""Cases that Http11Probe has not, whole and byte by byte: what an adversary tries, and what is only odd."""

from collections.abc import Mapping
from typing import Final

import pytest

from tests.conformance.case import Case
from tests.conformance.cases import CASES
from tests.conformance.play import Outcome, State
from tests.conformance.probe import PROBES

Outcomes = Mapping[str, Outcome]
WAYS: Final = ("", ", byte by byte")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, outcomes: Outcomes) -> None:
    """As its source says, however the bytes come."""
    for way in WAYS:
        outcome = outcomes.get(case.name + way)
        if outcome is not None:
            check(case, outcome)


def check(case: Case, outcome: Outcome) -> None:
    assert outcome.statuses == case.statuses, (case, outcome)
    assert outcome.state is case.state, (case, outcome)
    assert outcome.seen == case.seen, (case, outcome)
    assert outcome.odd == b""
    assert all(answer.whole for answer in outcome.answers)
    assert b"xpect:" in case.data or not any(answer.interim for answer in outcome.answers)
    assert b"HTTP/1.0" not in case.data or not any(answer.interim for answer in outcome.answers)
    if case.bodies:
        assert tuple(answer.body for answer in outcome.answers) == case.bodies
    if outcome.answers:
        *others, final = outcome.answers
        assert all(answer.headers["connection"] == "keep-alive" for answer in others)
        assert final.headers["connection"] == ("close" if case.state is State.CLOSED else "keep-alive")
        assert not case.has or final.headers[case.has]
    if case.plain:
        check_refusal(outcome, has_content=case.methods != ("HEAD",))


def check_refusal(outcome: Outcome, *, has_content: bool) -> None:
    """http-rules 0: plain text, one line, and nothing of the peer's in it."""
    final = outcome.answers[-1]
    length = {"content-length"} if has_content else set()
    assert set(final.headers) == {"date", "content-type", "connection"} | length
    assert final.headers["content-type"] == "text/plain; charset=utf-8"
    assert final.body.endswith(b"\n") is has_content
    assert len(final.body.splitlines()) == has_content
    assert final.body.isascii()


def test_there_are_enough() -> None:
    """None is there twice, and each is a case that the file has not."""
    assert len(CASES) >= 80
    sent = [case.data for case in CASES]
    assert len(sent) == len(set(sent))
    assert not {step for probe in PROBES for step in probe.talk.steps} & set(sent)


def test_most_are_sent_byte_by_byte_too(outcomes: Outcomes) -> None:
    """All but those about sizes."""
    assert sum(case.name + WAYS[1] in outcomes for case in CASES) > len(CASES) * 9 // 10
