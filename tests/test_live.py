"""The console live, in a real terminal: a line appended to a log becomes a row."""

from __future__ import annotations

import random
import statistics
import sys
import time
from pathlib import Path

import pytest

from tests import events
from tests.terminal import Terminal

LINES = 25


def watch(folder: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "triage", "watch", str(folder / "logs")),
        *("--no-bundled-rules", "--rules", str(folder / "rules")),
        *("--exceptions", str(folder / "exceptions"), "--case", str(folder / "live.triage")),
        *more,
    ]


def delays(folder: Path, lines: int) -> list[float]:
    """Seconds from a line's append to its row's bytes on the terminal, one after the other."""
    log = folder / "logs" / "day.ndjson"
    events.write(log, [events.start(1, "first", "quiet.exe")])
    events.write_rule(folder / "rules" / "r.toml", 'process where process.name : "loud.exe"')
    chance = random.Random(3)
    taken: list[float] = []
    with Terminal(watch(folder), env={"TERM": "xterm-256color"}) as terminal:
        terminal.until("live")
        terminal.press("F")  # keep the newest row in sight
        for number in range(lines):
            terminal.read(chance.uniform(0.0, 0.4))
            host = f"pc-live-{number:03d}"
            doc = events.start(2 + number, f"p{number}", "loud.exe", **{"host.name": host})
            seen = len(terminal.output)
            began = time.perf_counter()
            with log.open("ab") as file:
                file.write(events.line(doc))
            terminal.until(host, start=seen)
            taken.append(time.perf_counter() - began)
        terminal.press("q")
    return taken


def test_an_appended_line_becomes_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = sorted(delays(tmp_path, LINES))
    with capsys.disabled():
        # Said, not judged by the clock: a busy machine is no fault of the program.
        print(
            f"\nline → row over {LINES} lines: p50 {statistics.median(taken) * 1000:.0f} ms,"
            f" p95 {taken[int(len(taken) * 0.95)] * 1000:.0f} ms"
        )
    assert len(taken) == LINES
