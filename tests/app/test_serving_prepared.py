"""``app.prepare`` and ``Sanic.serve``, with the loaders of Sanic's guide. Source: Sanic 25.12."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from triosanic import Sanic
from triosanic.exceptions import SanicException
from triosanic.response import empty
from triosanic.worker.loader import AppLoader


@pytest.fixture
def served() -> Iterator[list[str]]:
    """The names of the apps that have started."""
    names: list[str] = []
    yield names
    for name in ("first", "second"):
        Sanic.unregister_app(Sanic.get_app(name))


@pytest.fixture
def make(served: list[str]) -> Callable[[str], Sanic]:
    """Makes apps of which the second to start stops all."""

    def make(name: str) -> Sanic:
        app = Sanic(name, configure_logging=False)
        app.add_route(lambda request: empty(), "/", name="index")

        @app.after_server_start
        def started(app: Sanic) -> None:
            served.append(app.name)
            if len(served) == 2:
                for each in served:
                    Sanic.get_app(each).stop()

        return app

    return make


def test_all_that_is_prepared_is_served_the_primary_first(
    make: Callable[[str], Sanic], served: list[str]
) -> None:
    first, second = make("first"), make("second")
    first.prepare(port=0)
    second.prepare(port=0)
    Sanic.serve(primary=second)
    assert served == ["second", "first"]


def test_an_app_that_has_been_served_is_prepared_no_more(
    make: Callable[[str], Sanic], served: list[str]
) -> None:
    for app in (make("first"), make("second")):
        app.prepare(port=0)
    Sanic.serve()
    assert served == ["first", "second"]
    with pytest.raises(SanicException, match="no app is prepared"):
        Sanic.serve()


def test_a_primary_must_be_prepared(make: Callable[[str], Sanic]) -> None:
    first, second = make("first"), make("second")
    second.prepare(port=0)
    with pytest.raises(SanicException, match="no app is prepared"):
        Sanic.serve(primary=first)


def test_a_loader_gives_the_primary(make: Callable[[str], Sanic], served: list[str]) -> None:
    make("first").prepare(port=0)

    def factory() -> Sanic:
        app = make("second")
        app.prepare(port=0)
        return app

    Sanic.serve(app_loader=AppLoader(factory=factory))
    assert served == ["second", "first"]


MODULE = """
from triosanic import Sanic
def create_app(name="made"):
    return Sanic.get_app(name, force_create=True)
app = create_app("found")
number = 5
"""


@pytest.mark.parametrize(
    ("loader", "name"),
    [
        (AppLoader("loaded_module"), "found"),
        (AppLoader("loaded_module:app"), "found"),
        (AppLoader("loaded_module.app"), "found"),
        (AppLoader("loaded_module:create_app()"), "made"),
        (AppLoader("loaded_module:create_app", as_factory=True, args="named"), "named"),
    ],
)
def test_an_app_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: AppLoader, name: str
) -> None:
    (tmp_path / "loaded_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert loader.load().name == name


def test_what_is_no_app_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaded_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="must name a Sanic app, not 5"):
        AppLoader("loaded_module:number").load()
    with pytest.raises(ValueError, match="as_simple"):
        AppLoader(".", as_simple=True)
