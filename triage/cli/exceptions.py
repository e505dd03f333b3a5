"""triage exceptions: list what was found to be benign; import and export it are modules beside."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from triage import times
from triage.case.exceptions import Standing, hits, newest_event, standings
from triage.case.read import CaseReader
from triage.cli import exceptions_export, exceptions_import
from triage.cli.common import (
    FAILED,
    OK,
    Commands,
    command,
    loaded_exceptions,
    rule_config,
    rule_options,
    say,
)
from triage.errors import TriageError
from triage.rules import Rule, load_rules
from triage.run import wall_clock
from triage.text import clean, json_line

_DESCRIPTION = """\
What analysts found to be benign: exception lists, as TOML files that are yours to edit.

  triage exceptions list --case night.triage          every exception, and what it hid in a case
  triage exceptions export > lists.ndjson             for Kibana
  triage exceptions import lists.ndjson --rule ID     from Kibana
  triage exceptions export --format splunk-macro RULE a detection's filter macro
"""
_LIST = """\
Print every exception with its state, rules, hits and what is wrong with it.

  triage exceptions list
  triage exceptions list --case night.triage --format json

States: active; stale (no event for 30 days of the logs' time); expired; disabled. Hits are those of
the case; without one they are not known. Exit code: 0, or 2 where a list can not be read in full.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    parser = command(commands, "exceptions", "list, import, export exceptions", _DESCRIPTION)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listed = command(inner, "list", "every exception and what it hid", _LIST)
    rule_options(listed)
    listed.add_argument("--case", type=Path, metavar="FILE", help="the case whose hits to count")
    listed.add_argument(
        "--format", choices=("table", "json"), default="table", help="default: %(default)s"
    )
    listed.set_defaults(command=_list)
    exceptions_import.register(inner)
    exceptions_export.register(inner)


def _list(options: argparse.Namespace) -> int:
    found = loaded_exceptions(options)
    rules = {rule.rule_id: rule for rule in load_rules(rule_config(options).rules).rules}
    now = newest = wall_clock()
    done = {}
    if options.case is not None:
        if not options.case.is_file():
            raise TriageError(f"{options.case}: there is no such case")
        case = CaseReader(str(options.case))
        done, newest = hits(case), newest_event(case, now)
        case.close()
    tags = {rule_id: rule.tags for rule_id, rule in rules.items()}
    for one in standings(found, done, tags, now, newest):
        if options.format == "json":
            print(json_line(_row(one, options.case is not None)))
        else:
            _print(one, rules, options.case is not None)
    items = sum(len(one.items) for one in found.lists)
    say(f"triage: {items:,} exceptions in {len(found.lists):,} lists in {options.exceptions}")
    return FAILED if any(one.severity == "error" for one in found.problems) else OK


def _row(one: Standing, counted: bool) -> dict[str, object]:
    item = one.item
    instants = {"created_at": item.created_at, "expire_time": item.expire_time}
    return {
        "item_id": item.item_id,
        "name": item.name,
        "list_id": one.list.list_id,
        "path": item.path,
        "line": item.line,
        "state": one.state,
        "rules": item.rules,
        "tags": item.tags,
        "comment": item.comment,
        "created_by": item.created_by,
        **{key: None if at is None else times.iso(at) for key, at in instants.items()},
        "hits": one.hits.events if counted else None,
        "last_hit": times.iso(one.hits.last) if one.hits.last else None,
        "conflicts": one.conflicts,
        "entries": [
            {key: value for key, value in asdict(entry).items() if key != "listed"}
            for entry in item.entries
        ],
    }


def _print(one: Standing, rules: dict[str, Rule], counted: bool) -> None:
    item = one.item
    known = [rules[id_].name if id_ in rules else id_ for id_ in item.rules]
    scope = ", ".join([*known, *(f"tag {tag}" for tag in item.tags)]) or "every rule"
    told = f"{one.hits.events:>8,} hits" if counted else "       - hits"
    last = times.iso(one.hits.last)[:10] if one.hits.last else "-"
    until = times.iso(item.expire_time)[:10] if item.expire_time is not None else "never"
    print(
        clean(f"{one.state:<8}  {told}  last {last:<10}  until {until:<10}  {item.name}", 200)
        + f"\n          {clean(scope, 160)}  ({clean(item.path)}:{item.line})"
    )
    for conflict in one.conflicts:
        print(f"          ! {clean(conflict, 200)}")
