"""The guide of a rule: its text, its steps with outcomes, and the answers to its questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui import deep
from tests.ui.helpers import press, screen_text, settled, write
from triage.case.read import CaseReader
from triage.ui.app import Console
from triage.ui.screens.log_search import LogSearch

Make = Callable[..., Console]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    return deep.make(tmp_path)


async def test_questions_are_answered_beside_their_steps_and_open(console: Make, odd: Path) -> None:
    app = console(odd)
    async with app.run_test(size=(200, 60)) as pilot:
        await settled(pilot)
        await press(pilot, "enter", "6", "z")
        text = screen_text(app)
        assert "Possible investigation steps  0/5" in text
        assert "⌕ Events of the process \\x1b[31m[/]  6 events  within 1 h" in text
        assert "⌕ 0 other alerts  within 2 d  by host.name: the alert has no host.id" in text
        assert "not asked: the alert has no file.path" in text
        assert "osquery  Services  y copies the query" in text
        assert "SELECT * FROM services WHERE name = 'cmda\\x1b[31m" in text
        assert "[ ] Reset the account." in text
        assert "⌕ Other starts of mia" in text
        assert "1 event  the 1 h before" in text
        await press(pilot, "j", "j", "enter")  # the first question
        assert isinstance(app.screen, LogSearch)
        assert "6 events on 1 host" in screen_text(app)


async def test_a_step_ends_in_an_outcome_and_the_list_shows_progress(
    console: Make, odd: Path
) -> None:
    app = console(odd)
    async with app.run_test(size=(120, 60)) as pilot:
        await settled(pilot)
        await press(pilot, "enter", "6", "z", "space")
        assert "6 Response 1/8" in screen_text(app)
        assert "[✓] Look at" in screen_text(app)
        await press(pilot, "j", "enter")
        assert "not applicable" in screen_text(app)
        await press(pilot, "x", "enter", "w")
        await write(pilot, "host is offline")
        await press(pilot, "enter")
        text = screen_text(app)
        assert "[✗] What else did it do?" in text
        assert "failed, jdoe, 2026-03-12 16:00:00 UTC  host is offline" in text
        assert "6 Response 1/8" in text
        await press(pilot, "escape")
        assert "1/8" in screen_text(app)
        await press(pilot, "u")
    reader = CaseReader(str(odd))
    detail = reader.alert(reader.alerts()[0].id)
    assert detail is not None
    assert sorted((tick.outcome, tick.note) for tick in detail.ticks.values()) == [
        ("done", ""),
        ("failed", ""),
    ]
    reader.close()


async def test_open_steps_of_the_case_are_listed_and_taken(console: Make, odd: Path) -> None:
    app = console(odd)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "O")
        assert "0 steps to take on 0 alerts" in screen_text(app)
        assert "1 open alert nobody has begun" in screen_text(app)
        await press(pilot, "escape", "a", "O")
        text = screen_text(app)
        assert "8 steps to take on 1 alert" in text
        assert "[ ] investigate      Look at process.name" in text
        assert "[ ] respond          Isolate the host." in text
        assert "0/8  ◐ ack jdoe  Odd" in text
        await press(pilot, "j", "space")
        text = screen_text(app)
        assert "7 steps to take on 1 alert" in text
        assert "Look at process.name" not in text
        await press(pilot, "j", "enter", "x")
        assert "[✗]" in screen_text(app)
        await press(pilot, "g", "enter")
        assert "alert 1/1" in screen_text(app)  # the alert itself
