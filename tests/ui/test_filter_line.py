"""Filtering as it is typed: proposals, a caret under what is wrong, values left out with a key."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from tests.ui.helpers import main_screen, press, screen_text, settled, until, write
from triage.ui.app import Console
from triage.ui.filter_line import FilterInput
from triage.ui.pane_view import PaneView

Make = Callable[..., Console]


async def test_tab_takes_what_is_proposed(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "us")
        assert "user:" in screen_text(app)
        await press(pilot, "tab")
        await write(pilot, "svc")
        assert "svc_patch" in screen_text(app)
        await press(pilot, "tab", "enter")
        main = main_screen(app)
        assert main.query_one(FilterInput).value.startswith("user:")
        assert app.focused is main.rows
        assert {row.user for row in app.desk.store} == {"NORDWIND\\svc_patch"}


async def test_a_caret_stands_under_what_is_wrong(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "host:nw severity:hugh x")
        lines = screen_text(app).splitlines()
        assert lines[2].index("^") == lines[1].index("hugh")
        assert "low, medium, high" in lines[2]
        await press(pilot, "enter")
        assert "^" not in screen_text(app).splitlines()[2]


async def test_a_filter_longer_than_its_line_stays_in_sight(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        app.post_message(events.Paste("powershell " * 15))
        await write(pilot, "end")
        await until(pilot, lambda: "powershell end" in screen_text(app).splitlines()[1])


async def test_any_field_of_the_alert_can_be_asked_for(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        total = app.desk.store.total
        main_screen(app).set_filter("process.parent.executable:*powershell.exe not process.pid:0")
        await until(pilot, lambda: 0 < len(app.desk.store) < total)
        assert {row.parent for row in app.desk.store} == {"powershell.exe"}


async def test_x_leaves_a_value_out_of_the_list_and_brings_it_back(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "tab")
        main, view = main_screen(app), app.focused
        assert isinstance(view, PaneView)
        while not (view.item and [one for one in view.item.facts if one[0] == "user.name"]):
            await pilot.press("j")
        user = dict(view.item.facts)["user.name"]
        await press(pilot, "x", "x")
        assert main.query_one(FilterInput).value == f'not user.name="{user}"'
        assert all(not row.user.endswith(user) for row in app.desk.store)
        await press(pilot, "escape", "x", "1", "o")
        assert 0 < len(app.desk.store) < app.desk.store.total
