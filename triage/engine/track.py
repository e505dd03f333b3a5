"""Track: the hits of one rule and join key that are open, in event order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from triage.engine.result import Hit, StoredEvent
from triage.times import SECOND

_MANY = 16  # hits of a key from which on a set tells faster what it has


class Machine(Protocol):
    """What completes a rule for one join key; triage.eql.machine has one for each kind."""

    def feed(self, time: int, stages: Iterable[int], item: Any) -> list[tuple[Any, ...]]: ...


@dataclass(slots=True)
class Track:
    """The open state of one rule and join key."""

    machine: Machine | None = None  # made when the hits could complete the rule
    hits: list[Hit] = field(default_factory=list)  # in event order
    marks: set[int] | None = None  # of the hits, once they are many
    stages: int = 0  # mask of the stages that they fill
    told: dict[tuple[str, ...], Any] = field(default_factory=dict)  # by event ids

    def insert(self, own: Iterable[Hit]) -> tuple[list[Hit], list[Hit], list[Hit]]:
        """Put hits in, in event order; those it already has are left out. The hits that are new
        now, all that were put in, and all that others took the place of.

        Of two exports of one record the one with the finer time is kept, and any stage that either
        fills, so that it is all the same which of them was read first.
        """
        hits = self.hits
        added: list[Hit] = []
        replaced: list[Hit] = []
        for hit in own:
            at = _find(self, hit.event)
            if at is not None:
                twin = hits[at]
                finer = hit.event.order[0] > twin.event.order[0]
                more = tuple(stage for stage in hit.stages if stage not in twin.stages)
                if not finer and not more:
                    continue
                hit = hit._replace(
                    stages=twin.stages + more, event=hit.event if finer else twin.event
                )
                del hits[at]
                replaced.append(twin)
                self.machine = None  # it has been told of the other
            if not hits or hits[-1].event.order < hit.event.order:
                hits.append(hit)
            else:
                insort(hits, hit, key=_event_order)
            added.append(hit)
        fresh = added
        if replaced:
            gone = set(map(id, replaced))
            fresh = [one for one in added if id(one) not in gone]
        if len(fresh) > 1:
            fresh = sorted(fresh, key=_event_order)
        return fresh, added, replaced


def _event_order(hit: Hit) -> tuple[int, int, str, int]:
    return hit.event.order


def _time(hit: Hit) -> int:
    return hit.event.order[0]


def _find(track: Track, event: StoredEvent) -> int | None:
    """Where the track has an event; None where it has not, and is taken to have it from now on.

    Equal events have the same tiebreaker, and lie within a second: one export of a record keeps
    its time to 100 ns, another only whole seconds. So hardly any id need be worked out.
    """
    hits = track.hits
    if not hits:
        return None
    time, tiebreaker = event.order[:2]
    second = time - time % SECOND
    if track.marks is None:
        if len(hits) < _MANY:
            return _among(hits, event, second) if hits[-1].event.order[0] >= second else None
        track.marks = {_mark(*hit.event.order[:2]) for hit in hits}
    mark = _mark(time, tiebreaker)
    if mark in track.marks:
        return _among(hits, event, second)
    track.marks.add(mark)
    return None


def _mark(time: int, tiebreaker: int) -> int:
    return hash((time // SECOND if tiebreaker else time, tiebreaker))


def _among(hits: list[Hit], event: StoredEvent, second: int) -> int | None:
    """Where an event is among hits in event order, in the second that begins then."""
    tiebreaker = event.order[1]
    for at in range(bisect_left(hits, second, key=_time), len(hits)):
        other = hits[at].event
        if other.order[0] >= second + SECOND:
            return None
        if other.order[1] == tiebreaker and other.id == event.id:
            return at
    return None
