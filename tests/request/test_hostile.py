"""Whatever a client sends, what a request offers is there, or says that it is the client's fault."""

from typing import Any, Final

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.request.made import request_of
from triosanic import Request
from triosanic.exceptions import BadRequest

# What needs a server, or raises by design.
ELSEWHERE: Final = frozenset({"nursery", "transport", "protocol", "scope", "stream_id"})
OFFERED: Final = sorted(
    name
    for name in dir(Request)
    if not name.startswith("_") and isinstance(getattr(Request, name), property) and name not in ELSEWHERE
)
NAMES: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Request-ID",
)
values = st.text(st.sampled_from('aZ09.,:;=/*"\\%[]{}()_- \t\u0663é\udcff'), max_size=30) | st.sampled_from(
    ["Basic ", "Basic YQ", "Bearer \udcff", "a/b;q=٣", "for=1.1.1.1;secret=y", 'a="\\777"', "9" * 5000]
)
queries = st.text(st.sampled_from("a=&;%+\udcff09:?/").filter(lambda char: char.isascii()), max_size=20)
trust: Final[dict[str, Any]] = {"FORWARDED_SECRET": "y", "PROXIES_COUNT": 1}


def test_the_list_is_not_empty() -> None:
    """A filter that finds nothing would let everything pass."""
    assert {"args", "cookies", "url", "id", "accept"} <= set(OFFERED)


@given(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=5), queries)
def test_no_head_makes_a_property_fail(fields: list[tuple[str, str]], query: str) -> None:
    lines = [f"{name}: {value}" for name, value in fields if name != "Content-Type"]
    assume(sum(map(len, lines)) < 15_000)  # the guard refuses a longer head
    assume(len(query) < 8_000)
    request = request_of(*lines, line=f"GET /?{query} HTTP/1.1", **trust)
    for name in OFFERED:
        try:
            getattr(request, name)
        except BadRequest:
            assert name == "accept"
    request.get_args(keep_blank_values=True)
    try:
        request.get_query_args(strict_parsing=True, errors="strict")
    except BadRequest as error:
        assert "malformed" in error.message
