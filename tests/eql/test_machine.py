"""Sequences and samples: the state machines against references written another way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.eql import UNTIL, Query, SampleMachine, SequenceMachine, parse
from triage.times import SECOND


def query(missing: tuple[bool, ...], maxspan: int | None, until: bool = True) -> Query:
    stages = " ".join(f"{'!' if gone else ''}[s where true]" for gone in missing)
    span = f"with maxspan={maxspan}s" if maxspan else ""
    return parse(f"sequence {span} {stages} {'until [u where true]' if until else ''}")


def run(plan: Query, stream: list[tuple[int, set[int]]]) -> list[tuple[int | None, ...]]:
    """All results of a stream of (second, stages), by the event that completes them."""
    machine: SequenceMachine[int] = SequenceMachine(plan)
    found = []
    for place, (second, stages) in enumerate(stream):
        found += machine.feed(second * SECOND, stages, place)
    found += machine.flush()
    return sorted(found, key=lambda one: max(place for place in one if place is not None))


@dataclass
class Chain:
    places: list[int]


def reference(
    missing: tuple[bool, ...], maxspan: int | None, stream: list[tuple[int, set[int]]]
) -> list[tuple[int | None, ...]]:
    """Stage by stage over the whole stream, as Elasticsearch's matcher works through its pages."""
    positives = [stage for stage, gone in enumerate(missing) if not gone]
    times = [second for second, _ in stream]

    def hits(stage: int) -> list[int]:
        return [place for place, (_, stages) in enumerate(stream) if stage in stages]

    chains = [Chain([place]) for place in hits(positives[0])]
    for stage in positives[1:]:
        longer = []
        for place in hits(stage):
            earlier = [chain for chain in chains if chain.places[-1] < place]
            if not earlier:
                continue
            chosen = earlier[-1]
            chains = [chain for chain in chains if chain.places[-1] >= place]
            if maxspan is not None and times[place] - times[chosen.places[0]] > maxspan:
                continue
            untils = [hit for hit in hits(UNTIL) if hit < place]
            if untils and untils[-1] >= chosen.places[-1]:
                continue
            longer.append(Chain([*chosen.places, place]))
        chains = longer
    return [
        tuple(
            chain.places[positives.index(stage)] if stage in positives else None
            for stage in range(len(missing))
        )
        for chain in chains
        if undisturbed(missing, maxspan, chain.places, positives, times, hits)
    ]


def undisturbed(missing, maxspan, places, positives, times, hits) -> bool:  # type: ignore[no-untyped-def]  # a reference reads best bare
    first, last = times[places[0]], times[places[-1]]
    leading, trailing = [], []
    for stage, gone in enumerate(missing):
        if not gone:
            continue
        before = [places[n] for n, positive in enumerate(positives) if positive < stage]
        after = [places[n] for n, positive in enumerate(positives) if positive > stage]
        seconds = [times[hit] for hit in hits(stage)]
        if not before:
            leading += [second for second in seconds if second < first]
        elif not after:
            trailing += [second for second in seconds if second > last]
        elif any(times[before[-1]] < second < times[after[0]] for second in seconds):
            return False
    lead = max(leading, default=None)
    trail = min(trailing, default=None)
    if missing[0] and missing[-1]:
        return lead is None or trail is None or trail - lead > maxspan
    if missing[0]:
        return lead is None or last - lead > maxspan
    if missing[-1]:
        return trail is None or trail - first > maxspan
    return True


@st.composite
def streams(draw: st.DrawFn, stages: int) -> list[tuple[int, set[int]]]:
    names = st.sets(st.integers(UNTIL if draw(st.booleans()) else 0, stages - 1), max_size=3)
    second, stream = 0, []
    for step, matched in draw(st.lists(st.tuples(st.integers(0, 3), names), max_size=25)):
        second += step
        stream.append((second, matched))
    return stream


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_sequence_is_what_the_reference_finds(data: st.DataObject) -> None:
    missing = tuple(data.draw(st.lists(st.booleans(), min_size=2, max_size=5)))
    if all(missing):
        missing = (False, *missing[1:])
    maxspan = (
        data.draw(st.integers(1, 8)) if any(missing) else data.draw(st.sampled_from([None, 3]))
    )
    stream = data.draw(streams(len(missing)))
    assert run(query(missing, maxspan), stream) == reference(missing, maxspan, stream)


def test_the_newest_event_takes_the_place_and_may_start_the_next() -> None:
    both = query((False, False), None)
    assert run(both, [(1, {0}), (2, {0}), (3, {1})]) == [(1, 2)]
    assert run(both, [(1, {0, 1}), (2, {0, 1}), (3, {0, 1})]) == [(0, 1), (1, 2)]


def test_maxspan_is_inclusive_and_consumes() -> None:
    three = query((False, False), 3)
    assert run(three, [(1, {0}), (4, {1})]) == [(0, 1)]
    assert run(three, [(1, {0}), (5, {1}), (5, {1})]) == []


def test_until_ends_what_is_under_way_but_not_what_it_completes_with() -> None:
    both = query((False, False), None)
    assert run(both, [(1, {0}), (2, {UNTIL}), (3, {1})]) == []
    assert run(both, [(1, {0}), (2, {1, UNTIL})]) == [(0, 1)]
    assert run(both, [(1, {0, UNTIL}), (2, {1})]) == []


def test_a_trailing_missing_stage_waits_for_its_window() -> None:
    machine: SequenceMachine[str] = SequenceMachine(query((False, True), 5))
    assert machine.feed(10 * SECOND, [0], "a") == []
    assert machine.deadline == 15 * SECOND
    assert machine.advance(15 * SECOND) == []  # an event of this instant could still refute it
    assert machine.feed(15 * SECOND + 1, [1], "late") == [("a", None)]
    assert machine.deadline is None
    assert machine.idle
    assert machine.feed(20 * SECOND, [0], "b") == []
    assert machine.feed(25 * SECOND, [1], "in time") == []
    assert machine.flush() == []


def test_a_machine_forgets_what_maxspan_puts_out_of_reach() -> None:
    machine: SequenceMachine[int] = SequenceMachine(query((True, False, False), 5))
    for second in range(0, 1000, 10):
        machine.feed(second * SECOND, [0, 1], second)
    machine.advance(2000 * SECOND)
    assert machine.idle


def sample(stages: int) -> Query:
    return parse("sample by k " + "[s where true] " * stages)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_sample_completes_as_soon_as_distinct_events_allow(data: st.DataObject) -> None:
    stages = data.draw(st.integers(2, 4))
    span = data.draw(st.sampled_from([2, 5]))
    stream = [(second, matched - {UNTIL}) for second, matched in data.draw(streams(stages))]
    machine: SampleMachine[int] = SampleMachine(sample(stages), span * SECOND)
    seen: list[int] = []
    quiet = -1
    for place, (second, matched) in enumerate(stream):
        found = machine.feed(second * SECOND, matched, place)
        if second <= quiet:
            assert found == []
            continue
        seen = [old for old in [*seen, place] if second - stream[old][0] <= span]
        choices = [[old for old in seen if stage in stream[old][1]] for stage in range(stages)]
        possible = any(len(set(choice)) == stages for choice in product(*choices))
        assert bool(found) is possible
        if found:
            (chosen,) = found
            assert len(set(chosen)) == stages
            assert all(stage in stream[one][1] for stage, one in enumerate(chosen))
            assert second - min(stream[one][0] for one in chosen) <= span
            quiet, seen = min(stream[one][0] for one in chosen) + span, []


def test_a_sample_without_span_comes_once() -> None:
    machine: SampleMachine[str] = SampleMachine(sample(2), None)
    assert machine.feed(1, [1], "b") == []
    assert machine.feed(9**18, [0], "a") == [("a", "b")]
    assert machine.feed(9**18, [0, 1], "c") == []
    assert machine.feed(9**18, [0, 1], "d") == []


@pytest.mark.parametrize("stages", [2, 5])
def test_the_state_of_a_sample_is_bounded(stages: int) -> None:
    machine: SampleMachine[int] = SampleMachine(sample(stages), None)
    for place in range(1000):
        assert machine.feed(place, [0], place) == []
    assert sum(len(hits) for hits in machine._hits) == stages
