"""The pool: the same results as one process, in order, and a word where a worker dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.engine.test_match import RULES, block_of, chunks, comparable, some_records
from triage.engine.pool import MatcherPlan, Pool
from triage.errors import TriageError
from triage.sources import Block


def test_results_come_in_order_and_are_those_of_one_process() -> None:
    plan = MatcherPlan([(rule, ()) for rule in RULES], waits=True)
    blocks = chunks(some_records(1, 600), 60)
    alone = plan.matcher()
    with Pool(plan, 2, max_bytes=20_000) as pool:
        found = list(pool.map(blocks))
    assert [block.positions for block, _ in found] == [block.positions for block in blocks]
    for block, result in found:
        wanted = alone(block)
        assert comparable(result.hits) == comparable(wanted.hits)
        assert (result.events, result.rejects) == (wanted.events, wanted.rejects)


def test_no_more_blocks_are_taken_than_may_be_under_way() -> None:
    taken = 0

    def blocks() -> Iterator[Block]:
        nonlocal taken
        for number in range(30):
            taken += 1
            yield block_of([b" " * 1000], first=number)

    with Pool(MatcherPlan(()), 1, max_bytes=3_000) as pool:
        results = pool.map(blocks())
        next(results)
        assert taken == 4
        assert len(list(results)) == 29


@dataclass(frozen=True)
class Deadly:
    """A rule that kills the process that compiles it."""

    rule_id: str = "deadly"

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


def test_a_dead_worker_is_told_and_not_waited_for() -> None:
    plan = MatcherPlan([(Deadly(), ())])  # type: ignore[list-item] # it is never compiled
    with Pool(plan, 1) as pool, pytest.raises(TriageError, match="worker process died"):
        list(pool.map([block_of([b"{}"])]))
