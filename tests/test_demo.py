"""The demo plays our samples to the end, byte for byte, and leaves nothing behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.terminal import Terminal
from triage.run import Replay

LOGS = sorted((ROOT / "samples" / "logs").glob("*.ndjson"))


def test_a_replay_writes_the_very_logs(tmp_path: Path) -> None:
    replay = Replay(LOGS, tmp_path, seconds=0.05)
    replay.start()
    replay._thread.join()
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in LOGS]
    for log in LOGS:
        assert (tmp_path / log.name).read_bytes() == log.read_bytes()


def test_a_replay_keeps_the_order_of_the_day_and_waits_as_long_as_it_is_told(
    tmp_path: Path,
) -> None:
    replay = Replay(LOGS, tmp_path, 90.0)
    paced = list(replay._paced())
    assert sum(wait for wait, _, _ in paced) == pytest.approx(90.0)
    assert max(wait for wait, _, _ in paced) < 1.0  # nobody sits before a screen where nothing is


def test_a_replay_that_is_stopped_leaves_whole_lines(tmp_path: Path) -> None:
    replay = Replay(LOGS, tmp_path, seconds=3600)
    replay.start()
    end = time.monotonic() + 20
    while not (started := [one for one in tmp_path.iterdir() if one.stat().st_size]):
        assert time.monotonic() < end, "nothing was written"
    replay.stop()
    for log in LOGS:
        assert log.read_bytes().startswith((tmp_path / log.name).read_bytes())
    for log in started:
        assert log.read_bytes().endswith(b"\n")


def test_the_demo_guides_through_the_attack_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    home = tmp_path / "home"
    environment = {
        "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "HOME": str(home),
        "TERM": "xterm-256color",
        "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state"),
    }  # fmt: skip
    command = [sys.executable, "-m", "triage", "demo", "--seconds", "2"]
    with Terminal(command, size=(120, 36), env=environment) as terminal:
        terminal.until("09:12:39")
        terminal.press("j")
        terminal.until("2/13")
        assert list(temporary.glob("triage-demo-*/logs/*.ndjson"))
        terminal.press(";")
        terminal.quiet(0.5)
        terminal.press("q")
        while terminal.read(30.0):
            pass
    assert list(temporary.iterdir()) == []
    assert not home.exists()
