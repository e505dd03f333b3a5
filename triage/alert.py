"""An alert document from a match and its rule: kibana.alert.* beside the ECS of its events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from triage import attack, times
from triage.engine.process import host_of, user_of
from triage.event import Event
from triage.fields import Doc, first_text, nested, values
from triage.rules import PLACEHOLDER, SEVERITIES, Rule
from triage.text import encodable

# Fixed for ever: alert ids are made in it, and a case made today is read by tomorrow's triage.
_NAMESPACE = bytes.fromhex("5c0e4f0a6f7b5d539c5d7a1f6d1c2b90")
_SEVERITIES = tuple(SEVERITIES)  # from the mildest up
_ORIGINAL = tuple(
    (key, f"kibana.alert.original_event.{key}")
    for key in ("action", "category", "code", "dataset", "kind", "module", "outcome", "type")
)


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
    # What uuid.uuid5 makes, in a third of its time: every match asks.
    name = "\n".join((rule_id, *event_ids))
    digest = bytearray(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    digits = digest.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def bucket_of(rule: Rule, time: int) -> int:
    """Which of the rule's intervals an instant (ns) falls in, for ``max_signals``."""
    return time // rule.interval if rule.interval else 0


@dataclass(frozen=True, slots=True)
class _Common:
    """What all alerts of a rule say alike."""

    rule: Rule
    fields: Doc
    threat: str


class AlertMaker:
    """Makes alerts. What all alerts of a rule say alike is worked out once."""

    def __init__(self) -> None:
        self._common: dict[str, _Common] = {}

    def make(self, id_: str, events: Sequence[Event], rule: Rule, now: int) -> Alert:
        """The alert of the events that matched a rule. ``now`` (ns) is when it is made; nothing
        else is taken from outside."""
        docs = [event.doc for event in events]
        shared = _intersection(docs)
        last = max(events, key=lambda event: event.order)
        severity, risk_score = _severity(rule, docs), _risk_score(rule, docs)
        override = rule.rule_name_override
        name = (first_text(shared, override) if override else "") or rule.name
        host = next((found for doc in docs if (found := host_of(doc))), "")
        user = next((found for doc in docs if (found := user_of(doc))), "")
        process = _text(_each(docs, "process.name"))
        parents = _each(docs, "process.parent.name")
        destinations = _each(docs, "destination.ip")
        reason = " ".join(
            (
                *_happened(docs, process, parents, destinations),
                *((f"by {user}",) if user else ()),
                *((f"on {host}",) if host else ()),
                f"created {severity} alert {name}.",
            )
        )
        made = times.iso(now - now % 1_000_000)  # in milliseconds, as Kibana does
        common = self._common_of(rule)
        document: Doc = {
            **shared,
            "@timestamp": made,
            "event": {**nested(shared, "event"), "kind": "signal"},
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
            **common.fields,
            "kibana.alert.rule.name": name,
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
            bucket_of(rule, last.time),
            host,
            user,
            process,
            _text(_each(docs, "process.entity_id")),
            _text(parents),
            _text(destinations),
            common.threat,
            reason,
            document,
        )

    def _common_of(self, rule: Rule) -> _Common:
        known = self._common.get(rule.rule_id)
        if known is None or known.rule is not rule:  # a changed rule is another one
            threat = attack.ids(rule.parameters.get("threat"))
            known = _Common(rule, rule_fields(rule, rule.name), threat)
            self._common[rule.rule_id] = known
        return known


def _each(docs: Sequence[Doc], field: str) -> list[Any]:
    """The first value of a field in each of ``docs`` that has one."""
    return [found[0] for doc in docs if (found := values(doc, field))]


def _text(found: Sequence[Any]) -> str:
    return next((text for one in found if (text := str(one))), "")


def fill(template: str, docs: Sequence[Doc]) -> str:
    """``template`` with each ``{{field}}`` replaced by the first value any of ``docs`` has.

    A field that none has becomes "unknown".
    """
    return PLACEHOLDER.sub(lambda found: str(_value(docs, found[1], "unknown")), template)


def _value(docs: Sequence[Doc], field: str, missing: object = None) -> object:
    return next((found[0] for doc in docs if (found := values(doc, field))), missing)


def _happened(
    docs: Sequence[Doc], process: str, parents: Sequence[Any], destinations: Sequence[Any]
) -> Iterator[str]:
    """The beginning of an alert's reason, in the manner of Kibana's: what happened."""
    kinds = list(dict.fromkeys(str(kind) for doc in docs for kind in values(doc, "event.category")))
    yield f"{', '.join(kinds)} event" if kinds else "event"
    if process:
        yield f"with process {process},"
    if parents and parents[0]:
        yield f"parent process {parents[0]},"
    if destinations and destinations[0]:
        port = _value(docs, "destination.port")
        yield f"destination {destinations[0]}" + (f":{port}," if port else ",")


def _intersection(docs: Sequence[Doc]) -> Doc:
    """The fields all of ``docs`` share: equal values, and the common elements of lists. What holds
    nothing is left out."""
    common = _filled(docs[0])
    for doc in docs[1:]:
        common = _shared(common, doc)
    return common


def _shared(mine: Doc, theirs: Doc) -> Doc:
    shared: Doc = {}
    for key, value in mine.items():
        their: Any = theirs.get(key)
        if value.__class__ is dict:
            inner: Any = _shared(value, their) if their.__class__ is dict else None
        elif value.__class__ is list:
            inner = [one for one in value if one in their] if their.__class__ is list else None
        else:
            if their == value:
                shared[key] = value
            continue
        if inner:
            shared[key] = inner
    return shared


def _filled(doc: Doc) -> Doc:
    """A document without the objects and lists that hold nothing."""
    filled: Doc = {}
    for key, value in doc.items():
        if value.__class__ is dict:
            value = _filled(value)
        elif value.__class__ is not list:
            filled[key] = value
            continue
        if value:
            filled[key] = value
    return filled


def _original_event(doc: Doc) -> Doc:
    event = nested(doc, "event")
    return {name: event[key] for key, name in _ORIGINAL if key in event}


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
