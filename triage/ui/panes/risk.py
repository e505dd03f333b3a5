"""What an alert adds to the risk of whom, and of which alerts an incident is made."""

from __future__ import annotations

from collections.abc import Iterator

from triage.case.model import SEVERITIES, AlertRow
from triage.fields import first_text, tables
from triage.ui.format import (
    SEVERITY_LETTER,
    clock_time,
    day_time,
    plural,
    short_host,
    state_role,
    state_word,
)
from triage.ui.lines import BLANK, Item, Line, field, heading
from triage.ui.subject import Subject


def member_lines(subject: Subject) -> Iterator[Line]:
    """Whose incident it is, and its alerts as they stand now; enter opens one."""
    doc = subject.alert.doc
    kind, name = (first_text(doc, f"triage.risk.object.{one}") for one in ("type", "value"))
    yield field(kind or "entity", name, key="entity")
    yield field(
        "score",
        first_text(doc, "triage.risk.score"),
        (f"  within {first_text(doc, 'triage.risk.window')}", "dim"),
    )
    yield field("tactics", first_text(doc, "triage.risk.tactics") or "-")
    yield BLANK
    scores = {
        str(one.get("id", "")): one.get("score") for one in tables(doc.get("triage.risk.alerts"))
    }
    members = subject.members
    yield heading("Its alerts", f"{plural(len(members), 'alert')}; ⏎ opens one")
    days = {day_time(row.time)[:10] for row in members}
    for row in members:
        when = clock_time(row.time) if len(days) == 1 else day_time(row.time)[5:]
        yield _alert_line(row, when, scores.get(row.id))


def _alert_line(row: AlertRow, when: str, score: object) -> Line:
    severity = row.severity if row.severity in SEVERITIES else ""
    state = state_role(row.status, row.close_reason)
    points = f"{score:>4.0f} " if isinstance(score, int | float) else "     "
    return Line(
        (
            (f"{when} ", "dim"),
            (points, ""),
            (f"{SEVERITY_LETTER.get(row.severity, '?')} ", severity),
            (f"{state_word(row.status, row.close_reason):<8} ", state),
            (row.rule_name, "dim" if row.superseded else ""),
            (f"  {short_host(row.host)}", "dim"),
        ),
        Item("alert", f"member {row.id}", row, row.id),
        len(when) + 17,
    )


def risk_lines(subject: Subject) -> Iterator[Line]:
    """The rule's own words on the risk, its risk objects, and the incidents an alert is part of."""
    doc = subject.alert.doc
    message = doc.get("triage.risk.message")
    if isinstance(message, str) and message and not subject.members:
        yield BLANK
        yield heading("Risk")
        yield Line(((message, ""),), Item("field", "risk message", message, message))
    for one in tables(doc.get("triage.risk.objects")):
        value = str(one.get("value", ""))
        yield field(
            str(one.get("type", "object")),
            value,
            (f"  {one.get('field', '')}  score {one.get('score', '-')}", "dim"),
            copy=value,
            key=f"risk {value}",
        )
    for one in tables(doc.get("triage.risk.threat_objects")):
        value = str(one.get("value", ""))
        told = f"  {one.get('field', '')}"
        yield field("threat", value, (told, "dim"), copy=value, key=f"threat {value}")
    if subject.incidents:
        yield BLANK
        yield heading("Part of", "B shows the risk of all")
        for row in subject.incidents:
            yield _alert_line(row, day_time(row.time)[5:], None)
