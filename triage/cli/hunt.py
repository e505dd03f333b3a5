"""triage hunt: read logs once and print the alerts."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence

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
from triage.rules import Rule
from triage.run import Engine, hunt, settling
from triage.sources import Follower
from triage.survey import all_blind
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
_MOST_LOOKED_AT = 200_000  # events, to tell whether any rule can alert on such


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
            raise TriageError(_no_rule(engine.book.all))
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
        code = _report(engine, reader)
        if engine.events and not reader.alerts() and not engine.suppressed:
            _say_blind(options.paths, engine.book.rules.values())
        return code
    finally:
        engine.close()


def _no_rule(rules: Sequence[Rule]) -> str:
    """Why there is nothing to match."""
    if not rules:
        return "no rule could be loaded; see the problems above, or add --rules DIR"
    alone = "reads the alerts of other rules"
    why = {rule.reason or (alone if rule.incident else "switched off") for rule in rules}
    return (
        f"none of the {len(rules):,} rules finds anything in logs ({', '.join(sorted(why))});"
        " add others with --rules DIR"
    )


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


def _say_blind(paths: Sequence[str], rules: Collection[Rule]) -> None:
    """Where not one rule could have alerted, no alert means nothing: say so."""
    follower = Follower(paths, once=True)
    try:
        looked_at = all_blind(follower, rules, _MOST_LOOKED_AT)
    finally:
        follower.close()
    if looked_at:
        first = f"the first {looked_at:,} of " if looked_at >= _MOST_LOOKED_AT else ""
        say(
            f"triage: none of the {len(rules):,} rules can alert on {first}these events: what they"
            " ask for is not there, so no alert is no all-clear; `triage sources` with the same"
            " arguments tells what each misses, and --rules DIR adds rules for such logs"
        )


def _print_table(reader: CaseReader, alerts: Sequence[str]) -> None:
    by_id = {row.id: row for row in reader.alerts()}
    lines: list[tuple[str, ...]] = [("TIME", "SEVERITY", "RISK", "RULE", "HOST", "USER", "PROCESS")]
    for alert_id in alerts:
        row = by_id[alert_id]
        rule = (f"{row.risk_of}: " if row.risk_of else "") + row.rule_name
        rule += f" (×{row.count})" if row.count > 1 else ""
        rule += " (late)" if row.late else ""
        cells = (times.iso(row.time), row.severity, f"{row.risk_score:.0f}", rule)
        lines.append(tuple(clean(cell, 60) for cell in (*cells, row.host, row.user, row.process)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
