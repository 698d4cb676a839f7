"""What a route says of bodies, and what it bounds otherwise than the configuration."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.routing.apps import handler
from triosanic.blueprints import Blueprint, compile_router, mount
from triosanic.bodyrules import BodyRules
from triosanic.recorder import Recorder
from triosanic.router import Route
from triosanic.views import CompositionView, HTTPMethodView


@pytest.fixture
def app() -> Recorder:
    return Recorder("app")


def only_route(app: Recorder) -> Route:
    (route,) = compile_router(app).routes
    return route


BODY_RULES: Final[Mapping[str, Any]] = {
    "request_max_size": 5, "body_min_rate": 1.5, "body_min_rate_grace": 0, "decompress": True
}  # fmt: skip


def test_body_rules_reach_the_route(app: Recorder) -> None:
    app.post("/x", **BODY_RULES)(handler)
    assert only_route(app).body_rules == BodyRules(**BODY_RULES)


def test_a_route_that_says_nothing_of_bodies_has_no_rules(app: Recorder) -> None:
    app.post("/x")(handler)
    assert only_route(app).body_rules is None


@pytest.mark.parametrize(
    "verb", ["get", "head", "options", "delete", "post", "put", "patch", "stream", "route"]
)
def test_every_decorator_takes_body_rules(app: Recorder, verb: str) -> None:
    getattr(app, verb)("/x", decompress=True)(handler)
    assert only_route(app).body_rules == BodyRules(decompress=True)


@pytest.mark.parametrize(
    ("name", "wrong", "key", "rule"),
    [
        ("response_timeout", -1, "RESPONSE_TIMEOUT", "a number of seconds, 0 or more"),
        ("response_timeout", "1", "RESPONSE_TIMEOUT", "a number of seconds, 0 or more"),
        ("request_max_size", -1, "REQUEST_MAX_SIZE", "a whole number of bytes, 0 or more"),
        ("request_max_size", 1.5, "REQUEST_MAX_SIZE", "a whole number of bytes, 0 or more"),
        ("request_max_size", True, "REQUEST_MAX_SIZE", "a whole number of bytes, 0 or more"),
        ("body_min_rate", -0.1, "BODY_MIN_RATE", "a number of bytes a second, 0 or more"),
        ("body_min_rate", float("nan"), "BODY_MIN_RATE", "a number of bytes a second, 0 or more"),
        ("body_min_rate_grace", -1, "BODY_MIN_RATE_GRACE", "a number of seconds, 0 or more"),
        ("decompress", ["gzip"], None, "True, for gzip and deflate, or False"),
        ("decompress", None, None, "True, for gzip and deflate, or False"),
    ],
)
def test_a_wrong_bound_is_refused_with_its_rule_and_the_way_out(
    app: Recorder, name: str, wrong: Any, key: str | None, rule: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be {rule}.*, not {re.escape(repr(wrong))}$") as error:
        app.route("/x", **{name: wrong})
    assert key is None or f"or None for config.{key}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_timeout", 0),
        ("response_timeout", float("inf")),
        ("request_max_size", 0),
        ("request_max_size", None),
        ("body_min_rate", 0),
        ("body_min_rate_grace", float("inf")),
        ("decompress", False),
    ],
)
def test_a_bound_at_its_edge_is_taken(app: Recorder, name: str, value: Any) -> None:
    app.route("/x", **{name: value})(handler)
    assert only_route(app).name == "app.handler"


@pytest.mark.parametrize("added", ["blueprint", "view", "attached", "composition"])
def test_body_rules_reach_the_route_however_it_is_added(app: Recorder, added: str) -> None:
    """Blueprints and views hand on what they are told."""

    class View(HTTPMethodView):
        async def post(self, request: object) -> None: ...

    if added == "blueprint":
        blueprint = Blueprint("b")
        blueprint.post("/x", **BODY_RULES)(handler)
        mount(app, blueprint)
    elif added == "view":
        app.add_route(View.as_view(), "/x", **BODY_RULES)
    elif added == "attached":
        View.attach(app, "/x", **BODY_RULES)
    else:
        composed = CompositionView()
        composed.add(["POST"], handler)
        app.add_route(composed, "/x", **BODY_RULES)
    assert only_route(app).body_rules == BodyRules(**BODY_RULES)
