"""What the tests of conformance share: one run, in which everything is said at once."""

from collections.abc import Mapping

import pytest

from tests.conformance.cases import CASES
from tests.conformance.play import Outcome, Talk, play_all
from tests.conformance.probe import PROBES
from triosanic import Sanic

# As long as a request may be to be sent byte by byte too.
_TRICKLE_BYTES = 500


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
