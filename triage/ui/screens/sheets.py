"""The texts of the sheets: help, a rule, raw events. Functions from values to lines."""

from __future__ import annotations

import json
from collections.abc import Iterable

from triage import guide
from triage.case.model import AlertDetail, Process
from triage.fields import Doc, first_text, values
from triage.ui import keys
from triage.ui.facts import account
from triage.ui.filter_fields import FIELDS
from triage.ui.format import full_time, shown_path
from triage.ui.keymap import Keymap
from triage.ui.lines import BLANK, Item, Line, field, heading, line, paragraphs
from triage.ui.panes.related import as_json

_FILTERS = (
    ("certutil", "rule, host, user, process or reason holds the word"),
    ('host:web rule:"encoded powershell"', "both fields hold their text"),
    ("severity>=high not state:closed", "also: risk>70  count:2..9  technique:T1059"),
    ("last:2h time:2026-08-21..2026-08-22", "also: time:>=12:04  time:09:00..10:30"),
    ("process.parent.name:winword.exe", "any field of the alert: a part of it; = is the whole"),
    ("(user:svc* or user:system) and host:dc?", "* and ? are wildcards"),
)
_PANES = tuple(action for action in keys.ACTIONS if action.id.startswith("pane.show_"))


def help_lines(scopes: Iterable[str] = keys.SCOPES, own: Keymap | None = None) -> list[Line]:
    """The keys that work in ``scopes``, from the table that makes them work and the user's own."""
    scopes, own = tuple(scopes), own or Keymap()
    lines: list[Line] = []
    for group, found in keys.grouped(scopes):
        actions = [own.real(action) for action in found]
        lines.append(heading(group))
        seen: set[str] = set()
        panes = [action.label for action in actions if action in _PANES]
        if panes:
            lines.append(
                line(("  1–6     ", "accent"), f"the panes: {', '.join(panes)}", indent=10)
            )
        for action in actions:
            text = f"{action.shown} {action.help}"
            if text not in seen and action.label not in panes:
                seen.add(text)
                lines.append(line((f"  {action.shown:<8}", "accent"), action.help, indent=10))
        lines.append(BLANK)
    if "list" not in scopes:
        return lines
    lines.append(heading("Filter", f"fields: {', '.join(FIELDS)}"))
    for example, told in _FILTERS:
        lines.append(line((f"  {example:<42}", "accent"), (told, "dim"), indent=4))
    lines += [BLANK, heading("Signs")]
    for sign, told in (
        ("C H M L", "severity: critical, high, medium, low"),
        ("○ ◐ ● ∅", "open, acknowledged, closed, closed as false positive"),
        ("×3", "the alert stands for three: the rule's limit in one interval was reached"),
        ("↶", "late: an event of it came after later ones had been read"),
        ("↷", "superseded: a late event changed what matched"),
        ("✓", "marked: decisions are about all marked alerts"),
    ):
        lines.append(line((f"  {sign:<8}", "accent"), told, indent=10))
    return lines


def rule_lines(doc: Doc, path: str) -> list[Line]:
    """The rule of an alert's document: what it is for, its query, its guide."""
    lines = [
        field("rule", first_text(doc, "kibana.alert.rule.name")),
        field("id", first_text(doc, "kibana.alert.rule.rule_id")),
        field("file", shown_path(path) or "-", copy=path),
        field(
            "type",
            first_text(doc, "kibana.alert.rule.type"),
            f"  version {first_text(doc, 'kibana.alert.rule.version') or '-'}",
        ),
        field(
            "severity",
            first_text(doc, "kibana.alert.severity", "kibana.alert.rule.severity"),
            f"  risk {_risk(doc):g}",
        ),
    ]
    tags = [str(tag) for tag in values(doc, "kibana.alert.rule.tags")]
    if tags:
        lines.append(field("tags", ", ".join(tags)))
    lines += [BLANK, heading("Query")]
    parameters = doc.get("kibana.alert.rule.parameters")
    query = parameters.get("query", "") if isinstance(parameters, dict) else ""
    item = Item("field", "query", query, str(query))
    for place, text in enumerate(str(query).strip("\n").split("\n")):
        indent = len(text) - len(text.lstrip()) + 4
        lines.append(Line((("  " + text, ""),), item if place == 0 else None, indent))
    description = first_text(doc, "kibana.alert.rule.description")
    if description:
        lines += [BLANK, heading("What it is about"), *paragraphs(description, indent=2)]
    note, setup = (first_text(doc, f"kibana.alert.rule.{name}") for name in ("note", "setup"))
    for section in guide.steps(note, setup).sections:
        lines += [BLANK, heading(section.title or "Guide")]
        lines += paragraphs(section.text, indent=2)
        for depth, text in section.bullets:
            lead = "  " * (depth + 1)
            lines.append(line((lead + "• ", "dim"), text, indent=len(lead) + 2))
    return lines


def _risk(doc: Doc) -> float:
    try:
        return float(first_text(doc, "kibana.alert.risk_score", "kibana.alert.rule.risk_score"))
    except ValueError:
        return 0.0


def raw_lines(alert: AlertDetail) -> list[Line]:
    """The matched events as JSON, each with where it lies."""
    lines: list[Line] = []
    for one in alert.matched:
        lines.append(
            heading(
                f"Event {one.stage + 1}",
                f"{shown_path(one.event.order[2])} at {one.event.order[3]:,}",
            )
        )
        text = as_json(one.event)
        for place, row in enumerate(text.split("\n")):
            item = Item("event", one.event.id, one.event, text) if place == 0 else None
            lines.append(Line(((row, ""),), item, len(row) - len(row.lstrip()) + 4))
        lines.append(BLANK)
    if not alert.matched:
        text = json.dumps(alert.doc, indent=2, ensure_ascii=False, default=str)
        lines = [line(row) for row in text.split("\n")]
    return lines


def process_lines(process: Process) -> list[Line]:
    """All that is known of a process."""
    parent = "executable" if process.parent_executable else "name"
    rows = (
        ("name", process.name, "process.name"),
        ("pid", str(process.pid or ""), "process.pid"),
        ("path", process.executable, "process.executable"),
        ("command", process.command_line, "process.command_line"),
        ("user", process.user, "user.name"),
        ("integrity", process.integrity, ""),
        ("started", full_time(process.start), ""),
        ("ended", full_time(process.end), ""),
        ("sha256", process.sha256, "process.hash.sha256"),
        ("sha1", process.sha1, "process.hash.sha1"),
        ("md5", process.md5, "process.hash.md5"),
        ("imphash", process.imphash, "process.pe.imphash"),
        ("signer", process.signer, "process.code_signature.subject_name"),
        ("signature", process.signature, ""),
        ("parent", process.parent_executable or process.parent_name, f"process.parent.{parent}"),
        ("parent pid", str(process.parent_pid or ""), "process.parent.pid"),
        ("parent cmd", process.parent_command_line, "process.parent.command_line"),
        ("host", process.host, "host.name"),
        ("entity id", process.entity_id, "process.entity_id"),
        ("parent id", process.parent_entity_id, "process.parent.entity_id"),
    )
    return [
        field(
            label, value or "-", width=12, key=label,
            fact=(name, account(value) if name == "user.name" else value) if name else ("", ""),
        )
        for label, value, name in rows
    ]  # fmt: skip
