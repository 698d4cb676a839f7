"""Each page is told all notes once and in order, wherever it begins again, and what else it missed."""

import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from examples import dashboard
from triosanic.testing import Client, EventStream, ReceivedEvent, running

app = dashboard.app


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the notes are, however often the server starts."""
    file = tmp_path / "notes.sqlite3"
    monkeypatch.setenv("NOTES_FILE", str(file))
    return file


@pytest.fixture
def clock(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> MockClock:
    """A virtual clock, on which the disk takes no time: else minutes would pass while a thread works."""

    async def at_once(function: Callable[..., object], *args: object) -> object:
        await trio.lowlevel.checkpoint()
        return function(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)
    return autojump_clock


@pytest.fixture
async def client(clock: MockClock) -> AsyncIterator[Client]:
    async with running(app) as client:
        yield client


async def add(client: Client, *texts: str) -> None:
    for text in texts:
        response = await client.put(f"/notes/{uuid4()}", json={"text": text})
        assert response.status_code == 201


async def next_of(events: EventStream, kind: str) -> tuple[ReceivedEvent, dict[str, Any]]:
    """Wait for an event of a type."""
    async for event in events:
        if event.event == kind:
            return event, json.loads(event.data)
    raise EOFError


async def notes(events: EventStream, count: int) -> list[str]:
    return [(await next_of(events, "note"))[1]["text"] for _ in range(count)]


async def test_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert "//" not in answer.text.replace("// ", "").replace("http://www.w3.org/2000/svg", "")


async def test_each_page_is_told_each_note(client: Client) -> None:
    async with client.events("/events") as one, client.events("/events") as other:
        await add(client, "a", "b")
        async with client.events("/events") as late:
            await add(client, "c")
            for events in (one, other, late):
                assert (await anext(events)).event == "fresh"
                assert await notes(events, 3) == ["a", "b", "c"]


async def test_who_comes_back_is_told_what_it_missed(client: Client) -> None:
    """More than the ring has is read from the disk."""
    await add(client, "a")
    async with client.events("/events") as events:
        event, _ = await next_of(events, "note")
    missed = [str(number) for number in range(2 * dashboard.NOTES + 7)]
    await add(client, *missed)
    async with client.events("/events", last_event_id=event.id) as events:
        assert await notes(events, len(missed)) == missed
    async with client.events(f"/events?after={event.id}") as events:
        assert await notes(events, 1) == ["0"]


async def test_who_is_new_is_told_the_last_notes(client: Client) -> None:
    await add(client, *(str(number) for number in range(dashboard.NOTES + 5)))
    async with client.events("/events") as events:
        assert await notes(events, dashboard.NOTES) == [str(5 + number) for number in range(dashboard.NOTES)]


async def test_a_restart_loses_nothing_and_repeats_nothing(clock: MockClock) -> None:
    """Measurements begin anew: a page that has seen many of the first run is told the first of the second."""
    async with running(app) as client, client.events("/events") as events:
        await add(client, "a", "b")
        assert await notes(events, 2) == ["a", "b"]
        await trio.sleep(50)
        event, _ = await next_of(events, "sample")
    async with running(app) as client:
        await add(client, "c")
        async with client.events("/events", last_event_id=event.id) as events:
            first = await anext(events)
            assert (first.event, json.loads(first.data)["text"]) == ("note", "c")
            sample, _ = await next_of(events, "sample")
            assert sample.id.split(".")[::2] == ["3", "1"]


@pytest.mark.parametrize("place", ["7", "-1.x.2", "9.{run}.1", "1" * 30 + ".{run}.1", "é", "0.{run}.1\n"])
async def test_a_place_that_nobody_was_told_is_a_beginning(client: Client, place: str) -> None:
    """As where the file was put away: what the page shows is no longer so."""
    await add(client, "a")
    text = place.format(run=app.ctx.board.run)
    async with client.events("/events", params={"after": text}) as events:
        assert (await anext(events)).event == "fresh"
        assert await notes(events, 1) == ["a"]


async def test_a_place_ahead_of_the_last_sample_waits_for_the_next(client: Client, clock: MockClock) -> None:
    async with client.events("/events", last_event_id=f"0.{app.ctx.board.run}.999") as events:
        _, sample = await next_of(events, "sample")
        assert sample["missed"] == 0


async def test_a_slow_page_is_told_how_much_it_missed(
    clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "SAMPLES", 10)
    monkeypatch.setitem(app.config, "RESPONSE_HIGH_WATER", 300)
    async with running(app, buffer_bytes=300) as client, client.events("/events") as events:
        await anext(events)
        await trio.sleep(50)
        await add(client, "a")
        numbers, gaps, told = [0], [], []
        while numbers[-1] < 50:
            event = await anext(events)
            told += [event.event] if event.event == "note" else []
            if event.event == "sample":
                gaps.append(json.loads(event.data)["missed"])
                numbers.append(int(event.id.split(".")[2]))
                assert numbers[-1] == numbers[-2] + gaps[-1] + 1
        assert sum(gap > 0 for gap in gaps) == 1
        assert (told, len(gaps) + sum(gaps)) == (["note"], numbers[-1])


async def test_what_is_measured(client: Client, clock: MockClock) -> None:
    async with client.events("/events") as one, client.events("/events") as other:
        await anext(other)
        _, sample = await next_of(one, "sample")
        assert (sample["viewers"], sample["requests"]) == (2, 2)
        assert sample["memory_bytes"] > 2**20
        assert sample["cpu_percent"] >= 0
    await wait_all_tasks_blocked()
    assert app.ctx.board.viewers == 0


async def test_a_note_that_is_sent_again_is_there_once(client: Client) -> None:
    key = uuid4()
    statuses = [
        (await client.put(f"/notes/{key}", json={"text": text})).status_code for text in ("a", "a", "b")
    ]
    assert statuses == [201, 200, 200]
    await add(client, "c")
    async with client.events("/events") as events:
        assert await notes(events, 2) == ["a", "c"]


async def test_notes_at_one_time_come_in_one_order(client: Client) -> None:
    async with client.events("/events") as one, client.events("/events") as other:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(add, client, str(number))
        told = await notes(one, 20)
        assert told == await notes(other, 20)
        assert sorted(told, key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    "body",
    [
        *(b'{"text":" "}', b'{"text":7}', b"[]", b"null", b"", b"{", b'{"text":"\\ud800"}'),
        b'{"text":"%b"}' % (b"x" * (1 + dashboard.NOTE_CHARACTERS)),
    ],
)
async def test_what_is_no_note_is_refused(client: Client, body: bytes) -> None:
    assert (await client.put(f"/notes/{uuid4()}", content=body)).status_code == 400


async def test_a_note_may_have_any_characters(client: Client) -> None:
    text = "\N{GRINNING FACE}" * dashboard.NOTE_CHARACTERS
    body = json.dumps({"text": text}).encode()
    assert (await client.put(f"/notes/{uuid4()}", content=body)).status_code == 201
    async with client.events("/events") as events:
        assert await notes(events, 1) == [text]


async def test_a_note_is_shown_though_its_writer_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk would else be shown after the next start, in the middle of others."""
    written, left = trio.Event(), threading.Event()
    insert = dashboard.Notes._insert  # noqa: SLF001  # no other way to stand between disk and ring

    def slowly(self: dashboard.Notes, key: str, text: str) -> dashboard.Note | None:
        note = insert(self, key, text)
        trio.from_thread.run_sync(written.set)
        assert left.wait(30)
        return note

    monkeypatch.setattr(dashboard.Notes, "_insert", slowly)
    async with running(app) as client, client.events("/events") as events:
        async with client.connect() as raw:
            head = b"PUT /notes/%b HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n" % str(uuid4()).encode()
            await raw.send(head + b'{"text":"a"}')
            await written.wait()
        await wait_all_tasks_blocked()
        left.set()
        assert await notes(events, 1) == ["a"]


async def test_a_note_that_was_answered_is_on_disk(client: Client, file: Path) -> None:
    await add(client, "a")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT number, text FROM notes").fetchall() == [(1, "a")]
    connection.close()


async def test_a_stop_ends_all_streams_at_once(clock: MockClock) -> None:
    async with running(app) as client, client.events("/events") as one, client.events("/events") as other:
        await anext(one)
        app.stop()
        start = trio.current_time()
        for events in (one, other):
            async for _ in events:
                pass
        assert trio.current_time() == start


async def test_a_file_that_cannot_be_opened_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTES_FILE", str(tmp_path / "nowhere" / "notes.sqlite3"))
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        async with running(app):
            pass


async def test_file_of_its_own_is_removed() -> None:
    notes = dashboard.Notes(None)
    await notes.open()
    assert await notes.add(UUID(int=1), "a")
    folder = Path(notes.file).parent
    assert folder.exists()
    notes.close()
    assert not folder.exists()


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 30))
def test_a_ring_has_the_last_items_by_their_numbers(size: int, last: int, count: int) -> None:
    ring = dashboard.Ring[int](size, last)
    for number in range(last + 1, last + count + 1):
        ring.append(number)
    kept = range(ring.first, ring.last + 1)
    assert [ring[number] for number in kept] == list(kept)
    assert (ring.last, len(kept)) == (last + count, min(size, count))


def test_memory_is_told_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "STATM", Path("/nowhere"))
    assert dashboard.memory_bytes() > 2**20
