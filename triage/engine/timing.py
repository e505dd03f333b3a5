"""Timing: which rules take the most time, told from a sample of the events."""

from __future__ import annotations

from collections import Counter
from time import perf_counter_ns

from triage.engine.match import Matcher
from triage.sources import Block, RecordError, decode

_EVERY = 64  # records of which one is timed: it costs a percent or two
_MOST = 10_000_000_000  # ns; then all is halved, so that what was long ago counts less and less


class RuleTimes:
    """How long the conditions of each rule take on the events that get as far as to them."""

    def __init__(self) -> None:
        self._spent: Counter[str] = Counter()  # ns by rule id
        self._total = 0
        self.events = 0  # in the sample
        self._skip = 0  # records until the next is timed

    def sample(self, matcher: Matcher, block: Block) -> None:
        """Time every 64th record, over all blocks."""
        for record in block.records[self._skip :: _EVERY]:
            try:
                doc = decode(block.format, record)
            except RecordError:
                continue
            if doc is None:
                continue
            self.events += 1
            for step in matcher.steps(doc):
                began = perf_counter_ns()
                step.condition.matches(doc)
                spent = perf_counter_ns() - began
                self._spent[step.rule_id] += spent
                self._total += spent
        self._skip = (self._skip - len(block.records)) % _EVERY
        if self._total > _MOST:
            self._spent = Counter({id_: spent // 2 for id_, spent in self._spent.items()})
            self._total = self._spent.total()
            self.events //= 2

    def costs(self) -> dict[str, float]:
        """Seconds an event, by rule id, over the sample."""
        events = max(1, self.events)
        return {id_: spent / 1e9 / events for id_, spent in self._spent.items()}

    def slowest(self, most: int) -> dict[str, float]:
        """Seconds by rule id, the longest first."""
        return {id_: spent / 1e9 for id_, spent in self._spent.most_common(most)}
