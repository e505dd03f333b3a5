"""triage exceptions export: lists for Kibana, value lists, and macros for Splunk."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from triage.cli.common import (
    OK,
    Commands,
    command,
    loaded_exceptions,
    rule_config,
    rule_options,
    say,
)
from triage.errors import TriageError
from triage.exceptions import (
    ExceptionList,
    ExceptionSet,
    kibana_lines,
    read_values,
    sorted_keys,
    splunk_macro,
)
from triage.rules import load_rules
from triage.run import wall_clock
from triage.text import clean, json_line

_EXPORT = """\
Print exception lists as Kibana imports them (NDJSON), a value list, or the body of the filter macro
that Splunk's detections end with.

  triage exceptions export > lists.ndjson
  triage exceptions export rule-beacon > beacon.ndjson     one list, by its list_id or file name
  triage exceptions export --value-list build-servers.txt > build-servers.txt
  triage exceptions export --format splunk-macro "Windows InstallUtil Remote Network Connection"

What was imported and not changed since is printed as it was. What Kibana or Splunk can not hold is
told on standard error. Exit code: 0, or 2 where there is no such list or rule.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to those of `triage exceptions`."""
    given = command(commands, "export", "print lists for Kibana or Splunk", _EXPORT)
    rule_options(given)
    given.add_argument("names", nargs="*", metavar="NAME", help="lists; of a macro: the rule")
    given.add_argument(
        "--format",
        choices=("kibana", "splunk-macro"),
        default="kibana",
        help="default: %(default)s",
    )
    given.add_argument("--without-expired", action="store_true", help="leave out what has expired")
    given.add_argument("--value-list", metavar="ID", help="print the values of this list")
    given.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    if options.value_list:
        for value in read_values(options.exceptions, options.value_list):
            print(clean(value) if sys.stdout.isatty() else value)
        return OK
    found = loaded_exceptions(options)
    now = wall_clock()
    if options.format == "splunk-macro":
        return _export_macro(options, found, now)
    lists = found.lists
    if options.names:
        lists = tuple(_named_list(found, name) for name in options.names)
    if options.without_expired:
        lists = tuple(
            replace(one, items=tuple(item for item in one.items if not item.expired(now)))
            for one in lists
        )
    for document in kibana_lines(lists, now, lambda text: say(f"triage: {text}")):
        print(json_line(sorted_keys(document)))
    return OK


def _named_list(found: ExceptionSet, name: str) -> ExceptionList:
    for one in found.lists:
        if name in (one.list_id, Path(one.path).name, Path(one.path).stem):
            return one
    there = ", ".join(sorted(one.list_id for one in found.lists)) or "none"
    raise TriageError(f"there is no list {name!r}; there are: {there}")


def _export_macro(options: argparse.Namespace, found: ExceptionSet, now: int) -> int:
    if len(options.names) != 1:
        raise TriageError("a macro is of one rule: give its id, its name or its file")
    (name,) = options.names
    rules = load_rules(rule_config(options).rules).rules
    rule = next(
        (one for one in rules if name in (one.rule_id, one.name, one.path, Path(one.path).stem)),
        None,
    )
    if rule is None:
        raise TriageError(f"there is no rule {name!r} among those loaded; add it with --rules")
    print(clean(splunk_macro(found.items_for(rule, now))))
    return OK
