"""The tree of exceptions, and what each tells the client."""

from dataclasses import dataclass

import pytest

from triosanic import exceptions
from triosanic.exceptions import (
    ClientGone,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PyFileError,
    RangeNotSatisfiable,
    ResponseBufferFull,
    SanicException,
    ServerError,
    Unauthorized,
    abort,
    add_status_code,
)

# sanic-api 1.15: name, status, quiet.
TREE = [
    ("NotFound", 404, True),
    ("BadRequest", 400, True),
    ("MethodNotAllowed", 405, True),
    ("ServerError", 500, False),
    ("ServiceUnavailable", 503, True),
    ("URLBuildError", 500, False),
    ("FileNotFound", 404, True),
    ("RequestTimeout", 408, True),
    ("PayloadTooLarge", 413, True),
    ("URITooLong", 414, True),
    ("HeaderNotFound", 400, True),
    ("InvalidHeader", 400, True),
    ("RangeNotSatisfiable", 416, True),
    ("InvalidRangeType", 416, True),
    ("ExpectationFailed", 417, True),
    ("Forbidden", 403, True),
    ("Unauthorized", 401, True),
    ("LoadFileException", 500, False),
    ("InvalidSignal", 500, False),
    ("WebsocketClosed", 500, True),
]
ALIASES = [
    ("InvalidUsage", "BadRequest"),
    ("BadURL", "BadRequest"),
    ("MethodNotSupported", "MethodNotAllowed"),
    ("InternalServerError", "ServerError"),
    ("ContentRangeError", "RangeNotSatisfiable"),
    ("HeaderExpectationFailed", "ExpectationFailed"),
]


@dataclass(frozen=True)
class Part:
    """A range of which only the size of the whole matters."""

    total: int | None


class Teapot(SanicException):
    """An exception as the guide of Sanic shows it."""

    status_code = 418
    message = "Sorry, I cannot brew coffee"
    quiet = True
    headers = {"X-Pot": "tea"}  # noqa: RUF012  # as programs write it


class Dynamic(SanicException):
    """Its message is made of ``extra``, as the guide of Sanic shows."""

    @property
    def message(self) -> str:  # type: ignore[override]  # a plain attribute in the parent
        return f"no coffee for {(self.extra or {})['name']}"


@pytest.mark.parametrize(("name", "status", "quiet"), TREE)
def test_the_tree(name: str, status: int, quiet: bool) -> None:
    """Sanic 25.12."""
    error = getattr(exceptions, name)()
    assert isinstance(error, SanicException)
    assert (error.status_code, error.quiet) == (status, quiet)


@pytest.mark.parametrize(("alias", "name"), ALIASES)
def test_older_names_are_the_same_classes(alias: str, name: str) -> None:
    """Sanic up to 20.12 and 25.12."""
    assert getattr(exceptions, alias) is getattr(exceptions, name)


def test_the_message_defaults_to_the_phrase_of_the_status() -> None:
    assert str(NotFound()) == "Not Found"
    assert SanicException(status_code=418).message == "I'm a teapot"
    assert SanicException(status_code=299).message == ""
    assert SanicException().message == "Internal Server Error"


def test_arguments_count_more_than_the_class() -> None:
    error = Teapot("no", 503, quiet=False, context={"a": 1}, extra={"b": 2}, headers={"X": "y"})
    assert (error.message, str(error), error.status_code, error.quiet) == ("no", "no", 503, False)
    assert (error.context, error.extra, error.headers) == ({"a": 1}, {"b": 2}, {"X": "y"})


def test_a_class_sets_its_own_defaults() -> None:
    error = Teapot()
    assert (str(error), error.status_code, error.quiet) == ("Sorry, I cannot brew coffee", 418, True)
    assert error.headers == {"X-Pot": "tea"}
    assert error.headers is not Teapot.headers


def test_a_message_may_be_a_property() -> None:
    """Sanic's guide, "Dynamic error messages"."""
    error = Dynamic(extra={"name": "Ann"})
    assert error.message == str(error) == "no coffee for Ann"


def test_a_message_may_be_bytes() -> None:
    """Sanic 25.12 ``SanicException``."""
    assert NotFound("né".encode()).message == "né"


def test_405_names_the_allowed_methods() -> None:
    """RFC 9110 §15.5.6: the field is there even if the path allows none."""
    error = MethodNotAllowed("no", "GET", {"POST", "DELETE"}, headers={"X": "y"})
    assert error.headers == {"X": "y", "Allow": "DELETE, POST"}
    assert (error.method, error.allowed_methods) == ("GET", {"POST", "DELETE"})
    assert MethodNotAllowed(allowed_methods=()).headers == {"Allow": ""}
    assert MethodNotAllowed().headers == {}


def test_416_names_the_size_of_the_whole() -> None:
    """RFC 9110 §15.5.17."""
    assert RangeNotSatisfiable("no", Part(47)).headers == {"Content-Range": "bytes */47"}
    assert RangeNotSatisfiable("no", Part(None)).headers == {}


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (Unauthorized("who?", "Bearer"), "Bearer"),
        (Unauthorized("who?", scheme="Basic", realm="Restricted Area"), 'Basic realm="Restricted Area"'),
        (
            Unauthorized("who?", "Digest", qop="auth, auth-int", nonce=1),
            'Digest qop="auth, auth-int", nonce="1"',
        ),
        (Unauthorized("who?", "Basic", realm='a"b\\c'), r'Basic realm="a\"b\\c"'),
    ],
    ids=["no parameter", "one", "several", "quoted"],
)
def test_401_challenges(error: Unauthorized, field: str) -> None:
    """RFC 9110 §11.6.1; a quote inside is escaped, §5.6.4."""
    assert error.headers == {"WWW-Authenticate": field}


def test_401_without_a_scheme_has_no_challenge() -> None:
    assert Unauthorized("who?").headers == {}
    assert Unauthorized("who?", status_code=407).status_code == 407


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, Forbidden), (500, ServerError)])
def test_abort_raises_the_exception_of_the_status(status: int, kind: type[SanicException]) -> None:
    """Sanic up to 20.12 ``abort``."""
    with pytest.raises(kind, match="why") as caught:
        abort(status, "why")
    assert caught.value.status_code == status


def test_abort_takes_any_status() -> None:
    with pytest.raises(SanicException, match="I'm a teapot") as caught:
        abort(418)
    assert caught.value.status_code == 418


@pytest.mark.parametrize(
    ("code", "quiet", "expected"), [(418, None, True), (500, None, False), (418, False, False)]
)
def test_a_decorator_gives_a_status(code: int, quiet: bool | None, expected: bool) -> None:
    """Sanic up to 20.12."""

    @add_status_code(code, quiet)
    class Own(SanicException):
        pass

    assert (Own("x").status_code, Own("x").quiet) == (code, expected)


def test_a_client_that_left_is_no_noise() -> None:
    """Sanic's ``RequestCancelled`` was made for the same case."""
    assert ClientGone().quiet
    assert exceptions.RequestCancelled is ClientGone


def test_a_full_buffer_is_the_programs_fault_and_says_the_way_out() -> None:
    error = ResponseBufferFull()
    assert isinstance(error, ServerError)
    assert (error.status_code, error.quiet) == (500, False)
    assert "await" in error.message


def test_a_failed_file_is_named() -> None:
    """Sanic 25.12 ``PyFileError``."""
    assert str(PyFileError("a.py")) == "could not execute config file a.py"
