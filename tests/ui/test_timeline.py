"""The timeline screen: the alert is under the cursor, and one moves, zooms and opens from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from tests.ui.helpers import press, screen_text, settled, write
from triage.ui.app import Console
from triage.ui.screens.drill import Drill
from triage.ui.screens.timeline import Timeline

Make = Callable[..., Console]


async def opened(pilot: Pilot[Any], *keys: str) -> None:
    await settled(pilot)
    await press(pilot, "/")
    await write(pilot, "rule:remote host:ws-014")
    await press(pilot, "enter", *keys)


async def test_it_opens_on_the_alert_and_shows_what_is_under_the_cursor(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, "T")
        text = screen_text(app)
        assert "Timeline  NW-WS-014.nordwind.example  whole host" in text
        assert "(15 m)" in text
        assert "▲ 09:12:39.785 H alert  Windows InstallUtil Remote Network Connection" in text
        assert "▶ 09:12:39.785 net      InstallUtil.exe → 203.0.113.140:443" in text
        await press(pilot, "h")
        assert "▲ 09:12:39" not in screen_text(app)
        await press(pilot, "l", "G", "enter")
        assert "destination.ip" in screen_text(app)  # the whole event
        await press(pilot, "escape", "p")
        assert "Search all logs for" in screen_text(app)


async def test_it_zooms_from_a_minute_to_a_day_and_moves(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, "T")
        await press(pilot, "+", "+", "+", "+")
        assert "(1 d)" in screen_text(app)
        await press(pilot, *["-"] * 7)
        assert "(1 m)" in screen_text(app)
        assert "▲ 09:12:39.785" in screen_text(app)  # the zoom is around the cursor
        await press(pilot, "H")
        assert "09:11:3" in screen_text(app)
        assert "▲ 09:12:39.785" not in screen_text(app)
        await press(pilot, "0")
        assert "▲ 09:12:39.785" in screen_text(app)
        await press(pilot, "-", "-", "N")
        assert "▲ 09:12:39.785" not in screen_text(app)
        assert "09:12:33.023 M alert" in screen_text(app)
        await press(pilot, "n")
        assert "▲ 09:12:39.785" in screen_text(app)
        await press(pilot, "n")
        told = [one.message for one in app._notifications]
        assert told == ["no alert on this host after"]


async def test_a_process_has_a_timeline_of_its_own(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, "2", "tab", "T")
        assert isinstance(app.screen, Timeline)
        assert "process and what it started" in screen_text(app)
        await press(pilot, "s")
        assert "whole host" in screen_text(app)


async def test_an_alert_on_the_axis_opens_whatever_the_list_shows(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, "T", "k", "enter")
        assert isinstance(app.screen, Drill)
        assert "InstallUtil Making Network Connections" in screen_text(app)
        assert "not in the filter" in screen_text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, Timeline)
        await press(pilot, "escape")
        assert app.screen is app.screen_stack[1]
