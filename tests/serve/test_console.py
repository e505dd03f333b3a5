"""The console behind the page: what may be done there, and that it ends with whatever ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import ROOT
from tests.serve.conftest import serving
from triage.case.lock import holder
from triage.case.mend import mark
from triage.case.read import CaseReader
from triage.cli import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
DEADLINE = 60.0  # seconds: only a hang takes so long


class Page:
    """The far end of a websocket, as the page's terminal is."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.painted = b""

    async def press(self, keys: str) -> None:
        await self.socket.send_str(json.dumps(["stdin", keys]))

    async def until(self, words: str) -> None:
        """Take in what is painted until it has these words."""
        start = len(self.painted)
        async with asyncio.timeout(DEADLINE):
            while words.encode() not in self.painted[start:]:
                message = await self.socket.receive()
                assert message.type == aiohttp.WSMsgType.BINARY, f"{words!r} never came"
                self.painted += message.data


@asynccontextmanager
async def opened(link: str, size: str = "width=120&height=36") -> AsyncIterator[Page]:
    """A page that took the link."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        async with client.get(link) as answer:
            assert answer.status == 200
            place = str(answer.url)
        origin = place.rsplit("/", 2)[0]
        async with client.ws_connect(f"{place}ws?{size}", headers={"Origin": origin}) as socket:
            yield Page(socket)


def children(pid: int) -> list[int]:
    """The processes below one: engine, consoles."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


async def gone(*pids: int) -> None:
    """Wait until none of the processes runs any more."""
    end = time.monotonic() + DEADLINE
    for pid in pids:
        while Path(f"/proc/{pid}/cmdline").is_file() and Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < end, Path(f"/proc/{pid}/cmdline").read_bytes()
            await asyncio.sleep(0.02)


def one_of(process: Process) -> int:
    [pid] = children(process.pid)
    return pid


def entries(case: Path) -> list[tuple[str, str]]:
    """Who did what, as the case has it."""
    reader = CaseReader(str(case))
    try:
        found = reader.connection.execute("SELECT who, action FROM journal ORDER BY id")
        return [(str(who), str(action)) for who, action in found]
    finally:
        reader.close()


async def test_t19_who_may_look_changes_nothing_and_is_told(case: Path, tmp_path: Path) -> None:
    async with serving(tmp_path, "--case", case) as (_, link), opened(link) as page:
        await page.until("reading only")
        for key in ("a", "m", "f", "u", "W", "e"):
            await page.press(key)
            await page.until("nothing can be changed")
        await page.press("j1?")
        await page.until("Keys of this screen")
    assert entries(case) == []


async def test_with_write_the_browser_decides_until_q(case: Path, tmp_path: Path) -> None:
    words = ("--case", case, "--write", "--user", "keller")
    async with serving(tmp_path, *words) as (process, link), opened(link) as page:
        await page.until("Alerts 16")
        assert b"reading only" not in page.painted
        console = one_of(process)
        await page.press("a")
        await page.until("◐ ack")
        await page.press("e")
        await page.until("in a console of a")
        await page.press("q")
        async with asyncio.timeout(DEADLINE):
            while (await page.socket.receive()).type != aiohttp.WSMsgType.CLOSE:
                pass
        await gone(console)
    assert entries(case) == [("keller", "acknowledge")]


async def test_the_screen_is_as_large_as_the_window_and_ends_with_it(
    case: Path, tmp_path: Path
) -> None:
    async with serving(tmp_path, "--case", case) as (process, link):
        async with opened(link) as page:
            await page.until("Overview")
            for nonsense in (
                "{",
                "[]",
                '["resize", {"width": "x"}]',
                '["stdin"]',
                "[" * 5_000,
                "7",
            ):
                await page.socket.send_str(nonsense)
            await page.socket.send_str('["resize", {"width": 70, "height": 20}]')
            await page.until("\x1b[20;1H")
            page.painted = b""
            await page.press("?")
            await page.until("Keys of this screen")
            assert b"\x1b[21;" not in page.painted
            console = one_of(process)
        await gone(console)
        assert process.returncode is None


async def test_ctrl_c_ends_all(tmp_path: Path) -> None:
    case = tmp_path / "own.triage"
    words = (ROOT / "samples" / "logs", "--case", case)
    async with serving(tmp_path, *words) as (process, link), opened(link) as page:
        await page.until("live")
        below = children(process.pid)
        assert len(below) == 2  # engine and console
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
        await gone(*below)
        assert holder(str(case)) is None
    assert not list((tmp_path / "tmp").iterdir())


async def test_a_server_that_is_killed_leaves_no_console(case: Path, tmp_path: Path) -> None:
    async with serving(tmp_path, "--case", case) as (process, link), opened(link) as page:
        await page.until("reading only")
        console = one_of(process)
        process.kill()
        await gone(console)
    assert list((tmp_path / "tmp").iterdir())
    async with serving(tmp_path, "--case", case):
        assert not list((tmp_path / "tmp").iterdir())  # the next one clears up


async def test_an_engine_that_dies_is_started_again_until_the_server_ends(tmp_path: Path) -> None:
    case = tmp_path / "own.triage"
    async with serving(tmp_path, ROOT / "samples" / "logs", "--case", case) as (process, _):
        end = time.monotonic() + DEADLINE
        before: list[int] = []
        for _ in range(2):
            while not (pid := holder(str(case))) or pid in before:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            assert pid
            before.append(pid)
            if len(before) == 1:
                os.kill(pid, signal.SIGKILL)
        process.send_signal(signal.SIGHUP)  # the terminal's window is closed
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
        assert holder(str(case)) is None


@pytest.fixture
def _no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give logs, or a case with --case"),
        (["--case", "none.triage"], "there is no such case"),
        (["--case", "torn.triage"], "give its logs as well"),
        (["nowhere"], "there is no such file or folder"),
        (["--port", "65536", "."], "ports go up to 65535"),
    ],
)
@pytest.mark.usefixtures("_no_home")
def test_what_can_not_be_served_is_said(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    mark(str(tmp_path / "torn.triage"), "torn")
    (tmp_path / "torn.triage").touch(0o600)
    assert main(["serve", *words]) == 2
    assert (tmp_path / "torn.triage").is_file()
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("_no_home")
def test_where_the_libraries_are_missing_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("triage.serve.find_spec", lambda name: None)
    assert main(["serve", str(ROOT / "samples" / "logs")]) == 2
    assert "aiohttp and textual_serve, which are not installed" in (err := capsys.readouterr().err)
    assert 'pip install "triage[serve]"' in err
