"""The tables of docs/misfortunes.md, as data."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Row:
    """A misfortune."""

    test: str
    client: str
    connection: str
    handler: str
    lines: tuple[Line, ...]
    statuses: tuple[int, ...]

    def check(self, lines: Iterable[Line], statuses: Iterable[int]) -> None:
        """Compare with what was logged."""
        found = tuple(lines)
        assert len(found) == len(self.lines) and all(map(Line.matches, found, self.lines)), (
            f"{DOCUMENT.name} tells of {self.test} that this is logged:\n{self.lines}\nand this was:\n{found}"
        )
        assert tuple(statuses) == self.statuses, f"statuses in the access log, {DOCUMENT.name}: {self.test}"


def read_rows() -> Mapping[str, Row]:
    """Read all rows, by the name of their test."""
    rows: dict[str, Row] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == _COLUMNS and cells[-1].startswith("`test_"):
            row = _row(*cells[1:])
            assert row.test not in rows, f"{row.test} has two rows"
            rows[row.test] = row
    return rows


def _row(client: str, connection: str, handler: str, log: str, access: str, test: str) -> Row:
    lines = tuple(
        Line(logger, level, text, bool(traceback)) for logger, level, text, traceback in _LINE.findall(log)
    )
    assert log == "—" or len(lines) == log.count("<br>") + 1, f"not of the form of a log's lines: {log}"
    return Row(test.strip("`"), client, connection, handler, lines, tuple(map(int, re.findall(r"\d+", access))))
