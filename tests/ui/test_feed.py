"""The feed: what changed, once; and an engine that dies is started again, then spoken of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ui.helpers import NOW, Clock, add_alerts
from triage.case.decide import Decisions
from triage.case.model import EngineState, SourceState
from triage.case.write import CaseWriter
from triage.times import SECOND
from triage.ui.bars import Segment, fit_segments, status_segments
from triage.ui.feed import Feed, Supervisor
from triage.ui.store import Counts
from triage.ui.troubles import troubles


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


def test_many_changes_come_a_part_at_a_time_and_count_as_seen_once_all_are_there(
    case: Path, clock: Clock
) -> None:
    feed = Feed(str(case), None, clock)
    first = feed.poll()
    assert first is not None
    decisions = Decisions(str(case), "sam", clock)
    decisions.acknowledge([first.rows[0].id])
    decisions.close_case()
    add_alerts(case, [{"id": f"n{number}", "time": number} for number in range(1_500)])
    parts = [feed.poll(), feed.poll()]
    add_alerts(case, [{"id": "last", "time": 1}])  # while the others were still told
    parts.append(feed.poll())
    told = [part for part in parts if part is not None]
    assert [len(part.rows) for part in told] == [1_000, 501, 1]
    assert told[-1].rows[0].id == "last"
    # Who decides meanwhile decides on what is shown: nothing of it counts as seen before.
    assert told[0].journal == first.journal < told[1].journal
    assert feed.poll() is None
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


def words(
    width: int,
    state: EngineState,
    word: str = "",
    wrong: Sequence[str] = (),
    watched: Sequence[str] = ("./logs",),
) -> str:
    counts = Counts(open=1204, acknowledged=3, false_positive=2, closed=1)
    found = fit_segments(status_segments(watched, state, word, counts, (42, 1), wrong), width)
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
    folders = ["/evidence/domain-controllers", "/evidence/workstations", "./more"]
    assert "  open 1,204  " in words(80, live, watched=folders)  # folders are left out before


def test_the_engines_state_is_said_in_words() -> None:
    reading = EngineState(state="reading", lag_bytes=60, total_bytes=100)
    assert "◌ reading 40 %" in words(120, reading)
    assert "■ engine stopped: disk full" in words(120, reading, "engine stopped: disk full")
    assert "■ no engine" in words(120, EngineState())


def test_the_status_line_turns_from_live_to_what_is_wrong() -> None:
    live = EngineState(state="live")
    assert words(80, live, wrong=["2 logs refused"]).startswith("triage logs  ▲ 2 logs refused  ")
    assert "live" not in words(120, live, wrong=["2 logs refused"])
    several = ["behind 12 MB, 2 min", "2 logs refused", "1 log unreadable"]
    assert "▲ behind 12 MB, 2 min +2  " in words(80, live, wrong=several)
    assert "▲ case disk full, 2 logs refused  " in words(
        80, live, wrong=["case disk full", "2 logs refused"]
    )
    # What the engine can not say itself comes before all that.
    assert "▲" not in words(120, live, "engine stopped", several)


def test_the_first_pass_tells_how_far_it_is_and_how_long_it_takes() -> None:
    reading = EngineState(state="reading", lag_bytes=57, total_bytes=100, seconds_left=130)
    assert "◌ reading 43 %, 2 min left" in words(80, reading)
    assert "◌ reading 43 %, 2 min left  ▲ 1 log refused" in words(
        120, reading, wrong=["1 log refused"]
    )


@pytest.mark.parametrize(
    ("state", "states", "late", "free", "told"),
    [
        (EngineState(state="live"), {"idle": 4}, 0, 10**12, ()),
        (EngineState(state="live"), {"refused": 2}, 0, None, ("2 logs refused",)),
        (EngineState(state="live"), {"idle": 4, "not a log": 2}, 0, None, ()),
        (EngineState(state="live"), {"unreadable": 1}, 0, None, ("1 log unreadable",)),
        (EngineState(state="live", lag_bytes=12_300_000), {}, 40, None, ("behind 12 MB, 40 s",)),
        (EngineState(state="live", lag_bytes=12_300_000), {}, 5, None, ()),
        (EngineState(state="live", lag_bytes=300), {}, 40, None, ()),
        (EngineState(state="reading", lag_bytes=12_300_000), {}, 40, None, ()),
        (EngineState(state="live", evicted=3), {}, 0, None, ("3 open events given up",)),
        (EngineState(state="live", polling="/l is on nfs"), {}, 0, None, ("polling",)),
        (EngineState(state="live"), {}, 0, 1_000_000, ("case disk full",)),
        (EngineState(state="live"), {}, 0, 90_000_000, ("case disk nearly full: 90 MB left",)),
    ],
)
def test_what_is_wrong_is_said_in_words(
    state: EngineState, states: dict[str, int], late: int, free: int | None, told: tuple[str, ...]
) -> None:
    since = NOW - late * SECOND if late else 0
    assert troubles(state, states, since, free, NOW) == told


def test_an_engine_that_a_full_disk_has_ended_is_said_so(clock: Clock) -> None:
    engine = DyingEngine()
    engine.running = False
    engine.exit_reason = "apsw.FullError: database or disk is full"
    word = Supervisor(engine, clock).look(EngineState())
    assert word == "engine restarted (1/5): case disk full"


def test_a_log_that_is_refused_comes_with_the_news(case: Path, clock: Clock) -> None:
    feed = Feed(str(case), None, clock)
    first = feed.poll()
    assert first is not None
    assert first.troubles == ()
    writer = CaseWriter(str(case), clock)
    refused = SourceState("/logs/x.gz", "", "refused", "packed", 0, 9, 0, 0)
    writer.say(EngineState(state="live", at=clock()), [refused])
    writer.close()
    second = feed.poll()
    assert second is not None
    assert second.troubles == ("1 log refused",)
    feed.close()


def test_segments_of_no_rank_stay() -> None:
    wide = Segment((("x" * 50, ""),))
    assert fit_segments([wide, Segment((("y", ""),), 1)], 20) == [wide]
