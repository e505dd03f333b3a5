"""A timeline for Timesketch: JSONL of the events, the alerts made of them, and the decisions."""

from __future__ import annotations

from collections.abc import Iterator

from triage import times
from triage.case.model import AlertDetail
from triage.case.words import told
from triage.context import describe, threats
from triage.export.selection import Selection
from triage.fields import Doc, flatten
from triage.text import json_line


def write(selection: Selection) -> Iterator[str]:
    """One object a line with ``message``, ``datetime`` and ``timestamp_desc``; an event that two
    alerts share comes once. Timesketch sorts by itself."""
    events: set[str] = set()
    entries: set[int] = set()
    for alert in selection.details():
        yield _line(alert.row.time, "Alert", alert.row.reason, _alert(alert))
        for one in alert.matched:
            if one.event.id not in events:
                events.add(one.event.id)
                yield _line(
                    one.event.time, "Event", describe(one.event), _attributes(one.event.doc)
                )
        for entry in alert.history:
            if entry.id not in entries:
                entries.add(entry.id)
                more: Doc = {"analyst": entry.who, "action": entry.action}
                if body := entry.detail.get("body"):
                    more["note"] = str(body)
                words = f"{entry.who} {told(entry)}: {alert.row.rule_name}"
                yield _line(entry.at, "Decision", words, more)


def _line(at: int, kind: str, message: str, more: Doc) -> str:
    return json_line({**more, "message": message, "datetime": times.iso(at),
                      "timestamp": at // 1000, "timestamp_desc": kind}) + "\n"  # fmt: skip


def _alert(alert: AlertDetail) -> Doc:
    row = alert.row
    tags = [row.severity, *dict.fromkeys(one.technique for one in threats(alert.doc))]
    return {
        "tag": [tag for tag in tags if tag],
        "alert_id": row.id,
        "rule_name": row.rule_name,
        "severity": row.severity,
        "risk_score": row.risk_score,
        "state": row.status,
        "closed_as": row.close_reason,
        "host_name": row.host,
        "user_name": row.user,
        "process_name": row.process,
    }


def _attributes(doc: Doc) -> Doc:
    """All fields of an event, flat. Underscores for dots, since its search takes a dotted name for
    an object and refuses a file in which ``user`` is a text here and an object there."""
    return {name.replace(".", "_").lstrip("@_"): value for name, value in flatten(doc).items()}
