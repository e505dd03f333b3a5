"""Ask: a guide's questions to the logs, filled in from the alert and made a search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from triage import times
from triage.case.model import AlertDetail, AlertRow
from triage.case.read import CaseReader
from triage.context.related import WINDOW
from triage.context.search import Condition, Wanted, event_query, parts, search
from triage.eql import EqlError
from triage.fields import tables, values
from triage.markdown import Filter, Investigation
from triage.rules import PLACEHOLDER

MAX_BLOCKS = 64  # about as many MB of logs are read for a count that nobody asked for yet
MAX_ALERTS = 2_000  # alerts looked at for one question, the newest
_DAY = 86_400 * times.SECOND
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "M": 30 * 86_400,
          "y": 365 * 86_400}  # fmt: skip
_ALERTS = re.compile(r'kibana\.alert\.|event\.kind\s*(?:==|:)\s*"signal"')
_DATE_MATH = re.compile(r"now(?:-(\d{1,6})([smhdwMy]))?(?:/[smhdwMy])?")
# What names the same thing where an export does not carry the field of the question.
_STAND_INS = {"host.id": "host.name", "user.id": "user.name", "agent.id": "host.name",
              "winlog.computer_name": "host.name"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is ready to be searched for, or why it is not."""

    label: str
    wanted: Wanted
    alerts: bool  # it asks for other alerts of the case, not for events
    alert_id: str  # of the alert that is asked about
    window: str  # how far it looks, in words: "within 2 d", "the 7 d before"
    notes: tuple[str, ...] = ()  # what was taken in place of what the alert does not have
    problem: str = ""  # why it can not be asked


def ask(alert: AlertDetail, question: Investigation) -> Asked:
    """The question with the alert's values for its {{fields}}.

    "now-48h" is 48 hours to both sides of the alert: what came after it is as telling as what was
    before, and logs are read days later.
    """
    span = _look_back(question.start)
    first = min((one.event.time for one in alert.matched), default=alert.row.time)
    notes: list[str] = []
    problems: list[str] = []
    groups: list[tuple[Condition, ...]] = []
    alerts = False
    for group in question.groups:
        conditions: list[Condition] = []
        for one in group:
            if one.field == "event.kind" and one.value == "signal" and not one.excluded:
                alerts = True
                continue
            found = _condition(alert, one, notes, problems)
            if found is not None:
                conditions.append(found)
        groups.append(tuple(conditions))
    host = alert.row.host if all(_on_host(group, alert.row.host) for group in groups) else ""
    wanted = Wanted(tuple(groups), first - span, alert.row.time + span, host)
    return Asked(
        question.label,
        wanted,
        alerts,
        alert.row.id,
        f"within {times.span(span)}",
        tuple(dict.fromkeys(notes)),
        ", ".join(dict.fromkeys(problems)),
    )


def over_logs(alert: AlertDetail) -> tuple[Asked, ...]:
    """The drill-downs of the alert's rule that look for events: EQL with the alert's values filled
    in, over so long before the alert, or ``WINDOW`` to both sides of it."""
    found: list[Asked] = []
    for one in tables(alert.doc.get("triage.drilldowns")):
        query, window = str(one.get("query", "")), times.duration(str(one.get("window", "")))
        if about_alerts(query):
            continue
        start = alert.row.time - (WINDOW if window is None else window)
        end = alert.row.time + (WINDOW if window is None else 0)
        problem = ""
        try:
            event_query(query)
        except EqlError as error:
            problem = error.message
        told = "around the alert" if window is None else f"the {one.get('window')} before"
        wanted = Wanted((), start, end, query=query)
        found.append(
            Asked(str(one.get("name", "")), wanted, False, alert.row.id, told, problem=problem)
        )
    return tuple(found)


def about_alerts(query: str) -> bool:
    """Whether a drill-down looks for alerts: it names a field of theirs alone, or their kind."""
    return _ALERTS.search(query) is not None


def _look_back(text: str) -> int:
    found = _DATE_MATH.fullmatch(text.strip())
    if found is None or found[1] is None:
        return _DAY  # what Kibana takes where a guide says nothing
    return int(found[1]) * _UNITS[found[2]] * times.SECOND


def _condition(
    alert: AlertDetail, one: Filter, notes: list[str], problems: list[str]
) -> Condition | None:
    kind = {"phrase": "is"}.get(one.kind, one.kind)
    made = Condition(one.field, one.value, kind, _number(one.low), _number(one.high), one.excluded)
    names = PLACEHOLDER.findall(one.value)
    if not names:
        return made
    filled = one.value
    for name in names:
        value = field_value(alert, name)
        stand_in = _STAND_INS.get(name, "")
        if not value and stand_in and one.field == name and (other := field_value(alert, stand_in)):
            notes.append(f"by {stand_in}: the alert has no {name}")
            return replace(made, field=stand_in, value=other)
        if not value:
            problems.append(f"the alert has no {name}")
            return None
        filled = PLACEHOLDER.sub(
            lambda match, name=name, value=value: value if match[1] == name else match[0],  # type: ignore[misc] # both are bound here
            filled,
        )
    return replace(made, value=filled)


def field_value(alert: AlertDetail, name: str) -> str:
    """The alert's first value of a field, in its document or its events; "" without one."""
    for doc in (alert.doc, *(one.event.doc for one in alert.matched)):
        found = values(doc, name)
        if found:
            return str(found[0])
    return ""


def filled(alert: AlertDetail, query: str) -> str:
    """An SQL query with the alert's values for its {{fields}}; those it does not have stay.

    A value stays part of the literal it stands in, or becomes one where it stands in none: whatever
    a log holds, it can not become part of the query.
    """
    out: list[str] = []
    quote, end = "", 0  # the quote we are inside of
    for match in PLACEHOLDER.finditer(query):
        before = query[end : match.start()]
        for char in before:
            if char in "'\"":
                quote = "" if char == quote else quote or char
        end = match.end()
        value = field_value(alert, match[1])
        mark = quote or "'"
        told = value.replace(mark, mark * 2)
        out += [before, match[0] if not value else told if quote else f"'{told}'"]
    return "".join([*out, query[end:]])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _on_host(group: tuple[Condition, ...], host: str) -> bool:
    return any(one.field == "host.name" and one.value == host and not one.excluded for one in group)


def answer(case: CaseReader, asked: Asked) -> int | None:
    """How many events or other alerts there are; None where counting means reading much."""
    if asked.problem:
        return None
    if asked.alerts:
        return len(alerts_for(case, asked))
    if len(parts(case, asked.wanted)) > MAX_BLOCKS:
        return None
    found = 0
    for progress in search(case, asked.wanted):
        found = progress.found
    return found


def alerts_for(case: CaseReader, asked: Asked) -> list[AlertRow]:
    """The other alerts of the case that a question asks for, the newest first."""
    rows = _recent(case, asked.wanted)
    return [row for row in rows if row.id != asked.alert_id and _holds(case, row, asked.wanted)]


def _recent(case: CaseReader, wanted: Wanted) -> Iterator[AlertRow]:
    start, end = wanted.start or 0, wanted.end or times.SECOND << 33
    yield from reversed(case.alerts_between(wanted.host, start, end, MAX_ALERTS, newest=True))


def _holds(case: CaseReader, row: AlertRow, wanted: Wanted) -> bool:
    for doc in case.documents([row.id]):
        return any(wanted.holds(one) for one in (doc, *doc["triage.events"]))
    return False
