"""What the tests of requests share: apps of their own."""

import pytest

from triosanic import Config, Sanic


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that is in no registry, so that each test has one."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("app", Config(env_prefix=None))
