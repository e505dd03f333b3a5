"""Pictures of every screen at both sizes: how the console looks is a promise, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.helpers import press, settled, write
from triage.ui.app import Console

WIDE, SMALL = (120, 36), (80, 24)
Make = Callable[..., Console]
INSTALLUTIL = "rule:remote host:ws-014"  # the attack with something to see in every pane

SCREENS: dict[str, tuple[str, ...]] = {
    "main": (),
    "marked": ("space", "j", "V", "j", "V", "s"),
    "filter-error": ("/", "s", "e", "v", ">", "=", "x"),
    "tree": ("2",),
    "connections": ("3",),
    "events": ("4",),
    "attack": ("5",),
    "respond": ("6",),
    "drill-down": ("enter",),
    "drill-zoomed": ("enter", "4", "z"),
    "event-document": ("enter", "4", "enter"),
    "process-document": ("enter", "2", "enter"),
    "close-reason": ("c",),
    "note": ("m",),
    "pivot": ("p",),
    "palette": ("colon", "u", "n", "d"),
    "rule": ("r",),
    "raw-event": ("v",),
    "help": ("question_mark",),
    "health": ("exclamation_mark",),
    "light": ("t",),
}  # fmt: skip
FILTERED = {"tree", "connections", "events", "attack", "respond", "drill-down", "drill-zoomed",
            "event-document", "process-document", "rule", "raw-event"}  # fmt: skip


async def quiet(pilot: Pilot[Any]) -> None:
    """Toasts go by the clock on the wall: none in a picture."""
    pilot.app.clear_notifications()
    await settled(pilot)


def walk(keys: tuple[str, ...], filtered: bool) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        if filtered:
            await press(pilot, "/")
            await write(pilot, INSTALLUTIL)
            await press(pilot, "enter")
        await press(pilot, *keys)
        await quiet(pilot)

    return run


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x36", "80x24"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: Any, console: Make, name: str, size: tuple[int, int]) -> None:
    app = console()
    assert snap_compare(app, terminal_size=size, run_before=walk(SCREENS[name], name in FILTERED))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x36", "80x24"])
def test_exception_editor(snap_compare: Any, console: Make, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, "j", "f")
        await quiet(pilot)

    app = console(exceptions=Path("exceptions"))  # where a test's folder lies must not show
    assert snap_compare(app, terminal_size=size, run_before=run)


def test_no_alerts_yet(snap_compare: Any, console: Make, tmp_path: Path) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)

    app = console(tmp_path / "empty.triage")
    assert snap_compare(app, terminal_size=SMALL, run_before=run)


def test_decided(snap_compare: Any, console: Make) -> None:
    """Every state has its glyph and word; a handled alert has a history."""

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await press(pilot, "a", "j", "c", "t", "j", "c", "f", "k")
        await press(pilot, "m")
        await write(pilot, "the patch agent again")
        await press(pilot, "enter")
        await quiet(pilot)

    assert snap_compare(console(), terminal_size=WIDE, run_before=run)
