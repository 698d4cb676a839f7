"""The requests of the workloads that count requests per second."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Final

# What Chromium sends for a page typed into its address bar.
BROWSER: Final = (
    ("Host", "localhost:8000"),
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/124.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
)

# 1 KiB of JSON, as a form of a page would post it.
DOCUMENT: Final = json.dumps(
    {
        "id": 4711,
        "title": "A chair for two",
        "tags": ["oak", "1920", "restored"],
        "price": {"amount": 349.5, "currency": "EUR"},
        "available": True,
        "note": None,
        "text": "It stood in a house by the sea for eighty years. " * 18,
    },
    separators=(",", ":"),
).encode()

VARIANTS: Final = 1_024
PAGES: Final = 2_048
SEED: Final = 21


def browser_request() -> bytes:
    """Return a request with a browser's nine headers."""
    return _request(BROWSER)


def varied_requests() -> tuple[bytes, ...]:
    """Return requests with the same nine headers, each time in another order and case.

    A server that remembers whole heads, or names in the usual case, gains nothing from these.
    They are the same in every run.
    """
    chance = random.Random(SEED)
    return tuple(
        _request([(_recased(name, chance), value) for name, value in chance.sample(BROWSER, len(BROWSER))])
        for _ in range(VARIANTS)
    )


def json_request() -> bytes:
    """Return a POST of `DOCUMENT`."""
    head = (
        "POST /json-echo HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(DOCUMENT)}\r\n\r\n"
    )
    return head.encode() + DOCUMENT


def page_requests() -> tuple[bytes, ...]:
    """Return a browser's requests for pages, more than a router would remember."""
    return tuple(_request(BROWSER, f"/page/{1_000_000 + number}") for number in range(PAGES))


def _recased(name: str, chance: random.Random) -> str:
    return "".join(chance.choice((letter.lower(), letter.upper())) for letter in name)


def _request(headers: Sequence[tuple[str, str]], path: str = "/hello") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()
