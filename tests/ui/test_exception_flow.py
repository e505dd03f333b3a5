"""From a false positive to an exception: seen before it is made, saved as TOML, undone in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tomli

from tests.ui.helpers import NOW, main_screen, press, row_of, screen_text, settled, until, write
from tests.ui.test_decide import toasts
from triage.case.decide import Decisions
from triage.exceptions import load_exceptions
from triage.ui.app import Console
from triage.ui.draft import DAY
from triage.ui.screens.exception import ExceptionEditor

Make = Callable[..., Console]
RULE = "Unusual Network Activity from a System Binary"


async def edit(app: Console) -> ExceptionEditor:
    assert isinstance(app.screen, ExceptionEditor)
    return app.screen


async def test_the_whole_flow(console: Make, case: Path, tmp_path: Path) -> None:
    """Nine nightly installations are excepted; the attack that looks like them is not."""
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "user:svc_patch")
        await press(pilot, "enter")
        patches = [row.id for row in app.desk.store]
        assert len(patches) == 9
        app.desk.decisions.close(patches[:1], "duplicate")
        await press(pilot, "j", "f")
        editor = await edit(app)
        text = screen_text(app)
        assert "suppresses 9 of this rule's 13 alerts (8 open, 1 closed)" in text
        assert "0 alerts of other rules" in text
        assert "stays: 4 alerts" in text
        assert [one.entry.field for one in editor.draft.conditions if one.ticked] == [
            "process.hash.sha256",
            "process.parent.executable",
        ]

        # Without the parent the attack would be hidden, too: the preview says so at once.
        await press(pilot, "j", "j", "j", "j", "space")
        assert "suppresses 10 of this rule's 13 alerts" in screen_text(app)
        await press(pilot, "space")
        assert "suppresses 9 of this rule's 13 alerts" in screen_text(app)

        await press(pilot, "ctrl+s")
        assert "A reason is required." in screen_text(app)
        assert not (tmp_path / "exceptions").exists()
        await write(pilot, "nightly patch agent, CHG-4411")
        await press(pilot, "enter", "ctrl+s")
        assert app.screen is main_screen(app)
        assert "8 alerts closed · u to undo" in toasts(app)

        [path] = (tmp_path / "exceptions").iterdir()
        assert path.name == "defense_evasion_unusual_network_activity_system_binary.toml"
        [item] = tomli.loads(path.read_text())["item"]
        assert item["comment"] == "nightly patch agent, CHG-4411"
        assert item["created_by"] == "jdoe"
        assert [entry["field"] for entry in item["entries"]] == [
            "process.hash.sha256",
            "process.parent.executable",
        ]
        [found] = load_exceptions(path.parent).lists
        assert found.items[0].expire_time == NOW + 90 * DAY
        assert row_of(case, patches[0]).close_reason == "duplicate"  # decided before: stays
        assert {row_of(case, one).close_reason for one in patches[1:]} == {"false_positive"}
        await until(pilot, lambda: "fp 8" in screen_text(app))

        await press(pilot, "u")
        assert {row_of(case, one).status for one in patches[1:]} == {"open"}
        assert not path.exists()  # it was made for this one
        assert "the exception is out of" in toasts(app)


async def test_marked_alerts_give_their_common_fields(console: Make) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "host:app02")
        await press(pilot, "enter", "V", "G", "V", "f")  # nine patches and the attack
        editor = await edit(app)
        fields = {one.entry.field for one in editor.draft.conditions}
        assert {"process.executable", "host.name"} <= fields
        assert not fields & {"user.name", "process.parent.executable"}  # they differ
        assert "10/13" in screen_text(app)


async def test_alerts_of_several_rules_have_no_exception_in_common(console: Make) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "V", "G", "V", "f")
        assert "of several rules" in toasts(app)
        assert app.screen is main_screen(app)


async def test_a_wide_exception_needs_a_second_word(console: Make, tmp_path: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        editor = await edit(app)
        for place, one in enumerate(editor.draft.conditions):
            wanted = one.entry.field == "host.name"
            if one.ticked != wanted:
                await press(pilot, "g", *["j"] * place, "space")
        assert [one.entry.field for one in editor.draft.conditions if one.ticked] == ["host.name"]
        await press(pilot, "ctrl+s")
        await write(pilot, "this host is a mess")
        await press(pilot, "ctrl+s")
        assert "hides 10 of the rule's 13 alerts" in screen_text(app)
        assert not (tmp_path / "exceptions").exists()
        await press(pilot, "ctrl+s")
        assert (tmp_path / "exceptions").exists()
        assert "10 alerts closed" in toasts(app)


async def test_without_a_tick_nothing_is_saved(console: Make, tmp_path: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        editor = await edit(app)
        for place, one in enumerate(editor.draft.conditions):
            if one.ticked:
                await press(pilot, "g", *["j"] * place, "space")
        await press(pilot, "ctrl+s")
        assert "Tick at least one line" in screen_text(app)
        assert not (tmp_path / "exceptions").exists()


async def test_operators_values_scope_expiry_and_own_fields(console: Make, tmp_path: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        editor = await edit(app)
        names = [one.entry.field for one in editor.draft.conditions]
        place = names.index("destination.ip")
        await press(pilot, "g", *["j"] * place, "o", "o", "o", "o")
        assert editor.draft.conditions[place].operator == "in range"
        await press(pilot, "enter", *["backspace"] * 3)
        await write(pilot, "0/24")
        await press(pilot, "enter")
        assert editor.draft.conditions[place].saved.values == ("203.0.113.0/24",)
        assert editor.draft.conditions[place].ticked
        await press(pilot, *["j"] * (len(names) - place), "enter")  # add a field …
        await press(pilot, "enter")
        assert len(editor.draft.conditions) == len(names) + 1
        assert editor.draft.conditions[-1].added
        await press(pilot, "g", *["j"] * len(names), "x")
        assert len(editor.draft.conditions) == len(names)
        await press(pilot, "j", "space", "j", "space", "j", "enter")
        await write(pilot, "test range of the patch team")
        await press(pilot, "enter", "ctrl+s")
        path = tmp_path / "exceptions" / "shared.toml"
        [item] = load_exceptions(path.parent).lists[0].items
        assert item.rules == ()
        assert item.expire_time == NOW + 180 * DAY
        assert any(entry.type == "cidr" for entry in item.entries)


async def test_a_folder_that_can_not_be_written_is_said(console: Make, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    app = console(exceptions=blocked)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "f", "ctrl+s")
        await write(pilot, "because")
        await press(pilot, "enter", "ctrl+s")
        assert "Not saved" in screen_text(app)
        assert app.desk.store.counts.open == 16


async def test_an_undone_exception_that_was_removed_by_hand(
    console: Make, case: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "exceptions"
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "f", "ctrl+s")
        await write(pilot, "because")
        await press(pilot, "enter", "ctrl+s")
        [path] = listed.iterdir()
        path.write_text("")
        await press(pilot, "u")
        assert "no longer in" in toasts(app)
    assert Decisions(str(case), "jdoe", lambda: NOW).undo() is None
