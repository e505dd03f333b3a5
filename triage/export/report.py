"""What a report tells, before anybody says in which format: facts, matrix, decisions, evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triage import __version__, attack, guide, times
from triage.case.model import AlertDetail, AlertRow, JournalEntry, Tick
from triage.case.verify import Verdict, verify
from triage.case.words import CLOSE_WORDS
from triage.context import (
    WINDOW,
    Connection,
    MatchedTest,
    ProcessNode,
    around,
    connections,
    matched_values,
    process_tree,
    threats,
)
from triage.event import Event
from triage.export.selection import Selection, stands
from triage.fields import first_text
from triage.sources import read_range

MAX_DEEP = 300  # alerts told with all their evidence; of more, the table and the figures
MAX_NEARBY = 40  # events around an alert, the nearest ones
_RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class Cell:
    """A technique that alerts named."""

    technique: str  # id; "" for alerts that name the tactic alone
    name: str
    count: int  # of alerts nobody found harmless
    severity: str  # the worst of theirs


@dataclass(frozen=True, slots=True)
class Column:
    """A tactic with its techniques, the most frequent first."""

    tactic: str  # id
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """One thing somebody did, and how many of the selected alerts it was about."""

    entry: JournalEntry
    alerts: tuple[int, ...]  # their numbers, in order

    @property
    def why(self) -> str:
        """What was written with it."""
        detail = self.entry.detail
        named = "reason" if self.entry.action == "except" else "body"
        return str(detail.get(named) or detail.get("note") or "")


@dataclass(frozen=True, slots=True)
class Deep:
    """One alert with all that lies around it."""

    number: int  # its place in time among the selected alerts, from 1
    alert: AlertDetail
    tests: tuple[MatchedTest, ...]
    tree: ProcessNode | None
    connections: tuple[Connection, ...]
    nearby: tuple[Event, ...]  # in order, the matched events among them
    unseen: int  # further events nearby
    steps: tuple[guide.Step, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A case or a selection, to be told to people."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]  # label and value
    rows: tuple[AlertRow, ...]  # in order of time: the number of an alert is its place from 1
    matrix: tuple[Column, ...]  # in ATT&CK's order, tactics with alerts alone
    deep: tuple[Deep, ...]  # in order of time
    decided: tuple[Decided, ...]  # oldest first


def report(selection: Selection) -> Report:
    """Gather the report of a selection, telling the progress."""
    chosen = _chosen(selection.rows)
    numbers = {row.id: place for place, row in enumerate(selection.rows, start=1)}
    deep: list[Deep] = []
    for place, row in enumerate(chosen):
        selection.progress(place, len(chosen))
        if alert := selection.case.alert(row.id):
            deep.append(_deep(selection, numbers[row.id], alert))
    decided = _decided(selection, numbers)
    matrix = _matrix(selection)
    verdict = verify(selection.case.connection)
    selection.progress(len(chosen), len(chosen))
    return Report(
        title=selection.name,
        subtitle=(
            f"{selection.words} · handed over {stamp(selection.now)} by {selection.who}"
            f" · triage {__version__}"
        ),
        facts=tuple(_facts(selection, deep, verdict)),
        rows=selection.rows,
        matrix=matrix,
        deep=tuple(deep),
        decided=decided,
    )


def said_of(tick: Tick) -> str:
    """What somebody said of a response step: "failed by mara, 2026-03-12 16:00:00 UTC (offline)".
    Not escaped: it quotes people."""
    word = {"not_applicable": "not applicable", "": "noted"}.get(tick.outcome, tick.outcome)
    note = f" ({tick.note})" if tick.note else ""
    return f"{word} by {tick.who}, {stamp(tick.at)}{note}"


def stamp(at: int) -> str:
    """``2026-08-21 12:04:31 UTC``; ``-`` where there is no time."""
    return times.iso(at - at % times.SECOND)[:19].replace("T", " ") + " UTC" if at else "-"


def state(row: AlertRow) -> str:
    """An alert's state in words: "open", "closed as false positive", "acknowledged by mk"."""
    if row.status == "closed":
        return f"closed as {CLOSE_WORDS.get(row.close_reason, row.close_reason)}"
    return row.status + (f" by {row.assignee}" if row.assignee else "")


def _chosen(rows: Sequence[AlertRow]) -> list[AlertRow]:
    """The alerts to tell in depth: of too many those that matter most; in order of time."""

    def weight(row: AlertRow) -> tuple[bool, bool, int, float, int]:
        proven = row.close_reason == "true_positive"
        rank = _RANKS.get(row.severity, 4)
        return (not stands(row), not proven, rank, -row.risk_score, -row.time)

    kept = {row.id for row in sorted(rows, key=weight)[:MAX_DEEP]}
    return [row for row in rows if row.id in kept]


def _deep(selection: Selection, number: int, alert: AlertDetail) -> Deep:
    case, doc = selection.case, alert.doc
    # What the case keeps is enough, once it does: nobody waits for a report to read logs again.
    kept = case.gathered(alert.row.id)
    found = around(case, alert, WINDOW, (lambda *_: ()) if kept else read_range)
    middle = alert.row.time
    nearest = sorted(found.events, key=lambda event: abs(event.time - middle))[:MAX_NEARBY]
    steps = guide.steps(
        first_text(doc, "kibana.alert.rule.note"), first_text(doc, "kibana.alert.rule.setup")
    ).steps
    return Deep(
        number=number,
        alert=alert,
        tests=matched_values(alert),
        tree=process_tree(case, alert),
        connections=connections(alert, found.events),
        nearby=tuple(sorted(nearest, key=lambda event: event.order)),
        unseen=len(found.events) - len(nearest) + found.truncated,
        steps=steps,
    )


def _decided(selection: Selection, numbers: dict[str, int]) -> tuple[Decided, ...]:
    entries: dict[int, JournalEntry] = {}
    alerts: dict[int, list[int]] = {}
    for row in selection.rows:
        for entry in selection.case.history(row.id):
            entries[entry.id] = entry
            alerts.setdefault(entry.id, []).append(numbers[row.id])
    rules = {row.rule_id for row in selection.rows}
    for entry in selection.case.switches().values():  # about no alert, and about all to come
        if entry.detail.get("rule_id") in rules:
            entries[entry.id] = entry
    return tuple(Decided(entries[id_], tuple(alerts.get(id_, ()))) for id_ in sorted(entries))


def _matrix(selection: Selection) -> tuple[Column, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    worst: dict[tuple[str, str], str] = {}
    by_rule: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in filter(stands, selection.rows):
        if row.rule_id not in by_rule:  # the alerts of a rule name the same techniques
            alert = selection.case.alert(row.id)
            found = threats(alert.doc) if alert else ()
            by_rule[row.rule_id] = tuple((one.tactic, one.technique) for one in found)
        for key in by_rule[row.rule_id]:
            counts[key] += row.count
            known = worst.get(key, "")
            worst[key] = min(known or row.severity, row.severity, key=lambda s: _RANKS.get(s, 4))
    tactics = sorted({tactic for tactic, _ in counts}, key=attack.tactic_order)
    return tuple(
        Column(tactic, _name(attack.tactic(tactic), tactic), tuple(
            Cell(technique, _name(attack.technique(technique), technique), count,
                 worst[of, technique])
            for (of, technique), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
            if of == tactic
        ))
        for tactic in tactics
    )  # fmt: skip


def _name(known: attack.Tactic | attack.Technique | None, id_: str) -> str:
    return known.name if known else id_


def _facts(
    selection: Selection, deep: Sequence[Deep], verdict: Verdict
) -> Iterable[tuple[str, str]]:
    case, rows = selection.case, selection.rows
    severities = Counter(row.severity for row in rows)
    told = [f"{severities[name]:,} {name}" for name in _RANKS if severities[name]]
    yield "Alerts", f"{len(rows):,}" + (f": {', '.join(told)}" if told else "")
    if more := sum(row.collapsed for row in rows):
        yield "Further alerts", f"{more:,} beyond a rule's limit in one interval, counted only"
    states = Counter(
        f"closed as {CLOSE_WORDS.get(row.close_reason, 'other')}"
        if row.status == "closed"
        else row.status
        for row in rows
    )
    yield "State", ", ".join(f"{count:,} {word}" for word, count in states.most_common()) or "-"
    if rows:
        yield "Period", f"{stamp(rows[0].time)} to {stamp(rows[-1].time)}"
    yield "Hosts", _ranked(row.host for row in rows)
    yield "Users", _ranked(row.user for row in rows)
    yield "Rules", _ranked(row.rule_name for row in rows)
    ticks = [one.alert.ticks.get(step.id) for one in deep for step in one.steps]
    done = sum(tick.closed for tick in ticks if tick)
    steps = len(ticks)
    if steps:
        yield "Response steps", f"{done:,} of {steps:,} done"
    logs = {block[0] for block in case.blocks()} | {one.path for one in case.sources()}
    rejects, gaps = case.reject_count(), len(case.gaps())
    yield (
        "Logs",
        (
            f"{len(logs):,} read; {rejects:,} records could not be read,"
            f" {gaps:,} places where a log lost something"
        ),
    )
    whole = "whole" if verdict.whole else f"NOT WHOLE: {verdict.faults[0].what}"
    end = f"; its last entry has the hash {verdict.end}" if verdict.end else ""
    yield "Journal", f"{verdict.entries:,} entries, {whole}{end}"
    if len(deep) < len(rows):
        yield (
            "In depth",
            (f"{len(deep):,} of {len(rows):,} alerts, those that matter most; the table holds all"),
        )


def _ranked(names: Iterable[str], most: int = 6) -> str:
    """The names by how often they come: "WS-014 ×6, WS-031 ×2, 3 others"."""
    counts = Counter(name for name in names if name)
    shown = [f"{name} ×{count:,}" for name, count in counts.most_common(most)]
    if len(counts) > most:
        shown.append(f"{len(counts) - most:,} others")
    return ", ".join(shown) or "-"
