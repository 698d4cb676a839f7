"""The pages say what is so: keys and defaults, the conversation, and tests that exist."""

import ast
import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.tables import DOCS, rows_under
from triosanic import Sanic, text
from triosanic.config import DEFAULT_CONFIG, Config
from triosanic.helpers import Default
from triosanic.http.limits import Limits
from triosanic.testing import open_raw

ROOT: Final = DOCS.parent
READ: Final = ("What a client may take", "What the server does")
UNREAD: Final = ("Sanic's keys for parts that are not there yet", "Sanic's keys that mean nothing here")
KEYS: Final[Mapping[str, list[str]]] = {
    row[0].strip("`"): list(row[1:3])
    for heading in (*READ, *UNREAD)
    for row in rows_under("configuration.md", heading)
}
# How the rule of a key, which its refusal tells, begins; and what the page has as its unit.
UNITS: Final[Mapping[str, str]] = {
    "a number of seconds": "s",
    "a number of bytes a second": "B/s",
    "a whole number of bytes": "B",
    "a whole number,": "number",
    "a ratio,": "ratio",
    "True or False": "flag",
    "one of": "name",
    "a string": "text",
    "a path": "path",
    "a port": "port",
    "a mapping": "mapping",
}


def keys_under(*headings: str) -> list[str]:
    return [row[0].strip("`") for heading in headings for row in rows_under("configuration.md", heading)]


def attributes_of_the_package() -> set[str]:
    """Give every attribute that is read anywhere, but for the configuration's own module."""
    paths = [path for path in (ROOT / "triosanic").rglob("*.py") if path.name != "config.py"]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


def test_every_key_stands_once() -> None:
    """In the order of nobody's memory, but all of them."""
    keys = keys_under(*READ, *UNREAD)
    assert len(keys) == len(set(keys))
    assert set(keys) == {*DEFAULT_CONFIG, "SERVER_NAME"}


def test_what_is_said_to_be_read_is_read_and_nothing_else() -> None:
    """A key for a later part moves when the part comes."""
    assert set(keys_under(*READ)) == attributes_of_the_package() & KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_the_default_is_the_one_of_the_page(key: str) -> None:
    told = KEYS[key][0]
    default = DEFAULT_CONFIG.get(key)
    if told == "unset":
        assert key not in DEFAULT_CONFIG or isinstance(default, Default)
    else:
        assert ast.literal_eval(told.strip("`")) == default
        assert type(ast.literal_eval(told.strip("`"))) is type(default) or isinstance(default, str | Mapping)


@pytest.mark.parametrize("key", KEYS)
def test_the_unit_is_that_of_the_rule(key: str) -> None:
    """What is no value of any key is refused, and the refusal has the rule."""
    with pytest.raises(ValueError, match="must be") as refusal:
        Config(env_prefix=None)[key] = object()
    rule = str(refusal.value).partition(" must be ")[2]
    units = [unit for start, unit in UNITS.items() if rule.startswith(start)]
    assert units == [KEYS[key][1]]


def test_limits_without_a_configuration_are_those_of_the_defaults() -> None:
    assert Limits() == Limits.from_config(Config(env_prefix=None))


CONVERSATIONS: Final = re.findall(r"```\n(>.*?)```", (DOCS / "http-support.md").read_text("utf-8"), re.DOTALL)


async def test_the_conversation_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/http-support.md."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("shop")
    app.add_route(lambda request: text("x"), "/x", ["POST"])
    [conversation] = CONVERSATIONS
    sides = {side: re.findall(rf"^{side} ?(.*)\n", conversation, re.MULTILINE) for side in "><"}
    async with open_raw(app) as conn:
        await conn.send("\r\n".join([*sides[">"], ""]).encode())
        *fields, last = sides["<"]
        said = re.sub(rb"(?<=date: )[^\r]+", b"Sun, 06 Nov 1994 08:49:37 GMT", await conn.rest())
        assert said == "\r\n".join([*fields, last]).encode() + b"\n"


async def test_the_program_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/http-support.md: its handler sees what was compressed."""
    monkeypatch.setattr(Sanic, "test_mode", True)
    app = Sanic("shop")
    [program] = re.findall(r"```python\n(.*?)```", (DOCS / "http-support.md").read_text("utf-8"), re.DOTALL)
    exec(program, {"app": app, "text": text})
    body = gzip.compress(b"x" * 1000)
    async with open_raw(app) as conn:
        head = f"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        await conn.send(f"{head}Content-Encoding: gzip\r\n\r\n".encode() + body)
        assert (await conn.rest()).endswith(b"\r\n\r\n1000 bytes, inflated")


# docs/security.md.

ADVISORIES: Final = rows_under("security.md", "Advisories")
TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_advisories_are_numbered() -> None:
    """None is lost."""
    assert [int(row[0]) for row in ADVISORIES] == list(range(1, len(ADVISORIES) + 1))
    assert len(ADVISORIES) >= 47


@pytest.mark.parametrize("row", ADVISORIES, ids=[f"row {row[0]}" for row in ADVISORIES])
def test_an_advisory_has_a_test_that_exists(row: list[str]) -> None:
    named = TEST.findall(row[3])
    assert named, row
    for path, name in named:
        assert name in functions_of(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize("name", ["test_advisories", "test_advisories_framing"])
def test_every_test_of_an_advisory_has_its_row(name: str) -> None:
    """The modules and the page tell the same."""
    path = f"tests/conformance/{name}.py"
    named = {test for row in ADVISORIES for found, test in TEST.findall(row[3]) if found == path}
    assert named == {test for test in functions_of(ROOT / path) if test.startswith("test_")}
