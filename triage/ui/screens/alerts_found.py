"""Alerts found: the alerts that a question or a drill-down of a guide finds, each to be opened."""

from __future__ import annotations

from collections.abc import Sequence

from triage.case.model import AlertRow
from triage.case.words import CLOSE_WORDS
from triage.text import clean
from triage.ui.format import (
    SEVERITY_LETTER,
    day_time,
    fit,
    plural,
    short_host,
    state_role,
    state_word,
)
from triage.ui.lines import BLANK, Item, Line, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.pager import Pager
from triage.ui.signals import OpenAlert

_SEVERITIES = ("critical", "high", "medium", "low")


class AlertsFound(Pager):
    """One line an alert; enter opens it."""

    def __init__(self, title: str, rows: Sequence[AlertRow]) -> None:
        lines = [line((plural(len(rows), "other alert"), "match" if rows else "dim")), BLANK]
        super().__init__(title, [*lines, *map(alert_line, rows)])

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        message.stop()
        if isinstance(message.item.value, AlertRow):
            self.app.post_message(OpenAlert(message.item.value.id))


def alert_line(row: AlertRow) -> Line:
    """An alert on one line, with its day and its state."""
    severity = row.severity if row.severity in _SEVERITIES else ""
    reason = CLOSE_WORDS.get(row.close_reason, "")
    return Line(
        (
            (f"{day_time(row.time)} ", "dim"),
            (f"{SEVERITY_LETTER.get(row.severity, '?')} ", severity),
            (fit(clean(short_host(row.host), 40), 12) + " ", ""),
            (state_word(row.status, row.close_reason), state_role(row.status, row.close_reason)),
            (f" {reason}" if reason and reason != "false positive" else "", "dim"),
            (f"  {row.rule_name}", ""),
            (f"  {row.process}  {row.user}", "dim"),
        ),
        Item("alert", row.id, row, row.reason),
        wrap=False,
    )
