"""Listeners: how they are recorded, and in which order they run."""

from collections.abc import Callable
from typing import Any

import pytest

from triosanic.blueprints import Blueprint, compile_listeners, mount
from triosanic.listeners import EVENTS
from triosanic.recorder import Recorder


def named(name: str) -> Callable[[object], None]:
    def listener(app: object) -> None: ...

    listener.__name__ = name
    return listener


def names(app: Recorder, event: str) -> str:
    return " ".join(spec.listener.__name__ for spec in compile_listeners(app)[event])


def test_events_are_sanic_s() -> None:
    """Contract 1.7."""
    assert len(EVENTS) == 11
    assert set(compile_listeners(Recorder("app"))) == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_stop_runs_in_reverse(event: str) -> None:
    """Contract 1.7; Sanic 25.12: a blueprint's run where it was mounted."""
    app, bp = Recorder("app"), Blueprint("bp")
    app.register_listener(named("a"), event)
    bp.register_listener(named("b"), event)
    mount(app, bp)
    app.register_listener(named("c"), event)
    app.register_listener(named("first"), event, priority=5)
    assert names(app, event) == ("c b a first" if event.endswith("_stop") else "first a b c")


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "listener": lambda app, function: app.listener("before_server_start")(function),
    "listener in capitals": lambda app, function: app.listener("BEFORE_SERVER_START")(function),
    "listener with priority": lambda app, function: app.listener("before_server_start", priority=1)(function),
    "own": lambda app, function: app.before_server_start(function),
    "own called": lambda app, function: app.before_server_start()(function),
    "own with priority": lambda app, function: app.before_server_start(priority=1)(function),
    "registered": lambda app, function: app.register_listener(function, "before_server_start"),
}


@pytest.mark.parametrize("form", FORMS)
def test_listener_is_recorded_in_many_forms(form: str) -> None:
    """Contract 1.7."""
    app, function = Recorder("app"), named("a")
    assert FORMS[form](app, function) is function
    (spec,) = compile_listeners(app)["before_server_start"]
    assert spec.listener is function
    assert spec.priority == ("priority" in form)


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_has_its_decorator(event: str) -> None:
    app = Recorder("app")
    getattr(app, event)(named("a"))
    assert names(app, event) == "a"


def one(app: object) -> None: ...
def two(app: object, loop: object) -> None: ...
def second_optional(app: object, loop: object = None) -> None: ...
def any_number(*args: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "wants"), [(one, False), (two, True), (second_optional, False), (any_number, False)]
)
def test_nursery_is_for_those_that_must_have_two_arguments(
    function: Callable[..., object], wants: bool
) -> None:
    """Contract: listeners that take ``(app, loop)``; Sanic 25.12 tries one argument first."""
    app = Recorder("app")
    app.before_server_start(function)
    assert compile_listeners(app)["before_server_start"][0].wants_nursery is wants


def none() -> None: ...
def three(app: object, loop: object, more: object) -> None: ...


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match=r"Required parameter `app` missing in the none\(\) listener\?"):
        Recorder("app").before_server_start(none)
    with pytest.raises(ValueError, match=r"takes the app and its nursery; three\(\) needs more"):
        Recorder("app").before_server_start(three)


@pytest.mark.parametrize("event", ["", "before_start", "after_server_starts"])
def test_other_event_is_refused(event: str) -> None:
    with pytest.raises(ValueError, match=r"event must be one of main_process_start, .*, not"):
        Recorder("app").listener(event)
    with pytest.raises(ValueError, match=r"event must be one of main_process_start, .*, not"):
        Recorder("app").register_listener(one, event)
