"""``compat``: what programs take from Sanic's module of this name."""

from pathlib import Path

import pytest
import trio

from triosanic import compat
from triosanic.headers import Header


class Colour(compat.UpperStrEnum):
    RED = "RED"
    BLUE = "BLUE"


def test_members_equal_their_names_in_any_case() -> None:
    """Source: Sanic 25.12."""
    assert Colour.RED == "red"
    assert Colour.RED != "blue"
    assert Colour("RED") is Colour.RED
    assert dict[str, int]({Colour.RED: 1})["RED"] == 1
    assert f"{Colour.BLUE}" == "BLUE"


async def test_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hello")
    async with await compat.open_async(tmp_path / "a") as file:
        assert await file.read() == "hello"
    async with await compat.open_async(tmp_path / "a", "rb") as file:
        assert await file.read() == b"hello"
    assert (await compat.stat_async(tmp_path / "a")).st_size == 5


async def test_a_cancelled_task_raises_one_of_them() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(compat.CancelledErrors):
            await trio.sleep_forever()


def test_headers_have_two_import_paths() -> None:
    assert compat.Header is Header
