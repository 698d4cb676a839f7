"""Responses that a test can leave midway, as clients do.

Each of httpx's and httpcore's iterators is an async generator that holds another. One that is dropped midway
is garbage with a connection in its hands: Trio warns of each, which ends a test run that is strict. Here they
are kept, and run to their end once the connection is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from triosanic.testing.extra import httpcore, httpx

T = TypeVar("T")


class Kept(Generic[T]):
    """An iterator that somebody else ends.

    Args:
        pieces: What it gives.
        aclose: Closes what the pieces come from, and then calls `run_out`.
    """

    __slots__ = ("_aclose", "_pieces", "_running", "_started")

    def __init__(self, pieces: AsyncIterator[T], aclose: Callable[[], Awaitable[None]]) -> None:
        self._pieces = pieces
        self._aclose = aclose
        self._running = False
        self._started = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        self._running = self._started = True
        try:
            return await anext(self._pieces)
        finally:
            self._running = False

    async def aclose(self) -> None:
        """Close what the pieces come from."""
        await self._aclose()

    async def run_out(self) -> None:
        """Run to the end, if it has begun and runs in no task."""
        if self._started and not self._running:
            with suppress(httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, httpx.StreamError):
                async for _ in self:
                    pass


class ClientResponse(httpx.Response):
    """An `httpx.Response` whose iterators may be left midway: they end when it is closed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: list[Kept[Any]] = []

    def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """See `httpx.Response.aiter_raw`."""
        return self._keep(super().aiter_raw(chunk_size))

    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """See `httpx.Response.aiter_bytes`."""
        return self._keep(super().aiter_bytes(chunk_size))

    def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """See `httpx.Response.aiter_text`."""
        return self._keep(super().aiter_text(chunk_size))

    def aiter_lines(self) -> AsyncIterator[str]:
        """See `httpx.Response.aiter_lines`."""
        return self._keep(super().aiter_lines())

    async def aclose(self) -> None:
        """Close the connection, if the response has not ended; end all iterators."""
        await super().aclose()
        for kept in self._kept:
            await kept.run_out()

    def _keep(self, pieces: AsyncIterator[T]) -> Kept[T]:
        kept = Kept(pieces, self.aclose)
        self._kept.append(kept)
        return kept
