"""The tour of the first start: a sentence at a time, what to look at and which key to press."""

from __future__ import annotations

import re
from dataclasses import dataclass

from triage.ui import keymap, keys
from triage.ui.keymap import Keymap
from triage.ui.lines import Part, line
from triage.ui.lines_view import LinesView


@dataclass(frozen=True, slots=True)
class Step:
    """A sentence with ``{ids of actions}`` for their keys; doing ``action`` leads on."""

    text: str
    action: str


STEPS = (
    Step("A working day of a company that does not exist, played fast. Alerts come while its logs"
         " are written, and none moves your cursor: {move.down} and {move.up} do.", "move.down"),
    Step("At 09:12 come those of NW-WS-014: a document starts PowerShell, and that InstallUtil. Go"
         " there and open one with {alert.open}.", "alert.open"),
    Step("Why is it an alert? {pane.show_1} shows the rule's tests and the values that met them.",
         "pane.show_1"),
    Step("{pane.show_2} is the process with all that led to it: who started it, what it started.",
         "pane.show_2"),
    Step("{pane.show_3} tells whom it talked to and what it left behind; {pivot} on any value finds"
         " it in all logs.", "pane.show_3"),
    Step("{pane.show_6} is the rule's guide as a checklist: {pane.tick} ticks a step, and the case"
         " keeps who and when.", "pane.show_6"),
    Step("You know enough: {alert.close} closes the alert with a reason. {undo} takes back whatever"
         " you did last.", "alert.close"),
    Step("{back} goes back to the list.", "back"),
    Step("The patch agent's msiexec alerts every hour. {group} makes many alerts of one cause one"
         " row, decided at once.", "group"),
    Step("Never again: on such an alert {alert.false_positive} makes an exception, showing first"
         " what it would hide.", "alert.false_positive"),
    Step("What is covered, and where it burns: {matrix} draws the ATT&CK matrix.", "matrix"),
    Step("{help} tells the keys of every screen, {palette} finds an action by its name.", "help"),
    Step("That was it. {quit} leaves the demo, and nothing of it stays behind. Your own logs:"
         " triage watch FOLDER", ""),
)  # fmt: skip


class Tour:
    """Where in the tour one is."""

    def __init__(self) -> None:
        self.place = 0
        self.over = False

    @property
    def step(self) -> Step:
        return STEPS[self.place]

    def did(self, method: str) -> bool:
        """An action was done; whether the tour goes on by that."""
        wanted = keys.BY_ID.get(self.step.action)
        if self.over or wanted is None or wanted.method != method:
            return False
        return self.next()

    def next(self) -> bool:
        """The next step, whatever was done; behind the last one the tour is over."""
        self.over = self.over or self.place == len(STEPS) - 1
        self.place = min(self.place + 1, len(STEPS) - 1)
        return True

    def parts(self, own: Keymap) -> list[Part]:
        """The step's sentence, its keys in their own colour."""
        found: list[Part] = [(f"{self.place + 1}/{len(STEPS)} ", "dim")]
        for place, text in enumerate(re.split(r"\{([a-z_.0-9]+)\}", self.step.text)):
            found.append((own.real(keys.BY_ID[text]).shown, "match") if place % 2 else (text, ""))
        told = [own.real(keys.BY_ID[name]) for name in ("tour.next", "tour.end")]
        found += [(f"   {one.shown} {one.label.lower()}", "dim") for one in told]
        return found


class TourStrip(LinesView):
    """The step in sight, on every screen."""

    def __init__(self, tour: Tour) -> None:
        super().__init__(id="tour")
        self._tour = tour
        self.can_focus = False

    def tell(self) -> None:
        """Show the step that is due, nothing once the tour is over."""
        self.display = not self._tour.over
        self.show([line(*self._tour.parts(keymap.of(self.app)))])
