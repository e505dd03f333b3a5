"""What the screens on a case share: pivots, and words to the analyst."""

from __future__ import annotations

from collections.abc import Sequence

from triage.event import Event
from triage.text import clean
from triage.ui import facts
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.format import clock_time
from triage.ui.lines_view import LinesView
from triage.ui.panes.related import document
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.keyed import KeyedScreen
from triage.ui.signals import Pivoted, Refined, SearchLogs

READING_ONLY = "open for reading only: nothing can be changed here (`triage serve --write` can)"
_MOST_FACTS = 24  # of one line, to choose from


class ConsoleScreen(KeyedScreen[None]):
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

    def may_write(self, desk: Desk) -> bool:
        """Whether anything may be changed here; where not, the analyst is told."""
        if desk.read_only:
            self.say(READING_ONLY, "warning")
        return not desk.read_only

    # Pivots ---------------------------------------------------------------------------------------

    def facts(self) -> Sequence[facts.Fact]:
        """The fields and values under the cursor: what can be searched for in all logs."""
        focused = self.focused
        return facts.of_item(focused.item) if isinstance(focused, LinesView) else ()

    def pivots(self) -> list[Option]:
        """Filters of the alert list for what is looked at."""
        return []

    def action_pivot(self) -> None:
        found = list(self.facts())[:_MOST_FACTS]
        options = self.pivots()
        options += [
            Option(str(place) if place < 10 else "", name, f"logs {place}", clean(value, 40),
                   "Search all logs for")
            for place, (name, value) in enumerate(found, start=1)
        ]  # fmt: skip
        if not options:
            self.say("there is no value under the cursor to go on from", "warning")
            return

        def pivoted(answer: str | None) -> None:
            if answer and answer.startswith("logs "):
                self.app.post_message(SearchLogs(*found[int(answer[5:]) - 1]))
            elif answer:
                self.app.post_message(Pivoted(answer))

        self.app.push_screen(Choice("Go on from …", options), pivoted)

    def action_exclude(self) -> None:
        """Ask which value, then whether to leave out what has it or all else."""
        found = list(self.facts())[:_MOST_FACTS]
        if not found:
            self.say("there is no value under the cursor to filter by", "warning")
            return

        def picked(answer: str | None) -> None:
            if answer:
                self._refine(*found[int(answer)])

        if len(found) == 1:
            self._refine(*found[0])
            return
        options = [
            Option(str(place + 1) if place < 9 else "", name, str(place), clean(value, 40))
            for place, (name, value) in enumerate(found)
        ]
        self.app.push_screen(Choice("Filter the list by …", options), picked)

    def _refine(self, field: str, value: str) -> None:
        def refined(answer: str | None) -> None:
            if answer:
                self.app.post_message(Refined(field, value, answer == "without"))

        options = [
            Option("x", "exclude", "without", "alerts that have it are not shown"),
            Option("o", "only", "with", "other alerts are not shown"),
        ]
        self.app.push_screen(Choice(f"{field} {clean(value, 60)}", options), refined)

    def open_event(self, event: Event) -> None:
        """The whole event on a sheet."""
        from triage.ui.screens.pager import Pager  # a sheet is a screen of this kind

        self.app.push_screen(Pager(f"Event {clock_time(event.time)} UTC", document(event)))

    def take(self, news: News) -> None:
        """News of the case; a screen that follows it shows them."""
