"""Small questions: choose one of a few, or write a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from triage.text import clean
from triage.ui import keys
from triage.ui.inputs import TextInput
from triage.ui.lines import Item, Line, line
from triage.ui.lines_view import LinesView

_KEYS = "⏎ keep   esc cancel"
_DOUBT = "esc again drops what you wrote   ⏎ keep"


@dataclass(frozen=True, slots=True)
class Option:
    """An answer: its key, its words, and what it stands for."""

    key: str
    text: str
    value: str
    note: str = ""
    group: str = ""  # a heading over the answers that have the same


class Choice(ModalScreen[str]):
    """One of a few answers, by its letter, by cursor and enter, or none with escape: ""."""

    BINDINGS = keys.bindings("dialog")

    def __init__(self, title: str, options: Sequence[Option], told: Sequence[Line] = ()) -> None:
        super().__init__()
        self._question = clean(title, 200)
        self._options = tuple(options)
        self._told = tuple(told)  # what to know before one answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._question)
            yield LinesView(list(self._lines()))

    def _lines(self) -> Iterator[Line]:
        yield from self._told
        group = ""
        for option in self._options:
            if option.group != group:
                group = option.group
                yield line((group, "dim"))
            yield self._line(option)

    @staticmethod
    def _line(option: Option) -> Line:
        return Line(
            (
                (f" {option.key or ' '}  ", "accent"),
                (option.text, ""),
                (f"  {option.note}" if option.note else "", "dim"),
            ),
            Item("option", option.value, option.value),
            4,
        )

    def on_mount(self) -> None:
        view = self.query_one(LinesView)
        view.focus()
        view.show(view.lines)

    def on_key(self, event: events.Key) -> None:
        for option in self._options:
            if event.key == option.key:
                event.stop()
                self.dismiss(option.value)

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        self.dismiss(str(message.item.value))

    def action_dialog_leave(self) -> None:
        self.dismiss("")


class Prompt(ModalScreen[str]):
    """One line of text; "" where the analyst thinks better of it."""

    BINDINGS = keys.bindings("dialog")

    def __init__(self, title: str, hint: str, value: str = "") -> None:
        super().__init__()
        self._question = clean(title, 200)
        self._hint = hint
        self._value = clean(value)
        self._doubted = False  # escape was pressed: once more drops what was written

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._question)
            yield TextInput(self._value, self._hint)
            yield LinesView([line((_KEYS, "dim"))])

    def on_mount(self) -> None:
        self.query_one(TextInput).focus()
        self.query_one(LinesView).can_focus = False

    def on_input_changed(self) -> None:
        self._doubt(False)

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_dialog_leave(self) -> None:
        """Leave; what was written is not dropped by one key."""
        text = self.query_one(TextInput).value.strip()
        if self._doubted or text in ("", self._value):
            self.dismiss("")
        else:
            self._doubt(True)

    def _doubt(self, doubted: bool) -> None:
        if doubted != self._doubted:
            self._doubted = doubted
            told = (_DOUBT, "warn") if doubted else (_KEYS, "dim")
            self.query_one(LinesView).show([line(told)])
