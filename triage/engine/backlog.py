"""Backlog: what waits for the first stage of its sequence, and is found out when that is there.

Most events fill some later stage of some sequence that nothing has begun. Such records are only
noted, by number; whether they match and by which key is found out for a rule when its first stage
is open: for the block at hand where that was opened before, for blocks kept here where it comes
late. So the order of arrival does not matter as far back as blocks are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable

from triage.engine.index import Plan
from triage.engine.match import BlockResult, Hit, Matcher
from triage.sources import Block

MAX_BYTES = 24 << 20  # of the records of the blocks kept
_ALWAYS = 1 << 62  # ns; the reach of a sequence without maxspan


class _Kept:
    """A block with records that wait."""

    __slots__ = ("_done", "_filled", "block", "mask", "result", "size")

    def __init__(self, block: Block, result: BlockResult) -> None:
        self.block = block
        self.result = result
        self.size = sum(map(len, block.records))
        self.mask = 0  # of all steps that wait
        for mask, _ in result.waiting:
            self.mask |= mask
        self._done = 0  # mask of the steps that were found out
        # By rule and join key: records, and the stages they fill.
        self._filled: dict[str, dict[str, list[tuple[int, tuple[int, ...]]]]] = {}

    def keys(self, matcher: Matcher, rule_id: str, steps: int) -> Collection[str]:
        """The join keys of the records that fill a rule's waiting steps."""
        fresh = steps & self.mask & ~self._done
        if fresh:
            self._done |= fresh
            for mask, records in self.result.waiting:
                if mask & fresh:
                    for at in records:
                        filled = matcher.waiting_keys(self.block, at, mask & fresh)
                        for (own, key), stages in filled.items():
                            keys = self._filled.setdefault(own, {})
                            keys.setdefault(key, []).append((at, stages))
        return self._filled.get(rule_id, {}).keys()

    def hits(self, matcher: Matcher, rule_id: str, key: str) -> Iterable[Hit]:
        """The hits of one of these keys."""
        for at, stages in self._filled[rule_id][key]:
            yield matcher.waiting_hit(self.block, at, rule_id, key, stages)

    def reaches(self, first: int, last: int) -> bool:
        """Whether the block holds events from ``first`` to ``last`` (ns)."""
        return self.result.min_time <= last and self.result.max_time >= first


class Backlog:
    """Between matching and the sequences: adds the hits that waited and now count."""

    def __init__(
        self,
        matcher: Matcher,
        is_open: Callable[[str, str], bool],
        *,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """``is_open``: whether a rule (by id) has hits of a join key that are kept."""
        self._matcher = matcher
        self._plans = matcher.index.plans
        self._is_open = is_open
        self._max_bytes = max_bytes
        self._kept: deque[_Kept] = deque()
        self._size = 0
        self._opened: dict[str, _Opened] = {}  # by rule

    def open(self, hits: Iterable[Hit]) -> None:
        """Take up hits of an earlier run: the sequences they opened are open."""
        for hit in hits:
            plan = self._plans.get(hit.rule_id)
            if plan is not None and 0 in hit.stages:
                self._opened.setdefault(plan.rule_id, _Opened(plan)).add(hit.event.order[0])

    def remember(self, block: Block, result: BlockResult) -> None:
        """Take up a block of an earlier run; its hits were told then."""
        if result.waiting:
            self._keep(_Kept(block, result))

    def take(self, block: Block, result: BlockResult) -> list[Hit]:
        """The hits of a block, and those that waited for them, here and in blocks before."""
        found = list(result.hits)
        opened: dict[str, dict[str, list[int]]] = {}  # rule -> key -> times
        for hit in result.hits:
            if hit.rule_id in self._plans and 0 in hit.stages and hit.event.order[0]:
                keys = opened.setdefault(hit.rule_id, {})
                keys.setdefault(hit.key, []).append(hit.event.order[0])
        for rule_id, keys in opened.items():
            found.extend(self._late(self._plans[rule_id], keys))
        self.open(result.hits)
        if result.waiting:
            kept = _Kept(block, result)
            found.extend(self._here(kept, opened))
            self._keep(kept)
        return found

    def _here(self, kept: _Kept, opened: dict[str, dict[str, list[int]]]) -> Iterable[Hit]:
        """Hits of a block for what is open, or was opened by the block itself."""
        result = kept.result
        for rule_id, own in self._opened.items():
            plan = own.plan
            if not plan.waiting & kept.mask or not own.within(result.min_time, result.max_time):
                continue
            keys = opened.get(rule_id, {})
            for key in kept.keys(self._matcher, rule_id, plan.waiting):
                if key in keys or self._is_open(rule_id, key):
                    yield from kept.hits(self._matcher, rule_id, key)

    def _late(self, plan: Plan, keys: dict[str, list[int]]) -> Iterable[Hit]:
        """Hits of blocks before for keys that are open only now."""
        first = min(map(min, keys.values()))
        last = max(map(max, keys.values())) + (_ALWAYS if plan.maxspan is None else plan.maxspan)
        for kept in self._kept:
            if plan.waiting & kept.mask and kept.reaches(first, last):
                waiting = kept.keys(self._matcher, plan.rule_id, plan.waiting)
                for key in waiting:
                    if key in keys:
                        yield from kept.hits(self._matcher, plan.rule_id, key)

    def _keep(self, kept: _Kept) -> None:
        self._kept.append(kept)
        self._size += kept.size
        while self._size > self._max_bytes:
            self._size -= self._kept.popleft().size


class _Opened:
    """When a rule's first stage was filled: by slices of time as long as the rule's maxspan."""

    __slots__ = ("_slices", "_span", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._span = max(plan.maxspan or _ALWAYS, 1_000_000_000)
        self._slices: set[int] = set()

    def add(self, time: int) -> None:
        self._slices.add(time // self._span)

    def within(self, first: int, last: int) -> bool:
        """Whether the first stage was filled so that an event between these times can follow."""
        if self._span == _ALWAYS:
            return bool(self._slices)
        low, high = first // self._span - 1, last // self._span
        if high - low < len(self._slices):
            return any(number in self._slices for number in range(low, high + 1))
        return any(low <= number <= high for number in self._slices)
