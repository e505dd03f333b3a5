"""What a rule is: plain values, the same in every process."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from triage.eql import Query
from triage.errors import Problem

SEVERITIES = {"low": 21, "medium": 47, "high": 73, "critical": 99}  # Elastic's usual risk scores
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d+)?")  # as both EQL and the log write numbers
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.@-]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class SeverityMapping:
    """The alert is as severe as ``severity`` where the event's ``field`` equals ``value``."""

    field: str
    value: str
    severity: str


@dataclass(frozen=True, slots=True)
class RiskObject:
    """A field whose value is at risk (a user, a system); ``score`` is 0-100."""

    field: str
    type: str
    score: int | None  # None: as much as the alert's own


@dataclass(frozen=True, slots=True)
class ThreatObject:
    """A field whose value is the attacker's (a process, an address)."""

    field: str
    type: str


@dataclass(frozen=True, slots=True)
class RiskBased:
    """Risk-based alerting: how bad, how sure, about whom, and in which words."""

    impact: int  # 0-100
    confidence: int  # 0-100
    message: str  # with {{field}} placeholders
    objects: tuple[RiskObject, ...]
    threat_objects: tuple[ThreatObject, ...]

    @property
    def score(self) -> int:
        """Impact times confidence, 0-100 (Splunk's ``tags.risk_score``)."""
        return self.impact * self.confidence // 100


@dataclass(frozen=True, slots=True)
class Incident:
    """When the risk that gathered on one user or host is an alert of its own (Splunk's risk
    incident rule): what is asked for must all be there within ``window``."""

    window: int  # ns
    score: int  # the least sum of scores; 0: not asked for
    tactics: int  # the least number of ATT&CK tactics; 0: not asked for
    rules: int  # the least number of rules; 0: not asked for
    message: str  # with {{triage.risk.…}} placeholders


@dataclass(frozen=True, slots=True)
class Drilldown:
    """A search to start from an alert. It sees events and alerts (``event.kind : "signal"``)."""

    name: str  # with {{field}} placeholders, as plain text
    query: str  # EQL in which each {{field}} stands for a whole literal
    window: int | None  # ns before the alert; None: the time the alert itself spans

    def filled(self, value: Callable[[str], object]) -> str:
        """The query with ``value(field)`` as an EQL literal for each placeholder.

        Whatever the log holds stays one literal: it can not become part of the query.
        """
        return PLACEHOLDER.sub(lambda match: eql_literal(value(match[1])), self.query)


@dataclass(frozen=True, slots=True)
class Rule:
    """One detection rule; a rule that can not run is shown, with the ``reason`` why."""

    rule_id: str
    name: str
    description: str
    version: int
    severity: str  # a key of SEVERITIES
    risk_score: int  # 0-100
    type: str  # "eql", "query", "threshold", …
    text: str  # the query as written
    # Parsed; None where it can not run. Compared by identity: the same text is the same query.
    query: Query | None = field(compare=False)
    runnable: bool  # its query can be run over events
    reason: str  # why it can not run; "" where it can
    interval: int  # ns
    lookback: int  # ns; ``from`` "now-9m" is nine minutes
    max_signals: int  # alerts an interval
    tags: tuple[str, ...]
    references: tuple[str, ...]
    false_positives: tuple[str, ...]
    note: str  # the guide, Markdown; plugins as !{osquery{…}} and !{investigate{…}}
    setup: str  # Markdown
    author: tuple[str, ...]
    license: str
    building_block: bool
    enabled: bool
    exceptions_list: tuple[str, ...]  # the list_id of each of Kibana's exception lists it names
    severity_mapping: tuple[SeverityMapping, ...]
    risk_score_mapping: str  # field whose number is the risk score; "" without (the first counts)
    rule_name_override: str  # field whose value names the alert; "" without
    event_category_field: str
    tiebreaker_field: str  # "" without
    investigation_fields: tuple[str, ...]
    risk: RiskBased | None
    drilldowns: tuple[Drilldown, ...]
    incident: Incident | None  # of a rule of type "risk", which reads alerts instead of events
    path: str
    fingerprint: str  # of what affects matching: the same means the same alerts
    # The [rule] table as it is: from here its ATT&CK, and what only Kibana asks for, are told.
    parameters: dict[str, Any] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of some files and folders, and what is wrong with them."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def eql_literal(value: object) -> str:
    """``value`` as a literal of EQL: null, true, 5, 0.5, or a string with everything escaped."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and _NUMBER.fullmatch(str(value)):
        return str(value)
    out = ['"']
    for char in str(value):
        if char in '\\"':
            out.append("\\" + char)
        elif char.isprintable():
            out.append(char)
        else:
            out.append(f"\\u{{{ord(char):02x}}}")
    return "".join([*out, '"'])
