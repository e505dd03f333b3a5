"""Values: how EQL turns values into text, compares them, and reads ips, dates and versions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address, NetmaskValueError, ip_network
from typing import Any, TypeAlias

from triage import times

Test = Callable[[Any], bool]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FLIPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MILLISECOND = 1_000_000
_DIGITS = frozenset("0123456789.")
_LONGEST_ADDRESS = 64  # characters; with a zone
_LONGEST_VERSION = 256


def fold(text: str) -> str:
    """Text with case taken away, the same for patterns and values whatever stands around it."""
    if text.isascii():
        return text.lower()
    return text.lower().replace("\u03c2", "\u03c3")  # lower() makes a final sigma by context


def text_of(value: Any) -> str:
    """The text Elasticsearch would index or print: ``true``, ``42``, ``42.5``, ``1.0E7``."""
    if value.__class__ is str:
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return _float_text(value)
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python will print
        return ""


def _float_text(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    power = int(exponent) + len(shown) - 1
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{power}"


def is_number(value: Any) -> bool:
    """Whether a value is an integer or a decimal; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_of(text: str) -> int | float | None:
    """The number a text holds, or None; only plain decimal notation counts."""
    if len(text) > 64 or not text.isascii() or text[-1:] not in _DIGITS:
        return None
    if text.strip("+-.0123456789eE"):
        return None
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def equal(left: Any, right: Any) -> bool:
    """Whether two values that are not null are equal: by kind, else by their canonical text."""
    if left.__class__ is right.__class__ or (is_number(left) and is_number(right)):
        return bool(left == right)
    return text_of(left) == text_of(right)


def ordered(op: str, left: Any, right: Any) -> bool:
    """``left op right`` for ``< <= > >=``; a text beside a number counts where it is one."""
    if is_number(left):
        if right.__class__ is str:
            right = number_of(right)
        if not is_number(right):
            return False
    elif is_number(right):
        left = number_of(left) if left.__class__ is str else None
        if left is None:
            return False
    elif left.__class__ is not right.__class__:
        left, right = text_of(left), text_of(right)
    return _ORDER[op](left, right)


def compare(op: str, left: Any, right: Any) -> bool:
    """``left op right`` of values that are not null and of no mapped type."""
    if op == "==":
        return equal(left, right)
    if op == "!=":
        return not equal(left, right)
    return ordered(op, left, right)


# -- mapped types ---------------------------------------------------------------------------------

FieldTypes: TypeAlias = Mapping[str, str] | None
_TYPES = {"date": "date", "date_nanos": "date", "ip": "ip", "version": "version"}


def mapped_type(name: str, field_types: FieldTypes) -> str | None:
    """``"date"``, ``"ip"`` or ``"version"`` where values have an order of their own, else None.

    ``field_types`` maps a field to its type, as a mapping would; ``@timestamp`` is a date anyway.
    """
    given = field_types.get(name) if field_types else None
    return _TYPES.get(given or ("date" if name == "@timestamp" else ""))


def canonical(kind: str | None, value: Any) -> Any:
    """The one form of a value of a mapped type, so that equal keys are equal values."""
    if kind == "date":
        instant = times.parse(value)
        return value if instant is None else _iso(instant, value)
    if kind == "ip":
        address = ip_number(text_of(value))
        return value if address is None else ip_text(address)
    return value


def _iso(instant: int, value: Any) -> Any:
    try:
        return times.iso(instant)
    except (OverflowError, ValueError, OSError):
        return value


def typed_test(kind: str, op: str, literal: Any) -> Test | None:
    """The test ``value op literal`` for a mapped type, or None where the literal is of no use."""
    if kind == "date":
        return _date_test(op, literal)
    if kind == "ip":
        return _ip_test(op, text_of(literal))
    wanted = version_key(text_of(literal))
    test = {"==": operator.eq, **_ORDER}[op]
    return lambda value: test(version_key(text_of(value)), wanted)


def typed_compare(kind: str, op: str, left: Any, right: Any) -> bool:
    """``left op right`` of two values of a mapped type."""
    negative = op == "!="
    test = typed_test(kind, "==" if negative else op, right)
    return negative if test is None else test(left) is not negative


def _date_test(op: str, literal: Any) -> Test | None:
    """A date literal stands for the whole of its last unit, as Elasticsearch rounds it.

    So ``== "2017-08-30T20:47:33Z"`` holds for every instant of that second, ``>`` begins after it.
    """
    window = _window(literal)
    if window is None:
        return None
    first, last = window

    def test(value: Any) -> bool:
        instant = times.parse(value)
        if instant is None:
            return False
        if op == "==":
            return first <= instant <= last
        if op == "<":
            return instant < first
        if op == "<=":
            return instant <= last
        return instant > last if op == ">" else instant >= first

    return test


def _window(literal: Any) -> tuple[int, int] | None:
    """First and last nanosecond a date literal stands for, or None where it is no date."""
    if isinstance(literal, float):
        literal = int(literal)
    instant = times.parse(literal)
    if instant is not None and literal.__class__ is not str:
        return instant, instant + _MILLISECOND - 1
    if literal.__class__ is not str:
        return None
    if instant is None:
        return _days(literal)
    clock = literal.strip()[10:]
    if clock.count(":") == 0 or not any(mark in clock for mark in ".,"):
        digits = clock.lstrip("T ").split("Z")[0].split("+")[0].split("-")[0]
        unit = 1 if digits.count(":") >= 2 else 60
        return instant, instant + unit * times.SECOND - 1
    fraction = "".join(char for char in clock.replace(",", ".").split(".")[1] if char.isdigit())
    return (instant, instant) if len(fraction) > 3 else (instant, instant + _MILLISECOND - 1)


def _days(literal: str) -> tuple[int, int] | None:
    """The window of a date without a clock: a day, a month or a year."""
    parts = literal.strip().split("-")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        return None
    if len(parts[0]) != 4:
        return None
    year, month, day = (int(part) for part in (*parts, "1", "1")[:3])
    after = (year, month, day + 1)
    if len(parts) == 1:
        after = (year + 1, 1, 1)
    elif len(parts) == 2:
        after = (year + month // 12, month % 12 + 1, 1)
    first = times.parse(f"{year:04d}-{month:02d}-{day:02d}T00:00Z")
    if first is None:
        return None
    if len(parts) == 3:
        return first, first + 86400 * times.SECOND - 1
    last = times.parse(f"{after[0]:04d}-{after[1]:02d}-01T00:00Z")
    return None if last is None else (first, last - 1)


def ip_number(text: str) -> int | None:
    """An address as a 128-bit number (IPv4 as ``::ffff:a.b.c.d``), or None where it is none."""
    return _ip_number(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=4096)
def _ip_number(text: str) -> int | None:
    try:
        if ":" in text:
            return int(IPv6Address(text.partition("%")[0]))
        return int(IPv4Address(text)) | 0xFFFF << 32
    except (AddressValueError, ValueError):
        return None


def ip_text(number: int) -> str:
    """The canonical text of an address as :func:`ip_number` gives it."""
    if number >> 32 == 0xFFFF:
        return str(IPv4Address(number & 0xFFFFFFFF))
    return str(IPv6Address(number))


@lru_cache(maxsize=256)  # rules name the same networks, the private ones, again and again
def ip_range(text: str) -> tuple[int, int] | None:
    """First and last address of "10.0.0.0/8" (host bits are ignored) or of one address."""
    try:
        network = ip_network(text, strict=False)
    except (ValueError, NetmaskValueError):
        return None
    base = 0xFFFF << 32 if network.version == 4 else 0
    return int(network.network_address) | base, int(network.broadcast_address) | base


def _ip_test(op: str, literal: str) -> Test | None:
    bounds = ip_range(literal)
    if bounds is None:
        return None
    first, last = bounds

    def test(value: Any) -> bool:
        address = ip_number(text_of(value))
        if address is None:
            return False
        if op == "==":
            return first <= address <= last
        return _ORDER[op](address, last if op in ("<=", ">") else first)

    return test


def version_key(text: str) -> tuple[Any, ...]:
    """A sort key of the order of semantic versions; what is no version sorts after, as text.

    Numbers compare as numbers, a pre-release comes before its release, and identifiers of a
    pre-release compare as numbers, then text (semver.org, rule 11; Elasticsearch's ``version``).
    """
    if len(text) > _LONGEST_VERSION:
        return (1, text)
    release, _, build = text.partition("+")
    core, dash, pre = release.partition("-")
    parts = core.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        return (1, text)
    numbers = tuple(int(part) for part in parts)
    names = tuple(
        (0, int(name), "") if name.isascii() and name.isdigit() and len(name) < 20 else (1, 0, name)
        for name in pre.split(".")
    )
    return (0, numbers, 0 if dash else 1, names if dash else (), build)
