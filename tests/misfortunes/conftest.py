"""What the tests of misfortunes share: after each, the log must hold what its row of the table tells."""

import logging
from collections.abc import Generator

import pytest

from tests.misfortunes.peers import is_ours
from tests.misfortunes.table import Heard, Line, read_rows
from triosanic import Sanic


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Listen; and let each test make its own app of the same name."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    caplog.set_level(logging.INFO)
    return Heard()


@pytest.fixture
def app() -> Sanic:
    return Sanic("unlucky")


@pytest.fixture
def saw() -> list[str]:
    """What handlers saw."""
    return []


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Compare the log with the table, as the last step of a test that has passed so far."""
    result = yield
    row = read_rows().get(pyfuncitem.originalname)
    if row is None:
        return result
    heard, caplog = pyfuncitem.funcargs["heard"], pyfuncitem.funcargs["caplog"]
    assert isinstance(heard, Heard)
    assert isinstance(caplog, pytest.LogCaptureFixture)
    for record in filter(is_ours, caplog.records):
        if record.name != "sanic.access":
            line = Line(record.name, record.levelname, record.getMessage(), record.exc_info is not None)
            heard.lines.append(line)
        elif not vars(record)["request"].endswith("/alive"):
            heard.statuses.append(vars(record)["status"])
    row.check(heard)
    return result
