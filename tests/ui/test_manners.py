"""The console's manners: without colours, in any size, by mouse, and inside tmux."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widget import Widget

from tests.conftest import ROOT
from tests.terminal import Terminal
from tests.ui.helpers import DEADLINE, press, screen_text, settled, until
from tests.ui.terminal import _CONSOLE
from triage.ui.app import Console
from triage.ui.bars import KeyBar, TabBar
from triage.ui.screens.drill import Drill
from triage.ui.screens.exception import ExceptionEditor
from triage.ui.screens.main import WIDE

Make = Callable[..., Console]
SGR = re.compile(r"\x1b\[([0-9;]*)m")


def command(case: Path) -> list[str]:
    return [sys.executable, "-c", _CONSOLE, str(case), str(case.parent / "none"), "themes"]


def coloured(sgr: str) -> bool:
    """Whether the parameters of an SGR sequence choose a colour."""
    return any(
        30 <= code <= 49 or 90 <= code <= 107 for code in map(int, filter(None, sgr.split(";")))
    )


def test_with_no_color_set_no_colour_reaches_the_terminal_and_the_cursor_still_shows(
    case: Path,
) -> None:
    environment = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "NO_COLOR": "1"}
    with Terminal(command(case), env=environment) as terminal:
        terminal.until("15:07:14")
        terminal.quiet(0.3)
        terminal.press("j")
        terminal.quiet(0.3)
        sent = SGR.findall(terminal.output.decode("utf-8", "replace"))
        assert sent
        assert [one for one in sent if coloured(one)] == []
        assert any("7" in one.split(";") for one in sent)  # the cursor's row, reversed


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (480, 135)], ids=str)
async def test_any_size_is_filled_to_its_edge(console: Make, size: tuple[int, int]) -> None:
    width, height = size
    app = console()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for keys in ((), ("enter",), ("escape", "M"), ("escape", "T"), ("escape", "question_mark")):
            await press(pilot, *keys)
            rows = screen_text(app).split("\n")
            assert len(rows) == height
            assert max(map(len, rows)) <= width
            bar = app.screen.query_one(KeyBar)
            assert bar.region.bottom == height
            assert bar.region.width == width
        await press(pilot, "escape")
        assert app._main.wide == (width >= WIDE)


async def test_the_mouse_does_what_the_keys_do(console: Make) -> None:
    app = console()
    async with app.run_test(size=(140, 36)) as pilot:
        await settled(pilot)
        rows = app._main.rows
        third = app.desk.store[2].id
        await pilot.click(rows, offset=(10, 2))
        await until(pilot, lambda: rows.alert_id == third)
        tabs = app._main.query_one(TabBar)
        await pilot.click(tabs, offset=(tabs.gutter.left + len("1 Overview") + 3, 0))
        await until(pilot, lambda: app._main.look().pane == 1)
        await _click(app, pilot.click, "False positive")
        await until(pilot, lambda: isinstance(app.screen, ExceptionEditor))
        await settled(pilot)
        await _click(app, pilot.click, "Cancel")
        await until(pilot, lambda: app.screen is app._main)
        await pilot.click(rows, offset=(10, 2))  # the row under the cursor: opens
        await until(pilot, lambda: isinstance(app.screen, Drill))


async def _click(app: Console, click: Callable[..., object], label: str) -> None:
    """Click on a word of the footer."""
    bar: Widget = app.screen.query_one(KeyBar)
    text = screen_text(app).split("\n")[bar.region.y]
    await click(bar, offset=(text.index(label), 0))  # type: ignore[misc] # an awaitable


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_it_works_in_tmux_and_leaves_its_pane_as_it_was(case: Path, tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", socket, "-f", os.devnull, *words],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def shows(wanted: str) -> str:
        end = time.monotonic() + DEADLINE
        while wanted not in (pane := tmux("capture-pane", "-p")):
            assert time.monotonic() < end, pane
        return pane

    started = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.join(command(case))}"
    tmux("new-session", "-d", "-x", "120", "-y", "30", "printf 'before\\n'; read a; "
         f"{started}; printf 'after\\n'; read b")  # fmt: skip
    try:
        shows("before")
        tmux("send-keys", "Enter")
        assert "before" not in shows("15:07:14")
        tmux("resize-window", "-x", "80", "-y", "24")
        tmux("send-keys", "Enter")
        assert len(max(shows("1 Overview").split("\n"), key=len)) <= 80
        tmux("send-keys", "q", "q")
        pane = shows("after")
        assert "before" in pane  # the screen that was there is there again
        assert "15:07:14" not in pane
        assert tmux("display", "-p", "#{cursor_flag} #{mouse_any_flag}").split() == ["1", "0"]
    finally:
        tmux("kill-server")
