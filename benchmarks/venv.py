"""Makes the peers' own virtual environment, once for each version of requirements.txt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv-bench"
REQUIREMENTS: Final = ROOT / "benchmarks" / "requirements.txt"

VERSIONS_SCRIPT: Final = """
import json, importlib.metadata as metadata
print(json.dumps({dist.name.lower(): dist.version for dist in metadata.distributions()}))
"""


def peers_python() -> Path:
    """Return the interpreter of the peers' environment, making that environment if it is stale.

    Raises:
        subprocess.CalledProcessError: pip could not install the peers; it has said why.
    """
    python = VENV / "bin" / "python"
    stamp = VENV / "stamp"
    wanted = f"{sys.version}\n{REQUIREMENTS.read_text()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing the peers into {VENV.name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
        (VENV / ".gitignore").write_text("*\n")
        stamp.write_text(wanted)
    return python


def installed_versions(python: Path) -> dict[str, str]:
    """Return the versions of the distributions that ``python`` has, by lower-case name."""
    done = subprocess.run([str(python), "-c", VERSIONS_SCRIPT], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(done.stdout)
    return versions
