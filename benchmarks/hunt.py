"""`triage hunt` beside a loop that only decodes the same file: events a second, ratio, memory.

    python benchmarks/hunt.py EVENTS.ndjson [MORE_RULES_DIR]

EVENTS.ndjson is any NDJSON log, best one of some hundred thousand events. Both are whole processes,
run in turn three times in this one run; the ratio of their medians is the figure to keep, since
times alone say more of the machine than of the program.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 3
DECODE = """
import sys, orjson
count = 0
with open(sys.argv[1], "rb") as log:
    for line in log:
        orjson.loads(line)
        count += 1
print(count)
"""


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds a command takes as a whole process, and what it printed on standard output."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def peak_memory(command: list[str]) -> float:
    """Peak resident memory of a command, MiB (Linux counts in KiB)."""
    script = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, text=True, check=True
    )
    return int(done.stdout) / 1024


def main() -> None:
    """Run both in turn and print the ratio of their medians."""
    log = Path(sys.argv[1])
    more = ["--rules", sys.argv[2]] if len(sys.argv) > 2 else []
    decode = [sys.executable, "-c", DECODE, str(log)]
    hunt = [sys.executable, "-m", "triage", "hunt", *more, str(log)]
    decoding: list[float] = []
    hunting: list[float] = []
    events = alerts = 0
    for _ in range(ROUNDS):
        seconds, printed = timed(decode)
        decoding.append(seconds)
        events = int(printed)
        seconds, printed = timed(hunt)
        hunting.append(seconds)
        alerts = len(printed.splitlines())
    slow, fast = statistics.median(hunting), statistics.median(decoding)
    print(f"{log.name}: {events:,} events, {log.stat().st_size / 2**20:.0f} MiB, {alerts:,} alerts")
    print(f"  orjson alone  {events / fast:>10,.0f} events/s   1.0×")
    print(f"  triage hunt   {events / slow:>10,.0f} events/s   {slow / fast:.1f}× the time")
    print(
        f"  peak memory   {peak_memory(hunt):>10,.0f} MiB (this script itself:"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)"
    )


if __name__ == "__main__":
    main()
