"""Timeline: when things happened on a host, by category, read back block by block."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from typing import NamedTuple

from triage.case.read import CaseReader
from triage.context.related import RangeReader, mark_of
from triage.engine.process import host_of
from triage.errors import TriageError
from triage.event import order_of
from triage.fields import Doc, first_text, lookup, values
from triage.sources import RecordError, decode, read_range

# One lane each, in the order in which they lie under one another; (event.category, its short word).
LANES = (
    ("process", "process"), ("network", "network"), ("dns", "dns"), ("file", "file"),
    ("registry", "registry"), ("library", "load"), ("authentication", "logon"), ("", "other"),
)  # fmt: skip
_LANE = {category: place for place, (category, _) in enumerate(LANES)}
_LANE |= {"driver": _LANE["library"], "session": _LANE["authentication"],
          "iam": _LANE["authentication"]}  # fmt: skip
_MOST = 400_000  # marks kept: of what is out of sight, the blocks read first go


class Mark(NamedTuple):
    """One event on the axis."""

    time: int  # ns
    lane: int  # place in LANES
    own: bool  # of one of the processes that were asked for


class Timeline:
    """What is known so far of when things happened on one host; it is filled as one looks around.

    One thread may count while another loads; two that load read some blocks twice.
    """

    def __init__(
        self, host: str, own: Collection[str] = (), read: RangeReader = read_range
    ) -> None:
        """``own``: entity ids of the processes whose events are told apart."""
        self.host = host
        self.missing: tuple[str, ...] = ()  # logs that could not be read again, with the reason
        self._own = frozenset(own)
        self._read = read
        self._blocks: dict[tuple[str, int], tuple[Mark, ...]] = {}  # sorted by time
        self._ends: dict[tuple[str, int], int] = {}  # of those: a log being written makes them grow
        self._kept: tuple[Mark, ...] = ()  # evidence of the case, where a log is gone

    def load(self, case: CaseReader, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Read what lies between two instants (ns) and is not known yet; (blocks read, of how
        many) after each block."""
        blocks = case.blocks(self.host, start, end)
        left = [block for block in blocks if self._ends.get((block[0], block[2])) != block[3]]
        yield len(blocks) - len(left), len(blocks)
        for place, (source, format_, first, last) in enumerate(left, start=1):
            try:
                marks = sorted(self._marks(source, format_, first, last))
            except (OSError, TriageError) as error:
                self.missing = tuple(dict.fromkeys((*self.missing, f"{source}: {error}")))
                marks = []
            self._blocks[source, first] = tuple(marks)
            self._ends[source, first] = last
            yield len(blocks) - len(left) + place, len(blocks)
        if self.missing:
            kept = case.events(self.host, start, end)
            self._kept = tuple(self._mark(event.time, event.doc) for event in kept)
        self._forget({(block[0], block[2]) for block in blocks})

    def _marks(self, source: str, format_: str, first: int, last: int) -> Iterator[Mark]:
        mark = mark_of(self.host)
        for position, record in self._read(source, format_, first, last):
            if mark not in record:
                continue
            try:
                doc = decode(format_, record)
            except RecordError:
                continue  # counted and kept when the log was first read
            if doc is not None and host_of(doc) == self.host:
                order = order_of(doc, source, position)
                if order is not None:
                    yield self._mark(order[0], doc)

    def _mark(self, time: int, doc: Doc) -> Mark:
        own = bool(self._own) and first_text(doc, "process.entity_id") in self._own
        return Mark(time, lane_of(doc), own)

    def _forget(self, needed: set[tuple[str, int]]) -> None:
        total = sum(map(len, self._blocks.values()))
        for key in list(self._blocks):
            if total <= _MOST:
                return
            if key not in needed:
                total -= len(self._blocks.pop(key))
                self._ends.pop(key, None)

    def counts(self, start: int, step: int, columns: int, own: bool) -> list[list[int]]:
        """How many events fall into each of ``columns`` stretches of ``step`` ns from ``start``
        on: a list a lane. With ``own`` only those of the processes asked for."""
        found = [[0] * columns for _ in LANES]
        end = start + step * columns
        for marks in (*list(self._blocks.values()), self._kept):
            low = bisect_left(marks, start, key=_time)
            for mark in marks[low : bisect_right(marks, end - 1, key=_time)]:
                if mark.own or not own:
                    found[mark.lane][(mark.time - start) // step] += 1
        return found


def _time(mark: Mark) -> int:
    return mark.time


def lane_of(doc: Doc) -> int:
    """The place in LANES of an event."""
    if lookup(doc, "dns.question.name") is not None:
        return _LANE["dns"]
    if first_text(doc, "event.code") == "7" or "library" in values(doc, "event.category"):
        return _LANE["library"]  # Sysmon's image loads are of several categories
    lanes = [_LANE[one] for one in values(doc, "event.category") if one in _LANE]
    return lanes[0] if lanes else len(LANES) - 1
