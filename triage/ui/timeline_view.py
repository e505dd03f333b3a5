"""The timeline's picture: a lane of density a category, the alerts over them, one axis of time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from triage import times
from triage.case.model import SEVERITIES, AlertRow
from triage.context import LANES
from triage.ui.format import SEVERITY_LETTER, moment
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView

LABEL = 10  # cells before the axis
SPANS = tuple(
    seconds * times.SECOND for seconds in (60, 5 * 60, 15 * 60, 3600, 6 * 3600, 24 * 3600)
)
HEIGHT = len(LANES) + 3  # alerts, lanes, axis and its times
_LEVELS = "▁▂▃▄▅▆▇█"
_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}
# Lengths of a column and of what lies between two times on the axis: round ones are read at once.
_ROUND = tuple(
    int(seconds * times.SECOND)
    for seconds in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
                    10800, 21600, 43200, 86400)
)  # fmt: skip
_TICK = 10  # cells at least between two times on the axis


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch of time, cut into columns."""

    start: int  # ns
    step: int  # ns a column
    columns: int

    @classmethod
    def around(cls, middle: int, span: int, columns: int) -> Axis:
        """``span`` ns around an instant, in at most ``columns`` of a round length."""
        columns = max(1, columns)
        step = next((one for one in _ROUND if one * columns >= span), span // columns + 1)
        start = (middle - span // 2) // step * step
        return cls(start, step, -(-span // step))

    @property
    def end(self) -> int:
        """ns, excluded."""
        return self.start + self.step * self.columns

    @property
    def tick(self) -> int:
        """ns between two times that the axis names."""
        least = self.step * _TICK
        return next((n for n in _ROUND if n >= least and n % self.step == 0), least)

    def column(self, time: int) -> int:
        """The column of an instant; outside, a number below 0 or not below ``columns``."""
        return (time - self.start) // self.step

    def stretch(self, column: int) -> tuple[int, int]:
        """First and last ns of a column."""
        first = self.start + column * self.step
        return first, first + self.step - 1


@dataclass(frozen=True, slots=True)
class Picture:
    """What the view shows."""

    axis: Axis
    counts: Sequence[Sequence[int]]  # a list a lane, a number a column
    alerts: Mapping[int, Sequence[AlertRow]]  # by column
    subject: str  # id of the alert the timeline is about
    cursor: int  # column


class TimelineView(RoleView):
    """Draws a picture; a click moves the cursor."""

    class Pointed(Message):
        """A click on a column."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.picture: Picture | None = None

    @property
    def columns(self) -> int:
        """How many columns the axis has at this width."""
        return max(1, self.scrollable_content_region.width - LABEL)

    def show(self, picture: Picture) -> None:
        """Show another picture."""
        self.picture = picture
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        picture = self.picture
        if picture is None or y >= HEIGHT:
            return Strip.blank(width, self.rich_style)
        parts = [*self._label(y), *row(picture, y)]
        if y > len(LANES) + 1:
            return self.strip(parts, width, Style(), self.rich_style)
        cursor = LABEL + picture.cursor
        strip = self.strip(parts, width, Style(), self.rich_style)
        over = self.role_style("cursor")
        middle = strip.crop(cursor, cursor + 1).apply_style(over)
        return Strip.join([strip.crop(0, cursor), middle, strip.crop(cursor + 1)])

    @staticmethod
    def _label(y: int) -> list[Part]:
        name = "alerts" if y == 0 else LANES[y - 1][1] if y <= len(LANES) else ""
        return [(name.ljust(LABEL), "label")]

    def on_click(self, event: events.Click) -> None:
        column = event.x - self.gutter.left - LABEL
        if self.picture is not None and 0 <= column < self.picture.axis.columns:
            self.post_message(self.Pointed(column))


def row(picture: Picture, y: int) -> list[Part]:
    """One row of the picture, from the top: alerts, lanes, axis, times."""
    if y == 0:
        return _alerts(picture)
    if y <= len(LANES):
        most = max((max(lane, default=0) for lane in picture.counts), default=0)
        return [("".join(level(count, most) for count in picture.counts[y - 1]), "accent")]
    return [(_ticks(picture.axis) if y == len(LANES) + 1 else _times(picture.axis), "dim")]


def level(count: int, most: int) -> str:
    """A bar for a count among others: by its logarithm, so that one event still shows."""
    if not count:
        return " "
    if most <= 1:
        return _LEVELS[0]
    return _LEVELS[min(7, round(7 * math.log(count) / math.log(most)))]


def _alerts(picture: Picture) -> list[Part]:
    parts: list[Part] = []
    for column in range(picture.axis.columns):
        rows = picture.alerts.get(column)
        if not rows:
            parts.append((" ", ""))
            continue
        worst = max(rows, key=lambda one: _RANK.get(one.severity, -1)).severity
        if any(one.id == picture.subject for one in rows):
            parts.append(("▲", "match"))
        else:
            role = worst if worst in SEVERITIES else ""
            parts.append((SEVERITY_LETTER.get(worst, "?"), role))
    return parts


def _named(axis: Axis) -> list[int]:
    """The columns over which a time stands."""
    first = -(-axis.start // axis.tick) * axis.tick
    return [axis.column(at) for at in range(first, axis.end, axis.tick)]


def _ticks(axis: Axis) -> str:
    named = set(_named(axis))
    return "".join("┴" if place in named else "─" for place in range(axis.columns))


def _times(axis: Axis) -> str:
    pattern = "%H:%M" if axis.tick % (60 * times.SECOND) == 0 else "%H:%M:%S"
    day, text = moment(axis.start).date(), ""
    for place in _named(axis):
        at = moment(axis.start + place * axis.step)
        told = at.strftime(pattern if at.date() == day else f"%d. {pattern}")
        day = at.date()
        text = text.ljust(place) + told + " "
    return text
