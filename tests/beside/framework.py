"""What the programs import: the framework that ``FRAMEWORK`` names, as it would be imported by hand.

Type checkers see triosanic, so that the programs also check our types against Sanic's idioms.
Nothing here may need more than Sanic's own environment has.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import triosanic as top
    from triosanic import (
        compat,
        config,
        constants,
        cookies,
        errorpages,
        exceptions,
        handlers,
        headers,
        helpers,
        log,
        response,
        utils,
        views,
    )
else:
    top = importlib.import_module(os.environ["FRAMEWORK"])
    compat, config, constants, cookies, errorpages, exceptions, handlers, headers, *rest = (
        importlib.import_module(f"{os.environ['FRAMEWORK']}.{name}")
        for name in (
            "compat", "config", "constants", "cookies", "errorpages", "exceptions", "handlers", "headers",
            "helpers", "log", "response", "utils", "views",
        )
    )  # fmt: skip
    helpers, log, response, utils, views = rest

__all__ = [
    "compat",
    "config",
    "constants",
    "cookies",
    "errorpages",
    "exceptions",
    "handlers",
    "headers",
    "helpers",
    "log",
    "outcome",
    "response",
    "run",
    "show",
    "top",
    "utils",
    "views",
]


def outcome(probe: Callable[[], object]) -> str:
    """Give what an expression is worth, or the kind of its failure: what it says is each one's own."""
    try:
        return repr(probe()).replace("triosanic", "sanic")
    except Exception as failure:  # noqa: BLE001  # whatever it is, it is what is compared
        return f"raises {type(failure).__name__}"


def show(**probes: Callable[[], object]) -> top.HTTPResponse:
    """Answer with a line for each expression, so that a difference has the name of one of them."""
    return response.text("\n".join(f"{name}: {outcome(probe)}" for name, probe in probes.items()))


def run(app: top.Sanic) -> None:
    """Serve on the socket that the comparison handed over, in this process."""
    listener = socket.socket(fileno=int(os.environ["LISTENER"]))
    app.run(sock=listener, single_process=True, motd=False, access_log=False)
