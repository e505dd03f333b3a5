"""triage exceptions import: Kibana's lists, or a value list, into the folder of lists."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from triage.cli.common import FAILED, OK, Commands, command, rule_config, rule_options, say
from triage.errors import TriageError
from triage.exceptions import (
    ExceptionList,
    ExceptionSet,
    Item,
    append_items,
    change_item,
    load_exceptions,
    read_kibana,
    write_values,
)
from triage.rules import load_rules
from triage.run import wall_clock

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


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to those of `triage exceptions`."""
    taken = command(commands, "import", "take over Kibana's lists, or a value list", _IMPORT)
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
        for list_id in rule.exceptions_list:
            named[list_id] = (*named.get(list_id, ()), rule.rule_id)
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
