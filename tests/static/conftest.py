"""What the tests of static files share: a folder with a secret beside it."""

from pathlib import Path

import pytest


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Make a folder to serve, and what must not be served next to it."""
    folder = tmp_path / "static"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "sub" / "b.html").write_text("<p>b")
    (tmp_path / "static-secret").mkdir()
    (tmp_path / "static-secret" / "key").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    return folder
