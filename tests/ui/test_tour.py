"""The tour: each step goes on by what it asks for, and can be left out; the rest knows none."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.ui.helpers import press, screen_text, settled
from triage.ui import keys
from triage.ui.app import Console
from triage.ui.tour import STEPS, Tour

Make = Callable[..., Console]


async def test_doing_what_a_step_asks_for_leads_on(console: Make) -> None:
    app = console(tour=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "1/13 A working day" in screen_text(app)
        await press(pilot, "a")  # something else: the step stays
        assert "1/13" in screen_text(app)
        await press(pilot, "j")
        assert "2/13" in screen_text(app)
        await press(pilot, "enter", "1", "2", "3", "6")
        assert "7/13 You know enough: c closes" in screen_text(app)
        await press(pilot, "c", "escape", "escape")
        assert "9/13" in screen_text(app)
        await press(pilot, "b", "b", "b", "b", "b", "f", "escape", "M", "question_mark")
        assert "13/13 That was it." in screen_text(app)


async def test_a_tour_can_be_left_at_any_step(console: Make) -> None:
    app = console(tour=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "full_stop", "full_stop")
        assert "3/13" in screen_text(app)
        await press(pilot, "semicolon", "enter")
        assert "/13" not in screen_text(app)
        await press(pilot, "full_stop")
        assert "/13" not in screen_text(app)


async def test_without_a_tour_its_keys_are_nobodys(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "full_stop", "question_mark")
        assert not app.screen.query("#tour")
        assert "in the tour" not in screen_text(app)


def test_every_step_names_actions_that_are_there() -> None:
    for step in STEPS:
        for name in [*re.findall(r"\{(.*?)\}", step.text), *([step.action] if step.action else [])]:
            assert name in keys.BY_ID
    tour = Tour()
    while not tour.over:
        assert tour.next()
