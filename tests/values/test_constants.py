"""Names of HTTP."""

import pytest

from triosanic.constants import (
    CACHEABLE_HTTP_METHODS,
    HTTP_METHODS,
    IDEMPOTENT_HTTP_METHODS,
    SAFE_HTTP_METHODS,
    HTTPMethod,
)


def test_methods_come_in_sanics_order() -> None:
    """Sanic up to 20.12 ``HTTP_METHODS``."""
    assert HTTP_METHODS == ("GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE")


@pytest.mark.parametrize("method", HTTPMethod)
def test_a_method_is_its_name(method: HTTPMethod) -> None:
    assert method == method.name
    assert f"{method}" == method.name
    assert {method.name: 1}[method] == 1


def test_a_method_is_its_name_in_any_case() -> None:
    """Sanic 25.12."""
    lower: str = "get"
    assert lower == HTTPMethod.GET
    assert lower == HTTPMethod.GET
    assert HTTPMethod.GET != "post"
    assert HTTPMethod.GET in {"GET"}


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (SAFE_HTTP_METHODS, {"GET", "HEAD", "OPTIONS"}),
        (IDEMPOTENT_HTTP_METHODS, {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}),
        (CACHEABLE_HTTP_METHODS, {"GET", "HEAD"}),
    ],
    ids=["safe", "idempotent", "cacheable"],
)
def test_properties_of_methods(methods: frozenset[str], expected: set[str]) -> None:
    """RFC 9110 §9.2."""
    assert methods == expected
