"""Who answers for an exception."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.apps import handler
from triosanic.blueprints import Blueprint, compile_error_handler, compile_router, mount
from triosanic.errorpages import (
    BaseRenderer,
    HTMLRenderer,
    TextRenderer,
    exception_response,
    guess_mime,
)
from triosanic.exceptions import NotFound, SanicException, ServerError
from triosanic.handlers.error import ErrorHandler, unwrap
from triosanic.headers import Header
from triosanic.recorder import Recorder
from triosanic.response import HTTPResponse
from triosanic.router import Route


@dataclass
class Asked:
    """A request, as far as an error page looks at it."""

    method: str = "GET"
    path: str = "/x"
    url: str = "http://h/x"
    query_string: str = "a=1&a=2&b="
    version: str = "1.1"
    headers: Header = field(default_factory=lambda: Header({"accept": "application/json"}))
    route: Route | None = None
    app: Any = field(
        default_factory=lambda: SimpleNamespace(
            debug=False, config=SimpleNamespace(FALLBACK_ERROR_FORMAT="auto", NOISY_EXCEPTIONS=False)
        )
    )


def answering(name: str) -> Callable[[object, Exception], str]:
    return lambda request, exception: name


def lookup(handlers: ErrorHandler, exception: Exception, route_name: str | None = None) -> object:
    found = handlers.lookup(exception, route_name)
    return None if found is None else found(None, exception)


def test_nearest_class_answers() -> None:
    """Contract 1.15: by MRO."""
    handlers = ErrorHandler()
    handlers.add(LookupError, answering("lookup"))
    handlers.add(Exception, answering("any"))
    assert lookup(handlers, KeyError()) == "lookup"
    assert lookup(handlers, LookupError()) == "lookup"
    assert lookup(handlers, ValueError()) == "any"


def test_nothing_answers_for_what_was_not_named() -> None:
    handlers = ErrorHandler()
    handlers.add(KeyError, answering("key"))
    assert handlers.lookup(LookupError()) is None


def test_route_s_own_goes_first() -> None:
    """Contract 1.15: per route, then for all."""
    handlers = ErrorHandler()
    handlers.add(LookupError, answering("all"))
    handlers.add(LookupError, answering("own"), ["app.r"])
    assert lookup(handlers, KeyError(), "app.r") == "own"
    assert lookup(handlers, KeyError(), "app.other") == "all"
    assert lookup(handlers, KeyError()) == "all"


def test_route_s_more_general_one_goes_before_the_app_s() -> None:
    """Sanic 25.12."""
    handlers = ErrorHandler()
    handlers.add(LookupError, answering("all"))
    handlers.add(Exception, answering("own"), ["app.r"])
    assert lookup(handlers, KeyError(), "app.r") == "own"


def test_exact_class_goes_first_of_all() -> None:
    """Sanic 25.12: a blueprint's catch-all does not hide what the app does about one class."""
    handlers = ErrorHandler()
    handlers.add(KeyError, answering("all"))
    handlers.add(Exception, answering("own"), ["app.r"])
    assert lookup(handlers, KeyError(), "app.r") == "all"


@pytest.mark.parametrize(
    ("names", "where"), [(None, "__ALL_ROUTES__"), (["app.r", "app.s"], "app.r")], ids=["all", "route"]
)
def test_two_for_one_class_are_an_error(names: list[str] | None, where: str) -> None:
    """Contract 1.15."""
    handlers = ErrorHandler()
    handlers.add(ValueError, handler, names)
    with pytest.raises(
        ServerError,
        match=f"^Duplicate exception handler definition on: route={where} and exception=<class 'ValueError'>",
    ):
        handlers.add(ValueError, handler, names)


def test_blueprint_s_answers_for_its_routes_only() -> None:
    """Contract 1.5."""
    app, bp = Recorder("app"), Blueprint("bp")
    app.get("/a")(handler)
    bp.get("/b")(handler)
    bp.exception(KeyError)(answering("bp"))
    app.exception(KeyError)(answering("app"))
    mount(app, bp)
    handlers = compile_error_handler(app, compile_router(app), ErrorHandler())
    assert lookup(handlers, KeyError(), "app.bp.handler") == "bp"
    assert lookup(handlers, KeyError(), "app.handler") == "app"
    assert lookup(handlers, KeyError()) == "app"


def test_app_can_be_compiled_again() -> None:
    """An app may serve, stop, and serve again."""
    app, handlers = Recorder("app"), ErrorHandler()
    app.get("/a")(handler)
    app.all_exceptions(answering("app"))
    for _ in range(2):
        compiled = compile_error_handler(app, compile_router(app), handlers)
        assert lookup(compiled, KeyError()) == "app"
    assert handlers.lookup(KeyError()) is None


def test_handler_added_by_hand_collides_with_a_decorated_one() -> None:
    app, handlers = Recorder("app"), ErrorHandler()
    app.get("/a")(handler)
    app.exception(KeyError)(answering("app"))
    handlers.add(KeyError, answering("hand"))
    with pytest.raises(ServerError, match="Duplicate exception handler"):
        compile_error_handler(app, compile_router(app), handlers)


@pytest.mark.parametrize(
    "given_", [(KeyError, ValueError), ([KeyError, ValueError],), ((KeyError,), ValueError)], ids=repr
)
def test_decorator_takes_classes_and_lists(given_: Any) -> None:
    app = Recorder("app")
    app.exception(*given_)(answering("x"))
    assert [spec.exception for spec in app.specs] == [KeyError, ValueError]  # type: ignore[union-attr]  # all are


@pytest.mark.parametrize("recorder", [Recorder("app"), Blueprint("bp")], ids=["app", "blueprint"])
def test_decorator_refuses_a_second_for_a_class(recorder: Recorder) -> None:
    recorder.exception(KeyError)(answering("x"))
    with pytest.raises(ServerError, match="Duplicate exception handler"):
        recorder.exception(ValueError, KeyError)(answering("y"))


@pytest.mark.parametrize(
    ("classes", "message"),
    [((), "at least one class"), ((5,), "not 5"), ((int,), "not <class 'int'>"), (([],), "at least one")],
    ids=repr,
)
def test_decorator_refuses_what_is_no_class_of_exceptions(classes: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Recorder("app").exception(*classes)


def test_decorator_checks_arguments() -> None:
    with pytest.raises(ValueError, match="Required parameter `request` and/or `exception` missing"):
        Recorder("app").exception(KeyError)(lambda request: None)


@given(st.integers(min_value=0, max_value=20))
def test_groups_of_one_are_looked_through(depth: int) -> None:
    """Design: a nursery in a handler makes one of its child's failure."""
    inner = KeyError("x")
    exception: Exception = inner
    for level in range(depth):
        exception = ExceptionGroup(str(level), [exception])
    assert unwrap(exception) is inner


def test_groups_of_several_are_not_looked_through() -> None:
    group = ExceptionGroup("both", [KeyError(), ValueError()])
    assert unwrap(ExceptionGroup("outer", [group])) is group


def test_handler_gets_what_the_group_holds() -> None:
    handlers = ErrorHandler()
    handlers.add(KeyError, lambda request, exception: exception)
    inner = KeyError("x")
    assert handlers.response(Asked(), ExceptionGroup("one", [inner])) is inner


def test_async_handler_is_left_to_whoever_awaits() -> None:
    async def answer(request: object, exception: Exception) -> str:
        return "awaited"

    handlers = ErrorHandler()
    handlers.add(KeyError, answer)
    coroutine: Any = handlers.response(Asked(), KeyError())
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value == "awaited"


@pytest.mark.parametrize("answer", ["none", "nothing registered"])
def test_default_answers_for_the_rest(answer: str) -> None:
    handlers = ErrorHandler()
    if answer == "none":
        handlers.add(KeyError, lambda request, exception: None)
    response = handlers.response(Asked(), KeyError("secret"))
    assert isinstance(response, HTTPResponse)
    assert response.status == 500
    assert b"unexpected error" in (response.body or b"")
    assert b"secret" not in (response.body or b"")


def test_default_may_be_the_program_s() -> None:
    """Contract 1.15 ``ErrorHandler.default``."""

    class Own(ErrorHandler):
        def default(self, request: Any, exception: Exception) -> HTTPResponse:
            return HTTPResponse("own", 503)

    response = Own().copy().response(Asked(), KeyError())
    assert isinstance(response, HTTPResponse)
    assert (response.body, response.status) == (b"own", 503)


def test_failing_handler_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 1.15."""

    def fail(request: object, exception: Exception) -> None:
        raise ValueError("inner")

    handlers = ErrorHandler()
    handlers.add(KeyError, fail)
    response = handlers.response(Asked(), KeyError())
    assert isinstance(response, HTTPResponse)
    assert (response.body, response.status) == (b"An error occurred while handling an error", 500)
    assert "inner" in caplog.text


@pytest.mark.parametrize(
    ("exception", "noisy", "logged"),
    [
        (KeyError("x"), False, True),
        (ServerError("x"), False, True),
        (NotFound("x"), False, False),
        (NotFound("x"), True, True),
        (SanicException("x", quiet=True), False, False),
        (ExceptionGroup("one", [NotFound("x")]), False, False),
    ],
    ids=repr,
)
def test_quiet_exceptions_are_not_logged(
    exception: Exception, noisy: bool, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract 1.15: q, and ``NOISY_EXCEPTIONS``."""
    asked = Asked(url="http://h/x\n")
    asked.app.config.NOISY_EXCEPTIONS = noisy
    with caplog.at_level(logging.ERROR, "sanic.error"):
        ErrorHandler().default(asked, exception)
    assert [record.getMessage() for record in caplog.records] == [
        r"Exception occurred while handling uri: 'http://h/x\n'"
    ] * logged


def test_no_request_is_needed() -> None:
    response = ErrorHandler().response(None, NotFound("x"))
    assert isinstance(response, HTTPResponse)
    assert (response.status, response.content_type) == (404, "text/plain; charset=utf-8")


def test_debug_tells_of_the_request() -> None:
    asked = Asked()
    asked.app.debug = True
    body = ErrorHandler().default(asked, KeyError("x")).body or b""
    assert b'"path":"/x","args":{"a":["1","2"],"b":[""]}' in body


def test_format_is_the_route_s() -> None:
    route = Route(name="r", path="x", methods=frozenset(), handler=handler, error_format="html")
    asked = Asked(route=route, headers=Header())
    assert ErrorHandler().default(asked, KeyError("x")).content_type == "text/html; charset=utf-8"


class ShoutingRenderer(BaseRenderer):
    """A program's own."""

    def minimal(self) -> HTTPResponse:
        return HTTPResponse(f"{self.title}: {self.text}!".upper(), content_type="text/shout")


def test_the_base_renders_for_clients_that_take_no_format() -> None:
    """Sanic 25.12 ``ErrorHandler(base=...)``."""
    handlers = ErrorHandler(base=ShoutingRenderer)
    error = NotFound("nothing here", headers={"x-a": "1"})
    response = handlers.default(Asked(headers=Header({"accept": "image/png"})), error)
    assert (response.status, response.body) == (404, "404 — NOT FOUND: NOTHING HERE!".encode())
    assert response.headers == {"x-a": "1"}
    assert handlers.default(Asked(), error).content_type == "application/json"
    assert handlers.default(None, ValueError("hidden")).body.startswith("500 — INTERNAL".encode())


def test_debug_tells_no_more_of_what_is_quiet() -> None:
    """Sanic 25.12: a 404 is the client's affair, and has no traceback that were of use."""
    asked = Asked()
    asked.app.debug = True
    assert b"exceptions" not in ErrorHandler().default(asked, NotFound("x")).body
    assert b"exceptions" in ErrorHandler().default(asked, NotFound("x", quiet=False)).body


def test_one_renderer_for_all() -> None:
    """Sanic 25.12 ``exception_response``."""
    asked = Asked()
    response = exception_response(asked, ValueError("x"), False, "auto", TextRenderer, HTMLRenderer)
    assert response.content_type == "text/html; charset=utf-8"
    assert guess_mime(asked, "auto") == "application/json"
    assert guess_mime(Asked(headers=Header({"accept": "image/png"})), "auto") == ""
