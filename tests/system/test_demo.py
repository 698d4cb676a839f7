"""A browser at the demo: a file goes up and comes down, and either side's end is both sides' end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.system.chromium import Page, browsing
from tests.system.tools import EXAMPLES, serving

pytestmark = pytest.mark.system

LIMIT_S = 100
MIB = 2**20
RESULT = "document.querySelector('#relay-result')"


@asynccontextmanager
async def demo(profile: Path) -> AsyncIterator[Page]:
    """The demo's page, opened; in the end nothing may have gone wrong in it that is not said on it."""
    with trio.fail_after(LIMIT_S):
        async with serving(EXAMPLES / "demo.py") as server, browsing(profile) as page:
            await page.go(server.url)
            yield page
            assert b"Traceback" not in server.output, server.output.decode()


async def text(page: Page, selector: str) -> str:
    found: str = await page.evaluate(f"document.querySelector('{selector}').textContent")
    return found


async def value(page: Page, selector: str) -> float:
    found: float = await page.evaluate(f"document.querySelector('{selector}').value")
    return found


async def start(page: Page, file: Path, rate: int = 0) -> None:
    """Pick a file and a speed, and press the button."""
    await page.choose_file("#file", file)
    await page.evaluate(f"document.querySelector('#rate').value = '{rate}'")
    await page.evaluate("document.querySelector('#start').click()")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of numbered lines, so that no two pieces of it are equal."""
    file = tmp_path / "file.txt"
    file.write_bytes(b"".join(b"%015d\n" % line for line in range(24 * MIB // 16)))
    return file


async def test_file_goes_up_and_comes_down_equal(tmp_path: Path, file: Path) -> None:
    async with demo(tmp_path / "profile") as page:
        await start(page, file)
        await page.until(f"{RESULT}.dataset.kind")
        assert (await text(page, "#relay-result")).startswith("All 25,165,824 bytes came back equal, in ")
        # A bar is painted at the next frame.
        for bar in ("up", "down"):
            await page.until(f"document.querySelector('#{bar}').value === {24 * MIB}")
        assert page.errors == []


async def test_bars_move_together_when_the_way_down_is_slow(tmp_path: Path, file: Path) -> None:
    """The upload waits for the download: it is ahead by what the buffers of the way hold."""
    async with demo(tmp_path / "profile") as page:
        await start(page, file, rate=MIB)
        await page.until("document.querySelector('#down').value > 0")
        first = await value(page, "#down")
        await page.until(f"document.querySelector('#down').value > {first}")
        # A browser that is busy tells late of what it has sent.
        await page.until("document.querySelector('#up').value > 0")
        assert await value(page, "#up") < 24 * MIB
        assert await value(page, "#down") < 24 * MIB


@pytest.mark.parametrize("side", ["up", "down"])
async def test_cancelling_either_side_ends_both(tmp_path: Path, file: Path, side: str) -> None:
    name = {"up": "upload", "down": "download"}[side]
    async with demo(tmp_path / "profile") as page:
        await start(page, file, rate=MIB)
        await page.until("document.querySelector('#down').value > 0")
        await page.evaluate(f"document.querySelector('#cancel-{side}').click()")
        await page.until(f"{RESULT}.dataset.kind === 'bad'")
        said = await text(page, "#relay-result")
        assert f"the {name} was cancelled" in said
        assert len(said.split("; ")) == 2
        # The page is ready for the next file.
        await start(page, file)
        await page.until(f"{RESULT}.dataset.kind === 'good'")


async def test_million_rows_are_counted(tmp_path: Path) -> None:
    async with demo(tmp_path / "profile") as page:
        await page.evaluate("document.querySelector('#rows-start').click()")
        await page.until("document.querySelector('#rows-result').dataset.kind")
        assert (await text(page, "#rows-result")).startswith("1,000,000 rows, ")
        assert page.errors == []


async def test_million_rows_can_be_cancelled(tmp_path: Path) -> None:
    async with demo(tmp_path / "profile") as page:
        await page.evaluate("document.querySelector('#rows-start').click()")
        await page.until("document.querySelector('#rows').value > 0")
        await page.evaluate("document.querySelector('#rows-cancel').click()")
        await page.until("document.querySelector('#rows-result').dataset.kind")
        assert (await text(page, "#rows-result")).startswith("Cancelled after ")


async def test_rows_are_saved_as_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    async with demo(tmp_path / "profile") as page:
        await page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        await page.evaluate("document.querySelector('a[download]').click()")
        saved = folder / "rows.csv"
        while not saved.exists():  # noqa: ASYNC110  # what another process does sets no event here
            await trio.sleep(0.1)
        lines = saved.read_bytes().splitlines()
        assert (len(lines), lines[-1]) == (1_000_001, b"1000000,1000000000000")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_fits_a_telephone(tmp_path: Path, scheme: str) -> None:
    """Nothing is wider than the screen, and text stands out from its ground as WCAG 2.2 §1.4.3 asks."""
    async with demo(tmp_path / "profile") as page:
        await page.become_telephone(scheme)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        for selector in ("h1", ".lead", ".card > p", "button.main", ".result"):
            assert await page.contrast(selector) >= 4.5, selector


async def test_every_control_has_a_name(tmp_path: Path) -> None:
    """WCAG 2.2 §4.1.2: what a person can use has a name and a role."""
    async with demo(tmp_path / "profile") as page:
        names = await page.names_of_controls()
        assert len(names) >= 10
        assert all(names)
