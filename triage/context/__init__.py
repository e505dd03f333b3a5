"""Around one alert: its process tree, its connections, what else happened on the host, and why."""

from triage.context.ask import Asked, alerts_for, answer, ask, filled, over_logs
from triage.context.backtest import Looked, backtest
from triage.context.connections import Connection, connections, scope
from triage.context.describe import describe
from triage.context.destinations import Destination, destinations
from triage.context.host_tree import Forest, host_tree
from triage.context.kin import TIES, Kin, kin
from triage.context.related import WINDOW, Around, around, between, nearest
from triage.context.search import Condition, Progress, Wanted, fields_with, same_value, search
from triage.context.techniques import Threat, technique_ids, threats
from triage.context.timeline import LANES, Timeline
from triage.context.touched import Touched, touched
from triage.context.tree import ProcessNode, family, process_tree, signers
from triage.context.why import DrillDown, MatchedTest, drilldowns, matched_values

__all__ = [
    "LANES",
    "TIES",
    "WINDOW",
    "Around",
    "Asked",
    "Condition",
    "Connection",
    "Destination",
    "DrillDown",
    "Forest",
    "Kin",
    "Looked",
    "MatchedTest",
    "ProcessNode",
    "Progress",
    "Threat",
    "Timeline",
    "Touched",
    "Wanted",
    "alerts_for",
    "answer",
    "around",
    "ask",
    "backtest",
    "between",
    "connections",
    "describe",
    "destinations",
    "drilldowns",
    "family",
    "fields_with",
    "filled",
    "host_tree",
    "kin",
    "matched_values",
    "nearest",
    "over_logs",
    "process_tree",
    "same_value",
    "scope",
    "search",
    "signers",
    "technique_ids",
    "threats",
    "touched",
]
