"""The ATT&CK matrix of a case: what its rules cover, and where its alerts lie. No widget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from triage import attack
from triage.case.model import SEVERITIES, ThreatCount
from triage.ui.rule_table import RUNS, RuleRow


@dataclass(slots=True)
class Sums:
    """What there is of one technique, or of one sub-technique."""

    rules: int = 0  # in force
    alerts: int = 0  # that nobody found harmless
    open: int = 0
    severity: str = ""  # the worst of the alerts'

    def add(self, one: ThreatCount) -> None:
        self.alerts += one.alerts
        self.open += one.open
        self.severity = max(self.severity, one.severity, key=_rank)


@dataclass(frozen=True, slots=True)
class Cell:
    """A technique under one of its tactics, with its sub-techniques."""

    technique: attack.Technique
    own: Sums  # of the technique and all below it, each rule and alert once
    below: dict[str, Sums] = field(default_factory=dict)  # by id, those with rules or alerts


@dataclass(frozen=True, slots=True)
class Column:
    """A tactic with all its techniques: those with alerts first, then those that rules cover."""

    tactic: attack.Tactic
    cells: tuple[Cell, ...]

    @property
    def covered(self) -> int:
        """How many of its techniques a rule in force names."""
        return sum(cell.own.rules > 0 for cell in self.cells)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def matrix(rules: Iterable[RuleRow], alerts: Iterable[ThreatCount]) -> tuple[Column, ...]:
    """All tactics in ATT&CK's order.

    A rule that names a technique counts under those of its tactics that the technique serves; where
    none of them does, under all that it serves.
    """
    found: dict[tuple[str, str], Cell] = {
        (tactic, one.id): Cell(one, Sums())
        for one in attack.techniques()
        if not one.parent
        for tactic in one.tactics
    }
    for row in rules:
        if row.state == RUNS:
            for sums in _places(found, row.rule.threat):
                sums.rules += 1
    for one in alerts:
        for sums in _places(found, one.threat):
            sums.add(one)
    return tuple(
        Column(tactic, tuple(sorted(
            (cell for (of, _), cell in found.items() if of == tactic.id), key=_order
        )))
        for tactic in attack.tactics()
    )  # fmt: skip


def _order(cell: Cell) -> tuple[int, int, str]:
    return (-cell.own.alerts, -cell.own.rules, cell.technique.id)


def _places(found: dict[tuple[str, str], Cell], threat: str) -> Iterator[Sums]:
    """The sums that a rule's ids touch, each once."""
    ids = dict.fromkeys(threat.split())
    tactics = {id_ for id_ in ids if id_.startswith("TA")}
    touched: dict[tuple[str, str], None] = {}
    below: dict[tuple[str, str], dict[str, None]] = {}
    for id_ in ids:
        known = attack.technique(id_)
        if known is None:
            continue
        parent = known.parent or known.id
        for tactic in tactics.intersection(known.tactics) or known.tactics:
            if (tactic, parent) in found:
                touched[tactic, parent] = None
                if known.parent:
                    below.setdefault((tactic, parent), {})[known.id] = None
    for key in touched:
        yield found[key].own
        for id_ in below.get(key, ()):
            yield found[key].below.setdefault(id_, Sums())
