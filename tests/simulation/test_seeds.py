"""The server under simulation: whole runs, and bugs that must be found in them."""

from dataclasses import replace
from random import Random

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.program import ask_chat, ask_failing, simulation, websockets
from triosanic.testing.simulation import Ask, websocket
from triosanic.testing.simulation.plan import Fault, make_plan

SEEDS = 2000
BATCH = 500
WEBSOCKET_BATCH = 200


@pytest.mark.parametrize("start", range(0, SEEDS, BATCH))
def test_nothing_is_found_in_the_server(start: int) -> None:
    assert simulation.run(range(start, start + BATCH)) == BATCH


def test_nothing_is_found_in_websockets() -> None:
    """What each gets is checked frame by frame; the faults are those of requests."""
    assert websockets.run(range(WEBSOCKET_BATCH)) == WEBSOCKET_BATCH


def test_what_was_found_once_is_not_found_again() -> None:
    """In this seed what a program raises on purpose comes as a nursery's group."""
    assert replace(simulation, asks=[ask_failing]).play(18).problems == ()


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are those of docs/testing.md: the worst of ten ranges of seeds, rounded up."""
    bug = BUGS[name]
    bug.put_in(monkeypatch)
    problems = (line for seed in range(bug.within) for line in bug.found_by.play(seed).problems)
    assert any(bug.said in line for line in problems)


def test_a_handler_that_goes_on_does_so_from_its_first_step() -> None:
    """Design: `cancel_on_disconnect=False` lets it run to its end: else it must not begin."""
    nap = Ask("GET", "/stubborn?key=a", status=200, content=b"a")
    replace(simulation, asks=[nap]).run(range(300))


def test_each_seed_has_what_it_promises() -> None:
    """At least 8 connections, 20 requests and 2 faults; every kind of fault and of wire at times."""
    seen: set[Fault | None] = set()
    at_once: set[bool] = set()
    for seed in range(200):
        plan = make_plan(simulation.asks, Random(seed), connections=8, exchanges=26)
        seen |= {talk.fault for talk in plan.conversations}
        at_once |= {talk.at_once for talk in plan.conversations}
        assert len(plan.conversations) >= 8
        assert sum(len(talk.sendings) for talk in plan.conversations) >= 26
        assert sum(talk.fault is not None for talk in plan.conversations) >= 2
    assert seen == {None, *Fault}
    assert at_once == {False, True}


def test_what_always_ends_its_connection_is_asked_alone() -> None:
    chat = websocket("/chat?count=1", ["a"], ["a"], takes_s=0.1)
    plan = make_plan([chat], Random(1), connections=8, exchanges=26)
    assert {len(talk.sendings) for talk in plan.conversations} == {1}
    replace(websockets, asks=[chat]).run(range(20))


def test_a_stop_may_wait_for_the_close_of_a_client_that_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as `WEBSOCKET_CLOSE_TIMEOUT` says, whatever else a request may take."""
    assert not callable(websockets.app)
    monkeypatch.setitem(websockets.app.config, "WEBSOCKET_CLOSE_TIMEOUT", 10.0)
    assert replace(websockets, asks=[ask_chat]).play(298).problems == ()


def test_every_ask_is_made() -> None:
    """What the simulation is to find out must be asked at all."""
    randoms = map(Random, range(40))
    plans = [make_plan(simulation.asks, random, connections=8, exchanges=26) for random in randoms]
    sendings = [sending for plan in plans for talk in plan.conversations for sending in talk.sendings]
    assert len({sending.ask.target.partition("?")[0] for sending in sendings}) >= 19
    assert {sending.framing.name for sending in sendings} == {
        "CHUNKED",
        "EXPECT",
        "HTTP10",
        "LENGTH",
        "PLAIN",
        "RAW",
        "TRAILERS",
    }
    assert any(plan.stop_at_s is not None for plan in plans)
