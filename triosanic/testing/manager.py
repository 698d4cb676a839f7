"""Sanic-testing's holder of an app's clients."""

from __future__ import annotations

from typing import Any, ClassVar


class TestManager:
    """The test clients of an app, for fixtures that are written for sanic-testing.

    Args:
        app: The app.

    Attributes:
        test_client: See `SanicTestClient`.
        asgi_client: See `SanicASGITestClient`.

    Source: sanic-testing 24.6 ``TestManager``.
    """

    __test__: ClassVar[bool] = False  # pytest: no class of tests
    __slots__ = ("asgi_client", "test_client")

    def __init__(self, app: Any) -> None:
        self.test_client = app.test_client
        self.asgi_client = app.asgi_client
