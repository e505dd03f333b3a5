"""Threats of docs/threats.md that belong to no one room; the others' tests bear their ids, too."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import triage as package
from tests import events
from tests.terminal import Terminal
from tests.test_cli import triage
from tests.test_live import watch
from triage.case.place import check_place
from triage.case.read import CaseReader
from triage.case.schema import connect, count
from triage.case.verify import verify
from triage.errors import TriageError
from triage.exceptions import file_name
from triage.rules import load_rules


@dataclass(frozen=True)
class Named:
    """As much of a rule as names its file."""

    name: str = ""
    path: str = ""
    rule_id: str = "id"
    tags: tuple[str, ...] = ()
    investigation_fields: tuple[str, ...] = ()


RULE = Named()
LOUD = 'process where process.name : "loud.exe"'


MEASURED = """
import resource, sys
from triage.sources import Follower, decode
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = most()
follower = Follower([sys.argv[1]], once=True)
found = [(len(block.records), len(block.rejects)) for block in follower.poll()]
print(sum(one[0] for one in found), sum(one[1] for one in found), (most() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units elsewhere")
def test_t7_a_line_of_any_length_takes_bounded_memory(tmp_path: Path) -> None:
    log = tmp_path / "giant.ndjson"
    with log.open("wb") as file:
        file.write(events.line(events.start(1, "a", "x.exe")) + b'{"a":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + events.line(events.start(2, "b", "x.exe")))
    command = [sys.executable, "-c", MEASURED, str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    records, rejects, mebibytes = map(int, done.stdout.split())
    assert (records, rejects) == (2, 1)
    assert mebibytes < 30  # of a hundred


@pytest.mark.parametrize(
    "name",
    ["../../etc/cron.d/x", "/etc/passwd", "a\x00b", "CON", "..", "\\\\host\\share", "C:\\x", "a/b"],
)
def test_t15_a_rules_name_leads_out_of_no_folder(name: str, tmp_path: Path) -> None:
    made = (tmp_path / file_name(replace(RULE, name=name, path=name))).resolve()
    assert made.parent == tmp_path.resolve()
    assert made.name.isprintable()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
def test_t15_a_rule_pack_of_links_and_pipes_is_told_and_harms_nothing(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    events.write_rule(pack / "good.toml", LOUD)
    os.mkfifo(pack / "pipe.toml")
    (pack / "loop.toml").symlink_to(pack / "loop.toml")
    (pack / "device.toml").symlink_to("/dev/zero")
    found = load_rules([pack])
    assert [rule.rule_id for rule in found.rules] == ["id-good"]
    assert {Path(one.path).name for one in found.problems} >= {"pipe.toml", "device.toml"}


def test_t16_nothing_is_deserialised_that_could_run() -> None:
    modules = {"pickle", "cPickle", "marshal", "shelve", "dill", "yaml", "jsonpickle"}
    calls = {"eval", "exec"}
    folder = Path(package.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                named = {one.name.partition(".")[0] for one in node.names}
                assert not named & modules, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in modules, path
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                # They make readers and mappings, of quoted and of numbered names alone.
                allowed = path.name in ("facts.py", "front.py", "glance.py")
                assert node.func.id not in calls or allowed, path


posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@posix
@pytest.mark.parametrize("what", ["link", "file", "folder"])
def test_t17_a_case_that_others_could_change_is_refused(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    case = folder / "c.triage"
    connect(str(case)).close()
    check_place(str(case))
    assert case.stat().st_mode & 0o777 == 0o600
    if what == "link":
        case.rename(folder / "real")
        case.symlink_to(folder / "real")
    else:
        (case if what == "file" else folder).chmod(0o777)
    events.write(tmp_path / "a.ndjson", [events.start(1, "p", "loud.exe")])
    done = triage("hunt", tmp_path / "a.ndjson", "--case", case, home=tmp_path)
    assert done.returncode == 2
    assert "--unsafe-state" in done.stderr
    meant = ("--case", case, "--unsafe-state")
    assert triage("hunt", tmp_path / "a.ndjson", *meant, home=tmp_path).returncode == 0


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_t17_a_case_of_somebody_else_is_refused(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    case = folder / "c.triage"
    connect(str(case)).close()
    os.chown(case if what == "file" else folder, 12345, 12345)
    with pytest.raises(TriageError, match="somebody else"):
        check_place(str(case))


@posix
def test_t17_folders_are_made_private(tmp_path: Path) -> None:
    case = tmp_path / "cases" / "c.triage"
    connect(str(case)).close()
    assert case.parent.stat().st_mode & 0o777 == 0o700


def test_t21_no_line_of_a_log_is_a_decision(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "r.toml", LOUD)
    forged = {
        "kibana.alert.workflow_status": "closed",
        "kibana.alert.workflow_reason": "false_positive",
        "journal": [{"id": 1, "who": "ana", "action": "close"}],
        "status": "closed",
        "note": "'); INSERT INTO journal VALUES (1, 1, 'ana', 'close', '{}', NULL, ''); --",
    }
    events.write(tmp_path / "a.ndjson", [events.start(1, "p", "loud.exe", **forged)])
    case = tmp_path / "c.triage"
    done = triage("hunt", tmp_path / "a.ndjson", "--rules", rule, "--case", case, home=tmp_path)
    (alert,) = map(json.loads, done.stdout.splitlines())
    assert alert["kibana.alert.workflow_status"] == "open"
    reader = CaseReader(str(case))
    (row,) = reader.alerts()
    assert (row.status, row.decided_by, row.notes) == ("open", "", 0)
    for table in ("journal", "journal_change", "note", "tick"):
        assert count(reader.connection, f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    assert verify(reader.connection).whole
    reader.close()


def test_t22_a_flood_of_alerts_is_capped_and_counted(tmp_path: Path) -> None:
    """``TRIAGE_FLOOD=1000000`` takes its real size, and some minutes."""
    size = int(os.environ.get("TRIAGE_FLOOD", "5000"))
    rule = events.write_rule(tmp_path / "r.toml", LOUD)
    with (tmp_path / "a.ndjson").open("wb") as log:
        for n in range(size):  # all within one interval of the rule
            log.write(events.line(events.start(n * 5 / size, f"p{n}", "loud.exe")))
    case = tmp_path / "c.triage"
    triage("hunt", tmp_path / "a.ndjson", "--rules", rule, "--case", case, home=tmp_path)
    reader = CaseReader(str(case))
    rows = [row for row in reader.alerts() if row.rule_id == "id-r"]
    assert len(rows) == 100
    assert sum(row.count for row in rows) == size
    reader.close()


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_t26_a_console_that_is_ended_leaves_the_terminal_as_it_was(
    tmp_path: Path, name: str
) -> None:
    events.write(tmp_path / "logs" / "a.ndjson", [events.start(1, "p", "quiet.exe")])
    events.write_rule(tmp_path / "rules" / "r.toml", LOUD)
    with Terminal(watch(tmp_path), env={"TERM": "xterm-256color"}) as terminal:
        seen = terminal.until("live")
        os.kill(terminal.pid, getattr(signal, name))
        for reset in ("\x1b[?1000l", "\x1b[?2004l", "\x1b[?1049l", "\x1b[?25h"):
            terminal.until(reset, start=seen)
        end = time.monotonic() + 20
        while terminal.read(0.5):
            assert time.monotonic() < end, "it did not end"
