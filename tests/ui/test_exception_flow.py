"""From a false positive to an exception: seen before it is made, saved as TOML, undone in one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tomli

from tests.ui.helpers import (
    NOW,
    add_alerts,
    main_screen,
    press,
    row_of,
    screen_text,
    settled,
    until,
    write,
)
from tests.ui.test_decide import toasts
from triage.case.decide import Decisions
from triage.exceptions import load_exceptions, write_values
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
        assert "would have hidden 9 of 13 alerts (8 open, 1 closed), 0 of other rules" in text
        assert "events that never alerted" in " ".join(text.split())
        assert "stays: 4 alerts" in text
        assert [one.entry.field for one in editor.draft.conditions if one.ticked] == [
            "process.hash.sha256",
            "process.parent.executable",
        ]

        # Without the parent the attack would be hidden, too: the preview says so at once.
        await press(pilot, "j", "j", "j", "j", "space")
        assert "would have hidden 10 of 13 alerts" in screen_text(app)
        await press(pilot, "space")
        assert "would have hidden 9 of 13 alerts" in screen_text(app)

        await press(pilot, "ctrl+s")
        assert "A reason is required." in screen_text(app)
        assert not (tmp_path / "exceptions").exists()
        await write(pilot, "nightly patch agent, CHG-4411")
        await press(pilot, "enter")  # it was to be saved, and now it can be
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
        await press(pilot, "g", *["j"] * place, "o", "r")
        assert editor.draft.conditions[place].operator == "in range"
        await press(pilot, "enter", *["backspace"] * 3)
        await write(pilot, "0/24")
        await press(pilot, "enter")
        assert editor.draft.conditions[place].saved.values == ("203.0.113.0/24",)
        assert editor.draft.conditions[place].ticked
        await press(pilot, *["j"] * (len(names) - place), "enter")  # add a field …
        await write(pilot, "process.pid")
        await press(pilot, "enter")
        assert len(editor.draft.conditions) == len(names) + 1
        assert editor.draft.conditions[-1].added
        await press(pilot, "g", *["j"] * len(names), "x")
        assert len(editor.draft.conditions) == len(names)
        await press(pilot, "j", "space", "e", "j", "space", "4", "j", "enter")
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
        await press(pilot, "enter")
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
        await press(pilot, "enter")
        [path] = listed.iterdir()
        path.write_text("")
        await press(pilot, "u")
        assert "no longer in" in toasts(app)
    assert Decisions(str(case), "jdoe", lambda: NOW).undo() is None


async def test_escape_asks_before_it_drops_what_was_typed(console: Make, tmp_path: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "f", "escape")
        assert app.screen is main_screen(app)  # nothing was changed: nothing to ask
        await press(pilot, "f", "space", "escape")
        assert "Nothing of this is saved yet" in screen_text(app)
        await press(pilot, "n")
        assert isinstance(app.screen, ExceptionEditor)
        await press(pilot, "escape", "y")
        assert app.screen is main_screen(app)
        await press(pilot, "f", "ctrl+s")
        await write(pilot, "because")
        await press(pilot, "escape")
        assert "Reason   because" in screen_text(app)  # out of the field, the words stay
        await press(pilot, "escape")
        assert "Nothing of this is saved yet" in screen_text(app)
        await press(pilot, "y")
        assert not (tmp_path / "exceptions").exists()


async def test_a_value_that_is_typed_is_dropped_by_a_second_escape(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        editor = await edit(app)
        begun = editor.draft
        await press(pilot, "enter", "escape")  # nothing typed: nothing to lose
        assert not editor.has_class("-editing")
        await press(pilot, "enter", "0", "escape")
        assert "esc again drops what you typed" in screen_text(app)
        assert editor.has_class("-editing")
        await press(pilot, "escape")
        assert editor.draft == begun
        assert "esc again" not in screen_text(app)
        await press(pilot, "enter", "0", "escape", "enter")  # thought better of it
        assert editor.draft.conditions[0].value == begun.conditions[0].value + "0"


async def test_every_operator_and_its_opposite(console: Make, tmp_path: Path) -> None:
    write_values(tmp_path / "exceptions", "users.txt", "keyword", ["svc_patch", "svc_build"])
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "j", "f")
        editor = await edit(app)
        place = [one.entry.field for one in editor.draft.conditions].index("user.name")
        await press(pilot, "g", *["j"] * place)

        def line() -> tuple[str, str]:
            one = editor.draft.conditions[place]
            return one.operator, one.value

        value = line()[1]
        for key, words, opposite in (
            ("o", "is one of", "is none of"),
            ("m", "matches", "matches not"),
            ("e", "exists", "is missing"),
            ("i", "is", "is not"),
        ):
            await press(pilot, "o", key)
            assert editor.draft.conditions[place].operator == words
            await press(pilot, "n")
            assert editor.draft.conditions[place].operator == opposite
            await press(pilot, "o", "n")
            assert editor.draft.conditions[place].operator == words
        assert line() == ("is", value)
        await press(pilot, "o", "l", "enter")
        assert line() == ("in list", "users.txt")
        assert "users.txt (2 values)" in screen_text(app)
        assert editor.draft.conditions[place].entry.listed == ("svc_patch", "svc_build")
        await press(pilot, "o", "h")
        assert line() == ("has", "name is svc_patch")
        await press(pilot, "enter")
        await write(pilot, " and domain exists")
        await press(pilot, "enter")
        inner = editor.draft.conditions[place].entry
        assert [(one.field, one.type) for one in inner.entries] == [
            ("name", "match"),
            ("domain", "exists"),
        ]
        await press(pilot, "enter")
        await write(pilot, " and nonsense")
        await press(pilot, "enter")
        assert "'nonsense' is no condition" in screen_text(app)
        assert editor.draft.conditions[place].entry == inner


async def test_a_field_is_found_by_a_few_letters_or_typed(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "f")
        editor = await edit(app)
        await press(pilot, "G", *["k"] * 3, "enter")
        assert "Add a field" in screen_text(app)
        await write(pilot, "dns.quest")
        await press(pilot, "tab")
        assert "dns.question." in screen_text(app)
        await write(pilot, "registered")
        await press(pilot, "enter")  # ECS has it, these events do not
        await write(pilot, "contoso.example")
        await press(pilot, "enter")
        last = editor.draft.conditions[-1]
        assert (last.entry.field, last.value) == (
            "dns.question.registered_domain",
            "contoso.example",
        )
        await press(pilot, "g", *["j"] * len(editor.draft.conditions), "enter")
        await write(pilot, "vendor.own_field")
        await press(pilot, "enter")
        await write(pilot, "x")
        await press(pilot, "enter")
        assert editor.draft.conditions[-1].entry.field == "vendor.own_field"


async def test_a_wider_scope_shows_what_it_hides_of_other_rules(
    console: Make, tmp_path: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 60)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "host:ws-014")
        await press(pilot, "enter", "f")
        editor = await edit(app)
        for place, one in enumerate(editor.draft.conditions):
            if one.ticked != (one.entry.field == "host.name"):
                await press(pilot, "g", *["j"] * place, "space")
        host = next(one for one in editor.draft.conditions if one.ticked).value
        await press(pilot, "g", *["j"] * (len(editor.draft.conditions) + 1), "enter")
        assert "rules with the tag" in screen_text(app)
        await press(pilot, "e")
        await until(pilot, lambda: editor.found is not None and bool(editor.found.others))
        text = " ".join(screen_text(app).split())
        assert "every rule" in text
        assert "it hides alerts of" in text
        assert "also those that are written later" in text
        assert editor.found
        assert {row.host for row in editor.found.others} == {host}
        await press(pilot, "ctrl+s")
        await write(pilot, "to be rebuilt")
        await press(pilot, "enter")
        assert not list((tmp_path / "exceptions").glob("*.toml"))  # grave: it asks once more
        await press(pilot, "ctrl+s")
        [item] = load_exceptions(tmp_path / "exceptions").lists[0].items
        assert (item.rules, item.tags) == ((), ())


async def test_a_storm_is_decided_in_few_keys(console: Make, case: Path, tmp_path: Path) -> None:
    """500 alerts of one cause: f, ^s, why, enter."""
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        patch = next(row for row in app.desk.store if row.user.endswith("svc_patch"))
        storm = [f"storm-{number:03d}" for number in range(500)]
        add_alerts(case, [{"id": one, "time": NOW} for one in storm], like=patch.id)
        await until(pilot, lambda: app.desk.store.get(storm[-1]) is not None)
        await press(pilot, "g", "f", "ctrl+s")
        await write(pilot, "nightly patches, CHG-4411")
        await press(pilot, "enter")
        assert "509 alerts closed" in toasts(app)
        await until(pilot, lambda: app.desk.store.counts.false_positive == 509)
        assert len(load_exceptions(tmp_path / "exceptions").lists[0].items) == 1
        await press(pilot, "u")
        await until(pilot, lambda: app.desk.store.counts.false_positive == 0)
