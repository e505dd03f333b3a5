"""A STIX 2.1 bundle: each rule an indicator, each alert a sighting of it with what was observed.

Ids follow from content: the same alerts give the same bundle, whoever writes it and however often.
Alerts that somebody found harmless are no sightings and stay out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from triage import attack, times
from triage.case.model import AlertDetail, AlertRow
from triage.context import threats
from triage.export.observables import Observables, steady_uuid
from triage.export.selection import Selection, stands
from triage.fields import Doc, first_text, nested
from triage.text import json_line

_BEGAN = "2026-01-01T00:00:00.000Z"  # of objects that no moment of a case belongs to


def write(selection: Selection) -> Iterator[str]:
    """The bundle as one JSON document, an object a line."""
    bundle = _Bundle(selection)
    yield '{"type": "bundle", "objects": [\n'
    mark = ""
    for each in bundle.objects():
        yield mark + json_line(each)
        mark = ",\n"
    name = steady_uuid(*sorted(bundle.known))
    yield f'\n], "id": "bundle--{name}"}}\n'


class _Bundle:
    """Objects, each once."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.known: set[str] = set()
        self._observed = Observables()
        self._me = _object("identity", {
            "created": _BEGAN, "modified": _BEGAN, "name": "triage", "identity_class": "system",
            "description": "Detection rules over endpoint logs.",
        })  # fmt: skip
        self._begins: dict[str, int] = {}  # ns: the first alert of each rule was made
        for row in selection.rows:
            begin = self._begins.get(row.rule_id, row.created)
            self._begins[row.rule_id] = min(begin, row.created)

    def objects(self) -> Iterator[Doc]:
        """Every object, before or after what names it: readers of STIX take any order."""
        yield from self._once(self._me)
        for alert in self._selection.details():
            if stands(alert.row):
                yield from self._alert(alert)

    def _once(self, *given: Doc) -> Iterator[Doc]:
        for each in given:
            if each["id"] not in self.known:
                self.known.add(each["id"])
                yield each

    def _alert(self, alert: AlertDetail) -> Iterator[Doc]:
        row = alert.row
        indicator = self._indicator(alert)
        yield from self._once(indicator, *self._patterns(alert, indicator))
        refs: list[str] = []
        for one in alert.matched:
            seen = self._observed.of(one.event.doc)
            yield from self._once(*seen)
            if seen:
                data = self._observed_data(row, one.event.time, [each["id"] for each in seen])
                refs.append(data["id"])
                yield from self._once(data)
        host = self._host(row.host)
        yield from self._once(*host)
        first = min([row.time, *(one.event.time for one in alert.matched)])
        sighting = self._made("sighting", row.created, {
            "sighting_of_ref": indicator["id"],
            "first_seen": _moment(first),
            "last_seen": _moment(row.time),
            "count": min(row.count, 999_999_999),
            "description": row.reason,
            **({"observed_data_refs": list(dict.fromkeys(refs))} if refs else {}),
            **({"where_sighted_refs": [each["id"] for each in host]} if host else {}),
            "external_references": [{"source_name": "triage", "external_id": row.id}],
        })  # fmt: skip
        yield from self._once(sighting)
        for note in alert.notes:
            yield from self._once(self._made("note", note.at, {
                "content": note.body, "authors": [note.who], "object_refs": [sighting["id"]],
            }))  # fmt: skip

    def _made(self, type_: str, at: int, members: Doc) -> Doc:
        """An object of ours of one moment (ns)."""
        moment = _moment(at)
        return _object(
            type_,
            {"created": moment, "modified": moment, "created_by_ref": self._me["id"], **members},
        )

    def _indicator(self, alert: AlertDetail) -> Doc:
        row, doc = alert.row, alert.doc
        parameters = nested(doc, "kibana.alert.rule.parameters")
        query = str(parameters.get("query") or f'event where kibana.alert.rule.uuid == "{row.id}"')
        begin = self._begins[row.rule_id]
        return self._made("indicator", begin, {
            "name": first_text(doc, "kibana.alert.rule.name") or row.rule_name,
            "description": first_text(doc, "kibana.alert.rule.description") or row.rule_name,
            "indicator_types": ["malicious-activity"],
            "pattern": query.strip() or row.rule_name,
            "pattern_type": str(parameters.get("language") or "eql"),
            "valid_from": _moment(begin),
            "external_references": [{"source_name": "rule", "external_id": row.rule_id}],
        })  # fmt: skip

    def _patterns(self, alert: AlertDetail, indicator: Doc) -> Iterator[Doc]:
        for threat in threats(alert.doc):
            known = attack.technique(threat.technique)
            if known is None:
                continue
            phases = [found.shortname for id_ in known.tactics if (found := attack.tactic(id_))]
            pattern = _object("attack-pattern", {
                "created": _BEGAN, "modified": _BEGAN, "name": known.name,
                "external_references": [
                    {"source_name": "mitre-attack", "external_id": known.id, "url": known.url}
                ],
                "kill_chain_phases": [
                    {"kill_chain_name": "mitre-attack", "phase_name": phase} for phase in phases
                ],
            })  # fmt: skip
            yield pattern
            yield self._made("relationship", self._begins[alert.row.rule_id], {
                "relationship_type": "indicates",
                "source_ref": indicator["id"],
                "target_ref": pattern["id"],
            })  # fmt: skip

    def _observed_data(self, row: AlertRow, at: int, refs: list[str]) -> Doc:
        return self._made("observed-data", row.created, {
            "first_observed": _moment(at), "last_observed": _moment(at),
            "number_observed": 1, "object_refs": list(dict.fromkeys(refs)),
        })  # fmt: skip

    @staticmethod
    def _host(name: str) -> list[Doc]:
        members = {"created": _BEGAN, "modified": _BEGAN, "name": name, "identity_class": "system"}
        return [_object("identity", members)] if name else []


def _object(type_: str, members: dict[str, Any]) -> Doc:
    """A domain object named after what it says."""
    body = orjson.dumps([type_, members], option=orjson.OPT_SORT_KEYS).decode()
    return {"type": type_, "spec_version": "2.1", "id": f"{type_}--{steady_uuid(body)}", **members}


def _moment(at: int) -> str:
    return times.iso(at - at % 1_000_000)
