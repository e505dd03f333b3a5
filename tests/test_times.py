"""Instants: exact to the nanosecond, both ways."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import times

LAST = 4_102_444_800 * times.SECOND  # the year 2100


@given(st.integers(0, LAST), st.sampled_from([1, 1_000, 1_000_000, times.SECOND]))
def test_an_instant_is_written_and_read_again_as_it_was(instant: int, unit: int) -> None:
    instant -= instant % unit
    written = times.iso(instant)
    assert times.parse(written) == instant
    seconds = datetime.fromisoformat(f"{written[:19]}+00:00").timestamp()
    assert seconds == instant // times.SECOND
    assert len(written) == {1: 30, 1_000: 27}.get(unit, 24) or instant % (unit * 1_000) == 0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-02 08:00", "2026-03-02T08:00:00.000Z"),
        ("2026-03-02T08:00Z", "2026-03-02T08:00:00.000Z"),
        (" 2026-03-02 08:00:05,5 UTC ", "2026-03-02T08:00:05.500Z"),
        ("2026-03-02T08:00:05.1234567Z", "2026-03-02T08:00:05.123456700Z"),
        ("2026-03-02T08:00:05.1234567891Z", "2026-03-02T08:00:05.123456789Z"),
        ("2026-03-02T08:00:05+02:30", "2026-03-02T05:30:05.000Z"),
        ("2026-03-02T08:00:05-0330", "2026-03-02T11:30:05.000Z"),
        ("2026-03-02T08:00:05+02", "2026-03-02T06:00:05.000Z"),
        ("0476-09-04T08:00:05Z", "0476-09-04T08:00:05.000Z"),
    ],
)
def test_every_form_of_a_time_is_read(text: str, same: str) -> None:
    parsed = times.parse(text)
    assert parsed is not None
    assert times.iso(parsed) == same


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-03-02", "2026-02-30T08:00:05Z", "2026-03-02T25:00Z", "2026-03-02T08:00:05Zx",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-01:00", 1 << 60, True, None,
    ],
)  # fmt: skip
def test_what_is_no_time_that_can_be_written_is_none(text: object) -> None:
    assert times.parse(text) is None
