"""Following ten thousand logs, and one endless one: memory, open files, time to the first alert.

    python benchmarks/following.py                        10,000 logs, and one of 1 GB
    python benchmarks/following.py --gigabytes 10         one of 10 GB, read for thirty seconds

Each is a process of its own over a folder that is removed with it. The large log is read for
``--read-seconds`` at most, with an engine and a case as ``watch`` has them; flat memory means that
the figure of its last third is that of its first. "A look" is what a poll costs where nothing has
changed; "one line" is a poll after a line was appended to one of the logs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BLOCK = 16 << 20  # bytes of made-up lines that are repeated
RULE = """[metadata]
creation_date = "2026/01/01"
[rule]
name = "loud"
rule_id = "loud"
description = "A rule to measure with."
author = ["triage"]
severity = "low"
risk_score = 21
type = "eql"
language = "eql"
query = '''process where process.name == "loud.exe"'''
"""


def lines(count: int, start: int = 0) -> bytes:
    """Made-up process starts, one in a thousand of which alerts."""
    out = bytearray()
    for number in range(start, start + count):
        name = f"app{number % 97}.exe" if number % 1000 else "loud.exe"
        out += json.dumps(
            {
                "@timestamp": f"2026-01-{number // 86400 % 28 + 1:02}T{number // 3600 % 24:02}:"
                f"{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z",
                "event": {"category": ["process"], "type": ["start"], "kind": "event"},
                "host": {"name": f"ws-{number % 200:03}", "os": {"type": "windows"}},
                "process": {
                    "entity_id": f"p{number}",
                    "name": name,
                    "executable": f"C:\\Program Files\\App\\{name}",
                    "command_line": f"{name} --renderer --client-id={number}",
                    "pid": 4 * (number % 9000),
                },
            }
        ).encode()
        out += b"\n"
    return bytes(out)


def opened(folder: Path) -> Any:
    """An engine on the logs of a folder, with a case."""
    from triage.run import Config, Engine, settling
    from triage.sources import Follower

    config = Config((folder / "rules",), folder / "exceptions")
    with settling():
        return Engine(config, str(folder / "c.triage"), Follower([folder / "logs"]))


def task_many(folder: Path, _: float) -> dict[str, Any]:
    """All logs once, looks at nothing new, and one line."""
    from triage.run.health import memory

    engine = opened(folder)
    began = time.perf_counter()
    most = 0
    for block in engine.follower.poll():
        engine.take(block)
        if not most:
            first = memory()
        most = max(most, len(os.listdir("/proc/self/fd")))
    passed = time.perf_counter() - began
    for _ in range(3):  # the first time all logs are new, and then their speed is
        began = time.perf_counter()
        engine.writer.say(engine.state("live"), engine.sources())
        said = time.perf_counter() - began
        time.sleep(3)
    looks = []
    for _ in range(3):
        engine.follower._looked = None  # a scan at once, not in five seconds
        began = time.perf_counter()
        assert not list(engine.follower.poll())
        looks.append(time.perf_counter() - began)
    with next((folder / "logs").rglob("*.ndjson")).open("ab") as log:
        log.write(lines(1, 5))
    engine.follower._looked = None
    began = time.perf_counter()
    found = [engine.take(block).new for block in engine.follower.poll()]
    line = time.perf_counter() - began
    events = engine.events
    engine.close()
    return {
        "events": events, "blocks": len(found), "seconds": passed, "fds": most, "first": first,
        "memory": memory(), "peak": peak(), "look": min(looks), "line": line, "say": said,
    }  # fmt: skip


def task_large(folder: Path, seconds: float) -> dict[str, Any]:
    """As much of the log as there is time for."""
    from triage.run.health import memory

    engine = opened(folder)
    began = time.perf_counter()
    first = 0.0
    marks: list[int] = []
    for block in engine.follower.poll():
        new = engine.take(block).new
        now = time.perf_counter() - began
        if new and not first:
            first = now
        if now >= seconds * (len(marks) + 1) / 3:
            marks.append(memory())
        if now >= seconds:
            break
    now = time.perf_counter() - began
    (source,) = engine.sources()
    engine.close()
    return {
        "events": engine.events, "read": source.offset, "size": source.size, "seconds": now,
        "first": first, "marks": marks or [memory()], "peak": peak(),
    }  # fmt: skip


def peak() -> int:
    """The most memory this process ever had, in bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(task: str, folder: Path, seconds: float) -> dict[str, Any]:
    """What a task says of itself, run in a process of its own."""
    command = [sys.executable, __file__, "--task", task, str(folder), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def place() -> Path:
    """A folder with the rule and no logs."""
    folder = Path(tempfile.mkdtemp(prefix="following-"))
    for name in ("logs", "rules", "exceptions"):
        (folder / name).mkdir()
    (folder / "rules" / "loud.toml").write_text(RULE, "utf-8")
    return folder


def many(files: int) -> None:
    """Ten thousand logs of a few lines."""
    folder = place()
    try:
        for number in range(files):
            part = folder / "logs" / f"{number // 500:03}"
            part.mkdir(exist_ok=True)
            (part / f"{number:06}.ndjson").write_bytes(lines(5, number * 5))
        found = measured("many", folder, 0)
    finally:
        shutil.rmtree(folder)
    print(
        f"{files:,} logs, {found['events']:,} events: first pass {found['seconds']:.1f} s,"
        f" at most {found['fds']} files open, {found['memory'] >> 20} MiB (peak"
        f" {found['peak'] >> 20}, {found['first'] >> 20} at its begin)"
    )
    print(
        f"  a look {found['look'] * 1000:.0f} ms, one line {found['line'] * 1000:.0f} ms,"
        f" telling the console {found['say'] * 1000:.0f} ms"
    )


def large(gigabytes: float, seconds: float) -> None:
    """One large log."""
    folder = place()
    try:
        block = lines(BLOCK // 300)
        with (folder / "logs" / "large.ndjson").open("wb") as log:
            while log.tell() < gigabytes * 10**9:
                log.write(block)
        found = measured("large", folder, seconds)
    finally:
        shutil.rmtree(folder)
    marks = ", ".join(f"{mark >> 20}" for mark in found["marks"])
    print(
        f"one log of {found['size'] / 1e9:.1f} GB: first alert after {found['first']:.2f} s;"
        f" {found['read'] / 1e6:,.0f} MB and {found['events']:,} events in {found['seconds']:.0f} s"
        f" ({found['events'] / found['seconds']:,.0f} a second); memory {marks} MiB in thirds of"
        f" that, peak {found['peak'] >> 20} MiB"
    )


def main() -> None:
    """Run both, or a task of them."""
    if sys.argv[1:2] == ["--task"]:
        task, folder, seconds = sys.argv[2:]
        tasks = {"many": task_many, "large": task_large}
        print(json.dumps(tasks[task](Path(folder), float(seconds))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--read-seconds", type=float, default=30.0)
    options = parser.parse_args()
    many(options.files)
    large(options.gigabytes, options.read_seconds)


if __name__ == "__main__":
    main()
