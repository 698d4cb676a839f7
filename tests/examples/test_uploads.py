"""Uploads go to disk as they arrive, and count whole or not at all."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import trio

from examples import uploads
from tests.examples.conftest import Serve
from tests.forms.bodies import TYPE, field, file, form

CONTENT = os.urandom(1_000_000)
BODY = form(
    field("title", b"Trip"),
    file("none", b"", ""),
    file("film", CONTENT, "../film.mkv"),
    field("note", "schön".encode()),
)


@pytest.fixture
async def url(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("UPLOADS_FOLDER", str(tmp_path))
    return await serve(uploads.app)


async def test_files_are_stored_under_names_of_ours(
    url: str, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.post(
        f"{url}/uploads",
        data={"title": "Trip"},
        files=[("a", ("../a.txt", b"1")), ("a", ("b.txt", CONTENT))],
    )
    told = answer.json()
    assert answer.status_code == 201
    assert told["fields"] == {"title": ["Trip"]}
    assert [(each["name"], each["size"]) for each in told["files"]] == [("../a.txt", 1), ("b.txt", 1_000_000)]
    folder = tmp_path / str(UUID(told["upload"]))
    assert os.listdir(tmp_path) == [folder.name]
    stored = [folder / str(UUID(each["stored"])) for each in told["files"]]
    assert [path.read_bytes() for path in stored] == [b"1", CONTENT]


async def test_progress_is_told_while_an_upload_runs(url: str, client: httpx.AsyncClient) -> None:
    upload = f"{url}/uploads/{uuid4()}"
    seen = trio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield BODY[:500_000]
        await seen.wait()
        yield BODY[500_000:]

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def post() -> None:
            headers = {"content-type": TYPE, "content-length": str(len(BODY))}
            answer = await client.post(upload, content=slowly(), headers=headers)
            assert answer.json()["fields"] == {"title": ["Trip"], "note": ["schön"]}

        with trio.fail_after(10):
            while (answer := await client.get(upload)).status_code == 404 or not answer.json()["received"]:
                await trio.lowlevel.checkpoint()
        assert answer.json()["received"] <= 500_000
        assert answer.json()["total"] == len(BODY)
        seen.set()
    assert (await client.get(upload)).status_code == 404


@pytest.mark.parametrize("how", ["leaves", "cut short", "no form"])
async def test_nothing_is_left_of_an_upload_that_was_not_whole(
    url: str, client: httpx.AsyncClient, tmp_path: Path, how: str
) -> None:
    upload = f"{url}/uploads/{uuid4()}"
    if how == "leaves":
        address = httpx.URL(url)
        async with await trio.open_tcp_stream(address.host, address.port or 0) as stream:
            head = f"POST {httpx.URL(upload).path} HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\n"
            await stream.send_all(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:600_000])
            with trio.fail_after(10):
                while not os.listdir(tmp_path):
                    await trio.lowlevel.checkpoint()
    else:
        body = BODY[:600_000] if how == "cut short" else b"no form"
        answer = await client.post(upload, content=body, headers={"content-type": TYPE})
        assert answer.status_code == 400
    with trio.fail_after(10):
        while (await client.get(upload)).status_code != 404:
            await trio.lowlevel.checkpoint()
    assert os.listdir(tmp_path) == []
    assert (await client.post(upload, content=BODY, headers={"content-type": TYPE})).status_code == 201


async def test_an_upload_is_not_overwritten(url: str, client: httpx.AsyncClient) -> None:
    upload = f"{url}/uploads/{uuid4()}"
    assert (await client.post(upload, content=BODY, headers={"content-type": TYPE})).status_code == 201
    assert (await client.post(upload, content=BODY, headers={"content-type": TYPE})).status_code == 409


async def test_page_has_a_form(url: str, client: httpx.AsyncClient) -> None:
    assert 'enctype="multipart/form-data"' in (await client.get(url)).text


async def test_of_two_uploads_of_one_name_at_once_one_counts(
    url: str, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    upload = f"{url}/uploads/{uuid4()}"
    statuses = []

    async def post() -> None:
        answer = await client.post(upload, content=BODY, headers={"content-type": TYPE})
        statuses.append(answer.status_code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post)
        nursery.start_soon(post)
    assert sorted(statuses) == [201, 409]
    assert len(os.listdir(tmp_path)) == 1
