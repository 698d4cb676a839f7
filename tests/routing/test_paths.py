"""Which paths a route matches, and what it takes from them."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sanic_routing.exceptions import FinalizationError, InvalidUsage, ParameterNameConflicts, RouteExists

from tests.routing.apps import handler, message_of, params_of, resolve, router_of
from triosanic.blueprints import compile_router
from triosanic.exceptions import SanicException
from triosanic.recorder import Recorder
from triosanic.router import infer_types

UUID_TEXT = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("", "/a", "a"),
        ("", "/", None),
        (":str", "/a.b-c%20d", "a.b-c%20d"),
        (":strorempty", "/", ""),
        (":strorempty", "/a", "a"),
        (":int", "/7", 7),
        (":int", "/-7", -7),
        (":int", "/x", None),
        (":int", "/%31", None),
        (":float", "/1.5", 1.5),
        (":float", "/-.5", -0.5),
        (":float", "/1.", 1.0),
        (":float", "/x", None),
        (":alpha", "/aZ", "aZ"),
        (":alpha", "/a1", None),
        (":slug", "/a-1", "a-1"),
        (":slug", "/a--1", None),
        (":path", "/", ""),
        (":path", "/a/b/", "a/b/"),
        (":path", "//a", "/a"),
        (":ymd", "/2024-02-29", date(2024, 2, 29)),
        (":ymd", "/2023-02-29", None),
        (":uuid", f"/{UUID_TEXT}", UUID(UUID_TEXT)),
        (":uuid", "/550e", None),
        (":[a-z]{3}", "/abc", "abc"),
        (":[a-z]{3}", "/abcd", None),
        (r":(?P<x>\d+)\.jpg", "/12.jpg", "12"),
        (r":(?P<x>\d+)\.jpg", "/12xjpg", None),
    ],
)
def test_type_of_a_parameter_decides(kind: str, text: str, value: object) -> None:
    """Contract 1.4, by Sanic 25.12."""
    params = params_of(f"/p/<x{kind}>", f"/p{text}")
    assert params == (None if value is None else {"x": value})


@pytest.mark.parametrize(
    ("uri", "path", "params"),
    [
        ("/<f:ext>", "/a.b", {"f": "a", "ext": "b"}),
        ("/<f:ext>", "/a.tar.gz", {"f": "a.tar", "ext": "gz"}),
        ("/<f:ext>", "/a", None),
        ("/<f:ext=jpg|png>", "/a.png", {"f": "a", "ext": "png"}),
        ("/<f:ext=jpg|png>", "/a.gif", None),
        ("/<f=int:ext=tar.gz>", "/7.tar.gz", {"f": 7, "ext": "tar.gz"}),
        ("/<f=int:ext=tar.gz>", "/a.tar.gz", None),
    ],
)
def test_ext_splits_a_file_name(uri: str, path: str, params: dict[str, object] | None) -> None:
    """Contract 1.4: the keywords are the parameter's name and ``ext``."""
    assert params_of(uri, path) == params


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/json", ("r0", {})),
        ("/json/", ("r0", {})),
        ("//json", 404),
        ("/JSON", 404),
        ("/js%6Fn", 404),
        ("json", 404),
        ("*", 404),
        ("", 404),
        ("/strict", ("r1", {})),
        ("/strict/", 404),
        ("/slash/", ("r2", {})),
        ("/slash", 404),
    ],
)
def test_slash_at_the_end_is_optional_unless_strict(path: str, outcome: object) -> None:
    """Contract 1.4."""
    strict = {"strict_slashes": True}
    router = router_of("/json", ("/strict", "GET", strict), ("/slash/", "GET", strict))
    assert resolve(router, path) == outcome


@pytest.mark.parametrize("path", ["*", "", "?", "x"])
def test_root_answers_to_no_target_without_a_slash(path: str) -> None:
    """RFC 9112 §3.2.4: ``OPTIONS *`` is about the server; Sanic 25.12 has the root answer."""
    assert resolve(router_of("/"), path) == 404


def test_slash_too_many_is_404_for_every_method() -> None:
    """Sanic 25.12 answers 405, with an Allow that leads to a 404."""
    router = router_of(("/x", "GET", {"strict_slashes": True}))
    assert resolve(router, "/x", "POST") == (405, ["GET"])
    assert resolve(router, "/x/", "POST") == 404


def test_strict_root_has_one_spelling() -> None:
    """Sanic 25.12 fails with an IndexError."""
    router = router_of(("/", "GET", {"strict_slashes": True}))
    assert [resolve(router, path) for path in ("/", "//", "///")] == [("r0", {}), 404, 404]


def test_strict_and_lenient_methods_of_a_path() -> None:
    router = router_of(("/x", "GET", {"strict_slashes": True}), ("/x", "POST"))
    assert resolve(router, "/x/") == 404
    assert resolve(router, "/x/", "POST") == ("r1", {})
    assert resolve(router, "/x/", "PUT") == (405, ["POST"])


def test_path_of_slashes_is_refused_at_once() -> None:
    """Sanic 25.12 runs out of stack, after time that grows with the square of the length."""
    router = router_of("/a", "/b/<x>", "/files/<rest:path>")
    assert resolve(router, "/a" + "/" * 8) == ("r0", {})
    assert resolve(router, "/a" + "/" * 8000) == 404
    assert resolve(router, "/b/x" + "/" * 8000) == 404
    assert resolve(router, "/files/" + "/" * 8000) == ("r2", {"rest": "/" * 8000})


def test_number_too_long_to_convert_is_not_found() -> None:
    assert params_of("/<x:int>", "/" + "9" * 8000) is None


def test_unquote_decodes_all_that_is_text() -> None:
    """Contract 1.4. Sanic 25.12 decodes neither ``path`` nor regular expressions, and fails with ``ext``."""
    unquote = {"unquote": True}
    router = router_of(
        ("/a/<x>", "GET", unquote),
        ("/b/<x:path>", "GET", unquote),
        ("/c/<x:ext>", "GET", unquote),
        ("/d/<x:int>", "GET", unquote),
    )
    assert resolve(router, "/a/%C3%BC%2F") == ("r0", {"x": "ü/"})
    assert resolve(router, "/b/%20/%2E") == ("r1", {"x": " /."})
    assert resolve(router, "/c/%20.gz") == ("r2", {"x": " ", "ext": "gz"})
    assert resolve(router, "/d/7") == ("r3", {"x": 7})


def test_unquote_is_for_its_own_route_only() -> None:
    """Sanic 25.12 decodes for the routes added later as well."""
    router = router_of(("/a/<x>", "GET", {"unquote": True}), "/b/<x>")
    assert resolve(router, "/b/%20") == ("r1", {"x": "%20"})


def test_path_of_a_route_may_be_any_text() -> None:
    router = router_of("/ü/<x>", "/a b")
    assert resolve(router, "/%C3%BC/1") == ("r0", {"x": "1"})
    assert resolve(router, "/a%20b") == ("r1", {})


def test_missing_first_slash_is_added() -> None:
    assert router_of("a/<x:int>").routes[0].uri == "/a/<x:int>"


def as_int(request: object, x: int) -> None: ...
def as_float(request: object, x: float) -> None: ...
def as_uuid(request: object, x: UUID) -> None: ...
def as_text(request: object, x: "int") -> None: ...
def as_bool(request: object, x: bool) -> None: ...


@pytest.mark.parametrize(
    ("annotated", "uri", "path"),
    [
        (as_int, "/<x>", "<x:int>"),
        (as_text, "/<x>", "<x:int>"),
        (as_float, "/<x>", "<x:float>"),
        (as_uuid, "/a/<x>/b", "a/<x:uuid>/b"),
        (as_bool, "/<x>", "<x:str>"),
        (as_int, "/<x:alpha>", "<x:alpha>"),
        (as_int, "/<y>", "<y:str>"),
        (print, "/<x>", "<x:str>"),
    ],
)
def test_type_is_taken_from_the_annotation(annotated: Any, uri: str, path: str) -> None:
    """Contract 1.4; a text is what ``from __future__ import annotations`` makes of one."""
    app = Recorder("app")
    app.add_route(annotated, uri)
    assert compile_router(app).routes[0].path == path


def test_type_is_not_added_to_what_is_no_parameter() -> None:
    assert infer_types("/<xy/x/a<x>", as_int) == "/<xy/x/a<x>"


@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("/<1x>", InvalidUsage, "Invalid declaration: <1x>"),
        ("/<x", InvalidUsage, "Invalid declaration: <x"),
        ("/<x>/<x>", ParameterNameConflicts, "Duplicate named parameters"),
        (r"/<x:(?P<y>\d+)>", InvalidUsage, "must match your named parameter"),
        ("/<f:ext=a|b.c>", InvalidUsage, "same number of subparts"),
        ("/<__x>", SanicException, "cannot use '__'"),
        ("/<__x:path>", SanicException, "cannot use '__'"),
    ],
)
def test_wrong_path_is_refused_at_the_start(uri: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("|", r"\|")):
        router_of(uri)


def test_complaint_of_sanic_routing_names_the_route() -> None:
    with pytest.raises(InvalidUsage) as caught:
        router_of("/<1x>")
    assert caught.value.__notes__ == ["in the path '/<1x>' of 'app.r0'"]


def test_no_routes_at_all() -> None:
    """Contract 1.2."""
    with pytest.raises(FinalizationError, match="Cannot finalize with no routes defined"):
        router_of()


def test_same_path_and_method_twice() -> None:
    with pytest.raises(RouteExists, match=r"GET /a/<y:int> of 'app.r1' is already served by 'app.r0'"):
        router_of("/a/<x:int>", ("/a/<y:int>", "POST GET"))


def test_slash_at_the_end_makes_no_other_path() -> None:
    with pytest.raises(RouteExists):
        router_of("/a", "/a/")


def test_methods_of_a_path_may_name_its_parameters_differently() -> None:
    router = router_of("/a/<x:int>", ("/a/<y:int>", "POST"))
    assert resolve(router, "/a/1") == ("r0", {"x": 1})
    assert resolve(router, "/a/1", "POST") == ("r1", {"y": 1})


def test_methods_of_a_regular_expression_must_agree_on_names() -> None:
    """Sanic 25.12 calls one of the handlers with the other's names."""
    with pytest.raises(ParameterNameConflicts, match="give their parameters the same names"):
        router_of("/a/<x:path>", ("/a/<y:path>", "POST"))


def test_ext_is_its_route_s_own() -> None:
    router = router_of("/<x:ext=jpg>", ("/<x:ext=png>", "POST"))
    assert resolve(router, "/a.jpg") == ("r0", {"x": "a", "ext": "jpg"})
    assert resolve(router, "/a.png") == 404
    assert resolve(router, "/a.png", "POST") == ("r1", {"x": "a", "ext": "png"})


def test_pattern_of_the_program() -> None:
    """Contract 1.4 ``register_pattern``; two apps may have types of one name."""
    routers = []
    for base in (2, 16):
        app = Recorder("app")
        app.register_pattern("num", lambda text, base=base: int(text, base), r"[0-9a-f]+")  # type: ignore[misc]  # base is bound
        app.add_route(handler, "/<x:num>")
        routers.append(compile_router(app))
    assert [resolve(router, "/10") for router in routers] == [("handler", {"x": 2}), ("handler", {"x": 16})]
    assert [resolve(router, "/f") for router in routers] == [404, ("handler", {"x": 15})]


def test_types_of_2017() -> None:
    """Contract 2: what is ``str`` and ``float`` now; sanic-routing warns of them."""
    with pytest.warns(DeprecationWarning, match="as a path parameter type is depre"):
        router = router_of("/s/<x:string>", "/n/<x:number>")
    assert resolve(router, "/s/a") == ("r0", {"x": "a"})
    assert resolve(router, "/n/1.5") == ("r1", {"x": 1.5})
    assert resolve(router, "/n/a") == 404


def test_messages_are_sanic_s() -> None:
    """Contract 1.4."""
    router = router_of("/", "/<x:int>")
    assert message_of(router, "/x") == "Requested URL /x not found"
    assert message_of(router, "/", "POST") == "Method POST not allowed for URL /"
    assert message_of(router, "/1", "POST") == "Method POST not allowed for URL /1"


@given(st.integers())
def test_any_integer_is_an_int(number: int) -> None:
    assert params_of("/<x:int>", f"/{number}") == {"x": number}


@given(st.uuids())
def test_any_uuid_is_a_uuid(value: UUID) -> None:
    assert params_of("/<x:uuid>", f"/{value}") == {"x": value}


@given(st.dates(min_value=date(1000, 1, 1)))
def test_any_date_is_a_ymd(value: date) -> None:
    assert params_of("/<x:ymd>", f"/{value.isoformat()}") == {"x": value}
