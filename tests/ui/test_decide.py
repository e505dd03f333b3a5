"""Deciding by keys: what is pressed is in the case afterwards, and u takes it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.helpers import (
    NOW,
    Clock,
    add_alerts,
    main_screen,
    press,
    row_of,
    screen_text,
    settled,
    until,
    write,
)
from triage import times
from triage.case.model import EngineState
from triage.case.read import CaseReader
from triage.case.write import CaseWriter
from triage.ui.app import Console
from triage.ui.screens.drill import Drill

Make = Callable[..., Console]


def toasts(app: Console) -> str:
    return "\n".join(note.message for note in app._notifications)


async def test_acknowledge_and_undo(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "a")
        assert row_of(case, alert_id).status == "acknowledged"
        assert row_of(case, alert_id).assignee == "jdoe"
        await until(pilot, lambda: "◐ ack" in screen_text(app))
        assert "1 alert acknowledged · u to undo" in toasts(app)
        await press(pilot, "u")
        assert row_of(case, alert_id).status == "open"
        assert "undone: acknowledged" in toasts(app)
        await until(pilot, lambda: "ack 0" in screen_text(app))


@pytest.mark.parametrize(
    ("key", "reason", "shown"),
    [
        ("t", "true_positive", "● closed"),
        ("b", "benign_positive", "● closed"),
        ("f", "false_positive", "∅ fp"),
        ("d", "duplicate", "● closed"),
        ("o", "other", "● closed"),
    ],
)
async def test_close_asks_for_the_reason(
    console: Make, case: Path, key: str, reason: str, shown: str
) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "c")
        assert row_of(case, alert_id).status == "open"  # nothing happens before the reason
        await press(pilot, key)
        assert row_of(case, alert_id).close_reason == reason
        await until(pilot, lambda: shown in screen_text(app))
        await press(pilot, "o")
        assert row_of(case, alert_id).status == "open"


async def test_acknowledging_takes_no_verdict_away(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "c", "t", "a")
        assert row_of(case, alert_id).close_reason == "true_positive"
        assert "closed already" in toasts(app)
        await press(pilot, "o", "a")
        assert row_of(case, alert_id).status == "acknowledged"


async def test_escape_leaves_the_alert_as_it_is(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "c", "escape", "m", "escape", "f", "escape")
        assert row_of(case, alert_id).status == "open"
        assert app.screen is main_screen(app)


async def test_marked_alerts_are_decided_together_and_undone_together(
    console: Make, case: Path
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        rows = main_screen(app).rows
        ids = [row.id for row in app.desk.store[0:6]]
        await press(pilot, "space", "j", "V", "j", "j", "V")  # the first, then third to fifth
        assert set(rows.marked) == {ids[0], ids[2], ids[3], ids[4]}
        assert "4 marked" in screen_text(app)
        await press(pilot, "c", "d")
        assert [row_of(case, one).status for one in ids] == [
            "closed", "open", "closed", "closed", "closed", "open",
        ]  # fmt: skip
        assert not rows.marked
        await press(pilot, "u")
        assert {row_of(case, one).status for one in ids} == {"open"}
        assert "undone: closed as duplicate" in toasts(app)


async def test_a_note_is_kept_and_shown(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "m")
        await write(pilot, "asked the owner: not theirs")
        await press(pilot, "enter")
        assert row_of(case, alert_id).notes == 1
        await press(pilot, "enter", "G")
        await until(pilot, lambda: "asked the owner: not theirs" in screen_text(app))
        assert "jdoe" in screen_text(app)


async def test_a_note_is_not_dropped_by_one_escape(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = app.desk.store[0].id
        await press(pilot, "m", "escape")
        assert app.screen is main_screen(app)  # nothing was written
        await press(pilot, "m")
        await write(pilot, "seen before")
        await press(pilot, "escape")
        assert "esc again drops what you wrote" in screen_text(app)
        await press(pilot, "s")  # goes on: a later escape asks again
        assert "esc again" not in screen_text(app)
        await press(pilot, "escape", "escape")
        assert app.screen is main_screen(app)
        assert row_of(case, alert_id).notes == 0


async def test_a_tick_is_kept_with_who_and_when(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "6", "space")
        reader = CaseReader(str(case))
        detail = reader.alert(alert_id)
        assert detail is not None
        [tick] = detail.ticks.values()
        assert (tick.who, tick.at) == ("jdoe", NOW)
        await until(pilot, lambda: "[✓]" in screen_text(app))
        assert "jdoe, 2026-03-12 16:00:00 UTC" in screen_text(app)
        assert "6 Response 1/" in screen_text(app)
        await press(pilot, "space")  # and off again
        await until(pilot, lambda: "6 Response 0/" in screen_text(app))
        detail = reader.alert(alert_id)
        assert detail is not None
        assert detail.ticks == {}
        assert [entry.action for entry in detail.history] == ["tick", "untick"]
        reader.close()


CHANGES = {
    "main": ["a", "c", "o", "number_sign", "at", "m", "f", "u", "W", "e"],
    "pane": ["space", "enter"],
    "R": ["space", "e"],
    "X": ["e", "d", "plus", "D", "E", "u"],
    "S": ["n"],
}


@pytest.mark.parametrize("place", CHANGES)
async def test_read_only_refuses_and_says_so(place: str, console: Make, case: Path) -> None:
    app = console(read_only=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "reading only" in screen_text(app)  # the status line
        if place == "pane":
            await press(pilot, "6", "tab")
            await settled(pilot)
            await press(pilot, "j", "j")
        elif place != "main":
            await press(pilot, place)
            await settled(pilot)
        screen = app.screen
        for key in CHANGES[place]:
            app.clear_notifications()
            await press(pilot, key)
            told = screen_text(app) if place == "S" else toasts(app)
            assert "nothing can be changed here" in told, key
            assert app.screen is screen
    reader = CaseReader(str(case))
    assert reader.journal_end() == 0
    reader.close()


async def test_the_cursor_keeps_its_alert_while_rows_arrive(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        rows = main_screen(app).rows
        add_alerts(case, [{"id": f"old-{n}", "time": n + 1} for n in range(60)])
        await until(pilot, lambda: app.desk.store.total == 76)
        await press(pilot, "j", "j", "j")
        alert_id = rows.alert_id
        line = rows.cursor - rows.scroll_offset.y
        newest = app.desk.store[0].time
        add_alerts(
            case,
            [{"id": f"new-{n}", "time": newest + (n + 1) * times.SECOND} for n in range(30)],
        )
        await until(pilot, lambda: app.desk.store.total == 106)
        assert rows.alert_id == alert_id
        assert rows.cursor == 33
        assert rows.cursor - rows.scroll_offset.y == line  # nothing moved under the eyes
        assert "30 new ↑" in screen_text(app)
        await press(pilot, "a")  # meant for the alert that was under the cursor all along
        assert row_of(case, alert_id).status == "acknowledged"
        await press(pilot, "g")
        assert rows.alert_id == "new-29"
        assert "30 new" not in screen_text(app)  # those in sight are no longer new …
        assert "new ↓" in screen_text(app)  # … those below still are
        await press(pilot, "G", "g")
        add_alerts(case, [{"id": "late", "time": 1}])
        await until(pilot, lambda: app.desk.store.total == 107)
        assert "new ↓" in screen_text(app)


async def test_follow_keeps_to_the_newest(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        rows = main_screen(app).rows
        await press(pilot, "j", "F")
        newest = app.desk.store[0].time
        add_alerts(case, [{"id": "newer", "time": newest + 1}])
        await until(pilot, lambda: rows.alert_id == "newer")
        await press(pilot, "j")  # moving by hand ends it
        held = rows.alert_id
        add_alerts(case, [{"id": "newest", "time": newest + 2}])
        await until(pilot, lambda: app.desk.store.total == 18)
        assert rows.alert_id == held


async def test_follow_keeps_to_the_newest_in_any_order(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        rows = main_screen(app).rows
        newest = app.desk.store[0].time
        await press(pilot, "s", "s", "F")
        assert app.desk.store.sort == "severity"
        add_alerts(case, [{"id": "newer", "time": newest + 1}, {"id": "late", "time": 1}])
        await until(pilot, lambda: rows.alert_id == "newer")
        add_alerts(case, [{"id": "later", "time": 2}])
        await until(pilot, lambda: app.desk.store.total == 19)
        assert rows.alert_id == "newer"


async def test_pause_holds_new_rows_back(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "=")
        add_alerts(case, [{"id": "newer", "time": NOW}])
        await until(pilot, lambda: "paused, 1 wait" in screen_text(app))
        assert app.desk.store.total == 16
        await press(pilot, "=")
        assert app.desk.store.total == 17


async def test_the_filter_narrows_as_one_types(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "/")
        await write(pilot, "severity>=high host:ws-0")
        assert "2 of 16" in screen_text(app)
        assert len(app.desk.store) == 2
        await write(pilot, " or )")
        assert "column 29" in screen_text(app)
        assert len(app.desk.store) == 2  # the last filter that made sense
        await press(pilot, "escape")
        assert len(app.desk.store) == 16
        await press(pilot, "/")
        await write(pilot, "nothing is like this")
        assert "none of 16 alerts passes the filter" in screen_text(app)


async def test_sorting_and_pivoting(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        await press(pilot, "s", "s")
        assert app.desk.store.sort == "severity"
        assert app.desk.store[0].severity == "high"
        assert main_screen(app).rows.alert_id == alert_id
        await press(pilot, "p", "h")
        assert {row.host for row in app.desk.store} == {"nw-srv-app02"}
        await press(pilot, "escape", "enter", "n", "p", "u")  # from an alert's own screen too
        assert app.screen is main_screen(app)
        assert len({row.user for row in app.desk.store}) == 1


async def test_another_consoles_decision_is_seen(console: Make, case: Path) -> None:
    app, other = console(), console(who="sam")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(app).rows.alert_id
        other.desk.decisions.acknowledge([alert_id])
        await until(pilot, lambda: "ack 1" in screen_text(app))
        await press(pilot, "u")
        assert "nothing left to undo" in toasts(app)  # what others did is theirs
        assert row_of(case, alert_id).assignee == "sam"


async def test_going_from_alert_to_alert_in_the_drill_down(console: Make) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "enter")
        assert isinstance(app.screen, Drill)
        assert "alert 1/16" in screen_text(app)
        await press(pilot, "n", "n")
        assert "alert 3/16" in screen_text(app)
        await press(pilot, "a")
        await until(pilot, lambda: "◐ ack" in screen_text(app))
        await press(pilot, "N", "escape")
        assert main_screen(app).rows.cursor == 1


async def test_an_empty_list_keeps_saying_how_the_reading_stands(
    console: Callable[..., Console], tmp_path: Path
) -> None:
    case = tmp_path / "quiet.triage"
    writer = CaseWriter(str(case), Clock())
    app = console(case)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        writer.say(EngineState(pid=1, state="live", at=Clock()(), events=0, rules=3))
        await until(
            pilot, lambda: "no alerts yet: watching 0 logs, no new event" in screen_text(app)
        )
        writer.say(EngineState(pid=1, state="live", at=Clock()(), events=1_204, rules=3))
        await until(pilot, lambda: "1,204 events read" in screen_text(app))
    writer.close()
