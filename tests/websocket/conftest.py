"""What the tests of WebSockets share: a clock that jumps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.http.wires import choose_clocks


@pytest.hookimpl(trylast=True)  # after pytest-trio has marked its tests
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    choose_clocks(items, Path(__file__).parent)
