"""An exception in the making: its lines, whom it is for, and how long. No widget, no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triage import ecs
from triage.case.model import AlertDetail
from triage.event import Event
from triage.exceptions import Entry, Item, suggest
from triage.fields import Doc, first_text, flatten, values
from triage.times import SECOND
from triage.ui.conditions import Condition

if TYPE_CHECKING:
    from triage.ui.trial import Alerts, Preview

DAY = 86_400 * SECOND
EXPIRY = 90 * DAY  # ns from now, unless somebody wants it otherwise
# What says which program it is, not only who or where: without one of these an exception is wide.
_IDENTITY = (".hash.", "executable", "code_signature", "file.path", "original_file_name")
_HOW = ("process.command_line", "process.parent.executable", "user.name", "host.name")
_MANY = 100  # events that never alerted: from here on they are worth a warning
_FEW_LITERALS = 4  # a pattern that says less is true of nearly anything


@dataclass(frozen=True, slots=True)
class RuleRef:
    """As much of a rule as exceptions need, taken from its alert."""

    rule_id: str
    name: str
    path: str
    tags: tuple[str, ...]
    investigation_fields: tuple[str, ...]

    @classmethod
    def of(cls, alert: AlertDetail, path: str) -> RuleRef:
        """The rule of an alert whose file is ``path``."""
        parameters = alert.doc.get("kibana.alert.rule.parameters")
        table = parameters if isinstance(parameters, dict) else {}
        named = values(table, "investigation_fields.field_names")
        return cls(
            alert.row.rule_id,
            first_text(table, "name") or alert.row.rule_name,
            path,
            tuple(str(tag) for tag in values(alert.doc, "kibana.alert.rule.tags")),
            tuple(str(name) for name in named),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom an exception is for: rules by id, rules by tag, or with neither every rule."""

    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def every_rule(self) -> bool:
        return not self.rules and not self.tags

    def covers(self, rule_id: str, tags: frozenset[str]) -> bool:
        """Whether a rule of these tags is one of them."""
        return self.every_rule or rule_id in self.rules or not tags.isdisjoint(self.tags)


@dataclass(frozen=True, slots=True)
class Draft:
    """The exception as it stands in the editor."""

    conditions: tuple[Condition, ...]
    scope: Scope = Scope()
    expire_time: int | None = None  # ns since 1970; None: never
    reason: str = ""
    name: str = ""  # "" is named after the reason

    @classmethod
    def of(cls, item: Item) -> Draft:
        """The draft that an item is edited as."""
        lines = tuple(Condition(entry, ticked=True, added=True) for entry in item.entries)
        scope = Scope(item.rules, item.tags)
        return cls(lines, scope, item.expire_time, item.comment, item.name)

    @property
    def ticked(self) -> tuple[Entry, ...]:
        return tuple(one.saved for one in self.conditions if one.ticked)

    @property
    def has_identity(self) -> bool:
        """One of the ticked lines names the program or file by hash, path or signature."""
        return any(
            _names_program(entry) and entry.type not in ("exists", "wildcard")
            for entry in self.ticked
        )

    def change(self, place: int, condition: Condition) -> Draft:
        """With another line at ``place``."""
        found = list(self.conditions)
        found[place] = condition
        return replace(self, conditions=tuple(found))

    def add(self, entry: Entry) -> Draft:
        """With one more line, ticked."""
        return replace(self, conditions=(*self.conditions, Condition(entry, True, True)))

    def drop(self, place: int) -> Draft:
        """Without the line at ``place``, where the analyst added it."""
        kept = [one for at, one in enumerate(self.conditions) if at != place or not one.added]
        return replace(self, conditions=tuple(kept))


@dataclass(frozen=True, slots=True)
class Warning:
    """Why an exception may hide more than is meant."""

    text: str
    grave: bool = False  # it has to be saved twice


def warnings(draft: Draft, found: Preview) -> list[Warning]:
    """What to think of before saving, the gravest first."""
    told: list[Warning] = []
    entries = draft.ticked
    true = sum(row.close_reason == "true_positive" for row in (*found.suppressed, *found.others))
    if true:
        told.append(Warning(f"{true} of them somebody closed as a true positive", grave=True))
    if entries and all(_says_little(entry) for entry in entries):
        text = "no line says what is there: it is true of every event that lacks the field"
        told.append(Warning(text, grave=True))
    if found.wide and entries:
        share = f"more than half of the rule's alerts: {len(found.suppressed)} of {found.total}"
        lacks = "" if draft.has_identity else ", and no program is named by hash or path"
        told.append(Warning(share + lacks, grave=not draft.has_identity))
    if found.others:
        rules = {row.rule_id for row in found.others}
        names = ", ".join(dict.fromkeys(row.rule_name for row in found.others[:3]))
        told.append(Warning(f"it hides alerts of {len(rules)} other rules, too: {names}"))
    if draft.scope.every_rule and entries:
        told.append(Warning("it is for every rule, also those that are written later"))
    if found.silent and found.silent >= max(_MANY, 10 * len(found.suppressed)):
        told.append(Warning(f"too wide? {found.silent:,} events that never alerted match it, too"))
    told += [
        Warning(f"{entry.field}: the pattern {entry.values[0]!r} says next to nothing")
        for entry in entries
        if entry.type == "wildcard" and len(entry.values[0].strip("*?")) < _FEW_LITERALS
    ]
    return sorted(told, key=lambda one: not one.grave)


def _says_little(entry: Entry) -> bool:
    return entry.operator == "excluded" or entry.type == "exists"


def proposal(selected: Sequence[AlertDetail], rule: RuleRef, tried: Alerts) -> Draft:
    """The draft to start from: what the program is, then what narrows it down the most.

    Lines come from each stage of the rule by itself, since an exception has to be true of one
    event. At most three are ticked, together true of an event of every selected alert.
    """
    entries = _proposed(selected, rule)
    hits = [tried.events((entry,)) for entry in entries]
    chosen = {one.row.id for one in selected}
    wanted = {place for place, row in enumerate(tried.rows) if row.id in chosen}
    ticked: list[int] = []
    left = set(range(len(tried.docs)))

    def after(place: int) -> set[int]:
        """The alerts that stay covered when the line at ``place`` is ticked too."""
        return tried.owners(left & hits[place])

    able = range(len(entries))
    anchor = (p for p in able if _names_program(entries[p]) and after(p) >= wanted)
    best = next(anchor, None)
    while best is not None:
        ticked.append(best)
        covered = len(after(best))
        left &= hits[best]
        more = [p for p in able if after(p) >= wanted and len(after(p)) < covered]
        best = min(more, key=lambda p: (len(after(p)), p)) if more and len(ticked) < 3 else None
    if len(ticked) == 1:
        # Which program alone would hide whatever else it is used for: say how, too.
        how = (p for name in _HOW for p in able if entries[p].field == name and after(p) >= wanted)
        ticked.extend([place for place in how if place not in ticked][:1])
    lines = tuple(Condition(entry, place in ticked) for place, entry in enumerate(entries))
    return Draft(lines, Scope((rule.rule_id,)))


def _proposed(selected: Sequence[AlertDetail], rule: RuleRef) -> list[Entry]:
    stages: dict[int, list[Doc]] = {}
    for alert in selected:
        for one in alert.matched:
            stages.setdefault(one.stage, []).append(one.event.doc)
    ranked: dict[Entry, int] = {}
    for stage in sorted(stages):
        for rank, entry in enumerate(suggest(stages[stage], rule)):
            ranked.setdefault(entry, rank)
    return sorted(ranked, key=lambda entry: ranked[entry])


def _names_program(entry: Entry) -> bool:
    return entry.operator == "included" and any(part in entry.field for part in _IDENTITY)


def fields_to_add(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Fields to make a line of, each with its value: first those of the events, by name, then all
    that ECS has, without one."""
    found: dict[str, str] = {}
    for event in events:
        for name, value in flatten(event.doc).items():
            listed = value if isinstance(value, list) else [value]
            texts = [one for one in listed if isinstance(one, str | int | float) and str(one)]
            if texts:
                text = str(texts[0])
                found.setdefault(name, text.lower() if isinstance(texts[0], bool) else text)
    return [*sorted(found.items()), *((name, "") for name in ecs.names() if name not in found)]
