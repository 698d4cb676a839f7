"""What differs on purpose: the rows of docs/migration.md, and where the comparison meets each.

A place is ``run: request: what differs``, in which ``*`` stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "migration.md"
HEADING: Final = "## What differs"

PLACES: Final[Mapping[str, Sequence[str]]] = {
    "Names that Sanic has removed": [
        "app: GET /names/gone: *",
        "routing: GET /string/a: status",
        "routing: GET /number/1.5: status",
        "views: GET /cookie/2017: *",
        "views: GET /stream/2017: *",
    ],
    "Names of apps and blueprints": ["app: GET /app/names: *", "blueprints: GET /facts: dotted_name"],
    "Adding while it serves": ["app: GET /app/late: route"],
    "Values in built URLs": ["app: GET /url_for: space"],
    "Size of a head": ["app: *: REQUEST_MAX_HEADER_SIZE", "streaming: long *: status"],
    "Configuration that means nothing": [
        "app: GET /config/use: bad_format",
        "app: GET /config/use: negative_proxies",
    ],
    "Extensions that are listed": ["routing: GET /extension/*: status", "routing: GET /numbered/*: status"],
    "`unquote=True` and paths": ["routing: GET /unquoted/path/*", "routing: GET /quoted/*"],
    "Views of which one method streams": ["idioms: PUT /mixed | body: body"],
    "Annotations that are text": ["idioms: GET /annotated/5: body"],
    "Files of configuration that are not there": ["idioms: GET /errors: no_file"],
    "A route without a format": ["routing: GET /route: error_format"],
    "Routes that are refused": ["routing: GET /refusals: *"],
    "Hosts in any case": ["routing: * Host: ONE.example: status"],
    "Versions given twice": [
        *(
            "blueprints: *reversioned*: status",
            "blueprints: *outer/inner/two/x: status",
            "blueprints: *: url_group",
        ),
    ],
    "URLs of a copied blueprint": ["blueprints: GET /facts: url", "blueprints: GET /facts: url_within"],
    "Response middleware that fails": ["order: GET /?response=f*: x-*"],
    "Listeners of no event": ["order: GET /listeners/refused: unknown"],
    "Signals with a parameter": ["order: GET /signals/both: body"],
    "Signals that nobody knows": ["order: GET /signals/unknown: status"],
    "Absolute targets": ["asking: GET http:*: status"],
    "`strict_parsing`": ["asking: GET /args/strict?a: strict"],
    "`accept.match`": ["asking: GET /accept | *"],
    "`Authorization`": ["asking: GET /credentials | *"],
    "`Cookie` fields": ["asking: two Cookie fields: *", "asking: GET /cookies | *"],
    "JSON that is none": ["asking: POST /json *odd=1*: *"],
    "`load_json`": ["asking: POST /json/twice *: afterwards"],
    "Forms that are malformed": ["asking: POST /form *: status"],
    "Charsets of forms": ["asking: POST /form *charset=latin-1*"],
    "`Forwarded`": ["forwarded secret: *"],
    "`html` of other objects": ["answering: GET /made/html-number: status"],
    "Responses without a type": [
        *(
            f"answering: GET /made/{what}: content-type"
            for what in ("raw-untyped", "empty-200", "plain-untyped")
        ),
        *("streaming: GET /untyped: content-type", "failing*: GET /special/broken: content-type"),
    ],
    "What is no response": [
        f"answering: GET /made/{what}: message"
        for what in ("plain-101", "a-text", "bytes", "a-dict", "a-tuple")
    ],
    "Fields that can't be sent": [
        f"answering: GET /made/field-{what}: *" for what in ("lines", "nul", "name", "space")
    ],
    "Spelling of cookies": [
        f"answering: GET /cookie/{what}: set-cookie" for what in ("all", "comma", "umlaut")
    ],
    "Cookies that are refused": [
        f"answering: GET /cookie/{what}: status"
        for what in ("number", "partitioned-alone", "max-age-negative", "path-semicolon")
    ],
    "A cookie added and deleted": ["answering: GET /cookies/deleted/added: set-cookie"],
    "A cookie added twice": ["answering: GET /cookies/same: set-cookie"],
    "`receive_body` of a stream": ["streaming: *receive*: status"],
    "Length of short streams": ["streaming: *: content-length"],
    "Pieces that are no text": ["streaming: GET /numbers: *"],
    "What `respond` begins with": ["streaming: GET /prepared/more: body"],
    "Streams that fail": ["streaming: GET /fails/midway: status"],
    "Requests that are refused": [
        "streaming: not HTTP: body",
        "streaming: no Host: status",
        "streaming: bad length: body",
    ],
    "`Accept` that is malformed": ["idioms: GET /nobody/ | Accept: garbage: *"],
    "`index` of a blueprint's files": ["idioms: GET /shelf/files/: *"],
    "`Allow` of a 405": ["idioms: DELETE /split/5: allow"],
    "Handlers of exceptions that give nothing": ["idioms: GET /passed: *"],
    "Folders without an index": ["files: GET /s/sub: *", "files: GET /s/sub/: *", "files: GET /s/: *"],
    "Paths that name a file twice": [
        f"files: GET /s/{name}: status" for name in ("sub//x.txt", "a.txt/", "a.txt%00", "sub%2Fx.txt")
    ],
    "Types of files": ["files: GET /s/inside: *", "files: GET /follow/link: *", "files: GET /s/t.tar.gz: *"],
    "A folder without its slash": ["files: GET /index/sub: status"],
    "Files of a blueprint with a host": ["files: GET /homed/s/a.txt: *"],
    "`pattern` of files": ["files: GET /pattern/b.html: status"],
    "Large files": ["files: * /large/*: content-length", "files: GET /large/*: cache-control"],
    "`use_modified_since=False`": ["files: * /unmodified/*: last-modified"],
    "Pages for people": [
        *("files: GET /view/ *", "failing*: GET /format/html*: body", "failing*: GET /inferred/html: body"),
        "failing*: * Accept: text/html,*: body",
    ],
    "HEAD of files": ["files: HEAD *: content-length", "files: HEAD *: cache-control"],
    "Ranges": ["files: * Range: *: status", "files: * Range: *: content-range", "files: * Range: *: message"],
    "304 has fields": [
        "files: * If-Modified-Since: *: last-modified",
        "files: * If-Modified-Since: *: cache-control",
    ],
    "Names of downloads": ["files: GET /file/named-umlaut: content-disposition"],
    "`file_stream`": ["files: GET /stream: *"],
    "Response middleware and WebSockets": ["talking: *: x-after"],
    "WebSockets without a subprotocol": ["talking: *subprotocol: status"],
    "WebSockets whose handler fails": ["talking: failing handler: body"],
    "WebSockets that are refused": [
        "talking: unmasked: body",
        "talking: old version: status",
        "talking: GET /echo: *",
    ],
}


def rows(page: str) -> Sequence[str]:
    """Give the names of the page's rows: the first cells of the tables below ``HEADING``."""
    return re.findall(
        r"^\| (?!---)([^|]+?) \| ", page.partition(HEADING)[2].partition("\n## ")[0], re.MULTILINE
    )


def _matches(pattern: str, place: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), place, re.DOTALL) is not None


def unexplained(found: Iterable[str]) -> Sequence[str]:
    """Give the differences that no row has."""
    patterns = [pattern for places in PLACES.values() for pattern in places]
    return [place for place in found if not any(_matches(pattern, place) for pattern in patterns)]


def outdated(found: Sequence[str]) -> Sequence[str]:
    """Give the rows, with their places, at which nothing differs any more."""
    return [
        f"{row}: {pattern}"
        for row, places in PLACES.items()
        for pattern in places
        if not any(_matches(pattern, place) for place in found)
    ]
