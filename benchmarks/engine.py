"""The engine's price beside a loop that only decodes the same file, in one run.

    python benchmarks/engine.py RULES_DIR EVENTS.ndjson [MORE.ndjson...]

RULES_DIR holds many rules (best some hundred); EVENTS.ndjson is a log of some hundred thousand
events. Each way is a process of its own and is run ``ROUNDS`` times in turn; the figures are
medians, and are best kept as ratios. Memory is that of the whole file and of its first
tenth: flat means equal. The PyPI package ``eql`` is measured on a slice where it is installed.
Figures are of the clock on the wall, so that two processes can be seen to be faster than one: the
machine has to be quiet.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

ROUNDS = 3
SLICE = 200  # events for the package eql
FEW = 10  # every tenth rule makes the small set


def measured(task: str, *arguments: str) -> dict[str, Any]:
    """What a task says of itself, run in a process of its own."""
    command = [sys.executable, __file__, f"--{task}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ceiling(log: str) -> float:
    """How much two processors of this machine do in the time of one: two loops that share nothing,
    side by side, beside one alone."""
    command = [sys.executable, __file__, "--decode", log]
    walls: list[float] = []
    for processes in (1, 2):
        began = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(processes)]
        for one in running:
            one.wait()
        walls.append(time.perf_counter() - began)
    return 2 * walls[0] / walls[1]


def task_decode(log: str) -> dict[str, Any]:
    """Decode every line, no more."""
    import orjson

    began, events = clocks(), 0
    with open(log, "rb") as lines:
        for line in lines:
            orjson.loads(line)
            events += 1
    return {"events": events, **since(began)}


def task_engine(rules_dir: str, processes: str, log: str) -> dict[str, Any]:
    """Hunt with the rules of a folder, as the command does, with so many processes."""
    from triage.run import Config, Engine, hunt, settling
    from triage.sources import Follower

    config = Config((Path(rules_dir),), Path(rules_dir) / "no-exceptions")
    with settling():
        engine = Engine(config, ":memory:", Follower([log], once=True))
    began = clocks()
    alerts = hunt(engine, lambda: None, int(processes))
    collapsed = engine.collapsed
    done = since(began)
    rules = len(engine.book.rules)
    events = engine.events
    engine.close()
    return {
        "events": events,
        "matches": len(alerts) + collapsed,
        "rules": rules,
        **done,
    }


def task_load(rules_dir: str, cache: str) -> dict[str, Any]:
    """Make an engine ready, with what ``cache`` keeps of its rules from another time."""
    from triage.run import Config, Engine, settling
    from triage.sources import Follower

    began = clocks()
    config = Config((Path(rules_dir),), Path(rules_dir) / "no-exceptions", Path(cache))
    with settling():
        engine = Engine(config, ":memory:", Follower([cache], once=True))
    load = since(began)
    engine.close()
    return load


def task_command(rules_dir: str, cache: str, log: str) -> dict[str, Any]:
    """The whole command over one line of a log, as the user feels it."""
    options = ["--no-bundled-rules", "--rules", rules_dir]
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as line:
        with open(log, "rb") as lines:
            line.write(lines.readline())
            line.flush()
        command = [sys.executable, "-m", "triage", "hunt", line.name, *options]
        subprocess.run(command, env=environment, capture_output=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall}


def loads(rules_dir: str, log: str) -> None:
    """Print what the rules cost before the first event: nothing kept of them, and all."""
    shown = {"rules load": ("load", rules_dir), "triage hunt of one line": ("command", rules_dir)}
    for name, (task, *arguments) in shown.items():
        runs: dict[str, list[dict[str, Any]]] = {"cold": [], "warm": []}
        more = [log] if task == "command" else []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as cache:
                for word in runs:
                    runs[word].append(measured(task, *arguments, cache, *more))
        print(f"  {name:28}", end="")
        for word, some in runs.items():
            cpu, wall = (statistics.median(run[clock] for run in some) for clock in ("cpu", "wall"))
            print(f" {word} {cpu:.2f} s of processor, {wall:.2f} s;", end="")
        print()


def task_eql(rules_dir: str, log: str) -> dict[str, Any]:
    """The same event rules in the package ``eql``, over a slice."""
    import orjson

    from triage.rules import load_rules

    eql: Any = import_module("eql")
    schema = eql.parser.elasticsearch_syntax, eql.parser.ignore_missing_functions
    engine, rules = eql.PythonEngine(), 0
    with schema[0], schema[1]:
        for rule in load_rules([Path(rules_dir)]).rules:
            if rule.query is None or rule.query.kind != "event":
                continue
            try:
                engine.add_query(eql.parse_query(rule.text))
                rules += 1
            except (eql.errors.EqlError, KeyError, TypeError):
                continue  # what it cannot run does not count against it
    with open(log, "rb") as lines:
        docs = [_single(orjson.loads(line)) for line in islice(lines, SLICE)]
    events = [eql.Event(doc["event"]["category"], 0, doc) for doc in docs]
    began = clocks()
    for event in events:
        engine.stream_event(event)
    return {"events": len(events), "rules": rules, **since(began)}


def _single(value: Any) -> Any:
    """The document with the first value of each list alone: the package knows no lists."""
    if isinstance(value, dict):
        return {name: _single(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return _single(value[0]) if value else None
    return value


def task_profile(rules_dir: str, log: str) -> dict[str, Any]:
    """Where the time of ``task_engine`` goes."""
    import cProfile
    import io
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    done = task_engine(rules_dir, "1", log)  # in this process, where the profile sees it
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(25)
    return {"profile": text.getvalue(), **done}


def clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def since(began: tuple[float, float]) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    cpu, wall = clocks()
    return {"cpu": cpu - began[0], "wall": wall - began[1], "peak": peak}


def compare(rules_dir: str, few_rules: str, log: str, few_log: str) -> None:
    """Run all ways in turn over one log and print their ratios."""
    ways: dict[str, tuple[str, ...]] = {
        "orjson alone": ("decode", log),
        "all rules": ("engine", rules_dir, "1", log),
        "a tenth of them": ("engine", few_rules, "1", log),
        "all rules, two processes": ("engine", rules_dir, "2", log),
    }
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (task, *arguments) in ways.items():
            runs[name].append(measured(task, *arguments))

    def median(name: str, figure: str) -> float:
        return float(statistics.median(run[figure] for run in runs[name]))

    base = runs["orjson alone"][0]
    one = runs["all rules"][0]
    print(f"{Path(log).name}: {base['events']:,} events, {one['matches']:,} matches")
    for name in ways:
        each = median(name, "wall") / base["events"] * 1e6
        ratio = median(name, "wall") / median("orjson alone", "wall")
        print(f"  {name:28} {each:8.1f} µs an event {ratio:6.1f}×", end="")
        print(f" {median(name, 'peak'):7.0f} MiB" if "rules" in runs[name][0] else "")
    names = list(ways)
    print(f"  {one['rules']} rules cost {median(names[1], 'cpu') / median(names[2], 'cpu'):.2f}×"
          f" those {runs[names[2]][0]['rules']}")  # fmt: skip
    print(f"  two processes: {median(names[1], 'wall') / median(names[3], 'wall'):.2f}× as fast as"
          f" one, with {runs[names[3]][0]['matches']:,} matches;"
          f" two that share nothing do {ceiling(log):.2f}× the work of one")  # fmt: skip
    loads(rules_dir, log)
    few = measured("engine", rules_dir, "1", few_log)
    print(f"  peak memory {few['peak']:.0f} MiB at {few['events']:,} events,"
          f" {one['peak']:.0f} MiB at {one['events']:,}")  # fmt: skip
    try:
        other = measured("eql", rules_dir, log)
    except subprocess.CalledProcessError:
        print("  the package eql is not installed, or can not read these events")
    else:
        theirs = other["cpu"] / other["events"] / other["rules"]
        ours = median(names[1], "cpu") / one["events"] / one["rules"]
        print(f"  {theirs / ours:.0f}× as fast an event and rule as the package eql"
              f" ({other['rules']} rules, {other['events']} events)")  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Compare over each log; or be one task of a comparison, in a process of its own."""
    if arguments and arguments[0].startswith("--"):
        task = globals()[f"task_{arguments[0][2:]}"]
        print(json.dumps(task(*arguments[1:])))
        return
    rules_dir, *logs = arguments
    with tempfile.TemporaryDirectory() as folder:
        few_rules = Path(folder) / "rules"
        few_rules.mkdir()
        for path in sorted(Path(rules_dir).rglob("*.toml"))[::FEW]:
            (few_rules / path.name).write_bytes(path.read_bytes())
        for log in logs:
            few = Path(folder) / "few.ndjson"
            with open(log, "rb") as lines:
                tenth = sum(1 for _ in lines) // 10
                lines.seek(0)
                # A line at a time: what a process begins with counts into the peak of its own.
                with few.open("wb") as some:
                    some.writelines(islice(lines, tenth))
            compare(rules_dir, str(few_rules), log, str(few))
        print(measured("profile", rules_dir, str(few))["profile"])


if __name__ == "__main__":
    main(sys.argv[1:])
