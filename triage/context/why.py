"""Why an alert came, and which alerts its rule's drill-downs find."""

from __future__ import annotations

from dataclasses import dataclass

from triage import times
from triage.case.model import AlertDetail, AlertRow
from triage.case.read import CaseReader
from triage.context.ask import about_alerts
from triage.context.related import MAX_EVENTS, WINDOW
from triage.eql import EqlError, explain, parse, search
from triage.fields import nested


@dataclass(frozen=True, slots=True)
class DrillDown:
    """A search the rule offers from its alert, and what it finds."""

    name: str
    query: str  # EQL, the alert's values filled in
    window: str  # "7 d" before the alert, "alert": around it
    results: tuple[AlertRow, ...]  # the other alerts it finds, newest first
    problem: str  # why it could not be run, "" where it could


@dataclass(frozen=True, slots=True)
class MatchedTest:
    """A test of the rule's query that held, with the values that made it hold."""

    stage: int
    text: str  # as the rule writes it
    fields: tuple[str, ...]
    values: tuple[str, ...]


def matched_values(alert: AlertDetail) -> tuple[MatchedTest, ...]:
    """The tests of the rule's query that the matched events passed, with their values."""
    query_text = nested(alert.doc, "kibana.alert.rule.parameters").get("query", "")
    try:
        query = parse(query_text)
    except EqlError:
        return ()  # the rule is of a kind whose query is not EQL
    stages = [stage for stage in query.stages if not stage.missing]
    tests: list[MatchedTest] = []
    for one, stage in zip(alert.matched, stages, strict=False):
        tests.extend(
            MatchedTest(one.stage, test.text, tuple(test.fields), tuple(map(str, test.values)))
            for test in explain(stage, one.event.doc)
            if test.passed and test.values
        )
    return tuple(tests)


def drilldowns(case: CaseReader, alert: AlertDetail) -> tuple[DrillDown, ...]:
    """The rule's drill-downs that look for alerts, each run over those of the case.

    Such a drill-down is an EQL query over alert documents; its window reaches from so long before
    the alert to the alert itself, or ``WINDOW`` to both sides where it has none of its own.
    """
    found: list[DrillDown] = []
    given = alert.doc.get("triage.drilldowns")
    for one in given if isinstance(given, list) else []:
        name, query = str(one.get("name", "")), str(one.get("query", ""))
        if not about_alerts(query):
            continue  # it is a question to the logs
        window = times.duration(str(one.get("window", "")))
        start = alert.row.time - (WINDOW if window is None else window)
        end = alert.row.time + (WINDOW if window is None else 0)
        rows = {row.id: row for row in case.alerts() if start <= row.time <= end}
        newest = sorted(rows.values(), key=lambda row: row.time, reverse=True)[:MAX_EVENTS]
        try:
            hits = search(query, case.documents(row.id for row in newest), size=MAX_EVENTS)
            ids = {str(hit.events[0]["kibana.alert.uuid"]) for hit in hits if hit.events[0]}
            problem = ""
        except EqlError as error:
            ids, problem = set(), str(error)
        results = tuple(row for row in newest if row.id in ids and row.id != alert.row.id)
        found.append(DrillDown(name, query, str(one.get("window", "")), results, problem))
    return tuple(found)
