"""The audit trail: what was decided can not be changed unseen, and `verify` says where it was."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import events
from tests.case.conftest import Clock, ids
from triage.case import chain, schema, tables
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.case.schema import connect
from triage.case.verify import verify
from triage.case.write import CaseWriter
from triage.cli import main


@pytest.fixture
def decided(case: str) -> str:
    """A case on which two people worked."""
    reader = CaseReader(case)
    one, two, three = ids(reader)
    mara, jon = Decisions(case, "mara", Clock()), Decisions(case, "jon", Clock())
    mara.acknowledge([one, two, three])
    jon.note([one, two], "asked the owner")
    jon.tag([one], add=["wave-2"])
    mara.close([one, two], "duplicate")
    jon.close([one], "true_positive")
    mara.undo()  # takes back the second alone: the first is jon's by now
    mara.tick(three, "s1", "Isolate the host.", True)
    mara.note([three], "wrong window")
    mara.undo()
    for one_open in (mara, jon):
        one_open.close_case()
    reader.connection.close()
    return case


def unguarded(path: str) -> apsw.Connection:
    """The case as somebody opens it who means harm and knows SQLite."""
    db = apsw.Connection(path)
    for (name,) in list(db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
        db.execute(f"DROP TRIGGER {name}")
    return db


def test_a_case_people_worked_on_is_whole(decided: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", decided]) == 0
    out = capsys.readouterr().out
    assert "the journal is whole: 9 entries" in out
    assert len(out.split()[-1]) == 64


def test_the_journal_refuses_changes(decided: str) -> None:
    db = connect(decided)
    for statement in (
        "UPDATE journal SET who = 'nobody'",
        "DELETE FROM journal WHERE id = 3",
        "INSERT OR REPLACE INTO journal SELECT id, at, 'x', action, detail, undoes, hash"
        " FROM journal WHERE id = 2",
        "UPDATE journal_change SET after = '{}'",
        "DELETE FROM journal_change",
        "INSERT OR REPLACE INTO journal_change SELECT journal_id, alert_id, '{}', '{}'"
        " FROM journal_change LIMIT 1",
    ):
        with pytest.raises(apsw.ConstraintError, match="only ever added to"):
            db.execute(statement)
    db.close()
    assert main(["verify", decided]) == 0


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        ("UPDATE journal SET who = 'eve' WHERE id = 2", "entry 2 or one before"),
        ("UPDATE journal SET at = at + 1 WHERE id = 4", "entry 4 or one before"),
        ("UPDATE journal SET detail = '{\"reason\":\"other\"}' WHERE id = 5", "entry 5 or"),
        ("UPDATE journal SET undoes = 3 WHERE id = 6", "entry 6 or one before"),
        ("DELETE FROM journal WHERE id = 3", "before entry 4 the journal lacks 3"),
        ("UPDATE journal_change SET after = '{}' WHERE journal_id = 4", "entry 4 or one before"),
        ("DELETE FROM journal_change WHERE journal_id = 1", "entry 1 or one before"),
        ("UPDATE alert SET status = 'closed', close_reason = 'other' WHERE status <> 'closed'",
         "status is 'closed', by the journal it is 'acknowledged'"),
        ("UPDATE alert SET tags = ''", "tags is 'empty', by the journal it is 'wave-2'"),
        ("UPDATE alert SET decided_by = 'eve'", "decided_by is 'eve'"),
        ("UPDATE note SET body = 'all is well' WHERE id = 1", "is not as the journal has it"),
        ("DELETE FROM note WHERE id = 1", "a note of jon that the journal tells of is gone"),
        ("UPDATE note SET removed = 0", "a note of mara is not as the journal has it"),
        ("DELETE FROM tick", "the tick on s1 that the journal tells of is gone"),
        ("INSERT INTO tick SELECT id, 's9', 1, 'eve', 'done', '', 0 FROM alert LIMIT 1",
         "the tick of eve on s9"),
        ("DELETE FROM alert WHERE status = 'closed'", "and it is gone"),
        # Cut off at the end, with nothing left that the chain could tell it by:
        ("DELETE FROM journal WHERE id > 4; DELETE FROM journal_change WHERE journal_id > 4",
         "by the journal it is"),
    ],
)  # fmt: skip
def test_verify_finds_what_was_changed(
    decided: str, tamper: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    db = unguarded(decided)
    db.execute(tamper)
    db.close()
    assert main(["verify", decided]) == 1
    assert told in capsys.readouterr().out


def test_an_entry_rewritten_with_its_hash_breaks_the_next(decided: str) -> None:
    db = unguarded(decided)
    db.execute("UPDATE journal SET who = 'eve' WHERE id = 3")
    links = list(chain.links(db))
    db.execute("UPDATE journal SET hash = ? WHERE id = 3", (links[2].follows(links[1].hash),))
    entry = verify(db).faults[0].entry
    assert entry is not None
    assert entry.id == 4  # "or one before it": its own hash no longer follows
    db.close()


def test_verify_says_who_when_and_what(decided: str, capsys: pytest.CaptureFixture[str]) -> None:
    db = unguarded(decided)
    db.execute('UPDATE journal SET detail = \'{"reason":"benign_positive"}\' WHERE id = 5')
    db.close()
    assert main(["verify", decided, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    first = found["faults"][0]["entry"]
    assert (first["id"], first["who"], first["action"]) == (5, "jon", "close")
    main(["verify", decided])
    assert "jon closed as benign positive" in capsys.readouterr().out


def test_a_known_hash_proves_that_nothing_was_cut_off(
    decided: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", decided])
    known = capsys.readouterr().out.split()[-1]
    mara = Decisions(decided, "mara", Clock())
    mara.note(ids(CaseReader(decided))[:1], "still going on")
    mara.close_case()
    assert main(["verify", decided, "--known", known]) == 0
    db = unguarded(decided)
    # The whole of it made anew, states and all: only what was kept elsewhere can tell.
    db.execute(
        "DELETE FROM journal; DELETE FROM journal_change; DELETE FROM note; DELETE FROM tick"
    )
    db.execute(
        "UPDATE alert SET status = 'open', close_reason = '', assignee = '', decided_by = '',"
        " decided_at = 0, tags = ''"
    )
    db.close()
    assert main(["verify", decided]) == 0
    assert main(["verify", decided, "--known", known]) == 1
    assert "cut off or rewritten" in capsys.readouterr().out


def test_verify_changes_nothing_and_refuses_what_it_can_not_judge(
    decided: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "nothing.triage")]) == 2
    assert not (tmp_path / "nothing.triage").exists()
    other = tmp_path / "other.triage"
    other.write_text("no database at all, but long enough to be read as one " * 40)
    assert main(["verify", str(other)]) == 2
    old = apsw.Connection(str(tmp_path / "old.triage"))
    old.pragma("user_version", 2)
    old.close()
    before = (tmp_path / "old.triage").read_bytes()
    assert main(["verify", str(tmp_path / "old.triage")]) == 2
    assert "older triage" in capsys.readouterr().err
    assert (tmp_path / "old.triage").read_bytes() == before


def test_a_case_without_a_chain_is_chained_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "old.triage"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "STEPS", tables.STEPS[:2])
        patch.setattr(tables, "VERSION", 2)
        db = connect(str(path))
    db.execute("INSERT INTO journal VALUES (1, 5, 'mara', 'acknowledge', '{}', NULL)")
    db.execute("INSERT INTO journal VALUES (2, 6, 'mara', 'undo', '{}', 1)")
    db.execute("INSERT INTO journal_change VALUES (1, 'a', '{}', '{}'), (2, 'a', '{}', '{}')")
    db.close()
    fresh = connect(str(path))
    verdict = verify(fresh)
    assert (verdict.entries, verdict.whole) == (2, True)
    with pytest.raises(apsw.ConstraintError):
        fresh.execute("DELETE FROM journal")
    fresh.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO journal (at, who, action, detail, hash) VALUES (1, 'x', 'close', '{}', '')",
        "INSERT INTO journal_change VALUES (1, 'a', '{}', '{}')",
        "UPDATE alert SET status = 'closed'",
        "UPDATE alert SET superseded = 1, assignee = 'eve'",
        "DELETE FROM alert",
        "INSERT INTO note (alert_id, at, who, body) VALUES ('a', 1, 'x', 'y')",
        "DELETE FROM tick",
    ],
)
def test_the_engine_can_not_decide(decided: str, statement: str) -> None:
    writer = CaseWriter(decided, Clock())
    with pytest.raises(apsw.AuthError):
        writer.connection.execute(statement)
    writer.close()
    assert main(["verify", decided]) == 0


def test_no_log_can_forge_a_decision(tmp_path: Path) -> None:
    """What a log says is a value everywhere: neither as SQL nor as an alert's own fields."""
    forged = {
        "kibana.alert.workflow_status": "closed",
        "kibana.alert.workflow_reason": "false_positive",
        "process.command_line": "x'); UPDATE alert SET status = 'closed'; --",
        "process.name": "beacon.exe",
        "user.name": "'; DELETE FROM journal; --",
    }
    docs = [events.start(1, "p", "beacon.exe", **forged), events.connect(2, "p", "beacon.exe")]
    log = events.write(tmp_path / "a.ndjson", docs)
    rules = events.write_rule(tmp_path / "rules" / "beacon.toml").parent
    path = str(tmp_path / "c.triage")
    code = main(["hunt", str(log), "--rules", str(rules), "--no-bundled-rules", "--case", path])
    assert code == 0
    [row] = CaseReader(path).alerts()
    assert (row.status, row.close_reason, row.decided_by) == ("open", "", "")
    assert main(["verify", path]) == 0


def act(chance: random.Random, who: Decisions, some: list[str], word: str) -> None:
    """Let somebody do something."""
    actions: list[Callable[[], object]] = [
        lambda: who.acknowledge(some),
        lambda: who.close(some, "duplicate"),
        lambda: who.reopen(some),
        lambda: who.assign(some, word),
        lambda: who.tag(some, add=[word], remove=["x"]),
        lambda: who.note(some, word),
        lambda: who.tick(some[0], word, word, chance.random() < 0.5),
        who.undo,
        who.undo,
    ]
    chance.choice(actions)()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_whatever_two_people_do_the_case_stays_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Any order of decisions and undoes by two people, and any one changed byte of a text."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("whole")
    path = str(folder / "c.triage")
    db = connect(path)
    db.executemany(
        "INSERT INTO alert (id, change, rule_id, rule_name, severity, risk_score, time, created,"
        " bucket, host, user, process, entity_id, reason, doc)"
        " VALUES (?, 0, 'r', 'R', 'low', 21, 0, 0, 0, 'h', 'u', 'p', '', '', '{}')",
        [(f"a{n}",) for n in range(4)],
    )
    people = [Decisions(db, "mara", Clock()), Decisions(db, "jon", Clock())]
    for _ in range(chance.randrange(1, 25)):
        who = chance.choice(people)
        some = chance.sample([f"a{n}" for n in range(4)], chance.randrange(1, 5))
        word = chance.choice(["x", "y", "z"])
        act(chance, who, some, word)
    assert verify(db).faults == ()
    for (name,) in list(db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
        db.execute(f"DROP TRIGGER {name}")
    entries = schema.count(db, "SELECT count(*) FROM journal")
    if entries:
        id_ = chance.randrange(1, entries + 1)
        column = chance.choice(["who", "action", "detail", "hash"])
        db.execute(f"UPDATE journal SET {column} = {column} || '!' WHERE id = ?", (id_,))  # noqa: S608 - one of four
        fault = verify(db).faults[0]
        assert fault.entry is not None
        assert fault.entry.id == id_
    db.close()
    shutil.rmtree(folder)
