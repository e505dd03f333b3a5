"""Whatever kills the engine, the next one goes on where it was: no alert lost, none twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import events
from triage.case.read import CaseReader
from triage.case.schema import count
from triage.run import Config, Engine, hunt
from triage.sources import Follower

KILLS = 30
EVENTS = 60_000
DEADLINE = 240.0  # seconds for the whole loop: a hang fails, slowness does not


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three logs with sequences that reach across blocks and files, and a rule."""
    folder = tmp_path_factory.mktemp("kill")
    events.write_rule(folder / "rules" / "beacon.toml", max_signals=10_000)
    logs: list[list[dict[str, object]]] = [[], [], []]
    chance = random.Random(11)
    for n in range(EVENTS // 2):
        evil = n % 40 == 0
        name = "beacon.exe" if evil else "chrome.exe"
        began = events.start(n * 0.02, f"p{n}", name, **{"process.command_line": "x" * 300})
        logs[n % 3].append(began)
        wait = chance.uniform(0.1, 200)
        logs[(n + evil) % 3].append(events.connect(n * 0.02 + wait, f"p{n}", name))
    for number, log in enumerate(logs):
        log.sort(key=lambda doc: str(doc["@timestamp"]))
        events.write(folder / "logs" / f"{number}.ndjson", log)
    return folder


def engine(folder: Path, case: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "triage", "watch", "--headless", "--no-bundled-rules"),
            *("--rules", str(folder / "rules"), "--exceptions", str(folder / "exceptions")),
            *("--case", str(case), str(folder / "logs")),
        ],
        stderr=subprocess.DEVNULL,
    )


def events_read(reader: CaseReader) -> int:
    return count(reader.connection, "SELECT coalesce(sum(events), 0) FROM block")


def until(condition: object, deadline: float) -> None:
    """Wait until ``condition()`` holds."""
    pause = threading.Event()
    while not condition():  # type: ignore[operator] # a callable
        assert time.monotonic() < deadline, "the engine got no further"
        pause.wait(0.005)


def test_thirty_kills_lose_and_repeat_nothing(place: Path, tmp_path: Path) -> None:
    config = Config((place / "rules",), place / "exceptions")
    clean = Engine(config, ":memory:", Follower([place / "logs"], once=True))
    expected = set(hunt(clean, lambda: None))
    clean.close()
    assert len(expected) > 300

    case = tmp_path / "killed.triage"
    reader = CaseReader(str(case))
    chance = random.Random(5)
    deadline = time.monotonic() + DEADLINE
    met_half_way = 0
    for kill in range(KILLS):
        # Each life gets a little further, then dies at a random moment of its work.
        goal = EVENTS * kill // KILLS
        process = engine(place, case)
        until(lambda goal=goal: events_read(reader) >= goal, deadline)
        threading.Event().wait(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        met_half_way += 0 < events_read(reader) < EVENTS
    assert met_half_way > KILLS // 2  # the kills did fall into the work

    process = engine(place, case)
    until(lambda: (reader.engine().pid, reader.engine().state) == (process.pid, "live"), deadline)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert reader.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert events_read(reader) == EVENTS
    assert {row.id for row in reader.alerts() if not row.superseded} == expected
