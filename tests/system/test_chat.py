"""Two pages of a browser in a room, and a server that is stopped and started again beneath them."""

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
OUTSIDE = "document.querySelector('#inside').hidden"
SENT = "document.querySelector('#pending').children.length === 0"
SHOWN = "[...document.querySelectorAll('#messages li p')].map((one) => one.textContent)"
HERE = "[...document.querySelectorAll('#people li')].map((one) => one.textContent).sort().join()"
# What there is to read, outside and inside.
OUTSIDE_READ = (
    *("h1", ".lead", "#door-title", "label", "#enter", "#refused"),
    *("#offered h2", "#offers button", "#offers small"),
)
INSIDE_READ = (
    *("#room-title", "#link", "#leave", "#people li.me", "#people li:not(.me)", "#change"),
    *("#messages li b", "#messages li time", "#messages li:not(.mine) p", "#messages li.mine p"),
    *("#messages li.mine time", "#messages li.mine b", "label[for=text]", "#send"),
)
# What a browser says of a server that is away.
OF_A_RESTART = ("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE")


@asynccontextmanager
async def chat(folder: Path, port: int = 0) -> AsyncIterator[Server]:
    """Run the program, with its messages in a file that stays."""
    environment = {"CHAT_FILE": str(folder / "chat.sqlite3"), "PORT": str(port)}
    async with serving(EXAMPLES / "chat.py", environment) as server:
        yield server
        assert b"Traceback" not in server.output, server.output.decode()


async def fill(page: Page, selector: str, text: str) -> None:
    await page.evaluate(f"document.querySelector('{selector}').value = {json.dumps(text)}")


async def click(page: Page, selector: str) -> None:
    await page.evaluate(f"document.querySelector('{selector}').click()")


async def enter(page: Page, server: Server, name: str, room: str = "lobby") -> None:
    await page.go(server.url)
    await fill(page, "#name", name)
    await fill(page, "#room", room)
    await click(page, "#enter")
    await page.until(LIVE)


async def put(page: Page, text: str) -> None:
    """Send a message, without waiting."""
    await fill(page, "#text", text)
    await click(page, "#send")


async def say(page: Page, text: str) -> None:
    """Send a message, and wait until it is acknowledged."""
    await put(page, text)
    await page.until(SENT)


async def shown(page: Page, count: int) -> list[str]:
    """Give the messages that a page shows, once there are so many."""
    await page.until(f"{SHOWN}.length >= {count}")
    messages: list[str] = await page.evaluate(SHOWN)
    return messages


async def two_pages(server: Server, page: Page) -> tuple[Page, Page]:
    pages = page, await page.browser.open()
    for one, name in zip(pages, ("Ann", "Ben"), strict=True):
        await enter(one, server, name)
    for one in pages:
        await one.until(f"{HERE} === 'Ann,Ben'")
    return pages


async def stop(server: Server) -> None:
    """Stop it as a deployment does: two open WebSockets do not hold it up."""
    with trio.fail_after(STOP_S):
        assert await server.stop(signal.SIGTERM) == 0


def complaints(*pages: Page) -> list[str]:
    """Give what the pages complain of, but for a server that is away."""
    return [error for page in pages for error in page.errors if not error.endswith(OF_A_RESTART)]


async def test_messages_reach_both_pages_over_restarts(tmp_path: Path) -> None:
    """None is lost, none comes twice, and all come in order; those too that were sent to nobody."""
    messages = [f"message {number} <b>&amp;" for number in range(12)]
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            port = server.port
            pages = await two_pages(server, page)
            for number, message in enumerate(messages[:4]):
                await say(pages[number % 2], message)
            for one in pages:
                assert await shown(one, 4) == messages[:4]
            await stop(server)
            for start in (4, 8):
                for one in pages:
                    await one.until(LOST)
                # Ann's page finds the server first, or Ben's: so one of them alone has something to send.
                await put(pages[0], messages[start])
                await put(pages[0], messages[start + 1])
                async with chat(tmp_path, port) as server:
                    await pages[0].until(SENT)
                    for one in pages:
                        await one.until(f"{LIVE} && {HERE} === 'Ann,Ben'")
                    await say(pages[1], messages[start + 2])
                    await say(pages[0], messages[start + 3])
                    for one in pages:
                        assert await shown(one, start + 4) == messages[: start + 4]
                    await stop(server)
            assert complaints(*pages) == []


async def test_a_page_that_is_loaded_again_goes_on(tmp_path: Path) -> None:
    """It shows the last messages, and sends what was not acknowledged before."""
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await enter(page, server, "Ann")
            await say(page, "a")
            await page.evaluate("transmit = () => {}")
            await put(page, "b")
            await page.call("Page.reload")
            await page.until(f"{LIVE} && {SENT}")
            assert await shown(page, 2) == ["a", "b"]
            assert complaints(page) == []


async def test_who_comes_and_goes_is_shown(tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            ann, ben = await two_pages(server, page)
            await click(ben, "#leave")
            await ann.until("document.querySelector('#change').textContent === 'Ben left.'")
            assert await ann.evaluate(HERE) == "Ann"
            await ben.until("document.querySelector('#offers').textContent === '#lobby1 person'")
            await click(ben, "#offers button")
            await ann.until("document.querySelector('#change').textContent === 'Ben came.'")
            await ben.close()
            await ann.until(f"{HERE} === 'Ann'")


async def test_a_room_does_not_hear_another(tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            ann, ben = await two_pages(server, page)
            await enter(ben, server, "Ben", "The Attic")
            await say(ben, "b")
            await say(ann, "a")
            assert await shown(ann, 1) == ["a"]
            assert await shown(ben, 1) == ["b"]
            assert await ben.evaluate("location.hash") == "#the-attic"


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """A process that stands still keeps its connections; the page takes another as soon as there is one."""
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await enter(page, server, "Ann")
            server.process.send_signal(signal.SIGSTOP)
            await put(page, "a")
            await page.until(LOST)
            server.process.send_signal(signal.SIGCONT)
            await page.until(f"{LIVE} && {SENT}")
            assert await shown(page, 1) == ["a"]


async def test_who_is_not_let_in_is_told_why(tmp_path: Path) -> None:
    """It does not come again by itself."""
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await page.go(server.url)
            await fill(page, "#name", "\N{RIGHT-TO-LEFT OVERRIDE}nnA")
            await click(page, "#enter")
            await page.until(f"{OUTSIDE} && document.querySelector('#refused').textContent")
            told = await page.evaluate("document.querySelector('#refused').textContent")
            assert told == "A name has 1 to 24 characters."


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_fits_a_telephone(tmp_path: Path, scheme: str) -> None:
    """Nothing is wider than the screen, and text stands out from its ground as WCAG 2.2 §1.4.3 asks."""
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            ann, ben = await two_pages(server, page)
            await ann.become_telephone(scheme)
            await say(ben, "x" * 500)
            await say(ann, "x" * 500)
            await shown(ann, 2)
            await ann.evaluate("document.querySelector('#change').textContent = 'Ben came.'")
            for selector in INSIDE_READ:
                assert await ann.contrast(selector) >= 4.5, selector
            assert await ann.evaluate("document.documentElement.scrollWidth") <= 320
            # What is written with stays on the screen, however much there is to read.
            assert await ann.evaluate("document.querySelector('#send').getBoundingClientRect().bottom") <= 640
            await click(ann, "#leave")
            await ann.until("!document.querySelector('#offered').hidden")
            await ann.evaluate("document.querySelector('#refused').textContent = 'The room is full.'")
            for selector in OUTSIDE_READ:
                assert await ann.contrast(selector) >= 4.5, selector
            assert await ann.evaluate("document.documentElement.scrollWidth") <= 320


async def test_every_control_has_a_name(tmp_path: Path) -> None:
    """WCAG 2.2 §4.1.2: what a person can use has a name and a role."""
    with trio.fail_after(LIMIT_S):
        async with chat(tmp_path) as server, browsing(tmp_path / "profile") as page:
            await page.go(server.url)
            assert await page.names_of_controls() == ["Your name", "Room", "Enter"]
            await enter(page, server, "Ann")
            assert await page.names_of_controls() == ["Leave", "Your message", "Send"]
