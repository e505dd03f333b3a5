"""Alerts as OCSF Detection Findings (class 2004 of schema 1.8.0), one JSON document a line."""

from __future__ import annotations

from collections.abc import Iterator

from triage import __version__, attack
from triage.case.model import AlertDetail, AlertRow
from triage.case.words import CLOSE_WORDS
from triage.context import Threat, describe, threats
from triage.event import Event
from triage.export.selection import Selection
from triage.export.values import (
    address,
    hashes,
    hostname,
    instant,
    number,
    port,
    split_path,
    without_nothing,
)
from triage.fields import Doc, first_text, values
from triage.text import json_line

SCHEMA = "1.8.0"
_SEVERITIES = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"),
               "critical": (5, "Critical")}  # fmt: skip
_STATES = {"open": (1, "New"), "acknowledged": (2, "In Progress"), "closed": (4, "Resolved")}
_VERDICTS = {
    "false_positive": (1, "False Positive"),
    "true_positive": (2, "True Positive"),
    "benign_positive": (5, "Benign"),
    "duplicate": (10, "Duplicate"),
    "other": (99, "Other"),
}
_ALGORITHMS = {"md5": (1, "MD5"), "sha1": (2, "SHA-1"), "sha256": (3, "SHA-256"),
               "sha512": (4, "SHA-512")}  # fmt: skip
_DIRECTIONS = {"ingress": (1, "Inbound"), "egress": (2, "Outbound")}
_MILLISECOND = 1_000_000  # ns: OCSF counts time in milliseconds


def write(selection: Selection) -> Iterator[str]:
    """One finding a line."""
    for alert in selection.details():
        yield json_line(_finding(alert)) + "\n"


def _finding(alert: AlertDetail) -> Doc:
    row = alert.row
    activity, name = (3, "Close") if row.status == "closed" else (1, "Create")
    severity_id, severity = _SEVERITIES.get(row.severity, (99, "Other"))
    status_id, status = _STATES.get(row.status, (0, "Unknown"))
    verdict_id, verdict = _VERDICTS.get(row.close_reason, (0, "Unknown"))
    first = min([row.time, *(one.event.time for one in alert.matched)])
    notes = "\n".join(f"{note.who}: {note.body}" for note in alert.notes)
    return without_nothing({
        "class_uid": 2004, "class_name": "Detection Finding",
        "category_uid": 2, "category_name": "Findings",
        "activity_id": activity, "activity_name": name,
        "type_uid": 200_400 + activity, "type_name": f"Detection Finding: {name}",
        "time": row.time // _MILLISECOND,
        "start_time": first // _MILLISECOND,
        "end_time": row.time // _MILLISECOND,
        "severity_id": severity_id, "severity": severity,
        "status_id": status_id, "status": status,
        "verdict_id": verdict_id, "verdict": verdict,
        "status_detail": CLOSE_WORDS.get(row.close_reason, ""),
        "is_alert": not row.superseded,
        "count": row.count,
        "message": row.reason,
        "risk_score": int(row.risk_score),
        "comment": notes,
        "assignee": {"name": row.assignee} if row.assignee else None,
        "metadata": {
            "version": SCHEMA, "profiles": ["host", "incident"],
            "product": {"name": "triage", "vendor_name": "triage", "version": __version__},
            "uid": row.id, "event_code": row.rule_id,
        },
        "finding_info": _info(alert, first),
        "device": _device(alert),
        "evidences": [found for one in alert.matched if (found := _evidence(one.event))],
        "observables": _observables(row),
    })  # fmt: skip


def _info(alert: AlertDetail, first: int) -> Doc:
    row, doc = alert.row, alert.doc
    return without_nothing({
        "uid": row.id,
        "title": row.rule_name,
        "desc": first_text(doc, "kibana.alert.rule.description"),
        "created_time": row.created // _MILLISECOND,
        "first_seen_time": first // _MILLISECOND,
        "last_seen_time": row.time // _MILLISECOND,
        "modified_time": row.decided_at // _MILLISECOND or None,
        "types": [str(tag) for tag in values(doc, "kibana.alert.rule.tags")],
        "analytic": without_nothing({
            "uid": row.rule_id,
            "name": first_text(doc, "kibana.alert.rule.name") or row.rule_name,
            "version": first_text(doc, "kibana.alert.rule.version"),
        }) | {"type_id": 1, "type": "Rule"},
        "attacks": [_attack(threat) for threat in threats(doc)],
    })  # fmt: skip


def _attack(threat: Threat) -> Doc:
    parent = threat.technique.partition(".")[0]
    found: Doc = {"version": attack.version()}
    if threat.tactic:
        found["tactic"] = {"uid": threat.tactic, "name": threat.tactic_name}
    if parent:
        found["technique"] = {"uid": parent, "name": Threat("", parent).technique_name}
    if "." in threat.technique:
        found["sub_technique"] = {"uid": threat.technique, "name": threat.technique_name}
    return found


def _device(alert: AlertDetail) -> Doc | None:
    docs = [one.event.doc for one in alert.matched] or [alert.doc]
    name = alert.row.host
    if not name:
        return None
    return without_nothing({
        "name": name,
        "hostname": hostname({"name": name}, "name"),
        "uid": first_text(docs[0], "host.id"),
        "ip": address(docs[0], "host.ip"),
    }) | {"type_id": 0, "type": "Unknown"}  # fmt: skip


def _evidence(event: Event) -> Doc:
    """What one matched event shows."""
    doc = event.doc
    name = first_text(doc, "dns.question.name")
    found = without_nothing({
        "process": _process(doc, "process"),
        "src_endpoint": _endpoint(doc, "source"),
        "dst_endpoint": _endpoint(doc, "destination"),
        "file": _file(first_text(doc, "file.path", "file.name"), hashes(doc, "file.hash")),
        "user": _user(doc),
        "query": {"hostname": name} if hostname({"name": name}, "name") else None,
        "reg_key": _registry(doc),
    })  # fmt: skip
    said = first_text(doc, "network.direction")
    if "dst_endpoint" in found:
        direction = _DIRECTIONS.get(said, (0, "Unknown"))
        found["connection_info"] = without_nothing({
            "protocol_name": first_text(doc, "network.transport").lower(),
        }) | {"direction_id": direction[0], "direction": direction[1]}  # fmt: skip
    if not found:
        return {"data": {"message": describe(event)}, "uid": event.id}
    return {**found, "uid": event.id, "name": describe(event)}


def _process(doc: Doc, prefix: str) -> Doc | None:
    pid, entity = number(doc, f"{prefix}.pid"), first_text(doc, f"{prefix}.entity_id")
    if pid is None and not entity:
        return None
    started = instant(doc, f"{prefix}.start")
    path = first_text(doc, f"{prefix}.executable", f"{prefix}.name")
    found = without_nothing({
        "name": first_text(doc, f"{prefix}.name"),
        "uid": entity,
        "cmd_line": first_text(doc, f"{prefix}.command_line"),
        "working_directory": first_text(doc, f"{prefix}.working_directory"),
        "created_time": started // _MILLISECOND if started else None,
        "file": _file(path, hashes(doc, f"{prefix}.hash")),
        "parent_process": _process(doc, "process.parent") if prefix == "process" else None,
    })  # fmt: skip
    return found | ({} if pid is None else {"pid": pid})


def _file(path: str, found: dict[str, str]) -> Doc | None:
    if not path:
        return None
    return without_nothing({
        "name": split_path(path)[1] or path,
        "path": path,
        "hashes": [
            {"algorithm_id": _ALGORITHMS[kind][0], "algorithm": _ALGORITHMS[kind][1],
             "value": value}
            for kind, value in found.items()
        ],
    }) | {"type_id": 1, "type": "Regular File"}  # fmt: skip


def _endpoint(doc: Doc, side: str) -> Doc | None:
    ip = address(doc, f"{side}.ip")
    if not ip:
        return None
    return without_nothing({
        "ip": ip,
        "port": port(doc, f"{side}.port"),
        "hostname": hostname(doc, f"{side}.domain"),
    })  # fmt: skip


def _user(doc: Doc) -> Doc | None:
    return without_nothing({
        "name": first_text(doc, "user.name"),
        "uid": first_text(doc, "user.id"),
        "domain": first_text(doc, "user.domain"),
    }) or None  # fmt: skip


def _registry(doc: Doc) -> Doc | None:
    path = first_text(doc, "registry.path", "registry.key")
    return {"path": path} if path else None


def _observables(row: AlertRow) -> list[Doc]:
    given = (
        ("device.name", 99, "Other", row.host),
        ("evidences.user.name", 4, "User Name", row.user),
        ("evidences.process.name", 9, "Process Name", row.process),
    )
    return [
        {"name": name, "type_id": type_id, "type": type_, "value": value}
        for name, type_id, type_, value in given
        if value
    ]
