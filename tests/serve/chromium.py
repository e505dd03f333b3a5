"""A headless Chromium, driven by the DevTools protocol: pages, keys, mouse, pictures."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import subprocess
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DEADLINE = 60.0  # seconds: only a hang takes so long
# Selects the whole terminal as a person does with shift and the mouse, and copies it: what xterm
# gives then is what stands on the screen.
_COPIED = """(() => {
  const event = new ClipboardEvent("copy", {clipboardData: new DataTransfer(), bubbles: true});
  document.querySelector(".xterm").dispatchEvent(event);
  return event.clipboardData.getData("text/plain");
})()"""
_SIZE = """(() => {
  const box = document.querySelector(".xterm-screen")?.getBoundingClientRect();
  return box && [box.width, box.height];
})()"""


def found() -> str:
    """The path of a browser that runs, "" where there is none: some are but a hint where to get
    one."""
    for path in filter(None, map(shutil.which, NAMES)):
        try:
            subprocess.run([path, "--version"], capture_output=True, check=True, timeout=DEADLINE)
        except (OSError, subprocess.SubprocessError):
            continue
        return path
    return ""


class Page:
    """A page of its own profile. ``asked`` are the addresses it asked for, ``said`` what it wrote
    to its console, ``dialogs`` the messages it opened."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.asked: list[str] = []
        self.said: list[str] = []
        self.dialogs: list[str] = []

    async def do(self, method: str, **given: Any) -> dict[str, Any]:
        return await self._browser.do(method, given, self._session)

    async def open(self, address: str) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.do(f"{domain}.enable")
        await self.do("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        answer = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def text_with(self, words: str) -> str:
        """The page's own text, beside the terminal's, once it has these words."""
        end = time.monotonic() + DEADLINE
        while words not in (text := await self.value("document.body?.innerText ?? ''")):
            assert time.monotonic() < end, f"{words!r} never came: {text}"
            await asyncio.sleep(0.05)
        return str(text)

    async def resize(self, width: int, height: int) -> None:
        """Another size of the window, in pixels."""
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    async def press(self, *characters: str) -> None:
        """Type them."""
        for text in characters:
            key = "Enter" if text == "\r" else text
            code = {"windowsVirtualKeyCode": 13} if text == "\r" else {}
            await self.do("Input.dispatchKeyEvent", type="keyDown", text=text, key=key, **code)
            await self.do("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    async def mouse(self, x: float, y: float, to: tuple[float, float] | None = None) -> None:
        """Click at a place, or with shift draw from there ``to`` another."""
        for kind, (left, top) in (
            *(("mouseMoved", (x, y)), ("mousePressed", (x, y))),
            *((("mouseMoved", to),) if to else ()),
            ("mouseReleased", to or (x, y)),
        ):
            await self.do(
                "Input.dispatchMouseEvent",
                type=kind, x=left, y=top, button="left", clickCount=1, modifiers=8 if to else 0,
            )  # fmt: skip

    async def click(self, words: str) -> None:
        """Click into the middle of words on the terminal's screen."""
        lines = (await self.until(words)).splitlines()
        row = next(row for row, text in enumerate(lines) if words in text)
        width, height = await self._size()
        cell = width / max(map(len, lines)), height / len(lines)
        column = lines[row].index(words) + len(words) / 2
        await self.mouse(column * cell[0], (row + 0.5) * cell[1])

    async def _size(self) -> tuple[float, float]:
        """Of the terminal's screen, in pixels; nothing where there is none yet."""
        found = await self.value(_SIZE)
        return (found[0], found[1]) if found else (0, 0)

    async def screen(self) -> str:
        """The lines on the terminal's screen."""
        width, height = await self._size()
        if not width:
            return ""
        await self.mouse(1, 1, to=(width - 1, height - 2))
        return str(await self.value(_COPIED))

    async def until(self, words: str) -> str:
        """The screen once it has these words."""
        end = time.monotonic() + DEADLINE
        while words not in (screen := await self.screen()):
            assert time.monotonic() < end, f"{words!r} never came:\n{screen}\n{self.said}"
            await asyncio.sleep(0.1)
        return screen

    async def picture(self) -> bytes:
        """What the page looks like, as a PNG."""
        answer = await self.do("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._listening = asyncio.create_task(self._listen())

    async def do(
        self, method: str, given: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        """What a command answers."""
        number = next(self._ids)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": given or {}}
        await self._socket.send_json({**message, "sessionId": session} if session else message)
        async with asyncio.timeout(DEADLINE):
            return await self._answers[number]

    async def page(self) -> Page:
        """A page with a fresh profile."""
        context = (await self.do("Target.createBrowserContext"))["browserContextId"]
        given = {"url": "about:blank", "browserContextId": context, "width": 1200, "height": 800}
        target = (await self.do("Target.createTarget", given))["targetId"]
        attached = await self.do("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        return page

    async def pages(self) -> int:
        """How many windows and tabs there are."""
        targets = (await self.do("Target.getTargets"))["targetInfos"]
        return sum(one["type"] == "page" for one in targets)

    async def _listen(self) -> None:
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if "error" in told:
                    answer.set_exception(RuntimeError(str(told["error"])))
                else:
                    answer.set_result(told["result"])
            elif (page := self._pages.get(told.get("sessionId", ""))) is not None:
                self._note(page, told["method"], told["params"])

    @staticmethod
    def _note(page: Page, method: str, given: dict[str, Any]) -> None:
        if method in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            page.asked.append(given["request"]["url"] if "request" in given else given["url"])
        elif method == "Log.entryAdded":
            page.said.append(f"{given['entry']['level']}: {given['entry']['text']}")
        elif method == "Runtime.exceptionThrown":
            page.said.append(f"error: {given['exceptionDetails']}")
        elif method == "Page.javascriptDialogOpening":
            page.dialogs.append(given["message"])


@asynccontextmanager
async def chromium(program: str, profile: Path, *flags: str) -> AsyncIterator[Browser]:
    """Start it with more ``flags``, and end it after."""
    words = [
        program, "--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--no-sandbox",  # root and containers can not have one
        *flags, "about:blank",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*words, stdout=DEVNULL, stderr=DEVNULL)
    try:
        port = profile / "DevToolsActivePort"
        end = time.monotonic() + DEADLINE
        while not (port.is_file() and len(port.read_text().split()) == 2):
            assert time.monotonic() < end, "the browser never got up"
            await asyncio.sleep(0.05)
        number, path = port.read_text().split()
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"ws://127.0.0.1:{number}{path}", max_msg_size=0) as socket,
        ):
            browser = Browser(socket)
            yield browser
            await browser.do("Browser.close")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
