"""The console on a large case, in a real pseudo-terminal: first screen, key → paint, memory.

    python benchmarks/console.py [ALERTS [RATE]]          100,000 and 2,000 a second by default

A case with so many alerts is made of the samples' (documents of 12 kB, as Elastic's rules give);
then `triage watch --case` opens it. "First screen" is from the start of the process to the newest
alert being painted. A key's time is from its being typed to what it brings about being painted;
once with nothing else going on, once while another process writes RATE alerts a second into the
case. Times are of the clock on the wall, so whatever else the machine does shows in them; beside
them stands what is left without the time in which the console's thread was ready and others had
the processors (Linux tells that), and what the console took of a processor for each key, with all
it did meanwhile. Python's bytecode is kept between starts, as it is where triage is installed.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.terminal import Terminal
from triage.case.schema import connect, count, transaction
from triage.config import bundled
from triage.run import Config, Engine
from triage.sources import Follower

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 30  # of each key, quiet and under load
START = 1_767_225_600_000_000_000  # ns: the first alert is of 2026; one a second follows
SCREENS = 3  # starts of which the median counts
COLOURS = re.compile(rb"\x1b\[[\d;]*m")
# Where the cursor's row begins, and what stands on its ground: rows may read the same.
CURSOR = re.compile(rb"(?:\x1b\[\d+;\d+H)?(?:\x1b\[[\d;]*48;2;36;52;71m[^\x1b]*\x1b\[0m)+")
STATE = re.compile(
    "(follow  )?(\\d+ marked(?: …V)?  )?(sorting …  )?(by [a-z ]+  )?sort ([a-z]+)".encode()
)
# A key, its name, and which group of STATE it changes; 0: the alert under the cursor.
KEYS: tuple[tuple[str, str, int], ...] = (
    ("j", "next row", 0),
    ("k", "row before", 0),
    ("\x04", "page down", 0),
    ("\x15", "page up", 0),
    (" ", "mark", 2),
    ("F", "follow, on and off", 1),
    ("s", "sort", 5),
    (" ", "mark, while sorting", 2),
    ("b", "group", 4),
    (" ", "mark, while grouping", 2),
)


def make_case(path: Path, alerts: int) -> None:
    """A case with so many alerts: those of the samples again, each on a host of its own."""
    engine = Engine(
        Config((bundled("rules"),), path.parent / "x"), str(path), Follower([ROOT / "samples/logs"])
    )
    for block in engine.follower.poll():
        engine.take(block)
    engine.close()
    db = connect(str(path))
    add = Adder(path)
    for start in range(0, alerts, 5_000):
        add(range(start, min(start + 5_000, alerts)))
    db.execute("DELETE FROM alert WHERE host NOT LIKE 'H_______'")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


class Adder:
    """Writes alerts into a case, copies of those that are there."""

    def __init__(self, path: Path) -> None:
        self._db = connect(str(path))
        self._columns = [row[1] for row in self._db.execute("PRAGMA table_info(alert)")]
        self._samples = list(self._db.execute("SELECT * FROM alert LIMIT 16"))
        marks = ", ".join("?" * len(self._columns))
        self._insert = f"INSERT INTO alert VALUES ({marks})"  # noqa: S608 - own columns

    def __call__(self, numbers: range) -> None:
        with transaction(self._db):
            change = count(self._db, "SELECT value FROM meta WHERE key = 'change'")
            self._db.executemany(self._insert, self._rows(numbers, change))
            self._db.execute(
                "UPDATE meta SET value = ? WHERE key = 'change'", (str(change + len(numbers)),)
            )

    def _rows(self, numbers: range, change: int) -> Iterator[tuple[Any, ...]]:
        for at, number in enumerate(numbers, change + 1):
            row = dict(zip(self._columns, self._samples[number % len(self._samples)], strict=True))
            row |= {
                "id": str(uuid.UUID(int=number * 2**89 % 2**128 + number)), "change": at,
                "time": START + number * 1_000_000_000, "host": f"H{number:07}",
                "user": f"user{number % 700}", "destination": f"10.{number % 90}.0.1",
                "gathered": 1,
            }  # fmt: skip
            yield tuple(row.values())


def load(path: Path, rate: int, first: int, seconds: float) -> None:
    """Write ``rate`` alerts a second, in ten batches each, for so long: the other process."""
    add = Adder(path)
    step = rate // 10
    began = time.monotonic()
    for batch in range(int(seconds * 10)):
        add(range(first + batch * step, first + (batch + 1) * step))
        time.sleep(max(0.0, began + (batch + 1) / 10 - time.monotonic()))


class Console(Terminal):
    """`triage watch` in a terminal; what it paints is read as it comes."""

    def __init__(self, case: Path, logs: Path) -> None:
        self.began = time.perf_counter()
        command = [sys.executable, "-m", "triage", "watch", str(logs), "--case", str(case)]
        env = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONDONTWRITEBYTECODE": "",
               "PYTHONPYCACHEPREFIX": str(case.parent / "bytecode")}  # fmt: skip
        super().__init__(command, size=(120, 36), env=env)

    def seconds_to(self, painted: Callable[[bytes], bool], timeout: float = 20.0) -> float:
        """Until what came from now on is ``painted``; raises TimeoutError."""
        began, start = time.perf_counter(), len(self.output)
        while time.perf_counter() < began + timeout:
            self.read(0.5)
            if painted(bytes(self.output[start:])):
                return time.perf_counter() - began
        raise TimeoutError(bytes(self.output[start:])[-2000:])

    def key(self, key: str, changes: int) -> tuple[float, float]:
        """Seconds from a key to the paint of what it ``changes`` (see KEYS), and without those in
        which the console waited for a processor."""
        waited = self.waited()
        before = _shown(bytes(self.output[-400_000:]), changes)
        start = len(self.output)
        self.settle(0.002)  # what came meanwhile is no answer to the key
        before = _shown(bytes(self.output[start:]), changes) or before
        self.press(key)
        try:
            took = self.seconds_to(lambda output: _shown(output, changes) not in (None, before))
            return took, max(0.0, took - (self.waited() - waited))
        except TimeoutError as error:
            raise TimeoutError(f"{key!r} changed nothing: it was {before!r}") from error

    def settle(self, seconds: float) -> None:
        """Read what comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)

    def arranged(self) -> None:
        """Wait until nothing is sorted or grouped any more."""
        end = time.monotonic() + 20
        self.settle(0.1)
        while time.monotonic() < end:
            states = STATE.findall(COLOURS.sub(b"", bytes(self.output[-400_000:])))
            if not (states and states[-1][2]):
                return
            self.settle(0.1)

    def cpu(self) -> float:
        """Seconds of processor the console took so far, without its engine."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited(self) -> float:
        """Seconds that the console's first thread was ready to run and did not; 0.0 where the
        system does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except OSError:
            return 0.0

    def memory(self) -> float:
        """Resident memory of the console, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0


def _shown(output: bytes, what: int) -> bytes | None:
    """What was painted last of a thing of KEYS; None where nothing was."""
    if not what:
        found = CURSOR.findall(output)
        return COLOURS.sub(b"", found[-1]) if found else None
    states = list(STATE.finditer(COLOURS.sub(b"", output)))
    return (states[-1][what] or b"") if states else None


def measure(console: Console, what: str) -> None:
    """Press each key in turns, and tell how long each took."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for _, name, _ in KEYS}
    cpu = console.cpu()
    for _ in range(ROUNDS):
        console.arranged()
        console.press("g")  # where every cursor key has somewhere to go
        console.settle(0.2)
        for key, name, changes in KEYS:
            found[name].append(console.key(key, changes))
            console.settle(0.05)
    cpu = (console.cpu() - cpu) / ROUNDS / len(KEYS)
    print(f"{what}: {cpu * 1000:,.0f} ms of processor a key")
    for name, seconds in found.items():
        print(told(name, seconds))
    print(told("any key", [one for seconds in found.values() for one in seconds]))


def told(name: str, seconds: list[tuple[float, float]]) -> str:
    line = f"  {name:<22}"
    for ordered in map(sorted, zip(*seconds, strict=True)):
        p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
        shown = (statistics.median(ordered), p95, ordered[-1])
        line += "".join(f"{one * 1000:>7.0f}" for one in shown) + "   "
    return line.rstrip()


def main() -> None:
    """Make a case of so many alerts, and time the console on it, quiet and under load."""
    alerts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rate = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        case, logs = Path(folder) / "own.triage", Path(folder) / "logs"
        logs.mkdir()
        make_case(case, alerts)
        print(f"{alerts:,} alerts, {case.stat().st_size / 2**20:,.0f} MiB; {os.cpu_count()} cores")
        newest = f"H{alerts - 1:07}".encode()
        starts: list[float] = []
        cpu: list[float] = []
        for start in range(SCREENS + 1):
            with Console(case, logs) as console:
                console.seconds_to(lambda output: newest in output)
                if start:  # the first writes the bytecode
                    starts.append(time.perf_counter() - console.began)
                    cpu.append(console.cpu())
        median = statistics.median(starts) * 1000
        print(f"first screen          {median:,.0f} ms ({min(cpu) * 1000:,.0f} ms of processor)")
        with Console(case, logs) as console:
            console.seconds_to(lambda output: f"{alerts:,} of {alerts:,} ".encode() in output, 60)
            print(f"all alerts read after {(time.perf_counter() - console.began) * 1000:,.0f} ms")
            console.settle(2)
            print(f"memory                {console.memory():,.0f} MiB")
            columns = f"{'p50':>7}{'p95':>7}{'most':>7}   "
            print(f"key → paint, ms         {columns}{columns}(without waiting)")
            measure(console, "quiet")
            seconds_ = str(ROUNDS * len(KEYS) * 0.2 + 10)
            arguments = [str(case), str(rate), str(alerts), seconds_]
            writer = subprocess.Popen([sys.executable, __file__, "--load", *arguments])
            try:
                console.settle(3)
                measure(console, f"while {rate:,} alerts arrive a second")
            finally:
                writer.kill()
                writer.wait()
            found = re.findall(rb"([\d,]+) of [\d,]+ ", COLOURS.sub(b"", console.output[-400_000:]))
            print(f"memory                {console.memory():,.0f} MiB, {found[-1].decode()} alerts")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
