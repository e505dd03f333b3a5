"""Sequence: hits in, completed matches out; one small machine for each rule and join key.

Only events that touch a rule come here. Their arrival order does not matter: a hit that belongs
before one already seen re-runs its own key, and the matches of the key become what they would have
been had everything come in order.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from operator import is_not
from typing import Any

import orjson

from triage.engine.index import RuleLike
from triage.engine.result import Hit, StoredEvent
from triage.engine.track import Machine, Track
from triage.eql.machine import SampleMachine, SequenceMachine

_FOR_EVER = -1
MAX_OPEN_HITS = 200_000  # kept over all keys of all rules
MAX_OPEN_BYTES = 96 << 20  # about what they take
_HIT_BYTES = 2_000  # what a hit takes beside its record: its key, its track, its window
MAX_RULE_HITS = 100_000  # kept over all keys of one rule
MAX_KEY_HITS = 5_000  # kept for one key of one rule


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
        self._tracks: OrderedDict[tuple[str, str], Track] = OrderedDict()
        # Keys with later stages alone: nearly all of them are not the rest of anything, so they
        # are the first to go where a limit is reached.
        self._unbegun: OrderedDict[tuple[str, str], Track] = OrderedDict()
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

    def _track(self, name: tuple[str, str], own: list[Hit]) -> Track:
        """The track of a key, as it is with its ``own`` new hits: begun or not."""
        tracks = self._tracks
        track = tracks.get(name)
        if track is not None:
            tracks.move_to_end(name)
        else:
            track = self._unbegun.pop(name, None) or Track()
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

    def _insert(self, track: Track, own: list[Hit]) -> list[Hit]:
        fresh, added, replaced = track.insert(own)
        self._count(added, 1)
        self._count(replaced, -1)
        return fresh

    def _follows(self, name: tuple[str, str], track: Track, fresh: list[Hit]) -> bool:
        """Whether the fresh hits come after all that the machine was told, time included."""
        if any(map(is_not, track.hits[-len(fresh) :], fresh)):
            return False
        stages = self._rules[name[0]].query.stages
        if self._passed is None or not any(stage.missing for stage in stages):
            return True
        return self._passed != _FOR_EVER and fresh[0].event.order[0] > self._passed

    def _run(self, name: tuple[str, str], track: Track) -> dict[tuple[str, ...], Match]:
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
    def _refuted(track: Track, found: dict[tuple[str, ...], Match]) -> Iterator[Match]:
        """Matches told before that a late event undid, as far as their events are still here."""
        if not track.told:
            return
        have = {hit.event.id for hit in track.hits}
        for ids in [ids for ids in track.told if ids not in found and have.issuperset(ids)]:
            yield track.told.pop(ids)

    def _shorten(self, name: tuple[str, str], track: Track) -> list[Hit]:
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
        self, tracks: OrderedDict[tuple[str, str], Track], name: tuple[str, str]
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


def _needed(rule: RuleLike) -> int:
    """Mask of the stages that must have an event."""
    stages = enumerate(rule.query.stages)
    return sum(1 << number for number, stage in stages if not stage.missing)
