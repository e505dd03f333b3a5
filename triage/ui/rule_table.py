"""The rules of a case as a table: state, alerts, false positives, cost, last error. No widget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from triage.case.model import SEVERITIES, JournalEntry, RuleState
from triage.case.read import CaseReader
from triage.case.switches import ON

# What a rule does just now, the worst first.
BROKEN, OFF, RESTS, RUNS = "broken", "off", "rests", "on"
STATES = (BROKEN, OFF, RESTS, RUNS)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with all that the screen of rules says of it."""

    rule: RuleState
    state: str  # one of STATES
    switch: JournalEntry | None  # who switched it last in this case
    cost: float  # seconds an event; 0 where it took none of the sample, or nobody sampled
    error: str  # what is wrong with it, in a line; "" where nothing is

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the closed alerts that were false positives; None where none is closed."""
        return self.rule.false_positives / self.rule.closed if self.rule.closed else None


Order = Callable[[RuleRow], tuple[object, ...]]
SORTS: dict[str, Order] = {
    "name": lambda row: (row.rule.name.lower(),),
    "alerts": lambda row: (-row.rule.alerts, row.rule.name.lower()),
    "false positives": lambda row: (
        -(row.false_positive_rate if row.false_positive_rate is not None else -1),
        -row.rule.closed,
        row.rule.name.lower(),
    ),
    "cost": lambda row: (-row.cost, row.rule.name.lower()),
    "state": lambda row: (STATES.index(row.state), row.rule.name.lower()),
    "severity": lambda row: (-_rank(row.rule.severity), row.rule.name.lower()),
}


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def rule_rows(case: CaseReader, exceptions: Path) -> list[RuleRow]:
    """All rules of the case by name, files that hold none that can be used among them.

    ``exceptions`` is the folder of exception lists, whose problems are none of a rule's.
    """
    switches, costs, engine = case.switches(), case.costs(), case.engine()
    problems: dict[str, str] = {}
    for path, line, _column, severity, message in case.problems():
        if severity == "error" and exceptions not in Path(path).parents:
            told = " ".join(message.split())
            problems.setdefault(path, f"line {line}: {told}" if line else told)
    rows: list[RuleRow] = []
    for rule in case.rules():
        switch = switches.get(rule.rule_id)
        error = problems.pop(rule.path, "")
        lost = engine.evicted_by.get(rule.rule_id, 0)
        told = error or (f"{lost:,} open events given up at a limit" if lost else "")
        state = _state(rule, switch)
        rows.append(RuleRow(rule, state, switch, costs.get(rule.rule_id, 0.0), told))
    for path, message in problems.items():
        broken = RuleState("", Path(path).name, "", path, False, message, 0, 0)
        rows.append(RuleRow(broken, BROKEN, None, 0.0, message))
    return sorted(rows, key=SORTS["name"])


def _state(rule: RuleState, switch: JournalEntry | None) -> str:
    on = switch.action == ON if switch else rule.enabled
    if not rule.runnable:
        return RESTS
    return RUNS if on else OFF


def narrowed(rows: Iterable[RuleRow], text: str, order: str) -> list[RuleRow]:
    """The rows that a filter text lets through, in an order of SORTS."""
    tests = [_test(word) for word in text.split()]
    return sorted((row for row in rows if all(test(row) for test in tests)), key=SORTS[order])


def _test(word: str) -> Callable[[RuleRow], bool]:
    """``state:off``, ``severity:high``, ``technique:T1218`` or a word in name, file or error."""
    name, colon, value = word.lower().partition(":")
    if colon and name in ("state", "severity", "technique", "tactic"):
        if name == "state":
            return lambda row: row.state.startswith(value)
        if name == "severity":
            return lambda row: row.rule.severity.startswith(value)
        return lambda row: any(one.lower().startswith(value) for one in row.rule.threat.split())
    needle = word.lower()
    return lambda row: (
        needle in row.rule.name.lower()
        or needle in row.rule.path.lower()
        or needle in row.error.lower()
        or needle == row.rule.rule_id.lower()
    )


def totals(rows: Sequence[RuleRow]) -> dict[str, int]:
    """How many rules are in each state."""
    return {state: sum(row.state == state for row in rows) for state in STATES}
