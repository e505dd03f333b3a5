"""Survey: what some logs hold, and what the rules can make of it. Nothing is matched here.

Memory is bounded whatever the logs say: names are counted up to a limit, rejects are kept up to
another, and of the fields only those are remembered that rules ask for; of those that tell kinds of
events apart, which have few values, the values as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from triage.engine.process import host_of
from triage.eql import CompiledStage, compile_stage
from triage.eql.access import Reader, reader
from triage.eql.tree import AllOf, AnyOf, Fixed, Leaf, Negation, Tree
from triage.errors import Reject
from triage.event import order_of
from triage.fields import Doc, first_text, values
from triage.rules import Rule
from triage.sources import Follower, RecordError, SourceState, decode
from triage.sources.block import EXCERPT_BYTES
from triage.sources.packed import SPOOL

MAX_NAMES = 1_000  # different hosts, channels or categories counted of one log
MAX_REJECTS = 100  # kept of one log; all are counted
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


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one log holds."""

    source: SourceState
    events: int
    untimed: int  # events without a usable time
    first: int  # ns since 1970; 0 where no event has a time
    last: int
    hosts: tuple[tuple[str, int], ...]  # (name, events), most events first
    channels: tuple[tuple[str, int], ...]
    categories: tuple[tuple[str, int], ...]
    rejected: int
    rejects: tuple[Reject, ...]  # the first MAX_REJECTS of them
    rules: tuple[RuleFit, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What all logs hold, one by one and for the rules together."""

    sources: tuple[SourceReport, ...]
    rules: tuple[RuleFit, ...]  # over the events of all logs


def survey(
    follower: Follower, rules: Iterable[Rule], progress: Callable[[int], None] = lambda _: None
) -> Survey:
    """Read all of ``follower`` once and judge the ``rules``, which must be runnable.

    ``progress`` is told the number of events after each block.
    """
    asked = [_Asked(rule) for rule in rules]
    wanted: dict[Kind, set[str]] = {}
    for one in asked:
        for kind, fields in one.fields.items():
            wanted.setdefault(kind, set()).update(fields)
    readers = {field: reader(field) for fields in wanted.values() for field in fields}
    found: dict[str, _Log] = {}
    events = 0
    for block in follower.poll():
        log = found.get(block.source)
        if log is None:
            log = found[block.source] = _Log(wanted, readers)
        for reject in block.rejects:
            log.reject(reject)
        for record, position in zip(block.records, block.positions, strict=True):
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                excerpt = record[:EXCERPT_BYTES]
                log.reject(Reject(block.source, position, len(record), str(error), excerpt))
                continue
            if doc is not None:
                log.note(doc, block.source, position)
                events += 1
        progress(events)
    nothing = _Log(wanted, readers)
    reports = [
        found.get(source.path, nothing).report(source, asked) for source in follower.sources()
    ]
    together = _Fields(wanted, readers)
    for log in found.values():
        together.add(log.fields)
    return Survey(tuple(reports), tuple(one.fit(together) for one in asked))


class _Asked:
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

    def fit(self, present: _Fields) -> RuleFit:
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


def _can_match(stage: CompiledStage, kind: Kind, present: _Fields) -> bool:
    if kind not in present.kinds:
        return False
    missing = present.missing[kind]
    if any(key.name in missing and not key.optional for key in stage.stage.keys):
        return False
    return _outcomes(stage.tree, present, kind)[0]


def _outcomes(tree: Tree, present: _Fields, kind: Kind) -> tuple[bool, bool]:
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


def _unfit(tree: Tree, present: _Fields, kind: Kind) -> Iterator[str]:
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


class _Fields:
    """Which of the wanted fields the events of each kind were seen with."""

    def __init__(self, wanted: Mapping[Kind, set[str]], readers: Mapping[str, Reader]) -> None:
        self._readers = readers
        self.missing = {kind: set(fields) for kind, fields in wanted.items()}
        self.kinds: set[Kind] = set()  # of which there was an event
        self._category_fields = sorted({field for field, _ in wanted})
        # The values of telling fields, by field and value; None where there are too many. An event
        # without the field has the value None.
        self.told: dict[Kind, dict[str, dict[Any, Any] | None]] = {
            kind: {field: {} for field in fields & _TELLING} for kind, fields in wanted.items()
        }

    def note(self, doc: Doc) -> None:
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

    def add(self, other: _Fields) -> None:
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


class _Log:
    """What is gathered of one log."""

    def __init__(self, wanted: Mapping[Kind, set[str]], readers: Mapping[str, Reader]) -> None:
        self.fields = _Fields(wanted, readers)
        self._hosts: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()
        self._categories: Counter[str] = Counter()
        self._events = self._untimed = self._first = self._last = self._rejected = 0
        self._rejects: list[Reject] = []

    def note(self, doc: Doc, source: str, position: int) -> None:
        self._events += 1
        order = order_of(doc, source, position)
        if order is None:
            self._untimed += 1
        else:
            self._first = min(self._first or order[0], order[0])
            self._last = max(self._last, order[0])
        _count(self._hosts, [host_of(doc)])
        _count(self._channels, [first_text(doc, "winlog.channel", "event.dataset")])
        _count(self._categories, values(doc, "event.category"))
        self.fields.note(doc)

    def reject(self, reject: Reject) -> None:
        self._rejected += 1
        if len(self._rejects) < MAX_REJECTS:
            self._rejects.append(reject)

    def report(self, source: SourceState, rules: Iterable[_Asked]) -> SourceReport:
        return SourceReport(
            source,
            self._events,
            self._untimed,
            self._first,
            self._last,
            tuple(self._hosts.most_common()),
            tuple(self._channels.most_common()),
            tuple(self._categories.most_common()),
            self._rejected,
            tuple(self._rejects),
            tuple(rule.fit(self.fields) for rule in rules) if self._events else (),
        )


def _count(counter: Counter[str], names: Iterable[object]) -> None:
    """Count names; once there are too many, only those that are known already."""
    for name in names:
        if name and name.__class__ is str and (name in counter or len(counter) < MAX_NAMES):
            counter[str(name)[:256]] += 1


def lines_of(path: str, positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The line (from 1) of each byte offset of a text file, in one pass: (offset, line)."""
    line, at = 1, 0
    with open(SPOOL.file(path), "rb") as file:
        for wanted in sorted(set(positions)):
            while at < wanted:
                data = file.read(min(wanted - at, 1 << 20))
                if not data:
                    return
                line += data.count(b"\n")
                at += len(data)
            yield wanted, line
