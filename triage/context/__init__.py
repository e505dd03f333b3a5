"""Around one alert: its process tree, its connections, what else happened on the host, and why."""

from triage.context.connections import Connection, connections, scope
from triage.context.related import WINDOW, Around, around, describe
from triage.context.search import Condition, Progress, Wanted, fields_with, same_value, search
from triage.context.techniques import Threat, technique_ids, threats
from triage.context.tree import ProcessNode, process_tree
from triage.context.why import DrillDown, MatchedTest, drilldowns, matched_values

__all__ = [
    "WINDOW",
    "Around",
    "Condition",
    "Connection",
    "DrillDown",
    "MatchedTest",
    "ProcessNode",
    "Progress",
    "Threat",
    "Wanted",
    "around",
    "connections",
    "describe",
    "drilldowns",
    "fields_with",
    "matched_values",
    "process_tree",
    "same_value",
    "scope",
    "search",
    "technique_ids",
    "threats",
]
