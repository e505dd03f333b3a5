"""An alert document from a match and its rule: kibana.alert.* beside the ECS of its events."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triage import attack, times
from triage.engine.process import host_of, user_of
from triage.fields import Doc, first_text, nested, values
from triage.rules import PLACEHOLDER, SEVERITIES, Rule
from triage.text import encodable

if TYPE_CHECKING:
    from triage.engine.sequence import Match

# Fixed for ever: alert ids are made in it, and a case made today is read by tomorrow's triage.
_NAMESPACE = uuid.UUID("5c0e4f0a-6f7b-5d53-9c5d-7a1f6d1c2b90")
_SEVERITIES = tuple(SEVERITIES)  # from the mildest up


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is made; what people decide about it comes later, in the case."""

    id: str  # UUIDv5 of the rule id and the ids of the matched events
    rule_id: str
    rule_name: str
    severity: str
    risk_score: float
    time: int  # ns: when the last of the matched events happened
    bucket: int  # which of the rule's intervals it falls in, for max_signals
    host: str
    user: str
    process: str
    entity_id: str  # of the process the alert is about
    parent: str  # name of its parent
    destination: str  # address it talked to, where the events tell of one
    threat: str  # ids of the rule's tactics and techniques, in its order, with blanks between
    reason: str
    doc: Doc


def alert_id(rule_id: str, event_ids: Sequence[str]) -> str:
    """The same rule over the same events is the same alert, however often it is found."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join((rule_id, *event_ids))))


def bucket_of(match: Match, rule: Rule) -> int:
    """Which of the rule's intervals a match falls in, for ``max_signals``."""
    last = max(event.order for event in match.events)
    return last[0] // rule.interval if rule.interval else 0


def build(match: Match, rule: Rule, now: int) -> Alert:
    """The alert of a match. ``now`` (ns) is when it is made; nothing else is taken from outside."""
    events = [stored.event() for stored in match.events]
    id_ = alert_id(rule.rule_id, [event.id for event in events])
    docs = [event.doc for event in events]
    common = _intersection(docs)
    last = max(events, key=lambda event: event.order)
    severity, risk_score = _severity(rule, docs), _risk_score(rule, docs)
    name = (first_text(common, rule.rule_name_override) if rule.rule_name_override else "") or (
        rule.name
    )
    host = next((found for doc in docs if (found := host_of(doc))), "")
    user = next((found for doc in docs if (found := user_of(doc))), "")
    process = _first(docs, "process.name")
    reason = _reason(docs, name, severity, host, user, process)
    made = times.iso(now - now % 1_000_000)  # in milliseconds, as Kibana does
    document: Doc = {
        **common,
        "@timestamp": made,
        "event": {**nested(common, "event"), "kind": "signal"},
        "kibana.alert.uuid": id_,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.original_time": times.iso(last.time),
        "kibana.alert.start": made,
        "kibana.alert.last_detected": made,
        "kibana.alert.severity": severity,
        "kibana.alert.risk_score": risk_score,
        "kibana.alert.reason": reason,
        "kibana.alert.depth": 1,
        "kibana.alert.ancestors": [
            {"id": event.id, "type": "event", "index": encodable(event.order[2]), "depth": 0}
            for event in events
        ],
        **_original_event(last.doc),
        **rule_fields(rule, name),
    }
    if len(events) > 1:
        document["kibana.alert.group.id"] = id_
    if rule.building_block:
        document["kibana.alert.building_block_type"] = "default"
    document.update(_risk_fields(rule, risk_score, [*docs, document]))
    return Alert(
        id_,
        rule.rule_id,
        name,
        severity,
        risk_score,
        last.time,
        bucket_of(match, rule),
        host,
        user,
        process,
        _first(docs, "process.entity_id"),
        _first(docs, "process.parent.name"),
        _first(docs, "destination.ip"),
        attack.ids(rule.parameters.get("threat")),
        reason,
        document,
    )


def _first(docs: Sequence[Doc], field: str) -> str:
    return next((found for doc in docs if (found := first_text(doc, field))), "")


def fill(template: str, docs: Sequence[Doc]) -> str:
    """``template`` with each ``{{field}}`` replaced by the first value any of ``docs`` has.

    A field that none has becomes "unknown".
    """
    return PLACEHOLDER.sub(lambda found: str(_value(docs, found[1], "unknown")), template)


def _value(docs: Sequence[Doc], field: str, missing: object = None) -> object:
    return next((found[0] for doc in docs if (found := values(doc, field))), missing)


def _reason(
    docs: Sequence[Doc], name: str, severity: str, host: str, user: str, process: str
) -> str:
    """One sentence in the manner of Kibana's: what happened, to whom, where, by which rule."""
    kinds = list(dict.fromkeys(str(kind) for doc in docs for kind in values(doc, "event.category")))
    parts = [f"{', '.join(kinds)} event" if kinds else "event"]
    if process:
        parts.append(f"with process {process},")
    parent = _value(docs, "process.parent.name")
    if parent:
        parts.append(f"parent process {parent},")
    destination, port = _value(docs, "destination.ip"), _value(docs, "destination.port")
    if destination:
        parts.append(
            f"destination {destination}:{port}," if port else f"destination {destination},"
        )
    if user:
        parts.append(f"by {user}")
    if host:
        parts.append(f"on {host}")
    parts.append(f"created {severity} alert {name}.")
    return " ".join(parts)


def _intersection(docs: Sequence[Doc]) -> Doc:
    """The fields all of ``docs`` share: equal values, and the common elements of lists."""
    first, *others = docs
    common: Doc = {}
    for key, value in first.items():
        theirs = [doc.get(key) for doc in others]
        if value.__class__ is dict and all(their.__class__ is dict for their in theirs):
            inner = _intersection([value, *theirs])  # type: ignore[list-item] # all are dicts here
            if inner:
                common[key] = inner
        elif value.__class__ is list and all(their.__class__ is list for their in theirs):
            shared = [item for item in value if all(item in their for their in theirs)]  # type: ignore[operator] # all are lists here
            if shared:
                common[key] = shared
        elif all(their == value for their in theirs):
            common[key] = value
    return common


def _original_event(doc: Doc) -> Doc:
    event = nested(doc, "event")
    return {
        f"kibana.alert.original_event.{name}": event[name]
        for name in ("action", "category", "code", "dataset", "kind", "module", "outcome", "type")
        if name in event
    }


def rule_fields(rule: Rule, name: str) -> Doc:
    """What an alert's document says of its rule, under ``kibana.alert.rule``."""
    given = rule.parameters
    return {
        "kibana.alert.rule.name": name,
        "kibana.alert.rule.uuid": rule.rule_id,
        "kibana.alert.rule.rule_id": rule.rule_id,
        "kibana.alert.rule.version": rule.version,
        "kibana.alert.rule.revision": 0,
        "kibana.alert.rule.type": rule.type,
        "kibana.alert.rule.category": "Event Correlation Rule",
        "kibana.alert.rule.consumer": "siem",
        "kibana.alert.rule.producer": "siem",
        "kibana.alert.rule.description": rule.description,
        "kibana.alert.rule.note": rule.note,
        "kibana.alert.rule.setup": rule.setup,
        "kibana.alert.rule.tags": list(rule.tags),
        "kibana.alert.rule.threat": given.get("threat", []),
        "kibana.alert.rule.references": list(rule.references),
        "kibana.alert.rule.false_positives": list(rule.false_positives),
        "kibana.alert.rule.author": list(rule.author),
        "kibana.alert.rule.license": rule.license,
        "kibana.alert.rule.severity": rule.severity,
        "kibana.alert.rule.risk_score": rule.risk_score,
        "kibana.alert.rule.from": given.get("from", "now-6m"),
        "kibana.alert.rule.to": given.get("to", "now"),
        "kibana.alert.rule.interval": given.get("interval", "5m"),
        "kibana.alert.rule.max_signals": rule.max_signals,
        "kibana.alert.rule.exceptions_list": given.get("exceptions_list", []),
        "kibana.alert.rule.parameters": {
            key: value for key, value in given.items() if key not in ("note", "setup")
        },
    }


def _severity(rule: Rule, docs: Sequence[Doc]) -> str:
    """The highest severity whose mapping holds, else the rule's (Kibana's severity_mapping)."""
    best = -1
    for mapping in rule.severity_mapping:
        found = {str(value) for doc in docs for value in values(doc, mapping.field)}
        if mapping.value in found:
            best = max(best, _SEVERITIES.index(mapping.severity))
    return _SEVERITIES[best] if best >= 0 else rule.severity


def _risk_score(rule: Rule, docs: Sequence[Doc]) -> float:
    """The highest value, 0-100, of the field the rule maps its score to, else the rule's own."""
    scores: list[float] = []
    if rule.risk_score_mapping:
        for value in (value for doc in docs for value in values(doc, rule.risk_score_mapping)):
            try:
                scores.append(float(value))
            except (TypeError, ValueError):
                continue
    return max((score for score in scores if 0 <= score <= 100), default=float(rule.risk_score))


def _risk_fields(rule: Rule, risk_score: float, docs: Sequence[Doc]) -> Doc:
    fields: Doc = {}
    if rule.risk is not None:
        fields["triage.risk.message"] = fill(rule.risk.message, docs)
        fields["triage.risk.objects"] = [
            {
                "field": one.field,
                "type": one.type,
                "value": value,
                "score": risk_score if one.score is None else one.score,
            }
            for one in rule.risk.objects
            for value in _distinct(docs, one.field)
        ]
        fields["triage.risk.threat_objects"] = [
            {"field": one.field, "type": one.type, "value": value}
            for one in rule.risk.threat_objects
            for value in _distinct(docs, one.field)
        ]
    if rule.drilldowns:
        fields["triage.drilldowns"] = [
            {
                "name": fill(drilldown.name, docs),
                "query": drilldown.filled(lambda field: _value(docs, field)),
                "window": times.span(drilldown.window) if drilldown.window else "alert",
            }
            for drilldown in rule.drilldowns
        ]
    return fields


def _distinct(docs: Sequence[Doc], field: str) -> list[str]:
    return list(dict.fromkeys(str(value) for doc in docs for value in values(doc, field)))
