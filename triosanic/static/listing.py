"""The page that lists a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

from triosanic.response import HTTPResponse, html
from triosanic.static.folder import MAX_ENTRIES, Entry, Listing

_STYLE: Final = """\
:root{color-scheme:light dark}
body{max-width:60rem;margin:0 auto;padding:4vh 1.5rem;font:1rem/1.5 system-ui,sans-serif}
body{overflow-wrap:anywhere}h1{font-weight:300}
table{width:100%;border-collapse:collapse}td{padding:.2rem .5rem;border-top:1px solid #8883}
td+td{text-align:right;white-space:nowrap;opacity:.7;font-variant-numeric:tabular-nums}
a{text-decoration:none}a:hover{text-decoration:underline}
"""
# Nothing of the page is code; a name that got through as some would not run.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def listing(names: Sequence[str], found: Listing) -> HTTPResponse:
    """Make a page of links to what is in a folder.

    Args:
        names: The folders that lead to it from the one that is served.
        found: What is in it.
    """
    title = escape("/" + "".join(f"{name}/" for name in names))
    rows = ['<tr><td><a href="../">../</a><td><td>'] if names else []
    rows += [_row(entry) for entry in found.entries]
    note = f"<p>There is more than these {MAX_ENTRIES:,}." if found.more else ""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><table>{''.join(rows)}</table>{note}"
    )
    return html(page, headers={"cache-control": "no-cache", "content-security-policy": _POLICY})


def _row(entry: Entry) -> str:
    name = entry.name + ("/" if entry.is_folder else "")
    # Every special character is quoted, so that no name is a URL of its own, as "javascript:..." would be.
    href = quote(entry.name, safe="") + ("/" if entry.is_folder else "")
    size = "" if entry.is_folder else _size(entry.size)
    return f'<tr><td><a href="{escape(href)}">{escape(name)}</a><td>{size}<td>{_date(entry.mtime)}'


def _size(size: float) -> str:
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _date(mtime: float) -> str:
    try:
        return f"{datetime.fromtimestamp(mtime, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return ""
