"""A damaged case is kept aside and made anew: what people did is there as far as it can be read."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import events
from tests.test_run import wait_for
from triage.case.decide import Decisions
from triage.case.lock import CaseHeldError, EngineLock
from triage.case.mend import REBUILT, damage, mark, mend
from triage.case.read import CaseReader
from triage.case.schema import connect, count
from triage.case.verify import verify
from triage.run import Config, Engine
from triage.sources import Follower

NOW = events.START
ALERTS = 400


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A case of many alerts, a note and an acknowledgement on every fourth, and its log."""
    rule = 'process where process.name : "loud.exe"'
    events.write_rule(tmp_path / "rules" / "r.toml", rule, max_signals=100_000)
    docs = [events.start(n, f"p{n}", "loud.exe") for n in range(ALERTS)]
    events.write(tmp_path / "logs" / "a.ndjson", docs)
    case = str(tmp_path / "c.triage")
    config = Config((tmp_path / "rules",), tmp_path / "no")
    with EngineLock(case):
        engine = Engine(config, case, Follower([tmp_path / "logs"], once=True))
        for block in engine.follower.poll():
            engine.take(block)
        engine.close()
    reader = CaseReader(case)
    decisions = Decisions(case, "ana", lambda: NOW)
    for row in reader.alerts()[::4]:
        decisions.note([row.id], f"seen {row.id}")
        decisions.acknowledge([row.id])
    reader.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    decisions.close_case()
    reader.close()
    return tmp_path


def decided(case: str) -> tuple[dict[str, str], list[str]]:
    reader = CaseReader(case)
    states: dict[str, str] = {row.id: row.status for row in reader.alerts()}
    notes = [row[0] for row in reader.connection.execute("SELECT body FROM note ORDER BY body")]
    reader.close()
    return states, notes


def pages(case: Path, table: str) -> list[int]:
    connection = connect(str(case))
    found = [
        row[0]
        for row in connection.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno",
            (table,),
        )
    ]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return found


def break_page(case: Path, number: int) -> None:
    with case.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xff" * 4096)


def test_a_sound_case_needs_none_and_loses_nothing_by_it(place: Path) -> None:
    case = str(place / "c.triage")
    before = decided(case)
    assert damage(case) == ""
    done = mend(case, "asked for", NOW)
    assert (done.alerts, done.decisions, done.torn) == (ALERTS, ALERTS // 2, ())
    assert decided(case) == before
    reader = CaseReader(case)
    assert verify(reader.connection).whole
    assert count(reader.connection, "SELECT count(*) FROM position") == 0  # all is read anew
    assert Path(done.kept_as).exists()
    assert any(done.kept_as in message for _, _, message in reader.gaps())


@pytest.mark.parametrize("table", ["note", "alert", "journal"])
def test_a_broken_page_costs_what_lies_in_it_alone(place: Path, table: str) -> None:
    case = place / "c.triage"
    states, notes = decided(str(case))
    leaves = pages(case, table)
    assert len(leaves) > 2
    break_page(case, leaves[len(leaves) // 2])
    done = mend(str(case), "database disk image is malformed", NOW)
    assert table in done.torn
    assert set(done.torn) <= {table}
    found, left = decided(str(case))
    assert found.items() <= states.items()
    assert len(found) >= len(states) * (1 if table != "alert" else 0.5)
    assert set(left) <= set(notes)
    assert len(left) >= len(notes) * (1 if table != "note" else 0.4)
    assert done.decisions >= ALERTS // 2 * (1 if table != "journal" else 0.4)


def test_a_file_that_is_no_case_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Once upon a time. " * 100)
    assert damage(str(path)) == ""


def test_a_case_that_is_followed_is_not_mended(place: Path) -> None:
    case = str(place / "c.triage")
    with EngineLock(case), pytest.raises(CaseHeldError):
        mend(case, "", NOW)


@pytest.mark.parametrize("how", ["marked", "first page"])
def test_watch_says_so_keeps_it_and_reads_the_logs_again(place: Path, how: str) -> None:
    case = place / "c.triage"
    states, notes = decided(str(case))
    if how == "marked":
        mark(str(case), "database disk image is malformed")
    else:
        break_page(case, 1)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "triage", "watch", "--headless", "--no-bundled-rules"),
            *("--rules", str(place / "rules"), "--exceptions", str(place / "no")),
            *("--case", str(case), str(place / "logs")),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = ""
    while "following" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    wait_for(lambda: CaseReader(str(case)).engine().state == "live")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert "the damaged file is kept as" in told
    assert len(list(place.glob("c.triage.damaged-*"))) >= 1
    found, left = decided(str(case))
    assert found.keys() == states.keys()
    if how == "marked":
        assert (found, left) == (states, notes)
        assert f"{ALERTS:,} alerts, {ALERTS // 2:,} decisions" in told
    else:
        assert "not all could be read" in told


def test_of_every_table_it_is_said_what_becomes_of_it() -> None:
    """A new table is kept unless it is listed: what is only counted would count twice."""
    connection = connect(":memory:")
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    assert tables >= REBUILT
