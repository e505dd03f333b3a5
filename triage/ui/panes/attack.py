"""MITRE ATT&CK: the tactic and technique of the rule, and what else was seen on the host."""

from __future__ import annotations

from collections.abc import Iterator

from triage import attack
from triage.fields import tables
from triage.ui.lines import BLANK, Item, Line, Page, heading, line
from triage.ui.subject import Subject


def build(subject: Subject, _unfolded: frozenset[str]) -> Iterator[Page]:
    """Tactic, technique, sub-technique by name and address; then the host's other techniques."""
    lines: list[Line] = []
    count = 0
    for threat in tables(subject.alert.doc.get("kibana.alert.rule.threat")):
        tactic = threat.get("tactic")
        tactic = tactic if isinstance(tactic, dict) else {}
        lines.extend(_entry(tactic, "", "", tactic=True))
        techniques = tables(threat.get("technique"))
        for technique in techniques:
            last = technique is techniques[-1]
            lines.extend(_entry(technique, "└─ " if last else "├─ ", "   " if last else "│  "))
            subs = tables(technique.get("subtechnique"))
            count += len(subs) or 1
            for sub in subs:
                stem = "   " if last else "│  "
                more = ("└─ ", "   ") if sub is subs[-1] else ("├─ ", "│  ")
                lines.extend(_entry(sub, stem + more[0], stem + more[1]))
        lines.append(BLANK)
    if not lines:
        lines = [line(("The rule names no ATT&CK technique.", "dim")), BLANK]
    badge = str(count)
    host = subject.alert.row.host
    also = heading(f"Also on {host}") if host else heading("Also on this host")
    yield Page((*lines, also, line(("reading the case …", "dim"))), badge, first_word=True)
    yield Page((*lines, also, *_also(subject)), badge)


def _entry(entry: dict[str, object], lead: str, stem: str, tactic: bool = False) -> Iterator[Line]:
    """Two lines: id and name behind ``lead``, the address behind ``stem``."""
    id_ = str(entry.get("id", ""))
    known = attack.tactic(id_) if tactic else attack.technique(id_)
    name = known.name if known else str(entry.get("name", ""))
    url = known.url if known else str(entry.get("reference", ""))
    yield Line(
        ((lead, "dim"), (id_, "accent"), (f"  {name}", "title")),
        Item("field", lead + id_, url, url or id_),
        len(lead) + 2,
    )
    if url:
        yield line((stem + url, "dim"), indent=len(stem) + 2)


def _also(subject: Subject) -> Iterator[Line]:
    """Techniques of the host's other alerts, the most frequent first."""
    counts: dict[str, int] = {}
    rules: dict[str, dict[str, None]] = {}
    for row, techniques in subject.neighbours:
        if row.risk_of:
            continue  # its techniques are those of its alerts, which are counted already
        for id_ in techniques:
            counts[id_] = counts.get(id_, 0) + 1
            rules.setdefault(id_, {})[row.rule_name] = None
    if not subject.neighbours:
        yield line(("no other alerts", "dim"))
    elif not counts:
        yield line(("no other alerts with a technique", "dim"))
    for id_ in sorted(counts, key=lambda one: (-counts[one], one)):
        known = attack.technique(id_)
        yield Line(
            (
                (f"{id_:<10}", "accent"),
                (known.name if known else "", ""),
                (f"  ×{counts[id_]}", "dim"),
                (f"  {', '.join(rules[id_])}", "dim"),
            ),
            Item("field", f"also {id_}", id_, known.url if known else id_),
            10,
        )
