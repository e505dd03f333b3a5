"""A sheet that follows the news, whose search line narrows it as one types: rules, exceptions, the
journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.inputs import TextInput
from triage.ui.lines_view import LinesView
from triage.ui.screens.live import LivePager


class FilteredPager(LivePager):
    """``words`` are the filter in force; escape takes off what was typed, then leaves."""

    def __init__(
        self,
        title: str,
        desk: Desk,
        hint: str,
        *,
        words: str = "",
        news: News | None = None,
        footer: Sequence[keys.Action] = (),
    ) -> None:
        """``hint``: what can be filtered by; ``words``: the filter it opens with."""
        shown = footer or keys.footer(["sheet"])
        super().__init__(title, desk, news, [_narrows(action) for action in shown])
        self._hint = hint
        self._first = words
        self.words = words

    def on_mount(self) -> None:
        typed = self.query_one("#search", TextInput)
        typed.placeholder = f"filter: {self._hint}"
        typed.value = self.words
        typed.display = bool(self.words)

    def on_input_changed(self, event: TextInput.Changed) -> None:
        if event.value != self.words:
            self.words = event.value
            self.load()

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        event.prevent_default()  # else Textual has the sheet search for it, too
        self._leave_field()

    def action_back(self) -> None:
        typed = self.query_one("#search", TextInput)
        if typed.value == self._first and not typed.has_focus:
            self.app.pop_screen()
            return
        typed.value = self._first
        self._leave_field()

    def _leave_field(self) -> None:
        typed = self.query_one("#search", TextInput)
        typed.display = bool(typed.value)
        self.query_one("#sheet", LinesView).focus()


def _narrows(action: keys.Action) -> keys.Action:
    """Here the line that searches elsewhere is a filter."""
    return replace(action, label="Filter") if action.id == "search" else action
