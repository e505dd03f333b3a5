"""Marking the steps of a guide: a tick with one key, an outcome and a note with two."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from triage.case.model import AlertDetail, Tick
from triage.errors import TriageError
from triage.guide import Step
from triage.ui.desk import Desk
from triage.ui.panes.respond import guide_of
from triage.ui.screens.base import ConsoleScreen
from triage.ui.screens.dialogs import Choice, Option, Prompt

_OUTCOMES = (
    Option("d", "done", "done"),
    Option("n", "not applicable", "not_applicable"),
    Option("x", "failed", "failed"),
    Option("o", "still to be done", "open"),
    Option("w", "write a note on it", "note"),
)


def tick(
    screen: ConsoleScreen, desk: Desk, alert_id: str, step: Step, then: Callable[[], None]
) -> None:
    """Tick a step, or take its tick off; ``then`` is called once that is written."""
    if detail := desk.readers.here().alert(alert_id):
        known = detail.ticks.get(step.id)
        outcome = "" if known and known.closed else "done"
        _mark(screen, desk, detail, step, outcome, known.note if known else "", then)


def ask_outcome(
    screen: ConsoleScreen, desk: Desk, alert_id: str, step: Step, then: Callable[[], None]
) -> None:
    """Ask how a step ended, or for a note on it."""
    if not screen.may_write(desk):
        return
    detail = desk.readers.here().alert(alert_id)
    if detail is None:
        return
    known = detail.ticks.get(step.id) or Tick(step.id, 0, "", "")

    def noted(body: str | None) -> None:
        if body:
            _mark(screen, desk, detail, step, known.outcome, body, then)

    def chosen(answer: str | None) -> None:
        if answer == "note":
            screen.app.push_screen(Prompt("Note on the step", step.text, known.note), noted)
        elif answer:
            _mark(screen, desk, detail, step, answer.replace("open", ""), known.note, then)

    screen.app.push_screen(Choice(f"Step: {step.text}", _OUTCOMES), chosen)


def _mark(
    screen: ConsoleScreen,
    desk: Desk,
    detail: AlertDetail,
    step: Step,
    outcome: str,
    note: str,
    then: Callable[[], None],
) -> None:
    if not screen.may_write(desk):
        return
    steps = len(guide_of(detail).steps)
    try:
        desk.decisions.mark_step(detail.row.id, step.id, step.text, outcome, note, steps)
    except (apsw.Error, TriageError) as error:
        screen.say(f"not saved: {error}", "error")
        return
    then()
