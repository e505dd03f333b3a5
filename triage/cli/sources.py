"""triage sources: what logs hold, and what the rules can make of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from triage import times
from triage.cli.common import (
    PATHS,
    Commands,
    Progress,
    command,
    rule_config,
    rule_options,
    say,
    say_refused,
)
from triage.fit import RuleFit
from triage.rules import load_rules
from triage.sources import FORMATS, Follower
from triage.sources.formats import framing
from triage.survey import SourceReport, Survey, lines_of, survey
from triage.text import clean, encodable, json_line

_DESCRIPTION = """\
Read log files and folders once and tell of each what it is, what it holds, what of it could not be
read, and what the rules can make of it.

A rule is `ready` where the events hold every field it reads, `partly` where some are missing and it
can alert all the same, and `blind` where it can not alert on such events at all: a field it needs
is missing, or no event has the code, the action or the operating system that it asks for.

Where no event tells its host, rules can not join events by it, and alerts name none. Event Viewer's
CSV holds neither host nor record number, so its events are not known again in another export of
the same log: prefer its EVTX or XML where you have the choice.

  triage sources ./logs
  triage sources ./logs --rules ./my-rules
  triage sources ./logs --format ndjson | jq 'select(.rejected > 0)'

Exit code: 0 when the logs were read, 2 on bad usage or unreadable input.
"""
_SHOWN = 10  # rejects of one log, and rules that lack fields, in the table; JSON has all
_PIPED_WIDTH = 120  # columns where the output is no terminal


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "sources", "tell what logs hold and rules can use", _DESCRIPTION)
    parser.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    rule_options(parser)
    parser.add_argument(
        "--format",
        choices=("table", "json", "ndjson"),
        default="table",
        help="ndjson gives one log a line (default: %(default)s)",
    )
    parser.set_defaults(command=_sources)


def _sources(options: argparse.Namespace) -> int:
    loaded = load_rules(rule_config(options).rules)
    for problem in loaded.problems:
        if problem.severity == "error":
            say(str(problem))
    rules = [rule for rule in loaded.rules if rule.runnable and rule.enabled]
    follower = Follower(options.paths, once=True)
    progress = Progress(follower)
    try:
        found = survey(follower, rules, progress)
    finally:
        progress.end()
        follower.close()
    if options.format == "table":
        _print_tables(found)
    elif options.format == "json":
        document = {
            "sources": [_document(one) for one in found.sources],
            "rules": _fits_document(found.rules),
        }
        print(json_line(document))
    else:
        for one in found.sources:
            print(json_line(_document(one)))
    events = sum(one.events for one in found.sources)
    rejected = sum(one.rejected for one in found.sources)
    say(
        f"triage: {len(found.sources):,} logs, {events:,} events,"
        f" {rejected:,} records that could not be read, {len(rules):,} rules"
    )
    return say_refused(follower, events, named=options.format == "table")


# For machines -------------------------------------------------------------------------------------


def _document(report: SourceReport) -> dict[str, Any]:
    lines = _lines(report)
    source = report.source
    return {
        "path": encodable(source.path),
        "format": source.format,
        "state": source.state,
        "reason": source.reason,
        "bytes": source.size,
        "events": report.events,
        "untimed": report.untimed,
        "first": times.iso(report.first) if report.first else None,
        "last": times.iso(report.last) if report.last else None,
        "hosts": dict(report.hosts),
        "channels": dict(report.channels),
        "categories": dict(report.categories),
        "rejected": report.rejected,
        "rejects": [
            {
                "position": one.position,
                "line": lines.get(one.position),
                "bytes": one.length,
                "reason": one.reason,
                "excerpt": one.excerpt.decode("utf-8", "backslashreplace"),
            }
            for one in report.rejects
        ],
        "rules": _fits_document(report.rules),
    }


def _fits_document(fits: Sequence[RuleFit]) -> dict[str, Any]:
    return {
        verdict: [
            {
                "id": one.rule_id,
                "name": one.name,
                "missing": list(one.missing),
                "absent": list(one.absent),
                "unfit": list(one.unfit),
            }
            for one in fits
            if one.verdict == verdict
        ]
        for verdict in ("ready", "partly", "blind")
    }


def _lines(report: SourceReport) -> dict[int, int]:
    """The line of each reject, by its byte offset; none for formats that have no lines."""
    if not report.rejects or framing(report.source.format) == "evtx":
        return {}
    try:
        return dict(lines_of(report.source.path, (one.position for one in report.rejects)))
    except OSError:
        return {}  # gone meanwhile: the offset is told all the same


# For people ---------------------------------------------------------------------------------------


def _print_tables(found: Survey) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    if not sys.stdout.isatty():
        console = Console(markup=False, highlight=False, emoji=False, width=_PIPED_WIDTH)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    folder = _folder([one.source.path for one in found.sources])
    where = f" in {_shown(folder)}" if _shown(folder) else ""
    table.add_column(Text(f"LOG{where}"), ratio=1, overflow="fold")
    table.add_column("TIME (UTC)", no_wrap=True)
    table.add_column("EVENTS", no_wrap=True)
    table.add_column("HOSTS", max_width=24, overflow="fold")
    table.add_column("RULES", no_wrap=True)
    for one in found.sources:
        table.add_row(*_row(one, folder))
    console.print(table)
    for one in found.sources:
        if one.rejects:
            console.print(_rejects(one))
    if found.rules and any(one.events for one in found.sources):
        console.print(_rules(found.rules))


def _folder(paths: Sequence[str]) -> str:
    """The folder that holds all of the logs, with its separator: it need not stand in every row."""
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # none, or on several drives
        return ""
    return os.path.join(folder, "") if len(paths) > 1 and folder != os.sep else ""


def _row(report: SourceReport, folder: str) -> tuple[Text, ...]:
    source = report.source
    log = Text(_shown(source.path.removeprefix(folder)))
    bad = "dim" if source.state == "not a log" else "red"
    if source.format:
        log.append(f"\n{FORMATS.get(source.format, source.format)}, ", "cyan")
    else:
        log.append("\n")
    log.append(f"{source.size:,} bytes", "dim")
    if source.reason:
        log.append(f"\n{clean(source.state)}: {clean(source.reason)}", bad)
    if report.channels:
        log.append(f"\n{_names(report.channels, 3)}", "dim")
    spans = [_short(report.first), _short(report.last)] if report.first else ["-"]
    events = Text(f"{report.events:,}")
    if report.rejected:
        events.append(f"\n{report.rejected:,} not read", "yellow")
    if report.untimed:
        events.append(f"\n{report.untimed:,} no time", "yellow")
    hosts = Text(_names(report.hosts, 3) or "-")
    if report.events and not report.hosts:
        hosts = Text("none told", "yellow")
    return log, Text("\n".join(spans)), events, hosts, _verdicts(report.rules)


def _shown(path: str) -> str:
    """A path as one would type it here."""
    return clean(path.removeprefix(f"{os.getcwd()}{os.sep}"))


def _short(nanoseconds: int) -> str:
    return times.iso(nanoseconds)[:19].replace("T", " ")


def _names(counted: Sequence[tuple[str, int]], most: int) -> str:
    shown = ", ".join(clean(name, 48) for name, _ in counted[:most])
    return shown + (f" +{len(counted) - most:,}" if len(counted) > most else "")


def _verdicts(fits: Sequence[RuleFit]) -> Text:
    if not fits:
        return Text("-")
    counts = Counter(one.verdict for one in fits)
    styles = (("ready", "green"), ("partly", "yellow"), ("blind", "red"))
    lines = [(f"{counts[word]:,} {word}", style) for word, style in styles if counts[word]]
    return Text("\n").join(Text(text, style) for text, style in lines)


def _rejects(report: SourceReport) -> Group:
    lines = _lines(report)
    shown: list[Text] = [
        Text(f"{_shown(report.source.path)}: {report.rejected:,} records not read", "bold")
    ]
    unit = "record" if report.source.format == "evtx" else "byte"
    for one in report.rejects[:_SHOWN]:
        line = f"line {lines[one.position]:,}, " if one.position in lines else ""
        text = Text(f"  {line}{unit} {one.position:,}: ")
        text.append(clean(one.reason), "yellow")
        if one.excerpt:
            raw = one.excerpt.decode("utf-8", "backslashreplace")
            text.append(f"  {clean(raw, 60)}", "dim")
        shown.append(text)
    if report.rejected > _SHOWN:
        shown.append(Text(f"  … and {report.rejected - _SHOWN:,} more; --format json has them"))
    return Group(*shown, Text())


def _rules(fits: Sequence[RuleFit]) -> Group:
    counts = Counter(one.verdict for one in fits)
    told = ", ".join(f"{counts[word]:,} {word}" for word in ("ready", "partly", "blind"))
    shown = [Text(f"Rules over all these logs: {told}", "bold")]
    if foreign := sum("host.os.type" in one.unfit for one in fits):
        shown[0].append(f"; {foreign:,} of the blind are for another operating system", "dim")
    ready = [one for one in fits if one.verdict == "ready"]
    if len(ready) <= _SHOWN:
        shown += [
            Text("  ready  ", "green").append(clean(one.name, 80), "default") for one in ready
        ]
    lacking = [one for one in fits if one.verdict != "ready" and "host.os.type" not in one.unfit]
    lacking.sort(key=lambda one: (one.verdict == "blind", len(one.missing), one.name))
    for one in lacking[:_SHOWN]:
        text = Text(f"  {one.verdict:<6} ", "red" if one.verdict == "blind" else "yellow")
        text.append(clean(one.name, 80), "default")
        if one.absent:
            text.append(f"; there is no {' or '.join(map(clean, one.absent))} event", "dim")
        if one.missing:
            text.append(f"; no event has {', '.join(map(clean, one.missing))}", "dim")
        if one.unfit:
            text.append(
                f"; no event has the {' or '.join(map(clean, one.unfit))} it asks for", "dim"
            )
        shown.append(text)
    if len(lacking) > _SHOWN:
        shown.append(Text(f"  … and {len(lacking) - _SHOWN:,} more; --format json has them"))
        wanted = Counter(field for one in lacking for field in one.missing)
        most = ", ".join(f"{clean(name)} ({n:,} rules)" for name, n in wanted.most_common(8))
        if most:
            shown.append(Text(f"  missing most often: {most}"))
    return Group(*shown)
