"""A layer for MITRE's ATT&CK Navigator (format 4.5): techniques coloured by how often they came."""

from __future__ import annotations

from collections.abc import Iterator

from triage import attack, times
from triage.context import threats
from triage.export.selection import Selection, stands
from triage.fields import Doc
from triage.text import clean, json_line


def write(selection: Selection) -> Iterator[str]:
    """One JSON document. A technique's score is its number of alerts that nobody found harmless;
    those of its sub-techniques are their own."""
    counts: dict[tuple[str, str], int] = {}
    rules: dict[tuple[str, str], dict[str, int]] = {}
    for row, doc in selection.documents():
        if not stands(row):
            continue
        for threat in threats(doc):
            known = attack.technique(threat.technique)
            tactic = attack.tactic(threat.tactic)
            if known is None:
                continue  # the Navigator refuses what its ATT&CK does not know
            key = (known.id, tactic.shortname if tactic and tactic.id in known.tactics else "")
            counts[key] = counts.get(key, 0) + row.count
            of = rules.setdefault(key, {})
            of[row.rule_name] = of.get(row.rule_name, 0) + row.count
    layer = _layer(selection, max(counts.values(), default=1))
    shown = {key: _technique(key, counts[key], rules[key]) for key in counts}
    # A parent that is folded up hides its sub-techniques, whatever their colour.
    for id_, phase in counts:
        parent = id_.partition(".")[0]
        entry = shown.setdefault((parent, phase), _technique((parent, phase), 0, {}))
        if "." in id_:
            entry["showSubtechniques"] = True
    layer["techniques"] = [shown[key] for key in sorted(shown)]
    yield json_line(layer) + "\n"


def _layer(selection: Selection, most: int) -> Doc:
    return {
        "name": clean(selection.name, 200),
        "versions": {
            "attack": attack.version().partition(".")[0],
            "navigator": "5.1.0",
            "layer": "4.5",
        },
        "domain": "enterprise-attack",
        "description": clean(
            f"{selection.words}, handed over {times.iso(selection.now)} by {selection.who}", 500
        ),
        "sorting": 3,  # the highest score first
        "layout": {"layout": "side", "showID": True, "showName": True},
        "gradient": {
            "colors": ["#ffe8a3ff", "#ffb000ff", "#d62f2fff"],
            "minValue": 0,
            "maxValue": most,
        },
        "legendItems": [],
        "selectSubtechniquesWithParent": False,
    }


def _technique(key: tuple[str, str], score: int, rules: dict[str, int]) -> Doc:
    id_, tactic = key
    found: Doc = {"techniqueID": id_}
    if tactic:
        found["tactic"] = tactic
    if score:
        found["score"] = score
        found["comment"] = "; ".join(
            f"{clean(name, 200)} ×{count}"
            for name, count in sorted(rules.items(), key=lambda one: -one[1])
        )
    return found | {"enabled": True, "showSubtechniques": False}
