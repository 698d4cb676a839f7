"""Status codes, kinds of fields, and import by name."""

import copy
import pickle
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from triosanic import helpers
from triosanic.helpers import (
    STATUS_CODES,
    Default,
    _default,
    has_message_body,
    import_string,
    is_atty,
    is_entity_header,
    is_hop_by_hop_header,
    json_dumps,
    remove_entity_headers,
)


@pytest.mark.parametrize("status", HTTPStatus)
def test_every_status_of_the_standard_library_is_there(status: HTTPStatus) -> None:
    """IANA's registry, which ``http.HTTPStatus`` follows too."""
    assert status in STATUS_CODES


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (413, b"Request Entity Too Large"),
        (414, b"Request-URI Too Long"),
        (416, b"Requested Range Not Satisfiable"),
        (422, b"Unprocessable Entity"),
    ],
)
def test_phrases_are_those_that_programs_know(status: int, phrase: bytes) -> None:
    """Sanic 25.12; RFC 9110 §15.5 has other ones, and a client must ignore them."""
    assert STATUS_CODES[status] == phrase


@pytest.mark.parametrize("status", [100, 101, 103, 199, 204, 304])
def test_statuses_without_a_body(status: int) -> None:
    """RFC 9110 §6.4.1."""
    assert not has_message_body(status)


@pytest.mark.parametrize("status", [200, 201, 205, 206, 301, 400, 404, 500, 599])
def test_statuses_with_a_body(status: int) -> None:
    """RFC 9110 §6.4.1."""
    assert has_message_body(status)


def test_kinds_of_headers_ignore_case() -> None:
    assert is_entity_header("Content-Type")
    assert not is_entity_header("Host")
    assert is_hop_by_hop_header("Transfer-Encoding")
    assert not is_hop_by_hop_header("Content-Length")


def test_a_304_loses_what_describes_its_body() -> None:
    """RFC 9110 §15.4.5; Sanic 25.12 ``helpers.remove_entity_headers``."""
    headers = {"Content-Type": "a/b", "Content-Location": "/a", "Expires": "0", "ETag": "x"}
    assert remove_entity_headers(headers) == {"Content-Location": "/a", "Expires": "0", "ETag": "x"}
    assert remove_entity_headers(headers, allowed=["content-type"]) == {"Content-Type": "a/b", "ETag": "x"}


def test_a_dotted_name_gives_a_module() -> None:
    assert import_string("triosanic.helpers") is helpers


def test_a_dotted_name_of_a_class_gives_an_instance() -> None:
    """Sanic 25.12 ``helpers.import_string``."""
    assert isinstance(import_string("triosanic.helpers.Default"), Default)


def test_a_dotted_name_of_a_value_gives_the_value() -> None:
    assert import_string("triosanic.helpers.STATUS_CODES") is STATUS_CODES


@pytest.mark.parametrize("name", ["triosanic.helpers.nothing", "no_such_package_at_all", "no_such.package"])
def test_an_unknown_name_cannot_be_imported(name: str) -> None:
    with pytest.raises(ImportError):
        import_string(name)


def test_the_default_stays_one_object() -> None:
    """A configuration that has it is sent to worker processes."""
    assert pickle.loads(pickle.dumps(_default)) is _default
    assert copy.deepcopy(_default) is _default
    assert repr(_default) == "<Default>"


def test_json_has_no_spaces() -> None:
    """Sanic 25.12 ``helpers.json_dumps``."""
    assert json_dumps({"a": [1, "é"]}) == '{"a":[1,"\\u00e9"]}'
    assert json_dumps({"a": 1}, indent=1) == '{\n "a": 1\n}'


def test_whether_output_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert not is_atty()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    assert is_atty()
