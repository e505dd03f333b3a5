"""Search: order, size, pipes, keys; on small event sets of our own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.eql import Hit, parse, search


def event(second: float, category: str, **fields: Any) -> dict[str, Any]:
    stamp = f"2024-05-01T10:00:{second:06.3f}Z"
    return {"@timestamp": stamp, "event": {"category": [category]}, **fields}


LOGONS = [
    event(1, "logon", user="ann", n=1),
    event(2, "logon", user="bob", n=2),
    event(3, "start", user=["ann", "bob"], n=3),
    event(4, "logon", user="ann", n=4),
    event(5, "start", user="ann", n=5),
    event(6, "start", user="eve", n=6),
    event(6, "stop", n=7),
]


def numbers(hits: list[Hit]) -> list[Any]:
    found = [[doc and doc["n"] for doc in hit.events] for hit in hits]
    return [one[0] if len(one) == 1 else one for one in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("any where true", [1, 2, 3, 4, 5, 6, 7]),
        ("logon where true", [1, 2, 4]),
        ("any where true | head 3 | tail 1", [3]),
        ("any where true | tail 3 | head 1", [5]),
        ("any where true | head 0", []),
        ("sequence by user [logon where true] [start where true]", [[1, 3], [2, 3], [4, 5]]),
        ("sequence by user [logon where true] [start where true] | tail 1", [[4, 5]]),
        (
            "sequence by user with maxspan=1s [logon where true] [start where true]",
            [[2, 3], [4, 5]],
        ),
        ("sequence [logon where true] with runs=3", [[1, 2, 4]]),
        (
            "sequence by user [logon where true] [start where n > 3] until [any where n < 5]",
            [],
        ),
        (
            "sequence by user with maxspan=1m [logon where n == 4] ![start where n == 6]",
            [[4, None]],
        ),
        ("sequence by user with maxspan=1m [logon where true] ![start where n > 4]", [[2, None]]),
        ("sample by user [start where true] [logon where true]", [[3, 1], [3, 2]]),
        ("sample by ?user [stop where true] [any where n > 5]", []),
    ],
)
def test_results(query: str, expected: list[Any]) -> None:
    assert numbers(search(query, LOGONS, size=100)) == expected


def test_join_keys_come_with_the_hit() -> None:
    hits = search("sequence by user [logon where true] [start where true]", LOGONS)
    assert [hit.join_keys for hit in hits] == [("ann",), ("bob",), ("ann",)]
    assert search("any where true", LOGONS)[0].join_keys == ()


def test_size_keeps_the_latest_and_of_samples_the_first() -> None:
    assert numbers(search("any where true", LOGONS, size=2)) == [6, 7]
    assert len(search("any where true", LOGONS * 3)) == 10
    assert numbers(search("any where true | head 20", LOGONS, size=2)) == [1, 2, 3, 4, 5, 6, 7]
    query = "sample by user [start where true] [logon where true]"
    assert numbers(search(query, LOGONS, size=1)) == [[3, 1]]
    assert numbers(search(query, LOGONS, max_samples_per_key=3)) == [[3, 1], [3, 4], [5, 1], [3, 2]]


def test_ties_follow_the_tiebreaker_then_the_given_order() -> None:
    events = [event(1, "x", n=2, k=9), event(1, "x", n=1, k=5), event(0, "x", n=0, k=7)]
    assert numbers(search("any where true", events)) == [0, 2, 1]
    assert numbers(search("any where true", events, tiebreaker_field="k")) == [0, 1, 2]


def test_nanoseconds_count() -> None:
    events: list[dict[str, Any]] = [
        {"t": "2024-05-01T10:00:00.000000002Z", "c": "x", "n": 2},
        {"t": "2024-05-01T10:00:00.000000001Z", "c": "x", "n": 1},
    ]
    query = 'any where t == "2024-05-01T10:00:00.000000002Z"'
    assert numbers(search(query, events, timestamp_field="t")) == [2]
    query = "sequence [x where n == 1] [x where n == 2]"
    hits = search(query, events, timestamp_field="t", event_category_field="c")
    assert numbers(hits) == [[1, 2]]


def test_events_without_a_time_join_no_sequence() -> None:
    events: list[dict[str, Any]] = [{"n": 1}, {"n": 2}]
    assert search("sequence [any where n == 1] [any where n == 2]", events) == []
    assert numbers(search("any where n > 0", events)) == [1, 2]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 59_000), st.sampled_from("ab"), st.sampled_from("xy")),
        unique_by=lambda one: one[0],
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_events_given_does_not_matter(
    rows: list[tuple[int, str, str]], random: Any
) -> None:
    events = [event(ms / 1000, name, k=key, n=ms) for ms, name, key in rows]
    query = parse("sequence by k with maxspan=20s [a where true] [b where true] ![a where true]")
    expected = numbers(search(query, events, size=100))
    random.shuffle(events)
    assert numbers(search(query, events, size=100)) == expected
