"""The tables of docs/misfortunes.md, as data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "misfortunes.md"
_LINE: Final = re.compile(r"`(sanic\.\w+)` ([A-Z]+) `([^`]+)`(, traceback)?")
_COLUMNS: Final = 7


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log; in the table, ``…`` in its text stands for anything."""

    logger: str
    level: str
    text: str
    traceback: bool

    def matches(self, told: "Line") -> bool:
        """Whether it is what the table has told."""
        pattern = ".*".join(map(re.escape, told.text.split("…")))
        rest = (self.logger, self.level, self.traceback)
        return rest == (told.logger, told.level, told.traceback) and bool(re.fullmatch(pattern, self.text))


@dataclass(slots=True)
class Heard:
    """What was logged, in this process or in one that a test has started; and the access log's statuses."""

    lines: list[Line] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """A misfortune."""

    test: str
    client: str
    connection: str
    handler: str
    lines: tuple[Line, ...]
    statuses: tuple[int, ...]

    def check(self, heard: Heard) -> None:
        """Compare with what was logged."""
        lines = tuple(heard.lines)
        assert len(lines) == len(self.lines) and all(map(Line.matches, lines, self.lines)), (
            f"{DOCUMENT.name} tells of {self.test} that this is logged:\n{self.lines}\nand this was:\n{lines}"
        )
        statuses = tuple(heard.statuses)
        assert statuses == self.statuses, f"{DOCUMENT.name} tells other access statuses of {self.test}"


@cache
def read_rows() -> Mapping[str, Row]:
    """Read all rows, by the name of their test."""
    rows: dict[str, Row] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == _COLUMNS and cells[-1].startswith("`test_"):
            row = _row(cells[1:])
            assert row.test not in rows, f"{row.test} has two rows"
            rows[row.test] = row
    return rows


def _row(cells: Sequence[str]) -> Row:
    client, connection, handler, log, access, test = cells
    lines = tuple(Line(name, level, text, bool(tail)) for name, level, text, tail in _LINE.findall(log))
    assert log == "—" or len(lines) == log.count("<br>") + 1, f"not of the form of a log's lines: {log}"
    statuses = tuple(map(int, re.findall(r"\d+", access)))
    return Row(test.strip("`"), client, connection, handler, lines, statuses)
