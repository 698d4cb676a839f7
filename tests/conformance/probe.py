"""The cases of http11probe.json, with what its words ask for written as data.

Most cases are judged by status and connection alone, as the file lists them. Those whose ``expected`` says
more in words (content, header fields, a second step) have a row here; nothing else decides.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.conformance.play import Answer, Outcome, State, Step, Talk

FILE: Final = Path(__file__).parent / "http11probe.json"
_IMF_FIXDATE: Final = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


class Verdict(StrEnum):
    """What a case says of an outcome."""

    PASS = "passes"
    WARN = "warns"
    FAIL = "fails"


Judge: TypeAlias = Callable[[Outcome], Verdict]


@dataclass(frozen=True, slots=True)
class Probe:
    """A case.

    Attributes:
        expected: In words.
        scored: Whether it counts in the file's total.
        by_words: Whether its words were translated here.
    """

    id: str
    expected: str
    scored: bool
    talk: Talk
    judge: Judge
    by_words: bool


# Judges of what words say.


def _first(check: Callable[[Answer], Verdict]) -> Judge:
    """Judge the first answer, of which there must be one."""
    return lambda outcome: check(outcome.answers[0]) if outcome.answers else Verdict.FAIL


def _success(
    *,
    body: bytes | None = None,
    contains: Sequence[bytes] = (),
    has: str = "",
    otherwise: Verdict = Verdict.FAIL,
) -> Judge:
    """2xx with that content, or those pieces in it, or that field."""

    def check(answer: Answer) -> Verdict:
        good = (
            answer.status // 100 == 2
            and answer.whole
            and (body is None or answer.body == body)
            and all(piece in answer.body for piece in contains)
            and (not has or has in answer.headers)
        )
        return Verdict.PASS if good else otherwise

    return _first(check)


def _not_normalized(name: bytes, odd: bytes, value: bytes) -> Judge:
    """Refused or dropped passes, kept as it came warns, and given as ``name`` fails."""

    def check(answer: Answer) -> Verdict:
        lines = answer.body.lower().splitlines()
        if answer.status >= 400:
            return Verdict.PASS
        if answer.status // 100 != 2 or not answer.whole or b"%b: %b" % (name, value) in lines:
            return Verdict.FAIL
        return Verdict.WARN if b"%b: %b" % (odd, value) in lines else Verdict.PASS

    return _first(check)


def _status(passes: int, has: str = "", lacks: str = "") -> Judge:
    """That status, with and without those fields, passes; 2xx warns."""

    def check(answer: Answer) -> Verdict:
        if answer.status == passes:
            good = (not has or has in answer.headers) and (not lacks or lacks not in answer.headers)
            return Verdict.PASS if good else Verdict.FAIL
        return Verdict.WARN if answer.status // 100 == 2 else Verdict.FAIL

    return _first(check)


def _dated(outcome: Outcome) -> Verdict:
    """RFC 9110 5.6.7: of the forms of a date the one that is sent."""
    dates = [answer.headers.get("date", "") for answer in outcome.answers]
    good = dates and all(_IMF_FIXDATE.fullmatch(date) for date in dates)
    return Verdict.PASS if good else Verdict.FAIL


def _no_interim(outcome: Outcome) -> Verdict:
    return Verdict.FAIL if any(answer.interim for answer in outcome.answers) else Verdict.PASS


def _stopped(outcome: Outcome) -> Verdict:
    """400, or 2xx, and then the close; nothing of what follows is answered."""
    good = len(outcome.answers) == 1 and (outcome.statuses[0] == 400 or outcome.statuses[0] // 100 == 2)
    return Verdict.PASS if good and outcome.state is State.CLOSED else Verdict.FAIL


def _not_poisoned(*seen: str) -> Judge:
    """Refused or closed passes, and so do two answers to just those requests; another second one warns."""

    def judge(outcome: Outcome) -> Verdict:
        if outcome.state is State.CLOSED and len(outcome.answers) < 2:
            return Verdict.PASS
        if outcome.statuses == (200, 200) and outcome.seen == seen:
            return Verdict.PASS
        return Verdict.WARN

    return judge


def _second(passes: int, has: str = "") -> Judge:
    """The second answer has that status and field; 2xx warns."""

    def judge(outcome: Outcome) -> Verdict:
        if len(outcome.answers) != 2 or outcome.statuses[0] // 100 != 2:
            return Verdict.FAIL
        return _status(passes, has)(Outcome(outcome.state, outcome.answers[1:]))

    return judge


WORDS: Final[Mapping[str, Judge]] = {
    "COMP-POST-CL-BODY": _success(body=b"hello"),
    "COMP-CHUNKED-BODY": _success(body=b"hello"),
    "COMP-CHUNKED-MULTI": _success(body=b"hello world"),
    "COMP-CHUNKED-EXTENSION": _success(body=b"hello"),
    "COMP-CHUNKED-TRAILER-VALID": _success(body=b"hello"),
    "COMP-CHUNKED-HEX-UPPERCASE": _success(body=b"helloworld"),
    # A client of h11 takes what follows a head as the next response: then there would be odd bytes.
    "COMP-HEAD-NO-BODY": _success(body=b""),
    "COMP-405-ALLOW": _status(405, has="allow"),
    "COMP-DATE-HEADER": _success(has="date"),
    "COMP-DATE-FORMAT": _dated,
    "COMP-NO-1XX-HTTP10": _no_interim,
    "COMP-NO-CL-IN-204": _status(204, lacks="content-length"),
    "COMP-OPTIONS-ALLOW": _success(has="allow", otherwise=Verdict.WARN),
    "COMP-CONTENT-TYPE": _success(has="content-type"),
    "NORM-UNDERSCORE-CL": _not_normalized(b"content-length", b"content_length", b"99"),
    "NORM-SP-BEFORE-COLON-CL": _not_normalized(b"content-length", b"content-length ", b"5"),
    "NORM-TAB-IN-NAME": _not_normalized(b"content-length", b"content\tlength", b"99"),
    "NORM-UNDERSCORE-TE": _not_normalized(b"transfer-encoding", b"transfer_encoding", b"chunked"),
    "COOK-ECHO": _success(contains=[b"foo=bar"]),
    "COOK-MULTI-HEADER": _success(contains=[b"a=1", b"b=2"]),
    "COOK-PARSED-BASIC": _success(contains=[b"foo=bar"]),
    "COOK-PARSED-MULTI": _success(contains=[b"a=1", b"b=2", b"c=3"]),
    # Cases of several steps.
    "SMUG-CLTE-CONN-CLOSE": _stopped,
    "SMUG-TECL-CONN-CLOSE": _stopped,
    "SMUG-CLTE-DESYNC": _stopped,
    "SMUG-CLTE-SMUGGLED-GET": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-CL-PLUS": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-CL-NON-NUMERIC": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-TE-OBS-FOLD": _stopped,
    "SMUG-CLTE-SMUGGLED-HEAD": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-TE-TRAILING-SPACE": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-TE-LEADING-COMMA": _stopped,
    "SMUG-CLTE-SMUGGLED-GET-TE-CASE-MISMATCH": _stopped,
    "SMUG-TE-DUPLICATE-HEADERS-SMUGGLED-GET": _stopped,
    "SMUG-TECL-SMUGGLED-GET": _stopped,
    "SMUG-DUPLICATE-CL-SMUGGLED-GET": _stopped,
    "SMUG-TECL-DESYNC": _stopped,
    "SMUG-OPTIONS-TE-OBS-FOLD": _stopped,
    "SMUG-CHUNK-INVALID-SIZE-DESYNC": _stopped,
    "SMUG-GET-CL-PREFIX-DESYNC": _not_poisoned("GET /", "GET /"),
    "SMUG-CL0-BODY-POISON": _not_poisoned("POST /", "GET /"),
    "SMUG-GET-CL-BODY-DESYNC": _not_poisoned("GET /", "GET /"),
    "SMUG-OPTIONS-CL-BODY-DESYNC": _not_poisoned("OPTIONS /", "GET /"),
    "SMUG-EXPECT-100-CL-DESYNC": _not_poisoned("POST /", "GET /"),
    "SMUG-PIPELINE-SAFE": _second(200),
    "CAP-ETAG-304": _second(304),
    "CAP-LAST-MODIFIED-304": _second(304),
    "CAP-ETAG-IN-304": _second(304, has="etag"),
    "CAP-INM-PRECEDENCE": _second(304),
    "CAP-INM-WILDCARD": _second(304),
    "CAP-IMS-FUTURE": _second(200),
    "CAP-IMS-INVALID": _second(200),
    "CAP-INM-UNQUOTED": _second(200),
    "CAP-ETAG-WEAK": _second(304),
}


def _conditional(make: Callable[[Mapping[str, str]], str]) -> Step:
    """Ask again with a field made of the first answer's."""

    def step(answers: Sequence[Answer]) -> bytes:
        field = make(answers[0].headers if answers else {})
        return f"GET / HTTP/1.1\r\nHost: localhost:8080\r\n{field}\r\n\r\n".encode()

    return step


def _etag(headers: Mapping[str, str]) -> str:
    return headers.get("etag", '"none"')


# Steps that the file marks as dynamic: they depend on the first answer.
DYNAMIC: Final[Mapping[str, Step]] = {
    "CAP-ETAG-304": _conditional(lambda had: f"If-None-Match: {_etag(had)}"),
    "CAP-ETAG-IN-304": _conditional(lambda had: f"If-None-Match: {_etag(had)}"),
    "CAP-ETAG-WEAK": _conditional(lambda had: f"If-None-Match: W/{_etag(had).removeprefix('W/')}"),
    "CAP-INM-UNQUOTED": _conditional(lambda had: f"If-None-Match: {_etag(had).strip('W/')[1:-1]}"),
    "CAP-INM-PRECEDENCE": _conditional(
        lambda had: f"If-None-Match: {_etag(had)}\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"
    ),
    "CAP-LAST-MODIFIED-304": _conditional(
        lambda had: f"If-Modified-Since: {had.get('last-modified', 'Thu, 01 Jan 1970 00:00:00 GMT')}"
    ),
}


# The server answers a while after the 2 s that the file waits: those are counted from this case on.
ALONE: Final = frozenset({"MAL-POST-CL-HUGE-NO-BODY"})


def _by_lists(passes: Mapping[str, Sequence[str]], warns: Mapping[str, Sequence[str]]) -> Judge:
    """Judge as the file lists statuses by what has become of the connection."""

    def judge(outcome: Outcome) -> Verdict:
        if outcome.first_status in passes.get(outcome.state, ()):
            return Verdict.PASS
        return Verdict.WARN if outcome.first_status in warns.get(outcome.state, ()) else Verdict.FAIL

    return judge


def _step(case_id: str, step: Mapping[str, Any]) -> Step:
    if step.get("dynamic"):
        return DYNAMIC[case_id]
    return b"".join(b64decode(part["b64"]) for part in step["parts"])


def _read(case: Mapping[str, Any]) -> Probe:
    name = case["id"]
    if "steps" in case:
        steps = tuple(_step(name, step) for step in case["steps"])
        judge = WORDS[name]
    else:
        steps = (b64decode(case["payload_b64"]),)
        judge = WORDS.get(name) or _by_lists(case["pass"], case["warn"])
    methods = tuple("HEAD" if isinstance(s, bytes) and s.startswith(b"HEAD ") else "GET" for s in steps)
    talk = Talk(steps, methods, alone=name in ALONE)
    return Probe(name, case["expected"], case["scored"], talk, judge, name in WORDS)


def load() -> tuple[Probe, ...]:
    """Read the file; a case that its lists can't judge and that has no row here is a KeyError."""
    return tuple(_read(case) for case in json.loads(FILE.read_text(encoding="utf-8"))["cases"])


PROBES: Final = load()
