"""The store: whatever comes in whatever order, what is shown is the filtered rows in order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ui.test_filtering import ROW
from triage.case.model import AlertRow
from triage.ui.arrangement import SORTS
from triage.ui.filtering import parse
from triage.ui.grouping import Groups
from triage.ui.store import AlertStore, Change

SEVERITIES = ("low", "medium", "high", "critical")


def row(number: int, **changes: object) -> AlertRow:
    made = replace(ROW, id=f"id{number:06}", time=number % 977, change=number)
    return replace(made, **changes)


updates = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.integers(0, 5),
        st.sampled_from(SEVERITIES),
        st.sampled_from(["open", "acknowledged", "closed"]),
    ),
    max_size=40,
)


@given(batches=st.lists(updates, max_size=6), sort=st.sampled_from(sorted(SORTS)))
@settings(max_examples=150, deadline=None)
def test_is_the_filtered_rows_in_order(
    batches: list[list[tuple[int, int, str, str]]], sort: str
) -> None:
    store = AlertStore()
    store.set_filter(parse("severity>=medium"))
    store.set_sort(sort)
    known: dict[str, AlertRow] = {}
    for batch in batches:
        rows = [row(n, time=t, severity=s, status=state) for n, t, s, state in batch]
        known.update((one.id, one) for one in rows)
        store.update(rows)
        wanted = [one for one in known.values() if one.severity != "low"]
        assert list(store) == sorted(wanted, key=SORTS[sort])
        assert [store.place(one.id) for one in store] == list(range(len(store)))
        assert store.counts.total == store.total == len(known)


def test_tells_listeners_what_is_new() -> None:
    store = AlertStore()
    heard: list[Change] = []
    store.listen(heard.append)
    store.update([row(1), row(2)])
    store.update([replace(row(2), status="closed"), row(3)])
    assert heard[0].added == ("id000001", "id000002")
    assert heard[1].added == ("id000003",)
    assert heard[1].touched == {"id000002", "id000003"}
    assert not heard[1].reset


@pytest.mark.parametrize("sort", ["newest", "severity"])
def test_a_hundred_thousand_rows_are_quick(sort: str) -> None:
    chance = random.Random(7)
    store = AlertStore()
    store.set_sort(sort)
    store.update(row(n, time=chance.randrange(10**9)) for n in range(100_000))
    start = time.process_time()
    for n in range(100):
        store.update([row(100_000 + n, time=chance.randrange(10**9))])
        assert store.place(f"id{100_000 + n:06}") is not None
    # A tenth of what ten looks a second leave; a sort of all rows each time takes far longer.
    assert (time.process_time() - start) / 100 < 0.01


def told(groups: Groups) -> list[object]:
    found = [groups.at(place)[0] for place in range(len(groups))]
    return [(one.key, list(one.keys), list(one.times), one.severity, one.open) for one in found]


def test_what_comes_while_much_is_arranged_is_in_it() -> None:
    """Another order of many rows is made in slices; what was shown stays until it is done."""
    chance = random.Random(7)
    store = AlertStore()
    work: list[Iterator[None]] = []
    store.later = work.append
    store.update(row(n, time=chance.randrange(10**9), user=f"u{n % 50}") for n in range(6_000))
    store.set_grouping("user")
    store.arrange(parse("severity>=high"), "severity", "user")  # before the other has ended
    before = list(store)
    for step in range(8):
        next(work[1])
        changed = row(step, time=5, severity="low" if step % 2 else "critical")
        store.update([changed, row(9_000 + step, time=chance.randrange(10**9))])
    assert store.arranging
    assert (store.sort, store.grouping, store.groups) == ("severity", "user", None)
    assert len(store) == len(before) + 8
    for job in work:
        for _slice in job:
            pass
    assert not store.arranging
    wanted = AlertStore()
    wanted.update(row_ for row_ in (store.get(f"id{n:06}") for n in range(9_008)) if row_)
    wanted.arrange(parse("severity>=high"), "severity", "user")
    assert list(store) == list(wanted)
    assert store.groups is not None
    assert wanted.groups is not None
    assert told(store.groups) == told(wanted.groups)
