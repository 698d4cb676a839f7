"""Parts that go to disk: in threads, whole or not at all, and whatever happens, nothing is left."""

import os
import resource
import stat
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import trio
from trio.testing import MockClock

from tests.cancel.conversations import AtStep
from tests.forms.bodies import TYPE, Pieces, field, file, form, parts_of, split
from triosanic.exceptions import BadRequest, PayloadTooLarge
from triosanic.forms import FormLimits, Part, Parts, spool

if sys.platform != "linux":
    pytest.skip("looks for open files in /proc", allow_module_level=True)

CONTENT = bytes(range(256)) * 40
FORM = form(file("f", CONTENT), field("a", b"x"))
PIECES = split(FORM, range(0, len(FORM), 1000))


async def first_part(*pieces: bytes) -> Part:
    return await anext(parts_of(*(pieces or PIECES)))


def open_files() -> set[str]:
    """Tell which files are open, those without a name included."""
    return {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@contextmanager
def file_size_limited(size: int) -> Iterator[None]:
    """Let files grow no larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_part_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "new"
    parts = parts_of(*PIECES)
    assert await (await anext(parts)).save(path) == len(CONTENT)
    assert path.read_bytes() == CONTENT
    assert (await anext(parts)).name == "a"


async def test_saving_overwrites_nothing_and_follows_no_link(tmp_path: Path) -> None:
    path, link = tmp_path / "there", tmp_path / "link"
    path.write_bytes(b"mine")
    link.symlink_to(tmp_path / "elsewhere")
    for target in (path, link):
        with pytest.raises(FileExistsError):
            await (await first_part()).save(target)
    assert path.read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["link", "there"]


async def test_nothing_is_left_of_what_was_not_saved_to_its_end(tmp_path: Path) -> None:
    """Too long; cut short; a full disk."""
    path = tmp_path / "new"
    with pytest.raises(PayloadTooLarge, match="exceeds 5000 bytes"):
        await (await first_part()).save(path, max_size=5000)
    assert not path.exists()
    with pytest.raises(BadRequest, match="cut short"):
        await (await first_part(*PIECES[:5])).save(path)
    assert not path.exists()
    with file_size_limited(5000), pytest.raises(OSError, match="File too large"):
        await (await first_part()).save(path)
    assert not path.exists()


@pytest.mark.parametrize("max_memory", [len(CONTENT), len(CONTENT) - 1, 0])
async def test_a_spool_is_a_file(max_memory: int) -> None:
    """In memory up to its bound, and on disk above it, where nobody else finds it."""
    async with (await first_part()).spool(max_memory) as file:
        assert file.in_memory == (max_memory >= len(CONTENT))
        assert file.size == len(CONTENT)
        assert await file.read(10) == CONTENT[:10]
        assert await file.read() == CONTENT[10:]
        assert await file.read() == b""
        await file.seek(256)
        assert await file.read(1) == b"\0"
        await file.seek(1)
        assert await trio.to_thread.run_sync(file.file.read) == CONTENT[1:]
        if not file.in_memory:
            assert os.fstat(file.file.fileno()).st_nlink == 0
            assert stat.S_IMODE(os.fstat(file.file.fileno()).st_mode) == 0o600
    assert file.file.closed


async def test_a_spool_has_a_bound() -> None:
    before = open_files()
    with pytest.raises(PayloadTooLarge, match="The part 'f' of the form exceeds 5000 bytes"):
        async with (await first_part()).spool(1000, max_size=5000):
            raise AssertionError
    assert open_files() == before


@pytest.mark.parametrize("max_memory", [3000, 0])
async def test_a_full_disk_is_an_error_of_the_handler(max_memory: int) -> None:
    before = open_files()
    with file_size_limited(5000), pytest.raises(OSError, match="File too large"):
        async with (await first_part()).spool(max_memory):
            raise AssertionError
    assert open_files() == before


async def test_a_spool_is_removed_when_its_block_fails() -> None:
    before = open_files()
    with pytest.raises(ZeroDivisionError):
        async with (await first_part()).spool(0):
            assert open_files() > before
            raise ZeroDivisionError
    assert open_files() == before


async def test_a_disk_that_hangs_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2025-54121: files are opened, written, read and closed in threads."""
    hanging, answered = trio.Event(), threading.Event()
    loop = threading.get_ident()

    def open_slowly() -> BinaryIO:
        assert threading.get_ident() != loop
        trio.from_thread.run_sync(hanging.set)
        assert answered.wait(30)
        return tempfile.TemporaryFile()

    async def another() -> None:
        await hanging.wait()
        answered.set()

    monkeypatch.setattr(spool, "TemporaryFile", open_slowly)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(another)
        async with (await first_part()).spool(0) as file:
            assert await file.read() == CONTENT


class Watched(BytesIO):
    """A file that may not be used by the event loop's thread."""

    loop = threading.get_ident()

    def write(self, data: Any) -> int:
        assert threading.get_ident() != self.loop
        return super().write(data)

    def read(self, size: int | None = -1) -> bytes:
        assert threading.get_ident() != self.loop
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        assert threading.get_ident() != self.loop
        return super().seek(offset, whence)

    def close(self) -> None:
        assert threading.get_ident() != self.loop
        super().close()


async def test_whatever_goes_to_disk_goes_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2025-54121: reading too, and closing, which may have gigabytes to free."""
    monkeypatch.setattr(spool, "TemporaryFile", Watched)
    async with (await first_part()).spool(3000) as file:
        assert isinstance(file.file, Watched)
        assert await file.read() == CONTENT
        await file.seek(1)
        assert await file.read() == CONTENT[1:]
    assert file.file.closed


async def saved(part: Part, folder: Path) -> bytes:
    await part.save(folder / "new")
    return await trio.Path(folder / "new").read_bytes()


async def spooled(part: Part, folder: Path) -> bytes:
    async with part.spool(3000) as file:
        return await file.read()


async def whole(part: Part, folder: Path) -> bytes:
    return await part.read()


@pytest.mark.parametrize("read", [saved, spooled, whole])
def test_cancelling_at_any_step_leaves_nothing(
    read: Callable[[Part, Path], Awaitable[bytes]], tmp_path: Path
) -> None:
    """Style guide: a test of each await; no file, no thread that writes on, and no half that looks whole."""
    for step in range(1, 1000):
        folder = tmp_path / str(step)
        folder.mkdir()
        at_step, scope = AtStep(step), trio.CancelScope()
        got: list[bytes] = []

        async def run(
            folder: Path = folder, at_step: AtStep = at_step, scope: trio.CancelScope = scope
        ) -> None:
            before = open_files()
            at_step.begin(scope.cancel)
            with scope:
                parts = Parts(Pieces(PIECES), TYPE, FormLimits())
                async for part in parts:
                    if part.filename is not None:
                        got.append(await read(part, folder))  # noqa: B023  # run within the turn
            assert open_files() == before

        trio.run(run, instruments=[at_step])
        assert not scope.cancelled_caught or got in ([], [CONTENT])
        assert list(folder.iterdir()) == ([folder / "new"] if got and read is saved else [])
        if not at_step.acted:
            assert got == [CONTENT]
            return
    raise AssertionError("it never came to its end")


def test_a_disk_that_hangs_does_not_hold_up_a_cancellation_for_ever() -> None:
    """Style guide: no shield without a deadline."""
    released = threading.Event()

    async def run() -> None:
        start = trio.current_time()
        with trio.CancelScope() as scope:
            scope.cancel()
            await spool.run_to_the_end(lambda: released.wait(60))
        assert trio.current_time() - start == spool.CLEANUP_S

    try:
        trio.run(run, clock=MockClock(autojump_threshold=0.1))
    finally:
        released.set()
