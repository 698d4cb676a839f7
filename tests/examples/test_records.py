"""Rows go out and come in a batch at a time, and an upload counts whole or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from examples import records
from tests.examples.conftest import Serve, begin
from triosanic.exceptions import BadRequest

HEADER = "name,amount\r\n"
THREE = HEADER + 'Ada,1815\r\n"Hopper, Grace",1906\r\n"two\r\nlines, ""quoted""",-1\r\n'
ROWS = [("Ada", 1815), ("Hopper, Grace", 1906), ('two\r\nlines, "quoted"', -1)]


@pytest.fixture
async def url(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("RECORDS_FILE", str(tmp_path / "records.sqlite3"))
    return f"{await serve(records.app)}/records"


async def test_empty_table_is_a_header(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(url)
    assert (answer.text, answer.headers["content-type"]) == (HEADER, "text/csv; charset=utf-8")


async def test_upload_comes_back_as_it_was(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(url, content=THREE)
    assert (answer.status_code, answer.json()) == (201, {"records": 3})
    assert (await client.get(url)).text == THREE


async def test_more_rows_than_a_batch(url: str, client: httpx.AsyncClient) -> None:
    rows = HEADER + "".join(f"row {number},{number}\r\n" for number in range(3 * records.BATCH_ROWS + 1))
    assert (await client.post(url, content=rows)).json() == {"records": 3 * records.BATCH_ROWS + 1}
    assert (await client.get(url)).text == rows


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "Line 1: expected ['name', 'amount'].", id="nothing"),
        pytest.param(b"Ada,1815\n", "Line 1: expected ['name', 'amount'].", id="no header"),
        pytest.param(b"name,amount\na,1\nb\n", "Line 3: expected 2 fields, not 1.", id="fields"),
        pytest.param(
            b'name,amount\n"a\nb",1\nc,x\n',
            "Line 4: the amount is not an integer of at most 64 bits.",
            id="amount",
        ),
        pytest.param(
            b"name,amount\na,9223372036854775808\n",
            "Line 2: the amount is not an integer of at most 64 bits.",
            id="large amount",
        ),
        pytest.param(b"name,amount\na,1\n\xff,2\n", "Line 3: not UTF-8.", id="bytes"),
        pytest.param(b"name,amount\n\0,2\n", "Line 2: a name cannot hold the character NUL.", id="nul"),
        pytest.param(b'name,amount\n"a"b,2\n', "Line 2: ',' expected after '\"'.", id="quote"),
        pytest.param(b'name,amount\na,1\n"open,2\n', "Line 3: unexpected end of data.", id="open quote"),
        pytest.param(
            b"name,amount\n" + b"a" * 70_000, "Line 2: the record is longer than 65536 bytes.", id="endless"
        ),
    ],
)
async def test_wrong_line_is_named(url: str, client: httpx.AsyncClient, body: bytes, message: str) -> None:
    await client.post(url, content=THREE)
    answer = await client.post(url, content=body, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert (await client.get(url)).text == THREE


async def test_cut_upload_leaves_the_table_as_it_was(url: str, client: httpx.AsyncClient) -> None:
    """More than a batch has been inserted when the client breaks off."""
    await client.post(url, content=THREE)
    async with await begin("POST", url, length=10_000_000) as upload:
        await upload.send_all(HEADER.encode() + b"row,1\r\n" * 100_000)
    # The table is free for the next upload: the cut one holds its lock no longer.
    assert (await client.post(url, content=HEADER)).json() == {"records": 0}
    assert (await client.get(url)).text == THREE


async def test_download_shows_one_moment(url: str, client: httpx.AsyncClient) -> None:
    """What an upload has not finished is not seen, and does not keep a reader waiting."""
    seen_before = trio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield THREE.encode()
        await seen_before.wait()

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def upload() -> None:
            await client.post(url, content=slowly())

        assert (await client.get(url)).text == HEADER
        seen_before.set()
    assert (await client.get(url)).text == THREE


async def test_file_of_its_own_is_removed() -> None:
    database = records.SQLite(None)
    await database.open()
    folder = Path(database.file).parent
    assert folder.exists()
    await database.close()
    assert not folder.exists()


@given(st.lists(st.integers(0, len(THREE)), max_size=8).map(sorted))
def test_every_split_gives_the_same_rows(cuts: list[int]) -> None:
    body = THREE.encode()
    parser = records.Parser()
    rows = [
        row
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)
        for row in parser.feed(body[start:end])
    ]
    assert rows + parser.end() == ROWS


@given(st.binary(max_size=64), st.integers(0, 64))
def test_any_bytes_are_rows_or_a_bad_request(tail: bytes, cut: int) -> None:
    """A split changes neither the rows nor the complaint."""

    def outcome(*pieces: bytes) -> list[records.Row] | str:
        parser = records.Parser()
        try:
            rows = [row for piece in pieces for row in parser.feed(piece)]
            return rows + parser.end()
        except BadRequest as error:
            return str(error)

    body = b"name,amount\n" + tail
    assert outcome(body[:cut], body[cut:]) == outcome(body)
