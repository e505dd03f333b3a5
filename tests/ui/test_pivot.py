"""Pivoting: from a value under the cursor to the same value across all logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.ui.helpers import press, screen_text, settled, until, write
from triage import context
from triage.context import Progress, Wanted
from triage.ui.app import Console
from triage.ui.screens.log_search import LogSearch
from triage.ui.screens.main import Main

Make = Callable[..., Console]


async def test_a_value_of_the_overview_is_searched_for_in_all_logs(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "rule:remote host:ws-014")
        await press(pilot, "enter", "tab", "j", "j", "p")
        assert "Search all logs for" in screen_text(app)
        await press(pilot, "1")
        assert isinstance(app.screen, LogSearch)
        text = screen_text(app)
        assert "all logs read" in text
        assert "events on" in text
        await press(pilot, "G", "enter")
        assert "source" in screen_text(app)  # the whole event
        await press(pilot, "j", "j", "j", "j", "j", "p")  # and from there on
        assert "Go on from" in screen_text(app)
        await press(pilot, "escape", "escape", "escape")
        assert isinstance(app.screen, Main)


async def test_from_the_list_the_alert_s_own_values_are_offered(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot)
        await press(pilot, "p")
        text = screen_text(app)
        assert "process.name" in text
        assert "process.command_line" in text
        assert "same host" in text


async def test_a_search_is_stopped_and_keeps_what_it_found(
    console: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that finds something in its first block, and has no end."""
    search = context.search

    def endless(case: Any, wanted: Wanted) -> Iterator[Progress]:
        for said in search(case, wanted):
            yield replace(said, blocks=0, of=1_000_000)
        for place in count(1):
            yield Progress(place % 1000, 1_000_000, place * 1000, found=said.found)

    monkeypatch.setattr(context, "search", endless)
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "p")
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, LogSearch))
        await until(pilot, lambda: "reading" in screen_text(app))
        await until(pilot, lambda: "events on" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: "stopped at" in screen_text(app))
        assert "events on" in screen_text(app)


async def test_t1_t3_hostile_values_are_shown_escaped(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.on_search_logs(log_search_message("process.name", "\x1b[31m[/]\u202e]52;c;x\x07"))
        await settled(pilot)
        text = screen_text(app)
        assert "\\x1b[31m[/]\\u202e" in text
        assert all(char.isprintable() or char == "\n" for char in text)


def log_search_message(field: str, value: str) -> Any:
    from triage.ui.signals import SearchLogs

    return SearchLogs(field, value)
