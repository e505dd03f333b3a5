"""A sheet of lines on the whole screen: an event, a rule, help, health."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from triage.event import Event
from triage.text import clean
from triage.ui import external, keys
from triage.ui.bars import KeyBar
from triage.ui.inputs import TextInput
from triage.ui.lines import Line
from triage.ui.lines_view import LinesView
from triage.ui.screens.base import ConsoleScreen


class Pager(ConsoleScreen):
    """Lines to read, search and copy."""

    BINDINGS = keys.bindings("sheet")

    def __init__(
        self, title: str, lines: Sequence[Line], footer: Sequence[keys.Action] = ()
    ) -> None:
        """``footer``: what it names, where that is more than any sheet's."""
        super().__init__()
        self._footer = footer or keys.footer(["sheet"])
        self._heading = clean(title, 200)
        self._lines = tuple(lines)
        self._wanted = ""

    def compose(self) -> ComposeResult:
        view = LinesView(self._lines, id="sheet", classes="box")
        view.border_title = Content(self._heading)
        yield view
        typed = TextInput(placeholder="find …", id="search")
        typed.display = False
        yield typed
        yield KeyBar(self._footer)

    def on_mount(self) -> None:
        view = self.query_one("#sheet", LinesView)
        view.focus()
        self.call_after_refresh(lambda: view.show(self._lines, keep=False))

    def action_search(self) -> None:
        field = self.query_one("#search", TextInput)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        self._wanted = event.value.lower()
        event.input.display = False
        view = self.query_one("#sheet", LinesView)
        view.focus()
        if not view.find(self._wanted, 1):
            self.say(f"{event.value!r} is not in this page", "warning")

    def action_search_next(self) -> None:
        self.query_one("#sheet", LinesView).find(self._wanted, 1)

    def action_search_previous(self) -> None:
        self.query_one("#sheet", LinesView).find(self._wanted, -1)

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        if isinstance(message.item.value, Event):
            message.stop()
            self.open_event(message.item.value)

    def action_copy_field(self) -> None:
        view = self.query_one("#sheet", LinesView)
        text = view.item.copy if view.item else "\n".join(one.text for one in view.lines)
        self.say(external.copy(self.app, text))

    def action_back(self) -> None:
        field = self.query_one("#search", TextInput)
        if field.display:
            field.display = False
            self.query_one("#sheet").focus()
        else:
            self.app.pop_screen()

    def action_quit(self) -> None:  # q leaves the sheet, not the program
        self.app.pop_screen()
