"""Stream the rows of a database out as CSV, and take CSV in, a batch at a time.

Run it:

    python examples/records.py
    printf 'name,amount\r\nAda,1815\r\n' | curl -T - -X POST http://127.0.0.1:8000/records
    curl http://127.0.0.1:8000/records

Neither way holds more than one batch in memory, however many rows there are, and each pushes back:
a client that reads slowly holds the query back, and a slow database holds the upload back.
An upload is one transaction: a client that leaves, or a line that is wrong, leaves the database as it was.

The rows live in SQLite, in the file that ``RECORDS_FILE`` names, or else in one that is removed at the end.
With ``DATABASE_URL`` they live in PostgreSQL. PORT chooses another port than 8000.
"""

import csv
import io
import math
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any, Final, Protocol

import apsw
import apsw.aio
import asyncpg
import trio
import trio_asyncio

from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest, ServiceUnavailable
from triosanic.response import HTTPResponse, json

Row = tuple[str, int]
Fetch = Callable[[], Awaitable[Sequence[Row]]]
Insert = Callable[[Sequence[Row]], Awaitable[None]]

# 1,000 rows fill about one socket write, and make one hop to the database's thread or server worth its cost.
BATCH_ROWS: Final = 1_000
# The longest record of an upload: what an upload can make us hold beside one piece of its body.
MAX_RECORD_BYTES: Final = 65_536
# How long opening, rolling back and closing may take, as they run to their end though the client has gone.
CLEANUP_S: Final = 5

HEADER: Final = ["name", "amount"]
AMOUNT: Final = re.compile(r"-?[0-9]{1,19}")
SELECT: Final = "SELECT name, amount FROM records ORDER BY id"


class Database(Protocol):
    """What the handlers ask of a database."""

    async def open(self) -> None:
        """Make the table where there is none."""

    async def close(self) -> None:
        """Let go of what ``open`` took."""

    def reading(self) -> AbstractAsyncContextManager[Fetch]:
        """Give the function that fetches the next batch, empty after the last, all of one moment."""

    def writing(self) -> AbstractAsyncContextManager[Insert]:
        """Give the function that inserts a batch; commit at the end, roll back if there is an error."""


class SQLite:
    """A file, worked on in a thread of its own for each stream.

    SQLite lets many read while one writes. Others who would write wait for the lock, not in the database.
    """

    def __init__(self, file: str | None) -> None:
        self._folder = ExitStack()
        self.file = file or f"{self._folder.enter_context(tempfile.TemporaryDirectory())}/records.sqlite3"
        self._writer = trio.Lock()

    async def open(self) -> None:
        async with self._connection() as connection:
            await connection.pragma("journal_mode", "wal")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS records"
                " (id INTEGER PRIMARY KEY, name TEXT NOT NULL, amount INTEGER NOT NULL)"
            )

    async def close(self) -> None:
        self._folder.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Fetch]:
        async with self._connection() as connection:
            cursor = await connection.execute(SELECT)

            async def fetch() -> Sequence[Row]:
                batch: list[Row] = []
                async for row in cursor:
                    batch.append(row)
                    if len(batch) == BATCH_ROWS:
                        break
                return batch

            yield fetch

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Insert]:
        async with self._writer, self._connection() as connection:

            async def insert(batch: Sequence[Row]) -> None:
                await connection.executemany("INSERT INTO records (name, amount) VALUES (?, ?)", batch)

            try:
                await connection.execute("BEGIN IMMEDIATE")
            except apsw.BusyError as busy:
                raise ServiceUnavailable("Another program is writing to the database.") from busy
            yield insert
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def _connection(self) -> "AsyncIterator[apsw.AsyncConnection]":
        """Open a connection, and close it: that ends its thread, and rolls back what was not committed."""
        apsw.async_controller.set(apsw.aio.Trio)  # type: ignore[arg-type]  # apsw's manual gives the class
        apsw.async_cursor_prefetch.set(BATCH_ROWS)
        # Shielded, as a connection that nobody was handed would keep its thread for ever.
        with trio.fail_after(CLEANUP_S, shield=True):
            connection = await apsw.Connection.as_async(self.file)
        try:
            await connection.set_busy_timeout(1000 * CLEANUP_S)
            yield connection
        finally:
            with trio.move_on_after(CLEANUP_S, shield=True):
                await connection.aclose(force=True)


class PostgreSQL:
    """A server, reached by asyncpg on an asyncio loop that lives as long as the stream."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        async with self._connection() as connection:
            await trio_asyncio.aio_as_trio(connection.execute)(
                "CREATE TABLE IF NOT EXISTS records"
                " (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, amount BIGINT NOT NULL)"
            )

    async def close(self) -> None:
        """Do nothing: no connection outlives its stream."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Fetch]:
        async with self._connection() as connection:

            async def declare() -> Any:
                await connection.execute("BEGIN READ ONLY")
                return await connection.cursor(SELECT)

            cursor = await trio_asyncio.aio_as_trio(declare)()

            async def fetch() -> Sequence[Row]:
                batch: Sequence[Row] = await trio_asyncio.aio_as_trio(cursor.fetch)(BATCH_ROWS)
                return batch

            yield fetch

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Insert]:
        async with self._connection() as connection:
            execute = trio_asyncio.aio_as_trio(connection.execute)
            copy = trio_asyncio.aio_as_trio(connection.copy_records_to_table)

            async def insert(batch: Sequence[Row]) -> None:
                await copy("records", records=batch, columns=["name", "amount"])

            await execute("BEGIN")
            yield insert
            await execute("COMMIT")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Open a connection, and close it: the server rolls back what was not committed."""
        async with trio_asyncio.open_loop():
            connection = await trio_asyncio.aio_as_trio(asyncpg.connect)(self._url)
            try:
                yield connection
            finally:
                with trio.move_on_after(CLEANUP_S, shield=True):
                    await trio_asyncio.aio_as_trio(connection.close)(timeout=CLEANUP_S)


class Parser:
    """Turn the pieces of an upload into rows; the last record's beginning waits for the next piece."""

    def __init__(self) -> None:
        self.rows = 0
        self._lines = 0
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[Row]:
        """Take a piece, and give the rows that are complete now."""
        self._rest += piece
        records = b""
        if b"\n" in piece:
            end = self._end_of_records()
            records = bytes(self._rest[:end])
            del self._rest[:end]
        rows = self._parse(records)
        if len(self._rest) > MAX_RECORD_BYTES:
            raise self._error(1, f"the record is longer than {MAX_RECORD_BYTES} bytes")
        return rows

    def end(self) -> list[Row]:
        """Give the row that no newline ended, if there is one."""
        rows = self._parse(bytes(self._rest))
        if not self._lines:
            raise self._error(1, f"expected {HEADER!r}")
        return rows

    def _end_of_records(self) -> int:
        """Find the last newline that stands outside quotes: up to there, quotes are even in number."""
        end = self._rest.rfind(b"\n") + 1
        quotes = self._rest.count(b'"', 0, end)
        while quotes % 2:
            line = self._rest.rfind(b"\n", 0, end - 1) + 1
            quotes -= self._rest.count(b'"', line, end)
            end = line
        return end

    def _parse(self, records: bytes) -> list[Row]:
        try:
            lines = io.StringIO(records.decode(), newline="")
        except UnicodeDecodeError as error:
            raise self._error(1 + records.count(b"\n", 0, error.start), "not UTF-8") from error
        reader = csv.reader(lines, strict=True)
        try:
            if records and not self._lines and next(reader) != HEADER:
                raise self._error(1, f"expected {HEADER!r}")
            rows = [self._row(fields, reader.line_num) for fields in reader if fields]
        except csv.Error as error:
            raise self._error(reader.line_num, str(error)) from error
        self._lines += reader.line_num
        self.rows += len(rows)
        return rows

    def _row(self, fields: list[str], line: int) -> Row:
        if len(fields) != len(HEADER):
            raise self._error(line, f"expected {len(HEADER)} fields, not {len(fields)}")
        name, amount = fields
        if "\0" in name:
            raise self._error(line, "a name cannot hold the character NUL")
        if not AMOUNT.fullmatch(amount) or not -(2**63) <= int(amount) < 2**63:
            raise self._error(line, "the amount is not an integer of at most 64 bits")
        return name, int(amount)

    def _error(self, line: int, what: str) -> BadRequest:
        return BadRequest(f"Line {self._lines + line}: {what}.")


def to_csv(rows: Sequence[Sequence[object]]) -> str:
    """Write rows as RFC 4180 has them."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


app = Sanic("records")


@app.before_server_start
async def open_database(app: Sanic) -> None:
    url = os.environ.get("DATABASE_URL")
    app.ctx.database = PostgreSQL(url) if url else SQLite(os.environ.get("RECORDS_FILE"))
    await app.ctx.database.open()


@app.after_server_stop
async def close_database(app: Sanic) -> None:
    await app.ctx.database.close()


@app.get("/records")
async def export(request: Request) -> None:
    """Send every record, the oldest first."""
    database: Database = request.app.ctx.database
    async with database.reading() as fetch:
        response = await request.respond(content_type="text/csv; charset=utf-8")
        await response.send(to_csv([HEADER]))
        while rows := await fetch():
            await response.send(to_csv(rows))
        await response.eof()


# A large upload may take long before the one line that answers it; what bounds it is the rate it must keep.
@app.post("/records", stream=True, response_timeout=math.inf)
async def load(request: Request) -> HTTPResponse:
    """Add every record of the body, or none of them."""
    database: Database = request.app.ctx.database
    parser = Parser()
    async with database.writing() as insert:
        async for piece in request.stream:
            await insert(parser.feed(piece))
        await insert(parser.end())
    return json({"records": parser.rows}, status=201)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
