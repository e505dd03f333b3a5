"""A case opens as it was left, and opens all the same where what was kept is spoilt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.helpers import press, row_of, screen_text, settled, write
from triage.ui import memory
from triage.ui.app import Console
from triage.ui.memory import Look
from triage.ui.screens.drill import Drill

Make = Callable[..., Console]
SIZE = (120, 36)


async def test_a_case_opens_as_it_was_left(console: Make, tmp_path: Path) -> None:
    kept = tmp_path / "state" / "case.json"
    app = console(remember=kept)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "slash")
        await write(pilot, "host:srv")
        await press(pilot, "enter", "s", "j", "j", "j", "4", "t")
        alert = app._main.rows.alert_id
        theme, sort, shown = app.theme, app.desk.store.sort, len(app.desk.store)
        app.exit()
    assert kept.stat().st_mode & 0o077 == 0
    again = console(remember=kept)
    async with again.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert again._main.rows.alert_id == alert
        assert (again.theme, again.desk.store.sort) == (theme, sort)
        assert len(again.desk.store) == shown < again.desk.store.total
        assert "host:srv" in screen_text(again)
        assert again._main.look().pane == 3
        await press(pilot, "escape", "s", "b", "g")
        assert again._main.rows.on_group
        left = again._main.look()
        again.exit()
    third = console(remember=kept)
    async with third.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert third._main.look() == left


async def test_an_alert_on_the_whole_screen_is_there_again(console: Make, tmp_path: Path) -> None:
    kept = tmp_path / "case.json"
    app = console(remember=kept)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "j", "j", "enter", "2", "z")
        assert isinstance(app.screen, Drill)
        alert = app.screen.alert_id
        app.exit()
    again = console(remember=kept)
    async with again.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(again.screen, Drill)
        assert again.screen.alert_id == alert
        assert (again.screen.pane, again.screen.zoomed, again.screen.single) == (1, True, True)
        await press(pilot, "escape")
        assert again._main.rows.alert_id == alert
        await press(pilot, "j")  # and the list is free again
        assert again._main.rows.alert_id != alert


async def test_marks_opened_groups_and_scroll_are_as_they_were(
    console: Make, case: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "case.json"
    app = console(remember=kept)
    async with app.run_test(size=(80, 12)) as pilot:
        await settled(pilot)
        await press(pilot, "b", "G", "enter", "k", "k", "enter", "j", "space", "space", "j", "j")
        await press(pilot, "j", "j", "j", "k", "k")
        left, shown = app._main.look(), screen_text(app)
        assert len(left.marked) == 2
        assert len(left.open_groups) == 2
        assert 0 < left.line < 6
        app.exit()
    again = console(remember=kept)
    async with again.run_test(size=(80, 12)) as pilot:
        await settled(pilot)
        assert again._main.look() == left
        assert screen_text(again) == shown
        await press(pilot, "a")  # what is marked is what a decision is about
        assert {row_of(case, one).status for one in left.marked} == {"acknowledged"}


async def test_an_alert_that_is_gone_is_no_hindrance(console: Make, tmp_path: Path) -> None:
    kept = tmp_path / "case.json"
    memory.save(kept, Look(filter="severity>=", alert="gone", opened=True, theme="no such theme"))
    app = console(remember=kept)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert app.screen is app._main
        assert app.theme == "triage-dark"
        await press(pilot, "escape", "j")
        alert = app._main.rows.alert_id
        app.exit()
    assert memory.load(kept).alert == alert


def test_another_case_has_its_own_screen_and_the_theme_used_last(tmp_path: Path) -> None:
    memory.save(tmp_path / "one.json", Look(filter="x", theme="triage-light"))
    assert memory.load(tmp_path / "two.json") == Look(theme="triage-light")


def test_only_the_newest_screens_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_KEPT", 3)
    for number in range(5):
        memory.save(tmp_path / f"{number}.json", Look(filter=str(number)))
    assert len(list(tmp_path.iterdir())) == 3
    assert memory.load(tmp_path / "4.json").filter == "4"


@pytest.mark.parametrize(
    ("content", "look"),
    [
        (b"", Look()),
        (b"\xff\xfe{", Look()),
        (b"[" * 60_000, Look()),
        (b"[1]", Look()),
        (b'{"filter": 3, "pane": true, "theme": "x", "other": 1}', Look(theme="x")),
        (b'{"sort": "by nothing", "theme": "x", "filter": "y"}', Look(theme="x")),
        (b'{"pane": 6}', Look()),
        (b'{"pane": -1}', Look()),
        (b'{"marked": ["a", 3], "filter": "y"}', Look(filter="y")),
        (b'{"open_groups": ["a"], "filter": "y"}', Look(filter="y")),
        (b'{"open_groups": [["a", ["b"]]]}', Look()),
        (
            b'{"open_groups": [["a", "b"]], "marked": ["c"]}',
            Look(open_groups=(("a", "b"),), marked=("c",)),
        ),
        (b'{"filter": "y", "opened": true}', Look(filter="y", opened=True)),
    ],
)
def test_whatever_is_in_the_file_the_screen_is_usable(
    tmp_path: Path, content: bytes, look: Look
) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(content)
    assert memory.load(path) == look


def test_a_folder_that_can_not_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory.save(tmp_path / "file" / "case.json", Look())
    assert memory.load(tmp_path / "file" / "case.json") == Look()
