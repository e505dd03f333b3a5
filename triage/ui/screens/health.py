"""The health screen: engine and logs as they are now, and what of the logs could not be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw
from textual.message import Message
from textual.worker import get_current_worker

from triage.errors import Problem
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.lines import Line
from triage.ui.lines_view import LinesView
from triage.ui.screens.health_lines import health_lines, reject_lines, source_lines
from triage.ui.screens.pager import Pager

_EVERY = 1.0  # seconds between two looks at the case


class Health(Pager):
    """Engine, logs, records that can not be read, rules; it follows the news."""

    class Loaded(Message):
        """The lines came back from a worker."""

        def __init__(self, lines: Sequence[Line]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(
        self, desk: Desk, news: News | None, themes: Callable[[], Sequence[Problem]]
    ) -> None:
        super().__init__("Health", ())
        self._desk = desk
        self._news = news
        self._themes = themes
        self._stale = self._loading = False

    @property
    def settled(self) -> bool:
        """All that came is shown."""
        return not (self._stale or self._loading)

    def on_mount(self) -> None:
        self.set_interval(_EVERY, self._refresh)
        self.call_after_refresh(self._load)

    def on_resize(self) -> None:
        self._load()

    def take(self, news: News) -> None:
        """Other news of the case: shown within a second."""
        self._news = news
        self._stale = True

    def _refresh(self) -> None:
        if self._stale and not self._loading:
            self._load()

    def _load(self) -> None:
        self._stale, self._loading = False, True
        width = self.query_one("#sheet", LinesView).scrollable_content_region.width
        word, troubles = (self._news.engine_word, self._news.troubles) if self._news else ("", ())
        themes, now = self._themes(), self._desk.clock()

        def work() -> None:
            try:
                reader = self._desk.readers.here()
                lines = health_lines(reader, word, troubles, themes, now, width)
            except apsw.BusyError:
                self._stale = True  # somebody writes for long: the next look will do
                lines = None
            if not get_current_worker().is_cancelled:
                self.post_message(self.Loaded(lines or self._lines))

        self.run_worker(work, thread=True, exclusive=True, group="health")

    def on_health_loaded(self, message: Loaded) -> None:
        first = not self._lines
        self._loading = False
        self._lines = tuple(message.lines)
        self.query_one("#sheet", LinesView).show(self._lines, keep=not first)

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
