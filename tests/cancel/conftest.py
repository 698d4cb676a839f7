"""What the tests of cancellation share."""

import pytest

from triosanic import Sanic


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)
