"""Small apps for tests of routing."""

from typing import Any

import pytest

from triosanic.blueprints import compile_router
from triosanic.exceptions import MethodNotAllowed, NotFound
from triosanic.recorder import Recorder
from triosanic.router import Router

Outcome = tuple[str, dict[str, object]] | int | tuple[int, list[str]]


def handler(request: object, **params: object) -> None:
    """Serve every route of these tests."""


def router_of(*routes: str | tuple[str, str] | tuple[str, str, dict[str, Any]]) -> Router:
    """Make a router of paths, each with its methods and options; the routes are named r0, r1 and so on."""
    app = Recorder("app")
    for number, route in enumerate(routes):
        uri, methods, options = (route, "GET", {}) if isinstance(route, str) else (*route, {})[:3]
        app.add_route(handler, uri, methods.split(), **{"name": f"r{number}"} | options)
    return compile_router(app)


def resolve(router: Router, path: str, method: str = "GET", host: str = "") -> Outcome:
    """Give the route's last name and its parameters, or the status, with a 405's Allow."""
    try:
        route, params = router.resolve(method, path, host)
    except MethodNotAllowed as error:
        return error.status_code, list(error.allowed_methods or ())
    except NotFound as error:
        return error.status_code
    return route.name.removeprefix("app."), dict(params)


def params_of(uri: str, path: str) -> dict[str, object] | None:
    """Give the parameters that one route takes from a path, or ``None`` if it does not match."""
    outcome = resolve(router_of(uri), path)
    if isinstance(outcome, int):
        return None
    params = outcome[1]
    assert isinstance(params, dict)
    return params


def message_of(router: Router, path: str, method: str = "GET") -> str:
    with pytest.raises((NotFound, MethodNotAllowed)) as caught:
        router.resolve(method, path, "")
    return str(caught.value)
