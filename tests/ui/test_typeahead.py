"""Keys typed faster than a screen opens: in order, none lost, none to the wrong place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tests.conftest import ROOT
from tests.ui.helpers import row_of, settled
from tests.ui.terminal import ConsoleTerminal
from triage.case.read import CaseReader
from triage.ui.app import Console

Make = Callable[..., Console]
KEYS = {"\r": "enter", "\x1b": "escape", " ": "space", "\x13": "ctrl+s", "\x01": "ctrl+a"}


async def type_at_once(pilot: Pilot[Any], text: str) -> None:
    """Put keys into the app's queue as a terminal does where it reads many bytes at a time."""
    for char in text:
        key = KEYS.get(char) or (char if char.isalnum() else _character_to_key(char))
        pilot.app.post_message(events.Key(key, char if char.isprintable() else None))
    await settled(pilot)


def notes(case: Path, alert_id: str) -> list[str]:
    reader = CaseReader(str(case))
    try:
        detail = reader.alert(alert_id)
        assert detail is not None
        return [note.body for note in detail.notes]
    finally:
        reader.close()


async def test_what_is_typed_behind_the_key_of_a_dialog_is_its_answer(
    console: Make, case: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        first, second, third = (row.id for row in app.desk.store[:3])
        await type_at_once(pilot, "cfjctjaj@okim\rkmjack of all\r")
        assert row_of(case, first).close_reason == "false_positive"
        assert row_of(case, second).close_reason == "true_positive"
        assert row_of(case, third).status == "acknowledged"
        assert notes(case, third) == ["jack of all"]
        assert app.screen is app._main


async def test_dialogs_that_follow_dialogs_get_the_keys_meant_for_them(
    console: Make, case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = console(themes_in=[ROOT / "themes"])
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await type_at_once(pilot, "/powershell\rSnnights\r\x1b:theme\r")
        assert app.theme == "triage-light"
        await type_at_once(pilot, "S1\x1bWwn\rj")
        assert len(list(tmp_path.glob("own-*.ndjson"))) == 1
        assert app.screen is app._main


async def test_an_exception_can_be_typed_before_its_editor_is_there(
    console: Make, case: Path, tmp_path: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await type_at_once(pilot, "f\x13the patch agent\r\x13")
        assert app.screen is app._main
        written = list((tmp_path / "exceptions").glob("*.toml"))
        assert len(written) == 1
        assert "the patch agent" in written[0].read_text()


async def test_a_step_is_ticked_of_the_alert_one_has_come_to(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        first, second, third = (row.id for row in app.desk.store[:3])
        await type_at_once(pilot, "\r6 n nj ")
        reader = CaseReader(str(case))
        ticks = [len(reader.marks().get(one, {})) for one in (first, second, third)]
        reader.close()
        assert ticks == [1, 1, 1]


async def test_escape_waits_for_nothing_that_a_screen_still_reads(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await type_at_once(pilot, "f  jj\x1bR\x1bM\x1bj")
        assert app.screen is app._main
        assert app._main.rows.alert_id == app.desk.store[1].id


async def test_text_pasted_behind_a_key_goes_to_the_field_the_key_opens(
    console: Make, case: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        first = app.desk.store[0].id
        app.post_message(events.Key("m", "m"))
        app.post_message(events.Paste("seen before, ct 4711"))
        app.post_message(events.Key("enter", None))
        await settled(pilot)
        assert notes(case, first) == ["seen before, ct 4711"]
        assert row_of(case, first).status == "open"


def test_in_a_terminal_a_whole_decision_may_come_in_one_write(case: Path, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    terminal = ConsoleTerminal([case, tmp_path / "none", Path("themes")], environment, 120, 36)
    try:
        terminal.wait("15:07:14")
        terminal.send("ctjcfmseen ct before\r")
        terminal.wait("noted")
        terminal.send("c\x1bjJ")  # escape and j are one key to a terminal: alt and j
        terminal.wait("closed as false positive")
        terminal.send("q")
        terminal.send("q")
        assert terminal.end() == 0
    except BaseException:
        terminal.kill()
        raise
    reader = CaseReader(str(case))
    decided = {row.close_reason: row.id for row in reader.alerts() if row.close_reason}
    reader.close()
    assert set(decided) == {"true_positive", "false_positive"}
    assert notes(case, decided["false_positive"]) == ["seen ct before"]
