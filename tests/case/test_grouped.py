"""What the list groups by, an alert's row tells: parent, destination, ATT&CK, process tree."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests import events
from triage import attack
from triage.case import risk, schema, tables
from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.run import Config, Engine
from triage.sources import Follower


def began(second: float, id_: str, name: str, parent: str, parent_name: str) -> dict[str, object]:
    return events.start(
        second,
        id_,
        name,
        **{
            "process.parent.entity_id": parent,
            "process.parent.name": parent_name,
            "process.parent.pid": 7,
        },
    )


WORD = began(1, "word", "winword.exe", "shell", "explorer.exe")
CMD = began(2, "cmd", "cmd.exe", "word", "winword.exe")
EVIL = began(3, "evil", "beacon.exe", "cmd", "cmd.exe")
CALL = events.connect(4, "evil", "beacon.exe")


def read(folder: Path, *docs: dict[str, object]) -> str:
    """A case of a log with these events, each a block of its own, surroundings kept."""
    rule = events.write_rule(folder / "rules" / "beacon.toml")
    log = events.write(folder / "log.ndjson", list(docs))
    path = str(folder / "own.triage")
    later = events.START + 10**12
    engine = Engine(Config((rule,), folder / "x"), path, Follower([log]), lambda: later)
    for block in engine.follower.poll():
        engine.take(block)
    for _ in engine.gather(60):
        pass
    engine.close()
    return path


def row_of(path: str) -> AlertRow:
    reader = CaseReader(path)
    (row,) = reader.alerts()
    reader.close()
    return row


@pytest.mark.parametrize(
    "docs",
    [(WORD, CMD, EVIL, CALL), (CALL, EVIL, CMD, WORD), (EVIL, CALL, WORD, CMD)],
    ids=["in order", "newest first", "ancestors last"],
)
def test_the_tree_begins_below_what_starts_everything(
    tmp_path: Path, docs: tuple[dict[str, object], ...]
) -> None:
    row = row_of(read(tmp_path, *docs))
    assert (row.root_id, row.root.split()[0]) == ("word", "winword.exe")
    assert (row.parent, row.destination) == ("cmd.exe", "203.0.113.7")


def test_the_tree_begins_as_far_up_as_children_tell(tmp_path: Path) -> None:
    row = row_of(read(tmp_path, CMD, EVIL, CALL))
    assert (row.root_id, row.root) == ("word", "winword.exe (7)")


def test_processes_that_are_each_others_parents_have_an_end(tmp_path: Path) -> None:
    loop = began(2, "cmd", "cmd.exe", "evil", "beacon.exe")
    assert row_of(read(tmp_path, loop, EVIL, CALL)).root_id in ("cmd", "evil")


TABLES = ("alert", "alert_event", "event", "process")


def older(path: str, old: Path, first_lacked: str) -> apsw.Connection:
    """A case of before a step of the schema, with what the one at ``path`` holds of these tables;
    bring it up to date by opening it again."""
    copy = apsw.Connection(str(old))
    steps = tables.STEPS[: tables.STEPS.index(first_lacked)]
    for step in steps:
        if isinstance(step, str):  # the others are about the journal and the risk
            copy.execute(step)
    copy.execute("ATTACH ? AS new", (path,))
    for table in TABLES:
        columns = ", ".join(
            f'"{row[1]}"' for row in copy.execute(f"PRAGMA main.table_info({table})")
        )
        copy.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")  # noqa: S608 - own columns
    copy.pragma("user_version", len(steps))
    return copy


def test_an_older_case_is_told_the_same(tmp_path: Path) -> None:
    path = read(tmp_path, WORD, CMD, EVIL, CALL)
    wanted = row_of(path)
    old = tmp_path / "old.triage"
    older(path, old, tables._GROUPED).close()
    assert row_of(str(old)) == wanted


def test_a_case_whose_rows_had_no_number_keeps_every_one(tmp_path: Path) -> None:
    path = read(tmp_path, WORD, CMD, EVIL, CALL)
    old = tmp_path / "old.triage"
    before = older(path, old, tables._NUMBERED)
    before.execute(risk._TABLES + risk.ON_ALERTS)
    wanted = {t: set(before.execute(f"SELECT * FROM {t}")) for t in TABLES}  # noqa: S608 - own
    assert all(wanted.values())
    beside = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    named = set(before.execute(beside))
    before.close()
    after = schema.connect(str(old))
    assert set(after.execute(beside)) == named
    found = {t: set(after.execute(f"SELECT * FROM {t}")) for t in TABLES}  # noqa: S608 - own
    assert {t: {frozenset(row) for row in rows} for t, rows in found.items()} == {
        t: {frozenset(row) for row in rows} for t, rows in wanted.items()
    }
    # Closing an alert as nothing takes its risk away, as before.
    ((alert,),) = after.execute("SELECT id FROM alert").fetchall()
    after.execute(
        "INSERT INTO risk VALUES ('host', 'pc-1', 1, ?, 'x', 50.0, 'id-beacon', '', 1)", (alert,)
    )
    after.execute("UPDATE alert SET close_reason = 'false_positive'")
    assert after.execute("SELECT counts FROM risk").fetchall() == [(0,)]


def test_the_document_is_the_last_column(tmp_path: Path) -> None:
    """SQLite reads all of it to reach what stands behind: a list of many would take its time."""
    db = schema.connect(str(tmp_path / "new.triage"))
    assert [row[1] for row in db.execute("PRAGMA table_info(alert)")][-1] == "doc"


def test_threats_are_told_by_their_ids() -> None:
    threat = [
        {
            "tactic": {"id": "TA0005"},
            "technique": [{"id": "T1218", "subtechnique": [{"id": "T1218.004"}]}],
        },
        {"tactic": {"id": "TA0002", "name": 7}, "technique": "none"},
        {"tactic": {"id": "TA0005"}, "technique": [{"id": 4}, None]},
        "x",
    ]
    assert attack.ids(threat) == "TA0005 T1218 T1218.004 TA0002 4"
    assert attack.ids(None) == ""
