"""Machine: the state machines of sequences and samples, each for one join key.

Plain data in memory, no clock and no I/O: time comes with the events. Times are nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from triage.eql.nodes import Query

UNTIL = -1
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a sequence's machines share: how its stages hang together."""

    size: int  # stages, missing ones included
    maxspan: int | None
    positives: tuple[int, ...]  # the stages that need an event, in order
    order: tuple[int, ...]  # for each stage its place in `positives`, -1 where missing
    gaps: tuple[int, ...]  # for each missing stage how many positives come before it, else -1
    leading: bool
    trailing: bool


@lru_cache(maxsize=4096)
def _plan(query: Query) -> _Plan:
    positives = tuple(i for i, stage in enumerate(query.stages) if not stage.missing)
    order = {stage: place for place, stage in enumerate(positives)}
    return _Plan(
        len(query.stages),
        query.maxspan,
        positives,
        tuple(order.get(i, -1) for i in range(len(query.stages))),
        tuple(
            sum(p < i for p in positives) if stage.missing else -1
            for i, stage in enumerate(query.stages)
        ),
        query.stages[0].missing,
        query.stages[-1].missing,
    )


class _Pending(NamedTuple, Generic[Item]):
    """A sequence under way, or one complete that waits for its window to pass."""

    start: int  # time of its first event
    last: int  # time of its latest event
    lead: int | None  # time of the last leading missing hit before it
    refuted: bool  # an inner missing event happened; it still takes its place
    items: tuple[Item, ...]


class SequenceMachine(Generic[Item]):
    """One sequence query for one join key.

    Events come in order. Each stage holds the newest sequence that reached it; an event takes the
    one before its stage away, whether ``maxspan`` then allows it or not, and never fills two
    stages of one sequence because stages are served from the last to the first. ``until`` comes
    after them and drops what is under way. Missing-event stages hold no events: hits between
    their neighbours refute a sequence, leading and trailing ones unless a window of ``maxspan``
    is free of them (as Elasticsearch's ``TumblingWindow`` decides it, by times alone).
    """

    __slots__ = ("_gaps", "_pending", "_plan", "_waiting")

    def __init__(self, query: Query) -> None:
        self._plan = _plan(query)
        self._pending: list[_Pending[Item] | None] = [None] * len(self._plan.positives)
        # For each gap between positives the last two distinct times of its missing events.
        self._gaps: dict[int, tuple[int, int | None]] = {}
        self._waiting: list[_Pending[Item]] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is remembered, so that the machine may be thrown away."""
        return not (self._gaps or self._waiting or any(self._pending))

    @property
    def deadline(self) -> int | None:
        """The earliest time after which :meth:`advance` releases a result; None without one."""
        return min((self._window_end(one) for one in self._waiting), default=None)

    def feed(
        self, time_ns: int, stages: Iterable[int], item: Item
    ) -> list[tuple[Item | None, ...]]:
        """Take one event that matches ``stages`` (UNTIL among them for the until filter).

        Gives the sequences now certain, in the order of the stages, None for missing ones: those
        this event completes, and those that waited for a window that has now passed.
        """
        done = self.advance(time_ns) if self._plan.maxspan is not None else []
        until = False
        for stage in sorted(stages, reverse=True):
            if stage == UNTIL:
                until = True
                continue
            place = self._plan.order[stage]
            if place < 0:
                done.extend(self._missing(self._plan.gaps[stage], time_ns))
            elif (complete := self._fill(place, time_ns, item)) is not None:
                done.extend(self._complete(complete))
        if until:
            self._pending = [None] * len(self._pending)
        return done

    def advance(self, time_ns: int) -> list[tuple[Item | None, ...]]:
        """Let time pass: release what waited for windows that end before ``time_ns``.

        Forgets what ``maxspan`` has put out of reach.
        """
        maxspan = self._plan.maxspan
        if maxspan is None:
            return []
        oldest = time_ns - maxspan
        for place, pending in enumerate(self._pending):
            if pending is not None and pending.start < oldest:
                self._pending[place] = None
        if self._gaps:
            self._gaps = {gap: hits for gap, hits in self._gaps.items() if hits[0] >= oldest}
        return self._release(time_ns) if self._waiting else []

    def flush(self) -> list[tuple[Item | None, ...]]:
        """Time without end: release everything that still waits."""
        done = [self._result(one) for one in self._waiting]
        self._waiting = []
        return done

    # -- steps ---------------------------------------------------------------------------------

    def _fill(self, place: int, time_ns: int, item: Item) -> _Pending[Item] | None:
        """Put an event on a positive stage; the sequence if that was the last one."""
        if place == 0:
            moved = _Pending(time_ns, time_ns, self._hit_before(0, time_ns), False, (item,))
        else:
            before = self._pending[place - 1]
            if before is None:
                return None
            self._pending[place - 1] = None
            maxspan = self._plan.maxspan
            if maxspan is not None and time_ns - before.start > maxspan:
                return None
            hit = self._hit_before(place, time_ns)
            refuted = before.refuted or (hit is not None and hit > before.last)
            moved = _Pending(before.start, time_ns, before.lead, refuted, (*before.items, item))
        if place == len(self._pending) - 1:
            return moved
        self._pending[place] = moved
        return None

    def _hit_before(self, gap: int, time_ns: int) -> int | None:
        """The last time strictly before ``time_ns`` of a missing event of a gap."""
        hits = self._gaps.get(gap)
        if hits is None:
            return None
        return hits[0] if hits[0] < time_ns else hits[1]

    def _missing(self, gap: int, time_ns: int) -> list[tuple[Item | None, ...]]:
        """A missing event happened: remember it, and judge what waits for it not to."""
        if gap < len(self._pending):
            last = self._gaps.get(gap)
            if last is None or last[0] != time_ns:
                self._gaps[gap] = (time_ns, last[0] if last is not None else None)
            return []
        done, kept = [], []
        for one in self._waiting:
            if time_ns <= one.last:
                kept.append(one)
            elif self._window_end(one) < time_ns:
                done.append(self._result(one))
        self._waiting = kept
        return done

    def _complete(self, one: _Pending[Item]) -> list[tuple[Item | None, ...]]:
        plan = self._plan
        if one.refuted:
            return []
        if not plan.trailing:
            late = plan.maxspan is not None and one.lead is not None
            if late and one.last <= self._window_end(one):
                return []
        elif not plan.leading or one.lead is not None:
            self._waiting.append(one)
            return []
        return [self._result(one)]

    def _window_end(self, one: _Pending[Item]) -> int:
        """When the window that must be free ends: ``maxspan`` after its start, inclusive."""
        start = one.lead if self._plan.leading and one.lead is not None else one.start
        return start + (self._plan.maxspan or 0)

    def _release(self, time_ns: int) -> list[tuple[Item | None, ...]]:
        passed = [one for one in self._waiting if self._window_end(one) < time_ns]
        if passed:
            self._waiting = [one for one in self._waiting if self._window_end(one) >= time_ns]
        return [self._result(one) for one in passed]

    def _result(self, one: _Pending[Item]) -> tuple[Item | None, ...]:
        items = one.items
        return tuple(items[place] if place >= 0 else None for place in self._plan.order)


class SampleMachine(Generic[Item]):
    """One sample query for one join key: every stage once, in any order, by distinct events.

    Completes when all stages have an event within ``span_ns`` (inclusive; None for no bound),
    then begins anew after that span: one sample a key and span. Of each stage only as many of the
    newest hits are kept as there are stages; more can never be needed.
    """

    __slots__ = ("_hits", "_quiet", "_size", "_span")

    def __init__(self, query: Query, span_ns: int | None) -> None:
        self._size = len(query.stages)
        self._span = span_ns
        self._hits: list[list[tuple[int, int, Item]]] = [[] for _ in query.stages]
        self._quiet: int | None = None  # events up to this time belong to the last sample

    @property
    def idle(self) -> bool:
        """Whether nothing is remembered, so that the machine may be thrown away."""
        return self._quiet is None and not any(self._hits)

    def feed(self, time_ns: int, stages: Iterable[int], item: Item) -> list[tuple[Item, ...]]:
        """Take one event that matches ``stages``; the sample it completes, or nothing."""
        self.advance(time_ns)
        if self._quiet is not None:
            return []
        # The event's place in the stream tells it from others of the same time.
        number = 1 + max((hits[-1][1] for hits in self._hits if hits), default=0)
        for stage in set(stages):
            hits = self._hits[stage]
            hits.append((time_ns, number, item))
            del hits[: -self._size]
        if not all(self._hits):
            return []
        newest = [[hit[1] for hit in reversed(hits)] for hits in self._hits]
        chosen = distinct(newest)
        if chosen is None:
            return []
        found = {hit[1]: hit for hits in self._hits for hit in hits}
        sample = [found[one] for one in chosen]
        # Without a span the key is done for good.
        self._quiet = None if self._span is None else min(hit[0] for hit in sample) + self._span
        if self._span is None:
            self._quiet = time_ns
        self._hits = [[] for _ in self._hits]
        return [tuple(hit[2] for hit in sample)]

    def advance(self, time_ns: int) -> None:
        """Let time pass: forget what is older than the span."""
        if self._span is None:
            return
        if self._quiet is not None and time_ns > self._quiet:
            self._quiet = None
        oldest = time_ns - self._span
        for hits in self._hits:
            while hits and hits[0][0] < oldest:
                del hits[0]


def distinct(choices: Sequence[Sequence[int]]) -> list[int] | None:
    """One choice from each list, all different, earlier choices first; None if impossible.

    Augmenting paths (Kuhn), so the effort is polynomial whatever the lists hold.
    """
    owner: dict[int, int] = {}

    def place(at: int, seen: set[int]) -> bool:
        for choice in choices[at]:
            if choice in seen:
                continue
            seen.add(choice)
            if choice not in owner or place(owner[choice], seen):
                owner[choice] = at
                return True
        return False

    if not all(place(at, set()) for at in range(len(choices))):
        return None
    chosen = {at: choice for choice, at in owner.items()}
    return [chosen[at] for at in range(len(choices))]
