"""Functions: EQL's functions on plain values; null in gives null out, nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from triage.eql.values import fold, ip_number, ip_range, is_number, number_of, text_of

_LONG = 1 << 63


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its name as documented, and what it takes and gives.

    Types are "string", "number", "integer", "boolean" and "any"; parameters beyond ``required``
    may be left out, and the last repeats where ``repeats``. ``run`` takes the argument values and,
    where there is a ``~`` form, whether case is ignored as its first argument.
    """

    name: str
    parameters: tuple[str, ...]
    required: int
    result: str
    run: Callable[..., Any]
    cased: bool = False  # has a form without case, name~
    repeats: bool = False
    constant: bool = False  # all but the first argument must not depend on the event


def between(insensitive: bool, text: Any, left: Any, right: Any, greedy: Any = False) -> Any:
    """The text between ``left`` and the first (greedy: last) ``right``; "" where there is none."""
    if text is None or left is None or right is None or greedy is None:
        return None
    text, left, right = text_of(text), text_of(left), text_of(right)
    if not text or not left or not right:
        return text
    seen, left = _cased(insensitive, text), _cased(insensitive, left)
    right = _cased(insensitive, right)
    start = seen.find(left)
    if start < 0:
        return ""
    start += len(left)
    end = seen.rfind(right, start) if greedy else seen.find(right, start)
    return "" if end < 0 else text[start:end]


def _cased(insensitive: bool, text: str) -> str:
    """Folded text of the same length, so that places in it are places in the original."""
    if not insensitive:
        return text
    folded = fold(text)
    if len(folded) == len(text):
        return folded
    return "".join(low if len(low := fold(char)) == 1 else char for char in text)


def cidr_match(address: Any, *networks: Any) -> Any:
    """Whether an address lies in any of the networks."""
    if address is None or any(network is None for network in networks):
        return None
    number = ip_number(text_of(address))
    if number is None:
        return False
    return any(
        bounds[0] <= number <= bounds[1]
        for network in networks
        if (bounds := ip_range(text_of(network))) is not None
    )


def concat(*parts: Any) -> Any:
    """The texts of all arguments in a row."""
    return None if any(part is None for part in parts) else "".join(map(text_of, parts))


def ends_with(insensitive: bool, text: Any, end: Any) -> Any:
    """Whether ``text`` ends with ``end``."""
    if text is None or end is None:
        return None
    return _plain(insensitive, text).endswith(_plain(insensitive, end))


def starts_with(insensitive: bool, text: Any, start: Any) -> Any:
    """Whether ``text`` starts with ``start``."""
    if text is None or start is None:
        return None
    return _plain(insensitive, text).startswith(_plain(insensitive, start))


def string_contains(insensitive: bool, text: Any, part: Any) -> Any:
    """Whether ``text`` holds ``part``."""
    if text is None or part is None:
        return None
    return _plain(insensitive, part) in _plain(insensitive, text)


def _plain(insensitive: bool, value: Any) -> str:
    text = text_of(value)
    return fold(text) if insensitive else text


def index_of(insensitive: bool, text: Any, part: Any, start: Any = 0) -> Any:
    """The first place of ``part`` at or after ``start``; null where it is not found."""
    if text is None or part is None:
        return None
    text, part = _cased(insensitive, text_of(text)), _cased(insensitive, text_of(part))
    place = text.find(part, max(0, _whole(start) or 0))
    return None if place < 0 else place


def length(text: Any) -> Any:
    """Length in UTF-16 units, as Java counts."""
    if text is None:
        return None
    text = text_of(text)
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def number(text: Any, base: Any = None) -> Any:
    """The number in a text: decimal, ``0x…`` or of a given base; null where there is none."""
    if text is None:
        return None
    text, radix = text_of(text), _whole(base)
    digits = text.lstrip("+-")
    if radix in (None, 16) and digits[:2] in ("0x", "0X"):
        radix, text = 16, text[: len(text) - len(digits)] + digits[2:]
    if radix is None:
        found = number_of(text)
    elif not 2 <= radix <= 36 or len(text) > 64 or not text.isascii() or "_" in text:
        found = None
    else:
        try:
            found = int(text, radix)
        except ValueError:
            found = None
    if isinstance(found, int) and not -_LONG <= found < _LONG:
        return None
    return found


def string(value: Any) -> Any:
    """The text of a value."""
    return None if value is None else text_of(value)


def substring(text: Any, start: Any, end: Any = None) -> Any:
    """Characters from ``start`` up to ``end``; negative places count from the end."""
    if text is None:
        return None
    return text_of(text)[_whole(start) : _whole(end)]


def _whole(value: Any) -> int | None:
    return int(value) if is_number(value) and abs(value) < _LONG else None


def arithmetic(op: str, left: Any, right: Any) -> Any:
    """``left op right``: whole numbers stay whole and round towards zero, as in Java.

    Null where an operand is null or no number, on division by zero and beyond all range.
    """
    left = number_of(left) if left.__class__ is str else left
    right = number_of(right) if right.__class__ is str else right
    if not is_number(left) or not is_number(right):
        return None
    try:
        return _arithmetic(op, left, right)
    except (OverflowError, ZeroDivisionError):
        return None


def _arithmetic(op: str, left: int | float, right: int | float) -> int | float:
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        if (left < 0) != (right < 0):
            quotient = -quotient
        return quotient if op == "/" else left - quotient * right
    if op == "/":
        return left / right
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def _operation(op: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: arithmetic(op, left, right)


_TEXTS = ("string", "string")
_NUMBERS = ("number", "number")
FUNCTIONS: dict[str, Function] = {
    function.name.lower(): function
    for function in (
        Function("add", _NUMBERS, 2, "number", _operation("+")),
        Function("between", (*_TEXTS, "string", "boolean"), 3, "string", between, cased=True),
        Function("cidrMatch", _TEXTS, 2, "boolean", cidr_match, repeats=True, constant=True),
        Function("concat", ("any",), 1, "string", concat, repeats=True),
        Function("divide", _NUMBERS, 2, "number", _operation("/")),
        Function("endsWith", _TEXTS, 2, "boolean", ends_with, cased=True),
        Function("indexOf", (*_TEXTS, "integer"), 2, "number", index_of, cased=True),
        Function("length", ("string",), 1, "number", length),
        Function("modulo", _NUMBERS, 2, "number", _operation("%")),
        Function("multiply", _NUMBERS, 2, "number", _operation("*")),
        Function("number", ("string", "integer"), 1, "number", number),
        Function("startsWith", _TEXTS, 2, "boolean", starts_with, cased=True),
        Function("string", ("any",), 1, "string", string),
        Function("stringContains", _TEXTS, 2, "boolean", string_contains, cased=True),
        Function("substring", ("string", "integer", "integer"), 2, "string", substring),
        Function("subtract", _NUMBERS, 2, "number", _operation("-")),
    )
}
