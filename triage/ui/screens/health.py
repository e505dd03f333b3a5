"""The health screen: engine and logs as they are now, and what of the logs could not be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from triage.errors import Problem
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.lines_view import LinesView
from triage.ui.screens.health_lines import health_lines
from triage.ui.screens.health_logs import reject_lines, source_lines
from triage.ui.screens.live import Build, LivePager
from triage.ui.screens.pager import Pager


class Health(LivePager):
    """Engine, logs, records that can not be read, rules."""

    def __init__(
        self, desk: Desk, news: News | None, themes: Callable[[], Sequence[Problem]]
    ) -> None:
        super().__init__("Health", desk, news)
        self._themes = themes

    def build(self) -> Build:
        word, troubles = (self._news.engine_word, self._news.troubles) if self._news else ("", ())
        themes, now = self._themes(), self._desk.clock()
        return lambda reader, width: health_lines(reader, word, troubles, themes, now, width)

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        open_item(self, self._desk, message)


class Source(Pager):
    """One log, and its records that can not be read."""

    def __init__(self, desk: Desk, path: str) -> None:
        super().__init__("Log", source_lines(desk.readers.here(), path, desk.clock()))
        self._desk = desk

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        open_item(self, self._desk, message)


def open_item(screen: Pager, desk: Desk, message: LinesView.Chosen) -> None:
    """Open the log or the record under the cursor."""
    item = message.item
    if item.kind == "source":
        screen.app.push_screen(Source(desk, item.value.path))
    elif item.kind == "reject":
        screen.app.push_screen(Pager("Record that can not be read", reject_lines(item.value)))
