"""A rule from its file: the keys of Elastic's ``[rule]`` table, and their defaults in Kibana."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from triage import times
from triage.eql import EqlError, Query, compile_stage
from triage.markdown import plugin as plugin_of
from triage.rules._file import RuleFile, child, is_int, tables, text, texts
from triage.rules._model import SEVERITIES, Rule, SeverityMapping
from triage.rules._own import drilldowns_of, incident_of, risk_of

_MINUTE = 60 * times.SECOND
_FROM = re.compile(r"now\s*-\s*(\d{1,9})\s*([smhdwH])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "H": 3600, "d": 86400, "w": 604800}  # seconds
_PLUGIN = re.compile(r"\$(osquery|investigate)_(\d{1,6})")


def read_rule(file: RuleFile) -> Rule | None:
    """The rule of a file that has a ``[rule]`` table; None where it lacks what every rule needs."""
    return _Reader(file).rule()


class _Reader:
    """Reads the ``[rule]`` table."""

    def __init__(self, file: RuleFile) -> None:
        self.file = file
        self.table: dict[str, Any] = file.tables["rule"]

    def rule(self) -> Rule | None:
        table = self.table
        rule_type = self.text("type")
        missing = [name for name in ("rule_id", "name", "type") if not self.text(name)]
        if not self.text("query") and rule_type not in ("machine_learning", "risk"):
            missing.append("query")
        for name in missing:
            self.file.problem(
                f"rule.{name} is missing or empty; a rule needs it", "rule", warning=False
            )
        if missing:
            return None
        version = table.get("version", child(self.file.tables, "metadata").get("version"))
        query, reason = self.query(rule_type)
        risk_score = self.risk_score()
        incident = incident_of(self.file) if rule_type == "risk" else None
        if rule_type == "risk" and incident is None:
            reason = "its [triage.incident] table is missing or wrong"
        category_field = self.text("event_category_override") or "event.category"
        tiebreaker_field = self.text("tiebreaker_field")
        lookback = self.span("from", 6 * _MINUTE)
        # What affects matching: a rule that is otherwise changed goes on with what it has open.
        matching = (rule_type, self.text("language"), self.text("query"), category_field)
        return Rule(
            rule_id=self.text("rule_id"),
            name=self.text("name"),
            description=self.text("description").strip(),
            version=version if is_int(version) and version > 0 else 1,
            severity=self.severity(),
            risk_score=risk_score,
            type=rule_type,
            text=self.text("query"),
            query=query,
            runnable=query is not None,
            reason=reason,
            interval=self.span("interval", 5 * _MINUTE),
            lookback=lookback,
            max_signals=self.count("max_signals", 100),
            tags=self.texts("tags"),
            references=self.texts("references"),
            false_positives=self.texts("false_positives"),
            note=self.note(),
            setup=self.text("setup"),
            author=self.texts("author"),
            license=self.text("license"),
            building_block=bool(table.get("building_block_type")),
            enabled=table.get("enabled", True) is not False,
            exceptions_list=tuple(
                text(entry, "list_id") for entry in tables(table.get("exceptions_list"))
            ),
            severity_mapping=self.severity_mapping(),
            risk_score_mapping=next(
                (text(entry, "field") for entry in tables(table.get("risk_score_mapping"))), ""
            ),
            rule_name_override=self.text("rule_name_override"),
            event_category_field=category_field,
            tiebreaker_field=tiebreaker_field,
            investigation_fields=texts(child(table, "investigation_fields").get("field_names")),
            risk=risk_of(self.file, risk_score),
            drilldowns=drilldowns_of(self.file),
            incident=incident,
            path=self.file.path,
            fingerprint=_fingerprint(*matching, tiebreaker_field, lookback),
            parameters=table,
        )

    def query(self, rule_type: str) -> tuple[Query | None, str]:
        """The parsed query, or None and the reason why there is none."""
        language = self.text("language")
        if rule_type == "risk":
            return None, ""
        if rule_type != "eql" and language in ("", "eql"):
            return None, f"type {rule_type} is not run yet"
        if language not in ("", "eql"):
            return None, f"language {language} is not run yet"
        try:
            query = self.file.entry.query(self.text("query"))
            # What only the compiler rejects is as wrong: tell now, not at the first event.
            for stage in (*query.stages, *([query.until] if query.until else [])):
                compile_stage(stage)
            self.file.entry.sound = query
            return query, ""
        except EqlError as error:
            line, column = self.file.wrong_query(error, "rule", "query", warning=False)
            return None, f"the query is wrong at line {line}:{column}: {error.message}"

    def severity(self) -> str:
        severity = self.text("severity").lower()
        if severity in SEVERITIES:
            return severity
        named = ", ".join(SEVERITIES)
        what = f"unknown severity {severity!r}" if severity else "rule.severity is missing"
        self.file.problem(f"{what}: use one of {named}; taken as medium", "rule", "severity")
        return "medium"

    def risk_score(self) -> int:
        score = self.table.get("risk_score")
        if is_int(score) and 0 <= score <= 100:
            return score
        default = SEVERITIES.get(self.text("severity").lower(), SEVERITIES["medium"])
        what = (
            f"risk score {score!r} is not" if score is not None else "rule.risk_score is missing:"
        )
        message = f"{what} a whole number from 0 to 100; taken as {default}"
        self.file.problem(message, "rule", "risk_score")
        return default

    def span(self, name: str, default: int) -> int:
        """Nanoseconds of ``interval`` ("5m") or of ``from`` ("now-9m")."""
        given = self.table.get(name)
        if given is None:
            return default
        written = str(given).strip()
        match = _FROM.fullmatch(written if name == "from" else f"now-{written}")
        if match is not None and int(match[1]):
            return int(match[1]) * _UNITS[match[2]] * times.SECOND
        form = "now-9m" if name == "from" else "5m"
        message = (
            f"rule.{name} {given!r} is no time this program knows; write it like {form!r}; "
            f"taken as {times.span(default)}"
        )
        self.file.problem(message, "rule", name)
        return default

    def count(self, name: str, default: int) -> int:
        given = self.table.get(name, default)
        if is_int(given) and given > 0:
            return given
        message = f"rule.{name} {given!r} is not a whole number above 0; taken as {default}"
        self.file.problem(message, "rule", name)
        return default

    def severity_mapping(self) -> tuple[SeverityMapping, ...]:
        found: list[SeverityMapping] = []
        for index, entry in enumerate(tables(self.table.get("severity_mapping"))):
            severity = text(entry, "severity")
            if severity in SEVERITIES and text(entry, "field"):
                found.append(SeverityMapping(text(entry, "field"), text(entry, "value"), severity))
            else:
                message = f"severity mapping {index + 1} lacks a field or a known severity; ignored"
                self.file.problem(message, "rule", "severity_mapping", index)
        return tuple(found)

    def note(self) -> str:
        """The guide with each ``$osquery_0`` as Kibana's ``!{osquery{"label":…}}``."""
        transform = child(self.file.tables, "transform")

        def plugin(match: re.Match[str]) -> str:
            entries = tables(transform.get(match[1]))
            at = int(match[2])
            if at >= len(entries):
                self.file.problem(
                    f"{match[0]} stands for no [[transform.{match[1]}]]", "rule", "note"
                )
                return match[0]
            wrong = plugin_of(match[1], entries[at])[1]
            if wrong:
                self.file.problem(f"[[transform.{match[1]}]] {at}: {wrong}", "transform", match[1])
            body = json.dumps(entries[at], ensure_ascii=False, default=str)
            return f"!{{{match[1]}{body}}}"

        return _PLUGIN.sub(plugin, self.text("note"))

    def text(self, name: str) -> str:
        return text(self.table, name)

    def texts(self, name: str) -> tuple[str, ...]:
        return texts(self.table.get(name))


def _fingerprint(*parts: str | int) -> str:
    body = json.dumps(parts)
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
