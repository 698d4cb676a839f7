"""The tables of the documents that tests compare with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"


def rows_under(page: str, heading: str) -> Sequence[Sequence[str]]:
    """Give the cells of the first table under a heading of a page, without its own head."""
    lines = iter((DOCS / page).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.lstrip("#").strip() == heading and line.startswith("#"):
            break
    else:
        raise AssertionError(f"{page} has no heading {heading!r}")
    rows = list(_rows(lines))
    assert len(rows) > 2, f"no table under {heading!r} in {page}"
    return rows[2:]


def _rows(lines: Iterator[str]) -> Iterator[Sequence[str]]:
    begun = False
    for line in lines:
        if line.startswith("|"):
            begun = True
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        elif begun or line.startswith("#"):
            return


def answers_of(page: str, heading: str) -> Mapping[str, str]:
    """Give the second column of a table by its first, where code is marked by backquotes."""
    rows = rows_under(page, heading)
    found = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert len(found) == len(rows), f"a row stands twice under {heading!r} in {page}"
    return found
