"""The engine put together: a block in, a transaction out; and the hunt, which reads once."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from triage.case.faults import told
from triage.case.model import EngineState
from triage.case.model import SourceState as CaseSource
from triage.case.read import CaseReader
from triage.case.schema import MEMORY
from triage.case.write import CaseWriter, Committed
from triage.context import WINDOW, nearest
from triage.engine.blocks import BlockPlace
from triage.engine.process import host_of
from triage.engine.result import BlockResult, Hit, Suppression
from triage.engine.sequence import Sequencer
from triage.engine.waiting import Waiting
from triage.errors import TriageError
from triage.event import Event
from triage.failpoints import fail_point
from triage.run.given import Config, wall_clock
from triage.run.health import Health, lag_of, memory
from triage.run.patience import at_once
from triage.run.rulebook import Excepted, Rulebook
from triage.sources import Block, Follower, Position, read_range
from triage.times import SECOND

T = TypeVar("T")
_RECENT_BLOCKS = 16  # of about a megabyte, held while evidence is gathered
_EVIDENCE_EVENTS = 300  # kept around one alert
_LATE = 20 * SECOND  # after which nearly all lines have come that tell of an instant
_SOON = 40 * SECOND  # after an alert what lies around it is kept as far as it has come
_GONE_FOR = 30 * 86_400 * SECOND


class Insist(Protocol):
    """Does what is to be written, now or later."""

    def __call__(self, write: Callable[[], T], /) -> T: ...


@dataclass(slots=True)
class _Gathering:
    """The reading of what lies around an alert."""

    time: int  # ns
    reading: Iterator[tuple[Event, ...]]
    events: tuple[Event, ...] = ()  # the nearest first

    def is_whole(self, now: int) -> bool:
        """Whether no nearer event is to come, by the clock (ns)."""
        passed = now - self.time
        full = len(self.events) == _EVIDENCE_EVENTS
        return passed >= WINDOW or (
            full and passed >= abs(self.events[-1].time - self.time) + _LATE
        )


class Engine:
    """Follower, rules and case joined: each block becomes one transaction."""

    def __init__(
        self,
        config: Config,
        case: str,
        follower: Follower,
        clock: Callable[[], int] = wall_clock,
        insist: Insist = at_once,
    ) -> None:
        """``insist`` does what is to be written, and may try it again where the case can not take
        it."""
        self._config = config
        self.writer = CaseWriter(case, clock)
        self.book = Rulebook(config, clock, self.writer.switched)
        self.follower = follower
        self._insist = insist
        self._keeps = case != MEMORY
        self._clock = clock
        self.events = 0
        self.rejects = 0
        self.suppressed = 0
        self.evicted = 0
        self.collapsed = 0
        self.health = Health(clock)
        self._ungathered: deque[str] = deque()  # alerts, in order of time
        self._gathering: _Gathering | None = None
        # Alerts come by time, and the blocks around one are mostly those around the next.
        self._recent = lru_cache(_RECENT_BLOCKS)(lambda *place: tuple(read_range(*place)))
        self._excepted = self.book.excepted()
        self._matcher = self.book.matcher(self._excepted, processes=self._keeps)
        self._waiting = Waiting(self._read_again)
        self._waiting.use(self._matcher)
        self._sequencer = Sequencer(self.book.rules.values())
        try:
            self._say_rules()
        except BaseException:
            self.close()
            raise

    def _say_rules(self) -> None:
        if self._keeps:  # a hunt without a case has nobody to tell
            self.writer.say_rules(self.book.all, self.book.problems)
        self.writer.use_incidents(self.book.incidents)

    def resume(self) -> None:
        """Take up the sequences that were open when the case was last written."""
        hits = self.writer.open_hits(self.book.rules)
        self._sequencer.restore(hits)
        self._waiting.restore(self.writer.blocks.known(), hits)
        self._release(self._excepted)

    def refresh(self) -> bool:
        """Put changed rules and exceptions in force; True where there were any."""
        before = {id_: rule.fingerprint for id_, rule in self.book.rules.items()}
        if not self.book.refresh():
            return False
        known, self._excepted = self._excepted, self.book.excepted()
        self._matcher = self.book.matcher(self._excepted, processes=self._keeps)
        self._waiting.use(self._matcher)
        after = {id_: rule.fingerprint for id_, rule in self.book.rules.items()}
        self._sequencer.update(
            self.book.rules.values(),
            [id_ for id_, mark in before.items() if after.get(id_) != mark],
        )
        self._insist(self._say_rules)
        self._release(
            {
                rule_id: [one for one in own if one not in known.get(rule_id, ())]
                for rule_id, own in self._excepted.items()
            }
        )
        return True

    def _release(self, fresh: dict[str, list[Excepted]]) -> None:
        """Let go of the events waiting in open sequences that these exceptions cover: none of them
        completes an alert any more."""
        tried = {rule_id: own for rule_id, own in fresh.items() if own}
        if not tried:
            return
        decoded = lru_cache(1)(lambda event: event.event().doc)  # several rules wait with one event
        released: list[Suppression] = []

        def covered(hit: Hit) -> bool:
            doc = decoded(hit.event)
            found = next((one for one in tried[hit.rule_id] if one.test(doc)), None)
            if found is not None:
                released.append(Suppression(found.item.item_id, hit.rule_id, hit.event))
            return found is not None

        advance = self._sequencer.release(tried, covered)
        if released:
            self._waiting.forget(advance.evicted, self._sequencer.is_open)
            rules = self.book.rules
            self._insist(lambda: self.writer.commit_released(advance, released, rules))
            self.suppressed += len(released)

    def matched(self, processes: int = 1) -> Iterator[tuple[Block, BlockResult]]:
        """The blocks of all logs, each with what the rules find in it, as :meth:`take` wants them;
        ``processes``: how many to match with."""
        blocks = self.follower.poll()
        if processes == 1:
            yield from ((block, self._matcher(block)) for block in blocks)
            return
        from triage.run.pool import MatchPool  # few ask for it, and it is long to import

        mark = self.book.mark(self._excepted)
        pool = MatchPool(self._config, self.book.switches, self._matcher, mark, processes)
        try:
            yield from pool(blocks)
        finally:
            pool.close()

    def take(self, block: Block, result: BlockResult | None = None) -> Committed:
        """Match a block, where that is not done, advance the sequences, commit."""
        fail_point("after_read")
        # All this once: the sequences have moved on, whether the case can take that now or later.
        result = self._waiting.advance(block, result or self._matcher(block))
        advance = self._sequencer.advance(result.hits)
        self._waiting.forget(advance.evicted, self._sequencer.is_open)
        known = self._waiting.note(block, result)
        rules = self.book.rules
        committed = self._insist(lambda: self.writer.commit(block, result, advance, rules, known))
        self.events += result.events
        self.rejects += len(result.rejects)
        self.suppressed += len(result.suppressed)
        self.evicted += len(advance.evicted)
        self.collapsed += committed.collapsed
        self.health.evicted(advance)
        self.health.took(block, result)
        if self._keeps:
            self.health.times.sample(self._matcher, block)
        return committed

    def pass_time(self, now: int | None) -> Committed | None:
        """Let time pass up to ``now`` (ns; None: for ever) for what only that can confirm, and take
        up what people decided meanwhile."""
        advance = self._sequencer.pass_time(now)
        rules = self.book.rules

        def write() -> Committed | None:
            with told():
                due = advance.matches or self.writer.incidents_due()
            return self.writer.commit_confirmed(advance, rules) if due else None

        committed = self._insist(write)
        if committed is not None:
            self.collapsed += committed.collapsed
        return committed

    def forget_gone(self) -> None:
        """Let go of the places in logs that nobody has seen for a month.

        Should one come back, it is read again from its beginning, and its alerts are those that
        were told.
        """
        before = self._clock() - _GONE_FOR
        self._insist(lambda: self.writer.forget_places(self.follower.generations(), before))

    def sources(self) -> list[CaseSource]:
        """How each followed log stands."""
        return self.health.of_all(self.follower.sources())

    def state(self, word: str, message: str = "") -> EngineState:
        """What the engine has to say of itself."""
        sources = self.follower.sources()
        now = self._clock()
        lag, total = sum(map(lag_of, sources)), sum(one.size for one in sources)
        return EngineState(
            pid=os.getpid(),
            state=word,
            at=now,
            events=self.events,
            rate=self.health.rate(self.events, now),
            lag_bytes=lag,
            total_bytes=total,
            rejects=self.rejects,
            suppressed=self.suppressed,
            open_hits=self._sequencer.open_hits,
            evicted=self.evicted,
            rules=len(self.book.rules),
            problems=len(self.book.problems),
            message=message,
            seconds_left=self.health.seconds_left(total, lag),
            memory=memory(),
            evicted_by=self.health.evicted_by,
            evicted_at=self.health.evicted_at,
            slowest=self.health.slowest,
            sampled=self.health.times.events,
            polling=self.follower.polling,
        )

    def gather(self, seconds: float) -> Iterator[int]:
        """Keep what lies around alerts in the case, for when the logs are gone.

        Soon after an alert what is there by then, in case its log is gone before the alert's
        window has passed, and the rest once that has. Yields how many are left. Stops after
        ``seconds``, give or take the reading of a block, to be called again.
        """
        with told():
            yield from self._gather(time.monotonic() + seconds)

    @property
    def gathering(self) -> bool:
        """Whether there are alerts that :meth:`gather` is not done with."""
        return bool(self._ungathered)

    def _gather(self, deadline: float) -> Iterator[int]:
        now = self._clock()
        if not self._ungathered:
            self._ungathered.extend(self.writer.ungathered(now - _SOON, now - WINDOW))
        while self._ungathered:
            alert_id = self._ungathered[0]
            if not self._read_around(alert_id, deadline):
                return  # it goes on from here when called again
            assert self._gathering is not None  # noqa: S101 - it has just been read
            events = [(event, host_of(event.doc)) for event in self._gathering.events]
            whole = self._gathering.is_whole(now)
            self.writer.gather(alert_id, events, whole=whole)
            self._gathering = None
            self._ungathered.popleft()
            yield len(self._ungathered)
            if time.monotonic() > deadline:
                return
        self._recent.cache_clear()

    def _read_around(self, alert_id: str, deadline: float) -> bool:
        """Go on reading what lies around an alert; False where time is up before it is done."""
        if self._gathering is None:
            reader = CaseReader(self.writer.connection)
            alert = reader.alert(alert_id)
            around = nearest(reader, alert, _EVIDENCE_EVENTS, self._recent) if alert else iter(())
            self._gathering = _Gathering(alert.row.time if alert else 0, around)
        one, self._gathering = self._gathering, None  # begun anew should reading fail
        for events in one.reading:
            one.events = events
            if time.monotonic() > deadline:
                self._gathering = one
                return False
        self._gathering = one
        return True

    def _read_again(self, place: BlockPlace) -> Block | None:
        """The records of a block read before, under the name its log has by now."""
        path = self.follower.path_of(place.generation)
        if path is None:
            return None  # the log is gone, and with it what waited in it
        try:
            found = list(read_range(path, place.format, place.first, place.last))
        except TriageError:
            return None
        positions, records = zip(*found, strict=True) if found else ((), ())
        position = Position(place.generation, path, 0, 0, place.format, "", 0, 0)
        return Block(path, place.format, records, positions, position)

    def close(self) -> None:
        self.follower.close()
        self.writer.close()


def hunt(engine: Engine, progress: Callable[[], None], processes: int = 1) -> list[str]:
    """Read everything once; the ids of the alerts that stand at the end, in order of time.

    ``progress`` is called after each block; ``processes`` is as in ``Engine.matched``. All is read
    before the first alert is told, since an event further on may belong before one already read.
    """
    found: set[str] = set()
    for block, result in engine.matched(processes):
        found.update(engine.take(block, result).found)
        progress()
    if confirmed := engine.pass_time(None):
        found.update(confirmed.found)
    found |= engine.writer.incidents_holding(found)
    rows = CaseReader(engine.writer.connection).alerts()
    standing = [row for row in rows if row.id in found and not row.superseded]
    return [row.id for row in sorted(standing, key=lambda row: (row.time, row.rule_id, row.id))]
