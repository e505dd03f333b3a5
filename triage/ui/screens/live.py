"""A sheet that follows the case: its lines are read in a worker, anew within a second of news."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw
from textual.message import Message
from textual.worker import get_current_worker

from triage.case.read import CaseReader
from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.lines import Line
from triage.ui.lines_view import LinesView
from triage.ui.screens.pager import Pager

_EVERY = 1.0  # seconds between two looks at the case
# From the connection of the thread and the width of the sheet to its lines.
Build = Callable[[CaseReader, int], Sequence[Line]]


class LivePager(Pager):
    """Lines that follow the news; subclasses say how they are made."""

    class Loaded(Message):
        """The lines came back from a worker."""

        def __init__(self, lines: Sequence[Line] | None) -> None:
            super().__init__()
            self.lines = lines  # None where the case was busy

    def __init__(
        self,
        title: str,
        desk: Desk,
        news: News | None = None,
        footer: Sequence[keys.Action] = (),
    ) -> None:
        super().__init__(title, (), footer)
        self._desk = desk
        self._news = news
        self._stale, self._loading = False, True
        self._loads = 0
        self._width = 0  # cells that the last lines were made for

    def build(self) -> Build:
        """What makes the lines, in a thread of its own: it holds all that it needs of now."""
        raise NotImplementedError

    @property
    def settled(self) -> bool:
        """All that came is shown."""
        return not (self._stale or self._loading)

    @property
    def takes_keys(self) -> bool:
        return bool(self._lines) or not self._loading

    def on_mount(self) -> None:
        self.set_interval(_EVERY, self._refresh)
        self.call_after_refresh(self.load)

    def on_resize(self) -> None:
        self.load()

    def take(self, news: News) -> None:
        self._news = news
        self._stale = True

    def _refresh(self) -> None:
        if self._stale and not self._loading:
            self.load()

    def load(self) -> None:
        """Read the lines anew."""
        self._stale, self._loading = False, True
        self._loads += 1
        width = self._width = self._room
        build = self.build()

        def work() -> None:
            lines: Sequence[Line] | None
            try:
                lines = build(self._desk.readers.here(), width)
            except apsw.BusyError:
                lines = None  # somebody writes for long: the next look will do
            if not get_current_worker().is_cancelled:
                self.post_message(self.Loaded(lines))

        self.run_worker(work, thread=True, exclusive=True, group="live")

    @property
    def _room(self) -> int:
        """Cells a line has."""
        return self.query_one("#sheet", LinesView).scrollable_content_region.width

    def on_live_pager_loaded(self, message: Loaded) -> None:
        if message.lines is None:
            self._stale, self._loading = True, False
            return
        first = not self._lines
        self._lines = tuple(message.lines)
        self.query_one("#sheet", LinesView).show(self._lines, keep=not first)
        self.call_after_refresh(self._fit, self._loads)

    def _fit(self, loads: int) -> None:
        """Make the lines anew where a scrollbar that came or went left them another width."""
        if loads != self._loads:
            return  # they are being made anew already
        self._loading = False
        if self._width != self._room and self.is_current:
            self.load()
