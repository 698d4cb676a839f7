"""Which of several routes answers, and with which methods."""

from contextlib import suppress

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st
from sanic_routing import BaseRouter
from sanic_routing.exceptions import NoMethod, NotFound, ParameterNameConflicts, RouteExists

from tests.routing.apps import Outcome, handler, resolve, router_of
from triosanic.exceptions import MethodNotAllowed, ServerError
from triosanic.router import PatternSpec, Route, Router


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "get", "BREW", ""])
@pytest.mark.parametrize("path", ["/static", "/static/", "/dynamic/1", "/dynamic/1/", "/file/a/b"])
def test_405_names_what_is_allowed(method: str, path: str) -> None:
    """RFC 9110 §15.5.6; contract 1.4: HEAD and OPTIONS are not routed by themselves."""
    router = router_of(
        "/static",
        ("/static", "PUT"),
        "/dynamic/<x>",
        ("/dynamic/<x>", "PUT"),
        "/file/<x:path>",
        ("/file/<x:path>", "PUT"),
    )
    assert resolve(router, path, method) == (405, ["GET", "PUT"])


def test_allow_is_a_header_of_the_error() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        router_of(("/a/<x>", "PUT GET"), ("/a/<x>", "DELETE")).resolve("POST", "/a/1", "")
    assert caught.value.headers == {"Allow": "DELETE, GET, PUT"}


def test_allow_is_of_the_route_that_matches_best() -> None:
    """Sanic 25.12: methods of a less exact path do not count."""
    router = router_of("/a/<x>", ("/a/<x:int>", "POST"), ("/a/b", "PUT"))
    assert resolve(router, "/a/z") == ("r0", {"x": "z"})
    assert resolve(router, "/a/1") == (405, ["POST"])
    assert resolve(router, "/a/b") == (405, ["PUT"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/static", "r0"),
        ("/1", "r3"),
        ("/a", "r4"),
        ("/a-1", "r2"),
        ("/1.5", "r1"),
        ("/a_b", "r5"),
        ("/a/b", "r6"),
    ],
)
def test_more_exact_type_goes_first(path: str, name: str) -> None:
    """Sanic 25.12, whatever the order of registration."""
    router = router_of("/static", "/<x:float>", "/<x:slug>", "/<x:int>", "/<x:alpha>", "/<x>", "/<x:path>")
    outcome = resolve(router, path)
    assert isinstance(outcome, tuple)
    assert outcome[0] == name


def test_host_has_its_own_routes() -> None:
    router = router_of(
        ("/x", "GET", {"host": "a.example"}),
        ("/x", "GET", {"host": ["b.example:81", "c.example"]}),
        ("/only-a", "GET", {"host": "a.example"}),
    )
    assert resolve(router, "/x", host="a.example") == ("r0", {})
    assert resolve(router, "/x", host="b.example:81") == ("r1", {})
    assert resolve(router, "/x", host="c.example") == ("r1", {})
    assert resolve(router, "/x", host="b.example") == 404
    assert resolve(router, "/x", host="") == 404
    assert resolve(router, "/only-a", host="c.example") == 404


def test_host_is_compared_whatever_its_case() -> None:
    """RFC 9110 §4.2.3; Sanic 25.12 compares letter by letter."""
    router = router_of(("/<x>", "GET", {"host": "A.Example"}))
    assert resolve(router, "/1", host="a.eXample") == ("r0", {"x": "1"})


def test_route_without_host_serves_what_the_host_leaves() -> None:
    """Sanic up to 20.12; later ones refuse to start."""
    router = router_of(("/x", "GET", {"host": "a.example"}), ("/x", "GET POST"), "/y/<z>")
    assert resolve(router, "/x", host="a.example") == ("r0", {})
    assert resolve(router, "/x", "POST", "a.example") == ("r1", {})
    assert resolve(router, "/x", "PUT", "a.example") == (405, ["GET", "POST"])
    assert resolve(router, "/x", host="b.example") == ("r1", {})
    assert resolve(router, "/y/1", host="a.example") == ("r2", {"z": "1"})


def test_wrong_method_for_a_host_s_route() -> None:
    """Sanic 25.12 says 404."""
    router = router_of(("/x", "GET", {"host": "a.example"}), "/y")
    assert resolve(router, "/x", "POST", "a.example") == (405, ["GET"])


def test_static_path_goes_before_a_host_s_parameter() -> None:
    """Sanic 25.12."""
    router = router_of(("/<x>", "GET", {"host": "a.example"}), "/static")
    assert resolve(router, "/static", host="a.example") == ("r1", {})


def test_same_path_twice_for_one_host() -> None:
    with pytest.raises(RouteExists, match="path, method or host"):
        router_of(("/x", "GET", {"host": ["a.example", "b.example"]}), ("/x", "GET", {"host": "B.example"}))


def test_names_are_unique() -> None:
    """Contract 1.2."""
    with pytest.raises(ServerError, match=r"Duplicate route names detected: app\.n\. You should rename"):
        router_of(("/a", "GET", {"name": "n"}), ("/b", "GET", {"name": "n"}), "/c")


def test_route_is_found_by_its_whole_name() -> None:
    router = router_of("/a", ("/b", "GET", {"name": "n"}))
    found = router.find_by_name("app.n")
    assert found is not None
    assert found.uri == "/b"
    assert router.find_by_name("n") is None


def test_parameters_are_named_in_order() -> None:
    """A link is built from them."""
    assert router_of("/<b>/x/<a:int>/<c:path>").routes[0].labels == ("b", "a", "c")


SEGMENTS = st.sampled_from(["a", "b", "ab", "", "%20", "<{}>", "<{}:int>", "<{}:strorempty>", "<{}:path>"])
# A parameter is named by its place, so that no path has a name twice.
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(part.format(f"x{place}") for place, part in enumerate(parts))
)
ROUTES = st.lists(
    st.tuples(PATHS, st.sampled_from(["GET", "POST", "GET POST"]), st.booleans()), min_size=1, max_size=6
)
REQUESTS = st.lists(st.sampled_from(["a", "b", "ab", "", "1", "%20"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


class Bare(BaseRouter):
    """sanic-routing alone."""

    def get(self, **kwargs: object) -> None: ...

    def found(self, path: str, method: str) -> Outcome:
        match, _, params = self.resolve(path, method=method)
        return match.name.removeprefix("app."), params

    def serves(self, path: str, method: str) -> bool:
        with suppress(NoMethod, NotFound, IndexError):
            return bool(self.found(path, method))
        return False

    def outcome(self, path: str, method: str) -> Outcome:
        """Give what `resolve` gives; of a 405, what is allowed is tried out."""
        try:
            return self.found(path, method)
        except NoMethod:
            allowed = [other for other in ("GET", "POST") if self.serves(path, other)]
            return (405, allowed) if allowed else 404
        except (NotFound, IndexError):
            # IndexError: its bug with a strict root.
            return 404


@given(ROUTES, st.lists(REQUESTS, min_size=1, max_size=8))
@example([("/a", "GET", False), ("/", "GET", True), ("/", "POST", False)], ["//"])
def test_agrees_with_sanic_routing(routes: list[tuple[str, str, bool]], paths: list[str]) -> None:
    """The table of static paths changes nothing, nor does what is put right beside it."""
    bare = Bare()
    try:
        for number, (path, methods, strict) in enumerate(routes):
            bare.add(path, handler, methods.split(), f"app.r{number}", strict=strict)
        bare.finalize()
        router = router_of(*((path, methods, {"strict_slashes": strict}) for path, methods, strict in routes))
    except (RouteExists, ParameterNameConflicts):
        reject()
    for path in paths:
        for method in ("GET", "POST", "PUT"):
            assert resolve(router, path, method) == bare.outcome(path, method)


@pytest.mark.parametrize(("length", "casts"), [(127, 1), (128, 1), (129, 2)])
def test_path_that_comes_again_is_remembered_if_short(length: int, casts: int) -> None:
    """Sanic 25.12: what the parameter's type has made of it too. A client chooses how long it is."""
    cast: list[str] = []

    def read(text: str) -> str:
        cast.append(text)
        return text

    routes = [Route(name="r", path="/<x:word>", methods=frozenset({"GET"}), handler=handler)]
    router = Router(routes, patterns=[PatternSpec("word", read, r"[a-z]+")])
    path = "/" + "a" * (length - 1)
    for _ in range(2):
        assert router.resolve("GET", path, "")[1] == {"x": path[1:]}
    assert len(cast) == casts


def test_parameters_are_the_request_s_own() -> None:
    """Contract 1.10: middleware may change them."""
    router = router_of("/<x>")
    _, params = router.resolve("GET", "/1", "")
    assert isinstance(params, dict)
    params["x"] = "2"
    assert router.resolve("GET", "/1", "")[1] == {"x": "1"}
