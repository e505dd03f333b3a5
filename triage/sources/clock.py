"""Clocks that do not say their zone: times as tools print them for people, and their offset."""

from __future__ import annotations

import re

from triage import times

_QUARTER = 15 * 60 * times.SECOND
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = re.compile(
    r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4}),?\s+(\d{1,2})[:.](\d\d)(?:[:.](\d\d))?(?:\.(\d{1,9}))?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?"
)
_NAMED = re.compile(
    r"([A-Za-z]{3})[a-z]* (\d{1,2}), (\d{4}) @ (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
)


def parse(value: str) -> int | None:
    """Nanoseconds, were it UTC, of a time as Windows or Kibana show it; None where it is none.

    "7/29/2019 9:34:45 PM" (month first), "29.07.2019 21:34:45" and "29/07/2019 21:34:45" (day
    first, where it can be), "2019-07-29 21:34:45", "Jul 29, 2019 @ 21:34:45.660"; ISO 8601.
    """
    value = value.strip()
    if (named := _NAMED.fullmatch(value)) is not None:
        name, day, year, hour, minute, second, fraction = named.groups()
        if name.lower() not in _MONTHS:
            return None
        month = _MONTHS.index(name.lower()) + 1
        return _instant(int(year), month, int(day), int(hour), minute, second, fraction)
    numbers = _NUMBERS.fullmatch(value)
    if numbers is None:
        return times.parse(value)
    one, two, three, hour, minute, second, fraction, half = numbers.groups()
    clock = int(hour) % 12 + 12 * (half in "Pp") if half else int(hour)
    if len(one) == 4:
        year, month, day = int(one), int(two), int(three)
    else:
        year = int(three) if len(three) == 4 else 2000 + int(three)
        first, then = int(one), int(two)
        # Where people write AM and PM and strokes they put the month first.
        month_first = (half is not None and "/" in value and first <= 12) or then > 12
        month, day = (first, then) if month_first else (then, first)
    return _instant(year, month, day, clock, minute, second, fraction)


def offset(shown: int | None, meant: int | None) -> int | None:
    """What to add to a local clock that showed ``shown`` when it was ``meant`` in UTC, both ns.

    Rounded to 15 minutes, as offsets are; None where that is no offset (more than 14 hours).
    """
    if shown is None or meant is None:
        return None
    found = (meant - shown + _QUARTER // 2) // _QUARTER * _QUARTER
    return found if abs(found) <= 14 * 4 * _QUARTER else None


def utc(local: str, meant: str) -> str:
    """ISO 8601 of a local time, by what a field of the same record says in UTC; "" for none."""
    shown = parse(local)
    if shown is None:
        return ""
    return times.iso(shown + (offset(shown, times.parse(meant)) or 0))


def _instant(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: str,
    second: str | None,
    fraction: str | None,
) -> int | None:
    text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute}:{second or '00'}.{fraction or '0'}Z"
    return times.parse(text)
