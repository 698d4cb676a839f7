"""The examples of the page are programs that do what the page says."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.static.asked import ask
from triosanic import Sanic

PAGE: Final = Path(__file__).parents[2] / "docs" / "files.md"
EXAMPLES: Final = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(example: str, monkeypatch: pytest.MonkeyPatch) -> Sanic:
    monkeypatch.setattr(Sanic, "test_mode", True)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, str(PAGE), "exec"), names)
    app = names["app"]
    assert isinstance(app, Sanic)
    return app


async def test_files_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("static/favicon.ico", "manual/index.html", "films/film.bin", "invoices/7.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "films" / "original.html").write_text("original")
    monkeypatch.chdir(tmp_path)
    app = run("\n".join(EXAMPLES[:2]), monkeypatch)
    assert (await ask(app, "/manual/")).body == b"manual/index.html"
    assert (await ask(app, "/favicon.ico")).body == b"static/favicon.ico"
    assert b"film.bin" in (await ask(app, "/films/")).body
    assert (await ask(app, "/films/film.bin", {"Range": "bytes=0-3"})).body == b"film"
    assert b"film.bin" in (await ask(app, "/gallery/")).body
    assert (await ask(app, "/gallery/?original=1")).body == b"original"
    invoice = await ask(app, "/invoices/7")
    assert "f%C3%BCr" in invoice.headers["content-disposition"]


async def test_a_handler_validates(monkeypatch: pytest.MonkeyPatch) -> None:
    app = run(EXAMPLES[-1], monkeypatch)
    assert (await ask(app, "/prices", {"If-None-Match": '"3"'})).status == 304
    assert (await ask(app, "/prices", {"If-Match": '"2"'}, "PUT")).status == 412
    assert (await ask(app, "/prices", {"If-Match": '"3"'}, "PUT")).headers["etag"] == '"4"'
