"""A disk that is really full: the engine stops reading, says so, and goes on once there is room."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import events
from tests.test_run import wait_for
from triage.case.lock import said
from triage.case.read import CaseReader
from triage.case.write import CaseWriter
from triage.sources import Position
from triage.times import SECOND
from triage.ui.feed import Feed

EVENTS = 600
ROOM = 1_000_000  # bytes for the case at first: enough to begin with, too few for all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are Linux's")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A log in which every event is an alert of some size, and its rule."""
    rule = 'process where process.name : "loud.exe"'
    events.write_rule(tmp_path / "rules" / "r.toml", rule, max_signals=100_000)
    line = "x" * 2000
    docs = [
        events.start(n, f"p{n}", "loud.exe", **{"process.command_line": line})
        for n in range(EVENTS)
    ]
    events.write(tmp_path / "logs" / "a.ndjson", docs)
    return tmp_path


def command(place: Path, case: str) -> list[str]:
    return [
        *(sys.executable, "-m", "triage", "watch", "--headless", "--no-bundled-rules"),
        *("--rules", str(place / "rules"), "--exceptions", str(place / "exceptions")),
        *("--case", case, str(place / "logs")),
    ]


def follows_through(
    process: subprocess.Popen[str],
    place: Path,
    case: str,
    words: str,
    make_room: Callable[[], object],
) -> None:
    """The engine fills the disk, waits, and reads all once there is room."""
    wait_for(lambda: said(case) == words)
    feed = Feed(case, None, lambda: 2_000_000_000 * SECOND)
    news = feed.poll()
    assert news is not None
    assert words in news.troubles
    feed.close()
    reader = CaseReader(case)
    assert len(reader.alerts()) < EVENTS
    end = (place / "logs" / "a.ndjson").stat().st_size
    assert all(one.offset < end for one in positions(case))
    make_room()
    wait_for(lambda: len(reader.alerts()) == EVENTS)
    reader.close()
    wait_for(lambda: said(case) == "")
    assert [one.offset for one in positions(case)] == [end]
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"triage: {words}; nothing is read until that is over" in told
    assert "triage: going on" in told


def positions(case: str) -> list[Position]:
    writer = CaseWriter(case, lambda: 0)
    found = list(writer.positions().values())
    writer.close()
    return found


def test_a_file_that_may_not_grow_is_waited_for(place: Path) -> None:
    """The limit is a process's, so that what this one writes is not counted."""
    case = str(place / "c.triage")
    limit = (ROOM, resource.RLIM_INFINITY)
    process = subprocess.Popen(
        command(place, case),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    try:
        everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        follows_through(
            process,
            place,
            case,
            "case disk error",
            lambda: resource.prlimit(process.pid, resource.RLIMIT_FSIZE, everything),
        )
    finally:
        process.kill()
        process.wait()


def test_a_full_file_system_is_waited_for(place: Path) -> None:
    """In a namespace of its own, where anybody may mount."""
    if not can_mount():
        pytest.skip("no file system can be mounted here")
    within = f"from tests.test_disk_full import on_small_disk; on_small_disk({str(place)!r})"
    script = (
        f'mkdir "{place}/small" && mount -t tmpfs -o size=64m small "{place}/small" && exec "$@"'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, "-c", within],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def on_small_disk(folder: str) -> None:
    """What the test above does once the disk is there."""
    place = Path(folder)
    ballast = place / "small" / "ballast"
    ballast.write_bytes(bytes((64 << 20) - ROOM))
    case = str(place / "small" / "c.triage")
    process = subprocess.Popen(command(place, case), stderr=subprocess.PIPE, text=True)
    try:
        follows_through(process, place, case, "case disk full", ballast.unlink)
    finally:
        process.kill()
        process.wait()


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "small", "/mnt"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
