"""Rules: Elastic's rule files (TOML), and our own few keys for what Splunk's detections say.

Every key of an Elastic rule means what Kibana's detection engine makes of it. What that format has
no place for stands in a top-level table of its own, which Elastic's tools leave alone::

    [triage.risk]                       # risk-based alerting, as in a Splunk detection
    impact = 80                         # 0-100
    confidence = 100                    # 0-100; impact * confidence / 100 = rule.risk_score
    message = "{{process.parent.name}} started {{process.name}} on {{host.name}}"
    objects = [{ field = "user.name", type = "user", score = 80 }]
    threat_objects = [{ field = "process.name", type = "process_name" }]

    [[triage.drilldown]]                # a search an analyst starts from the alert
    name = "Other results for {{user.name}} on {{host.name}}"
    query = "any where user.name == {{user.name}}"   # a placeholder stands for a whole literal
    window = "7d"                       # before the alert, or "alert": the alert's own time

A rule of ``type = "risk"`` has no query. It reads the alerts of one user or host, as a risk
incident rule of Splunk does, and alerts itself where there is enough of all that it asks for::

    [triage.incident]
    window = "7d"                       # of event time
    score = 100                         # the least sum of the alerts' scores
    tactics = 3                         # the least number of ATT&CK tactics
    rules = 2                           # the least number of rules
    message = "{{triage.risk.object.value}} reached {{triage.risk.score}}"
"""

from triage.rules._kept import cache_fault
from triage.rules._lint import lint
from triage.rules._load import load_rules
from triage.rules._model import (
    PLACEHOLDER,
    SEVERITIES,
    Drilldown,
    Incident,
    RiskBased,
    RiskObject,
    Rule,
    RuleSet,
    SeverityMapping,
    ThreatObject,
    eql_literal,
)

__all__ = [
    "PLACEHOLDER",
    "SEVERITIES",
    "Drilldown",
    "Incident",
    "RiskBased",
    "RiskObject",
    "Rule",
    "RuleSet",
    "SeverityMapping",
    "ThreatObject",
    "cache_fault",
    "eql_literal",
    "lint",
    "load_rules",
]
