"""What the tests of connections share."""

import pytest
import trio

from triosanic import Sanic


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)


@pytest.fixture(autouse=True)
def clock(autojump_clock: trio.testing.MockClock) -> trio.testing.MockClock:
    """Time passes when nothing else does."""
    return autojump_clock
