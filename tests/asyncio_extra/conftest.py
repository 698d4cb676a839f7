"""What the tests of the extra share: an app of its own, and a fake database."""

import pytest

import triosanic.asyncio  # noqa: F401  # first: trio-asyncio's own import warns on Python 3.12
from tests.asyncio_extra.database import Database
from triosanic import Sanic


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    """Make an app that is in no registry, so that each test has one."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    return Sanic("app")


@pytest.fixture
def database() -> Database:
    return Database()
