"""The programs of the page do what it says."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.request.made import request_of
from triosanic import Sanic
from triosanic.testing import running

PAGE: Final = (Path(__file__).parents[2] / "docs" / "requests.md").read_text(encoding="utf-8")
PROGRAMS: Final = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run its programs, one after the other."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    names: dict[str, Any] = {}
    assert len(PROGRAMS) == 5
    for program in PROGRAMS:
        exec(program, names)  # our own page
    return names


async def test_queries_headers_and_cookies(page: dict[str, Any], autojump_clock: object) -> None:
    async with running(page["app"]) as client:
        client.cookies.set("visitor", "ann")
        answer = await client.get("/items/7?page=2&tag=a&tag=b", headers={"Accept-Language": "de"})
    assert answer.json() == {"page": 2, "tags": ["a", "b"], "language": "de", "visitor": "ann"}


async def test_a_proxy(page: dict[str, Any], autojump_clock: object) -> None:
    told = {"X-Forwarded-For": "evil, 1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.tld"}
    async with running(page["app"]) as client:
        answer = await client.get("/who", headers=told)
    assert answer.text == "1.2.3.4 wants https://shop.tld/who"


async def test_cookies(page: dict[str, Any], autojump_clock: object) -> None:
    async with running(page["app"]) as client:
        [login] = (await client.get("/login")).headers.get_list("set-cookie")
        sent = login.partition(";")[0]
        client.cookies.clear()
        out = await client.get("/logout", headers={"Cookie": sent})
        greeted = (await client.get("/greet")).headers.get_list("set-cookie")
    assert login == "__Host-session=s3cret; Path=/; Max-Age=3600; SameSite=Lax; Secure; HttpOnly"
    assert out.text == "bye, s3cret"
    assert out.headers["set-cookie"] == '__Host-session=""; Path=/; Max-Age=0; Secure'
    assert greeted == ["visitor=ann; Path=/; HttpOnly", 'stale=""; Path=/; Max-Age=0']


async def test_json_of_an_app(page: dict[str, Any], autojump_clock: object) -> None:
    async with running(page["bank"]) as client:
        answer = await client.post("/double", content=b'{"amount": 1.10}')
    assert answer.text == '{"amount": "2.20"}'


NAMES: Final = re.findall(r"`([a-z_.]+)[`(]", PAGE.partition("| --- | --- |")[2].partition("\n\n")[0])


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"get", "getlist", "keep_blank_values"}))
def test_what_a_request_offers_is_there(name: str) -> None:
    """The table's names are attributes of a request, but for the options of calls."""
    if name in {"strict_parsing", "encoding", "errors", "conn_info.ctx"}:
        return
    assert hasattr(type(request_of()), name) or hasattr(request_of(), name)
