"""The pages: examples that are tests pass, links lead somewhere, tables end."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from triosanic import Sanic

pytest_plugins = ["pytester"]

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "README.md"]
# How many examples the pages have whose examples are test files. A pattern that finds none would pass all.
EXAMPLES: Final[Mapping[str, int]] = {
    "app": 5,
    "compression": 1,
    "events": 2,
    "logging": 2,
    "streams": 4,
    "testing": 9,
}


def examples_of(page: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", EXAMPLES)
def test_the_page_has_its_examples(page: str) -> None:
    assert len(examples_of(page)) == EXAMPLES[page]


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{page}-{number}")
        for page in EXAMPLES
        for number, example in enumerate(examples_of(page))
    ],
)
def test_example(example: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sanic, "test_mode", True)  # many pages have a shop
    pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    pytester.makepyfile(test_example=example)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=example.count("def test_"))


def prose_of(page: Path) -> str:
    """Give a page without its programs, in which anything may stand."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """Give what links to the headings of a page end with, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not link.startswith("https://") and (
            not target.exists() or (anchor and anchor not in anchors_of(target))
        ):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_follows_a_table_is_no_row_of_it(page: Path) -> None:
    """GitHub's Markdown: a table ends at an empty line, a block of another kind, or an HTML comment."""
    assert re.findall(r"^\|.*\n([^|\n<].*)", prose_of(page), re.MULTILINE) == []
