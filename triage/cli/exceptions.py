"""triage exceptions: list, import and export what was found to be benign."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from triage import times
from triage.case.exceptions import Standing, hits, newest_event, standings
from triage.case.read import CaseReader
from triage.cli.common import FAILED, OK, Commands, command, rule_config, rule_options, say
from triage.errors import TriageError
from triage.exceptions import (
    ExceptionList,
    ExceptionSet,
    Item,
    append_items,
    change_item,
    kibana_lines,
    load_exceptions,
    read_kibana,
    read_values,
    sorted_keys,
    splunk_macro,
    write_values,
)
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
_IMPORT = """\
Take over exception lists that Kibana exported (NDJSON, of lists or of rules with their lists), or
a value list (one value a line), into the folder of lists.

  triage exceptions import lists.ndjson --rule 39e239f4-f3dd-4c87-9ce3-af94d489108c
  triage exceptions import build-servers.txt --value-list ip_range

In Kibana rules name their lists. So an item holds for the rules that --rule and --tag say; without
them for those in the file or among the loaded rules that name its list; and for every rule only if
--every-rule says so. Value lists that items ask for have to be there first. What is there already
(same item_id) stays as it is, unless --overwrite is given.

Exit code: 0 when all was taken over, 2 when something was not.
"""
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

    taken = command(inner, "import", "take over Kibana's lists, or a value list", _IMPORT)
    rule_options(taken)
    taken.add_argument("file", type=Path, metavar="FILE", help="NDJSON, or values one a line")
    scope = taken.add_argument_group("whom the items are for")
    scope.add_argument("--rule", action="append", default=[], metavar="ID", help="a rule's id")
    scope.add_argument("--tag", action="append", default=[], metavar="TAG", help="rules of a tag")
    scope.add_argument("--every-rule", action="store_true", help="every rule there is")
    taken.add_argument("--overwrite", action="store_true", help="change items that are there")
    taken.add_argument(
        "--value-list",
        choices=("keyword", "text", "ip", "ip_range"),
        metavar="TYPE",
        help="FILE is a value list of this type: keyword, text, ip or ip_range",
    )
    taken.add_argument(
        "--id", default="", metavar="ID", help="the value list's id (default: the file's name)"
    )
    taken.set_defaults(command=_import)

    given = command(inner, "export", "print lists for Kibana or Splunk", _EXPORT)
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


def _load(options: argparse.Namespace) -> ExceptionSet:
    found = load_exceptions(options.exceptions)
    for problem in found.problems:
        say(str(problem))
    return found


# list ---------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    found = _load(options)
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


# import -------------------------------------------------------------------------------------------


def _import(options: argparse.Namespace) -> int:
    try:
        content = options.file.read_bytes()
    except OSError as error:
        raise TriageError(f"{options.file}: {error.strerror}") from error
    if options.value_list:
        return _import_values(options, content)
    found = read_kibana(str(options.file), content, wall_clock())
    for problem in found.problems:
        say(str(problem))
    if not found.lists:
        say(f"triage: {options.file}: there is no exception list in it")
        return FAILED
    named = _named_by_rules(options)
    failed = bool(found.problems)
    for one in found.lists:
        rules = (*options.rule, *(() if options.tag else found.rules.get(one.list_id, ())))
        if not (rules or options.tag or options.every_rule):
            rules = named.get(one.list_id, ())
        try:
            failed |= _take_over(options, one, tuple(dict.fromkeys(rules)))
        except TriageError as error:
            say(f"triage: {error}")
            failed = True
    return FAILED if failed else OK


def _named_by_rules(options: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Which of the loaded rules name which list."""
    named: dict[str, tuple[str, ...]] = {}
    for rule in load_rules(rule_config(options).rules).rules:
        for reference in rule.exceptions_list:
            known = named.get(reference.list_id, ())
            named[reference.list_id] = (*known, rule.rule_id)
    return named


def _take_over(options: argparse.Namespace, one: ExceptionList, rules: tuple[str, ...]) -> bool:
    """Write a list's items; True where one of them could not be."""
    scoped = [_scoped(item, rules, options) for item in one.items]
    unscoped = [item for item in scoped if not (item.rules or item.tags or options.every_rule)]
    if unscoped:
        raise TriageError(
            f"list {one.list_id!r} is not taken over: no rule names it; say with --rule, --tag or"
            " --every-rule whom it is for"
        )
    before = load_exceptions(options.exceptions)
    path = next((Path(own.path) for own in before.lists if own.list_id == one.list_id), None)
    path = path or _free_path(options.exceptions, one.list_id, before)
    there = {item.item_id: item for own in before.lists for item in own.items}
    fresh = [item for item in scoped if item.item_id not in there]
    changed = 0
    for item in scoped:
        known = there.get(item.item_id)
        if known is not None and known != item and options.overwrite:
            change_item(Path(known.path), item.item_id, item)
            changed += 1
    failed = False
    try:
        if fresh:
            append_items(path, one, fresh)
    except TriageError:
        failed = True
        fresh = _one_by_one(path, one, fresh)
    stay = len(scoped) - changed - len(fresh)
    say(
        f"triage: {one.list_id}: {len(fresh):,} new, {changed:,} changed, {stay:,} left as they"
        f" were or out, in {path}"
    )
    return failed


def _scoped(item: Item, rules: tuple[str, ...], options: argparse.Namespace) -> Item:
    if options.every_rule:
        return replace(item, rules=(), tags=())
    if rules or options.tag:
        return replace(item, rules=rules, tags=tuple(options.tag))
    return item  # an export of ours says itself whom it is for


def _one_by_one(path: Path, meta: ExceptionList, items: Sequence[Item]) -> list[Item]:
    """Write what can be written, and say of each other item why not; those that were."""
    written: list[Item] = []
    for item in items:
        try:
            append_items(path, meta, (item,))
        except TriageError as error:
            say(f"triage: “{item.name}”: {error}")
        else:
            written.append(item)
    return written


def _free_path(folder: Path, list_id: str, before: ExceptionSet) -> Path:
    word = re.sub(r"[^a-z0-9_-]+", "-", list_id.lower()).strip("-_")[:100] or "list"
    taken = {Path(own.path).name for own in before.lists}
    names = (f"list-{word}.toml", *(f"list-{word}-{n}.toml" for n in range(2, 10_000)))
    return folder / next(name for name in names if name not in taken)


def _import_values(options: argparse.Namespace, content: bytes) -> int:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise TriageError(f"{options.file}: not UTF-8 text") from error
    values = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    list_id = options.id or options.file.name
    count = write_values(options.exceptions, list_id, options.value_list, values)
    say(f"triage: value list {list_id!r}: {count:,} values")
    return OK


# export -------------------------------------------------------------------------------------------


def _export(options: argparse.Namespace) -> int:
    if options.value_list:
        for value in read_values(options.exceptions, options.value_list):
            print(clean(value) if sys.stdout.isatty() else value)
        return OK
    found = _load(options)
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
