"""How the ASGI applications are served: one process, no access log, keep-alive as long as Sanic's."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import trio
import uvicorn
from hypercorn.config import Config
from hypercorn.trio import serve

# Sanic's default. The ASGI servers' own 5 s would close the idle connections while they are counted.
KEEP_ALIVE_S: Final = 120


# The library that uvicorn speaks WebSockets by, where its HTTP is parsed so: C with C, and Python alone.
WEBSOCKETS: Final = {"httptools": "websockets-sansio", "h11": "wsproto"}


def run_uvicorn(app: Any, port: int, parser: str) -> None:
    """Serve on uvicorn and uvloop with the ``parser`` named: ``h11`` or ``httptools``."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http=parser,
        ws=WEBSOCKETS[parser],
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def run_hypercorn(app: Any, port: int) -> None:
    """Serve on Hypercorn's Trio worker."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = KEEP_ALIVE_S
    # Its own 1,000 would make the load generator reconnect, which no other server here asks for.
    config.keep_alive_max_requests = 10**9
    trio.run(partial(serve, app, config))
