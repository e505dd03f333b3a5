"""Instants as whole nanoseconds since 1970 UTC: exact, sortable, never a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

SECOND = 1_000_000_000
_UNITS = {"ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
_ISO_MINUTE = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)")
_MINUTE_LENGTH = 16
_NANO_DIGITS = 9
_FRACTION: tuple[int, ...] = tuple(
    10 ** (_NANO_DIGITS - digits) for digits in range(_NANO_DIGITS + 1)
)
_ISO_REST = re.compile(r"(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(Z|z|UTC|[+-]\d\d:?\d\d|[+-]\d\d)?")
# What a clock may show that is up to a day ahead or behind, and still be written with four digits.
_FIRST, _LAST = -62_135_510_400 * SECOND, 253_402_214_400 * SECOND  # 0001-01-02, 9999-12-31
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d)")


@lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    """Whole seconds from 1970 to a minute, None where it is none; many events share one, so this
    is remembered."""
    match = _ISO_MINUTE.fullmatch(text)
    if match is None:
        return None
    try:
        year, month, day, hour, minute = map(int, match.groups())
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


@lru_cache(maxsize=4096)
def _second(text: str) -> int | None:
    """Nanoseconds from 1970 to a second in its usual spelling with a point behind, None where it is
    none; ten events share one where many happen."""
    minute, second = _minute(text[:_MINUTE_LENGTH]), text[17:19]
    if minute is None or text[16:17] != ":" or not second.isdecimal() or text[19:20] != ".":
        return None
    found = (minute + int(second)) * SECOND
    return found if _FIRST <= found < _LAST else None


def parse(value: object) -> int | None:
    """Nanoseconds since 1970 of an ISO 8601 text (no zone means UTC) or of epoch milliseconds.

    Fractions of one to nine digits are kept exactly. None where it is no instant, or one that
    :func:`iso` could not write: a record may claim any year.
    """
    # Asked of every event, so the usual spelling first: "2026-08-21T12:04:31.123Z".
    if isinstance(value, str) and value[-1:] == "Z":
        second, fraction = _second(value[:20]), value[20:-1]
        if second is not None and fraction.isdecimal() and len(fraction) <= _NANO_DIGITS:
            return second + int(fraction) * _FRACTION[len(fraction)]
    if isinstance(value, int) and not isinstance(value, bool):
        found: int | None = value * 1_000_000
    else:
        found = _parse(value) if isinstance(value, str) else None
    return found if found is not None and _FIRST <= found < _LAST else None


def _parse(value: str) -> int | None:
    value = value.strip()
    seconds = _minute(value[:_MINUTE_LENGTH])
    rest = _ISO_REST.fullmatch(value, _MINUTE_LENGTH)
    if seconds is None or rest is None:
        return None
    second, fraction, zone = rest.groups()
    seconds += int(second or 0)
    if zone and zone not in ("Z", "z", "UTC"):
        sign = -1 if zone[0] == "-" else 1
        seconds -= sign * (int(zone[1:3]) * 3600 + int(zone[-2:] if len(zone) > 3 else 0) * 60)
    return seconds * SECOND + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def iso(nanoseconds: int) -> str:
    """ISO 8601 in UTC, ``2026-08-21T12:04:31.123Z``: 3, 6 or 9 digits, as few as are exact."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    stamp = _stamp(seconds)
    if fraction % 1_000_000 == 0:
        return f"{stamp}.{fraction // 1_000_000:03d}Z"
    if fraction % 1_000 == 0:
        return f"{stamp}.{fraction // 1_000:06d}Z"
    return f"{stamp}.{fraction:09d}Z"


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
