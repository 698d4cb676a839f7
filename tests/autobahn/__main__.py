"""Run the Autobahn test suite against an echo server of ours: ``python -m tests.autobahn --cases 1.* 2.*``.

The suite runs on Python 2.7 only: ``PYTHON2`` names the interpreter, or it is looked for on the path and at
pyenv. Its environment is made once, in ``.autobahn``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from triosanic import Request, Sanic, Websocket

SUITE: Final = "autobahntestsuite==25.10.1"
# The last that can make an environment for Python 2.7.
MAKER: Final = "virtualenv<20.22"
ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".autobahn"
WSTEST: Final = HOME / "env" / "bin" / "wstest"
ALL: Final = tuple(f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13))
PASSES: Final = frozenset({"OK", "INFORMATIONAL", "NON-STRICT"})
CHECK: Final = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
# The suite's longest messages, and what it compresses: zeros are among it.
MAX_BYTES: Final = 16 << 20


def find_python2() -> str:
    """Find a Python 2.7, or say how to get one."""
    pyenv = sorted(map(str, Path.home().glob(".pyenv/versions/2.7*/bin/python2.7")))
    named = os.environ.get("PYTHON2")
    for candidate in [named] if named else ["python2.7", *reversed(pyenv)]:
        if _is_python2(candidate):
            return candidate
    sys.exit(
        "the Autobahn test suite needs a Python 2.7, which Debian has no more: "
        "`pyenv install 2.7.18`, or PYTHON2=/path/to/python2.7 make autobahn"
    )


def _is_python2(command: str) -> bool:
    """Run it, which is the only proof: a version manager has commands for versions that are not active."""
    try:
        done = subprocess.run([command, "-c", CHECK], check=False, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def install() -> None:
    """Make the suite's environment, unless it is there."""
    if WSTEST.exists():
        return
    python2 = find_python2()
    print(f"installing {SUITE} for {python2}; this takes some minutes", flush=True)
    pip = [str(HOME / "maker/bin/python"), "-m", "pip", "install", "--quiet", MAKER]
    maker = [str(HOME / "maker/bin/virtualenv"), "--quiet", "--python", python2, str(HOME / "env")]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(HOME / "maker")],
        pip,
        maker,
        [str(HOME / "env/bin/pip"), "install", "--quiet", SUITE],
    ):
        subprocess.run(command, check=True)


def echo_app() -> Sanic:
    """Make the server that the suite talks to."""
    app = Sanic("autobahn")
    app.config.WEBSOCKET_COMPRESSION = True
    app.config.WEBSOCKET_MAX_SIZE = MAX_BYTES
    app.config.WEBSOCKET_MAX_RATIO = 10_000

    @app.websocket("/")
    async def echo(request: Request, ws: Websocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


async def play(cases: Sequence[str]) -> None:
    """Serve, and let the suite play its cases."""
    async with trio.open_nursery() as nursery:
        [(host, port)] = await nursery.start(partial(echo_app().serve, port=0))
        spec = {
            "outdir": str(HOME / "reports"),
            "servers": [{"agent": "triosanic", "url": f"ws://{host}:{port}"}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        path = trio.Path(HOME / "spec.json")
        await path.write_text(json.dumps(spec), encoding="ascii")
        with (HOME / "wstest.log").open("wb") as log:
            await trio.run_process(
                [str(WSTEST), "--mode", "fuzzingclient", "--spec", str(path)], stdout=log, stderr=log
            )
        nursery.cancel_scope.cancel()


def report() -> int:
    """Tell what came of it; give the exit status."""
    index: dict[str, Any] = json.loads((HOME / "reports" / "index.json").read_text(encoding="utf-8"))
    results: dict[str, dict[str, str]] = index["triosanic"]
    counts = Counter(result["behavior"] for result in results.values())
    print(", ".join(f"{count} {behavior}" for behavior, count in sorted(counts.items())))
    failed = 0
    for case, result in results.items():
        both = result["behavior"], result["behaviorClose"]
        if not PASSES.issuperset(both):
            failed += 1
        if both != ("OK", "OK"):
            print(f"{case}: {both[0]}, closing {both[1]}")
    print(f"the whole report: {HOME / 'reports' / 'index.html'}")
    return 1 if failed or not results else 0


def main() -> int:
    """Run the suite."""
    parser = argparse.ArgumentParser(prog="python -m tests.autobahn", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=ALL, help="patterns of cases; all by default")
    cases = parser.parse_args().cases
    HOME.mkdir(exist_ok=True)
    install()
    shutil.rmtree(HOME / "reports", ignore_errors=True)
    trio.run(play, cases)
    return report()


if __name__ == "__main__":
    sys.exit(main())
