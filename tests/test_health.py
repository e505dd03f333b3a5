"""What an engine knows of its work: speeds, delays, rejects by log, costs by rule."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from tests import events
from triage.case.read import CaseReader
from triage.case.tables import _TABLES, VERSION
from triage.case.write import CaseWriter
from triage.engine.sequence import Advance
from triage.run import Config, Engine
from triage.run.health import Health, Rate, memory
from triage.sources import Follower, SourceState
from triage.times import SECOND


class Clock:
    """Nanoseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = events.START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    """An engine with one sequence rule on a folder of two logs, one of them broken in part."""
    events.write_rule(tmp_path / "rules" / "beacon.toml", events.BEACON)
    good = [events.start(n, f"p{n}", "beacon.exe") for n in range(200)]
    events.write(tmp_path / "logs" / "good.ndjson", good)
    broken = events.write(tmp_path / "logs" / "half.ndjson", good[:3])
    broken.write_bytes(broken.read_bytes() + b"{oops\n")
    (tmp_path / "logs" / "noise.bin").write_bytes(bytes(range(256)) * 40)
    config = Config((tmp_path / "rules",), tmp_path / "none")
    made = Engine(config, str(tmp_path / "own.triage"), Follower([tmp_path / "logs"]), clock)
    yield made
    made.close()


def test_each_log_is_told_with_what_is_wrong_with_it(engine: Engine) -> None:
    for block in engine.follower.poll():
        engine.take(block)
    good, half, noise = engine.sources()
    assert (good.events, good.rejects, good.error, good.lag) == (200, 0, "", 0)
    assert (half.events, half.rejects) == (3, 1)
    assert half.error.startswith("not JSON")
    assert (noise.state, noise.events) == ("not a log", 0)
    engine.writer.say(engine.state("live"), engine.sources())
    reader = CaseReader(engine.writer.connection)
    assert reader.sources() == [good, half, noise]
    assert reader.source_states() == ({"idle": 2, "not a log": 1}, 0)
    assert [one.reason for one in reader.rejects(source=half.path)] == [half.error]
    assert reader.rejects(source=good.path) == []


def test_a_log_that_is_gone_is_not_told_of_for_ever(engine: Engine, tmp_path: Path) -> None:
    engine.writer.say(engine.state("live"), [replace(one) for one in engine.sources()])
    for block in engine.follower.poll():
        engine.take(block)
    sources = engine.sources()
    engine.writer.say(engine.state("live"), sources)
    engine.writer.say(engine.state("live"), sources[1:])
    reader = CaseReader(engine.writer.connection)
    assert [one.path for one in reader.sources()] == [one.path for one in sources[1:]]
    # Another engine starts anew: nothing of what the last one said stays.
    other = CaseWriter(str(tmp_path / "own.triage"), Clock())
    other.say(engine.state("live"), sources[:1])
    assert [one.path for one in reader.sources()] == [sources[0].path]
    other.close()


def test_a_log_is_behind_from_the_moment_it_has_bytes_nobody_read(clock: Clock) -> None:
    health = Health(clock)
    rests = SourceState("/l", "ecs", "idle", 100, 100, 5, "")
    assert health.of(rests).behind_since == 0
    first = clock.now = events.START + 10 * SECOND
    behind = replace(rests, state="reading", size=500)
    assert (health.of(behind).lag, health.of(behind).behind_since) == (400, first)
    clock.now += 60 * SECOND
    assert health.of(replace(behind, offset=200)).behind_since == first
    assert health.of(rests).behind_since == 0


def test_speed_is_that_of_the_last_seconds() -> None:
    rate = Rate(5)
    assert rate(0, 0) == 0
    assert rate(1000, SECOND) == 1000
    for second in range(2, 20):
        slow = rate(1000 + second * 10, second * SECOND)
    assert slow == 10
    assert rate(5000, 3 * SECOND) == 0  # a clock that was set back is no speed


def test_what_is_left_is_told_by_the_speed_so_far(clock: Clock) -> None:
    health = Health(clock)
    assert health.seconds_left(1000, 1000) == 0
    clock.now += 10 * SECOND
    assert health.seconds_left(1000, 800) == pytest.approx(40)
    assert health.seconds_left(1000, 0) == 0


def test_rules_that_cost_and_lose_the_most_are_named(engine: Engine) -> None:
    for block in engine.follower.poll():
        hits = engine._matcher(block).hits
        engine.take(block)
        engine.health.evicted(Advance((), (), (), tuple(hits[:7]), Counter(rule=7)))
    state = engine.state("live")
    assert list(state.slowest) == ["id-beacon"]
    assert state.slowest["id-beacon"] > 0
    assert 3 <= state.sampled <= 5  # one of 64 of 203
    assert state.evicted_by["id-beacon"] >= 7
    assert state.evicted_at["rule"] >= 7
    assert CaseReader(engine.writer.connection).engine().pid == 0  # not said yet
    engine.writer.say(state)
    assert CaseReader(engine.writer.connection).engine() == state


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux tells memory exactly")
def test_memory_grows_with_what_is_held() -> None:
    before = memory()
    held = bytearray(os.urandom(1)) * 50_000_000
    assert 40_000_000 < memory() - before < 80_000_000
    assert held


def test_a_case_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = str(tmp_path / "old.triage")
    connection = apsw.Connection(path)
    connection.execute(_TABLES)
    connection.execute("CREATE TABLE source (path TEXT PRIMARY KEY, format TEXT NOT NULL)")
    connection.execute("INSERT INTO source VALUES ('/l', 'ecs')")
    connection.execute("INSERT INTO note (alert_id, at, who, body) VALUES ('a', 1, 'me', 'kept')")
    connection.pragma("user_version", 1)
    connection.close()
    reader = CaseReader(path)
    assert reader.sources() == []
    assert reader.connection.pragma("user_version") == VERSION
    kept = reader.connection.execute("SELECT body FROM note").fetchall()
    assert kept == [("kept",)]
    reader.close()
