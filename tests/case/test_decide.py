"""Decisions: each is journalled with who and when, and one undo takes it back."""

from __future__ import annotations

import pytest

from tests import events
from tests.case.conftest import Clock, ids
from triage.case.decide import Decisions, Overtaken
from triage.case.model import AlertRow, Tick
from triage.case.read import CaseReader
from triage.case.verify import verify
from triage.errors import TriageError


def statuses(reader: CaseReader) -> list[tuple[str, str, str]]:
    rows = sorted(reader.alerts(), key=lambda row: row.time)
    return [(row.status, row.close_reason, row.assignee) for row in rows]


def test_acknowledging_assigns_to_who_did_it(reader: CaseReader, mara: Decisions) -> None:
    done = mara.acknowledge(ids(reader)[:2])
    assert len(done.alerts) == 2
    assert statuses(reader) == [
        ("acknowledged", "", "mara"),
        ("acknowledged", "", "mara"),
        ("open", "", ""),
    ]


def test_closing_needs_a_known_reason(reader: CaseReader, mara: Decisions) -> None:
    with pytest.raises(TriageError, match="no reason to close"):
        mara.close(ids(reader), "dunno")
    mara.close(ids(reader), "benign_positive")
    assert {state[:2] for state in statuses(reader)} == {("closed", "benign_positive")}


def test_history_says_who_when_and_why(reader: CaseReader, mara: Decisions) -> None:
    first = ids(reader)[0]
    mara.acknowledge([first])
    mara.note([first], "asked the user")
    mara.close([first], "true_positive")
    alert = reader.alert(first)
    assert alert is not None
    assert [(entry.who, entry.action) for entry in alert.history] == [
        ("mara", "acknowledge"),
        ("mara", "note"),
        ("mara", "close"),
    ]
    assert alert.history[2].detail == {"reason": "true_positive"}
    assert [entry.at for entry in alert.history] == sorted(entry.at for entry in alert.history)
    assert alert.notes[0].body == "asked the user"


def test_undo_takes_back_one_decision_after_another(reader: CaseReader, mara: Decisions) -> None:
    mara.acknowledge(ids(reader))
    mara.close(ids(reader), "duplicate")
    undone = mara.undo()
    assert undone is not None
    assert undone.entry.action == "close"
    assert {state[0] for state in statuses(reader)} == {"acknowledged"}
    mara.undo()
    assert set(statuses(reader)) == {("open", "", "")}
    assert mara.undo() is None


def test_undo_leaves_what_somebody_else_decided_since(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    both = ids(reader)[:2]
    mara.acknowledge(both)
    Decisions(case, "jon", Clock()).close(both[:1], "true_positive")
    undone = mara.undo()
    assert undone is not None
    assert (undone.alerts, undone.kept) == ((both[1],), (both[0],))
    assert statuses(reader)[:2] == [("closed", "true_positive", "mara"), ("open", "", "")]


def test_ticks_are_kept_with_who_and_when_and_undone(reader: CaseReader, mara: Decisions) -> None:
    first = ids(reader)[0]
    mara.tick(first, "s1", "Isolate the host.", True)
    alert = reader.alert(first)
    assert alert is not None
    assert alert.ticks["s1"].who == "mara"
    assert alert.ticks["s1"].at > events.START
    assert mara.tick(first, "s1", "Isolate the host.", True).entry == 0  # it is done already
    mara.undo()
    alert = reader.alert(first)
    assert alert is not None
    assert alert.ticks == {}


def test_an_undone_note_is_gone_and_in_the_history(reader: CaseReader, mara: Decisions) -> None:
    first = ids(reader)[0]
    mara.note([first], "wrong window")
    mara.undo()
    alert = reader.alert(first)
    assert alert is not None
    assert alert.notes == ()
    assert alert.row.notes == 0
    assert [entry.action for entry in alert.history] == ["note", "undo"]


def test_an_exception_is_one_entry_and_its_undo_says_which(
    reader: CaseReader, mara: Decisions
) -> None:
    where = {"path": "list.toml", "item_id": "i1", "name": "backup", "reason": "CHG-1"}
    mara.except_(ids(reader), where)
    assert {state[:2] for state in statuses(reader)} == {("closed", "false_positive")}
    undone = mara.undo()
    assert undone is not None
    assert undone.entry.detail == where
    assert {state[0] for state in statuses(reader)} == {"open"}


def test_what_changed_is_told_to_another_console(case: str, reader: CaseReader) -> None:
    other = CaseReader(case)
    last = max(row.change for row in other.alerts())
    other.changed()
    assert not other.changed()
    Decisions(case, "jon", Clock()).acknowledge(ids(reader)[:1])
    assert other.changed()
    assert [row.id for row in other.alerts(after=last)] == ids(reader)[:1]


# Tags and assignees -------------------------------------------------------------------------------


def test_tags_are_added_and_taken_off_in_bulk_and_undone(
    reader: CaseReader, mara: Decisions
) -> None:
    one, two, three = ids(reader)
    mara.tag([one], add=["#lateral", "cdc-42"])
    mara.tag([one, two, three], add=["wave, two"], remove=["lateral"])
    rows = {row.id: row.tags for row in reader.alerts()}
    assert rows == {one: ("cdc-42", "two", "wave"), two: ("two", "wave"), three: ("two", "wave")}
    [doc] = reader.documents([one])
    assert doc["kibana.alert.workflow_tags"] == ["cdc-42", "two", "wave"]
    assert mara.tag([one], add=["wave"]).entry == 0  # it has that already
    mara.undo()
    rows = {row.id: row.tags for row in reader.alerts()}
    assert rows == {one: ("cdc-42", "lateral"), two: (), three: ()}


def test_undoing_a_tag_leaves_what_others_tagged_since(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    first = ids(reader)[0]
    mara.tag([first], add=["a"])
    Decisions(case, "jon", Clock()).tag([first], add=["b"])
    mara.undo()
    assert reader.alerts_on("pc-1", 10)[-1].tags == ("b",)


def test_a_tag_is_one_clean_word(reader: CaseReader, mara: Decisions) -> None:
    first = ids(reader)[0]
    mara.tag([first], add=["\x1b[31mred", "#", " "])
    assert {row.tags for row in reader.alerts() if row.id == first} == {("\\x1b[31mred",)}


def test_alerts_are_assigned_to_others_and_to_nobody(reader: CaseReader, mara: Decisions) -> None:
    mara.assign(ids(reader), "jon")
    assert set(statuses(reader)) == {("open", "", "jon")}
    mara.assign(ids(reader)[:1], "")
    assert [state[2] for state in statuses(reader)] == ["", "jon", "jon"]
    mara.undo()
    mara.undo()
    assert set(statuses(reader)) == {("open", "", "")}
    assert reader.people() == ["mara"]


# Two consoles on one case -------------------------------------------------------------------------


def test_what_somebody_else_decided_meanwhile_is_not_overwritten(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    both = ids(reader)[:2]
    seen = reader.journal_end()
    jon = Decisions(case, "jon", Clock())
    jon.close(both[:1], "true_positive")
    with pytest.raises(Overtaken) as found:
        mara.close(both, "false_positive", seen)
    assert found.value.alerts == {both[0]}
    [entry] = found.value.entries
    assert (entry.who, entry.action, entry.detail) == ("jon", "close", {"reason": "true_positive"})
    assert statuses(reader)[:2] == [("closed", "true_positive", ""), ("open", "", "")]
    mara.close(both, "false_positive", found.value.seen)  # told so, and meant all the same
    assert {state[:2] for state in statuses(reader)[:2]} == {("closed", "false_positive")}


def test_a_state_that_changes_again_is_asked_about_again(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    first = ids(reader)[:1]
    jon = Decisions(case, "jon", Clock())
    jon.acknowledge(first)
    with pytest.raises(Overtaken) as found:
        mara.acknowledge(first, 0)
    jon.close(first, "other")
    with pytest.raises(Overtaken) as again:
        mara.acknowledge(first, found.value.seen)
    assert [entry.action for entry in again.value.entries] == ["close"]


def test_ones_own_decisions_notes_and_other_alerts_are_no_surprise(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    first, second, _ = ids(reader)
    seen = reader.journal_end()
    jon = Decisions(case, "jon", Clock())
    jon.note([first], "looks odd")
    jon.tag([first], add=["odd"])
    jon.close([second], "other")
    mara.acknowledge([first], seen)
    mara.close([first], "true_positive", seen)
    assert statuses(reader)[0] == ("closed", "true_positive", "mara")


def test_the_same_name_in_another_console_is_somebody_else(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    Decisions(case, "mara", Clock()).close(ids(reader)[:1], "other")
    with pytest.raises(Overtaken):
        mara.acknowledge(ids(reader)[:1], 0)


def test_an_exception_leaves_what_others_decided_meanwhile(
    case: str, reader: CaseReader, mara: Decisions
) -> None:
    first = ids(reader)[0]
    seen = reader.journal_end()
    Decisions(case, "jon", Clock()).close([first], "true_positive")
    done = mara.except_(ids(reader), {"item_id": "i1"}, seen)
    assert (len(done.alerts), done.kept) == (2, (first,))
    assert [state[1] for state in statuses(reader)] == [
        "true_positive",
        "false_positive",
        "false_positive",
    ]


def test_a_step_ends_in_an_outcome_with_a_note(reader: CaseReader, mara: Decisions) -> None:
    first = ids(reader)[0]
    assert mara.mark_step(first, "s1", "Isolate.", "failed", "agent is offline", steps=4).entry
    assert mara.mark_step(first, "s2", "Reset.", "not_applicable", steps=4).entry
    assert mara.mark_step(first, "s2", "Reset.", "not_applicable", steps=4).entry == 0
    row, ticks = of(reader, first)
    assert (row.steps, row.steps_closed) == (4, 1)
    assert (ticks["s1"].outcome, ticks["s1"].note) == ("failed", "agent is offline")
    assert [ticks[id_].closed for id_ in ("s1", "s2")] == [False, True]
    mara.tick(first, "s1", "Isolate.", True, steps=4)
    assert of(reader, first)[0].steps_closed == 2
    mara.undo()
    assert of(reader, first)[1]["s1"].note == "agent is offline"
    with pytest.raises(TriageError, match="no outcome"):
        mara.mark_step(first, "s1", "Isolate.", "perhaps")
    assert verify(reader.connection).whole


def of(reader: CaseReader, alert_id: str) -> tuple[AlertRow, dict[str, Tick]]:
    detail = reader.alert(alert_id)
    assert detail is not None
    return detail.row, detail.ticks
