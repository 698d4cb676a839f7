"""Responses for exceptions: text, HTML or JSON, as whoever asked prefers.

Nothing of an exception that is not one of ours is told outside debug mode.
"""

import ast
import json
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from inspect import getsource, unwrap
from textwrap import dedent
from traceback import FrameSummary, TracebackException
from types import CodeType, MappingProxyType
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import parse_qs

from triosanic.exceptions import InvalidHeader, SanicException
from triosanic.headers import AcceptList, Header, parse_accept
from triosanic.helpers import STATUS_CODES
from triosanic.response import HTTPResponse

# In the order in which they are offered to a client that says nothing.
_MIMES: Final[Mapping[str, str]] = MappingProxyType(
    {"text": "text/plain", "html": "text/html", "json": "application/json"}
)
FORMATS: Final = frozenset({"auto", *_MIMES})

_HIDDEN: Final = "The application encountered an unexpected error and could not continue."

# Functions and classes whose call, returned by a handler, tells what its clients expect.
_RETURNED: Final[Mapping[str, str]] = MappingProxyType(
    {"json": "json", "JSONResponse": "json", "html": "html", "text": "text"}
)

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

# Calls that a traceback shows, the innermost: a RecursionError has a thousand.
_MAX_FRAMES: Final = 50

# Lines of source before and after the one that failed.
_SOURCE_CONTEXT: Final = 3

_STYLE: Final = """\
:root{color-scheme:light dark}
body{max-width:60rem;margin:0 auto;padding:8vh 1.5rem;font:1rem/1.5 system-ui,sans-serif}
body{overflow-wrap:anywhere}
h1{font-weight:300}h1 b{color:#d4145a}h2{margin-top:2.5rem;font-size:1.1rem}p{white-space:pre-wrap}
pre,td,th{font:.85rem/1.5 ui-monospace,monospace}pre{overflow-x:auto;padding:.5rem;background:#8881}
th{padding-right:1.5rem;text-align:left;vertical-align:top;font-weight:600}
mark{background:#d4145a33;color:inherit}small{opacity:.7}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What an error page tells of the request, in debug mode.

    Args:
        line: The request line.
        path: The path.
        args: The query's arguments.
        headers: Names and values of the header fields.
    """

    line: str = ""
    path: str = ""
    args: Mapping[str, Sequence[str]] = field(default_factory=lambda: _NOTHING)
    headers: Sequence[tuple[str, str]] = ()


class FailedRoute(Protocol):
    """What an error page needs to know of a route."""

    @property
    def name(self) -> str:
        """Its whole name."""

    @property
    def error_format(self) -> str | None:
        """The format of its error pages, if it has one of its own."""


class Failed(Protocol):
    """What an error page needs to know of a request."""

    @property
    def app(self) -> Any:
        """The app, which is asked for ``debug`` and ``config``."""

    @property
    def headers(self) -> Header:
        """The header fields."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def path(self) -> str:
        """The path, not decoded."""

    @property
    def url(self) -> str:
        """The whole URL, not decoded."""

    @property
    def query_string(self) -> str:
        """The query, not decoded."""

    @property
    def route(self) -> FailedRoute | None:
        """The route, once there is one."""

    @property
    def version(self) -> str:
        """The version of HTTP, as ``1.1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What a page says. Without ``trace`` it is for production, and ``extra`` and ``facts`` are empty."""

    status: int
    phrase: str
    message: str
    context: Mapping[str, object]
    extra: Mapping[str, object]
    facts: RequestFacts
    trace: TracebackException | None

    @property
    def title(self) -> str:
        return f"{self.status} — {self.phrase}"


def check_error_format(error_format: str) -> None:
    """Refuse what is not the name of a format.

    Raises:
        SanicException: It is none of ``FORMATS``.
    """
    if error_format not in FORMATS:
        raise SanicException(f"Unknown format: {error_format}")


def choose_format(
    *, accept: str | None, content_type: str = "", route_format: str | None = None, fallback: str = "auto"
) -> str | None:
    """Choose the format of an error page.

    The route's format, or else the configured one, is what the server likes best, and the only one if
    ``fallback`` is not ``auto``; the client's ``Accept`` has the last word.

    Args:
        accept: The ``Accept`` field; ``None`` if there is none.
        content_type: The request's: a client that sends JSON likes it best, if nothing else is said.
        route_format: ``html``, ``json`` or ``text``; anything else means nothing is said.
        fallback: ``FALLBACK_ERROR_FORMAT``.

    Returns:
        ``html``, ``json`` or ``text``; ``None`` if the client takes none of what is offered.

    Source: Sanic 25.12 ``errorpages.guess_mime``.
    """
    accepted = _parse_accept(accept)
    first = next((name for name in (route_format, fallback) if name in _MIMES), None)
    json_mime = _MIMES["json"]
    sends_json = content_type.partition(";")[0].strip().lower() == json_mime
    if first is None and (sends_json or json_mime in accepted):
        first = "json"
    offers = [first] if first is not None else []
    if fallback not in _MIMES:
        offers += [name for name in _MIMES if name != first]
    mime = accepted.match(*(_MIMES[name] for name in offers)).mime
    return next((name for name in offers if _MIMES[name] == mime), None)


def infer_format(handler: Callable[..., object]) -> str | None:
    """Read from a handler's source what it returns: ``json``, ``html`` or ``text``.

    ``None`` if it returns several of them or none, or if there is no source.

    Source: Sanic 25.12, where such a handler's errors are in the same format.
    """
    code = getattr(unwrap(handler), "__code__", None)
    return None if code is None else _infer_format(code)


@lru_cache(maxsize=1024)
def _infer_format(code: CodeType) -> str | None:
    try:
        tree = ast.parse(dedent(getsource(code)))
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    formats = {
        _RETURNED[node.value.func.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Return)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in _RETURNED
    }
    return formats.pop() if len(formats) == 1 else None


def error_response(
    exception: BaseException, *, format: str = "text", debug: bool = False, facts: RequestFacts | None = None
) -> HTTPResponse:
    """Make the response for an exception that no handler takes.

    Args:
        exception: Its status and message are told if it is a ``SanicException``, or in debug mode.
        format: ``html``, ``json`` or ``text``.
        debug: Whether to tell everything, with the traceback and the request.
        facts: What to tell of the request.

    Source: Sanic 25.12.
    """
    ours = isinstance(exception, SanicException)
    status = exception.status_code if isinstance(exception, SanicException) else 500
    page = _Page(
        status=status,
        phrase=_phrase(status),
        message=str(exception) if ours or debug else _HIDDEN,
        context=(getattr(exception, "context", None) or {}) if ours else {},
        extra=(getattr(exception, "extra", None) or {}) if ours and debug else {},
        facts=facts if facts is not None and debug else RequestFacts(),
        trace=TracebackException.from_exception(exception, limit=-_MAX_FRAMES) if debug else None,
    )
    render = _RENDERERS[format]
    # A message may hold what a client sent, and lone surrogates are not to be had in UTF-8.
    body = render(page).encode("utf-8", "backslashreplace")
    headers = exception.headers if isinstance(exception, SanicException) else {}
    charset = "" if format == "json" else "; charset=utf-8"
    return HTTPResponse(body, status, headers, f"{_MIMES[format]}{charset}")


class BaseRenderer:
    """Makes the response for an exception in one format; text, unless a subclass says otherwise.

    A program's subclass may say in `full` and `minimal` what its pages are.

    Args:
        request: The request; ``None`` if none could be read.
        exception: What was raised.
        debug: Whether to tell everything of an exception that is not quiet.

    Source: Sanic 25.12 ``errorpages.BaseRenderer``.
    """

    format: ClassVar[str] = "text"

    def __init__(self, request: Failed | None, exception: Exception, debug: bool) -> None:
        self.request = request
        self.exception = exception
        self.debug = debug

    @property
    def headers(self) -> dict[str, str]:
        """The fields that the exception wants sent."""
        return dict(self.exception.headers) if isinstance(self.exception, SanicException) else {}

    @property
    def status(self) -> int:
        """The status: the exception's own, or 500."""
        return self.exception.status_code if isinstance(self.exception, SanicException) else 500

    @property
    def title(self) -> str:
        """The status and its phrase."""
        return f"{self.status} — {_phrase(self.status)}"

    @property
    def text(self) -> str:
        """What the client is told: in production nothing of an exception that is not one of ours."""
        told = self.debug or isinstance(self.exception, SanicException)
        return str(self.exception) if told else _HIDDEN

    def render(self) -> HTTPResponse:
        """Make the response, with the status and the fields of the exception."""
        whole = self.debug and not getattr(self.exception, "quiet", False)
        response = self.full() if whole else self.minimal()
        response.status = self.status
        response.headers.update(self.headers)
        return response

    def full(self) -> HTTPResponse:
        """Make the page of debug mode, with the traceback and the request."""
        facts = None if self.request is None else _facts(self.request)
        return error_response(self.exception, format=self.format, debug=True, facts=facts)

    def minimal(self) -> HTTPResponse:
        """Make the page of production."""
        return error_response(self.exception, format=self.format)


class TextRenderer(BaseRenderer):
    """Plain text."""


class HTMLRenderer(BaseRenderer):
    """A page for people."""

    format = "html"


class JSONRenderer(BaseRenderer):
    """An object for programs."""

    format = "json"


_RENDERER_OF: Final[Mapping[str, type[BaseRenderer]]] = MappingProxyType(
    {"text": TextRenderer, "html": HTMLRenderer, "json": JSONRenderer}
)


def guess_mime(request: Failed, fallback: str) -> str:
    """Choose the media type of a request's error page, see `choose_format`; ``""`` if it takes none.

    Source: Sanic 25.12 ``errorpages.guess_mime``.
    """
    found = choose_format(
        accept=request.headers.get("accept"),
        content_type=request.headers.get("content-type", ""),
        route_format=request.route.error_format if request.route is not None else None,
        fallback=fallback,
    )
    return "" if found is None else _MIMES[found]


def exception_response(  # noqa: PLR0917  # Sanic's
    request: Failed | None,
    exception: Exception,
    debug: bool,
    fallback: str,
    base: type[BaseRenderer] = TextRenderer,
    renderer: type[BaseRenderer] | None = None,
) -> HTTPResponse:
    """Make the response for an exception in the format that the client likes best.

    Args:
        request: ``None`` if none could be read.
        exception: What was raised.
        debug: Whether to tell everything of an exception that is not quiet.
        fallback: ``FALLBACK_ERROR_FORMAT``.
        base: Renders for a client that takes none of what is offered.
        renderer: Renders whatever the client likes, if it is given.

    Source: Sanic 25.12 ``errorpages.exception_response``.
    """
    if renderer is None:
        mime = "" if request is None else guess_mime(request, fallback)
        renderer = next((_RENDERER_OF[name] for name, found in _MIMES.items() if found == mime), base)
    return renderer(request, exception, debug).render()


def _facts(request: Failed) -> RequestFacts:
    query = f"?{request.query_string}" if request.query_string else ""
    return RequestFacts(
        line=f"{request.method} {request.path}{query} HTTP/{request.version}",
        path=request.path,
        args=parse_qs(request.query_string, keep_blank_values=True),
        headers=tuple(request.headers.items()),
    )


def _phrase(status: int) -> str:
    return STATUS_CODES.get(status, b"Error Occurred").decode()


def _parse_accept(accept: str | None) -> AcceptList:
    try:
        return parse_accept(accept)
    except InvalidHeader:
        # The error to be told is another one.
        return parse_accept(None)


def _render_text(page: _Page) -> str:
    title = f"⚠️ {page.title}"
    blocks = [_text_block("Context", _shown(page.context)), _text_block("Extra", _shown(page.extra))]
    if page.trace is not None:
        blocks.append("\n" + "".join(page.trace.format()).rstrip("\n"))
        blocks.append(_text_block("Request", [("", page.facts.line), *page.facts.headers]))
    said = "\n".join(block for block in blocks if block)
    return f"{title}\n{'=' * len(title)}\n{page.message}\n\n{said}"


def _text_block(heading: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = (f"    {name}: {value}" if name else f"    {value}" for name, value in rows)
    return "\n".join(["", heading, *lines])


def _render_json(page: _Page) -> str:
    said: dict[str, object] = {
        "description": page.phrase,
        "status": page.status,
        "message": page.message,
    }
    if page.context:
        said["context"] = dict(page.context)
    if page.extra:
        said["extra"] = dict(page.extra)
    if page.trace is not None:
        said["path"] = page.facts.path
        said["args"] = {name: list(values) for name, values in page.facts.args.items()}
        said["exceptions"] = [
            {
                "type": _type_of(trace),
                "exception": str(trace),
                "frames": [
                    {"file": frame.filename, "line": frame.lineno, "name": frame.name, "src": frame.line}
                    for frame in trace.stack
                ],
            }
            for trace in _chain(page.trace)
        ]
    return _dumps(said)


def _render_html(page: _Page) -> str:
    body = [
        f"<h1><b>{page.status}</b> {escape(page.phrase)}</h1>\n<p>{escape(page.message)}</p>\n",
        _html_table("Context", _shown(page.context)),
        _html_table("Extra", _shown(page.extra)),
    ]
    if page.trace is not None:
        body += map(_html_trace, _chain(page.trace))
        body += [_html_table("Request", [("", page.facts.line), *page.facts.headers])]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n{''.join(body)}</body>\n</html>\n"
    )


def _html_table(heading: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n" for name, value in rows)
    return f"<h2>{escape(heading)}</h2>\n<table>\n{''.join(lines)}</table>\n"


def _html_trace(trace: TracebackException) -> str:
    heading = f"<h2>{escape(_type_of(trace))}: {escape(str(trace))}</h2>\n"
    if trace.exceptions is not None:
        # A group is a tree, which Python draws better.
        return f"{heading}<pre>{escape(''.join(trace.format(chain=False)))}</pre>\n"
    return heading + "".join(map(_html_frame, trace.stack))


def _html_frame(frame: FrameSummary) -> str:
    place = f"<small>{escape(frame.filename)}:{frame.lineno}</small> {escape(frame.name)}\n"
    lines = "".join(
        f"<mark>{escape(line)}</mark>" if number == frame.lineno else escape(line)
        for number, line in _source_around(frame)
    )
    return f"{place}<pre>{lines}</pre>\n"


def _source_around(frame: FrameSummary) -> Iterator[tuple[int, str]]:
    failed = frame.lineno or 0
    for number in range(max(1, failed - _SOURCE_CONTEXT), failed + _SOURCE_CONTEXT + 1):
        line = linecache.getline(frame.filename, number)
        if line:
            yield number, f"{number:5} {line}"


def _chain(trace: TracebackException) -> list[TracebackException]:
    """Give an exception and what it came from, the root first, as Python prints them."""
    chain = [trace]
    while True:
        last = chain[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None:
            return chain[::-1]
        chain.append(before)


def _type_of(trace: TracebackException) -> str:
    if sys.version_info >= (3, 13):  # where the other is deprecated
        return trace.exc_type_str.rpartition(".")[2]
    return getattr(trace.exc_type, "__name__", "")


def _shown(values: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(str(name), _dumps(value, ascii_only=False)) for name, value in values.items()]


def _dumps(value: object, *, ascii_only: bool = True) -> str:
    return json.dumps(value, default=str, skipkeys=True, separators=(",", ":"), ensure_ascii=ascii_only)


_RENDERERS: Final[Mapping[str, Callable[[_Page], str]]] = MappingProxyType(
    {"text": _render_text, "html": _render_html, "json": _render_json}
)
