"""A pane on the screen: it loads its page in a worker thread, shortly after the cursor rests."""

from __future__ import annotations

import apsw
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from triage.errors import TriageError
from triage.ui.desk import Desk
from triage.ui.lines import Page, line
from triage.ui.lines_view import LinesView
from triage.ui.panes import Pane

_DEBOUNCE = 0.15  # seconds: nobody reads while the cursor runs, and no key waits for a pane


class PaneView(LinesView):
    """One of the six panes, for one alert at a time."""

    class Loaded(Message):
        """A page came back from a worker."""

        def __init__(self, generation: int, page: Page) -> None:
            super().__init__()
            self.generation = generation
            self.page = page

    def __init__(self, pane: Pane, desk: Desk, *, framed: bool) -> None:
        super().__init__(id=f"pane-{pane.number}", classes="box" if framed else "")
        self.pane = pane
        self._desk = desk
        self._framed = framed
        self._alert_id = ""
        self._unfolded: frozenset[str] = frozenset()
        self._generation = 0
        self._fresh = False  # the next page is of another alert
        self.stale = False  # what is shown is of another alert than the one looked at
        self._timer: Timer | None = None
        self.settled = 0  # generation whose last page is shown: what tests wait for

    def on_mount(self) -> None:
        self._title("")

    @property
    def idle(self) -> bool:
        """Nothing is being loaded."""
        return self.settled == self._generation

    def look_at(self, alert_id: str, *, at_once: bool = False) -> None:
        """Show another alert, or the same one again because it changed."""
        if alert_id != self._alert_id:
            self._alert_id = alert_id
            self._unfolded = frozenset()
            self._fresh = self.stale = True
        self._generation += 1
        if self._timer is not None:
            self._timer.stop()
        if not alert_id:
            self.settled = self._generation
            self.stale = False
            self.show((), keep=False)
            return
        # Not a very short timer: Textual loses one that a busy machine makes late from the start.
        self._timer = None if at_once else self.set_timer(_DEBOUNCE, self._load)
        if at_once:
            self._load()

    def toggle(self, key: str) -> None:
        """Unfold what was folded, or the other way round."""
        self._unfolded ^= {key}
        self.look_at(self._alert_id, at_once=True)

    def _load(self) -> None:
        generation, alert_id, unfolded = self._generation, self._alert_id, self._unfolded
        window = self._desk.window

        def work() -> None:
            worker: Worker[None] = get_current_worker()
            try:
                subject = self._desk.subjects.get(alert_id, window)
                for page in self.pane.build(subject, unfolded) if subject else ():
                    if worker.is_cancelled:
                        return
                    self.post_message(self.Loaded(generation, page))
            except (apsw.Error, OSError, TriageError) as error:
                failed = line(("This could not be read: ", "bad"), str(error))
                self.post_message(self.Loaded(generation, Page((failed,))))
            self.post_message(self.Loaded(-generation, Page(())))

        self.run_worker(work, thread=True, exclusive=True, group=f"pane-{self.pane.number}")

    def on_pane_view_loaded(self, message: Loaded) -> None:
        message.stop()
        if message.generation == -self._generation:
            self.settled = self._generation
            self.stale = False
        elif message.generation == self._generation:
            page = message.page
            if page.first_word and not self._fresh:
                return  # the same alert again: what is shown stays until all of it is here
            self.show(page.lines, keep=not self._fresh, start=page.start)
            self.stale = False
            self._fresh = page.first_word
            self._title(message.page.badge)

    def _title(self, badge: str) -> None:
        if self._framed:
            title = f"{self.pane.number} {self.pane.title}" + (f" {badge}" if badge else "")
            self.border_title = Content(title)
