"""Risk: how much an alert adds to which users and hosts.

Risk-based alerting as Splunk means it. Everything here is a function of an alert's document; the
case keeps the scores, and :mod:`triage.incident` tells when they are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from triage import attack
from triage.fields import Doc, tables

HOST, USER, OTHER = "host", "user", "other"
_KINDS = {"user": USER, "system": HOST, "host": HOST, "hostname": HOST, "endpoint": HOST}
# Accounts that every machine has: their risk would be that of the whole fleet, and tell nothing.
# Not told by SID: what collectors call ``user.id`` of a Sysmon event is that of Sysmon, SYSTEM.
_SHARED_NAMES = frozenset(
    {"system", "local service", "network service", "anonymous logon", "root", "-", ""}
)
_SHARED_DOMAINS = frozenset(
    {
        *("nt authority", "nt-autorität", "autorite nt", "autoridad nt", "nt instans"),
        *("nt service", "window manager", "font driver host"),
    }
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one alert adds to the risk of one entity."""

    kind: str  # HOST, USER or OTHER
    entity: str  # the name without case: what contributions are added up by
    name: str  # as the alert writes it
    score: float  # 0-100
    tactics: tuple[str, ...]  # ATT&CK ids that the rule names


def contributions(
    doc: Doc, host: str, user: str, risk_score: float, threat: str | None = None
) -> tuple[Contribution, ...]:
    """What an alert adds to whom: to the risk objects that its rule names, each with the score it
    gives, else to the alert's host and user, with the alert's own score. ``threat``: the ids of its
    tactics and techniques, where they are known already."""
    given = tables(doc.get("triage.risk.objects"))
    if "triage.risk.objects" in doc:
        named = [
            (
                _KINDS.get(str(one.get("type", "")).lower(), OTHER),
                _full_user(str(one.get("field", "")), str(one.get("value", "")), user),
                one.get("score"),
            )
            for one in given
        ]
    else:
        named = [(HOST, host, risk_score), (USER, user, risk_score)]
    if threat is None:
        threat = attack.ids(tables(doc.get("kibana.alert.rule.threat")))
    tactics = tuple(one for one in threat.split() if one.startswith("TA"))
    found: dict[tuple[str, str], Contribution] = {}
    for kind, name, score in named:
        if not isinstance(score, int | float) or score <= 0 or not name:
            continue
        if kind == USER and _shared(name):
            continue
        one = Contribution(kind, name.lower(), name, float(score), tactics)
        key = (kind, one.entity)
        if key not in found or found[key].score < one.score:
            found[key] = one
    return tuple(found.values())


def _full_user(field: str, value: str, user: str) -> str:
    """``DOMAIN\\name`` where the rule's field gives the name alone: one person is one entity."""
    bare = field == "user.name" and user.lower().endswith("\\" + value.lower())
    return user if bare and value else value


def _shared(name: str) -> bool:
    domain, _, bare = name.lower().rpartition("\\")
    return bare in _SHARED_NAMES or domain in _SHARED_DOMAINS
