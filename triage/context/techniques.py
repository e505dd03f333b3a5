"""The ATT&CK tactics and techniques that an alert's rule names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from triage import attack
from triage.fields import Doc, tables


@dataclass(frozen=True, slots=True)
class Threat:
    """One tactic with one of its techniques, the most exact id that the rule gives."""

    tactic: str  # "TA0005"; "" where the rule names none
    technique: str  # "T1218.004" or "T1218"; "" where the rule names the tactic alone

    @property
    def tactic_name(self) -> str:
        known = attack.tactic(self.tactic)
        return known.name if known else self.tactic

    @property
    def technique_name(self) -> str:
        known = attack.technique(self.technique)
        return known.name if known else self.technique


def threats(doc: Doc) -> tuple[Threat, ...]:
    """The tactics and techniques of an alert document, in the order of its rule."""
    return tuple(dict.fromkeys(_threats(doc.get("kibana.alert.rule.threat"))))


def _threats(given: object) -> Iterator[Threat]:
    for threat in tables(given):
        tactic = threat.get("tactic")
        tactic_id = str(tactic.get("id", "")) if isinstance(tactic, dict) else ""
        techniques = tables(threat.get("technique"))
        for technique in techniques:
            for one in tables(technique.get("subtechnique")) or [technique]:
                yield Threat(tactic_id, str(one.get("id", "")))
        if not techniques and tactic_id:
            yield Threat(tactic_id, "")


def technique_ids(doc: Doc) -> tuple[str, ...]:
    """The most exact technique ids of an alert document: sub-techniques, else techniques."""
    return tuple(dict.fromkeys(one.technique for one in threats(doc) if one.technique))
