"""triage doctor: each thing that can be wrong is found and told with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests import events
from tests.test_cli import triage
from triage import doctor
from triage.case.lock import EngineLock
from triage.case.model import EngineState
from triage.case.model import SourceState as CaseSource
from triage.case.schema import connect, count
from triage.case.write import CaseWriter
from triage.doctor import Check
from triage.times import SECOND

NOW = 2_000_000_000 * SECOND


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [
        ((3, 45, 3), "problem", "older than 3.50.0"),
        ((3, 50, 4), "problem", "WAL-reset"),
        ((3, 50, 7), "ok", "3.50.7"),
        ((3, 51, 2), "problem", "WAL-reset"),
        ((3, 51, 3), "ok", "3.51.3"),
        ((3, 52, 0), "problem", "withdrew"),
        ((3, 53, 0), "ok", "3.53.0"),
    ],
)
def test_sqlite_versions(version: tuple[int, ...], state: str, said: str) -> None:
    check = doctor.sqlite(version)
    assert check.state == state
    assert said in check.found
    assert bool(check.advice) == (state != "ok")


@pytest.mark.parametrize(
    ("columns", "lines", "environ", "state", "said"),
    [
        (120, 36, {"TERM": "xterm-256color"}, "ok", "120x36, 256 colours"),
        (80, 24, {"TERM": "xterm", "COLORTERM": "truecolor"}, "ok", "16 million"),
        (79, 24, {"TERM": "xterm"}, "warning", "79x24, 16 colours"),
        (80, 24, {"TERM": "xterm", "NO_COLOR": "1"}, "ok", "NO_COLOR"),
        (80, 24, {"TERM": "dumb"}, "problem", "TERM is dumb"),
        (80, 24, {}, "problem", "TERM is not set"),
    ],
)
def test_terminals(
    columns: int, lines: int, environ: dict[str, str], state: str, said: str
) -> None:
    check = doctor.terminal(True, columns, lines, environ)
    assert check.state == state
    assert said in check.found
    assert bool(check.advice) == (state != "ok")


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (doctor.python((3, 10, 9)), "problem"),
        (doctor.python((3, 13, 0)), "ok"),
        (doctor.encoding("utf-8"), "ok"),
        (doctor.encoding("ANSI_X3.4-1968"), "problem"),
        (doctor.disk_room(50_000_000, Path("/x")), "problem"),
        (doctor.disk_room(500_000_000, Path("/x")), "warning"),
        (doctor.disk_room(5_000_000_000, Path("/x")), "ok"),
        (doctor.open_files(256), "problem"),
        (doctor.open_files(1024), "ok"),
        (doctor.notices(None, 8192), "warning"),
        (doctor.notices(0.02, 1024), "warning"),
        (doctor.notices(0.02, None), "ok"),
    ],
)
def test_limits_of_the_machine(check: Check, state: str) -> None:
    assert check.state == state
    assert bool(check.advice) == (state != "ok")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case with a log in it."""
    rule = events.write_rule(tmp_path / "r.toml", 'process where process.name : "x.exe"')
    log = events.write(
        tmp_path / "log.ndjson", [events.start(n, f"p{n}", "x.exe") for n in range(90)]
    )
    path = tmp_path / "own.triage"
    assert triage("hunt", log, "--rules", rule, "--case", path, home=tmp_path).returncode == 0
    return path


def checked(case: Path, now: int = NOW) -> dict[str, Check]:
    return {check.name: check for check in doctor.case(case, now)}


def test_a_sound_case_is_all_well_and_left_as_it_is(case: Path) -> None:
    before = {path.name: path.read_bytes() for path in case.parent.glob("own.triage")}
    found = checked(case)
    of_the_machine = {"disk", "file system"}
    assert {found[name].state for name in found.keys() - of_the_machine} == {"ok"}
    assert found["engine"].found == "none follows logs into it now"
    assert {path.name: path.read_bytes() for path in case.parent.glob("own.triage")} == before
    assert not Path(f"{case}-lock").exists()


def test_a_damaged_case_is_told(case: Path) -> None:
    connection = connect(str(case))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = count(connection, "SELECT rootpage FROM sqlite_schema WHERE name = 'alert_host'")
    size = connection.pragma("page_size")
    connection.close()
    with case.open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 64)
    check = checked(case)["integrity"]
    assert check.state == "problem"
    assert "--rebuild" in check.advice


def test_a_case_of_a_newer_triage_is_told(case: Path) -> None:
    connection = apsw.Connection(str(case))
    connection.pragma("user_version", 99)
    connection.close()
    check = checked(case)["case version"]
    assert (check.state, check.advice) == ("problem", "update triage")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"Once upon a time. " * 100, "no case file"), (b"", "no case")],
)
def test_what_is_no_case_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    done = triage("doctor", path, home=tmp_path)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_the_engine_and_its_silence_are_told(case: Path) -> None:
    with EngineLock(str(case)):
        writer = CaseWriter(str(case), lambda: NOW)
        writer.say(EngineState(pid=os.getpid(), state="live", at=NOW))
        assert checked(case)["engine"] == Check(
            "engine", "ok", f"process {os.getpid()} follows logs into it, live"
        )
        late = checked(case, NOW + 60 * SECOND)["engine"]
        assert late.state == "warning"
        assert "silent for 60 s" in late.found
        writer.close()


def test_logs_that_are_not_read_are_told(case: Path) -> None:
    writer = CaseWriter(str(case), lambda: NOW)
    refused = CaseSource("/logs/a.gz", "", "refused", "packed with gzip", 0, 10, 0, 0)
    writer.say(EngineState(state="stopped", at=NOW), [refused])
    writer.close()
    check = checked(case)["logs"]
    assert check.state == "warning"
    assert "1 of them not read" in check.found
    assert "packed with gzip" in check.advice


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_case_that_others_may_read_is_told(case: Path) -> None:
    case.chmod(0o644)
    assert "chmod 600" in checked(case)["access"].advice


def test_json_is_one_document(case: Path, tmp_path: Path) -> None:
    done = triage("doctor", case, "--format", "json", home=tmp_path)
    told = json.loads(done.stdout)
    assert told["fit"] == (done.returncode == 0)
    names = [check["name"] for check in told["checks"]]
    assert {"Python", "SQLite", "change notices", "integrity"} <= set(names)
    assert all(set(check) == {"name", "state", "found", "advice"} for check in told["checks"])


@pytest.mark.skipif(os.name != "posix", reason="limits are POSIX's")
def test_what_is_wrong_here_and_now_makes_the_exit_code(tmp_path: Path) -> None:
    """A limit that this process really has, and an output that is really not UTF-8."""
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 128; exec {sys.executable} -m triage doctor"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "XDG_STATE_HOME": str(tmp_path)},
        check=False,
    )
    text = done.stdout.decode("ascii")
    assert done.returncode == 1, done.stderr
    assert "ulimit -n 1024" in text
    assert "set LANG=C.UTF-8" in text
    assert "2 problems" in text
