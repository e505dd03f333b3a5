"""Whatever kills the engine, the next one goes on where it was: no alert lost, none twice.

Real processes die at named points of their work and at random moments, while a writer appends,
tears lines in two and rotates, and an analyst decides. ``TRIAGE_KILLS=200`` makes a night of it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pytest

from tests import events
from triage import times
from triage.alert import alert_id
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.case.schema import count
from triage.case.write import CaseWriter
from triage.event import identity
from triage.failpoints import DIED

KILLS = int(os.environ.get("TRIAGE_KILLS", "15"))
DEADLINE = 30.0 + 8.0 * KILLS  # seconds for the whole loop: a hang fails, slowness does not
POINTS = ("after_read", "before_commit", "after_commit", "mid_rotate", "")  # "": any moment
MAXSPAN = 300.0  # seconds, of the rule


class Writer:
    """Writes three logs as collectors do: in pieces that end anywhere, and with rotation."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._torn = [b"", b"", b""]  # of each log, the end of a line that is not written yet
        self._rotations = 0
        self._pairs = 0
        folder.mkdir()

    def append(self, pairs: int) -> None:
        """Processes that start and connect, some within the rule's time; not in order of time."""
        out = list(self._torn)
        for _ in range(pairs):
            self._pairs += 1
            n, evil = self._pairs, self._pairs % 5 == 0
            name = "beacon.exe" if evil else "chrome.exe"
            began, wait = n * 0.05, self._chance.uniform(0.1, 1.3 * MAXSPAN)
            out[n % 3] += events.line(events.start(began, f"p{n}", name))
            out[(n + n % 2) % 3] += events.line(events.connect(began + wait, f"p{n}", name))
        for number, data in enumerate(out):
            cut = len(data) - self._chance.choice((0, 0, 1, 7, 60))
            self._write(number, data[: max(cut, 0)])
            self._torn[number] = data[max(cut, 0) :]

    def rotate(self) -> None:
        """Rename a log; the next line goes to a new one."""
        number = self._chance.randrange(3)
        self.finish(number)
        self._rotations += 1
        path = self._folder / f"{number}.ndjson"
        if path.exists():
            path.rename(f"{path}.{self._rotations}")

    def finish(self, *numbers: int) -> None:
        """Write the rest of torn lines."""
        for number in numbers:
            self._write(number, self._torn[number])
            self._torn[number] = b""

    def _write(self, number: int, data: bytes) -> None:
        with (self._folder / f"{number}.ndjson").open("ab") as log:
            log.write(data)


def oracle(folder: Path) -> tuple[int, set[str]]:
    """How many events the logs hold, and the ids of the alerts that they must raise."""
    docs = [
        orjson.loads(line) for path in folder.iterdir() for line in path.read_bytes().splitlines()
    ]
    beacons = [doc for doc in docs if doc["process"]["name"] == "beacon.exe"]
    starts = {d["process"]["entity_id"]: d for d in beacons if "network" not in d}
    found = set()
    for doc in beacons:
        if "network" not in doc:
            continue
        began = starts[doc["process"]["entity_id"]]
        waited = (times.parse(doc["@timestamp"]) or 0) - (times.parse(began["@timestamp"]) or 0)
        if waited <= MAXSPAN * times.SECOND:
            found.add(alert_id("id-beacon", [identity(began), identity(doc)]))
    return len(docs), found


class Analyst:
    """Decides on alerts while engines come and go, and remembers what it was told is done."""

    def __init__(self, case: Path, chance: random.Random) -> None:
        self._decisions = Decisions(str(case), "ana", lambda: events.START)
        self._chance = chance
        self.states: dict[str, tuple[str, str]] = {}  # by alert: status and close reason
        self.notes: list[str] = []
        self.entries: list[int] = []

    def decide(self, reader: CaseReader) -> None:
        rows = [row for row in reader.alerts() if row.status == "open"]
        if not rows:
            return
        row = self._chance.choice(rows)
        act = self._chance.randrange(3)
        if act == 0:
            done = self._decisions.acknowledge([row.id])
            self.states[row.id] = ("acknowledged", "")
        elif act == 1:
            done = self._decisions.close([row.id], "false_positive")
            self.states[row.id] = ("closed", "false_positive")
        else:
            done = self._decisions.note([row.id], "seen")
            self.notes.append(row.id)
        self.entries.append(done.entry)


def engine(folder: Path, case: Path, fail_at: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "triage", "watch", "--headless", "--no-bundled-rules"),
            *("--rules", str(folder / "rules"), "--exceptions", str(folder / "exceptions")),
            *("--case", str(case), str(folder / "logs")),
        ],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TRIAGE_FAIL_AT": fail_at},
    )


def events_read(reader: CaseReader) -> int:
    return count(reader.connection, "SELECT coalesce(sum(events), 0) FROM block")


def until(condition: object, deadline: float) -> None:
    """Wait until ``condition()`` holds."""
    pause = threading.Event()
    while not condition():  # type: ignore[operator] # a callable
        assert time.monotonic() < deadline, "the engine got no further"
        pause.wait(0.02)


def test_kills_lose_and_repeat_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(5)
    deadline = time.monotonic() + DEADLINE
    events.write_rule(tmp_path / "rules" / "beacon.toml", max_signals=100_000)
    writer = Writer(tmp_path / "logs", chance)
    writer.append(1000)
    case = tmp_path / "killed.triage"
    reader = CaseReader(str(case))
    analyst = Analyst(case, chance)
    for kill in range(KILLS):
        point = POINTS[kill % len(POINTS)]
        writer.append(chance.randrange(10, 300))
        if chance.random() < 0.3:
            writer.rotate()
        process = engine(
            tmp_path, case, f"{point}:{chance.randint(1, 2 + kill % 7)}" if point else ""
        )
        ticks = 0

        def tick(process: subprocess.Popen[bytes] = process, point: str = point) -> bool:
            nonlocal ticks
            ticks += 1
            if process.poll() is not None:
                return True
            writer.append(5)
            if ticks % 4 == 0:
                analyst.decide(reader)
            if point == "mid_rotate" and ticks % 8 == 0:
                writer.rotate()
            return False

        if point:
            until(tick, deadline)
            assert process.returncode == DIED, point
        else:
            before = events_read(reader)
            until(lambda before=before: events_read(reader) > before, deadline)
            threading.Event().wait(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()

    writer.finish(0, 1, 2)
    total, expected = oracle(tmp_path / "logs")
    process = engine(tmp_path, case)
    until(lambda: events_read(reader) >= total, deadline)
    until(lambda: (reader.engine().pid, reader.engine().state) == (process.pid, "live"), deadline)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    rows = {row.id: row for row in reader.alerts()}
    with capsys.disabled():
        print(
            f"\n{KILLS} kills, {total:,} events, {len(expected):,} alerts:"
            f" {len(expected - rows.keys())} lost, {len(rows.keys() - expected)} too many,"
            f" {len(analyst.entries)} decisions"
        )
    assert rows.keys() == expected
    assert len(expected) > 100
    assert not any(row.superseded or row.collapsed for row in rows.values())
    assert events_read(reader) == total
    assert reader.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    positions = CaseWriter(str(case), lambda: 0).positions().values()
    places = {(one.device, one.inode): one.offset for one in positions}
    for path in (tmp_path / "logs").iterdir():
        status = path.stat()
        assert places.get((status.st_dev, status.st_ino), 0) == status.st_size, path.name
    assert {id_: (rows[id_].status, rows[id_].close_reason) for id_ in analyst.states} == (
        analyst.states
    )
    journal = [row[0] for row in reader.connection.execute("SELECT id FROM journal ORDER BY id")]
    assert journal == analyst.entries
    assert sorted(id_ for id_, row in rows.items() for _ in range(row.notes)) == sorted(
        analyst.notes
    )
