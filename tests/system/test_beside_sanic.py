"""The same programs on Sanic and here: what differs stands in docs/migration.md, and nothing else does."""

from collections.abc import Mapping

import pytest

from benchmarks.venv import peers_python
from tests.beside.comparison import compare, make_files
from tests.beside.differences import outdated, unexplained
from tests.beside.tables import RUNS

pytestmark = pytest.mark.system

Found = Mapping[str, tuple[object, object]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    sanic = peers_python()
    differences: dict[str, tuple[object, object]] = {}
    for number, (name, run) in enumerate(RUNS.items()):
        folder = tmp_path_factory.mktemp(f"run{number}")
        make_files(folder)
        differences |= compare(sanic, name, run, folder)
    return differences


def test_each_difference_is_on_the_page(found: Found) -> None:
    assert {place: found[place] for place in unexplained(found)} == {}


def test_each_row_of_the_page_still_differs(found: Found) -> None:
    assert outdated([*found]) == []


def test_every_paragraph_of_the_interface_is_asked() -> None:
    """Sanic's interface as the programs' modules cite it: 1.1 to 1.16, and 2 for that of 2017."""
    requests = [request for run in RUNS.values() for request in run.requests]
    assert {request.paragraph for request in requests} == {*(f"1.{n}" for n in range(1, 17)), "2"}
    assert len(requests) >= 300


@pytest.mark.parametrize("name", RUNS)
def test_a_request_has_a_name_of_its_own(name: str) -> None:
    """Or one difference would hide another."""
    names = [request.name for request in RUNS[name].requests]
    assert sorted(set(names)) == sorted(names)
