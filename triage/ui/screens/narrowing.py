"""A list that narrows as one types; enter or a click takes what the cursor is on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from triage.ui import keys
from triage.ui.inputs import TextInput
from triage.ui.lines import Item, Line
from triage.ui.lines_view import LinesView


class Narrowing(ModalScreen[str]):
    """Gives the answer of the item that was taken, "" for none."""

    BINDINGS = [*keys.bindings("dialog"), *keys.bindings("picker")]  # noqa: RUF012 - Textual's own convention

    def __init__(self, title: str, hint: str) -> None:
        """``title`` of the box; ``hint`` in the empty field."""
        super().__init__()
        self._box_title, self._hint = title, hint
        self._shown_for = ""

    def found(self, text: str) -> list[Line]:
        """What is left for the letters typed, the best first."""
        raise NotImplementedError

    def answer(self, item: Item) -> str:
        """What taking this item gives."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._box_title)
            yield TextInput(placeholder=self._hint)
            yield LinesView(self.found(""))

    def on_mount(self) -> None:
        self.query_one(TextInput).focus()
        self._list.can_focus = False
        self._list.show(self.found(""))

    @property
    def _list(self) -> LinesView:
        return self.query_one(LinesView)

    def on_input_changed(self, event: TextInput.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        if text != self._shown_for:
            self._shown_for = text
            self._list.show(self.found(text), keep=False)

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        self._narrow(event.value)  # enter can overtake the news of the last letter
        item = self._list.item
        self.dismiss(self.answer(item) if item else "")

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        self.dismiss(self.answer(message.item))

    def action_picker_down(self) -> None:
        self._list.action_move_down()

    def action_picker_up(self) -> None:
        self._list.action_move_up()

    def action_dialog_leave(self) -> None:
        self.dismiss("")
