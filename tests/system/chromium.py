"""Drive headless Chromium by its DevTools protocol: pages, and no library but a WebSocket."""

import base64
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.system.tools import program

FLAGS: Final = (
    "--headless",
    # A test may run as root, which Chromium's sandbox refuses.
    "--no-sandbox",
    "--disable-gpu",
    # A container's /dev/shm is often too small.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The timers of a tab behind another would fire but once a second: the page's own, and those of our looks.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)
# Roles of what a person can use; each must have a name (WCAG 2.2 §4.1.2).
CONTROLS: Final = frozenset(
    {"button", "link", "combobox", "progressbar", "ProgressIndicator", "file", "textbox"}
)
# The ratio of WCAG's relative luminances of an element's text and of the first ground behind it.
CONTRAST: Final = """(() => {
  const element = document.querySelector('%s');
  const parse = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parse(colour).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (parse(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const pair = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
})()"""
START_S: Final = 60
# A screenshot is one message.
MAX_MESSAGE_BYTES: Final = 64 * 2**20


class Browser:
    """A browser, spoken to by one socket."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, trio.MemorySendChannel[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def call(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        """Call a method of the protocol, and wait for its result."""
        number = next(self._numbers)
        # Room for the reply: the one who waits may have been cancelled.
        send, receive = trio.open_memory_channel[dict[str, Any]](1)
        self._waiting[number] = send
        message: dict[str, object] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        await self._socket.send_message(json.dumps(message))
        reply = await receive.receive()
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        result: dict[str, Any] = reply["result"]
        return result

    async def open(self) -> "Page":
        """Open a tab."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"], target["targetId"])
        self._pages[attached["sessionId"]] = page
        for domain in ("Page", "Runtime", "DOM", "Log"):
            await page.call(f"{domain}.enable")
        return page

    async def listen(self) -> None:
        """Hand replies to those who wait, and keep what pages complain of."""
        try:
            while True:
                message = json.loads(await self._socket.get_message())
                if "id" in message:
                    self._waiting.pop(message["id"]).send_nowait(message)
                elif page := self._pages.get(message.get("sessionId", "")):
                    page.on_event(message["method"], message["params"])
        except ConnectionClosed:
            return


class Page:
    """A tab of the browser."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self.browser = browser
        self.errors: list[str] = []
        self._session = session
        self._target = target

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol for this page, and wait for its result."""
        return await self.browser.call(method, self._session, **params)

    async def close(self) -> None:
        """Close the tab, as a person does."""
        await self.browser.call("Target.closeTarget", targetId=self._target)

    async def evaluate(self, script: str) -> Any:
        """Evaluate an expression in the page, wait for it if it is a promise, and give its value."""
        reply = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in reply:
            raise RuntimeError(f"{script}: {reply['exceptionDetails']}")
        return reply["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        look = f"() => {{ if ({condition}) {{ clearInterval(timer); done(); }} }}"
        await self.evaluate(f"new Promise((done) => {{ const timer = setInterval({look}, 10); }})")

    async def go(self, url: str) -> None:
        """Open an address, and wait until the page has been loaded."""
        reply = await self.call("Page.navigate", url=url)
        assert "errorText" not in reply, reply
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def choose_file(self, selector: str, file: Path) -> None:
        """Pick a file, as a person does by the field's button."""
        document = await self.call("DOM.getDocument")
        node = await self.call(
            "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector
        )
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(file)])

    async def become_telephone(self, scheme: str) -> None:
        """Be 320 pixels wide, and light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def contrast(self, selector: str) -> float:
        """Tell how far an element's text stands out from its ground (WCAG 2.2 §1.4.3)."""
        ratio: float = await self.evaluate(CONTRAST % selector)
        return ratio

    async def names_of_controls(self) -> list[str]:
        """Give the name of each control, as a screen reader says it."""
        tree = await self.call("Accessibility.getFullAXTree")
        nodes = [node for node in tree["nodes"] if node.get("role", {}).get("value") in CONTROLS]
        return [node["name"]["value"] for node in nodes]

    async def screenshot(self, file: Path) -> None:
        """Write a picture of the whole page."""
        reply = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        await trio.Path(file).write_bytes(base64.b64decode(reply["data"]))

    def on_event(self, method: str, params: dict[str, Any]) -> None:
        """Keep what the page complains of."""
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params))
        elif method == "Log.entryAdded":
            self.errors.append(params["entry"]["text"])


async def _address(process: trio.Process) -> str:
    """Read the browser's complaints up to the line that says where to reach it."""
    assert process.stderr is not None
    said = b""
    with trio.fail_after(START_S):
        async for piece in process.stderr:
            said += piece
            if match := re.search(rb"DevTools listening on (ws://\S+)\s", said):
                return match[1].decode()
    raise RuntimeError(f"chromium ended: {said.decode(errors='replace')}")


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Page]:
    """Run a browser with a new profile, and give a page; ``page.browser`` opens others."""
    async with trio.open_nursery() as nursery:
        command = [program("chromium"), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # Cancelling the nursery ends the process.
        run = partial(trio.run_process, command, check=False, stderr=subprocess.PIPE)
        process: trio.Process = await nursery.start(run)
        url = await _address(process)
        nursery.start_soon(_drain, process)
        async with open_websocket_url(url, max_message_size=MAX_MESSAGE_BYTES) as socket:
            browser = Browser(socket)
            nursery.start_soon(browser.listen)
            yield await browser.open()
        nursery.cancel_scope.cancel()


async def _drain(process: trio.Process) -> None:
    """Read on: a browser whose complaints nobody reads stands still."""
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
