"""The engine's open state: the same matches whatever the order, the chunks and the restarts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triage import times
from triage.engine.result import Hit, StoredEvent
from triage.engine.sequence import Match, Sequencer
from triage.eql import parse


@dataclass(frozen=True)
class Rule:
    """As much of a rule as the engine asks for."""

    query: Any
    rule_id: str = "r"
    event_category_field: str = "event.category"
    lookback: int = 60 * times.SECOND
    fingerprint: str = "1"


PAIR = Rule(parse("sequence by k with maxspan=10s [a where true] [b where true]"))
TRIPLE = Rule(
    parse("sequence by k [a where true] [b where true] [c where true] until [d where true]")
)
SAMPLE = Rule(parse("sample by k [a where true] [b where true]"))


def hit(second: int, stages: tuple[int, ...], key: str = "1") -> Hit:
    event = StoredEvent(f"{second}", (second * times.SECOND, 0, "log", second), "pc-1", b"{}")
    return Hit("r", f'["{key}"]', stages, event)


def standing(
    rule: Rule, chunks: Iterable[list[Hit]], restart: bool = False
) -> set[tuple[str, ...]]:
    """The matches that stand after all chunks, as event ids."""
    sequencer = Sequencer([rule])
    told: set[tuple[str, ...]] = set()
    kept: dict[tuple[str, str], Hit] = {}
    for chunk in chunks:
        advance = sequencer.advance(chunk)
        told -= {ids(match) for match in advance.superseded}
        told |= {ids(match) for match in advance.matches}
        kept.update({(one.key, one.event.id): one for one in advance.kept})
        if restart:
            sequencer = Sequencer([rule])
            sequencer.restore(reversed(kept.values()))
    return told


def ids(match: Match) -> tuple[str, ...]:
    return tuple(event.id for event in match.events)


def test_a_pair_completes_and_the_newest_first_event_counts() -> None:
    hits = [hit(1, (0,)), hit(3, (0,)), hit(5, (1,))]
    assert standing(PAIR, [hits]) == {("3", "5")}


def test_maxspan_includes_its_last_nanosecond_and_no_more() -> None:
    assert standing(PAIR, [[hit(1, (0,)), hit(11, (1,))]]) == {("1", "11")}
    assert standing(PAIR, [[hit(1, (0,)), hit(12, (1,))]]) == set()


def test_until_ends_what_is_open() -> None:
    hits = [hit(1, (0,)), hit(2, (1,)), hit(3, (-1,)), hit(4, (2,))]
    assert standing(TRIPLE, [hits]) == set()


def test_a_late_first_event_completes_what_waited_for_it() -> None:
    assert standing(PAIR, [[hit(5, (1,))], [hit(3, (0,))]]) == {("3", "5")}


def test_a_late_event_replaces_the_match_it_refutes() -> None:
    sequencer = Sequencer([PAIR])
    assert [ids(m) for m in sequencer.advance([hit(1, (0,)), hit(5, (1,))]).matches] == [("1", "5")]
    late = sequencer.advance([hit(3, (0,))])
    assert [ids(m) for m in late.matches] == [("3", "5")]
    assert [ids(m) for m in late.superseded] == [("1", "5")]


def test_a_sample_joins_either_order_once_a_span() -> None:
    assert standing(SAMPLE, [[hit(1, (1,)), hit(2, (0,)), hit(3, (1,))]]) == {("2", "1")}
    assert standing(SAMPLE, [[hit(1, (1,)), hit(62, (0,))]]) == set()


def test_nothing_following_is_confirmed_by_time_alone() -> None:
    rule = Rule(parse("sequence by k with maxspan=10s [a where true] ![b where true]"))
    sequencer = Sequencer([rule])
    assert sequencer.advance([hit(1, (0,)), hit(20, (0,))]).matches[0].events[0].id == "1"
    assert sequencer.pass_time(30 * times.SECOND).matches == ()  # the window holds its last instant
    (match,) = sequencer.pass_time(30 * times.SECOND + 1).matches
    assert ids(match) == ("20",)
    late = sequencer.advance([hit(25, (1,))])
    assert [ids(one) for one in late.superseded] == [("20",)]
    assert sequencer.pass_time(None).matches == ()


def test_a_limit_drops_the_keys_touched_longest_ago_and_counts() -> None:
    sequencer = Sequencer([PAIR], max_hits=2)
    advance = sequencer.advance([hit(1, (0,), "old"), hit(2, (0,), "b"), hit(3, (0,), "c")])
    assert [one.key for one in advance.evicted] == ['["old"]']
    assert advance.limits["all"] == 1
    assert sequencer.open_hits == 2


def test_a_busy_rule_is_limited_by_itself_and_others_lose_nothing() -> None:
    other = Rule(PAIR.query, rule_id="other")
    sequencer = Sequencer([PAIR, other], max_rule_hits=8)
    sequencer.advance([hit(1, (0,), "quiet")._replace(rule_id="other")])
    advance = sequencer.advance([hit(n, (0,), f"{n}") for n in range(2, 11)])
    assert [one.key for one in advance.evicted] == ['["2"]', '["3"]', '["4"]']
    assert {limit: lost for limit, lost in advance.limits.items() if lost} == {"rule": 3}
    (match,) = sequencer.advance([hit(9, (1,), "quiet")._replace(rule_id="other")]).matches
    assert ids(match) == ("1", "9")
    (match,) = sequencer.advance([hit(12, (1,), "10")]).matches
    assert ids(match) == ("10", "12")


def test_a_limit_drops_what_has_not_begun_before_an_open_sequence() -> None:
    sequencer = Sequencer([PAIR], max_hits=3)
    sequencer.advance([hit(1, (0,), "open")])
    gone = sequencer.advance([hit(n, (1,), f"rest-{n}") for n in range(2, 9)]).evicted
    assert [one.key for one in gone] == [f'["rest-{n}"]' for n in range(2, 7)]
    (match,) = sequencer.advance([hit(9, (1,), "open")]).matches
    assert ids(match) == ("1", "9")


def test_equal_times_are_told_apart_by_their_events() -> None:
    def twin(name: str) -> Hit:
        event = StoredEvent(name, (times.SECOND, 0, "log", 1), "pc-1", name.encode())
        return Hit("r", '["1"]', (0,), event)

    sequencer = Sequencer([PAIR])
    kept = [sequencer.advance([twin(name)]).kept for name in ("a", "b", "a", "b")]
    assert [len(one) for one in kept] == [1, 1, 0, 0]


def test_one_busy_key_keeps_its_newest_hits() -> None:
    sequencer = Sequencer([PAIR], max_key_hits=8)
    advances = [sequencer.advance([hit(n, (0,))]) for n in range(1, 21)]
    evicted = [one.event.id for advance in advances for one in advance.evicted]
    assert evicted
    assert sum(advance.limits["key"] for advance in advances) == len(evicted)
    assert sequencer.open_hits + len(evicted) == 20
    assert [one.event.id for one in sequencer.open()][-1] == "20"


streams = st.lists(
    st.tuples(
        st.lists(st.sampled_from([0, 1, 2, -1]), min_size=1, max_size=2, unique=True),
        st.sampled_from(["x", "y"]),
    ),
    max_size=24,
)


@given(stream=streams, rule=st.sampled_from([PAIR, TRIPLE, SAMPLE]), data=st.data())
def test_order_chunks_repeats_and_restarts_change_nothing(
    stream: list[tuple[list[int], str]], rule: Rule, data: st.DataObject
) -> None:
    stages = set(range(len(rule.query.stages))) | ({-1} if rule.query.until else set())
    hits = [
        hit(second, tuple(n for n in numbers if n in stages), key)
        for second, (numbers, key) in enumerate(stream, 1)
        if stages.intersection(numbers)
    ]
    in_order = standing(rule, [hits])
    shuffled = data.draw(st.permutations(hits + hits[: len(hits) // 2]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    chunks = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    assert standing(rule, chunks) == in_order
    assert standing(rule, chunks, restart=True) == in_order


@given(stream=streams, rule=st.sampled_from([PAIR, TRIPLE, SAMPLE]), data=st.data())
def test_what_is_released_is_as_if_it_had_never_come(
    stream: list[tuple[list[int], str]], rule: Rule, data: st.DataObject
) -> None:
    stages = set(range(len(rule.query.stages))) | ({-1} if rule.query.until else set())
    hits = [
        hit(second, tuple(n for n in numbers if n in stages), key)
        for second, (numbers, key) in enumerate(stream, 1)
        if stages.intersection(numbers)
    ]
    covered = {one.event.id for one in hits if data.draw(st.booleans())}
    left = [one for one in hits if one.event.id not in covered]
    cut = data.draw(st.integers(0, len(hits)))
    before, after = hits[:cut], [one for one in hits[cut:] if one in left]
    sequencer = Sequencer([rule])
    told = [ids(match) for match in sequencer.advance(before).matches]
    released = sequencer.release({rule.rule_id}, lambda one: one.event.id in covered)
    assert {one.event.id for one in released.evicted} == covered & {one.event.id for one in before}
    told += [ids(match) for match in released.matches]
    told += [ids(match) for match in sequencer.advance(after).matches]
    assert standing(rule, [left]) <= set(told)
    assert len(told) == len(set(told))
    assert not [one for one in told if covered & set(one) and one[-1] in map(id_of, after)]
    assert sorted(map(id_of, sequencer.open())) == sorted(map(id_of, left))
    assert sequencer.open_hits == len(left)


def id_of(one: Hit) -> str:
    return one.event.id


def record(number: int, stages: tuple[int, ...], time: int, source: str = "a.evtx") -> Hit:
    """A hit of a Windows record; its number orders what has the same time."""
    event = StoredEvent(f"{number}", (time, number, source, number), "pc-1", b"{}")
    return Hit("r", '["1"]', stages, event)


def test_a_record_is_one_event_however_fine_its_time_was_kept() -> None:
    second = times.SECOND
    fine = [record(1, (0,), 5 * second + 100), record(2, (1,), 5 * second + 900)]
    coarse = [record(1, (0,), 5 * second, "b.csv"), record(2, (1,), 5 * second, "b.csv")]
    for chunks in ([fine, coarse], [coarse, fine], [[fine[0], coarse[1]], [coarse[0], fine[1]]]):
        assert standing(PAIR, chunks) == {("1", "2")}
        assert standing(PAIR, chunks, restart=True) == {("1", "2")}
    sequencer = Sequencer([PAIR])
    sequencer.advance([*coarse, *fine, *coarse])
    assert [one.event.order for one in sequencer.open()] == [one.event.order for one in fine]
    assert sequencer.open_hits == 2


def test_two_records_of_one_second_stay_two() -> None:
    hits = [record(1, (0,), 10), record(2, (0,), 10), record(3, (1,), 10)]
    assert standing(PAIR, [hits]) == {("2", "3")}
    hosts = [record(1, (0,), 10), record(1, (1,), 20)._replace(event=hit(7, ()).event)]
    sequencer = Sequencer([PAIR])
    sequencer.advance(hosts)
    assert sequencer.open_hits == 2


def test_what_either_export_of_a_record_shows_counts() -> None:
    whole = [record(1, (0,), 100), record(2, (1,), 200)]
    poor = [record(1, (), 100, "b.csv"), record(2, (), 200, "b.csv")]
    mixed = [[whole[0], poor[1]], [poor[0], whole[1]]]
    assert standing(PAIR, mixed) == {("1", "2")}


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([(0,), (1,), (2,), (-1,), (0, 1)])),
        max_size=40,
    ),
    st.data(),
)
def test_copies_of_a_log_with_coarser_times_change_no_match(
    steps: list[tuple[int, tuple[int, ...]]], data: st.DataObject
) -> None:
    # Four records a second: the hits of a key are few, then many, and seconds are shared.
    quarter = times.SECOND // 4
    log = [
        record(number, stages, at * quarter + number)
        for number, (at, stages) in enumerate(sorted(steps, key=lambda step: step[0]), 1)
    ]
    copies = [
        record(one.event.order[1], one.stages, time - time % unit, source)
        for source, unit in (("b.json", 1_000_000), ("c.csv", times.SECOND))
        for one in log
        for time in [one.event.order[0]]
    ]
    shuffled = data.draw(st.permutations([*log, *copies]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    chunks = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    assert standing(TRIPLE, chunks) == standing(TRIPLE, [log])
