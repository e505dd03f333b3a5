"""Trying an exception: which alerts and which events of the logs its conditions are true of.

Each condition is tried on each event once; what a set of them is true of is then the intersection
of bit masks, so that a preview costs nothing while lines are ticked and unticked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.context import Looked
from triage.event import Event
from triage.exceptions import Entry, Item, compile_item
from triage.fields import Doc
from triage.ui.draft import Draft, Scope

_MANY = 100  # events that never alerted: from here on they are worth a warning
_FEW_LITERALS = 4  # a pattern that says less is true of nearly anything
MAX_ALERTS = 5_000  # of a rule, and of all others, that an exception is tried on: the newest


class Masks:
    """Events, and for each condition a mask of those it is true of."""

    def __init__(self) -> None:
        self._docs: list[bytes] = []
        self._known: dict[Entry, tuple[int, int]] = {}  # entry → mask, number of events it is of

    def __len__(self) -> int:
        return len(self._docs)

    def add(self, doc: bytes) -> None:
        """One more event, as JSON."""
        self._docs.append(doc)

    def of(self, entries: Iterable[Entry]) -> int:
        """The events that all entries are true of; none without entries.

        Raises ValueError for an entry that can not be tried.
        """
        masks = [self._mask(entry) for entry in entries]
        if not masks:
            return 0
        found = masks[0]
        for mask in masks[1:]:
            found &= mask
        return found

    def _mask(self, entry: Entry) -> int:
        mask, tried = self._known.get(entry, (0, 0))
        if tried < len(self._docs):
            test = compile_item(Item("", "", (entry,)))
            bits = bytearray((len(self._docs) + 7) // 8)
            for place in range(tried, len(self._docs)):
                if test(orjson.loads(self._docs[place])):
                    bits[place >> 3] |= 1 << (place & 7)
            mask |= int.from_bytes(bits, "little")
            self._known[entry] = mask, len(self._docs)
        return mask


class Alerts:
    """Alerts, newest first, with the events that made them."""

    def __init__(self, found: Iterable[tuple[AlertRow, Sequence[Event]]]) -> None:
        self.rows: list[AlertRow] = []
        self._owner: list[int] = []  # of each event: its alert
        self._stage: list[int] = []
        self.docs: list[Doc] = []
        self._masks = Masks()
        for row, events in found:
            for stage, event in enumerate(events):
                self._masks.add(orjson.dumps(event.doc, default=str))
                self.docs.append(event.doc)
                self._owner.append(len(self.rows))
                self._stage.append(stage)
            self.rows.append(row)

    def events(self, entries: Sequence[Entry]) -> set[int]:
        """The events, by place, that all entries are true of."""
        return set(_bits(self._masks.of(entries)))

    def owners(self, events: Iterable[int]) -> set[int]:
        """The alerts, by place, of these events."""
        return {self._owner[place] for place in events}

    def stages(self, events: Iterable[int]) -> set[int]:
        """The stages, from 0, that these events fill."""
        return {self._stage[place] for place in events}


def _bits(mask: int) -> Iterator[int]:
    for place, byte in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        while byte:
            low = byte & -byte
            yield place * 8 + low.bit_length() - 1
            byte ^= low


class LogEvents:
    """The events of the logs that a rule looks at, as far as they are read; shared by threads."""

    def __init__(self, alerted: frozenset[str]) -> None:
        """``alerted``: the ids of events that made an alert of one of the rules in question."""
        self._alerted = alerted
        self._known: set[str] = set()
        self._masks = Masks()
        self._lock = threading.Lock()
        self.looked = Looked((), 0, 0.0, False, ())

    def take(self, looked: Looked) -> None:
        """Take what was read."""
        with self._lock:
            self.looked = looked
            for id_, doc in looked.touched:
                if id_ not in self._alerted and id_ not in self._known:
                    self._known.add(id_)
                    self._masks.add(doc)

    def fail(self, reason: str) -> None:
        """Note why no more can be read."""
        with self._lock:
            self.looked = replace(self.looked, missing=(*self.looked.missing, reason))

    def silent(self, entries: Sequence[Entry]) -> int:
        """How many events that never alerted all entries are true of."""
        with self._lock:
            return self._masks.of(entries).bit_count()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would do."""

    counts: tuple[int, ...]  # for each line of the draft: the rule's alerts it alone is true of
    suppressed: tuple[AlertRow, ...]  # alerts of the rule that all ticked lines are true of
    kept: tuple[AlertRow, ...]
    others: tuple[AlertRow, ...]  # alerts of other rules in its scope that it hides
    total: int  # alerts of the rule
    cut: bool  # there are more
    stages: tuple[int, ...] = ()  # of the rule's query, from 0, whose events it takes away
    silent: int | None = None  # events that never alerted; None where no log was read
    looked: Looked | None = None  # how far the logs are read
    problem: str = ""  # why the draft can not be tried

    @property
    def wide(self) -> bool:
        """More than half of the rule's alerts."""
        return len(self.suppressed) * 2 > self.total and self.total > 1


@dataclass(slots=True)
class Trial:
    """What an exception is tried on."""

    own: Alerts
    cut: bool  # there are more than MAX_ALERTS of the rule
    others: dict[str, Alerts]  # by rule id, as far as they are asked for
    tags: dict[str, frozenset[str]]  # of all rules, by id
    logs: LogEvents | None = None

    def preview(self, draft: Draft, rule_id: str) -> Preview:
        """What the draft would suppress: an alert goes where any of its events is excepted.

        Exceptions work on events, before sequences: a sequence without one of its events is none.
        """
        total = len(self.own.rows)
        try:
            counts = tuple(
                len(self.own.owners(self.own.events((one.saved,)))) for one in draft.conditions
            )
            events = self.own.events(draft.ticked)
            silent = self.logs.silent(draft.ticked) if self.logs else None
            others = [
                alerts.rows[place]
                for id_, alerts in self.others.items()
                if id_ != rule_id and draft.scope.covers(id_, self.tags.get(id_, frozenset()))
                for place in sorted(alerts.owners(alerts.events(draft.ticked)))
            ]
        except ValueError as error:
            empty = tuple(0 for _ in draft.conditions)
            return Preview(empty, (), (), (), total, self.cut, problem=str(error))
        gone = self.own.owners(events)
        if not draft.scope.covers(rule_id, self.tags.get(rule_id, frozenset())):
            gone = set()
        return Preview(
            counts,
            tuple(row for place, row in enumerate(self.own.rows) if place in gone),
            tuple(row for place, row in enumerate(self.own.rows) if place not in gone),
            tuple(others),
            total,
            self.cut,
            tuple(sorted(self.own.stages(events))),
            silent,
            self.logs.looked if self.logs else None,
        )


def own_alerts(case: CaseReader, rule_id: str) -> tuple[Alerts, bool]:
    """The newest alerts of a rule, and whether there are more."""
    found: list[tuple[AlertRow, Sequence[Event]]] = []
    for one in case.rule_alerts(rule_id):
        if len(found) == MAX_ALERTS:
            return Alerts(found), True
        found.append(one)
    return Alerts(found), False


def other_alerts(case: CaseReader, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Alerts]]:
    """The newest alerts of each of the other rules that are ``wanted``, by rule id."""
    left = MAX_ALERTS
    for rule in case.rules():
        if not rule.alerts or not wanted(rule.rule_id) or left <= 0:
            continue
        found: list[tuple[AlertRow, Sequence[Event]]] = []
        for one in case.rule_alerts(rule.rule_id):
            found.append(one)
            if len(found) == left:
                break
        left -= len(found)
        yield rule.rule_id, Alerts(found)


def alerted_events(case: CaseReader, rule_ids: frozenset[str]) -> frozenset[str]:
    """The ids of all events that made an alert of one of these rules."""
    rows = case.connection.execute(
        "SELECT rule_id, event_id FROM alert_event JOIN alert ON alert.id = alert_id"
    )
    return frozenset(event_id for rule_id, event_id in rows if rule_id in rule_ids)


def scope_of(scope: Scope, tags: dict[str, frozenset[str]]) -> frozenset[str]:
    """The ids of the rules that a scope takes in."""
    return frozenset(id_ for id_, own in tags.items() if scope.covers(id_, own))


@dataclass(frozen=True, slots=True)
class Caution:
    """Why an exception may hide more than is meant."""

    text: str
    grave: bool = False  # it has to be saved twice


def cautions(draft: Draft, found: Preview) -> list[Caution]:
    """What to think of before saving, the gravest first."""
    told: list[Caution] = []
    entries = draft.ticked
    true = sum(row.close_reason == "true_positive" for row in (*found.suppressed, *found.others))
    if true:
        told.append(Caution(f"{true} of them somebody closed as a true positive", grave=True))
    if entries and all(_says_little(entry) for entry in entries):
        text = "no line says what is there: it is true of every event that lacks the field"
        told.append(Caution(text, grave=True))
    if found.wide and entries:
        share = f"more than half of the rule's alerts: {len(found.suppressed)} of {found.total}"
        lacks = "" if draft.has_identity else ", and no program is named by hash or path"
        told.append(Caution(share + lacks, grave=not draft.has_identity))
    if found.others:
        rules = {row.rule_id for row in found.others}
        names = ", ".join(dict.fromkeys(row.rule_name for row in found.others[:3]))
        told.append(Caution(f"it hides alerts of {len(rules)} other rules, too: {names}"))
    if draft.scope.every_rule and entries:
        text = "it is for every rule, also those that are written later"
        lacks = "" if draft.has_identity else ", and names no program by hash or path"
        told.append(Caution(text + lacks, grave=not draft.has_identity))
    if found.silent and found.silent >= max(_MANY, 10 * len(found.suppressed)):
        told.append(Caution(f"too wide? {found.silent:,} events that never alerted match it, too"))
    told += [
        Caution(f"{entry.field}: the pattern {entry.values[0]!r} says next to nothing")
        for entry in entries
        if entry.type == "wildcard" and len(entry.values[0].strip("*?")) < _FEW_LITERALS
    ]
    return sorted(told, key=lambda one: not one.grave)


def _says_little(entry: Entry) -> bool:
    return entry.operator == "excluded" or entry.type == "exists"
