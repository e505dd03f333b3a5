"""Alerts as CSV, one row each, for a spreadsheet: what could be a formula is marked as text."""

from __future__ import annotations

from collections.abc import Iterator

from triage import times
from triage.case.model import AlertDetail
from triage.case.words import CLOSE_WORDS
from triage.context import threats
from triage.export.escape import cell
from triage.export.selection import Selection
from triage.fields import Doc, first_text

COLUMNS = (
    "time", "severity", "risk", "rule", "host", "user", "process", "command line", "parent",
    "destination", "port", "sha256", "state", "closed as", "assignee", "decided by", "decided at",
    "notes", "tags", "count", "superseded", "tactics", "techniques", "reason", "rule id",
    "alert id",
)  # fmt: skip


def write(selection: Selection) -> Iterator[str]:
    """A header and a row for each alert; every cell is quoted, lines end as RFC 4180 has it."""
    yield _line(COLUMNS)
    for detail in selection.details():
        yield _line(_cells(detail))


def _line(cells: tuple[object, ...]) -> str:
    return ",".join(map(cell, cells)) + "\r\n"


def _cells(alert: AlertDetail) -> tuple[object, ...]:
    row, found = alert.row, threats(alert.doc)
    docs = [one.event.doc for one in alert.matched] or [alert.doc]
    return (
        times.iso(row.time),
        row.severity,
        f"{row.risk_score:g}",
        row.rule_name,
        row.host,
        row.user,
        row.process,
        _first(docs, "process.command_line"),
        _first(docs, "process.parent.executable", "process.parent.name"),
        _first(docs, "destination.ip"),
        _first(docs, "destination.port"),
        _first(docs, "process.hash.sha256"),
        row.status,
        CLOSE_WORDS.get(row.close_reason, row.close_reason),
        row.assignee,
        row.decided_by,
        times.iso(row.decided_at) if row.decided_at else "",
        row.notes,
        " ".join(row.tags),
        row.count,
        "yes" if row.superseded else "",
        " ".join(dict.fromkeys(one.tactic for one in found if one.tactic)),
        " ".join(dict.fromkeys(one.technique for one in found if one.technique)),
        row.reason,
        row.rule_id,
        row.id,
    )


def _first(docs: list[Doc], *names: str) -> str:
    return next((found for doc in docs if (found := first_text(doc, *names))), "")
