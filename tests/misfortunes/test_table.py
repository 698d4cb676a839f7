"""docs/misfortunes.md and the tests of this folder tell the same."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.misfortunes.table import Row, read_rows

FOLDER = Path(__file__).parent
ROWS = read_rows()


def functions_of(path: Path) -> Mapping[str, str]:
    """Give the source of each function of a module, with that of its helpers there."""
    text = path.read_text(encoding="utf-8")
    nodes = [
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    sources = {node.name: ast.get_source_segment(text, node) or "" for node in nodes}

    def with_helpers(source: str) -> Iterator[str]:
        yield source
        yield from (helper for name, helper in sources.items() if f"await {name}(" in source)

    return {name: "\n".join(with_helpers(source)) for name, source in sources.items()}


@cache
def sources_of_tests() -> Mapping[str, str]:
    """Give the source of each test of a misfortune, by its name."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        if path != Path(__file__):
            tests = {k: source for k, source in functions_of(path).items() if k.startswith("test_")}
            assert not tests.keys() & found.keys()
            found |= tests
    return found


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    assert sorted(ROWS) == sorted(sources_of_tests())


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_the_test_asserts_what_its_row_tells(row: Row) -> None:
    """Statuses, what becomes of the connection, and what the handler sees; the log is compared as it is."""
    source = sources_of_tests()[row.test]
    told = [
        *re.findall(r"\b[2-5]\d\d\b", row.client),
        *re.findall(r"kept\b|closed\b|reset\b", row.connection),
        *re.findall(r"`(\w+)`", row.handler),
    ]
    assert [word for word in told if word not in source] == []


def test_a_line_of_the_log_is_compared_as_a_whole() -> None:
    [row] = [row for row in ROWS.values() if row.test == "test_handler_raises_before_the_head"]
    [line] = row.lines
    assert line.matches(line)
    assert not line.matches(type(line)(line.logger, line.level, line.text[:-1], line.traceback))
