"""What the tests of connections share."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.http.wires import choose_clocks
from triosanic import Sanic


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    choose_clocks(items, Path(__file__).parent)


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)
