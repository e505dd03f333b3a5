"""Pool: blocks matched in processes of their own, and told in the order they were read.

Matching is nearly all of the work, needs no order and no memory, and a block's result is plain
data; so it can be done anywhere. Only hunts use it: a console's engine leaves a processor free.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor

from triage.engine.match import Matcher
from triage.engine.result import BlockResult
from triage.run.given import Config, wall_clock
from triage.run.rulebook import Rulebook, settling
from triage.sources import Block

_AHEAD = 2  # blocks a process has waiting for it
_own: tuple[str, Matcher] | None = None  # a worker's, with its mark


class MatchPool:
    """Processes that match blocks with the rules of ``config`` and what people switched of them, as
    ``matcher`` does.

    ``mark``: of the rules in ``matcher``. Where a worker has loaded others, since a file changed
    meanwhile, ``matcher`` itself matches: the results are the same whatever happens.
    """

    def __init__(
        self,
        config: Config,
        switches: Mapping[str, bool],
        matcher: Matcher,
        mark: str,
        processes: int,
    ) -> None:
        self._matcher = matcher
        self._mark = mark
        self._ahead = processes * _AHEAD
        # Not forked: another thread may hold a lock. The rules are loaded in each of them.
        self._pool = ProcessPoolExecutor(
            processes,
            multiprocessing.get_context("spawn"),
            _start,
            (config, dict(switches), matcher.processes),
        )

    def __call__(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, BlockResult]]:
        """Each block with its result, in order; few blocks are read ahead."""
        waiting: deque[tuple[Block, Future[tuple[str, BlockResult]]]] = deque()
        for block in blocks:
            waiting.append((block, self._pool.submit(_match, block)))
            if len(waiting) > self._ahead:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(
        self, waiting: deque[tuple[Block, Future[tuple[str, BlockResult]]]]
    ) -> tuple[Block, BlockResult]:
        block, future = waiting.popleft()
        mark, result = future.result()
        return block, result if mark == self._mark else self._matcher(block)

    def close(self) -> None:
        """Let the processes go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _start(config: Config, switches: dict[str, bool], processes: bool) -> None:
    global _own
    with settling():
        book = Rulebook(config, wall_clock, lambda: switches)
        excepted = book.excepted()
        _own = book.mark(excepted), book.matcher(excepted, processes=processes)


def _match(block: Block) -> tuple[str, BlockResult]:
    assert _own is not None  # noqa: S101 - the initializer has run
    mark, matcher = _own
    return mark, matcher(block)
