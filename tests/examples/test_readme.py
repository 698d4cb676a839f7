"""The program at the head of the README."""

import re
from pathlib import Path
from typing import Any, Final

import httpx

from tests.examples.conftest import Serve

README: Final = Path(__file__).parents[2] / "README.md"


async def test_the_readme_shouts_back(serve: Serve, client: httpx.AsyncClient) -> None:
    [program] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "shout"}
    exec(program, names)
    response = await client.post(f"{await serve(names['app'])}/shout", content=b"hello " * 50_000)
    assert response.content == b"HELLO " * 50_000
