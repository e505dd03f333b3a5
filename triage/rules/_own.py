"""What a rule file says in the tables of our own: ``[triage.risk]``, ``[triage.incident]`` and
``[[triage.drilldown]]``.
"""

from __future__ import annotations

from typing import Any

from triage import times
from triage.eql import EqlError, parse
from triage.rules._file import RuleFile, child, is_int, tables, text
from triage.rules._model import (
    PLACEHOLDER,
    Drilldown,
    Incident,
    RiskBased,
    RiskObject,
    ThreatObject,
)


def risk_of(file: RuleFile, risk_score: int) -> RiskBased | None:
    """What its alerts add to whose risk; None where ``[triage.risk]`` does not say that."""
    table = child(child(file.tables, "triage"), "risk")
    if not table:
        return None
    impact, confidence = table.get("impact"), table.get("confidence")
    for name, given in (("impact", impact), ("confidence", confidence)):
        if not (is_int(given) and 0 <= given <= 100):
            message = f"triage.risk.{name} must be a whole number from 0 to 100; not used"
            file.problem(message, "triage", "risk", name)
            return None
    risk = RiskBased(
        impact=int(impact or 0),
        confidence=int(confidence or 0),
        message=text(table, "message").strip(),
        objects=tuple(
            RiskObject(text(entry, "field"), text(entry, "type"), _score(entry))
            for entry in tables(table.get("objects"))
            if text(entry, "field")
        ),
        threat_objects=tuple(
            ThreatObject(text(entry, "field"), text(entry, "type"))
            for entry in tables(table.get("threat_objects"))
            if text(entry, "field")
        ),
    )
    if risk.impact * risk.confidence != risk_score * 100:
        message = (
            f"impact {risk.impact} times confidence {risk.confidence} % is "
            f"{risk.impact * risk.confidence / 100:g}, but rule.risk_score is {risk_score}; "
            "make them agree"
        )
        file.problem(message, "triage", "risk", "impact")
    return risk


def incident_of(file: RuleFile) -> Incident | None:
    """When a rule of type "risk" alerts; None, and a problem, where that is not said."""
    table = child(child(file.tables, "triage"), "incident")
    place = ("triage", "incident") if table else ("rule", "type")
    window = times.duration(text(table, "window"))
    least = {name: table.get(name, 0) for name in ("score", "tactics", "rules")}
    if not window:
        message = 'a rule of type "risk" needs [triage.incident] with a window like "24h"'
    elif not all(is_int(given) and given >= 0 for given in least.values()):
        message = "score, tactics and rules of triage.incident are whole numbers from 0 up"
    elif not any(least.values()):
        message = "triage.incident asks for nothing: give it a score, tactics or rules"
    else:
        return Incident(window, **least, message=text(table, "message").strip())
    file.problem(f"{message}; the rule does not run", *place, warning=False)
    return None


def drilldowns_of(file: RuleFile) -> tuple[Drilldown, ...]:
    """The searches to start from its alerts; one that is wrong is a problem, and left out."""
    entries = tables(child(file.tables, "triage").get("drilldown"))
    found = (_drilldown(file, index, entry) for index, entry in enumerate(entries))
    return tuple(drilldown for drilldown in found if drilldown is not None)


def _drilldown(file: RuleFile, index: int, entry: dict[str, Any]) -> Drilldown | None:
    place = ("triage", "drilldown", index)
    name, query, window = (text(entry, key) for key in ("name", "query", "window"))
    span = None if window == "alert" else times.duration(window)
    if window != "alert" and not span:
        message = f'window {window!r} is neither "alert" nor a time like "7d"; not used'
        file.problem(message, *place, "window")
    elif not name or not query:
        file.problem("a drill-down needs a name and a query; not used", *place)
    else:
        found = Drilldown(name, query, span)
        try:
            # Padded to the placeholder's width, so that a fault is shown at its column.
            parse(PLACEHOLDER.sub(lambda match: f'"{"x" * (len(match[0]) - 2)}"', query))
        except EqlError as error:
            file.wrong_query(error, *place, "query")
        else:
            return found
    return None


def _score(entry: dict[str, Any]) -> int | None:
    score = entry.get("score")
    return score if is_int(score) and 0 <= score <= 100 else None
