"""Two pages of a browser at the dashboard, and a server that is stopped and started again beneath them."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.system.chromium import Page, browsing
from tests.system.tools import EXAMPLES, Server, serving

pytestmark = pytest.mark.system

LIMIT_S = 100
# An idle connection has this long to cross our end; see docs/design.md.
STOP_S = 3
LIVE = "document.querySelector('#link').dataset.kind === 'live'"
LOST = "document.querySelector('#link').dataset.kind === 'lost'"
LINES = "[...document.querySelectorAll('.line')]"
ADDED = "document.querySelector('#result').textContent === 'Added.'"
SHOWN = "[...document.querySelectorAll('#notes li span')].map((one) => one.textContent).reverse()"
# What there is to read.
READ = ("h1", ".lead", ".link", "h2", ".notes h2", ".value", "small", "label", "button", ".result", "li time")
# What a browser says of a server that is away.
OF_A_RESTART = ("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE")


@asynccontextmanager
async def dashboard(folder: Path, port: int = 0) -> AsyncIterator[Server]:
    """Run the program, with its notes in a file that stays."""
    environment = {"NOTES_FILE": str(folder / "notes.sqlite3"), "PORT": str(port)}
    async with serving(EXAMPLES / "dashboard.py", environment) as server:
        yield server
        assert b"Traceback" not in server.output, server.output.decode()


async def begin_to_add(page: Page, text: str) -> None:
    await page.evaluate(f"document.querySelector('#text').value = {json.dumps(text)}")
    await page.evaluate("document.querySelector('#add').click()")


async def add(page: Page, text: str) -> None:
    await begin_to_add(page, text)
    await page.until(ADDED)


async def shown(page: Page, count: int) -> list[str]:
    """Give the notes that a page shows, the first first, once there are so many."""
    await page.until(f"{SHOWN}.length >= {count}")
    notes: list[str] = await page.evaluate(SHOWN)
    return notes


async def two_pages(server: Server, page: Page) -> tuple[Page, Page]:
    pages = page, await page.browser.open()
    for one in pages:
        await one.go(server.url)
        await one.until(LIVE)
    return pages


async def stop(server: Server) -> None:
    """Stop it as a deployment does: two open streams do not hold it up."""
    with trio.fail_after(STOP_S):
        assert await server.stop(signal.SIGTERM) == 0


async def test_notes_reach_both_pages_over_restarts(tmp_path: Path) -> None:
    """None is lost, none comes twice, and all come in order."""
    notes = [f"note {number} <b>&amp;" for number in range(9)]
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            port = server.port
            pages = await two_pages(server, page)
            for number, note in enumerate(notes[:3]):
                await add(pages[number % 2], note)
            for one in pages:
                assert await shown(one, 3) == notes[:3]
            await stop(server)
            for start in (3, 6):
                for one in pages:
                    await one.until(LOST)
                async with dashboard(tmp_path, port) as server:
                    for one in pages:
                        await one.until(LIVE)
                    for number in range(start, start + 3):
                        await add(pages[number % 2], notes[number])
                    for one in pages:
                        assert await shown(one, start + 3) == notes[: start + 3]
                    await stop(server)
            errors = pages[0].errors + pages[1].errors
            assert [error for error in errors if not error.endswith(OF_A_RESTART)] == []


async def test_a_note_that_is_sent_to_a_stopped_server_is_added_once(tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            port = server.port
            pages = await two_pages(server, page)
            await stop(server)
            await begin_to_add(pages[0], "patience")
            await pages[0].until("document.querySelector('#result').textContent.includes('trying again')")
            async with dashboard(tmp_path, port):
                await pages[0].until(ADDED)
                for one in pages:
                    assert await shown(one, 1) == ["patience"]


async def test_a_page_that_is_opened_anew_shows_the_last_notes(tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            pages = await two_pages(server, page)
            await add(pages[0], "a")
            await add(pages[1], "b")
            await pages[0].go(server.url)
            assert await shown(pages[0], 2) == ["a", "b"]


async def test_measurements_move(tmp_path: Path) -> None:
    """Each chart has a line, and what it shows is right: two pages are open."""
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            pages = await two_pages(server, page)
            await pages[0].until(f"{LINES}.every((line) => /L.*L/.test(line.getAttribute('d')))")
            await pages[0].until("document.querySelector('#viewers').textContent === '2'")
            assert float(await pages[0].evaluate("document.querySelector('#memory').textContent")) > 10
            assert pages[0].errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_fits_a_telephone(tmp_path: Path, scheme: str) -> None:
    """Nothing is wider than the screen, and text stands out from its ground as WCAG 2.2 §1.4.3 asks."""
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await page.become_telephone(scheme)
            await page.go(server.url)
            await add(page, "x" * 280)
            await page.until("samples.length > 1")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320
            for selector in READ:
                assert await page.contrast(selector) >= 4.5, selector


async def test_every_control_has_a_name(tmp_path: Path) -> None:
    """WCAG 2.2 §4.1.2: what a person can use has a name and a role."""
    with trio.fail_after(LIMIT_S):
        async with dashboard(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await page.go(server.url)
            assert await page.names_of_controls() == ["Your note", "Add it"]
