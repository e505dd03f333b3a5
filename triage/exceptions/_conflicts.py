"""What is wrong between exceptions: the same twice, one that a wider one hides, a rule that is not.

All of it is told in words, and nothing of it keeps an exception from working.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from triage.exceptions._match import wildcard
from triage.exceptions._model import Entry, Item
from triage.exceptions._values import Ranges, value_test

_PLAIN = ("match", "match_any")


def conflicts(
    items: Sequence[Item], rules: Mapping[str, Sequence[str]], now_ns: int
) -> dict[int, list[str]]:
    """What is wrong with each item, by its place in ``items``; places without anything are not.

    ``rules``: the loaded rules by id, each with its tags; empty where nobody knows them.
    """
    found: dict[int, list[str]] = {}
    by_field: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        if item.entries and item.in_force(now_ns):
            by_field.setdefault(item.entries[0].field, []).append(place)
    for place, item in enumerate(items):
        told = _missing(item, rules) if rules else []
        wider = {other for entry in item.entries for other in by_field.get(entry.field, ())}
        for other in sorted(wider - {place}):
            if not shadows(items[other], item, rules):
                continue
            if not shadows(item, items[other], rules):
                told.append(f"hidden by a wider one: {_named(items[other])}")
            elif item.in_force(now_ns):
                told.append(f"the same as {_named(items[other])}")
        if told:
            found[place] = told
    return found


def _named(item: Item) -> str:
    return f"“{item.name}” ({item.path.replace(chr(92), '/').rpartition('/')[2]}:{item.line})"


def _missing(item: Item, rules: Mapping[str, Sequence[str]]) -> list[str]:
    tags = {tag for own in rules.values() for tag in own}
    gone = [f"no rule {rule_id} is loaded" for rule_id in item.rules if rule_id not in rules]
    return gone + [f"no loaded rule has the tag {tag!r}" for tag in item.tags if tag not in tags]


def shadows(wide: Item, item: Item, rules: Mapping[str, Sequence[str]]) -> bool:
    """Whether ``wide`` is true of every event that ``item`` is true of, for all of its rules.

    Sure where it says so; patterns are compared only as far as their text shows it.
    """
    if not wide.entries or not _scope(wide, item, rules):
        return False
    if wide.os_types and not (item.os_types and set(item.os_types) <= set(wide.os_types)):
        return False
    return all(any(implies(own, entry) for own in item.entries) for entry in wide.entries)


def _scope(wide: Item, item: Item, rules: Mapping[str, Sequence[str]]) -> bool:
    if not wide.rules and not wide.tags:
        return True
    if not item.rules and not item.tags:
        return False
    return set(item.tags) <= set(wide.tags) and all(
        rule_id in wide.rules or not set(wide.tags).isdisjoint(rules.get(rule_id, ()))
        for rule_id in item.rules
    )


def implies(narrow: Entry, wide: Entry) -> bool:
    """Whether ``wide`` is true wherever ``narrow`` is, as far as the two entries alone show."""
    if narrow == wide:
        return True
    if narrow.field != wide.field or narrow.operator != wide.operator:
        return False
    if "nested" in (narrow.type, wide.type):
        return False
    if narrow.operator == "excluded":
        if "list" in (narrow.type, wide.type):
            return False
        turned = (replace(entry, operator="included") for entry in (wide, narrow))
        return implies(*turned)
    return _covers(narrow, wide)


def _covers(narrow: Entry, wide: Entry) -> bool:
    if wide.type == "exists":
        return True
    if wide.type in _PLAIN:
        return narrow.type in _PLAIN and set(narrow.values) <= set(wide.values)
    if wide.type == "wildcard":
        if narrow.type == "wildcard":
            # A * of the wide pattern takes in whatever * or ? of the narrow one stand for.
            return "?" not in wide.values[0] and wildcard(wide.values[0], False)(narrow.values[0])
        return narrow.type in _PLAIN and all(map(wildcard(wide.values[0], False), narrow.values))
    if wide.type == "cidr":
        return _in_ranges(narrow.values, wide.values, narrow.type)
    return (
        wide.type == "list"
        and narrow.type in _PLAIN
        and all(map(value_test(wide.list_type, wide.listed), narrow.values))
    )


def _in_ranges(narrow: Iterable[str], wide: Sequence[str], kind: str) -> bool:
    if kind not in (*_PLAIN, "cidr"):
        return False
    try:
        return Ranges(wide).covers(Ranges(narrow))
    except ValueError:
        return False
