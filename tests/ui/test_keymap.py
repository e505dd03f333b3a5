"""The user's own keys: what they say works and is shown; what is wrong is told and not done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.screen import Screen

from tests.ui.helpers import press, row_of, screen_text, settled, until
from triage.config import settings_file
from triage.ui import keymap, keys
from triage.ui.app import Console
from triage.ui.screens.help import Help

Make = Callable[..., Console]


@pytest.fixture
def settings() -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = settings_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write


def said(found: keymap.Keymap) -> list[str]:
    return [f"{one.line}:{one.column} {one.message}" for one in found.problems]


async def test_a_key_of_ones_own_does_it_and_the_old_one_no_longer(
    settings: Callable[[str], Path], console: Make, case: Path
) -> None:
    settings('[keys]\n"alert.ack" = ["f5", "K"]\nhelp = "ctrl+g"\n')

    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        alert = app._main.rows.alert_id
        assert "f5 Ack" in screen_text(app)
        await press(pilot, "a")
        assert row_of(case, alert).status == "open"
        await press(pilot, "K")
        await until(pilot, lambda: row_of(case, alert).status == "acknowledged")
        await press(pilot, "colon", *"ackno")
        assert "f5" in screen_text(app)
        await press(pilot, "escape", "question_mark")
        assert not isinstance(app.screen, Help)
        await press(pilot, "ctrl+g")
        assert isinstance(app.screen, Help)
        told = [line.text for line in app.screen._lines]
        assert "  f5      acknowledge: you are looking into it" in told


async def test_another_key_in_the_settings_is_in_force_at_once(
    settings: Callable[[str], Path], console: Make, case: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        settings('[keys]\n"alert.ack" = "K"\n')
        await until(pilot, lambda: "K Ack" in screen_text(app))
        settings('[keys]\n"alert.ack" = "K')  # no TOML: nothing is lost by it
        await until(pilot, lambda: bool(app.keymap.problems))
        alert = app._main.rows.alert_id
        await press(pilot, "a")
        assert row_of(case, alert).status == "open"
        await press(pilot, "K")
        assert row_of(case, alert).status == "acknowledged"
        settings_file().unlink()
        await until(pilot, lambda: "a Ack" in screen_text(app))
        await press(pilot, "j", "a")
        assert row_of(case, app._main.rows.alert_id).status == "acknowledged"


def test_two_may_change_places(settings: Callable[[str], Path]) -> None:
    found = keymap.load(settings('[keys]\n"alert.ack" = "c"\n"alert.close" = "a"\n'))
    assert said(found) == []
    assert found.given == {"alert.ack": "c", "alert.close": "a"}


@pytest.mark.parametrize(
    ("text", "problem", "left"),
    [
        ('[keys]\nnothing = "x"', "2:1 unknown action 'nothing'; `triage keys` lists", {}),
        ('[keys]\nundo = "hyper+x"\nquit = "f9"', "2:1 unknown key 'hyper+x'", {"quit": "f9"}),
        ('[keys]\nundo = "ctrl+i"', "2:1 'ctrl+i' can not be used: terminals take it for tab", {}),
        ("[keys]\nundo = 3", "2:1 keys are written as", {}),
        ("[keys]\nundo = []", "2:1 keys are written as", {}),
        ('[keys]\nundo = "a"', "2:1 a already is alert.ack in the list", {}),
        # What has the focus takes the key first: the action could never be reached.
        ('[keys]\nundo = "j"', "2:1 j already is move.down in the list", {}),
        ('[keys]\n"complete.take" = "y"', "2:1 'y' is typed there as a character", {}),
        ('[keys]\nalert.ack = "f5"', "", {"alert.ack": "f5"}),
        ('keys = "x"', "1:1 keys must be a table", {}),
        ('[colours]\na = "b"', "1:1 unknown setting 'colours'", {}),
        ("[keys", "1:", {}),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_all_else_holds(
    settings: Callable[[str], Path], text: str, problem: str, left: dict[str, str]
) -> None:
    found = keymap.load(settings(text))
    assert [one.startswith(problem) for one in said(found)] == ([True] if problem else [])
    assert found.given == left


def test_a_third_that_takes_what_a_swap_gave_away_is_told(settings: Callable[[str], Path]) -> None:
    found = keymap.load(settings('[keys]\n"alert.ack" = "c"\n"alert.close" = "c"\n'))
    assert len(found.problems) == 2  # close's own c is ack's now, and ack's is close's again
    assert found.given == {}


@given(
    st.dictionaries(
        st.sampled_from(sorted(keys.BY_ID)),
        st.lists(st.sampled_from(["a", "c", "j", "f1", "f2", "ctrl+t", "G", "?", "esc", "escape"])),
        max_size=6,
    )
)
def test_whatever_is_written_no_key_means_two_things(wanted: dict[str, list[str]]) -> None:
    chosen = {name: ",".join(one) for name, one in wanted.items() if one}
    keymap._collisions(chosen)
    for scope in keys.SCOPES:
        here = [one for one in keys.ACTIONS if scope in one.scopes]
        now = [key for one in here for key in chosen.get(one.id, one.keys).split(",")]
        doubled = {key for key in now if now.count(key) > 1}
        alone = [key for one in here for key in set(chosen.get(one.id, one.keys).split(","))]
        assert {key for key in doubled if alone.count(key) > 1} == set()


async def test_the_console_tells_what_is_wrong_with_a_key(
    settings: Callable[[str], Path], console: Make
) -> None:
    settings('[keys]\nundo = "a"\n')

    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert any("already is alert.ack" in str(one.message) for one in app._notifications)
        await press(pilot, "exclamation_mark", "G")
        assert "a already is alert.ack in the list" in screen_text(app)


WALKS = {
    "the list": (),
    "an alert": ("enter",),
    "rules": ("R",),
    "a rule": ("r",),
    "matrix": ("M",),
    "timeline": ("T",),
    "risk board": ("B",),
    "exceptions": ("X",),
    "exception editor": ("f",),
    "journal": ("J",),
    "open steps": ("O",),
    "health": ("exclamation_mark",),
    "raw event": ("v",),
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
async def test_every_screen_tells_its_own_keys(console: Make, walk: tuple[str, ...]) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, *walk)
        asked = app.screen
        own = {str(scope.partition(":")[0]) for scope in _ids(asked)}
        await press(pilot, "question_mark")
        assert isinstance(app.screen, Help)
        told = "\n".join(line.text for line in app.screen._lines)
        for action in keys.ACTIONS:
            if action.id.startswith("pane.show_"):
                continue  # told in one line
            assert (f"  {action.shown:<8}{action.help}" in told) >= bool(own & set(action.scopes))
        assert "rename one" not in told  # and not what only works elsewhere
        await press(pilot, "question_mark")
        assert "rename one" in "\n".join(line.text for line in app.screen._lines)
        await press(pilot, "escape")
        assert app.screen is asked


def _ids(screen: Screen[Any]) -> list[str]:
    return [one.id or "" for _, one in screen._bindings]


def test_triage_keys_prints_a_table_that_changes_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "triage", "keys"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    path = tmp_path / "triage" / "config.toml"
    path.parent.mkdir()
    path.write_text(printed, "utf-8")
    found = keymap.load(path)
    assert found.problems == ()
    assert found.given == {action.id: action.keys for action in keys.ACTIONS}
    again = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert again == printed
