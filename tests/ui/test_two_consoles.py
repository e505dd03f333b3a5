"""Two consoles on one case: each sees what the other decides, and neither overwrites it unasked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.helpers import main_screen, press, row_of, screen_text, settled, until, write
from tests.ui.test_decide import toasts
from triage.cli import main
from triage.ui.app import Console
from triage.ui.screens.dialogs import Choice

Make = Callable[..., Console]


async def test_each_sees_what_the_other_decides_within_a_second(console: Make, case: Path) -> None:
    mine, theirs = console(), console(who="sam")
    async with mine.run_test(size=(120, 36)) as me, theirs.run_test(size=(80, 24)) as them:
        await settled(me)
        await settled(them)
        alert_id = main_screen(mine).rows.alert_id
        await press(them, "a")
        began = time.monotonic()
        await until(me, lambda: "◐ ack" in screen_text(mine) and "sam" in screen_text(mine))
        assert time.monotonic() - began < 1
        await press(me, "c", "t")  # seen and meant: nothing is asked
        assert row_of(case, alert_id).close_reason == "true_positive"
        await until(them, lambda: "● closed" in screen_text(theirs))


async def test_what_came_between_look_and_key_is_asked_about(console: Make, case: Path) -> None:
    mine, theirs = console(), console(who="sam")
    async with mine.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        ids = [row.id for row in mine.desk.store[0:3]]
        await press(pilot, "space", "space", "space", "c")  # the reason is asked for …
        theirs.desk.decisions.close(ids[:1], "true_positive")
        theirs.desk.decisions.acknowledge(ids[:1])
        await press(pilot, "d")  # … and meanwhile sam was quicker with the first
        assert isinstance(mine.screen, Choice)
        text = screen_text(mine)
        assert "1 alert changed since you looked" in text
        assert "sam closed as true positive" in text
        assert "sam acknowledged" in text
        assert row_of(case, ids[1]).status == "open"  # nothing is done before the answer
        await press(pilot, "k")
        assert [row_of(case, one).status for one in ids] == ["acknowledged", "closed", "closed"]
        assert "2 alerts closed as duplicate" in toasts(mine)
        await press(pilot, "u")  # one decision, one undo
        assert [row_of(case, one).status for one in ids] == ["acknowledged", "open", "open"]


async def test_overwriting_is_possible_where_it_is_meant(console: Make, case: Path) -> None:
    mine, theirs = console(), console(who="sam")
    async with mine.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        alert_id = main_screen(mine).rows.alert_id
        for answer, reason in (("escape", "true_positive"), ("k", "true_positive"), ("o", "other")):
            await press(pilot, "c")
            theirs.desk.decisions.reopen([alert_id])
            theirs.desk.decisions.close([alert_id], "true_positive")
            await press(pilot, "o", answer)
            assert row_of(case, alert_id).close_reason == reason
        assert main(["verify", str(case)]) == 0


async def test_tags_and_assignees_in_bulk(console: Make, case: Path) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        ids = [row.id for row in app.desk.store[0:2]]
        app.desk.decisions.tag(ids[:1], add=["old"])
        await until(pilot, lambda: "#old " in screen_text(app))
        await press(pilot, "space", "space", "#")
        assert "Tags of 2 alerts, now old" in screen_text(app)
        await write(pilot, "wave-2 -old")
        await press(pilot, "enter")
        assert [row_of(case, one).tags for one in ids] == [("wave-2",), ("wave-2",)]
        await until(pilot, lambda: screen_text(app).count("#wave-2") >= 2)
        await press(pilot, "/")
        await write(pilot, "tag:wave")
        await press(pilot, "enter")
        assert len(app.desk.store) == 2
        await press(pilot, "space", "space", "@", "m")
        assert [row_of(case, one).assignee for one in ids] == ["jdoe", "jdoe"]
        await press(pilot, "@", "o")
        await write(pilot, "kim")
        await press(pilot, "enter")
        assert sorted(row_of(case, one).assignee for one in ids) == ["jdoe", "kim"]
        await press(pilot, "@")
        assert "1  kim" in screen_text(app)
        await press(pilot, "n")
        assert sorted(row_of(case, one).assignee for one in ids) == ["", "jdoe"]
        await press(pilot, "u", "u", "u", "u")
        assert [(row_of(case, one).assignee, row_of(case, one).tags) for one in ids] == [
            ("", ("old",)),
            ("", ()),
        ]


async def test_the_journal_says_who_when_and_why(console: Make, case: Path) -> None:
    app, other = console(), console(who="sam")
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        ids = [row.id for row in app.desk.store[0:4]]
        other.desk.decisions.close([ids[0], *ids[2:]], "duplicate")
        other.desk.decisions.note(ids[:1], "the patch agent [/] again")
        await settled(pilot)
        await press(pilot, "j", "a", "u", "J")
        text = screen_text(app)
        assert "4 entries · the chain is whole" in text
        assert "closed as duplicate" in text
        assert "3 alerts: " in text
        assert "wrote a note: the patch agent [/] again" in text
        assert "↶4 acknowledged" in text
        other.desk.decisions.note(ids[1:2], "and once more")  # it follows
        await until(pilot, lambda: "5 entries" in screen_text(app))
        await press(pilot, "/")
        await write(pilot, "who:sam note")
        await until(pilot, lambda: "2 of 5 entries" in screen_text(app))
        await press(pilot, "enter")
        assert "is not in this page" not in toasts(app)  # it narrows, and does not search as well
        await press(pilot, "enter")
        assert "Entry 5" in screen_text(app)
        assert ids[1] in screen_text(app)
        await press(pilot, "escape", "escape", "escape")
        assert app.screen is main_screen(app)
        await press(pilot, "g", "enter", "J")  # of one alert: what was done to that
        await until(pilot, lambda: "2 of 5 entries" in screen_text(app))
        assert f"alert:{ids[0]}" in screen_text(app)  # and it says that this is not all


async def test_a_broken_journal_is_said(console: Make, case: Path) -> None:
    app = console()
    app.desk.decisions.acknowledge([row.id for row in app.desk.readers.here().alerts()[:1]])
    db = app.desk.readers.here().connection
    db.execute("DROP TRIGGER journal_update")
    db.execute("UPDATE journal SET who = 'eve'")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "J")
        assert "NOT WHOLE: 1 fault" in screen_text(app)
        assert "entry 1 or one before it was changed" in screen_text(app)


async def test_the_export_is_the_same_text(
    console: Make, case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "a", "c", "b")
    assert main(["journal", str(case)]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "1  2026-03-12T16:00:00.000Z  jdoe  acknowledged"
    assert lines[1].endswith(": open with nobody → acknowledged with jdoe")
    assert lines[2] == "2  2026-03-12T16:00:00.000Z  jdoe  closed as benign positive"
    assert main(["journal", str(case), "--only", "who:nobody"]) == 0
    assert capsys.readouterr().out == ""
