"""What all tests share."""

import pytest
from hypothesis import settings

from triosanic import Sanic

# A deadline for one example is a clock of the machine, which may be busy: it fails tests that are right.
# The examples are the same in each run; `make fuzz` and `make simulate` look for new ones.
settings.register_profile("triosanic", deadline=None, derandomize=True)
settings.load_profile("triosanic")


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that is in no registry, so that each test has one."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("app")
