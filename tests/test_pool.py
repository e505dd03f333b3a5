"""A hunt with several processes tells what a hunt with one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from triage.run import Config, Engine, hunt, wall_clock
from triage.run.pool import MatchPool
from triage.run.rulebook import Rulebook
from triage.sources import Follower

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "samples" / "logs"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config((ROOT / "rules",), tmp_path)


def test_the_alerts_are_those_of_one_process(config: Config) -> None:
    def found(processes: int) -> list[str]:
        engine = Engine(config, ":memory:", Follower([LOGS], once=True))
        try:
            return hunt(engine, lambda: None, processes)
        finally:
            engine.close()

    assert found(2) == found(1) != []


def test_a_worker_with_other_rules_is_not_believed(config: Config, tmp_path: Path) -> None:
    book = Rulebook(config, wall_clock)
    matcher = book.matcher(book.excepted(), processes=False)
    none = Config((tmp_path,), tmp_path)
    blocks = list(Follower([LOGS], once=True).poll())[:2]
    pool = MatchPool(none, {}, matcher, book.mark(book.excepted()), 1)
    try:
        told = [result for _, result in pool(blocks)]
    finally:
        pool.close()
    assert told == [matcher(block) for block in blocks]
    assert any(result.hits for result in told)
