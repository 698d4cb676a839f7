"""The page about forms: its programs run, and its table is so."""

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.forms.bodies import TYPE, field, file, form
from triosanic import Sanic
from triosanic.config import DEFAULT_CONFIG
from triosanic.testing import running

PAGE: Final = (Path(__file__).parents[2] / "docs" / "forms.md").read_text(encoding="utf-8")
PROGRAMS: Final = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[Sanic]:
    """Give the apps of the page's programs."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    apps = []
    for program in PROGRAMS:
        names: dict[str, Any] = {}
        exec(program, names)
        apps.append(names["app"])
    return apps


async def test_the_first_program(apps: list[Sanic], capsys: pytest.CaptureFixture[str]) -> None:
    body = form(field("item", b"hat"), field("size", b"1"), file("photo", b"x", "a.png"), field("size", b"2"))
    async with running(apps[0]) as client:
        answer = await client.post("/order", content=body, headers={"content-type": TYPE})
        assert answer.json() == {"item": "hat", "sizes": ["1", "2"], "photo": "a.png"}
        answer = await client.post("/order", data={"item": "hat"})
        assert answer.json() == {"item": "hat", "sizes": [], "photo": None}
        answer = await client.post("/films", content=body, headers={"content-type": TYPE})
        assert answer.text == "1"
    assert capsys.readouterr().out == "item hat\nsize 1\nsize 2\n"


async def test_the_second_program(apps: list[Sanic]) -> None:
    async with running(apps[1]) as client:
        answer = await client.post("/table", files={"f": b"a,b\r\n" * 1000})
    assert answer.text == "1000 rows"


def test_the_bounds_of_the_page_are_the_defaults() -> None:
    told = dict(re.findall(r"^\| `(REQUEST_\w+)` \| `([0-9_]+)` \|", PAGE, re.MULTILINE))
    assert {key: ast.literal_eval(text) for key, text in told.items()} == {
        key: value
        for key, value in DEFAULT_CONFIG.items()
        if key.startswith("REQUEST_MAX_FORM_") or key == "REQUEST_MAX_SIZE"
    }
