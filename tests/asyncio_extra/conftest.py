"""What the tests of the extra share: a fake database."""

import pytest

import triosanic.asyncio  # noqa: F401  # first: trio-asyncio's own import warns on Python 3.12
from tests.asyncio_extra.database import Database


@pytest.fixture
def database() -> Database:
    return Database()
