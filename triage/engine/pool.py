"""Pool: blocks matched in several processes at once, their results in the order of the blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from triage.engine.index import RuleLike
from triage.engine.match import BlockResult, Matcher
from triage.errors import TriageError
from triage.exceptions import Item, compile_item
from triage.sources import Block

MAX_BYTES = 16 << 20  # of records handed to workers and not yet back


@dataclass(frozen=True, slots=True)
class MatcherPlan:
    """What a matcher is made of, as plain values: the same in every process.

    Matchers of one plan number their steps alike, so that what waits in a result of one can be
    found out by another.
    """

    rules: Sequence[tuple[RuleLike, Sequence[Item]]]  # each with its exceptions
    processes: bool = True
    waits: bool = False

    def matcher(self) -> Matcher:
        """The matcher, compiled."""
        return Matcher(
            [
                (rule, [(item.item_id, compile_item(item)) for item in items])
                for rule, items in self.rules
            ],
            processes=self.processes,
            waits=self.waits,
        )


class Pool:
    """Worker processes, each with its own matcher; a context manager."""

    def __init__(self, plan: MatcherPlan, workers: int, *, max_bytes: int = MAX_BYTES) -> None:
        # Spawned, not forked: the engine has threads, and a fork would copy their locks.
        self._executor = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_start, initargs=(plan,)
        )
        self._workers = workers
        self._max_bytes = max_bytes

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the workers go; what they are at is not waited for."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def map(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, BlockResult]]:
        """Each block with its result, in order. At most ``max_bytes`` of records, and one block
        more, are under way. Raises TriageError where a worker dies."""
        under_way: deque[tuple[Block, int, Future[BlockResult]]] = deque()
        size = 0
        try:
            for block in blocks:
                length = sum(map(len, block.records))
                under_way.append((block, length, self._executor.submit(_match, block)))
                size += length
                while size > self._max_bytes or len(under_way) > 4 * self._workers:
                    first, length, future = under_way.popleft()
                    size -= length
                    yield first, future.result()
            while under_way:
                first, _, future = under_way.popleft()
                yield first, future.result()
        except BrokenProcessPool as error:
            raise TriageError(
                "a worker process died, perhaps for want of memory; try again with --workers 1"
            ) from error


_matcher: Any = None  # of this worker process


def _start(plan: MatcherPlan) -> None:
    global _matcher
    _matcher = plan.matcher()


def _match(block: Block) -> BlockResult:
    result: BlockResult = _matcher(block)
    return result
