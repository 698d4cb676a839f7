"""Forms as handlers see them: ``request.form``, ``request.files`` and ``request.parts()``."""

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.forms.bodies import TYPE, field, file, form
from triosanic import Request, Sanic
from triosanic.exceptions import BadRequest
from triosanic.request import File
from triosanic.response import HTTPResponse, json, text
from triosanic.testing import open_raw, running

HEADERS = {"content-type": TYPE}
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("forms")

    @app.post("/whole")
    async def whole(request: Request) -> HTTPResponse:
        files = {
            name: [[file.type, len(file.body), file.name] for file in found]
            for name, found in request.files.items()
        }
        return json({"form": request.form, "files": files})

    @app.post("/parts", stream=True)
    async def parts(request: Request) -> HTTPResponse:
        return json([[part.name, part.filename, len(await part.read())] async for part in request.parts()])

    return app


@pytest.fixture
async def client(app: Sanic) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app) as client:
        yield client


async def test_fields_and_files_of_a_multipart_form(client: httpx.AsyncClient) -> None:
    body = form(field("a", b"1"), file("f", b"xyz", "x.bin"), field("a", b"2"))
    answer = await client.post("/whole", content=body, headers=HEADERS)
    assert answer.json() == {
        "form": {"a": ["1", "2"]},
        "files": {"f": [["application/octet-stream", 3, "x.bin"]]},
    }


async def test_what_httpx_sends(client: httpx.AsyncClient) -> None:
    answer = await client.post("/whole", data={"a": "ü"}, files={"f": ("é.png", b"\x89", "image/png")})
    assert answer.json() == {"form": {"a": ["ü"]}, "files": {"f": [["image/png", 1, "é.png"]]}}
    answer = await client.post("/whole", data={"a": ["1", "2"], "b": "c d"})
    assert answer.json() == {"form": {"a": ["1", "2"], "b": ["c d"]}, "files": {}}


async def test_the_first_value_and_all(app: Sanic) -> None:
    """Sanic: `RequestParameters`."""

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        assert request.files.get("f") == File("application/octet-stream", b"1", "a")
        assert [found.name for found in request.files.getlist("f")] == ["a", "b"]
        assert (request.form.get("x"), request.files.get("x"), request.form.getlist("x")) == (None, None, [])
        assert request.form is request.form
        return text(request.form.get("a"))

    body = form(file("f", b"1", "a"), field("a", b"ok"), file("f", b"2", "b"), field("a", b"second"))
    async with running(app) as client:
        assert (await client.post("/", content=body, headers=HEADERS)).text == "ok"


async def test_blank_values_on_demand(app: Sanic) -> None:
    """Sanic: `get_form(keep_blank_values=True)`, which `form` then has."""

    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        return json([request.form, request.get_form(keep_blank_values=True), request.form])

    async with running(app) as client:
        answer = await client.post("/", content=b"a=&b=1", headers={"content-type": URLENCODED})
        assert answer.json() == [{"b": ["1"]}, {"a": [""], "b": ["1"]}, {"a": [""], "b": ["1"]}]


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain; boundary=b"])
async def test_any_other_body_is_an_empty_form(client: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await client.post("/whole", content=b'{"a": 1}', headers=headers)
    assert answer.json() == {"form": {}, "files": {}}


@pytest.mark.parametrize(
    "bad",
    [
        (400, "multipart/form-data", form(), "needs a boundary"),
        (400, TYPE, form(field("a", b"1"))[:-6], "cut short"),
        (400, TYPE, b"x\n" + form(field("a", b"1")), "start of a line"),
        (400, URLENCODED, b"a=%ff", "not text in utf-8"),
        (413, TYPE, form(*[field("a", b"")] * 129), "128 parts (REQUEST_MAX_FORM_PARTS)"),
        (413, TYPE, form(field("a", b"x" * 600_000), field("b", b"x" * 600_000)), "(REQUEST_MAX_FORM_SIZE)"),
        (413, URLENCODED, b"a=" + b"x" * (1 << 20), "1048576 bytes (REQUEST_MAX_FORM_SIZE)"),
        (413, URLENCODED, b"&".join([b"a=1"] * 1001), "1000 fields (REQUEST_MAX_FORM_FIELDS)"),
        (413, URLENCODED, b"a" * 5000 + b"=1", "name of a field of the form exceeds 4096"),
    ],
)
async def test_a_bad_form_is_answered_with_what_is_wrong_and_what_to_change(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, bad: tuple[int, str, bytes, str]
) -> None:
    """Unlike Sanic, which logs it and goes on with an empty form."""
    status, content_type, body, says = bad
    headers = {"content-type": content_type, "accept": "application/json"}
    with caplog.at_level(logging.INFO):
        answer = await client.post("/whole", content=body, headers=headers)
    assert (answer.status_code, says in answer.json()["message"]) == (status, True), answer.text
    assert not [
        record for record in caplog.records if record.name.startswith("sanic") and record.levelname != "INFO"
    ]
    assert (await client.post("/whole")).status_code == 200


async def test_the_bounds_are_those_of_the_configuration(app: Sanic) -> None:
    app.config.REQUEST_MAX_FORM_PARTS = 1
    async with running(app) as client:
        answer = await client.post(
            "/parts", content=form(field("a", b"1"), field("b", b"2")), headers=HEADERS
        )
        assert answer.status_code == 413


async def test_a_handler_may_answer_a_bad_form_itself(app: Sanic) -> None:
    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        for _ in range(2):
            with pytest.raises(BadRequest):
                request.form  # noqa: B018  # reading it is what fails
        return text("mine")

    async with running(app) as client:
        assert (await client.post("/", content=b"x", headers=HEADERS)).text == "mine"


async def test_parts_on_a_route_that_streams(client: httpx.AsyncClient) -> None:
    body = form(field("a", b"1"), file("f", b"x" * 200_000), field("b", b"22"))
    answer = await client.post("/parts", content=body, headers=HEADERS)
    assert answer.json() == [["a", None, 1], ["f", "a.bin", 200_000], ["b", None, 2]]


async def test_parts_on_a_route_that_does_not(app: Sanic) -> None:
    @app.post("/")
    async def handler(request: Request) -> HTTPResponse:
        names = [part.name async for part in request.parts()]
        return json([names, request.form])

    async with running(app) as client:
        answer = await client.post("/", content=form(field("a", b"1")), headers=HEADERS)
        assert answer.json() == [["a"], {"a": ["1"]}]


async def test_a_form_that_has_not_been_read_is_not_an_empty_one(app: Sanic) -> None:
    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        if "late" in request.args:
            await request.receive_body()
        return json(request.form)

    body = form(field("a", b"1"))
    async with running(app) as client:
        assert (await client.post("/?late=1", content=body, headers=HEADERS)).json() == {"a": ["1"]}
        assert (await client.post("/", content=body, headers=HEADERS)).status_code == 500
        assert (await client.post("/", content=body, headers={"content-type": "a/b"})).json() == {}


async def test_a_form_is_refused_before_it_is_sent(app: Sanic) -> None:
    """RFC 9110 §10.1.1: a final answer in place of 100 Continue."""
    head = b"POST /parts HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n"
    async with open_raw(app) as conn:
        await conn.send(head + b"Content-Type: text/plain\r\n\r\n")
        assert (await conn.rest()).startswith(b"HTTP/1.1 415 ")


async def test_an_upload_that_breaks_off_leaves_nothing(app: Sanic, tmp_path: Path) -> None:
    """The handler is cancelled, and with it the file that it was writing."""

    @app.post("/", stream=True)
    async def handler(request: Request) -> HTTPResponse:
        async for part in request.parts():
            await part.save(tmp_path / part.name)
        raise AssertionError

    body = form(file("f", b"x" * 1_000_000))
    async with open_raw(app) as conn:
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        await conn.send(head.encode() + body[:500_000])
    assert os.listdir(tmp_path) == []
