"""What the tests of servers share: sockets of the system, and so real time."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.http.wires import run_in_real_time
from triosanic import Sanic


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Let a test that hangs end after a while."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("trio"):
            item.add_marker(pytest.mark.trio(run=run_in_real_time), append=False)


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)
