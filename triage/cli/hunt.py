"""triage hunt: read logs once and print the alerts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from triage import times
from triage.case.place import check_place
from triage.case.read import CaseReader
from triage.case.schema import MEMORY
from triage.cli.common import (
    PATHS,
    Commands,
    Progress,
    command,
    rule_config,
    rule_options,
    say,
    say_refused,
    say_reject,
    unsafe_option,
)
from triage.errors import TriageError
from triage.run import Engine, hunt, settling
from triage.sources import Follower
from triage.text import clean, json_line

_DESCRIPTION = """\
Read log files and folders once and print the alerts, in order of time.

Standard output holds nothing but alerts: with --format ndjson one document a line (kibana.alert.*
and ECS; the matched events under triage.events), with --format table one row each. Progress, counts
and problems go to standard error.

  triage hunt ./logs | jq '."kibana.alert.rule.name"'
  triage hunt sysmon.evtx --format table
  triage hunt ./logs --rules ./my-rules --no-bundled-rules --case incident-42.triage

Exit code: 0 when the logs were read (with or without alerts), 2 on bad usage or unreadable input.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "hunt", "read logs once and print the alerts", _DESCRIPTION)
    parser.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    rule_options(parser)
    parser.add_argument(
        "--format", choices=("ndjson", "table"), default="ndjson", help="default: %(default)s"
    )
    parser.add_argument("--case", metavar="FILE", help="also keep alerts and evidence in this case")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="match with N processes (default: %(default)s)",
    )
    unsafe_option(parser)
    parser.set_defaults(command=_hunt)


def _hunt(options: argparse.Namespace) -> int:
    if options.case and not options.unsafe_state:
        check_place(options.case)
    if options.processes < 1:
        raise TriageError("--processes takes a number from 1 on")
    settings = rule_config(options)
    follower = Follower(options.paths, once=True)
    with settling():
        engine = Engine(settings, options.case or MEMORY, follower)
    try:
        problems = engine.book.problems
        for problem in problems:
            say(str(problem))
        if not engine.book.rules:
            raise TriageError("no rule could be loaded; see the problems above, or add --rules DIR")
        progress = Progress(follower)
        try:
            alerts = hunt(engine, lambda: progress(engine.events), options.processes)
        finally:
            progress.end()
        if options.case:
            for left in engine.gather(float("inf")):
                progress.say(f"keeping evidence, {left:,} alerts left")
            progress.end()
        reader = CaseReader(engine.writer.connection)
        if options.format == "table":
            _print_table(reader, alerts)
        else:
            for doc in reader.documents(alerts):
                print(json_line(doc))
        return _report(engine, reader)
    finally:
        engine.close()


def _report(engine: Engine, reader: CaseReader) -> int:
    """Counts and what was refused, on standard error; the exit code."""
    alerts = reader.alerts()
    superseded = sum(row.superseded for row in alerts)
    parts = [
        f"{engine.events:,} events",
        f"{len(alerts) - superseded:,} alerts",
    ]
    late = sum(row.late for row in alerts if not row.superseded)
    parts += [f"{late:,} of them late"] if late else []
    parts += [f"{superseded:,} superseded by late events"] if superseded else []
    parts.append(f"{len(engine.book.rules):,} rules")
    broken = sum(problem.severity == "error" for problem in engine.book.problems)
    parts += [f"{broken:,} faults in rules (above)"] if broken else []
    for count, word in (
        (engine.rejects, "records that could not be read"),
        (engine.collapsed, "alerts beyond a rule's max_signals"),
        (engine.suppressed, "events kept out by exceptions"),
        (engine.evicted, "open events dropped at a limit"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    say("triage: " + ", ".join(parts))
    for reject in reader.rejects(5):
        say_reject(reject)
    if engine.rejects > 5:
        say(f"triage: … and {engine.rejects - 5:,} more records that could not be read")
    return say_refused(engine.follower, engine.events)


def _print_table(reader: CaseReader, alerts: Sequence[str]) -> None:
    by_id = {row.id: row for row in reader.alerts()}
    lines: list[tuple[str, ...]] = [("TIME", "SEVERITY", "RISK", "RULE", "HOST", "USER", "PROCESS")]
    for alert_id in alerts:
        row = by_id[alert_id]
        rule = row.rule_name + (f" (×{row.count})" if row.count > 1 else "")
        rule += " (late)" if row.late else ""
        cells = (times.iso(row.time), row.severity, f"{row.risk_score:.0f}", rule)
        lines.append(tuple(clean(cell, 60) for cell in (*cells, row.host, row.user, row.process)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
