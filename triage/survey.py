"""Survey: what some logs hold, and what the rules can make of it. Nothing is matched here.

Memory is bounded whatever the logs say: names are counted up to a limit, rejects are kept up to
another, and of the fields only those are remembered that rules ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from triage.engine.process import host_of
from triage.errors import Reject
from triage.event import order_of
from triage.fields import Doc, first_text, values
from triage.fit import Asked, Fields, RuleFit, Wanted
from triage.rules import Rule
from triage.sources import Follower, RecordError, SourceState, decode
from triage.sources.block import EXCERPT_BYTES
from triage.sources.packed import SPOOL

MAX_NAMES = 1_000  # different hosts, channels or categories counted of one log
MAX_REJECTS = 100  # kept of one log; all are counted


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
    asked = [Asked(rule) for rule in rules]
    wanted = Wanted(asked)
    found: dict[str, _Log] = {}
    events = 0
    for block in follower.poll():
        log = found.get(block.source)
        if log is None:
            log = found[block.source] = _Log(wanted)
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
    nothing = _Log(wanted)
    reports = [
        found.get(source.path, nothing).report(source, asked) for source in follower.sources()
    ]
    together = Fields(wanted)
    for log in found.values():
        together.add(log.fields)
    return Survey(tuple(reports), tuple(one.fit(together) for one in asked))


def all_blind(follower: Follower, rules: Iterable[Rule], most: int) -> int:
    """How many events were looked at, where none of ``rules`` can alert on any of them; 0 where one
    can, which is known after a few. No more than ``most``, to the end of their block."""
    asked = [Asked(rule) for rule in rules]
    seen = Fields(Wanted(asked))
    events = asked_at = 0

    def blind() -> bool:
        return all(one.fit(seen).verdict == "blind" for one in asked)

    for block in follower.poll():
        for record in block.records:
            try:
                doc = decode(block.format, record)
            except RecordError:
                continue
            if doc is not None:
                seen.note(doc)
                events += 1
        if events >= 2 * asked_at:  # more seldom, the more there was
            asked_at = events
            if not blind():
                return 0
        if events >= most:
            break
    return events if blind() else 0


class _Log:
    """What is gathered of one log."""

    def __init__(self, wanted: Wanted) -> None:
        self.fields = Fields(wanted)
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

    def report(self, source: SourceState, rules: Iterable[Asked]) -> SourceReport:
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
