"""What all tests share."""

import gc
from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """Let a module's tests collect, and look through, what is made from here on and nothing else.

    That is thousands of objects; those of the whole run, which are a million, take half a second each time.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
