"""A sealed process: it reads as ever, and changes nothing, whichever way it tries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DETECTIONS, ROOT
from tests.evtx_file import evtx, process
from tests.ui.helpers import hunt_into
from triage.seal import WORDS

# What the console has to write with, and what anybody might: each is to be refused.
_TRIES = r"""
import json, os, shutil, subprocess, sys, tempfile
from pathlib import Path

from triage import export, seal, times
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.exceptions import Entry, ExceptionList, Item, append_item
from triage.sources.evtx_process import COMMAND, Parser
from triage.ui import views
from triage.ui.views import View

folder = Path(sys.argv[1])
case, log, new = str(folder / "own.triage"), folder / "log.txt", folder / "new.txt"
seal.seal(tempfile.gettempdir(), [COMMAND])

reader = CaseReader(case)
rows = reader.alerts()
decisions = Decisions(case, "jdoe", lambda: 1)
chosen = export.Selection(reader, "x", tuple(rows), "all", 1, "jdoe")
item = Item(item_id="i", name="n", entries=(Entry("process.name", "match", ("a",)),), rules=("r",))
shut = {
    "acknowledge": lambda: decisions.acknowledge([rows[0].id]),
    "note": lambda: decisions.note([rows[0].id], "seen"),
    "tick": lambda: decisions.tick(rows[0].id, "s", "step", True),
    "switch": lambda: decisions.switch_rule(rows[0].rule_id, "name", False, "why"),
    "pragma": lambda: reader.connection.execute("PRAGMA user_version = 1"),
    "exception": lambda: append_item(folder / "l.toml", ExceptionList("l", "l"), item),
    "export": lambda: export.write_file(chosen, export.BY_NAME["csv"], new),
    "view": lambda: views.save(folder / "views.toml", [View("n", "", "newest", "")]),
    "write": lambda: new.write_text("x"),
    "append": lambda: log.open("a").close(),
    "update": lambda: log.open("r+b").close(),
    "os.open": lambda: os.close(os.open(new, os.O_CREAT | os.O_RDWR)),
    "through a link": lambda: Path(tempfile.gettempdir(), "out").open("w").close(),
    "unlink": log.unlink,
    "rename": lambda: log.rename(new),
    "out of the scratch": lambda: shutil.move(Path(tempfile.gettempdir(), "mine"), new),
    "link": lambda: os.link(log, new),
    "symlink": lambda: os.symlink(log, new),
    "mkdir": new.mkdir,
    "chmod": lambda: log.chmod(0o600),
    "truncate": lambda: os.truncate(log, 0),
    "touch": lambda: os.utime(log),
    "system": lambda: os.system("true"),
    "editor": lambda: subprocess.run(["true"], check=True),
    "python": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "spawn": lambda: os.spawnv(os.P_WAIT, "/bin/true", ["true"]),
    "fork": os.fork,
}
Path(tempfile.gettempdir(), "mine").write_text("x")
told = {}
for name, act in shut.items():
    try:
        act()
        told[name] = ""
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
events = len(Parser().parse([(0, Path(sys.argv[2]).read_bytes()[4096:])]))
print(json.dumps({"refused": told, "alerts": len(rows), "events": events, "log": log.read_text()}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the tries are of POSIX")
def test_a_sealed_process_reads_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    hunt_into(folder / "own.triage", ["samples/logs"], DETECTIONS)
    (folder / "log.txt").write_text("left alone")
    (scratch / "out").symlink_to(folder / "out.txt")
    (tmp_path / "one.evtx").write_bytes(evtx([process(1)]))
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", _TRIES, str(folder), str(tmp_path / "one.evtx")],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    decided = {"acknowledge", "note", "tick", "switch", "pragma"}
    for name, told in found["refused"].items():
        wanted = "can not be written to|readonly|read-only" if name in decided else WORDS
        assert any(one in told for one in wanted.split("|")), f"{name}: {told!r}"
    assert found["alerts"] > 0
    assert found["events"] == 1
    assert found["log"] == "left alone"
    after = {one.name: one.read_bytes() for one in folder.iterdir()}
    ours = ("own.triage-wal", "own.triage-shm")  # SQLite's own, for who reads while others write
    assert {name: what for name, what in after.items() if name not in ours} == {
        name: what for name, what in before.items() if name not in ours
    }
