"""Handlers that are classes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import pytest

from tests.routing.apps import resolve
from triosanic.blueprints import Blueprint, compile_router
from triosanic.exceptions import InvalidUsage, MethodNotAllowed
from triosanic.recorder import Recorder
from triosanic.router import Handler, Route
from triosanic.views import CompositionView, HTTPMethodView, stream


@dataclass
class Asked:
    method: str = "GET"
    path: str = "/x"


class Both(HTTPMethodView):
    """Two methods, of which one streams."""

    def get(self, request: Asked, word: str = "") -> str:
        return f"got {word}"

    @stream
    async def post(self, request: Asked) -> str:
        return "posted"

    def helper(self, request: Asked) -> str:
        return "no method of HTTP"


def only_route(app: Recorder) -> Route:
    (route,) = compile_router(app).routes
    return route


def test_methods_are_those_of_the_class() -> None:
    """Contract 1.9; ``methods`` is ignored."""
    app = Recorder("app")
    app.add_route(Both.as_view(), "/x", methods=["DELETE"])
    route = only_route(app)
    assert (route.name, sorted(route.methods)) == ("app.Both", ["GET", "POST"])


def test_wrong_method_is_the_router_s_to_refuse() -> None:
    """Contract 2: HEAD too, though the view itself would take it."""
    app = Recorder("app")
    app.add_route(Both.as_view(), "/x")
    router = compile_router(app)
    assert [resolve(router, "/x", method) for method in ("HEAD", "helper", "__init__")] == [
        (405, ["GET", "POST"])
    ] * 3


def test_only_the_marked_method_streams() -> None:
    """Contract 2: the others are buffered."""
    app = Recorder("app")
    app.add_route(Both.as_view(), "/x")
    assert only_route(app).stream_methods == {"POST"}
    assert app.is_request_stream


def test_view_streams_as_a_whole_where_it_is_added_so() -> None:
    app = Recorder("app")
    Both.attach(app, "/x", stream=True)
    assert only_route(app).stream_methods == {"GET", "POST"}


def test_verb_decorator_takes_one_method_of_a_view() -> None:
    app = Recorder("app")
    app.get("/x")(Both.as_view())
    route = only_route(app)
    assert route.methods == {"GET"}
    assert route.stream_methods == frozenset()


def test_request_goes_to_its_method() -> None:
    view = Both.as_view()
    assert view(Asked("GET"), word="it") == "got it"
    assert view(Asked("HEAD"), word="it") == "got it"


def test_head_has_its_own_method_if_there_is_one() -> None:
    class Own(HTTPMethodView):
        def get(self, request: Asked) -> str:
            return "get"

        def head(self, request: Asked) -> str:
            return "head"

    app = Recorder("app")
    app.add_route(Own.as_view(), "/x")
    route = only_route(app)
    assert route.methods == {"GET", "HEAD"}
    assert route.handler(Asked("HEAD")) == "head"


@pytest.mark.parametrize("method", ["DELETE", "get", "helper", "GET ", "decorators", "__class__"])
def test_view_refuses_what_it_does_not_serve(method: str) -> None:
    """CVE-2026-48817: a request names no other attribute."""
    with pytest.raises(MethodNotAllowed) as caught:
        Both.as_view()(Asked(method))
    assert str(caught.value) == f"Method {method} not allowed for URL /x"
    assert caught.value.headers == {"Allow": "GET, POST"}


def test_each_request_has_its_own_instance() -> None:
    class Counting(HTTPMethodView):
        def __init__(self, *args: int, **kwargs: int) -> None:
            self.given = (args, kwargs)

        def get(self, request: Asked) -> "Counting":
            return self

    view = Counting.as_view(1, b=2)
    first_one, second_one = view(Asked()), view(Asked())
    assert isinstance(first_one, Counting)
    assert first_one.given == ((1,), {"b": 2})
    assert first_one is not second_one


def test_decorators_apply_in_order() -> None:
    """Sanic 25.12: so the last one is the outermost."""

    def adding(letter: str) -> Callable[[Handler], Handler]:
        def decorator(inner: Handler) -> Handler:
            return lambda request: f"{letter}{inner(request)}"

        return decorator

    class Decorated(HTTPMethodView):
        decorators = [adding("a"), adding("b")]  # noqa: RUF012  # as programs write it

        def get(self, request: Asked) -> str:
            return "!"

    app = Recorder("app")
    app.add_route(Decorated.as_view(), "/x")
    route = only_route(app)
    assert (route.name, sorted(route.methods)) == ("app.Decorated", ["GET"])
    assert route.handler(Asked()) == "ba!"


def test_class_attaches_itself() -> None:
    """Contract 1.9."""
    bp = Blueprint("bp")

    class Attached(HTTPMethodView, attach=bp, uri="/a", name="named", version=1, strict_slashes=True):
        def get(self, request: Asked) -> str:
            return ""

    (spec,) = bp.specs
    assert (spec.uri, spec.name, spec.version, spec.strict_slashes) == ("/a", "named", 1, True)  # type: ignore[union-attr]  # a route
    assert Attached.as_view().__doc__ is None


def test_view_without_a_method_is_refused() -> None:
    class Empty(HTTPMethodView):
        pass

    with pytest.raises(ValueError, match="Empty has no method of HTTP"):
        Recorder("app").add_route(Empty.as_view(), "/x")


def test_class_instead_of_its_view_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not the class Both; use its as_view\(\)"):
        Recorder("app").add_route(Both, "/x")


def test_stream_marks_a_function() -> None:
    """Contract 1.9 ``is_stream``."""

    @stream
    async def post(request: Asked) -> None: ...

    app = Recorder("app")
    app.post("/x")(post)
    assert vars(post)["is_stream"] is True
    assert only_route(app).stream_methods == {"POST"}


def test_marking_survives_a_decorator() -> None:
    @stream
    async def post(request: Asked) -> None: ...

    @wraps(post)
    async def wrapper(request: Asked) -> None: ...

    app = Recorder("app")
    app.post("/x")(wrapper)
    assert app.is_request_stream


def first(request: Asked, word: str = "") -> str:
    return f"first {word}"


def second(request: Asked) -> str:
    return "second"


def test_composition_puts_functions_together() -> None:
    """Contract 2: the instance is the handler, and streams method by method."""
    view = CompositionView()
    view.add(["GET"], first)
    view.add(["POST", "PUT"], second, stream=True)
    app = Recorder("app")
    app.add_route(view, "/x", methods=["DELETE"])
    route = only_route(app)
    assert route.handler is view
    assert route.methods == {"GET", "POST", "PUT"}
    assert route.stream_methods == {"POST", "PUT"}
    assert view(Asked("GET"), word="it") == "first it"
    assert view(Asked("PUT")) == "second"
    assert view.handlers == {"GET": first, "POST": second, "PUT": second}


def test_composition_streams_where_the_function_is_marked() -> None:
    @stream
    def marked(request: Asked) -> None: ...

    view = CompositionView()
    view.add(["POST"], marked)
    view.add(["GET"], first)
    assert view.stream_methods == {"POST"}


def test_composition_refuses_wrong_methods() -> None:
    """Contract 2."""
    view = CompositionView()
    with pytest.raises(InvalidUsage, match=r"^FOO is not a valid HTTP method\.$"):
        view.add(["FOO"], first)
    view.add(["POST"], first)
    with pytest.raises(InvalidUsage, match=r"^Method POST is already registered\.$"):
        view.add(["GET", "POST"], second)
    with pytest.raises(MethodNotAllowed):
        view(Asked("DELETE"))


def test_compositions_of_one_app_have_names_of_their_own() -> None:
    app = Recorder("app")
    for number, function in enumerate((first, second)):
        view = CompositionView()
        view.add(["GET"], function)
        app.add_route(view, f"/{number}")
    assert [route.name for route in compile_router(app).routes] == [
        "app.CompositionView_first",
        "app.CompositionView_second",
    ]
