"""The feed: what changed, once; and an engine that dies is started again, then spoken of."""

from __future__ import annotations

from pathlib import Path

from tests.ui.helpers import Clock, add_alerts
from triage.case.model import EngineState
from triage.times import SECOND
from triage.ui.bars import Segment, fit_segments, status_segments
from triage.ui.feed import Feed, Supervisor
from triage.ui.store import Counts


class DyingEngine:
    """An engine whose process ends as often as the test likes."""

    def __init__(self) -> None:
        self.running = True
        self.restarts = 0
        self.exit_reason = "disk full"

    def alive(self) -> bool:
        return self.running

    def restart(self) -> None:
        self.restarts += 1


def test_news_come_once(case: Path, clock: Clock) -> None:
    feed = Feed(str(case), None, clock)
    first = feed.poll()
    assert first is not None
    assert len(first.rows) == 16
    assert first.sources == 4
    assert first.rules == 3
    assert feed.poll() is None
    add_alerts(case, [{"id": "new", "time": 1}])
    second = feed.poll()
    assert second is not None
    assert [row.id for row in second.rows] == ["new"]
    feed.close()


def test_a_dead_engine_is_started_again_ever_more_slowly(clock: Clock) -> None:
    engine = DyingEngine()
    supervisor = Supervisor(engine, clock)
    state = EngineState(state="live", at=clock())
    assert supervisor.look(state) == ""
    engine.running = False
    assert supervisor.look(state) == "engine restarted (1/5): disk full"
    assert supervisor.look(state) == "engine restarted (1/5): disk full"
    assert engine.restarts == 1  # not again before its time
    for tries in range(2, 6):
        clock.now += (1 << tries) * SECOND
        assert supervisor.look(state) == f"engine restarted ({tries}/5): disk full"
        assert engine.restarts == tries
    clock.now += 3600 * SECOND
    assert supervisor.look(state) == "engine stopped: disk full"
    assert engine.restarts == 5


def test_an_engine_that_recovers_has_all_its_tries_again(clock: Clock) -> None:
    engine = DyingEngine()
    supervisor = Supervisor(engine, clock)
    engine.running = False
    supervisor.look(EngineState())
    engine.running = True
    clock.now += 120 * SECOND
    assert supervisor.look(EngineState()) == ""
    engine.running = False
    assert supervisor.look(EngineState()).startswith("engine restarted (1/5)")


def test_an_engine_elsewhere_that_falls_silent_is_noticed(clock: Clock) -> None:
    supervisor = Supervisor(None, clock)
    state = EngineState(state="live", at=clock())
    assert supervisor.look(state) == ""
    clock.now += 20 * SECOND
    assert supervisor.look(state) == "silent since 16:00:00"
    assert supervisor.look(EngineState(state="stopped", at=1)) == ""


def words(width: int, state: EngineState, word: str = "") -> str:
    counts = Counts(open=1204, acknowledged=3, false_positive=2, closed=1)
    found = fit_segments(status_segments(["./logs"], state, word, counts, (42, 1)), width)
    return "  ".join("".join(text for text, _ in one.parts) for one in found)


def test_the_status_line_says_the_most_important_in_any_width() -> None:
    live = EngineState(state="live", rate=1204.4, lag_bytes=2_500_000, rejects=7)
    assert words(120, live) == (
        "triage logs  ● live  1,204 ev/s  lag 2.5 MB  open 1,204  ack 3  fp 2  closed 1"
        "  42 rules (1 broken file)  7 unreadable"
    )
    assert words(80, live) == (
        "triage logs  ● live  open 1,204  ack 3  fp 2  closed 1  42 rules (1 broken file)"
    )
    assert words(20, live) == "triage logs  ● live"


def test_the_engines_state_is_said_in_words() -> None:
    reading = EngineState(state="reading", lag_bytes=60, total_bytes=100)
    assert "◌ reading 40 %" in words(120, reading)
    assert "■ engine stopped: disk full" in words(120, reading, "engine stopped: disk full")
    assert "■ no engine" in words(120, EngineState())


def test_segments_of_no_rank_stay() -> None:
    wide = Segment((("x" * 50, ""),))
    assert fit_segments([wide, Segment((("y", ""),), 1)], 20) == [wide]
