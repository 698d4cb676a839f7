"""What decorators record, and what they refuse."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.routing.apps import handler
from triosanic.blueprints import Blueprint, compile_router, mount
from triosanic.constants import HTTPMethod
from triosanic.exceptions import SanicException, ServerError
from triosanic.recorder import Recorder
from triosanic.router import Route


@pytest.fixture
def app() -> Recorder:
    return Recorder("app")


def only_route(app: Recorder) -> Route:
    (route,) = compile_router(app).routes
    return route


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_verb_serves_its_method(app: Recorder, verb: str) -> None:
    """Contract 1.4: the body is ignored where a method has none by nature."""
    assert getattr(app, verb)("/x")(handler) is handler
    route = only_route(app)
    assert route.methods == {verb.upper()}
    assert route.ignore_body is (verb in {"get", "head", "options"})
    assert route.stream_methods == frozenset()


@pytest.mark.parametrize(
    ("methods", "served"),
    [
        (None, {"GET"}),
        ([], {"GET"}),
        (["post"], {"POST"}),
        ("PUT", {"PUT"}),
        ((HTTPMethod.GET, "POST"), {"GET", "POST"}),
        ({"DELETE"}, {"DELETE"}),
    ],
)
def test_methods_are_given_in_many_ways(app: Recorder, methods: Any, served: set[str]) -> None:
    app.route("/x", methods)(handler)
    assert only_route(app).methods == served


def test_stream_decorator_is_for_post(app: Recorder) -> None:
    """Contract 2 ``app.stream(uri, methods=frozenset({"POST"}))``."""
    app.stream("/x")(handler)
    route = only_route(app)
    assert route.methods == {"POST"}
    assert route.stream_methods == {"POST"}


@pytest.mark.parametrize("verb", ["post", "put", "patch"])
def test_stream_is_an_argument_too(app: Recorder, verb: str) -> None:
    getattr(app, verb)("/x", stream=True)(handler)
    assert only_route(app).stream_methods == {verb.upper()}


def test_is_request_stream_once_something_streams(app: Recorder) -> None:
    """Contract 2: False until then."""
    bp = Blueprint("bp")
    mount(app, bp)
    app.get("/a")(handler)
    assert app.is_request_stream is False
    bp.stream("/b")(handler)
    assert app.is_request_stream is True


def test_is_request_stream_can_be_said() -> None:
    """Contract: ``is_request_stream=True`` is kept."""
    app = Recorder("app", is_request_stream=True)
    assert app.is_request_stream is True
    app.is_request_stream = False
    assert app.is_request_stream is False


def test_options_reach_the_route(app: Recorder) -> None:
    app.get(
        "/x", "A.example", True, name="n", error_format="json", unquote=True,
        cancel_on_disconnect=False, response_timeout=1.5, ctx_label="l", ctx_number=2,
    )(handler)  # fmt: skip
    route = only_route(app)
    assert (route.hosts, route.strict, route.name, route.error_format) == (
        ("a.example",),
        True,
        "app.n",
        "json",
    )
    assert (route.unquote, route.cancel_on_disconnect, route.response_timeout) == (True, False, 1.5)
    assert vars(route.ctx) == {"label": "l", "number": 2}


def test_options_have_sanic_s_defaults(app: Recorder) -> None:
    app.route("/x")(handler)
    route = only_route(app)
    assert (route.hosts, route.strict, route.name, route.error_format) == ((), False, "app.handler", None)
    assert (route.unquote, route.cancel_on_disconnect, route.response_timeout) == (False, True, None)
    assert route.extra.ident == "app.handler"


def test_apply_false_serves_nothing(app: Recorder) -> None:
    assert app.route("/x", apply=False)(handler) is handler
    assert app.specs == []


def no_arguments() -> None: ...
def by_keyword(*, request: object) -> None: ...
def one(request: object) -> None: ...
def any_number(*args: object) -> None: ...


class Methods:
    def none(self) -> None: ...
    def one(self, request: object) -> None: ...
    def __call__(self, request: object) -> None: ...


@pytest.mark.parametrize("wrong", [no_arguments, by_keyword, Methods().none, partial(one, 1)])
def test_handler_must_take_the_request(app: Recorder, wrong: Callable[..., object]) -> None:
    """Contract 1.4."""
    with pytest.raises(ValueError, match=r"^Required parameter `request` missing in the \w+\(\) route\?$"):
        app.get("/x")(wrong)


@pytest.mark.parametrize(
    ("right", "name"),
    [
        (one, "one"),
        (any_number, "any_number"),
        (Methods().one, "one"),
        (Methods(), "Methods"),
        (partial(any_number, 1), "any_number"),
        (print, "print"),
        (max, "max"),
    ],
    ids=["function", "any number", "method", "object", "partial", "in C", "in C without signature"],
)
def test_handler_may_be_anything_that_is_called(
    app: Recorder, right: Callable[..., object], name: str
) -> None:
    app.get("/x")(right)
    assert only_route(app).name == f"app.{name}"


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("/x", ["FOO", "GET"]), {}, ValueError, "methods must be of GET, .*, not FOO"),
        (("/x",), {"foo": 1, "bar": 2}, TypeError, "Unexpected keyword arguments: foo, bar"),
        (("/x",), {"error_format": "xml"}, SanicException, "Unknown format: xml"),
        ((one,), {}, TypeError, "uri must be a text, not <function one"),
    ],
)
def test_wrong_option_is_refused_at_once(
    app: Recorder, arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        app.route(*arguments, **options)


def test_decorators_without_their_call_say_so(app: Recorder) -> None:
    with pytest.raises(TypeError, match="is called with a path"):
        app.get(one)  # type: ignore[arg-type]  # the mistake


def test_unknown_attribute_is_an_error_that_names_ctx(app: Recorder) -> None:
    """Contract 1.2."""
    with pytest.raises(
        AttributeError,
        match=r"^Setting variables on Recorder instances is not allowed\. You should change your Recorder "
        r"instance to use instance\.ctx\.db instead\.$",
    ):
        app.db = 1
    app.ctx.db = 1


@pytest.mark.parametrize("name", ["app", "_a", "a-b", "__main__", "package.module"])
def test_name_may_be_a_module_s(name: str) -> None:
    """Contract: ``Sanic(__name__)`` works with dots in the name."""
    assert Recorder(name).name == name


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "-a", "a\n"])
def test_other_names_are_refused(name: Any) -> None:
    """Contract 1.2."""
    with pytest.raises(SanicException, match="uses an invalid format"):
        Blueprint(name)


def test_a_name_is_a_string() -> None:
    """Sanic 25.12."""
    with pytest.raises(TypeError, match="the name must be str, not 5"):
        Blueprint(5)  # type: ignore[arg-type]  # as somebody may
    with pytest.raises(SanicException, match="Blueprint instance cannot be unnamed"):
        Blueprint(None)  # type: ignore[arg-type]  # as somebody may


RECORD: dict[str, Callable[[Recorder], object]] = {
    "route": lambda app: app.get("/late")(handler),
    "middleware": lambda app: app.register_middleware(one),
    "listener": lambda app: app.register_listener(one, "before_server_start"),
    "exception": lambda app: app.exception(ValueError)(lambda request, exception: None),
    "pattern": lambda app: app.register_pattern("p", str, "p"),
    "blueprint": lambda app: mount(app, Blueprint("late")),
}


@pytest.mark.parametrize("kind", RECORD)
@pytest.mark.parametrize("where", ["app", "blueprint"])
def test_nothing_is_recorded_once_the_app_serves(kind: str, where: str) -> None:
    app, bp = Recorder("app"), Blueprint("bp")
    mount(app, bp)
    app.freeze()
    late = app if where == "app" else bp
    before = copy.copy(late.specs)
    with pytest.raises(ServerError, match="serves already, so nothing can be added to it"):
        RECORD[kind](late)
    assert late.specs == before
    app.freeze(False)
    RECORD[kind](late)
    assert len(late.specs) == len(before) + 1
