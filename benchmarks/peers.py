"""The servers that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Peer:
    """A server under test.

    Args:
        name: What ``--servers`` and the tables call it.
        title: What it is made of.
        module: The application, run with ``python -m`` and a port.
        arguments: What follows the port.
        ours: Whether it runs in the environment of this program, not in the peers' own.
    """

    name: str
    title: str
    module: str
    arguments: tuple[str, ...] = ()
    ours: bool = False


OURS: Final = "triosanic"
REFERENCE: Final = "sanic"

PEERS: Final = (
    Peer(OURS, "triosanic", "benchmarks.apps.triosanic_app", ours=True),
    Peer(REFERENCE, "Sanic on uvloop", "benchmarks.apps.sanic_app"),
    Peer(
        "uvicorn-httptools",
        "Starlette on uvicorn, uvloop, httptools and websockets",
        "benchmarks.apps.starlette_app",
        ("httptools",),
    ),
    Peer(
        "uvicorn-h11",
        "Starlette on uvicorn, uvloop, h11 and wsproto",
        "benchmarks.apps.starlette_app",
        ("h11",),
    ),
    Peer(
        "hypercorn-trio",
        "Starlette on Hypercorn's Trio worker",
        "benchmarks.apps.starlette_app",
        ("hypercorn",),
    ),
    Peer("quart-trio", "quart-trio on Hypercorn's Trio worker", "benchmarks.apps.quart_app"),
)
