"""What was acknowledged is on disk; everybody in a room is told it once and in order, and who is there."""

import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from examples import chat
from triosanic.testing import Client, TestWebsocket, UpgradeRefused, running
from triosanic.websocket import Broadcast

app = chat.app


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the messages are, however often the server starts."""
    file = tmp_path / "chat.sqlite3"
    monkeypatch.setenv("CHAT_FILE", str(file))
    return file


@pytest.fixture
def clock(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> MockClock:
    """A virtual clock, on which the disk takes no time: else minutes would pass while a thread works."""

    async def at_once(function: Callable[..., object], *args: object, limiter: object = None) -> object:
        await trio.lowlevel.checkpoint()
        return function(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)
    return autojump_clock


@pytest.fixture
async def client(clock: MockClock) -> AsyncIterator[Client]:
    async with running(app) as client:
        yield client


class Window:
    """A client, which keeps what it was told until a test asks for it."""

    def __init__(self, ws: TestWebsocket) -> None:
        self.ws = ws
        self.lists = 0
        self._kept: list[dict[str, Any]] = []

    async def next(self, kind: str) -> dict[str, Any]:
        """Give the next message of a type."""
        for number, kept in enumerate(self._kept):
            if kept["type"] == kind:
                return self._kept.pop(number)
        while True:
            message: dict[str, Any] = json.loads(await self.ws.receive())
            if message["type"] == kind:
                return message
            self._kept.append(message)

    async def told(self, count: int) -> list[str]:
        """Give the next texts."""
        return [(await self.next("message"))["text"] for _ in range(count)]

    async def here(self, *names: str) -> None:
        """Wait until it has been told that these people are in its room, and nobody else."""
        shown: list[str] = []
        while shown != list(names):
            shown = sorted((await self.next("here"))["names"])
            self.lists += 1

    async def put(self, text: str, key: str = "") -> str:
        """Send a message; return its key."""
        key = key or uuid4().hex
        await self.ws.send(json.dumps({"type": "say", "key": key, "text": text}))
        return key

    async def say(self, *texts: str) -> None:
        """Send messages, and wait for each until it is acknowledged."""
        for text in texts:
            key = await self.put(text)
            assert (await self.next("stored"))["key"] == key


@asynccontextmanager
async def enter(
    client: Client, name: str, room: str = "lobby", after: int | None = None
) -> AsyncIterator[Window]:
    place = "" if after is None else f"&after={after}"
    async with client.websocket(f"/rooms/{room}?name={name}{place}") as ws:
        yield Window(ws)


def numbers(first: int, last: int) -> Sequence[str]:
    return [str(number) for number in range(first, last + 1)]


async def test_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = await client.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "//" not in answer.text.replace("// ", "").replace("//${location.host}", "")


async def test_everybody_in_a_room_is_told_each_message(client: Client) -> None:
    """Its sender too, before the acknowledgement; and nobody in another room."""
    async with enter(client, "ann") as ann, enter(client, "ben") as ben, enter(client, "cy", "attic") as cy:
        await ann.put("a")
        assert await ann.told(1) == ["a"]
        await ann.next("stored")
        await ben.say("b")
        await cy.say("c")
        async with enter(client, "dee") as late:
            assert await late.told(2) == ["a", "b"]
        message = await ben.next("message")
        assert (message["number"], message["name"], message["text"]) == (1, "ann", "a")


async def test_messages_at_one_time_come_in_one_order(client: Client) -> None:
    async with enter(client, "ann") as ann, enter(client, "ben") as ben, trio.open_nursery() as nursery:
        nursery.start_soon(ann.say, *numbers(1, 20))
        nursery.start_soon(ben.say, *numbers(21, 40))
        async with enter(client, "cy", after=0) as cy, enter(client, "dee", after=0) as dee:
            order = await cy.told(40)
            assert order == await dee.told(40)
            assert sorted(order, key=int) == numbers(1, 40)


async def test_who_comes_back_is_told_what_it_missed(client: Client) -> None:
    """More than a new client is told, and what is said meanwhile comes behind it."""
    async with enter(client, "ann") as ann:
        await ann.say("seen", *numbers(1, 2 * chat.HISTORY + 7))
        async with enter(client, "ben", after=1) as ben, trio.open_nursery() as nursery:
            nursery.start_soon(ann.say, *numbers(2 * chat.HISTORY + 8, 300))
            assert await ben.told(300) == numbers(1, 300)


async def test_whoever_comes_while_people_talk_is_told_all_of_it_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To tell a large room takes several turns, in each of which somebody may come."""
    send = Broadcast.send

    async def slowly(self: Broadcast, message: str) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        await send(self, message)

    async def come(steps: str) -> None:
        for _ in range(int(steps)):
            await trio.lowlevel.checkpoint()
        async with enter(client, f"guest {steps}".replace(" ", "%20"), after=0) as guest:
            assert await guest.told(20) == numbers(1, 20)

    monkeypatch.setattr(Broadcast, "send", slowly)
    async with enter(client, "ann") as ann, trio.open_nursery() as nursery:
        nursery.start_soon(ann.say, *numbers(1, 20))
        for steps in numbers(1, 150):
            nursery.start_soon(come, steps)


async def test_who_is_new_is_told_the_last_messages(client: Client) -> None:
    async with enter(client, "ann") as ann:
        await ann.say(*numbers(1, chat.HISTORY + 5))
    async with enter(client, "ben") as ben:
        assert await ben.next("welcome") == {"type": "welcome", "fresh": True}
        assert await ben.told(chat.HISTORY) == numbers(6, chat.HISTORY + 5)


async def test_a_restart_loses_nothing_and_repeats_nothing(clock: MockClock) -> None:
    async with running(app) as client, enter(client, "ann") as ann:
        await ann.say("a", "b")
    async with running(app) as client, enter(client, "ann", after=1) as ann:
        assert await ann.next("welcome") == {"type": "welcome", "fresh": False}
        await ann.say("c")
        async with enter(client, "ben", after=1) as ben:
            assert await ben.told(2) == ["b", "c"]


@pytest.mark.parametrize("place", ["7", "-1", "x", "1" * 30, "", "%D9%A1"])
async def test_a_place_that_nobody_was_told_is_a_beginning(client: Client, place: str) -> None:
    """As where the file was put away: what the page shows is no longer so."""
    async with enter(client, "ann") as ann:
        await ann.say("a")
        async with client.websocket(f"/rooms/lobby?name=ben&after={place}") as ws:
            ben = Window(ws)
            assert (await ben.next("welcome"))["fresh"]
            assert await ben.told(1) == ["a"]


async def test_a_message_that_is_sent_again_is_there_once(client: Client) -> None:
    """By another connection too, and at the same time: it was lost before the acknowledgement came."""
    key = uuid4().hex
    async with enter(client, "ann") as ann, enter(client, "ann") as again:
        await ann.put("a", key)
        await again.put("a", key)
        for ws in (ann, again):
            assert (await ws.next("stored"))["key"] == key
        await ann.put("a", key)
        assert (await ann.next("stored"))["key"] == key
        await ann.say("b")
        async with enter(client, "cy") as cy:
            assert await cy.told(2) == ["a", "b"]


async def test_a_message_that_was_acknowledged_is_on_disk(client: Client, file: Path) -> None:
    async with enter(client, "ann") as ann:
        await ann.say("a")
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        rows = connection.execute("SELECT room, number, name, text FROM messages").fetchall()
        connection.close()
        assert rows == [("lobby", 1, "ann", "a")]


async def test_a_message_is_told_though_its_sender_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk would else be told after the next start, in the middle of others."""
    written, left = trio.Event(), threading.Event()
    add = chat.Store._add  # noqa: SLF001  # no other way to stand between disk and telling

    def slowly(self: chat.Store, drafts: Sequence[chat.Draft]) -> list[chat.Message | None]:
        messages = add(self, drafts)
        trio.from_thread.run_sync(written.set)
        assert left.wait(30)
        return messages

    monkeypatch.setattr(chat.Store, "_add", slowly)
    async with running(app) as client, enter(client, "ben") as ben:
        async with enter(client, "ann") as ann:
            await ann.put("a")
            await written.wait()
            ann.ws.abort()
        await wait_all_tasks_blocked()
        left.set()
        assert await ben.told(1) == ["a"]


async def test_what_can_not_be_written_is_not_acknowledged(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the client comes back, sends it again, and it is there once."""

    def full(self: chat.Store, draft: chat.Draft) -> None:
        add(self, draft)
        raise sqlite3.OperationalError("database or disk is full")

    add = chat.Store._insert  # noqa: SLF001  # no other way to have a full disk
    key = uuid4().hex
    async with enter(client, "ben") as ben:
        with monkeypatch.context() as patch:
            patch.setattr(chat.Store, "_insert", full)
            async with enter(client, "ann") as ann:
                await ann.put("a", key)
                assert await ann.ws.wait_closed() == 1011
        async with enter(client, "ann") as ann:
            await ann.put("a", key)
            assert (await ann.next("stored"))["key"] == key
            assert (await ben.next("message"))["number"] == 1


async def test_who_is_in_a_room_is_told(client: Client) -> None:
    async with enter(client, "ann") as ann:
        await ann.here("ann")
        async with enter(client, "ben") as ben:
            await ben.here("ann", "ben")
            await ann.here("ann", "ben")
        await ann.here("ann")


async def test_a_person_in_two_windows_is_one(client: Client) -> None:
    async with enter(client, "ann") as ann, enter(client, "ben") as ben:
        async with enter(client, "ben"):
            await ann.here("ann", "ben")
        await ann.say("a")
        await ben.ws.close()
        await ann.here("ann")


async def test_one_that_vanishes_leaves_by_the_heartbeat(client: Client, clock: MockClock) -> None:
    """Ann answers pings, as she receives; Ben has fallen silent."""
    async with enter(client, "ann") as ann, enter(client, "ben") as ben:
        await ann.here("ann", "ben")
        start = trio.current_time()
        await ann.here("ann")
        assert trio.current_time() - start <= chat.PING_S + chat.PONG_S + chat.GATHER_S
        assert await ben.ws.wait_closed() == 1011


async def test_many_that_come_at_one_time_are_told_as_one_change(client: Client) -> None:
    async with enter(client, "ann") as ann, trio.open_nursery() as nursery:
        await ann.here("ann")

        async def visit(name: str) -> None:
            async with enter(client, name):
                await trio.sleep(1)

        for number in numbers(1, 50):
            nursery.start_soon(visit, number)
        await ann.here(*sorted(("ann", *numbers(1, 50))))
        await ann.here("ann")
        assert ann.lists <= 4


async def test_a_slow_client_holds_nobody_back(clock: MockClock) -> None:
    """It is closed, and comes back for the rest; all others are told each message at once."""
    texts = [f"{number} {'x' * 400}" for number in range(chat.QUEUE + 50)]
    async with running(app, buffer_bytes=4096) as client, enter(client, "ann") as ann:
        async with enter(client, "slow") as slow:
            await ann.here("ann", "slow")
            start = trio.current_time()
            await ann.say(*texts)
            assert trio.current_time() == start
            got: list[int] = []
            with pytest.raises(Exception, match="1008 too slow"):
                while True:
                    got.append((await slow.next("message"))["number"])
        assert got == list(range(1, len(got) + 1))
        async with enter(client, "slow", after=len(got)) as slow:
            assert await slow.told(len(texts) - len(got)) == texts[len(got) :]


@pytest.mark.parametrize("text", ["", " ", "x" * (1 + chat.TEXT_CHARACTERS), "\ud800"])
async def test_what_is_no_message_is_refused_by_its_key(client: Client, text: str) -> None:
    async with enter(client, "ann") as ann:
        key = await ann.put(text)
        assert (await ann.next("refused"))["key"] == key
        await ann.say("a")


async def test_a_message_may_have_any_characters(client: Client) -> None:
    text = "\N{GRINNING FACE}" * (chat.TEXT_CHARACTERS - 2) + "\0x"
    async with enter(client, "ann") as ann:
        await ann.put(text)
        assert await ann.told(1) == [text]


@pytest.mark.parametrize(
    "said",
    [
        *("", "{", "7", "null", "[]", "[" * 8000, b"\xff", '{"type":"sing"}', '{"type":"say","text":"a"}'),
        '{"type":"say","key":"../","text":"a"}',
        '{"type":"say","key":"%s","text":7}' % ("a" * 32),
    ],
)
async def test_what_is_not_understood_ends_the_connection(client: Client, said: str | bytes) -> None:
    async with enter(client, "ann") as ann:
        await ann.ws.send(said)
        assert await ann.ws.wait_closed() == chat.NOT_UNDERSTOOD


async def test_a_message_that_is_too_long_for_any_text_is_not_read(client: Client) -> None:
    async with enter(client, "ann") as ann:
        await ann.ws.send("x" * (1 + chat.MESSAGE_BYTES))
        assert await ann.ws.wait_closed() == 1009


@pytest.mark.parametrize("name", ["", "%20", "x" * 25, "a%00", "a%E2%80%AEb"])
async def test_what_is_no_name_is_not_let_in(client: Client, name: str) -> None:
    async with enter(client, name) as ws:
        assert await ws.ws.wait_closed() == chat.NOT_UNDERSTOOD
        assert ws.ws.close_reason == "A name has 1 to 24 characters"


@pytest.mark.parametrize("room", ["Lobby", "a%20b", "x" * 33, "a%2Fb"])
async def test_what_is_no_room_is_not_found(client: Client, room: str) -> None:
    with pytest.raises(UpgradeRefused, match="404"):
        async with enter(client, "ann", room):
            pass


async def test_a_room_and_the_house_may_be_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that nobody has said anything in is forgotten with its last visitor."""
    monkeypatch.setattr(chat, "ROOMS", 1)
    monkeypatch.setattr(chat, "WINDOWS", 1)
    async with enter(client, "ann", "attic"):
        for room in ("attic", "lobby"):
            async with enter(client, "ben", room) as ben:
                assert await ben.ws.wait_closed() == chat.FULL
    async with enter(client, "ben") as ben:
        await ben.say("a")
    async with enter(client, "ann", "attic") as ann:
        assert await ann.ws.wait_closed() == chat.FULL


async def test_rooms_with_people_are_offered(client: Client) -> None:
    async with enter(client, "ann"), enter(client, "ann"), enter(client, "cy", "attic"), enter(client, "ben"):
        found = (await client.get("/rooms")).json()
    assert found == [{"name": "lobby", "people": 2}, {"name": "attic", "people": 1}]
    await wait_all_tasks_blocked()
    assert (await client.get("/rooms")).json() == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://evil.example/testserver"])
async def test_a_page_from_elsewhere_is_not_let_in(client: Client, origin: str) -> None:
    with pytest.raises(UpgradeRefused, match="403"):
        async with client.websocket("/rooms/lobby?name=ann", headers={"origin": origin}):
            pass


async def test_the_chat_answers_whether_it_is_there(client: Client) -> None:
    async with enter(client, "ann") as ann:
        await ann.ws.send('{"type":"ping"}')
        await ann.next("pong")


async def test_a_stop_closes_all_at_once(clock: MockClock) -> None:
    async with running(app) as client, enter(client, "ann") as ann, enter(client, "ben") as ben:
        await ann.here("ann", "ben")
        app.stop()
        start = trio.current_time()
        for ws in (ann, ben):
            assert await ws.ws.wait_closed() == 1001
        assert trio.current_time() == start


async def test_file_of_its_own_is_removed() -> None:
    store = chat.Store(None)
    assert await store.open() == {}
    [message] = await store.add([chat.Draft("lobby", "a" * 32, "ann", "a")])
    assert message == chat.Message(1, message.at if message else 0, "ann", "a")
    folder = Path(store.file).parent
    store.close()
    assert not folder.exists()
