"""Fit: whether rules can alert on events of some kind, by the fields and values these hold.

Only the fields that rules ask for are remembered; of those that tell kinds of events apart, which
have few values, the values as well, up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from triage.eql import CompiledStage, compile_stage
from triage.eql.access import reader
from triage.eql.tree import AllOf, AnyOf, Fixed, Leaf, Negation, Tree
from triage.fields import Doc, values
from triage.rules import Rule

MAX_VALUES = 200  # different values kept of one telling field; beyond, any is taken to be there

# Fields that tell a log's kinds of events apart, and have few values in any log.
_TELLING = frozenset({
    "data_stream.dataset", "event.action", "event.code", "event.dataset", "event.module",
    "event.outcome", "event.provider", "event.type", "host.os.type", "winlog.channel",
    "winlog.logon.type",
})  # fmt: skip

_LONGEST = 256  # characters of a telling value

# What a rule's events are told apart by: its category field and the category, None for any.
Kind = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class RuleFit:
    """What one rule can make of some events.

    ``verdict`` is "ready" (the events hold every field the rule reads), "partly" (some fields are
    missing, it can alert without them) or "blind" (it can not alert on such events at all).
    """

    rule_id: str
    name: str
    verdict: str
    missing: tuple[str, ...]  # fields that no event of the kind it asks for holds
    absent: tuple[str, ...]  # event categories that it asks for, and of which there is no event
    unfit: tuple[str, ...]  # fields that no event holds with a value that the rule demands


class Asked:
    """What a rule asks of events: the fields of each kind, and the stages that need an event."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        query = rule.query
        stages = (*query.stages, *([query.until] if query.until else [])) if query else ()
        compiled = [compile_stage(one, category_field=rule.event_category_field) for one in stages]
        # What ends a sequence, and what must not come, need not be seen for it to alert.
        self._needed = [
            one
            for one in compiled
            if query and one.stage is not query.until and not one.stage.missing
        ]
        self.fields: dict[Kind, set[str]] = {}
        for one in compiled:
            for kind in _kinds(one):
                self.fields.setdefault(kind, set()).update(one.fields - {one.category_field})

    def fit(self, present: Fields) -> RuleFit:
        """How the rule fares with events that hold these fields."""
        missing: set[str] = set()
        absent: set[str] = set()
        for kind, fields in self.fields.items():
            if kind not in present.kinds:
                absent.add(kind[1] or "any")
            else:
                missing |= fields & present.missing[kind]
        unable = [
            stage
            for stage in self._needed
            if not any(_can_match(stage, kind, present) for kind in _kinds(stage))
        ]
        verdict = "blind" if unable else "partly" if missing or absent else "ready"
        unfit = {
            field
            for stage in unable
            for kind in _kinds(stage)
            if kind in present.kinds
            for field in _unfit(stage.tree, present, kind)
        }
        return RuleFit(
            self._rule.rule_id,
            self._rule.name,
            verdict,
            tuple(sorted(missing)),
            tuple(sorted(absent)),
            tuple(sorted(unfit)),
        )


def _kinds(stage: CompiledStage) -> list[Kind]:
    return [(stage.category_field, one) for one in sorted(stage.categories or ())] or [
        (stage.category_field, None)
    ]


def _can_match(stage: CompiledStage, kind: Kind, present: Fields) -> bool:
    if kind not in present.kinds:
        return False
    missing = present.missing[kind]
    if any(key.name in missing and not key.optional for key in stage.stage.keys):
        return False
    return _outcomes(stage.tree, present, kind)[0]


def _outcomes(tree: Tree, present: Fields, kind: Kind) -> tuple[bool, bool]:
    """Whether a condition can be true, and whether it can be false, for events of a kind."""
    match tree:
        case Fixed(value=value):
            return value, not value
        case Leaf(fields=fields, test=test):
            missing = present.missing[kind]
            if fields and all(field in missing for field in fields):
                held = bool(test(*[None] * len(fields)))
                return held, not held
            told = present.told[kind].get(fields[0]) if len(fields) == 1 else None
            if told:
                found = {bool(test(value)) for value in told.values()}
                return True in found, False in found
            return True, True
        case Negation(member=member):
            return _outcomes(member, present, kind)[::-1]
        case AllOf(members=members):
            both = [_outcomes(member, present, kind) for member in members]
            return all(one[0] for one in both), any(one[1] for one in both)
        case AnyOf(members=members):
            both = [_outcomes(member, present, kind) for member in members]
            return any(one[0] for one in both), all(one[1] for one in both)


def _unfit(tree: Tree, present: Fields, kind: Kind) -> Iterator[str]:
    """The telling fields that are there, and whose values keep a condition from being true."""
    if _outcomes(tree, present, kind)[0]:
        return
    match tree:
        case Leaf(fields=(field,)):
            if field not in present.missing[kind]:
                yield field
        case AllOf(members=members) | AnyOf(members=members):
            for member in members:
                yield from _unfit(member, present, kind)


class Wanted:
    """The fields that rules ask for, and what reads them; the same for all logs."""

    def __init__(self, rules: Iterable[Asked]) -> None:
        self.fields: dict[Kind, set[str]] = {}
        for one in rules:
            for kind, fields in one.fields.items():
                self.fields.setdefault(kind, set()).update(fields)
        self.readers = {field: reader(field) for names in self.fields.values() for field in names}


class Fields:
    """Which of the fields that rules ask for the events of each kind were seen with."""

    def __init__(self, wanted: Wanted) -> None:
        self._readers = wanted.readers
        self.missing = {kind: set(fields) for kind, fields in wanted.fields.items()}
        self.kinds: set[Kind] = set()  # of which there was an event
        self._category_fields = sorted({field for field, _ in wanted.fields})
        # The values of telling fields, by field and value; None where there are too many. An event
        # without the field has the value None.
        self.told: dict[Kind, dict[str, dict[Any, Any] | None]] = {
            kind: {field: {} for field in fields & _TELLING}
            for kind, fields in wanted.fields.items()
        }

    def note(self, doc: Doc) -> None:
        """Take in an event."""
        dotted = any("." in key for key in doc)
        for category_field in self._category_fields:
            for category in (None, *values(doc, category_field)):
                kind = (category_field, category)
                if category.__class__ not in (str, type(None)) or kind not in self.missing:
                    continue
                self.kinds.add(kind)
                missing = self.missing[kind]
                missing -= {
                    field
                    for field in missing
                    if (dotted or field.partition(".")[0] in doc)
                    and self._readers[field](doc) is not None
                }
                for field in self.told[kind]:
                    self._tell(kind, field, self._readers[field](doc))

    def _tell(self, kind: Kind, field: str, value: Any) -> None:
        told = self.told[kind][field]
        key = tuple(value) if value.__class__ is list else value
        if told is None or key in told:
            return
        short = not hasattr(key, "__len__") or len(key) <= _LONGEST
        if len(told) < MAX_VALUES and short:
            told[key] = value
        else:
            self.told[kind][field] = None

    def add(self, other: Fields) -> None:
        """Take in what other events held."""
        self.kinds |= other.kinds
        for kind, missing in other.missing.items():
            self.missing[kind] &= missing
        for kind, fields in other.told.items():
            for field, told in fields.items():
                if told is None:
                    self.told[kind][field] = None
                else:
                    for value in told.values():
                        self._tell(kind, field, value)
