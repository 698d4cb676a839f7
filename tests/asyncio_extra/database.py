"""A database as asyncpg offers it, without one: it awaits what asyncpg does, and counts its connections."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PREFETCH = 50


class Connection:
    """A connection; its cursor asks for rows as asyncpg's does, fifty at a time."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._round_trip()
        try:
            yield
        except BaseException:
            await self._round_trip()
            self._database.rolled_back += 1
            raise
        await self._round_trip()

    async def cursor(self, query: str) -> AsyncIterator[tuple[int]]:
        """Give so many rows: a number, or as PostgreSQL's ``generate_series`` does."""
        series = re.search(r"generate_series\(0, (\d+)\)", query)
        rows = int(series[1]) + 1 if series else int(query)
        for row in range(rows):
            if row % PREFETCH == 0:
                self._database.asked_for = row + PREFETCH
                await self._round_trip()
            yield (row,)

    async def close(self) -> None:
        await self._round_trip()
        self._database.open.discard(self)

    async def _round_trip(self) -> None:
        async with asyncio.timeout(60):  # needs a task of asyncio around it, as asyncpg does
            if self._database.stuck:
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(0)


class Database:
    """What `connect` connects to.

    Attributes:
        open: The connections that were not closed.
        asked_for: How many rows the last cursor has asked for.
        rolled_back: How many transactions were.
        stuck: Whether it has stopped to answer.
    """

    def __init__(self) -> None:
        self.open: set[Connection] = set()
        self.asked_for = 0
        self.rolled_back = 0
        self.stuck = False

    async def connect(self, url: str = "", *, database: str = "") -> Connection:
        connection = Connection(self)
        self.open.add(connection)
        await connection._round_trip()  # noqa: SLF001
        return connection

    async def create_pool(self, url: str = "") -> "Pool":
        return Pool(self, await self.connect(url))


class Pool:
    """A pool of one connection."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        assert asyncio.get_running_loop() is self._loop
        async with self._lock:
            yield self._connection

    async def fetchval(self, query: str, number: int) -> int:
        """Answer ``SELECT 2 * $1::int``."""
        async with self.acquire() as connection:
            await connection._round_trip()  # noqa: SLF001
            return 2 * number

    async def close(self) -> None:
        assert asyncio.get_running_loop() is self._loop
        await self._connection.close()
