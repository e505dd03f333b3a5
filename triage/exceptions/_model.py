"""What an exception is: plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as more
from pathlib import PurePath
from typing import Protocol

from triage.errors import Problem

TYPES = ("match", "match_any", "wildcard", "exists", "cidr", "list", "nested")
# What Kibana allows inside a nested entry; to it an address range is a match.
NESTED_TYPES = ("match", "match_any", "exists", "cidr")
# "endpoint" is Kibana's list that its endpoint and some rules share; its other types say nothing
# of rules.
LIST_TYPES = ("detection", "rule_default", "endpoint")
# Types of value lists: addresses, address ranges, whole values, and whole values in any case.
VALUE_TYPES = ("keyword", "ip", "ip_range", "text")


class RuleLike(Protocol):
    """What exceptions need to know of a rule (a ``triage.rules.Rule`` has it)."""

    @property
    def rule_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def investigation_fields(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One condition on one field."""

    field: str
    type: str  # one of TYPES
    # One for match and wildcard, any for match_any and cidr; for "list" the id of a value list.
    values: tuple[str, ...] = ()
    operator: str = "included"  # "excluded" turns the condition round: true on a missing field
    entries: tuple[Entry, ...] = ()  # of "nested": conditions on one object; fields relative to it
    list_type: str = ""  # of "list": one of VALUE_TYPES
    # What the value list holds, as it was when the entry was read.
    listed: tuple[str, ...] = more(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """An exception: an event on which all entries are true is none of the rule's business."""

    item_id: str
    name: str
    entries: tuple[Entry, ...]
    comment: str = ""  # the reason
    rules: tuple[str, ...] = ()  # rule ids; it applies to these and to rules with one of ``tags``
    tags: tuple[str, ...] = ()  # with neither ids nor tags it applies to every rule
    os_types: tuple[str, ...] = ()  # "windows", "linux", "macos"; empty: any
    created_at: int | None = None  # ns since 1970
    created_by: str = ""
    expire_time: int | None = None  # ns since 1970; None: never
    enabled: bool = True  # False: kept, but as if it were not there
    kibana: str = ""  # JSON of what Kibana keeps of it besides, "" where it is ours
    path: str = more(default="", compare=False)  # file it was read from
    line: int = more(default=0, compare=False)  # of its [[item]], from 1

    def expired(self, now_ns: int) -> bool:
        """Whether its time is over at ``now_ns``: from then on it is as if it were not there."""
        return self.expire_time is not None and now_ns >= self.expire_time

    def in_force(self, now_ns: int) -> bool:
        """Whether it hides anything at ``now_ns``."""
        return self.enabled and not self.expired(now_ns)

    @property
    def value_lists(self) -> tuple[tuple[str, ...], ...]:
        """What the value lists it names held when it was read: they are part of what it means."""
        return tuple(entry.listed for entry in self.entries if entry.type == "list")


@dataclass(frozen=True, slots=True)
class ExceptionList:
    """A list of exceptions: one file."""

    list_id: str
    name: str
    description: str = ""
    type: str = "detection"  # one of LIST_TYPES
    items: tuple[Item, ...] = ()
    kibana: str = ""  # JSON of what Kibana keeps of it besides
    path: str = more(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ExceptionSet:
    """The exception lists of a folder, and what is wrong with them."""

    lists: tuple[ExceptionList, ...] = ()
    problems: tuple[Problem, ...] = ()

    def items_for(self, rule: RuleLike, now_ns: int) -> tuple[Item, ...]:
        """The items that hold for ``rule`` at ``now_ns``, in file order."""
        return tuple(
            item
            for exceptions in self.lists
            for item in exceptions.items
            if item.in_force(now_ns) and applies_to(item, rule)
        )


def applies_to(item: Item, rule: RuleLike) -> bool:
    """Whether ``item`` is for ``rule``: by its id, by one of its tags, or for every rule."""
    if not item.rules and not item.tags:
        return True
    return rule.rule_id in item.rules or any(tag in item.tags for tag in rule.tags)


def file_name(rule: RuleLike) -> str:
    """The file for a rule's own exceptions: the rule file's name, else its name as one word."""
    path = PurePath(rule.path.replace("\\", "/"))
    stem = path.stem if path.suffix == ".toml" else rule.name
    word = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:100]
    # Windows keeps some names for devices, whatever the ending.
    reserved = re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", word)
    return f"rule-{word}.toml" if reserved or not word else f"{word}.toml"
