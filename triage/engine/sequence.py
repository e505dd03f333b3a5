"""Sequence: hits in, completed matches out; one small machine for each rule and join key.

Only events that touch a rule come here. Their arrival order does not matter: a hit that belongs
before one already seen re-runs its own key, and the matches of the key become what they would have
been had everything come in order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from operator import is_not
from typing import Any, Protocol

import orjson

from triage.engine.index import RuleLike
from triage.engine.result import Hit, StoredEvent
from triage.eql.machine import SampleMachine, SequenceMachine
from triage.times import SECOND

_FOR_EVER = -1
MAX_OPEN_HITS = 200_000  # kept over all keys of all rules
MAX_OPEN_BYTES = 96 << 20  # about what they take
_HIT_BYTES = 2_000  # what a hit takes beside its record: its key, its track, its window
MAX_RULE_HITS = 100_000  # kept over all keys of one rule
MAX_KEY_HITS = 5_000  # kept for one key of one rule
_MANY = 16  # hits of a key from which on a set tells faster what it has


class Machine(Protocol):
    """What completes a rule for one join key; triage.eql.machine has one for each kind."""

    def feed(self, time: int, stages: Iterable[int], item: Any) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Match:
    """A rule fulfilled: the events in the order of its stages."""

    rule_id: str
    key: tuple[Any, ...]  # the join key's values, () without
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class Advance:
    """What a batch of hits brought about."""

    matches: tuple[Match, ...]
    superseded: tuple[Match, ...]  # told earlier; a late event has shown them not to be
    kept: tuple[Hit, ...]  # now part of the open state
    evicted: tuple[Hit, ...] = ()  # no longer part of it: a limit was reached
    # How many of those at which limit: "key", "rule", "all".
    limits: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Track:
    """The open state of one rule and join key."""

    machine: Machine | None = None  # made when the hits could complete the rule
    hits: list[Hit] = field(default_factory=list)  # in event order
    marks: set[int] | None = None  # of the hits, once they are many
    stages: int = 0  # mask of the stages that they fill
    told: dict[tuple[str, ...], Match] = field(default_factory=dict)  # by event ids


class Sequencer:
    """All open sequences. Its state is the hits it keeps; give them to a new one to go on."""

    def __init__(
        self,
        rules: Iterable[RuleLike],
        *,
        max_hits: int = MAX_OPEN_HITS,
        max_bytes: int = MAX_OPEN_BYTES,
        max_rule_hits: int = MAX_RULE_HITS,
        max_key_hits: int = MAX_KEY_HITS,
    ) -> None:
        self._rules = {rule.rule_id: rule for rule in rules}
        self._needed = {rule.rule_id: _needed(rule) for rule in self._rules.values()}
        self._tracks: OrderedDict[tuple[str, str], _Track] = OrderedDict()
        # Keys with later stages alone: nearly all of them are not the rest of anything, so they
        # are the first to go where a limit is reached.
        self._unbegun: OrderedDict[tuple[str, str], _Track] = OrderedDict()
        self._max_hits = max_hits
        self._max_bytes = max_bytes
        self._max_rule_hits = max_rule_hits
        self._max_key_hits = max_key_hits
        self.open_hits = 0
        self._open_by_rule: Counter[str] = Counter()
        self._open_bytes = 0
        # Keys with a match that only time can confirm: nothing may follow within its window.
        self._waiting: dict[tuple[str, str], None] = {}
        self._passed: int | None = None  # until when time has passed, ns

    def restore(self, hits: Iterable[Hit]) -> None:
        """Take up open state that was kept earlier; what it already completed is not told again."""
        grouped: dict[tuple[str, str], list[Hit]] = {}
        for hit in hits:
            if hit.rule_id in self._rules:
                grouped.setdefault((hit.rule_id, hit.key), []).append(hit)
        for name, own in grouped.items():
            track = self._track(name, own)
            self._insert(track, own)
            track.told = self._run(name, track)

    def advance(self, hits: Iterable[Hit]) -> Advance:
        """Take the hits of a block. The result is the same however hits are split into calls."""
        matches: list[Match] = []
        superseded: list[Match] = []
        kept: list[Hit] = []
        evicted: list[Hit] = []
        grouped: dict[tuple[str, str], list[Hit]] = {}
        for hit in hits:
            rule = self._rules.get(hit.rule_id)
            if rule is None:
                continue
            if rule.query.kind == "event":
                matches.append(Match(hit.rule_id, (), (hit.event,)))
            elif hit.event.order[0]:
                grouped.setdefault((hit.rule_id, hit.key), []).append(hit)
        for name, own in grouped.items():
            track = self._track(name, own)
            fresh = self._insert(track, own)
            if not fresh:
                continue
            kept.extend(fresh)
            if track.machine and self._follows(name, track, fresh):
                found = self._feed(track.machine, name, fresh)
            else:
                found = self._run(name, track)
                superseded.extend(self._refuted(track, found))
            matches.extend(match for ids, match in found.items() if ids not in track.told)
            track.told.update(found)
            evicted.extend(self._shorten(name, track))
        limits = Counter(key=len(evicted))
        for rule_id in {name[0] for name in grouped}:
            evicted.extend(self._thin(rule_id))
        limits["rule"] = len(evicted) - limits.total()
        evicted.extend(self._evict())
        limits["all"] = len(evicted) - limits.total()
        return Advance(tuple(matches), tuple(superseded), tuple(kept), tuple(evicted), limits)

    def pass_time(self, now: int | None) -> Advance:
        """Let time pass up to ``now`` (ns), or for ever (None): what is confirmed by nothing having
        followed within its window is a match then."""
        self._passed = now if now is not None else _FOR_EVER
        matches: list[Match] = []
        for name in list(self._waiting):
            track = self._tracks[name]
            found = self._found(name, self._let_pass(track.machine))
            matches.extend(match for ids, match in found.items() if ids not in track.told)
            track.told.update(found)
            self._note_waiting(name, track.machine)
        return Advance(tuple(matches), (), ())

    def update(self, rules: Iterable[RuleLike], changed: Iterable[str]) -> None:
        """Take these rules; the open state of ``changed`` ones (by id) is let go."""
        self._rules = {rule.rule_id: rule for rule in rules}
        self._needed = {rule.rule_id: _needed(rule) for rule in self._rules.values()}
        gone = set(changed)
        for tracks in (self._tracks, self._unbegun):
            for name in [name for name in tracks if name[0] in gone]:
                self._drop(tracks, name)

    def release(self, rule_ids: Container[str], excepted: Callable[[Hit], bool]) -> Advance:
        """Let go of the hits of some rules that an exception covers, as if they had never been.

        What was told stays told. ``matches`` are those that show only now: a benign event had
        stood in another's place.
        """
        matches: list[Match] = []
        gone: list[Hit] = []
        for tracks in (self._tracks, self._unbegun):
            for name in [name for name in tracks if name[0] in rule_ids]:
                track = tracks[name]
                sides: tuple[list[Hit], list[Hit]] = ([], [])
                for hit in track.hits:
                    sides[excepted(hit)].append(hit)
                own, covered = sides
                if not covered:
                    continue
                gone.extend(covered)
                self._drop(tracks, name)
                if not own:
                    continue
                fresh = self._track(name, own)
                self._insert(fresh, own)
                have = {hit.event.id for hit in own}
                fresh.told = {ids: m for ids, m in track.told.items() if have.issuperset(ids)}
                found = self._run(name, fresh)
                matches.extend(match for ids, match in found.items() if ids not in fresh.told)
                fresh.told.update(found)
        return Advance(tuple(matches), (), (), tuple(gone))

    # --------------------------------------------------------------------------------------------

    def _track(self, name: tuple[str, str], own: list[Hit]) -> _Track:
        """The track of a key, as it is with its ``own`` new hits: begun or not."""
        tracks = self._tracks
        track = tracks.get(name)
        if track is not None:
            tracks.move_to_end(name)
        else:
            track = self._unbegun.pop(name, None) or _Track()
        for hit in own:
            for stage in hit.stages:
                if stage >= 0:  # `until` fills none
                    track.stages |= 1 << stage
        if name not in tracks:
            begun = track.stages & 1 or not self._needed[name[0]] & 1
            (tracks if begun else self._unbegun)[name] = track
        return track

    def _machine(self, rule_id: str) -> Machine:
        rule = self._rules[rule_id]
        if rule.query.kind == "sample":
            # A sample has no maxspan of its own: it sees what its rule's schedule looks back on.
            return SampleMachine(rule.query, rule.lookback)
        return SequenceMachine(rule.query)

    def _insert(self, track: _Track, own: list[Hit]) -> list[Hit]:
        """Put hits into the track in event order; those it already has are left out.

        Of two exports of one record the one with the finer time is kept, and any stage that either
        fills, so that it is all the same which of them was read first.
        """
        hits = track.hits
        fresh: list[Hit] = []
        replaced: list[Hit] = []
        for hit in own:
            at = _find(track, hit.event)
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
                self._count([twin], -1)
                replaced.append(twin)
                track.machine = None  # it has been told of the other
            if not hits or hits[-1].event.order < hit.event.order:
                hits.append(hit)
            else:
                insort(hits, hit, key=_event_order)
            fresh.append(hit)
            self._count([hit], 1)
        if replaced:
            gone = set(map(id, replaced))
            fresh = [one for one in fresh if id(one) not in gone]
        if len(fresh) > 1:
            fresh.sort(key=_event_order)
        return fresh

    def _follows(self, name: tuple[str, str], track: _Track, fresh: list[Hit]) -> bool:
        """Whether the fresh hits come after all that the machine was told, time included."""
        if any(map(is_not, track.hits[-len(fresh) :], fresh)):
            return False
        stages = self._rules[name[0]].query.stages
        if self._passed is None or not any(stage.missing for stage in stages):
            return True
        return self._passed != _FOR_EVER and fresh[0].event.order[0] > self._passed

    def _run(self, name: tuple[str, str], track: _Track) -> dict[tuple[str, ...], Match]:
        """Run the track's hits from the first on: all matches of the key."""
        needed = self._needed[name[0]]
        if track.stages & needed != needed:
            return {}  # most keys never see all stages; they need no machine
        track.machine = self._machine(name[0])
        found = self._feed(track.machine, name, track.hits)
        found.update(self._found(name, self._let_pass(track.machine)))
        return found

    def _feed(
        self, machine: Machine, name: tuple[str, str], hits: list[Hit]
    ) -> dict[tuple[str, ...], Match]:
        found: dict[tuple[str, ...], Match] = {}
        for hit in hits:
            found.update(self._found(name, machine.feed(hit.event.order[0], hit.stages, hit.event)))
        self._note_waiting(name, machine)
        return found

    @staticmethod
    def _found(
        name: tuple[str, str], completed: Iterable[tuple[StoredEvent | None, ...]]
    ) -> dict[tuple[str, ...], Match]:
        matches: dict[tuple[str, ...], Match] = {}
        for one in completed:
            events = tuple(event for event in one if event is not None)
            ids = tuple(event.id for event in events)
            matches[ids] = Match(name[0], tuple(orjson.loads(name[1])), events)
        return matches

    def _let_pass(self, machine: Machine | None) -> list[tuple[StoredEvent | None, ...]]:
        if self._passed is None or not isinstance(machine, SequenceMachine):
            return []
        return machine.flush() if self._passed == _FOR_EVER else machine.advance(self._passed)

    def _note_waiting(self, name: tuple[str, str], machine: Machine | None) -> None:
        if isinstance(machine, SequenceMachine) and machine.deadline is not None:
            self._waiting[name] = None
        else:
            self._waiting.pop(name, None)

    @staticmethod
    def _refuted(track: _Track, found: dict[tuple[str, ...], Match]) -> Iterator[Match]:
        """Matches told before that a late event undid, as far as their events are still here."""
        if not track.told:
            return
        have = {hit.event.id for hit in track.hits}
        for ids in [ids for ids in track.told if ids not in found and have.issuperset(ids)]:
            yield track.told.pop(ids)

    def _shorten(self, name: tuple[str, str], track: _Track) -> list[Hit]:
        """Keep one busy key from growing for ever: its oldest hits go, a quarter at a time."""
        if len(track.hits) <= self._max_key_hits:
            return []
        cut = len(track.hits) - self._max_key_hits * 3 // 4
        gone, track.hits, track.marks = track.hits[:cut], track.hits[cut:], None
        if track.told:
            have = {hit.event.id for hit in track.hits}
            track.told = {ids: match for ids, match in track.told.items() if have.issuperset(ids)}
        self._count(gone, -1)
        return gone

    def _evict(self) -> Iterator[Hit]:
        """The keys that were touched longest ago go first, those not begun before all others. By
        arrival, not by event time: logs are also read newest first, and then every hit is old."""
        for tracks in (self._unbegun, self._tracks):
            while tracks and (
                self.open_hits > self._max_hits or self._open_bytes > self._max_bytes
            ):
                yield from self._drop(tracks, next(iter(tracks)))

    def _thin(self, rule_id: str) -> Iterator[Hit]:
        """Keep one busy rule from pushing out all others: a quarter of its hits at a time, in the
        same order."""
        if self._open_by_rule[rule_id] <= self._max_rule_hits:
            return
        enough = self._max_rule_hits * 3 // 4
        for tracks in (self._unbegun, self._tracks):
            for name in [name for name in tracks if name[0] == rule_id]:
                if self._open_by_rule[rule_id] <= enough:
                    return
                yield from self._drop(tracks, name)

    def _drop(
        self, tracks: OrderedDict[tuple[str, str], _Track], name: tuple[str, str]
    ) -> list[Hit]:
        hits = tracks.pop(name).hits
        self._waiting.pop(name, None)
        self._count(hits, -1)
        return hits

    def _count(self, hits: list[Hit], sign: int) -> None:
        self.open_hits += sign * len(hits)
        for hit in hits:
            self._open_bytes += sign * (hit.event.size + _HIT_BYTES)
            self._open_by_rule[hit.rule_id] += sign

    def is_open(self, rule_id: str, key: str) -> bool:
        """Whether hits of a join key of a rule are kept."""
        return (rule_id, key) in self._tracks or (rule_id, key) in self._unbegun

    def open(self) -> Iterator[Hit]:
        """All hits kept, by key: the whole state."""
        for tracks in (self._tracks, self._unbegun):
            for track in tracks.values():
                yield from track.hits


def _event_order(hit: Hit) -> tuple[int, int, str, int]:
    return hit.event.order


def _time(hit: Hit) -> int:
    return hit.event.order[0]


def _find(track: _Track, event: StoredEvent) -> int | None:
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


def _needed(rule: RuleLike) -> int:
    """Mask of the stages that must have an event."""
    stages = enumerate(rule.query.stages)
    return sum(1 << number for number, stage in stages if not stage.missing)
