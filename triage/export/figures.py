"""The report's figure of time: hosts as lanes, alerts as marks, as one inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from triage import times
from triage.case.model import AlertRow
from triage.export.markup import Html, el, join
from triage.export.report import stamp

_WIDTH, _LABEL, _LANE, _AXIS = 1080, 230, 26, 34  # user units; they are pixels at full size
_MOST_LANES = 14
_BINS = 180  # of a lane: marks nearer than that are one, so that ten thousand alerts stay a figure
_RANKS = ("critical", "high", "medium", "low")
_SECOND = times.SECOND
_STEPS = tuple(
    seconds * _SECOND
    for seconds in (
        *(1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400),
        *(86_400 * days for days in (2, 7, 14, 30, 90, 180, 365, 730, 1825, 3650, 36500)),
    )
)


def timeline(rows: Sequence[AlertRow]) -> Html:
    """The alerts on one axis of time, a lane for each host, the busiest first."""
    lanes = _lanes(rows)
    start, end = min(row.time for row in rows), max(row.time for row in rows)
    room = max(_SECOND, (end - start) // 40)
    start, end = start - room, end + room
    height = _LANE * len(lanes) + _AXIS
    return el(
        "svg",
        el("title", "Alerts by host over time"),
        _grid(start, end, height),
        join(
            _lane(name, members, place * _LANE + _LANE / 2, start, end)
            for place, (name, members) in enumerate(lanes)
        ),
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        class_="timeline",
    )


def _lanes(rows: Sequence[AlertRow]) -> list[tuple[str, list[AlertRow]]]:
    by_host: dict[str, list[AlertRow]] = {}
    for row in rows:
        by_host.setdefault(row.host or "no host", []).append(row)
    ranked = sorted(by_host.items(), key=lambda one: (-len(one[1]), one[0]))
    if len(ranked) <= _MOST_LANES:
        return ranked
    others = [row for _, members in ranked[_MOST_LANES - 1 :] for row in members]
    return [
        *ranked[: _MOST_LANES - 1],
        (f"{len(ranked) - _MOST_LANES + 1} other hosts", others),
    ]


def _x(at: int, start: int, end: int) -> float:
    return _LABEL + (at - start) / (end - start) * (_WIDTH - _LABEL - 12)


def _grid(start: int, end: int, height: int) -> Html:
    """Lines at round instants, each with its time."""
    step = next((one for one in _STEPS if (end - start) / one <= 8), _STEPS[-1])
    marks: list[Html] = []
    for at in range(start + -start % step, end + 1, step):
        x = round(_x(at, start, end), 1)
        day, clock = times.iso(at)[:10], times.iso(at)[11:19]
        marks.append(el("line", x1=x, x2=x, y1=0, y2=height - _AXIS, class_="grid"))
        if step < 86_400 * _SECOND:
            marks.append(el("text", clock, x=x, y=height - 19, class_="tick"))
        marks.append(el("text", day, x=x, y=height - 5, class_="tick"))
    return join(marks)


def _lane(name: str, rows: Sequence[AlertRow], y: float, start: int, end: int) -> Html:
    shown = name if len(name) <= 32 else name[:31] + "…"
    marks: list[Html] = [
        el("text", shown, el("title", name), x=_LABEL - 10, y=y + 4, class_="lane"),
        el("line", x1=_LABEL, x2=_WIDTH - 12, y1=y, y2=y, class_="lane"),
    ]
    bins: dict[tuple[int, str], list[AlertRow]] = {}
    for row in rows:
        place = (row.time - start) * _BINS // (end - start)
        rank = row.severity if row.severity in _RANKS else "low"
        bins.setdefault((place, rank), []).append(row)
    # The mildest first, so that a critical one is painted over all others.
    for (_, rank), members in sorted(bins.items(), key=lambda one: -_RANKS.index(one[0][1])):
        count = sum(row.count for row in members)
        at = sum(row.time for row in members) // len(members)
        marks.append(
            el(
                "circle",
                el("title", _told(members, count)),
                cx=round(_x(at, start, end), 1),
                cy=y,
                r=round(min(4.5 + 1.6 * math.log(count, 4), 11), 1),
                class_=f"mark {rank}",
            )
        )
    return join(marks)


def _told(rows: Sequence[AlertRow], count: int) -> str:
    first = rows[0]
    if len(rows) == 1:
        more = f" ×{count}" if count > 1 else ""
        return f"{stamp(first.time)} {first.severity} {first.rule_name}{more}"
    return f"{count} {first.severity} alerts from {stamp(first.time)} to {stamp(rows[-1].time)}"
