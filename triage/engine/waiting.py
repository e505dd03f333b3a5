"""Waiting: the stages of a sequence are tried once one of them, the opening one, has come.

Most stages are as broad as "any process start", so that their hits outnumber all others by far,
and nearly all of them are the rest of nothing. So a block tells only which of its records may fill
some, by the value of their join key. When an opening stage (``index.Opener``) comes with that
value, those within its reach are tried: at once in its own block and in those that follow, and in
blocks read before as well, which are read again for it. Every block ever read is remembered by its
place, its time range and 32 bits of each value, so that an opening stage may come as late as it
wants.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from triage.engine.blocks import BlockPlace, KnownBlock, KnownBlocks, hashes_of
from triage.engine.index import Opener
from triage.engine.match import Matcher
from triage.engine.result import BlockResult, Hit, Pending, Suppression
from triage.sources import Block

_FOR_EVER = (1 << 63) - 1
# Blocks held as they are, and their bytes: most late events are late by little.
MOST_FRESH, _FRESH_BYTES = 64, 8 << 20
_AGAIN = 8  # blocks held that were read again

# Reads the records of a block again; nothing where its log is gone.
Reread = Callable[[BlockPlace], Block | None]


class _Window:
    """When the other stages of a rule may happen for one value."""

    __slots__ = ("_highs", "_lows", "keys")

    def __init__(self) -> None:
        self.keys: set[str] = set()  # the join keys that hold it open
        # Spans apart from each other, in order: their begins and ends, both included (ns). Tuples,
        # since there are as many windows as open sequences and nearly all have one span.
        self._lows: tuple[int, ...] = ()
        self._highs: tuple[int, ...] = ()

    def open(self, low: int, high: int) -> list[tuple[int, int]]:
        """Open a span; the parts of it that were not open yet."""
        lows, highs = self._lows, self._highs
        first = bisect_left(highs, low)
        last = bisect_right(lows, high)  # the spans from first to last touch it
        fresh: list[tuple[int, int]] = []
        at = low
        for one in range(first, last):
            if at < lows[one]:
                fresh.append((at, lows[one]))
            at = max(at, highs[one])
        if at < high or first == last:
            fresh.append((at, high))
        if first < last:
            low, high = min(low, lows[first]), max(high, highs[last - 1])
        self._lows = (*lows[:first], low, *lows[last:])
        self._highs = (*highs[:first], high, *highs[last:])
        return fresh

    def holds(self, time: int) -> bool:
        """Whether it is open at an instant (ns)."""
        at = bisect_left(self._highs, time)
        return at < len(self._lows) and self._lows[at] <= time


class _Fresh(NamedTuple):
    """A block read lately, with what waits in it."""

    block: Block
    pending: Pending
    known: KnownBlock
    size: int  # bytes of its records


class Waiting:
    """What waits, and what it waits for."""

    def __init__(self, reread: Reread, *, most_fresh: int = MOST_FRESH) -> None:
        self._reread = reread
        self._most_fresh = most_fresh
        self._open: dict[Any, dict[str, _Window]] = {}  # by value and rule
        self._blocks = KnownBlocks()
        # What was read last is looked through as it is, and joined with what lies before it once
        # it makes room for others.
        self._fresh: OrderedDict[BlockPlace, _Fresh] = OrderedDict()
        self._fresh_bytes = 0
        self._again: OrderedDict[BlockPlace, tuple[Block, Pending]] = OrderedDict()

    def use(self, matcher: Matcher) -> None:
        """Work with the rules of a matcher, which lets their stages wait."""
        self._matcher = matcher
        self._settle(0, 0)
        self._again.clear()  # their masks are those of other rules

    def restore(self, blocks: Iterable[KnownBlock], hits: Iterable[Hit]) -> None:
        """Take up the blocks of earlier runs, and the opening stages that were kept."""
        for block in blocks:
            self._blocks.add(block)
        for hit in hits:
            for _ in self._opened(hit):
                pass

    def advance(self, block: Block, result: BlockResult) -> BlockResult:
        """The result of a block with what its opening stages wake, in it and before it."""
        wake: dict[BlockPlace, dict[int, int]] = {}  # number of the record: mask of the steps
        place = place_of(block)
        for hit in result.hits:
            for value, rule_id, low, high in self._opened(hit):
                fresh = [
                    one
                    for one, held in self._fresh.items()
                    if held.known.max_time >= low
                    and held.known.min_time <= high
                    and value in held.pending.rows()
                ]
                for known in (*fresh, *self._blocks.find(value, low, high)):
                    if known != place:
                        self._late(known, value, rule_id, (low, high), wake)
        if result.pending.values and place is not None:
            self._here(result, wake.setdefault(place, {}))
        hits: list[Hit] = []
        suppressed: list[Suppression] = []
        for one, records in wake.items():
            held = block if one == place else self._held(one)
            if held is None:
                continue  # gone since it told what waits in it
            for number, steps in sorted(records.items()):
                woken, kept_away = self._matcher.awake(held, number, steps)
                hits.extend(woken)
                suppressed.extend(kept_away)
        if not hits and not suppressed:
            return result
        # Hits that were told before they were found to fill other stages too.
        whole = {_name(hit) for hit in hits if self._opener_of(hit) is not None}
        told = [hit for hit in result.hits if not whole or _name(hit) not in whole]
        return replace(
            result,
            hits=(*told, *hits),
            suppressed=(*result.suppressed, *suppressed),
        )

    def note(self, block: Block, result: BlockResult) -> KnownBlock | None:
        """Remember a block; what there is to know of it, None where nothing waits in it."""
        place = place_of(block)
        if place is None or not result.pending.values:
            return None
        hashes = sorted(hashes_of(result.pending.values))
        times = result.pending.time
        known = KnownBlock(place, min(times), max(times), array("I", hashes).tobytes())
        size = sum(map(len, block.records))
        self._fresh[place] = _Fresh(block, result.pending, known, size)
        self._fresh_bytes += size
        self._settle(self._most_fresh, _FRESH_BYTES)
        return known

    def forget(self, evicted: Iterable[Hit], is_open: Callable[[str, str], bool]) -> None:
        """Let go of what waited for opening stages of which none is kept any more; ``is_open``
        tells of a rule's join key whether some are."""
        for hit in evicted:
            opener = self._opener_of(hit)
            if opener is None or is_open(hit.rule_id, hit.key):
                continue
            value = orjson.loads(hit.key)[opener.place]
            windows = self._open.get(value, {})
            window = windows.get(hit.rule_id)
            if window is None:
                continue
            window.keys.discard(hit.key)
            if not window.keys:
                del windows[hit.rule_id]
            if not windows:
                del self._open[value]

    # --------------------------------------------------------------------------------------------

    def _opener_of(self, hit: Hit) -> Opener | None:
        """What a hit opens its rule with; None of one that does not."""
        opener = self._matcher.index.openers.get(hit.rule_id)
        return opener if opener is not None and opener.step.stage in hit.stages else None

    def _opened(self, hit: Hit) -> Iterator[tuple[Any, str, int, int]]:
        """(value, rule, from, to): the time that an opening stage opens and that was not open yet,
        with whatever lies between it and what was: one window stands for all of a value's."""
        opener = self._opener_of(hit)
        time = hit.event.order[0]
        if opener is None or not time:
            return
        value = orjson.loads(hit.key)[opener.place]
        low = -_FOR_EVER if opener.before is None else time - opener.before
        high = _FOR_EVER if opener.behind is None else time + opener.behind
        windows = self._open.setdefault(value, {})
        window = windows.get(hit.rule_id)
        if window is None:
            window = windows[hit.rule_id] = _Window()
        window.keys.add(hit.key)
        for span in window.open(low, high):
            yield value, hit.rule_id, *span

    def _here(self, result: BlockResult, wake: dict[int, int]) -> None:
        """Wake the records of a block whose values are open."""
        masks = self._matcher.index.waiting
        pending = result.pending
        rows, steps, times = pending.rows(), pending.steps, pending.time
        for value in self._open.keys() & rows.keys():
            for rule_id, window in self._open[value].items():
                mask = masks.get(rule_id, 0)
                for row in rows[value]:
                    if (woken := steps[row] & mask) and window.holds(times[row]):
                        at = pending.at[row]
                        wake[at] = wake.get(at, 0) | woken

    def _late(
        self,
        place: BlockPlace,
        value: Any,
        rule_id: str,
        span: tuple[int, int],
        wake: dict[BlockPlace, dict[int, int]],
    ) -> None:
        """Wake the records of an earlier block that an opening stage has come for."""
        mask = self._matcher.index.waiting.get(rule_id, 0)
        pending = self._waiting_in(place)
        for row in pending.rows().get(value, ()):
            steps = pending.steps[row] & mask
            if steps and span[0] <= pending.time[row] <= span[1]:
                records = wake.setdefault(place, {})
                records[pending.at[row]] = records.get(pending.at[row], 0) | steps

    def _waiting_in(self, place: BlockPlace) -> Pending:
        if place in self._fresh:
            return self._fresh[place].pending
        held = self._again.get(place)
        if held is not None:
            self._again.move_to_end(place)
            return held[1]
        block = self._reread(place)
        if block is None:
            return Pending()
        pending = self._matcher(block).pending
        self._again[place] = block, pending
        if len(self._again) > _AGAIN:
            self._again.popitem(last=False)
        return pending

    def _held(self, place: BlockPlace) -> Block | None:
        if place in self._fresh:
            return self._fresh[place].block
        return self._again[place][0] if place in self._again else self._reread(place)

    def _settle(self, most: int, most_bytes: int) -> None:
        """Hold no more fresh blocks than that; the others are remembered by their place."""
        while len(self._fresh) > most or self._fresh_bytes > most_bytes:
            _, oldest = self._fresh.popitem(last=False)
            self._fresh_bytes -= oldest.size
            self._blocks.add(oldest.known)


def _name(hit: Hit) -> tuple[str, str, object]:
    return hit.rule_id, hit.key, hit.event.order


def place_of(block: Block) -> BlockPlace | None:
    """Where a block lies; None of one without records."""
    if not block.positions:
        return None
    first, last = block.positions[0], block.positions[-1]
    return BlockPlace(block.source, block.format, first, last, block.position.generation)
