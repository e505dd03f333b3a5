"""Instants as whole nanoseconds since 1970 UTC: exact, sortable, never a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

SECOND = 1_000_000_000
_UNITS = {"ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*"
    r"(Z|z|UTC|[+-]\d\d:?\d\d|[+-]\d\d)?"
)
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d)")


@lru_cache(maxsize=4096)
def _minute(year: int, month: int, day: int, hour: int, minute: int) -> int:
    """Whole seconds from 1970 to the minute; days and minutes repeat, so this is remembered."""
    moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def parse(value: object) -> int | None:
    """Nanoseconds since 1970 of an ISO 8601 text (no zone means UTC) or of epoch milliseconds.

    Fractions of one to nine digits are kept exactly. None where it is no instant.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000_000
    if not isinstance(value, str):
        return None
    match = _ISO.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        seconds = _minute(int(year), int(month), int(day), int(hour), int(minute))
    except ValueError:
        return None
    seconds += int(second or 0)
    if zone and zone not in ("Z", "z", "UTC"):
        sign = -1 if zone[0] == "-" else 1
        seconds -= sign * (int(zone[1:3]) * 3600 + int(zone[-2:] if len(zone) > 3 else 0) * 60)
    return seconds * SECOND + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(nanoseconds: int) -> str:
    """ISO 8601 in UTC, ``2026-08-21T12:04:31.123Z``: 3, 6 or 9 digits, as few as are exact."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    stamp = _stamp(seconds)
    digits = f"{fraction:09d}"
    while len(digits) > 3 and digits.endswith("000"):
        digits = digits[:-3]
    return f"{stamp}.{digits}Z"


def duration(text: str) -> int | None:
    """Nanoseconds of "90s", "5m", "1h", "7d", "250ms"; None where it is no duration."""
    match = _DURATION.fullmatch(text.strip())
    return int(match[1]) * _UNITS[match[2]] if match else None


def span(nanoseconds: int) -> str:
    """A duration for people: "5 m", "1 h", "2 d", "850 ms"."""
    for unit in ("d", "h", "m", "s", "ms"):
        size = _UNITS[unit]
        if nanoseconds >= size and nanoseconds % size == 0:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds / SECOND:.3f} s"
