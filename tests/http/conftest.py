"""What the tests of connections share."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.http.wires import run_in_real_time, run_in_virtual_time
from triosanic import Sanic


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Let time pass when nothing else does, so that a test that hangs ends at once; not with `REAL_TIME`."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("trio"):
            real = isinstance(item, pytest.Function) and getattr(item.module, "REAL_TIME", False)
            run = run_in_real_time if real else run_in_virtual_time
            item.add_marker(pytest.mark.trio(run=run), append=False)


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)
