"""Runs a program on both frameworks, and compares what they answer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.beside.requests import differences, send
from tests.beside.tables import Run

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(__file__).parent / "programs"
STOP_S: Final = 10
MODIFIED: Final = 1_600_000_000


@contextmanager
def serving(python: Path, framework: str, run: Run, folder: Path) -> Iterator[int]:
    """Run a program on a framework, and give its port; its log goes to ``folder``."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        log = stack.enter_context((folder / f"{run.program}.{framework}.log").open("wb"))
        process = subprocess.Popen(
            [str(python), str(PROGRAMS / f"{run.program}.py")],
            env={
                **os.environ,
                "FRAMEWORK": framework,
                "LISTENER": str(listener.fileno()),
                "FILES": str(folder / "files"),
                "PYTHONPATH": str(ROOT),
                **run.environment,
            },
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        port: int = listener.getsockname()[1]
        # Requests wait in the socket's queue until the program serves, and are refused once it has died.
        listener.close()
        try:
            yield port
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def compare(sanic: Path, name: str, run: Run, folder: Path) -> Mapping[str, tuple[object, object]]:
    """Give what differs, as ``name of the run: request: what``, with what each framework has there."""
    found: dict[str, tuple[object, object]] = {}
    with (
        serving(sanic, "sanic", run, folder) as theirs,
        serving(Path(sys.executable), "triosanic", run, folder) as ours,
    ):
        for request in run.requests:
            between = differences(send(theirs, request), send(ours, request))
            found |= {f"{name}: {request.name}: {what}": pair for what, pair in between.items()}
    return found


def make_files(folder: Path) -> None:
    """Make what the programs serve, of one time and with links in and out of what is public."""
    public = folder / "files" / "public"
    (public / "sub").mkdir(parents=True)
    (public / "empty").mkdir()
    (folder / "files" / "outside").mkdir()
    plain = "a.txt b.html c.js d.css e.json noext g.svg h.PNG a+b.txt 100%.txt .hidden t.tar.gz sub/x.txt"
    for name in [*plain.split(), "ü ö.txt", "sub/index.html", "../secret.txt", "../outside/k"]:
        (public / name).write_text(f"{name}, a line\n")
    (public / "empty.txt").touch()
    for name, target in (
        ("inside", "a.txt"),
        ("link", "../secret.txt"),
        ("linked", "../outside"),
        ("broken", "no"),
    ):
        (public / name).symlink_to(target)
    for path in (folder / "files").rglob("*"):
        if path.exists():
            os.utime(path, (MODIFIED, MODIFIED))
