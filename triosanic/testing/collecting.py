"""The requests of an app as their handlers see them, for clients that return them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from triosanic.request import Request
from triosanic.testing.client import App


class PlainApp(App, Protocol):
    """What clients that return requests need of an app; see `Sanic`."""

    debug: bool
    request_class: type[Request]


@contextmanager
def collecting(app: PlainApp) -> Iterator[list[Request]]:
    """Let the requests of an app that starts within the block be of a class that lists them."""
    requests: list[Request] = []
    before = app.request_class

    def make_current(request: Request) -> None:
        requests.append(request)
        before.make_current(request)

    members = {"__slots__": (), "make_current": make_current}
    app.request_class = cast(type[Request], type(before.__name__, (before,), members))
    try:
        yield requests
    finally:
        app.request_class = before


@contextmanager
def debugging(app: PlainApp, debug: bool) -> Iterator[None]:
    """Let an app's ``debug`` be on for the length of a block, or leave it as it is."""
    before = app.debug
    app.debug = before or debug
    try:
        yield
    finally:
        app.debug = before
