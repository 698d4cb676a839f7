"""What a connection asks of the program that it serves."""

from __future__ import annotations

from typing import Protocol

from triosanic.http.exchange import Exchange


class Application(Protocol):
    """Who answers the exchanges of a connection."""

    async def handle(self, exchange: Exchange) -> None:
        """Answer it. Whatever a handler raises is answered too."""

    async def fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer it with ``error``, because its handler was stopped."""
