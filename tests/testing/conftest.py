"""What the tests of `triosanic.testing` share: an app of their own."""

import pytest

from triosanic import Sanic


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that is in no registry, so that each test has one."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("app")
