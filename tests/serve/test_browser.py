"""The console in a real browser: it is there, it obeys, it stays with who opened it, and what a log
says is never more than text."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.serve.chromium import DEADLINE, NAMES, chromium, found
from tests.serve.conftest import serving
from triage.case.read import CaseReader

# What would be a script in a page, an address to open, and a terminal's own commands.
HOSTILE = (
    "InstallUtil.exe <script>document.title='owned'</script><img src=x onerror=alert(1)>"
    " http://evil.example/x \x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b]8;;http://evil.example\x07l"
)

# Then the terminal's text stands in the page, where a script would run if it were one.
WITHOUT_WEBGL = "--disable-3d-apis"
BLANK = 30_000  # bytes: a picture of one colour takes far less, one with text far more


@pytest.fixture
def browser_path() -> str:
    """A browser's program; the test is skipped where there is none."""
    return found() or pytest.skip(f"no browser is installed: none of {', '.join(NAMES)} runs")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The samples, one attack of them with a command line that is an attack on its reader."""
    folder = Path(shutil.copytree(ROOT / "samples" / "logs", tmp_path / "logs"))
    path = folder / "nw-ws-014.sysmon.ndjson"
    lines = []
    for text in path.read_text("utf-8").splitlines():
        event = json.loads(text)
        process = event.get("process", {})
        if "InstallUtil" in process.get("name", ""):
            process["command_line"] = HOSTILE
        lines.append(json.dumps(event))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return folder


async def test_t19_a_browser_shows_the_console_to_who_opened_it(
    browser_path: str, logs: Path, tmp_path: Path
) -> None:
    case = tmp_path / "own.triage"
    async with (
        serving(tmp_path, logs, "--case", case) as (_, link),
        chromium(browser_path, tmp_path / "profile", WITHOUT_WEBGL) as browser,
    ):
        page = await browser.page()
        await page.open(link)
        first = await page.until("Alerts 20 of 20")
        assert "reading only" in first
        assert await page.value("location.search") == ""  # no token is left in the address
        await page.press("?")  # keys reach it without a click
        await page.until("Keys of this screen")
        await page.press("q")
        await page.until("Alerts 20 of 20")

        row = next(
            place
            for place, text in enumerate(first.splitlines()[3:])
            if "InstallUtil Making" in text
        )
        await page.press(*"j" * row)
        await page.press("2")
        await page.until("onerror=alert(1)>")  # the tree shows the command line as it stands
        windows = await browser.pages()
        await page.click("http://evil.example")
        await page.until("Process InstallUtil.exe")  # what a click there does in a terminal
        await page.press("q")
        await page.until("Alerts 20 of 20")
        await page.press("a")
        await page.until("nothing can be changed")
        assert await browser.pages() == windows  # an address in a log opens nothing
        assert page.dialogs == []
        assert await page.value("document.title") == "triage · logs"
        assert await page.value("document.scripts.length") == 2
        assert {urlsplit(one).netloc for one in page.asked} == {urlsplit(link).netloc}

        assert "─" * 100 not in await page.screen()
        await page.resize(1600, 900)
        await page.until("─" * 100)  # the list's frame has grown with the window

        other = await browser.page()
        await other.open(link)
        assert "opened already" in await other.text_with("Ctrl+C")
        await page.open(link.partition("?")[0])  # who took the link may reload
        await page.until("Alerts 20 of 20")
    reader = CaseReader(str(case))
    assert reader.journal_end() == 0
    reader.close()


@pytest.mark.parametrize("flags", [(), (WITHOUT_WEBGL,)])
async def test_what_the_terminal_has_is_painted(
    flags: tuple[str, ...], browser_path: str, case: Path, tmp_path: Path
) -> None:
    async with (
        serving(tmp_path, "--case", case) as (_, link),
        chromium(browser_path, tmp_path / "profile", *flags) as browser,
    ):
        page = await browser.page()
        await page.open(link)
        await page.until("Alerts 16 of 16")
        end = time.monotonic() + DEADLINE
        while (size := len(await page.picture())) < BLANK:
            assert time.monotonic() < end, f"a picture of {size} bytes is no console"
