"""Incidents: when the risk of a user or a host is an alert of its own, and that alert.

As Splunk's risk incident rules do it. Everything here is a function of scores and rules.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from triage import attack, times
from triage.alert import Alert, alert_id, fill, rule_fields
from triage.fields import Doc, tables
from triage.risk import HOST, USER
from triage.rules import Incident, Rule

_MAX_TOLD = 100  # alerts named in the document of an incident


@dataclass(frozen=True, slots=True)
class Part:
    """A contribution as it counts towards an incident."""

    time: int  # ns, the alert's
    alert_id: str
    score: float
    rule_id: str
    tactics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """An alert that an incident is made of."""

    part: Part
    rule_name: str
    host: str
    user: str
    entity_id: str  # of its process
    doc: Doc  # its document; empty where another alert of the rule is among the members before it


def crossings(
    parts: Iterable[Part], incident: Incident, quiet_until: int
) -> Iterator[tuple[Part, ...]]:
    """When an entity's risk is an incident: for each, the parts within its window up to the one
    that was enough, which is the last.

    ``parts`` in order of time and alert id, beginning a window before ``quiet_until`` (ns). An
    incident is told once a window: the next can begin when it is as long ago as the window is long.
    """
    window: deque[Part] = deque()
    tactics: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    total = 0  # whole thousandths: it must not matter in which order scores were added up
    for part in parts:
        window.append(part)
        total += _thousandths(part)
        tactics.update(part.tactics)
        rules[part.rule_id] += 1
        while window[0].time <= part.time - incident.window:
            gone = window.popleft()
            total -= _thousandths(gone)
            for bag, names in ((tactics, gone.tactics), (rules, (gone.rule_id,))):
                bag.subtract(names)
                for name in names:
                    if not bag[name]:
                        del bag[name]
        if (
            part.time >= quiet_until
            and total >= incident.score * 1000
            and len(tactics) >= incident.tactics
            and len(rules) >= incident.rules
        ):
            yield tuple(window)
            quiet_until = part.time + incident.window


def _thousandths(part: Part) -> int:
    return round(part.score * 1000)


def incident_id(rule: Rule, kind: str, entity: str, crossing: int) -> str:
    """The same rule, entity and period is the same incident, whenever its alerts came in. Two
    incidents of one entity lie a window apart, so no two fall into one period."""
    window = rule.incident.window if rule.incident else 1
    return alert_id(rule.rule_id, [kind, entity, str(crossing // window)])


def build(rule: Rule, kind: str, name: str, members: Sequence[Member], now: int) -> Alert:
    """The alert of an incident. ``members``: its alerts in order of time; ``now`` (ns): when it
    is made."""
    incident = rule.incident
    assert incident is not None, "only a risk rule makes incidents"  # noqa: S101 - the contract
    last = members[-1]
    crossing = last.part.time
    id_ = incident_id(rule, kind, name.lower(), crossing)
    score = sum(_thousandths(one.part) for one in members) / 1000
    # A host's incident names no user: its row in the list then says whose risk it is.
    host = name if kind == HOST else _common(one.host for one in members)
    user = name if kind == USER else ""
    threat = _threats(members)
    rules = Counter(one.rule_name for one in members)
    tactics = [_tactic_name(_child(one, "tactic")) for one in threat]
    made = times.iso(now - now % 1_000_000)
    document: Doc = {
        "@timestamp": made,
        "event": {"kind": "signal"},
        **({"host": {"name": host}} if host else {}),
        **({"user": {"name": user}} if user else {}),
        "kibana.alert.uuid": id_,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.original_time": times.iso(crossing),
        "kibana.alert.start": made,
        "kibana.alert.last_detected": made,
        "kibana.alert.severity": rule.severity,
        "kibana.alert.risk_score": min(100.0, score),
        "kibana.alert.depth": 2,
        "kibana.alert.ancestors": [
            {"id": one.part.alert_id, "type": "signal", "index": "", "depth": 1}
            for one in members[-_MAX_TOLD:]
        ],
        **rule_fields(rule, rule.name),
        "kibana.alert.rule.threat": threat,
        "triage.risk.object.type": kind,
        "triage.risk.object.value": name,
        "triage.risk.score": int(score) if score == int(score) else score,
        "triage.risk.window": _span(incident.window),
        "triage.risk.alert_count": len(members),
        "triage.risk.rule_count": len(rules),
        "triage.risk.rules": ", ".join(rule_name for rule_name, _ in rules.most_common()),
        "triage.risk.tactic_count": len(tactics),
        "triage.risk.tactics": ", ".join(tactics),
        "triage.risk.alerts": [
            {
                "id": one.part.alert_id,
                "rule": one.rule_name,
                "time": times.iso(one.part.time),
                "score": one.part.score,
            }
            for one in members[-_MAX_TOLD:]
        ],
    }
    message = fill(incident.message, [document]) or f"the risk of {name} is {score:g}"
    document["triage.risk.message"] = message
    document["kibana.alert.reason"] = message
    return Alert(
        id=id_,
        rule_id=rule.rule_id,
        rule_name=rule.name,
        severity=rule.severity,
        risk_score=min(100.0, score),
        time=crossing,
        bucket=crossing // incident.window,
        host=host,
        user=user,
        process="",
        entity_id=last.entity_id if host == last.host else "",
        parent="",
        destination="",
        threat=attack.ids(threat),
        reason=message,
        doc=document,
    )


def _span(window: int) -> str:
    """A window in hours up to two days: "24 h"."""
    hours, rest = divmod(window, 3600 * times.SECOND)
    return f"{hours} h" if hours <= 48 and not rest else times.span(window)


def _common(given: Iterable[str]) -> str:
    """The one value that all have; "" where they differ."""
    found = set(given)
    return found.pop() if len(found) == 1 else ""


def _threats(members: Sequence[Member]) -> list[Doc]:
    """The tactics and techniques of all members' rules, each tactic once."""
    found: dict[str, Doc] = {}
    for member in members:
        for threat in tables(member.doc.get("kibana.alert.rule.threat")):
            tactic = str(_child(threat, "tactic").get("id", ""))
            known = found.setdefault(tactic, {**threat, "technique": []})
            have = [one.get("id") for one in known["technique"]]
            fresh = [one for one in tables(threat.get("technique")) if one.get("id") not in have]
            known["technique"] = [*known["technique"], *fresh]
    return list(found.values())


def _tactic_name(tactic: Doc) -> str:
    known = attack.tactic(str(tactic.get("id", "")))
    return known.name if known else str(tactic.get("name", ""))


def _child(doc: Doc, name: str) -> Doc:
    found = doc.get(name)
    return found if isinstance(found, dict) else {}
