"""Every example of the page is a test file that passes."""

import re
from pathlib import Path
from typing import Final

import pytest

from triosanic import Sanic

pytest_plugins = ["pytester"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLES: Final = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_has_examples() -> None:
    """A pattern that finds nothing would pass all of them."""
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(example: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sanic, "test_mode", True)
    pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    pytester.makepyfile(test_example=example)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=example.count("def test_"))
