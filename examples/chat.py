"""Chat in rooms, over WebSockets: nothing that was acknowledged is lost, and everybody sees who is there.

Run it, open the address that it prints in two windows, and stop and start it while you talk:

    CHAT_FILE=chat.sqlite3 python examples/chat.py

A message is on disk before it is acknowledged. Everybody in its room is shown it once, and all in one order,
over lost connections and restarts too: the messages of a room are numbered without gaps; a client says the
number that it was told last when it comes back, and is first told what it has missed. Each message has a key
of its client's making, so one that is sent again, because its acknowledgement was lost, is stored once.

One task writes and tells. So there is one order, a message that is on disk is told though its sender has
left meanwhile, and what is said at one time shares one commit. A client that does not keep up holds nobody
back: it is closed once ``QUEUE`` messages wait for it, comes back, and reads from the disk at its own pace.

Who is in a room is told at each change. One that vanishes leaves at the latest when it has been silent for
``PING_S + PONG_S``. Names are taken on trust: two connections with one name are one person in two windows.

All is in SQLite, in the file that ``CHAT_FILE`` names, or else in one that is removed at the end.
PORT chooses another port than 8000.
"""

import json
import os
import re
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import trio

from triosanic import Request, Sanic
from triosanic.exceptions import Forbidden
from triosanic.response import HTTPResponse, JSONResponse, html
from triosanic.response import json as json_response
from triosanic.websocket import Broadcast, Websocket

PAGE: Final = Path(__file__).with_name("chat.html").read_text(encoding="utf-8")
# The page is one file: nothing else may be loaded, framed or sent anywhere.
PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
}
NAME_CHARACTERS: Final = 24
TEXT_CHARACTERS: Final = 500
# Each character may be two escapes of six.
MESSAGE_BYTES: Final = 8192
# Rooms in all, those on disk too; windows in each, so that a change of presence stays a small message.
ROOMS: Final = 1000
WINDOWS: Final = 200
# Of the rooms that have people in them, those that the page offers.
OFFERED: Final = 12
# How many messages a new client begins with, and how many are read from the disk at once.
HISTORY: Final = 50
# What waits for one client, of messages and changes of presence.
QUEUE: Final = 64
# Changes of presence within so long are told as one: after a restart a whole room comes back at once.
GATHER_S: Final = 0.1
# What one commit takes at most.
BATCH: Final = 100
PING_S: Final = 10
PONG_S: Final = 10
KEY: Final = re.compile(r"[0-9a-f]{32}")
# Closes that say: do not come back like this. RFC 6455 7.4.2 leaves them to programs.
NOT_UNDERSTOOD: Final = 4400
FULL: Final = 4503


class Refused(Exception):
    """A client is not let in, or is sent away, for what it has said."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Message:
    """What a person has said in a room, by its number there."""

    number: int
    at: float
    name: str
    text: str


@dataclass(eq=False, slots=True)
class Draft:
    """A message on its way to the disk."""

    room: str
    key: str
    name: str
    text: str
    # Set when it is there, or could not be written.
    done: trio.Event = field(default_factory=trio.Event)
    error: sqlite3.Error | None = None


class Room:
    """Who is in a room, and how far all of them have been told."""

    def __init__(self, name: str, last: int = 0) -> None:
        self.name = name
        self.last = last
        # By name, in how many windows.
        self.people = Counter[str]()
        self.listeners = Broadcast(max_queued=QUEUE, slow="disconnect")
        # Held while a message is told: whoever begins to listen has it before, or gets it after, never both.
        self.turn = trio.Lock()

    async def tell(self, message: Message) -> None:
        async with self.turn:
            self.last = message.number
            await self.listeners.send(dump("message", **asdict(message)))

    async def tell_who_is_here(self) -> None:
        await self.listeners.send(dump("here", names=list(self.people)))


class Store:
    """All messages, in a file."""

    def __init__(self, file: str | None) -> None:
        self._opened = ExitStack()
        self.file = file or f"{self._opened.enter_context(tempfile.TemporaryDirectory())}/chat.sqlite3"
        # One connection, at which threads take turns.
        self._turn = trio.CapacityLimiter(1)

    async def open(self) -> dict[str, int]:
        """Make the table where there is none; give the number of each room's last message."""
        return await trio.to_thread.run_sync(self._open, limiter=self._turn)

    def close(self) -> None:
        self._opened.close()

    async def add(self, drafts: Sequence[Draft]) -> list[Message | None]:
        """Write drafts to the disk, all or none; give the message of each, ``None`` if it was there."""
        return await trio.to_thread.run_sync(self._add, drafts, limiter=self._turn)

    async def between(self, room: str, told: int, last: int) -> list[Message]:
        """Give the next few messages of a room, up to its last."""
        return await trio.to_thread.run_sync(self._between, room, told, last, limiter=self._turn)

    def _open(self) -> dict[str, int]:
        self._connection = connection = sqlite3.connect(self.file, check_same_thread=False)
        self._opened.callback(connection.close)
        # A commit is on the disk when it returns.
        connection.execute("PRAGMA synchronous = FULL")
        # Nothing is deleted, so numbers have no gaps.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS messages"
            " (room TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, at REAL NOT NULL,"
            " name TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (room, number), UNIQUE (room, key))"
            " WITHOUT ROWID"
        )
        return dict(connection.execute("SELECT room, max(number) FROM messages GROUP BY room"))

    def _add(self, drafts: Sequence[Draft]) -> list[Message | None]:
        with self._connection:
            return [self._insert(draft) for draft in drafts]

    def _insert(self, draft: Draft) -> Message | None:
        row = (draft.room, draft.key, time.time(), draft.name, draft.text)
        numbers = self._connection.execute(
            "INSERT INTO messages (room, number, key, at, name, text)"
            " SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 FROM messages WHERE room = ?1"
            " ON CONFLICT (room, key) DO NOTHING RETURNING number",
            row,
        ).fetchall()
        return Message(numbers[0][0], *row[2:]) if numbers else None

    def _between(self, room: str, told: int, last: int) -> list[Message]:
        query = (
            "SELECT number, at, name, text FROM messages"
            " WHERE room = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?"
        )
        return [Message(*row) for row in self._connection.execute(query, (room, told, last, HISTORY))]


class Chat:
    """All rooms."""

    def __init__(self, store: Store, last: dict[str, int]) -> None:
        self.store = store
        self.rooms = {name: Room(name, number) for name, number in last.items()}
        # Without room: a sender that leaves before its draft is taken has said nothing.
        self._send, self._receive = trio.open_memory_channel[Draft](0)
        self._changed: set[str] = set()
        self._some_changed = trio.Event()

    @contextmanager
    def visit(self, name: str, who: str) -> Iterator[Room]:
        """Have a window of a person's in a room, for as long as the block runs.

        Raises:
            Refused: There are enough rooms, or enough in this one.
        """
        if name not in self.rooms and len(self.rooms) >= ROOMS:
            raise Refused(FULL, "There are no more rooms")
        room = self.rooms.setdefault(name, Room(name))
        if room.people.total() >= WINDOWS:
            raise Refused(FULL, "The room is full")
        room.people[who] += 1
        try:
            yield room
        finally:
            room.people[who] -= 1
            room.people += Counter()  # forgets whoever has no window left
            self.change(room)
            if not room.people and not room.last:
                del self.rooms[name]

    def change(self, room: Room) -> None:
        """Have it told who is in a room."""
        self._changed.add(room.name)
        self._some_changed.set()

    async def say(self, draft: Draft) -> None:
        """Return once a message is on disk and has been told; once it was, if its key has been used.

        Raises:
            sqlite3.Error: It could not be written.
        """
        await self._send.send(draft)
        await draft.done.wait()
        if draft.error is not None:
            raise draft.error

    async def write(self) -> None:
        """Write and tell what people say."""
        async for draft in self._receive:
            drafts = [draft]
            with suppress(trio.WouldBlock):
                while len(drafts) < BATCH:
                    drafts.append(self._receive.receive_nowait())
            try:
                messages = await self.store.add(drafts)
            except sqlite3.Error as error:
                for draft in drafts:
                    draft.error = error
                    draft.done.set()
            else:
                for draft, message in zip(drafts, messages, strict=True):
                    if message is not None:
                        await self.rooms.setdefault(draft.room, Room(draft.room)).tell(message)
                    draft.done.set()

    async def announce(self) -> None:
        """Tell who is in a room, where that has changed."""
        while True:
            await self._some_changed.wait()
            await trio.sleep(GATHER_S)
            self._some_changed = trio.Event()
            changed, self._changed = self._changed, set()
            for name in changed & self.rooms.keys():
                await self.rooms[name].tell_who_is_here()


def dump(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)


app = Sanic("chat")
app.config.update({"WEBSOCKET_PING_INTERVAL": PING_S, "WEBSOCKET_PING_TIMEOUT": PONG_S})


@app.before_server_start
async def start(app: Sanic) -> None:
    store = app.ctx.store = Store(os.environ.get("CHAT_FILE"))
    chat = app.ctx.chat = Chat(store, await store.open())
    # Of the services, as they never end by themselves: a stop waits for tasks of ``app.nursery``.
    app.services.start_soon(chat.write)
    app.services.start_soon(chat.announce)


@app.after_server_stop
async def stop(app: Sanic) -> None:
    app.ctx.store.close()


@app.on_request
async def same_site(request: Request) -> None:
    """Another site's page may not talk in the name of whoever looks at it."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Forbidden("This chat is for its own page.")


@app.get("/")
async def page(request: Request) -> HTTPResponse:
    return html(PAGE, headers=PAGE_HEADERS)


@app.get("/rooms")
async def rooms(request: Request) -> JSONResponse:
    """Give the rooms that most people are in."""
    chat: Chat = request.app.ctx.chat
    people = Counter({room.name: len(room.people) for room in chat.rooms.values() if room.people})
    found = [{"name": name, "people": count} for name, count in people.most_common(OFFERED)]
    return json_response(found, headers={"cache-control": "no-store"})


@app.websocket(r"/rooms/<room:[a-z0-9-]{1,32}>", max_size=MESSAGE_BYTES)
async def join(request: Request, ws: Websocket, room: str) -> None:
    """Be in a room: with ``name``, and ``after`` the number that was told last, if one was."""
    chat: Chat = request.app.ctx.chat
    try:
        who = name_of(request.args.get("name", ""))
        with chat.visit(room, who) as visited:
            await attend(chat, visited, ws, who, request.args.get("after", ""))
    except Refused as refused:
        await ws.close(refused.code, refused.why)


async def attend(chat: Chat, room: Room, ws: Websocket, who: str, after: str) -> None:
    """Tell a client what it does not know, then everything as it comes; and take what it says."""
    place = place_of(after, room.last)
    await ws.send(dump("welcome", fresh=place is None))
    told = max(0, room.last - HISTORY) if place is None else place
    with ExitStack() as listening:
        while ws not in room.listeners:
            while told < room.last:
                for message in await chat.store.between(room.name, told, room.last):
                    await ws.send(dump("message", **asdict(message)))
                    told = message.number
            async with room.turn:
                if told == room.last:
                    listening.enter_context(room.listeners.member(ws))
        chat.change(room)
        async for said in ws:
            await ws.send(await answer(chat, room, who, said))


async def answer(chat: Chat, room: Room, who: str, said: str | bytes) -> str:
    """Do what a client has said, and give what it is told."""
    match parse(said):
        case {"type": "ping"}:
            return dump("pong")
        case {"type": "say", "key": str(key), "text": str(text)} if KEY.fullmatch(key):
            if not is_text(text := text.strip()):
                return dump("refused", key=key, why=f"A message has 1 to {TEXT_CHARACTERS} characters.")
            await chat.say(Draft(room.name, key, who, text))
            return dump("stored", key=key)
        case _:
            raise Refused(NOT_UNDERSTOOD, "That was no message of this chat")


def parse(said: str | bytes) -> object:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):  # as deep as a few thousand brackets are
        return None


def is_text(text: str) -> bool:
    # Of a half of a character, JSON makes one; nobody could be sent it.
    return 0 < len(text) <= TEXT_CHARACTERS and not any("\ud800" <= one <= "\udfff" for one in text)


def name_of(text: str) -> str:
    """Take a person's name, without spaces around it."""
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME_CHARACTERS or not name.isprintable():
        raise Refused(NOT_UNDERSTOOD, f"A name has 1 to {NAME_CHARACTERS} characters")
    return name


def place_of(after: str, last: int) -> int | None:
    """Find out how far a client is; ``None``: it is new, or what it has seen was never told by us."""
    number = int(after) if re.fullmatch("[0-9]{1,15}", after) else last + 1
    return number if number <= last else None


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
