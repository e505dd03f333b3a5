"""Groups: whatever comes, goes and changes, the list shows what grouping all of it anew would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ui.helpers import add_alerts, press, row_of, screen_text, settled, write
from tests.ui.test_store import SEVERITIES, row
from triage import times
from triage.case.model import AlertRow
from triage.ui.app import Console
from triage.ui.arrangement import SORTS
from triage.ui.filtering import parse
from triage.ui.grouping import GROUPINGS, Group, GroupKey, network, technique
from triage.ui.store import AlertStore

Make = Callable[..., Console]
changes = st.lists(
    st.tuples(
        st.integers(0, 12),  # which alert
        st.integers(0, 5),  # its time
        st.sampled_from(["low", "high", "critical"]),
        st.sampled_from(["open", "acknowledged", "closed"]),
        st.sampled_from(["alice", "bob", "carol"]),
    ),
    max_size=30,
)


def lines(store: AlertStore) -> list[tuple[GroupKey, str]]:
    """The rows of the list: (group, alert id or "" for its head)."""
    assert store.groups is not None
    found = [store.groups.at(place) for place in range(len(store.groups))]
    return [(group.key, alert_id) for group, alert_id in found]


@given(
    batches=st.lists(changes, max_size=6),
    sort=st.sampled_from(sorted(SORTS)),
    opened=st.sets(st.sampled_from(["alice", "bob", "carol"])),
)
@settings(max_examples=150, deadline=None)
def test_is_what_grouping_anew_would_give(
    batches: list[list[tuple[int, int, str, str, str]]], sort: str, opened: set[str]
) -> None:
    store = AlertStore()
    store.set_filter(parse("severity>=medium"))
    store.set_sort(sort)
    store.set_grouping("user")
    known: dict[str, AlertRow] = {}
    for batch in batches:
        rows = [row(n, time=t, severity=v, status=s, user=u) for n, t, v, s, u in batch]
        known.update((one.id, one) for one in rows)
        store.update(rows)
        groups = store.groups
        assert groups is not None
        for user in opened:
            if not groups.is_open((user,)):
                groups.toggle((user,))
        fresh: dict[str, list[AlertRow]] = {}
        for one in sorted(known.values(), key=SORTS[sort]):
            if one.severity != "low":
                fresh.setdefault(one.user, []).append(one)
        users = list(fresh)  # by the first alert of each
        if sort == "count":
            users.sort(key=lambda user: -len(fresh[user]))
        wanted = [
            ((user,), alert_id)
            for user in users
            for alert_id in ["", *(one.id for one in fresh[user] if user in opened)]
        ]
        assert lines(store) == wanted
        for place, (key, alert_id) in enumerate(wanted):
            group = groups.get(key)
            assert group is not None
            assert (groups.place_of(known[alert_id]) if alert_id else groups.place(group)) == place
        for user, members in fresh.items():
            told = groups.get((user,))
            assert told is not None
            assert list(told.times) == sorted(one.time for one in members)
            for status in ("open", "acknowledged", "closed"):
                assert getattr(told, status) == sum(one.status == status for one in members)
            assert told.severity == max((one.severity for one in members), key=SEVERITIES.index)


def test_what_belongs_together() -> None:
    base = row(
        1, rule_id="r", host="WS-1", parent="cmd.exe", process="beacon.exe",
        destination="203.0.113.7", threat="TA0005 T1218 T1127 T1218.004", root_id="p",
    )  # fmt: skip

    def together(grouping: str, **other: object) -> bool:
        key = GROUPINGS[grouping].key
        return key(base) == key(replace(base, id="id2", **other))

    assert together("cause", destination="203.0.113.250", host="WS-2", parent="CMD.EXE")
    assert not together("cause", destination="203.0.114.7")
    assert not together("cause", parent="explorer.exe")
    assert not together("cause", rule_id="other")
    assert together("rule and host", host="ws-1", process="other.exe")
    assert together("tree", rule_id="other")
    assert not together("tree", host="WS-2")
    assert together("technique", threat="TA0002 T1218 T1218.004 T1059")
    assert not together("technique", threat="T1127")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("", ""),
        ("fe80::1%eth0", None),
        ("no [address]", "no [address]"),
    ],
)
def test_the_network_of_an_address(address: str, found: str | None) -> None:
    assert network(address) == found or found is None


def test_the_most_exact_of_the_first_technique() -> None:
    assert technique("TA0005 T1127 T1127.001 T1218 T1218.004") == "T1127.001"
    assert technique("TA0005 T1218") == "T1218"
    assert technique("TA0005") == technique("") == ""


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_a_sparkline_shows_all_arrivals(instants: list[int], width: int) -> None:
    line = Group((), row(1), [(0, "")] * len(instants), sorted(instants)).sparkline(width)
    assert len(line) == width
    assert "█" in line
    assert line[0] != " "
    assert line[-1] != " " or min(instants) == max(instants)


STORM = 500


def storm(case: Path) -> list[str]:
    """Five hundred alerts of one cause on fifty hosts, and one that is of another."""
    start = times.parse("2026-03-12T15:30:00Z") or 0
    same = {"rule_name": "Beacon", "rule_id": "b", "parent": "cmd.exe", "process": "agent.exe"}
    rows: list[dict[str, Any]] = [
        {
            **same, "id": f"storm{n:03}", "time": start + n * 10**9, "host": f"WS-{n % 50:03}",
            "destination": f"203.0.113.{n % 250}", "status": "open", "severity": "high",
        }
        for n in range(STORM)
    ]  # fmt: skip
    add_alerts(case, [*rows, {**rows[0], "id": "other", "parent": "word.exe"}])
    return [str(one["id"]) for one in rows]


async def test_a_storm_of_one_cause_is_decided_in_three_keys(console: Make, case: Path) -> None:
    ids = storm(case)
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "b", "c", "f")
        await settled(pilot)
        for alert_id in (ids[0], ids[-1]):
            found = row_of(case, alert_id)
            assert (found.status, found.close_reason) == ("closed", "false_positive")
        assert row_of(case, "other").status == "open"
        assert app.desk.store.counts.false_positive == STORM
        await press(pilot, "u")
        assert app.desk.store.counts.false_positive == 0


async def test_a_group_opens_and_closes_and_the_cursor_stays(console: Make, case: Path) -> None:
    storm(case)
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "b")
        assert "▸ H Beacon" in screen_text(app)
        assert "500 ○500" in screen_text(app)
        await press(pilot, "enter", "j")
        assert "▾ H Beacon" in screen_text(app)
        assert app.screen.query_one("#list").alert_id == "storm499"  # type: ignore[attr-defined] # the list
        await press(pilot, "z")
        assert "▸ H Beacon" in screen_text(app)
        await press(pilot, "right")
        assert "▾ H Beacon" in screen_text(app)
        await press(pilot, "left")
        assert "▸ H Beacon" in screen_text(app)
        await press(pilot, "Z", "Z", "s", "s", "b")
        assert "by rule and host" in screen_text(app)


async def test_marks_and_filter_work_on_groups(console: Make, case: Path) -> None:
    storm(case)
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "b", "space", "space")
        assert "501 marked" in screen_text(app)
        await press(pilot, "k", "k", "space")
        assert "1 marked" in screen_text(app)
        await press(pilot, "a")
        assert app.desk.store.counts.acknowledged == 1
        await press(pilot, "/")
        await write(pilot, "state:open beacon")
        await press(pilot, "enter", "a")
        assert app.desk.store.counts.acknowledged == STORM + 1
        assert "none of" in screen_text(app)


async def test_new_alerts_join_their_group_and_nothing_moves(console: Make, case: Path) -> None:
    storm(case)
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press(pilot, "b", "b", "G")
        before = [
            line[:70] for line in screen_text(app).splitlines()
        ]  # the list, without its scrollbar
        late = times.parse("2026-03-12T15:59:00Z") or 0
        add_alerts(case, [{"id": f"late{n}", "time": late + n, "host": "NEW"} for n in range(3)])
        await settled(pilot)
        while app.desk.store.get("late2") is None:
            await pilot.pause(0.01)
        await settled(pilot)
        after = screen_text(app).splitlines()
        assert [line[:70] for line in after[3:-1]] == before[3:-1]
        assert "3 new ↑" in after[1]
