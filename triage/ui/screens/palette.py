"""The command palette: every action by name, for a screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.fuzzy import Matcher

from triage.ui.keys import Action
from triage.ui.lines import Item, Line
from triage.ui.screens.narrowing import Narrowing


class Palette(Narrowing):
    """Type a few letters, enter does it; gives the Textual action, "" for none."""

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__("Do …", "type a few letters, ⏎ does it")
        self._actions = tuple(actions)

    def found(self, text: str) -> list[Line]:
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

    def answer(self, item: Item) -> str:
        action: Action = item.value
        return action.method


def _score(matcher: Matcher, action: Action) -> float:
    """How well an action fits: its name counts before the sentence that explains it."""
    told = matcher.match(f"{action.label} {action.help}")
    return max(told, 2 * matcher.match(action.label))
