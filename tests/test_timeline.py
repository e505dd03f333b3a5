"""The timeline of a host: what is counted where, what is read, and what round columns are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import events
from tests.test_search import T0, doc, write
from tests.ui.helpers import hunt_into
from triage.case.read import CaseReader
from triage.context import LANES, Timeline, family
from triage.run import Config, Engine
from triage.sources import Follower
from triage.times import SECOND
from triage.ui.timeline_view import SPANS, Axis, level

LANE = {name: place for place, (_, name) in enumerate(LANES)}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseReader]:
    def start(second: int, id_: str, parent: str = "") -> dict[str, Any]:
        process = {"name": f"{id_}.exe", "entity_id": id_, "parent": {"entity_id": parent}}
        return doc(second, "alpha", process=process)

    dns = {"dns": {"question": {"name": "a.example"}}, "process": {"entity_id": "b"}}
    processes = [start(1, "a"), start(2, "b", "a"), start(3, "c", "b"), start(4, "z")]
    file = {**doc(70, "alpha"), "event": {"category": "file", "code": "11", "id": "f"}}
    other = {**doc(71, "alpha"), "event": {"category": "intrusion", "id": "o"}}
    names = [doc(50, "alpha", **dns), doc(51, "beta", **dns)]
    write(tmp_path / "log.ndjson", [*processes, *names, file, other])
    hunt_into(tmp_path / "own.triage", [str(tmp_path / "log.ndjson")], [])
    reader = CaseReader(str(tmp_path / "own.triage"))
    yield reader
    reader.close()


def test_events_are_counted_by_category_and_time(case: CaseReader) -> None:
    seen = Timeline("alpha")
    assert list(seen.load(case, T0, T0 + 120 * SECOND)) == [(0, 1), (1, 1)]
    counts = seen.counts(T0, 10 * SECOND, 12, own=False)
    assert counts[LANE["process"]] == [4, *[0] * 11]
    assert counts[LANE["dns"]] == [0] * 5 + [1] + [0] * 6  # beta's is another host's
    assert counts[LANE["file"]][7] == 1
    assert counts[LANE["other"]][7] == 1
    assert list(seen.load(case, T0, T0 + SECOND)) == [(1, 1)]  # known: not read again


def test_a_log_that_is_being_written_is_counted_to_its_end_and_nothing_twice(
    tmp_path: Path,
) -> None:
    log = events.write(tmp_path / "log.ndjson", [])
    config = Config((), tmp_path / "x")
    follower = Follower([log], clock=iter(range(100)).__next__)
    engine = Engine(config, str(tmp_path / "own.triage"), follower)
    case = CaseReader(engine.writer.connection)
    seen = Timeline("pc-1")
    for number in range(1, 4):
        with log.open("ab") as file:
            file.write(events.line(events.start(number, f"p{number}", "a.exe")))
        for block in engine.follower.poll():
            engine.take(block)
        list(seen.load(case, events.START, events.START + 60 * SECOND))
        counts = seen.counts(events.START, 60 * SECOND, 1, own=False)
        assert counts[LANE["process"]] == [number]
    engine.close()


def test_a_process_and_what_it_started_are_told_apart(case: CaseReader) -> None:
    own = family(case, "alpha", ["a", ""])
    assert own == {"a", "b", "c"}
    seen = Timeline("alpha", own)
    list(seen.load(case, T0, T0 + 120 * SECOND))
    counts = seen.counts(T0, 120 * SECOND, 1, own=True)
    assert counts[LANE["process"]] == [3]
    assert counts[LANE["dns"]] == [1]
    assert counts[LANE["file"]] == [0]


def test_where_the_log_is_gone_the_case_s_evidence_stands_in(
    case: CaseReader, tmp_path: Path
) -> None:
    (tmp_path / "log.ndjson").unlink()
    seen = Timeline("alpha")
    list(seen.load(case, T0, T0 + 120 * SECOND))
    assert "log.ndjson" in seen.missing[0]


@given(
    st.integers(0, 1 << 62), st.sampled_from(SPANS), st.integers(1, 400), st.integers(0, 1 << 40)
)
def test_an_axis_covers_its_span_in_columns_that_touch(
    middle: int, span: int, columns: int, off: int
) -> None:
    axis = Axis.around(middle, span, columns)
    assert 1 <= axis.columns <= columns
    assert axis.end - axis.start >= span
    assert axis.start <= middle < axis.end or axis.columns == 1
    time = axis.start + off % (axis.end - axis.start)
    first, last = axis.stretch(axis.column(time))
    assert first <= time <= last
    assert 0 <= axis.column(time) < axis.columns


def test_one_event_among_thousands_still_shows() -> None:
    assert level(0, 5000) == " "
    assert level(1, 5000) == "▁"
    assert level(5000, 5000) == "█"
    assert [level(1, most) for most in (0, 1, 2)] == ["▁", "▁", "▁"]
