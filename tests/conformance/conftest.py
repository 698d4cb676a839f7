"""What the tests of conformance share: one run, in which everything is said at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.conformance.asked import make_app
from tests.conformance.cases import CASES
from tests.conformance.play import Outcome, Talk, play_all
from tests.conformance.probe import PROBES
from tests.http.wires import run_in_virtual_time
from triosanic import Sanic

# As long as a request may be to be sent byte by byte too.
_TRICKLE_BYTES = 500


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Let time pass when nothing else does, in the tests that run an app in memory."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "app" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)


def _talks() -> Mapping[str, Talk]:
    talks = {probe.id: probe.talk for probe in PROBES}
    for case in CASES:
        talks[case.name] = Talk((case.data,), case.methods)
        if len(case.data) <= _TRICKLE_BYTES:
            talks[f"{case.name}, byte by byte"] = Talk((case.data,), case.methods, trickled=True)
    assert len(talks) > len(PROBES) + len(CASES)
    return talks


@pytest.fixture(scope="session")
def outcomes() -> Mapping[str, Outcome]:
    """What each conversation came to, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sanic, "test_mode", True)
        return play_all(_talks())


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that notes each path that it was asked for, with a clock that jumps."""
    return make_app(monkeypatch)
