"""What all screens share: the footer's clicks and words to the analyst."""

from __future__ import annotations

from textual.screen import Screen

from triage.text import clean
from triage.ui.bars import KeyBar


class ConsoleScreen(Screen[None]):
    """A screen of the console."""

    AUTO_FOCUS = ""

    def say(self, text: str, severity: str = "information") -> None:
        """A toast; its text may quote a log or a file."""
        kind = severity if severity in ("warning", "error") else "information"
        self.app.clear_notifications()  # the last word counts; a pile of them hides the list
        self.app.notify(
            clean(text, 300),
            severity=kind,  # type: ignore[arg-type] # narrowed by the line above
            markup=False,
            timeout=6 if kind == "information" else 10,
        )

    async def do(self, method: str) -> None:
        """Do an action of the key table: the screen's own, else that of what has the focus."""
        own = method.startswith("app.") or hasattr(self, f"action_{method}")
        await (self if own or self.focused is None else self.focused).run_action(method)

    async def on_key_bar_clicked(self, message: KeyBar.Clicked) -> None:
        message.stop()
        await self.do(message.action.method)
