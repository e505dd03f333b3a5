"""Around one alert: its process tree, its connections, what else happened on the host, and why."""

from triage.context.connections import Connection, connections, scope
from triage.context.related import WINDOW, Around, around, describe
from triage.context.techniques import Threat, technique_ids, threats
from triage.context.tree import ProcessNode, process_tree
from triage.context.why import DrillDown, MatchedTest, drilldowns, matched_values

__all__ = [
    "WINDOW",
    "Around",
    "Connection",
    "DrillDown",
    "MatchedTest",
    "ProcessNode",
    "Threat",
    "around",
    "connections",
    "describe",
    "drilldowns",
    "matched_values",
    "process_tree",
    "scope",
    "technique_ids",
    "threats",
]
