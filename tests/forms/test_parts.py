"""A form as it arrives: the parts in turn, each a stream, and what reading out of turn says."""

import re
from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.forms.bodies import TYPE, Pieces, field, file, form, part, parts_of, split
from tests.http.wires import run_in_virtual_time
from triosanic.exceptions import BadRequest, ClientGone, PayloadTooLarge, SanicException, ServerError
from triosanic.forms import FormLimits, Part, Parts

FORM = form(field("title", b"x" * 10), file("f", b"y" * 100, "a.bin"), field("note", b"z"))


async def spooled(item: Part) -> None:
    async with item.spool():
        pass


async def test_parts_come_in_turn_with_what_is_known_of_each() -> None:
    seen = []
    async for item in parts_of(FORM):
        headers = item.headers.get("content-type")
        seen.append((item.name, item.filename, item.content_type, headers, await item.read()))
    assert seen == [
        ("title", None, "text/plain", None, b"x" * 10),
        ("f", "a.bin", "application/octet-stream", "application/octet-stream", b"y" * 100),
        ("note", None, "text/plain", None, b"z"),
    ]


async def test_a_part_begins_before_its_content_has_come() -> None:
    stream = Pieces([FORM[:130], FORM[130:]])
    parts = Parts(stream, TYPE, FormLimits())
    await anext(parts)
    assert (await anext(parts)).name == "f"
    assert stream.taken == 2 - (b"octet-stream\r\n\r\n" in FORM[:130])


async def test_a_part_is_a_stream_of_pieces() -> None:
    """No more than one piece of the body is there at a time."""
    content = bytes(range(256)) * 100
    stream = Pieces(split(form(file("f", content)), range(1000, 26_000, 1000)))
    async for item in Parts(stream, TYPE, FormLimits()):
        got = b""
        async for piece in item:
            assert 0 < len(piece) <= 1100
            got += piece
            assert len(got) >= 1000 * (stream.taken - 1) - 200
    assert got == content


async def test_what_was_not_read_is_skipped() -> None:
    names = [item.name async for item in parts_of(*split(FORM, range(0, len(FORM), 7)))]
    assert names == ["title", "f", "note"]


async def test_the_end_stays_the_end() -> None:
    parts = parts_of(FORM)
    items = [item async for item in parts]
    assert [item async for item in parts] == []
    with pytest.raises(ServerError, match="can't be read any more"):
        await items[-1].read()


async def test_a_part_that_was_read_stays_at_its_end() -> None:
    async for item in parts_of(FORM):
        assert await item.read()
        assert await item.read() == b""
        assert [piece async for piece in item] == []


async def test_a_part_behind_the_next_one_says_what_to_do() -> None:
    parts = parts_of(FORM)
    first = await anext(parts)
    await anext(parts)
    with pytest.raises(ServerError, match=r"'title' can't be read any more.*read or save each part before"):
        await first.read()


async def test_a_part_that_was_read_to_its_end_before_is_no_mistake() -> None:
    parts = parts_of(FORM)
    first = await anext(parts)
    await first.read()
    await anext(parts)
    assert await first.read() == b""


@pytest.mark.parametrize("second", [Part.read, lambda item: anext(item)])
async def test_two_tasks_cannot_read_at_once(second: Callable[[Part], Awaitable[bytes]]) -> None:
    come = trio.Event()

    class Waiting(Pieces):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            if self.taken == 1:
                await come.wait()
            return await super().receive_some(max_bytes)

    parts = Parts(Waiting(split(FORM, [250])), TYPE, FormLimits())
    await anext(parts)
    item = await anext(parts)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(item.read)
        await wait_all_tasks_blocked()
        with pytest.raises(ServerError, match="another task"):
            await second(item)
        with pytest.raises(ServerError, match="another task"):
            await anext(parts)
        come.set()
    assert (await anext(parts)).name == "note"


async def test_text_is_in_the_charset_of_the_part_or_of_the_form() -> None:
    """RFC 7578 §4.5 and §4.6."""
    body = form(
        field("a", "ü".encode()),
        field("_charset_", b"iso-8859-15"),
        field("b", b"\xa4"),
        part('name="c"', b"\x80", "Content-Type: text/plain; charset=windows-1252"),
    )
    assert [await item.text() async for item in parts_of(body)] == ["ü", "iso-8859-15", "€", "€"]


@pytest.mark.parametrize("name", ["a", "_charset_"])
async def test_text_that_is_none(name: str) -> None:
    body = form(part(f'name="{name}"', b"\xff" if name == "a" else b"nonsense"))
    with pytest.raises(BadRequest):
        [await item.text() async for item in parts_of(body)]


async def test_a_bound_for_one_part() -> None:
    parts = parts_of(FORM)
    assert len(await (await anext(parts)).read(10)) == 10
    with pytest.raises(PayloadTooLarge, match="The part 'f' of the form exceeds 99 bytes"):
        await (await anext(parts)).read(99)
    assert (await anext(parts)).name == "note"


async def test_what_is_read_without_a_bound_has_one_together() -> None:
    """A bound for each would let 128 of them take 128 times as much."""
    parts = parts_of(FORM, limits=FormLimits(max_field_bytes=110))
    assert len(await (await anext(parts)).read()) == 10
    assert len(await (await anext(parts)).read()) == 100
    with pytest.raises(PayloadTooLarge, match=re.escape("110 bytes (REQUEST_MAX_FORM_SIZE)")):
        await (await anext(parts)).text()


async def test_what_has_a_bound_of_its_own_or_is_not_kept_does_not_count() -> None:
    parts = parts_of(FORM, limits=FormLimits(max_field_bytes=1))
    assert len(await (await anext(parts)).read(10)) == 10
    assert sum([len(piece) async for piece in await anext(parts)]) == 100
    assert await (await anext(parts)).read() == b"z"


async def test_more_parts_than_there_may_be() -> None:
    parts = parts_of(FORM, limits=FormLimits(max_parts=2))
    await anext(parts)
    await anext(parts)
    with pytest.raises(PayloadTooLarge, match=re.escape("more than 2 parts (REQUEST_MAX_FORM_PARTS)")):
        await anext(parts)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda item: item.read(), id="read"),
        pytest.param(lambda item: item.text(), id="text"),
        pytest.param(spooled, id="spool"),
    ],
)
@pytest.mark.parametrize("at", [60, 150, 280])
async def test_a_form_that_is_cut_short_never_looks_whole(
    read: Callable[[Part], Awaitable[object]], at: int
) -> None:
    """The body came as long as it said, but the form has not come to its end; and it stays an error."""
    assert at < len(FORM) - 4
    parts = parts_of(FORM[:at])
    for _ in range(2):
        with pytest.raises(BadRequest, match="cut short"):
            async for item in parts:
                await read(item)


async def test_what_ends_the_body_ends_the_form() -> None:
    gone = ClientGone()
    parts = parts_of(FORM[:150], error=gone)
    for _ in range(2):
        with pytest.raises(ClientGone) as raised:
            [await item.read() async for item in parts]
        assert raised.value is gone


async def test_nothing_is_read_after_an_error() -> None:
    """What comes after a broken header is no content."""
    stream = Pieces([b"--b\r\nnonsense\r\n", FORM])
    parts = Parts(stream, TYPE, FormLimits())
    for _ in range(2):
        with pytest.raises(BadRequest, match="malformed"):
            await anext(parts)
    assert stream.taken == 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=ü", 400),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/mixed; boundary=b", 415),
        ("", 415),
    ],
)
async def test_what_no_form_can_come_of_is_refused_before_anything_is_read(
    content_type: str, status: int
) -> None:
    with pytest.raises(SanicException) as raised:
        Parts(Pieces([]), content_type, FormLimits())
    assert raised.value.status_code == status


async def test_a_body_without_a_byte_has_no_parts() -> None:
    assert [item async for item in parts_of()] == []


@given(st.lists(st.integers(0, len(FORM)), max_size=8))
def test_any_split_gives_the_same_parts(places: list[int]) -> None:
    async def read() -> None:
        parts = parts_of(*split(FORM, places))
        assert [await item.read() async for item in parts] == [b"x" * 10, b"y" * 100, b"z"]

    run_in_virtual_time(read)
