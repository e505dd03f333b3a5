"""Decisions: each is journalled with who and when, and one undo takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import events
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.errors import TriageError
from triage.run import Config, Engine, hunt
from triage.sources import Follower


class Clock:
    """A clock that moves on by a second each time it is asked."""

    def __init__(self) -> None:
        self.now = events.START

    def __call__(self) -> int:
        self.now += 10**9
        return self.now


@pytest.fixture
def case(tmp_path: Path) -> str:
    """A case with three alerts of one rule."""
    rule = events.write_rule(tmp_path / "rules" / "beacon.toml")
    docs = [
        doc
        for n in range(3)
        for doc in (
            events.start(n * 10, f"p{n}", "beacon.exe"),
            events.connect(n * 10 + 1, f"p{n}", "beacon.exe"),
        )
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    path = str(tmp_path / "test.triage")
    config = Config((rule,), tmp_path / "exceptions")
    engine = Engine(config, path, Follower([log], once=True), Clock())
    assert len(list(hunt(engine, lambda: None))) == 3
    engine.close()
    return path


@pytest.fixture
def reader(case: str) -> CaseReader:
    return CaseReader(case)


@pytest.fixture
def mara(case: str) -> Decisions:
    return Decisions(case, "mara", Clock())


def ids(reader: CaseReader) -> list[str]:
    return [row.id for row in sorted(reader.alerts(), key=lambda row: row.time)]


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
    assert undone.action == "close"
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
    mara.undo()
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
    assert undone.detail == where
    assert {state[0] for state in statuses(reader)} == {"open"}


def test_what_changed_is_told_to_another_console(case: str, reader: CaseReader) -> None:
    other = CaseReader(case)
    last = max(row.change for row in other.alerts())
    other.changed()
    assert not other.changed()
    Decisions(case, "jon", Clock()).acknowledge(ids(reader)[:1])
    assert other.changed()
    assert [row.id for row in other.alerts(after=last)] == ids(reader)[:1]
