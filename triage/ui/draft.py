"""An exception in the making: its lines, and what they would suppress. No widget, no file."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from triage.case.model import AlertDetail, AlertRow
from triage.case.read import CaseReader
from triage.event import Event
from triage.exceptions import Entry, Item, compile_item, suggest
from triage.fields import Doc, first_text, flatten, values
from triage.times import SECOND

DAY = 86_400 * SECOND
EXPIRIES: tuple[int | None, ...] = (90 * DAY, 180 * DAY, None, 30 * DAY)  # ns from now; None: never
MAX_ALERTS = 5_000  # of a rule that the preview tries, the newest
# What says which program it is, not only who or where: without one of these an exception is wide.
_IDENTITY = (".hash.", "executable", "code_signature", "file.path", "original_file_name")
_HOW = ("process.command_line", "process.parent.executable", "user.name", "host.name")
_OPERATORS = ("is", "wildcard", "is one of", "exists", "in range", "is not")
SEPARATOR = " | "  # between the values of "is one of"


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
class Condition:
    """A line of the editor."""

    entry: Entry
    ticked: bool = False
    added: bool = False  # by the analyst, not proposed

    @property
    def operator(self) -> str:
        """The entry's operator in words."""
        if self.entry.operator == "excluded":
            return "is not"
        return {
            "match": "is",
            "match_any": "is one of",
            "wildcard": "wildcard",
            "exists": "exists",
            "cidr": "in range",
            "nested": "has",
        }[self.entry.type]

    @property
    def value(self) -> str:
        """The entry's value as the analyst reads and writes it."""
        if self.entry.type == "nested":
            return " and ".join(f"{one.field} {''.join(one.values)}" for one in self.entry.entries)
        return SEPARATOR.join(self.entry.values)

    def next_operator(self) -> Condition:
        """The line with the next operator that makes sense for its value."""
        if self.entry.type == "nested":
            return self
        place = _OPERATORS.index(self.operator)
        for step in range(1, len(_OPERATORS)):
            name = _OPERATORS[(place + step) % len(_OPERATORS)]
            if name == "in range" and not _is_range(self.value):
                continue
            return self._with(name, self.value)
        return self

    def with_value(self, text: str) -> Condition:
        """The line with another value; an empty one changes nothing."""
        return self._with(self.operator, text) if text.strip() else self

    def _with(self, operator: str, text: str) -> Condition:
        old = self.entry
        # "exists" has no value, but the one it had must come back with the next operator.
        several = tuple(part.strip() for part in text.split(SEPARATOR.strip()) if part.strip())
        found = {
            "is": ("match", (text,)),
            "is not": ("match", (text,)),
            "wildcard": ("wildcard", (text,)),
            "is one of": ("match_any", several),
            "exists": ("exists", old.values),
            "in range": ("cidr", several),
        }[operator]
        sign = "excluded" if operator == "is not" else "included"
        return replace(self, entry=Entry(old.field, found[0], found[1], sign))

    @property
    def saved(self) -> Entry:
        """The entry as it is written: "exists" without the value it only remembers."""
        return replace(self.entry, values=()) if self.entry.type == "exists" else self.entry


def _is_range(text: str) -> bool:
    try:
        for part in text.split(SEPARATOR.strip()):
            ipaddress.ip_network(part.strip(), strict=False)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Draft:
    """The exception as it stands in the editor."""

    conditions: tuple[Condition, ...]
    every_rule: bool = False
    expiry: int | None = EXPIRIES[0]  # ns from now
    reason: str = ""

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
class Candidates:
    """The alerts an exception is tried on, each with its matched events."""

    own: tuple[tuple[AlertRow, tuple[Event, ...]], ...]  # of the rule, newest first
    others: tuple[tuple[AlertRow, tuple[Event, ...]], ...]  # of all other rules
    cut: bool  # there are more than MAX_ALERTS of the rule


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would do."""

    counts: tuple[int, ...]  # for each line of the draft: the rule's alerts it alone is true of
    suppressed: tuple[AlertRow, ...]  # alerts of the rule that all ticked lines are true of
    kept: tuple[AlertRow, ...]
    others: int  # alerts of other rules, where the exception is for every rule
    total: int  # alerts of the rule
    cut: bool
    problem: str = ""  # why the draft can not be tried

    @property
    def wide(self) -> bool:
        """More than half of the rule's alerts."""
        return len(self.suppressed) * 2 > self.total and self.total > 1


def candidates(case: CaseReader, rule_id: str) -> Candidates:
    """The alerts of a rule and of all others, with their events; may take a while."""
    own = _alerts(case, rule_id)
    others = [
        one
        for rule in case.rules()
        if rule.rule_id != rule_id and rule.alerts
        for one in _alerts(case, rule.rule_id)
    ]
    return Candidates(tuple(own[:MAX_ALERTS]), tuple(others), len(own) > MAX_ALERTS)


def _alerts(case: CaseReader, rule_id: str) -> list[tuple[AlertRow, tuple[Event, ...]]]:
    found: list[tuple[AlertRow, tuple[Event, ...]]] = []
    for row, matched in case.rule_alerts(rule_id):
        found.append((row, tuple(matched)))
        if len(found) > MAX_ALERTS:
            break
    return found


def preview(draft: Draft, tried: Candidates) -> Preview:
    """What the draft would suppress: an alert goes where any of its events is excepted.

    Exceptions work on events, before sequences: a sequence without one of its events is none.
    """
    try:
        counts = tuple(
            sum(_hits(_test((one.saved,)), events) for _, events in tried.own)
            for one in draft.conditions
        )
        test = _test(draft.ticked)
    except ValueError as error:
        empty = tuple(0 for _ in draft.conditions)
        return Preview(empty, (), (), 0, len(tried.own), tried.cut, str(error))
    suppressed = tuple(row for row, events in tried.own if _hits(test, events))
    gone = {row.id for row in suppressed}
    kept = tuple(row for row, _ in tried.own if row.id not in gone)
    others = sum(_hits(test, events) for _, events in tried.others) if draft.every_rule else 0
    return Preview(counts, suppressed, kept, others, len(tried.own), tried.cut)


def _test(entries: Sequence[Entry]) -> Callable[[Doc], bool]:
    return compile_item(Item("", "", tuple(entries)))


def _hits(test: Callable[[Doc], bool], events: Sequence[Event]) -> bool:
    return any(test(event.doc) for event in events)


def proposal(selected: Sequence[AlertDetail], rule: RuleRef, tried: Candidates) -> Draft:
    """The draft to start from: what the program is, then what narrows it down the most.

    Lines come from each stage of the rule by itself, since an exception has to be true of one
    event. At most three are ticked, together true of an event of every selected alert.
    """
    entries = _proposed(selected, rule)
    owner = {event.id: row.id for row, events in tried.own for event in events}
    docs = {event.id: event.doc for _, events in tried.own for event in events}
    hits = [
        {event_id for event_id, doc in docs.items() if test(doc)}
        for test in (_test((entry,)) for entry in entries)
    ]
    wanted = {one.row.id for one in selected} & set(owner.values())
    ticked: list[int] = []
    left = set(docs)

    def after(place: int) -> set[str]:
        """The alerts that stay covered when the line at ``place`` is ticked too."""
        return {owner[event_id] for event_id in left & hits[place]}

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
    return Draft(tuple(Condition(entry, place in ticked) for place, entry in enumerate(entries)))


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


def fields_to_add(events: Sequence[Event], draft: Draft) -> list[tuple[str, str]]:
    """Field and value of all that the events say and the draft has no line for."""
    have = {one.entry.field for one in draft.conditions}
    found: dict[str, str] = {}
    for event in events:
        for name, value in flatten(event.doc).items():
            listed = value if isinstance(value, list) else [value]
            texts = [one for one in listed if isinstance(one, str | int | float) and str(one)]
            if name not in have and texts:
                text = str(texts[0])
                found.setdefault(name, text.lower() if isinstance(texts[0], bool) else text)
    return sorted(found.items())
