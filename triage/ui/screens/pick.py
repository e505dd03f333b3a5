"""Choose one of many by typing a few letters of it, or type something else."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from triage.text import clean
from triage.ui import keys
from triage.ui.inputs import TextInput
from triage.ui.lines import Item, Line
from triage.ui.lines_view import LinesView

_SHOWN = 200


class Pick(ModalScreen[str]):
    """Gives what was chosen or typed, "" for nothing; tab completes as far as it is sure."""

    BINDINGS = [*keys.bindings("dialog"), *keys.bindings("picker"), *keys.bindings("pick")]  # noqa: RUF012 - Textual's own convention

    def __init__(
        self, title: str, options: Sequence[tuple[str, str]], hint: str, free: bool = False
    ) -> None:
        """``options``: each with a note; ``free``: what is typed need be none of them."""
        super().__init__()
        self._question = clean(title, 200)
        self._options = tuple(options)
        self._hint = hint
        self._free = free
        self._shown_for = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._question)
            yield TextInput(placeholder=self._hint)
            yield LinesView(self._found(""))

    def on_mount(self) -> None:
        self.query_one(TextInput).focus()
        self._list.can_focus = False
        self._list.show(self._found(""))

    @property
    def _list(self) -> LinesView:
        return self.query_one(LinesView)

    def _matching(self, text: str) -> list[tuple[str, str]]:
        words = text.lower().split()
        found = [one for one in self._options if all(word in one[0].lower() for word in words)]
        # What begins with it before what only holds it.
        return sorted(found, key=lambda one: not one[0].lower().startswith(text.lower().strip()))

    def _found(self, text: str) -> list[Line]:
        lines = [
            Line(((name, ""), (f"  {note}" if note else "", "dim")), Item("option", name), 2, False)
            for name, note in self._matching(text)[:_SHOWN]
        ]
        typed = text.strip()
        if self._free and typed and all(name != typed for name, _ in self._options):
            lines.append(Line(((f"take {typed} as it is", "accent"),), Item("option", typed)))
        return lines

    def on_input_changed(self, event: TextInput.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        if text != self._shown_for:
            self._shown_for = text
            self._list.show(self._found(text), keep=False)

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        self._narrow(event.value)  # enter can overtake the news of the last letter
        item = self._list.item
        self.dismiss(item.key if item else "")

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        self.dismiss(message.item.key)

    def action_picker_complete(self) -> None:
        field = self.query_one(TextInput)
        typed = field.value.strip().lower()
        names = [name for name, _ in self._options if name.lower().startswith(typed)]
        if names:
            first, last = min(names), max(names)
            same = next(
                (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
                min(len(first), len(last)),
            )
            field.value = first[:same]
            field.cursor_position = same

    def action_picker_down(self) -> None:
        self._list.action_move_down()

    def action_picker_up(self) -> None:
        self._list.action_move_up()

    def action_dialog_leave(self) -> None:
        self.dismiss("")
