"""The Cookie field of a request."""

import re
from typing import Final

# RFC 6265 §4.1.1: a token; and the colon, which `Cookie` lets a program send. The value ends at a semicolon.
_PAIRS: Final = re.compile(r"(?:\A|;)[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z:]++)[ \t]*+=[ \t]*+([^;]*+)")
_ESCAPE: Final = re.compile(r"\\([0-3][0-7]{2}|.)", re.DOTALL)


def parse_cookie(field: str) -> dict[str, list[str]]:
    r"""Read a Cookie field: the values of each name, in the order in which they came.

    What has no name, or one that could not have been set, is left out: a browser sends a nameless cookie as
    its value alone, and another site can choose that to look like ``__Host-session=...``. A value in quotes
    is unquoted, ``"x y\073"`` to ``x y;``.

    Args:
        field: Its value; several fields are joined by ``"; "``.

    Source: RFC 6265 §4.2; Sanic 25.12 ``parse_cookie``; CVE-2023-23934 (nameless cookies), CVE-2024-7592
        (time in proportion to the text, whatever its backslashes).
    """
    cookies: dict[str, list[str]] = {}
    for name, value in _PAIRS.findall(field):
        cookies.setdefault(name, []).append(_unquote(value.rstrip(" \t")))
    return cookies


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _ESCAPE.sub(_unescape, value[1:-1])
    return value


def _unescape(found: re.Match[str]) -> str:
    text = found[1]
    return chr(int(text, 8)) if len(text) > 1 else text
