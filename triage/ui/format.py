"""How figures, times and long values are written on the screen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size

from triage.times import SECOND

SEVERITY_LETTER = {"critical": "C", "high": "H", "medium": "M", "low": "L"}


def moment(nanoseconds: int) -> datetime:
    """The instant as a UTC datetime; the first of 1970 for what no calendar holds."""
    try:
        return datetime.fromtimestamp(nanoseconds // SECOND, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def clock_time(nanoseconds: int) -> str:
    """``12:04:31``; ``-`` where there is no time."""
    return moment(nanoseconds).strftime("%H:%M:%S") if nanoseconds else "-"


def full_time(nanoseconds: int) -> str:
    """``2026-08-21 12:04:31.123 UTC``; ``-`` where there is no time."""
    if not nanoseconds:
        return "-"
    milliseconds = nanoseconds % SECOND // 1_000_000
    return f"{moment(nanoseconds):%Y-%m-%d %H:%M:%S}.{milliseconds:03d} UTC"


def day_time(nanoseconds: int) -> str:
    """``2026-08-21 12:04:31`` (UTC); ``-`` where there is no time."""
    return f"{moment(nanoseconds):%Y-%m-%d %H:%M:%S}" if nanoseconds else "-"


def time_pattern(instants: Iterable[int]) -> str:
    """The shortest strftime pattern that tells these instants apart by day and year."""
    found = [moment(instant) for instant in instants if instant]
    if len({at.date() for at in found}) <= 1:
        return "%H:%M:%S"
    return "%m-%d %H:%M:%S" if len({at.year for at in found}) == 1 else "%Y-%m-%d %H:%M"


def size(count: int | None) -> str:
    """Bytes for people: ``14 kB``; ``-`` where unknown."""
    if count is None:
        return "-"
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def about(seconds: float) -> str:
    """A length of time for people, in one unit: ``40 s``, ``3 min``, ``2 h``, ``5 d``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, seconds):.0f} s"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 alert``, ``1,204 alerts``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shown_path(path: str) -> str:
    """A path as one would type it here: relative where it lies below the working folder."""
    below = f"{os.getcwd()}{os.sep}"
    return path.removeprefix(below)


def short_host(name: str) -> str:
    """``WS-014`` of ``WS-014.corp.example``; an address stays whole."""
    head = name.partition(".")[0]
    return name if head.isdigit() or ":" in name else head or name


def state_word(status: str, close_reason: str) -> str:
    """Glyph and word of an alert's state: it must be readable without any colour."""
    if status == "acknowledged":
        return "◐ ack"
    if status == "closed":
        return "∅ fp" if close_reason == "false_positive" else "● closed"
    return "○ open"


def state_role(status: str, close_reason: str) -> str:
    """The role (see :mod:`triage.ui.lines`) that colours a state."""
    if status == "acknowledged":
        return "ack"
    return (
        ("fp" if close_reason == "false_positive" else "closed") if status == "closed" else "open"
    )


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` terminal cells: padded, or cut with ``…``."""
    if width <= 0:
        return ""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return text + " " * (width - cell_len(text))
    return set_cell_size(text, width - 1) + "…"


def cut_middle(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters; what is cut out lies in its middle."""
    if len(text) <= width:
        return text
    if width < 8:
        return fit(text, width).rstrip()
    head = (width - 1) // 2
    return f"{text[:head]}…{text[-(width - 1 - head) :]}"


def cut_start(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters; of what is too long the end is kept."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def shortened(text: str, limit: int = 1_500) -> str:
    """A value that may be as long as a log cares to make it, as a pane shows it: its beginning,
    and how much more there is. The whole of it is in the event's document."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … {len(text) - limit:,} more characters"
