"""Live: how long a line takes to become a row, while logs are written and rotated.

    python benchmarks/live.py                                    200 lines a second, 20 seconds
    python benchmarks/live.py --rate 2000 --seconds 600          ten minutes under load
    python benchmarks/live.py --rate 2000 --rules MANY_RULES     with more rules than its own two
    python benchmarks/live.py --rate 2000 --age 300              events of five minutes ago

Lines are spread over twenty logs. Every few seconds one log is rotated: it becomes ``.1``, the
``.1`` before it is packed to ``.2.gz``, and what was packed goes. Some lines are one event that
alerts, some are the two of a sequence, a moment apart and in different logs. An engine of its own
process follows; this one polls its case as a console does and notes when each alert's row is there.
The delay counts from the write of the line that completes the alert; of it, the time until the
engine has made the alert is told apart from that until its row is there. What lies around an alert
is kept once five minutes have passed, so that a short run shows the price of that with ``--age``
alone. At the end all lines must have been read once, and all alerts be there.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from triage.case.read import CaseReader
from triage.case.schema import count

TICK = 0.01  # seconds between two writes
POLL = 0.1  # seconds between two looks of a console
ALERT_EVERY = 200  # lines: one of them alerts, or begins a sequence
SETTLE = 120.0  # seconds for the engine to read what is left
RULE = """[metadata]
creation_date = "2026/01/01"
[rule]
name = "{id}"
rule_id = "{id}"
description = "A rule to measure with."
author = ["triage"]
severity = "low"
risk_score = 21
type = "eql"
language = "eql"
max_signals = 10000000
query = '''{query}'''
"""
QUERIES = {
    "loud": 'process where process.name == "loud.exe"',
    "pair": """sequence by process.entity_id with maxspan=5m
      [process where process.name == "first.exe"] [network where process.name == "first.exe"]""",
}
LINE = (
    b'{"@timestamp":"%s","event":{"category":["%s"],"type":["start"],"kind":"event"},'
    b'"host":{"name":"ws-%03d","os":{"type":"windows"}},"user":{"name":"mara","domain":"NORDWIND"},'
    b'"process":{"entity_id":"%s","name":"%s","executable":"C:\\\\Program Files\\\\%s","pid":%d,'
    b'"command_line":"%s --renderer --client-id=%d","parent":{"name":"explorer.exe","pid":4120}},'
    b'"destination":{"ip":"203.0.113.7","port":443},"network":{"direction":"egress"}}\n'
)


class Writers:
    """Logs that are written and rotated in a thread; notes when each alert was complete."""

    def __init__(
        self, folder: Path, files: int, rate: int, seconds: float, rotate: float, age: float
    ) -> None:
        self._age = int(age * 10**9)
        self._paths = [folder / f"app{number:02}.ndjson" for number in range(files)]
        self._files = [path.open("ab", buffering=0) for path in self._paths]
        self._rate, self._seconds, self._rotate = rate, seconds, rotate
        self.lines = self.rotations = 0
        # (rule, entity id): when it was written, by the clock that only goes on and by that of day
        self.done: dict[tuple[str, str], tuple[float, int]] = {}
        self.behind = 0.0  # seconds by which the writing itself was late, at most
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        began = time.monotonic()
        next_rotation = self._rotate
        waiting: list[tuple[float, str]] = []  # when the second event of a sequence is due
        while (now := time.monotonic() - began) < self._seconds:
            due = int(now * self._rate)
            self.behind = max(self.behind, (due - self.lines) / self._rate - TICK)
            while self.lines < due:
                self._line(now, waiting)
            while waiting and waiting[0][0] <= now:
                _, entity = waiting.pop(0)
                self._write(entity, "first.exe", "network")
                self.done["pair", entity] = _now()
            if now >= next_rotation:
                next_rotation += self._rotate
                self._turn_over(self.rotations % len(self._files))
            time.sleep(max(0.0, TICK - (time.monotonic() - began - now)))
        for _, entity in waiting:
            self._write(entity, "first.exe", "network")
            self.done["pair", entity] = _now()
        for file in self._files:
            file.close()

    def _line(self, now: float, waiting: list[tuple[float, str]]) -> None:
        number = self.lines
        entity = f"p{number}"
        if number % ALERT_EVERY:
            self._write(entity, f"app{number % 37}.exe", ("process", "network")[number % 2])
        elif number % (2 * ALERT_EVERY):
            self._write(entity, "loud.exe", "process")
            self.done["loud", entity] = _now()
        else:
            self._write(entity, "first.exe", "process")
            waiting.append((now + 0.3, entity))

    def _write(self, entity: str, name: str, category: str) -> None:
        at = time.time_ns() - self._age
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9))
        exe, number = name.encode(), self.lines
        self._files[number * 7 % len(self._files)].write(
            LINE
            % (
                f"{stamp}.{at % 10**9:09}Z".encode(),
                category.encode(),
                number % 200,
                entity.encode(),
                *(exe, exe, 4 * (number % 9000), exe, number),
            )
        )
        self.lines += 1

    def _turn_over(self, number: int) -> None:
        path = self._paths[number]
        older, oldest = Path(f"{path}.1"), Path(f"{path}.2.gz")
        self._files[number].close()
        if older.exists():
            packing = oldest.with_suffix(".tmp")
            packing.write_bytes(gzip.compress(older.read_bytes(), 1))
            packing.rename(oldest)
            older.unlink()
        path.rename(older)
        self._files[number] = path.open("ab", buffering=0)
        self.rotations += 1


def _now() -> tuple[float, int]:
    return time.monotonic(), time.time_ns()


class Console:
    """Polls the case as a console does."""

    def __init__(self, case: Path) -> None:
        self.reader = CaseReader(str(case))
        # (rule, entity id): when its row was there, and when the engine had made it (ns)
        self.seen: dict[tuple[str, str], tuple[float, int]] = {}
        self.rows = 0
        self._change = 0

    def look(self) -> None:
        if not self.reader.changed():
            return
        rows = self.reader.alerts(after=self._change)
        now = time.monotonic()
        for row in rows:
            self._change = row.change
            if row.rule_id in QUERIES and (row.rule_id, row.entity_id) not in self.seen:
                self.seen[row.rule_id, row.entity_id] = now, row.created
                self.rows += not row.superseded


def engine(folder: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    """The engine of ``watch``, as a process of its own."""
    arguments = ["--rules", str(folder / "rules"), *(a for one in more for a in ("--rules", one))]
    command = [sys.executable, "-m", "triage", "watch", "--headless", "--no-bundled-rules"]
    command += ["--case", str(folder / "live.triage"), "--exceptions", str(folder / "exceptions")]
    return subprocess.Popen([*command, *arguments, str(folder / "logs")], stderr=subprocess.DEVNULL)


def until(console: Console, condition: str, seconds: float) -> bool:
    """Wait until the engine says that it is ``condition``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if console.reader.engine().state == condition:
            return True
        time.sleep(POLL)
    return False


def told(name: str, delays: list[float]) -> str:
    """Percentiles in milliseconds."""
    if not delays:
        return f"{name}: none"
    ordered = sorted(delays)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.95, 0.99)]
    median = statistics.median(ordered)
    return (
        f"{name}: {len(ordered):,} alerts, p50 {median * 1000:.0f} ms, p95 {at[0] * 1000:.0f} ms,"
        f" p99 {at[1] * 1000:.0f} ms, longest {ordered[-1] * 1000:.0f} ms"
    )


def run(options: argparse.Namespace, folder: Path) -> int:
    """Write, follow, count; the exit code: 1 where anything was lost or came twice."""
    for name in ("logs", "rules", "exceptions"):
        (folder / name).mkdir()
    for id_, query in QUERIES.items():
        (folder / "rules" / f"{id_}.toml").write_text(RULE.format(id=id_, query=query), "utf-8")
    writers = Writers(
        folder / "logs", options.files, options.rate, options.seconds, options.rotate_every,
        options.age,
    )  # fmt: skip
    console = Console(folder / "live.triage")
    process = engine(folder, options.rules)
    memory: list[tuple[float, int]] = []
    try:
        if not until(console, "live", 120):
            sys.exit("the engine did not come up")
        writers.thread.start()
        began = time.monotonic()
        lag = 0
        while writers.thread.is_alive():
            console.look()
            state = console.reader.engine()
            lag = max(lag, state.lag_bytes)
            if not memory or time.monotonic() - began >= options.seconds * len(memory) / 10:
                memory.append((time.monotonic() - began, state.memory))
            time.sleep(POLL)
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            console.look()
            if len(console.seen) == len(writers.done) and (
                console.reader.engine().events >= writers.lines
            ):
                break
            time.sleep(POLL)
        time.sleep(2)  # whatever would come twice comes now
        console.look()
        state = console.reader.engine()
        process.terminate()
        process.wait(30)
    finally:
        process.kill()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent, passed = used.ru_utime + used.ru_stime, time.monotonic() - began
    kept = count(console.reader.connection, "SELECT count(*) FROM alert WHERE gathered")
    delays: dict[str, list[float]] = {rule: [] for rule in (*QUERIES, "made", "shown")}
    for (rule, entity), (at, day) in writers.done.items():
        if (rule, entity) in console.seen:
            seen, made = console.seen[rule, entity]
            delays[rule].append(seen - at)
            delays["made"].append((made - day) / 1e9)
            delays["shown"].append(seen - at - (made - day) / 1e9)
    missing = writers.done.keys() - console.seen.keys()
    gaps = [gap for _, _, gap in console.reader.gaps()]
    print(
        f"{writers.lines:,} lines over {options.files} logs in {options.seconds:g} s,"
        f" {writers.rotations} rotations, {state.rules} rules; written late by"
        f" {writers.behind:.2f} s at most"
    )
    print("  " + told("one event  ", delays["loud"]))
    print("  " + told("a sequence ", delays["pair"]))
    print("  " + told("of that until it is made ", delays["made"]))
    print("  " + told("    and until it is shown", delays["shown"]))
    print(
        f"  lines read {state.events:,}, lost {max(0, writers.lines - state.events):,}, twice"
        f" {max(0, state.events - writers.lines):,}; alerts missing {len(missing)},"
        f" gaps {len(gaps)}, rejects {state.rejects}; most behind {lag:,} bytes"
    )
    print("  memory " + ", ".join(f"{size >> 20} MiB at {at:.0f} s" for at, size in memory[1:]))
    print(
        f"  engine: {spent:.0f} s of CPU ({spent / passed:.0%} of a processor),"
        f" {state.open_hits:,} open events, {state.evicted:,} given up, case"
        f" {(folder / 'live.triage').stat().st_size >> 20} MiB; what lies around is kept of"
        f" {kept:,} alerts"
    )
    for gap in gaps[:5]:
        print(f"  gap: {gap}")
    return 1 if missing or gaps or state.events != writers.lines else 0


def main() -> None:
    """Run in a folder of its own, which goes with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=200, help="lines a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument(
        "--rotate-every", type=float, default=2, help="seconds between two rotations, of any log"
    )
    parser.add_argument("--age", type=float, default=0, help="seconds since the events happened")
    parser.add_argument("--rules", action="append", default=[], metavar="DIR")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        code = run(options, folder)
    finally:
        shutil.rmtree(folder)
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
