"""Functions that make responses."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote_plus

from triosanic.headers import Header
from triosanic.response.conditional import validate_file as validate_file
from triosanic.response.files import file as file
from triosanic.response.files import file_stream as file_stream
from triosanic.response.files import guess_content_type as guess_content_type
from triosanic.response.types import (
    DEFAULT_TEXT,
    Dumps,
    HeaderItems,
    HTTPResponse,
    JSONResponse,
    StreamingFn,
    StreamingHTTPResponse,
)

# Source: Sanic 25.12 `redirect`. Control bytes are quoted, so that no URL can end its header's line.
_SAFE_IN_URL: Final = ":/%#?&=@[]!$&'()*+,;"


def empty(status: int = 204, headers: HeaderItems = None) -> HTTPResponse:
    """Make a response without content."""
    return HTTPResponse(b"", status, headers)


def text(
    body: str, status: int = 200, headers: HeaderItems = None, content_type: str = DEFAULT_TEXT
) -> HTTPResponse:
    """Make a response of text, sent as UTF-8.

    Raises:
        TypeError: ``body`` is not str.
    """
    if not isinstance(body, str):
        kind = type(body).__name__
        raise TypeError(f"text() takes str, not {kind}: use raw() for bytes and json() for values")
    return HTTPResponse(body, status, headers, content_type)


def html(body: Any, status: int = 200, headers: HeaderItems = None) -> HTTPResponse:
    """Make a response of HTML: str, bytes, or an object with ``__html__`` or ``_repr_html_``.

    Raises:
        TypeError: ``body`` is something else.
    """
    if not isinstance(body, (str, bytes)):
        render = getattr(body, "__html__", None) or getattr(body, "_repr_html_", None)
        if render is None:
            raise TypeError(f"html() takes str, bytes or an object with __html__, not {type(body).__name__}")
        body = render()
    return HTTPResponse(body, status, headers, "text/html; charset=utf-8")


def json(
    body: Any,
    status: int = 200,
    headers: HeaderItems = None,
    content_type: str = "application/json",
    dumps: Dumps | None = None,
    **kwargs: Any,
) -> JSONResponse:
    """Make a response of JSON.

    Args:
        body: The value.
        status: Status code.
        headers: Header fields.
        content_type: Value of Content-Type.
        dumps: Writes JSON, in place of the app's (``Sanic(dumps=...)``).
        kwargs: Passed to ``dumps``.

    Raises:
        TypeError, ValueError, OverflowError: ``dumps`` can't write the value.
    """
    return JSONResponse(body, status, headers, content_type, dumps, **kwargs)


def raw(
    body: bytes | str | None,
    status: int = 200,
    headers: HeaderItems = None,
    content_type: str = "application/octet-stream",
) -> HTTPResponse:
    """Make a response of bytes."""
    return HTTPResponse(body, status, headers, content_type)


def redirect(
    to: str, headers: HeaderItems = None, status: int = 302, content_type: str = "text/html; charset=utf-8"
) -> HTTPResponse:
    """Make a response that sends the client to the URL ``to``; what no URL may hold is quoted.

    Raises:
        TypeError: ``to`` is no string.
    """
    if not isinstance(to, str):
        raise TypeError(f"redirect() takes a URL as str, not {type(to).__name__}")
    fields = Header(headers or {})  # a copy that keeps fields that come several times
    fields["Location"] = quote_plus(to, safe=_SAFE_IN_URL)
    return HTTPResponse(b"", status, fields, content_type)


def stream(
    streaming_fn: StreamingFn,
    status: int = 200,
    headers: HeaderItems = None,
    content_type: str = DEFAULT_TEXT,
) -> StreamingHTTPResponse:
    """Make a response that ``streaming_fn`` writes.

    Args:
        streaming_fn: Called with the response, once its head can leave; calls ``response.write(data)``,
            awaited or not.
        status: Status code.
        headers: Header fields; with ``content-length`` the response is not chunked.
        content_type: Value of Content-Type.
    """
    return StreamingHTTPResponse(streaming_fn, status, headers, content_type)
