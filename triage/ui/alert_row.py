"""How an alert, or a group of them, is told in one row of the list."""

from __future__ import annotations

from rich.cells import cell_len

from triage.case.model import AlertRow
from triage.text import clean
from triage.ui.format import SEVERITY_LETTER, fit, moment, short_host, state_role, state_word
from triage.ui.grouping import Group
from triage.ui.lines import Part
from triage.ui.store import Counts

_STATE_WIDTH = 8  # "● closed"
_SPARK = 8  # cells of a sparkline
_LEAST = 32  # cells for what a group is about, before anything else of it is left out
_LEAST_NAME = 22  # cells for a rule's name, before the user of an alert is left out
_SPLIT = (("○", 0, "open"), ("◐", 1, "ack"), ("●", 2, "closed"))


def alert_parts(
    row: AlertRow, width: int, pattern: str, count_width: int, marked: bool
) -> list[Part]:
    """An alert in ``width`` cells: severity, time, rule, host, user, count, state.

    ``pattern`` writes its time; ``count_width`` is the column of counts, 0 for none.
    """
    time = moment(row.time).strftime(pattern)
    host_width, user_width = (20, 18) if width >= 100 else (12, 10)
    fixed = 3 + len(time) + 1 + 1 + host_width + 1 + count_width + _STATE_WIDTH
    if width - fixed - user_width - 1 < _LEAST_NAME:
        user_width = 0
    fixed += user_width + 1 if user_width else 0
    closed = row.status == "closed"
    text_role = "dim" if closed or row.superseded else ""
    sign = "↷ " if row.superseded else "↶ " if row.late else ""
    # Whose risk goes first: in a narrow list all incidents of a rule look the same otherwise.
    name = sign + (f"{row.risk_of}: " if row.risk_of else "") + clean(row.rule_name, 300)
    room = max(8, width - fixed)
    progress = f"{row.steps_closed}/{row.steps} " if row.steps else ""
    room -= len(progress)
    tags = clean(" ".join(f"#{tag}" for tag in row.tags), max(4, room // 3)) if row.tags else ""
    parts: list[Part] = [
        ("✓" if marked else " ", "accent"),
        (SEVERITY_LETTER.get(row.severity, "?") + " ", row.severity if not closed else "dim"),
        (time + " ", "dim"),
        (fit(name, room - len(tags) - bool(tags)) + " ", text_role),
        (tags and tags + " ", "accent"),
        (progress, "good" if row.steps_closed == row.steps else "warn"),
        (fit(clean(short_host(row.host), 60), host_width) + " ", text_role),
    ]
    if user_width:
        user = row.user.rpartition("\\")[2] if user_width < 18 else row.user
        parts.append((fit(clean(user, 60), user_width) + " ", "dim"))
    if count_width:
        count = f"×{row.count} " if row.collapsed else ""
        parts.append((fit(count, count_width), "warn"))
    word = state_word(row.status, row.close_reason)
    parts.append((word, state_role(row.status, row.close_reason)))
    return parts


def count_widths(all_of: Counts) -> tuple[int, int]:
    """The cells of a group's count and of those by state: no more than all alerts would need."""
    most = (all_of.open, all_of.acknowledged, all_of.closed + all_of.false_positive)
    split_width = sum(len(_short(one)) + 2 for one in most if one)
    return max(3, len(_short(sum(most)))), split_width


def group_parts(
    group: Group,
    title: tuple[str, str],
    width: int,
    pattern: str,
    opened: bool,
    mark: str,
    widths: tuple[int, int],
) -> list[Part]:
    """A group in ``width`` cells: severity, what it is about, how many, how many of them open,
    acknowledged and closed, first and last time, and between these when they arrived.

    ``title`` is what its alerts share and its detail; ``widths`` are from :func:`count_widths`.
    Where room is short the sparkline goes first, then the hour beside a day, then the first time.
    """
    pattern = pattern.replace(":%S", "")
    counts = (group.open, group.acknowledged, group.closed)
    split = [(f"{sign}{_short(counts[at])} ", role) for sign, at, role in _SPLIT if counts[at]]
    count_width, split_width = widths
    ends = group.times[0], group.times[-1]
    first = last = ""
    room, with_first = 0, False
    for shorter in (pattern, pattern.partition(" ")[0]):
        if not with_first:
            first, last = (moment(at).strftime(shorter) for at in ends)
            room = width - 5 - count_width - 1 - split_width - len(last)
            with_first = room - len(first) - 1 >= _LEAST
    room -= len(first) + 1 if with_first else 0
    with_spark = with_first and room - _SPARK >= _LEAST
    room -= _SPARK if with_spark else 0
    done = not counts[0] and not counts[1]
    about, detail = _about(title, max(8, room - 1))
    parts: list[Part] = [
        (mark, "accent"),
        ("▾ " if opened else "▸ ", "accent"),
        (SEVERITY_LETTER.get(group.severity, "?") + " ", "dim" if done else group.severity),
        (about, "dim" if done else ""),
        (detail + " ", "dim"),
        (f"{_short(len(group)):>{count_width}} ", "dim" if done else "title"),
        *split,
        (" " * max(0, split_width - sum(len(text) for text, _ in split)), ""),
    ]
    between = group.sparkline(_SPARK) if with_spark else "–"
    if len(group) == 1:
        first, between = " " * len(first), " " * len(between)
    if with_first:
        parts += [(first, "dim"), (between, "match" if with_spark else "dim")]
    return [*parts, (last, "dim")]


def _about(title: tuple[str, str], width: int) -> tuple[str, str]:
    """What a group's alerts share and its detail, together ``width`` cells: each has half where
    both are long."""
    shared, detail = (clean(text, 300) for text in title)
    if not detail:
        return fit(shared, width), ""
    detail = f" · {detail}"
    room = max(width - cell_len(detail), (width + 1) // 2)
    shared = fit(shared, min(cell_len(shared), room))
    return shared, fit(detail, width - cell_len(shared))


def _short(count: int) -> str:
    """A count in at most six cells."""
    return f"{count:,}" if count < 10_000 else f"{count // 1000:,}k"
