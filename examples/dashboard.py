"""Show what the server does, live on every open page, with notes that people add and all of them see.

Run it, open the address that it prints in two windows, and stop and start it while you add notes:

    NOTES_FILE=notes.sqlite3 python examples/dashboard.py

Each page has one stream of server-sent events. The server keeps nothing for it: all pages are told from the
same two rings, each at its own pace, and the id of an event says where in them its page is. A page that is
slow, or comes back, goes on from there, over a restart too: notes are on disk before anybody sees them, and
what is no longer in the ring is read from there. So every note reaches every open page once, and in order.
Of measurements only the last two minutes are kept; a page that has missed some is told how many.

The notes live in SQLite, in the file that ``NOTES_FILE`` names, or else in one that is removed at the end.
PORT chooses another port than 8000.
"""

import os
import re
import resource
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar
from uuid import UUID, uuid4

import trio

from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest
from triosanic.response import EventStreamResponse, HTTPResponse, ServerSentEvent, html, json, sse

T = TypeVar("T")

PAGE: Final = Path(__file__).with_name("dashboard.html").read_text(encoding="utf-8")
# The page is one file: nothing else may be loaded, framed or sent anywhere.
PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
}
SAMPLE_S: Final = 1
# Two minutes, which is what the page draws.
SAMPLES: Final = 120
# How many notes a new page begins with, and how many are read from the disk at once.
NOTES: Final = 50
NOTE_CHARACTERS: Final = 280
# Each character may be two escapes of six.
NOTE_BYTES: Final = 4096
# A restart takes about as long; pages that have lost the server come back by themselves.
RETRY_S: Final = 1
STATM: Final = Path("/proc/self/statm")
PLACE: Final = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})\.([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Note:
    """What a person has to say."""

    number: int
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured in one second."""

    at: float
    requests: int
    viewers: int
    cpu_percent: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a page is: the id of what it was told last.

    Notes are counted for ever; samples by each run of the server anew, so that one that is started again
    does not take a page for one that has seen them.
    """

    note: int
    run: str
    sample: int

    def __str__(self) -> str:
        return f"{self.note}.{self.run}.{self.sample}"


class Ring(Generic[T]):
    """The last items of a sequence, each with its number in it."""

    def __init__(self, size: int, last: int = 0) -> None:
        self.last = last
        self._items: deque[T] = deque(maxlen=size)

    @property
    def first(self) -> int:
        """The number of the oldest that is still here."""
        return self.last - len(self._items) + 1

    def append(self, item: T) -> None:
        self._items.append(item)
        self.last += 1

    def __getitem__(self, number: int) -> T:
        return self._items[number - self.first]


class Notes:
    """All notes, in a file, and the last of them in memory."""

    def __init__(self, file: str | None) -> None:
        self._opened = ExitStack()
        self.file = file or f"{self._opened.enter_context(tempfile.TemporaryDirectory())}/notes.sqlite3"
        self._turn = trio.Lock()
        self.recent = Ring[Note](NOTES)

    async def open(self) -> None:
        """Make the table where there is none, and read the last notes."""
        last = await trio.to_thread.run_sync(self._open)
        self.recent = Ring(NOTES, max(0, last - NOTES))
        for note in await trio.to_thread.run_sync(self._select, self.recent.last):
            self.recent.append(note)

    def close(self) -> None:
        self._opened.close()

    async def add(self, key: UUID, text: str) -> bool:
        """Write a note to the disk, unless its key is there already; return whether it is new."""
        # One after the other, so that they reach the ring in the order of their numbers.
        async with self._turn:
            # A thread runs to its end though the client has left: what it wrote is always shown.
            note = await trio.to_thread.run_sync(self._insert, key.hex, text)
            if note is not None:
                self.recent.append(note)
        return note is not None

    async def after(self, number: int) -> list[Note]:
        """Give the next few notes."""
        if number + 1 >= self.recent.first:
            return [self.recent[next] for next in range(number + 1, self.recent.last + 1)]
        async with self._turn:
            return await trio.to_thread.run_sync(self._select, number)

    def _open(self) -> int:
        """Give the number of the last note."""
        # Threads take turns at it.
        self._connection = connection = sqlite3.connect(self.file, check_same_thread=False)
        self._opened.callback(connection.close)
        # A commit is on the disk when it returns.
        connection.execute("PRAGMA synchronous = FULL")
        # Nothing is deleted, so numbers have no gaps.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS notes"
            " (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at REAL NOT NULL, text TEXT NOT NULL)"
        )
        last: int = connection.execute("SELECT coalesce(max(number), 0) FROM notes").fetchone()[0]
        return last

    def _insert(self, key: str, text: str) -> Note | None:
        row = (key, time.time(), text)
        with self._connection as connection:
            cursor = connection.execute(
                "INSERT INTO notes (key, at, text) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING", row
            )
        return Note(cursor.lastrowid or 0, *row[1:]) if cursor.rowcount else None

    def _select(self, number: int) -> list[Note]:
        query = "SELECT number, at, text FROM notes WHERE number > ? ORDER BY number LIMIT ?"
        return [Note(*row) for row in self._connection.execute(query, (number, NOTES))]


class Board:
    """What all pages show."""

    def __init__(self, notes: Notes) -> None:
        self.run = uuid4().hex
        self.notes = notes
        self.samples = Ring[Sample](SAMPLES)
        self.requests = 0
        self.viewers = 0
        self.changed = trio.Event()

    def change(self) -> None:
        """Wake everybody who waits for something new."""
        changed, self.changed = self.changed, trio.Event()
        changed.set()

    def place(self, text: str) -> Place | None:
        """Find out where a page is; ``None``: it is new, or what it has seen was never told by us."""
        match = PLACE.fullmatch(text)
        if match is None or int(match[1]) > self.notes.recent.last:
            return None
        sample = min(int(match[3]), self.samples.last) if match[2] == self.run else 0
        return Place(int(match[1]), self.run, sample)

    def beginning(self) -> Place:
        """Where a new page begins: with what is in the rings."""
        return Place(self.notes.recent.first - 1, self.run, self.samples.first - 1)

    async def tell(self, place: Place | None) -> AsyncIterator[ServerSentEvent]:
        """Give what comes after a place, each time from the rings as they are then."""
        self.viewers += 1
        try:
            if place is None:
                place = self.beginning()
                yield ServerSentEvent({}, "fresh", str(place))
            while True:
                changed = self.changed
                if place.note < self.notes.recent.last:
                    for note in await self.notes.after(place.note):
                        place = replace(place, note=note.number)
                        yield ServerSentEvent(asdict(note), "note", str(place))
                elif place.sample < self.samples.last:
                    missed = max(0, self.samples.first - 1 - place.sample)
                    place = replace(place, sample=place.sample + missed + 1)
                    sample = asdict(self.samples[place.sample])
                    yield ServerSentEvent({**sample, "missed": missed}, "sample", str(place))
                else:
                    await changed.wait()
        finally:
            self.viewers -= 1


async def measure(board: Board) -> None:
    """Add a sample each second."""
    while True:
        at, cpu_s, requests = trio.current_time(), time.process_time(), board.requests
        await trio.sleep(SAMPLE_S)
        cpu_percent = round(100 * (time.process_time() - cpu_s) / (trio.current_time() - at), 1)
        served = board.requests - requests
        board.samples.append(Sample(time.time(), served, board.viewers, cpu_percent, memory_bytes()))
        board.change()


def memory_bytes() -> int:
    """Tell how much memory the process has; without ``/proc``, how much it has had at most."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


app = Sanic("dashboard")


@app.before_server_start
async def start(app: Sanic) -> None:
    app.ctx.board = Board(Notes(os.environ.get("NOTES_FILE")))
    await app.ctx.board.notes.open()
    # Of the services, as it never ends by itself: a stop waits for tasks of ``app.nursery``.
    app.services.start_soon(measure, app.ctx.board)


@app.after_server_stop
async def stop(app: Sanic) -> None:
    app.ctx.board.notes.close()


@app.on_request
async def count(request: Request) -> None:
    request.app.ctx.board.requests += 1


@app.get("/")
async def page(request: Request) -> HTTPResponse:
    return html(PAGE, headers=PAGE_HEADERS)


# Not by POST: a page may repeat it until it is answered, as the note is the same; and other sites may not.
@app.put("/notes/<key:uuid>", request_max_size=NOTE_BYTES)
async def add(request: Request, key: UUID) -> HTTPResponse:
    """Add a note, which is on disk once this is answered; one whose key has been used is there already."""
    board: Board = request.app.ctx.board
    new = await board.notes.add(key, text_of(request.json))
    board.change()
    return json({"new": new}, status=201 if new else 200)


def text_of(body: object) -> str:
    """Take the text out of what was sent."""
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not 0 < len(text := text.strip()) <= NOTE_CHARACTERS:
        raise BadRequest(f"A note has 1 to {NOTE_CHARACTERS} characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest("A note has half of a character.") from error
    return text


@app.get("/events")
async def events(request: Request) -> EventStreamResponse:
    """Tell a page what it has not seen; where it is, it says as browsers do, or by ``after``."""
    board: Board = request.app.ctx.board
    place = board.place(request.last_event_id or request.args.get("after", ""))
    return sse(board.tell(place), retry_s=RETRY_S)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
