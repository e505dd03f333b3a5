"""The command palette: every action by name, for a screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import ModalScreen

from triage.ui import keys
from triage.ui.inputs import TextInput
from triage.ui.keys import Action
from triage.ui.lines import Item, Line
from triage.ui.lines_view import LinesView


class Palette(ModalScreen[str]):
    """Type a few letters, enter does it; gives the Textual action, "" for none."""

    BINDINGS = [*keys.bindings("dialog"), *keys.bindings("picker")]  # noqa: RUF012 - Textual's own convention

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = tuple(actions)
        self._shown_for = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Do …")
            yield TextInput(placeholder="type a few letters, ⏎ does it")
            yield LinesView(self._found(""))

    def on_mount(self) -> None:
        self.query_one(TextInput).focus()
        self._list.can_focus = False
        self._list.show(self._found(""))

    @property
    def _list(self) -> LinesView:
        return self.query_one(LinesView)

    def _found(self, text: str) -> list[Line]:
        matcher = Matcher(text)
        scored = [
            (_score(matcher, action) if text else 1.0, place, action)
            for place, action in enumerate(self._actions)
        ]
        best = sorted((-score, place, action) for score, place, action in scored if score > 0)
        return [
            Line(
                (
                    (f"{action.shown:<6}", "accent"),
                    (f"{action.label:<18}", ""),
                    (action.help, "dim"),
                ),
                Item("action", action.id, action),
                wrap=False,
            )
            for _, _, action in best
        ]

    def on_input_changed(self, event: TextInput.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        if text != self._shown_for:
            self._shown_for = text
            self._list.show(self._found(text), keep=False)

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        self._narrow(event.value)  # enter can overtake the news of the last letter
        item = self._list.item
        self.dismiss(item.value.method if item else "")

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        self.dismiss(message.item.value.method)

    def action_picker_down(self) -> None:
        self._list.action_move_down()

    def action_picker_up(self) -> None:
        self._list.action_move_up()

    def action_dialog_leave(self) -> None:
        self.dismiss("")


def _score(matcher: Matcher, action: Action) -> float:
    """How well an action fits: its name counts before the sentence that explains it."""
    told = matcher.match(f"{action.label} {action.help}")
    return max(told, 2 * matcher.match(action.label))
