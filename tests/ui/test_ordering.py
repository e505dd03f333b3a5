"""Sorting by and by, and insertion of many at once: what sorted() gives, whatever the order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.ui.ordering import by_and_by, insert


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 7_500])
@pytest.mark.parametrize("alike", [False, True])
def test_sorts_in_short_steps(count: int, alike: bool) -> None:
    chance = random.Random(count)
    things = [(chance.randrange(3 if alike else 10**9), place) for place in range(count)]
    chance.shuffle(things)
    work = by_and_by(things)
    steps = 0
    while True:
        try:
            next(work)
        except StopIteration as end:
            found = end.value
            break
        steps += 1
    assert found == sorted(things)
    assert steps >= count // 1_000 * 10 or count <= 1_000


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
@settings(max_examples=200, deadline=None)
def test_what_is_inserted_stands_in_order(there: list[int], fresh: list[int]) -> None:
    found = sorted(there)
    insert(found, sorted(fresh))
    assert found == sorted(there + fresh)
    by_key = sorted(there, reverse=True)
    insert(by_key, sorted(fresh, reverse=True), key=lambda one: -one)
    assert by_key == sorted(there + fresh, reverse=True)
