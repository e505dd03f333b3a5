"""Choose one of many by typing a few letters of it, or type something else."""

from __future__ import annotations

from collections.abc import Sequence

from triage.text import clean
from triage.ui import keys
from triage.ui.inputs import TextInput
from triage.ui.lines import Item, Line
from triage.ui.screens.narrowing import Narrowing

_SHOWN = 200


class Pick(Narrowing):
    """Gives what was chosen or typed, "" for nothing; tab completes as far as it is sure."""

    BINDINGS = keys.bindings("pick")

    def __init__(
        self, title: str, options: Sequence[tuple[str, str]], hint: str, free: bool = False
    ) -> None:
        """``options``: each with a note; ``free``: what is typed need be none of them."""
        super().__init__(clean(title, 200), hint)
        self._options = tuple(options)
        self._free = free

    def _matching(self, text: str) -> list[tuple[str, str]]:
        words = text.lower().split()
        found = [one for one in self._options if all(word in one[0].lower() for word in words)]
        # What begins with it before what only holds it.
        return sorted(found, key=lambda one: not one[0].lower().startswith(text.lower().strip()))

    def found(self, text: str) -> list[Line]:
        lines = [
            Line(((name, ""), (f"  {note}" if note else "", "dim")), Item("option", name), 2, False)
            for name, note in self._matching(text)[:_SHOWN]
        ]
        typed = text.strip()
        if self._free and typed and all(name != typed for name, _ in self._options):
            lines.append(Line(((f"take {typed} as it is", "accent"),), Item("option", typed)))
        return lines

    def answer(self, item: Item) -> str:
        return item.key

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
