"""Colours that a program may put into what it prints."""

import os
import sys
from enum import StrEnum


def colors_wanted() -> bool:
    """Source: https://no-color.org, and the terminals that can't."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _code(number: str) -> str:
    """Make what switches a terminal to a colour; nothing, where there is none to switch."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return f"\x1b[{number}m" if terminal and colors_wanted() else ""


class Colors(StrEnum):
    """Colours for a terminal, as ``f"{Colors.GREEN}done{Colors.END}"``; empty where output goes elsewhere.

    In a message of the log they are escaped, as all controls: a client's text may hold the same.

    Source: Sanic 25.12 ``log.Colors``.
    """

    END = _code("0")
    BOLD = _code("1")
    BLUE = _code("34")
    GREEN = _code("32")
    PURPLE = _code("35")
    CYAN = _code("36")
    RED = _code("31")
    YELLOW = _code("33")
    GREY = _code("38;5;240")
    SANIC = _code("38;2;255;13;104")
