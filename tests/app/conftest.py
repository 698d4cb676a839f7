"""Apps for tests of what a program talks to."""

import pytest

from triosanic import HTTPResponse, Request, Sanic, text


@pytest.fixture(autouse=True)
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test make its own app."""
    monkeypatch.setattr(Sanic, "test_mode", True)


@pytest.fixture
def app() -> Sanic:
    """An app that answers ``/`` with ``hello``."""
    app = Sanic("app")

    @app.get("/")
    async def hello(request: Request) -> HTTPResponse:
        return text("hello")

    return app
