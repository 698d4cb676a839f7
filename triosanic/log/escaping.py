"""What comes from elsewhere, as it can stand in a line of a log."""

import re
from typing import Final

# What a log must not hold as it is: C0, DEL and C1 move the cursor or end the line, U+2028 and U+2029 end
# it for some readers, the marks of writing direction make a line read otherwise than it is, and a stream
# cannot encode a lone surrogate.
_UNSAFE: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


def escape_controls(text: str) -> str:
    r"""Write what could forge or hide a log line as an escape: ``\n``, ``\x1b``, ``\u202e``.

    Everything else, a backslash included, stays as it is; escaping twice is the same as once.

    Source: CVE-2020-7694, where a request's path wrote to the terminal of whoever read the log.
    """
    # Nearly every text is printable, and this test is ten times quicker than the search.
    if text.isprintable():
        return text
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shown(value: object) -> str:
    """Give the text of a value as it can stand in a line of a log, whatever its ``__str__`` does."""
    try:
        return escape_controls(str(value))
    except Exception:  # noqa: BLE001  # the program's
        return f"<a {type(value).__name__} that cannot be shown>"
