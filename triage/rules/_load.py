"""Reading rule files: every fault becomes a problem at its line, and the rest is used."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from triage import times
from triage.config import Places, TomlError, parse_toml, read_bytes, toml_text
from triage.eql import EqlError, Query, compile_stage, parse
from triage.errors import Problem
from triage.markdown import plugin as plugin_of
from triage.rules._kept import Entry, Kept
from triage.rules._model import (
    PLACEHOLDER,
    SEVERITIES,
    Drilldown,
    Incident,
    ListReference,
    RiskBased,
    RiskObject,
    Rule,
    RuleSet,
    SeverityMapping,
    Tactic,
    Technique,
    ThreatObject,
)

_MINUTE = 60 * times.SECOND
_FROM = re.compile(r"now\s*-\s*(\d{1,9})\s*([smhdwH])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "H": 3600, "d": 86400, "w": 604800}  # seconds
_PLUGIN = re.compile(r"\$(osquery|investigate)_(\d{1,6})")


def load_rules(paths: Iterable[Path], cache: Path | None = None) -> RuleSet:
    """Rules of files and of folders (every ``*.toml`` below), in the order given, then by name.

    Never raises. A rule whose query is wrong is there, not runnable; a file that is no rule is only
    a problem. Of two rules with one ``rule_id`` the last given is used. ``cache``: the user's own
    folder, in which is kept what makes the next time quicker.
    """
    paths = tuple(paths)
    kept = Kept(cache, paths)
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    for path in _files(paths, problems):
        rule = _load(path, kept, problems)
        if rule is None:
            continue
        before = rules.pop(rule.rule_id, None)
        if before is not None and before.path != rule.path:
            message = (
                f"rule_id {rule.rule_id} is also that of {before.path}; this file is used. "
                "Give one of them its own rule_id"
            )
            problems.append(Problem(rule.path, 0, 0, message, "warning"))
        rules[rule.rule_id] = rule
    kept.save()
    return RuleSet(tuple(rules.values()), tuple(problems))


def _files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        message = f"can not be read: {error.strerror}; its rules are not used"
        problems.append(Problem(str(error.filename), 0, 0, message))

    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=unreadable):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if name.endswith(".toml") and not name.startswith("."):
                        yield Path(folder) / name
        elif path.exists():
            yield path
        else:
            message = "no such file or folder of rules; check the path"
            problems.append(Problem(str(path), 0, 0, message))


def _load(path: Path, kept: Kept, problems: list[Problem]) -> Rule | None:
    try:
        content = read_bytes(path)
        entry = kept.entry(content, lambda: parse_toml(path, content)[0])
    except TomlError as error:
        problems.append(error.problem)
        return None
    if not isinstance(entry.tables.get("rule"), dict):
        message = "no [rule] table: not a rule file; move it out of the rules folder"
        problems.append(Problem(str(path), 0, 0, message))
        return None
    return _Reader(path, entry, content, problems).rule()


class _Reader:
    """Reads one rule file; each fault becomes a problem at its line, once."""

    def __init__(self, path: Path, entry: Entry, content: bytes, problems: list[Problem]) -> None:
        self.path = str(path)
        self.entry = entry
        self.data = entry.tables
        self.table: dict[str, Any] = entry.tables["rule"]
        self.content = content
        self.problems = problems

    @cached_property
    def places(self) -> Places:
        return Places(
            toml_text(self.content)
        )  # only where there is a problem: most files have none

    def problem(self, message: str, *key: str | int, warning: bool = True) -> None:
        line, column = self.places.key(*key)
        severity = "warning" if warning else "error"
        self.problems.append(Problem(self.path, line, column, message, severity))

    def rule(self) -> Rule | None:
        table = self.table
        rule_type = self.text("type")
        missing = [name for name in ("rule_id", "name", "type") if not self.text(name)]
        if not self.text("query") and rule_type not in ("machine_learning", "risk"):
            missing.append("query")
        for name in missing:
            self.problem(f"rule.{name} is missing or empty; a rule needs it", "rule", warning=False)
        if missing:
            return None
        version = table.get("version", _child(self.data, "metadata").get("version"))
        query, reason = self.query(rule_type)
        risk_score = self.risk_score()
        incident = self.incident() if rule_type == "risk" else None
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
            version=version if _is_int(version) and version > 0 else 1,
            revision=0,
            severity=self.severity(),
            risk_score=risk_score,
            type=rule_type,
            language=self.text("language"),
            text=self.text("query"),
            query=query,
            runnable=query is not None,
            reason=reason,
            interval=self.span("interval", 5 * _MINUTE),
            lookback=lookback,
            max_signals=self.count("max_signals", 100),
            tags=self.texts("tags"),
            threat=self.threat(),
            references=self.texts("references"),
            false_positives=self.texts("false_positives"),
            note=self.note(),
            setup=self.text("setup"),
            author=self.texts("author"),
            license=self.text("license"),
            index=self.texts("index"),
            timestamp_override=self.text("timestamp_override"),
            building_block=bool(table.get("building_block_type")),
            enabled=table.get("enabled", True) is not False,
            exceptions_list=tuple(
                ListReference(
                    *(_text(entry, k) for k in ("id", "list_id", "type", "namespace_type"))
                )
                for entry in _tables(table.get("exceptions_list"))
            ),
            severity_mapping=self.severity_mapping(),
            risk_score_mapping=next(
                (_text(entry, "field") for entry in _tables(table.get("risk_score_mapping"))), ""
            ),
            rule_name_override=self.text("rule_name_override"),
            event_category_field=category_field,
            tiebreaker_field=tiebreaker_field,
            investigation_fields=_texts(_child(table, "investigation_fields").get("field_names")),
            risk=self.risk(risk_score),
            drilldowns=self.drilldowns(),
            incident=incident,
            path=self.path,
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
            query = self.entry.query(self.text("query"))
            # What only the compiler rejects is as wrong: tell now, not at the first event.
            for stage in (*query.stages, *([query.until] if query.until else [])):
                compile_stage(stage)
            self.entry.sound = query
            return query, ""
        except EqlError as error:
            line, column = self.places.inside(("rule", "query"), error.line, error.column)
            self.problems.append(Problem(self.path, line, column, error.message))
            return None, f"the query is wrong at line {line}:{column}: {error.message}"

    def severity(self) -> str:
        severity = self.text("severity").lower()
        if severity in SEVERITIES:
            return severity
        named = ", ".join(SEVERITIES)
        what = f"unknown severity {severity!r}" if severity else "rule.severity is missing"
        self.problem(f"{what}: use one of {named}; taken as medium", "rule", "severity")
        return "medium"

    def risk_score(self) -> int:
        score = self.table.get("risk_score")
        if _is_int(score) and 0 <= score <= 100:
            return score
        default = SEVERITIES.get(self.text("severity").lower(), SEVERITIES["medium"])
        what = (
            f"risk score {score!r} is not" if score is not None else "rule.risk_score is missing:"
        )
        message = f"{what} a whole number from 0 to 100; taken as {default}"
        self.problem(message, "rule", "risk_score")
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
        self.problem(message, "rule", name)
        return default

    def count(self, name: str, default: int) -> int:
        given = self.table.get(name, default)
        if _is_int(given) and given > 0:
            return given
        message = f"rule.{name} {given!r} is not a whole number above 0; taken as {default}"
        self.problem(message, "rule", name)
        return default

    def severity_mapping(self) -> tuple[SeverityMapping, ...]:
        found: list[SeverityMapping] = []
        for index, entry in enumerate(_tables(self.table.get("severity_mapping"))):
            severity = _text(entry, "severity")
            if severity in SEVERITIES and _text(entry, "field"):
                found.append(
                    SeverityMapping(_text(entry, "field"), _text(entry, "value"), severity)
                )
            else:
                message = f"severity mapping {index + 1} lacks a field or a known severity; ignored"
                self.problem(message, "rule", "severity_mapping", index)
        return tuple(found)

    def threat(self) -> tuple[Tactic, ...]:
        found: list[Tactic] = []
        for entry in _tables(self.table.get("threat")):
            tactic = _child(entry, "tactic")
            below = tuple(_technique(child) for child in _tables(entry.get("technique")))
            if tactic:
                found.append(Tactic(*_named(tactic), below))
        return tuple(found)

    def note(self) -> str:
        """The guide with each ``$osquery_0`` as Kibana's ``!{osquery{"label":…}}``."""
        transform = _child(self.data, "transform")

        def plugin(match: re.Match[str]) -> str:
            entries = _tables(transform.get(match[1]))
            at = int(match[2])
            if at >= len(entries):
                self.problem(f"{match[0]} stands for no [[transform.{match[1]}]]", "rule", "note")
                return match[0]
            wrong = plugin_of(match[1], entries[at])[1]
            if wrong:
                self.problem(f"[[transform.{match[1]}]] {at}: {wrong}", "transform", match[1])
            body = json.dumps(entries[at], ensure_ascii=False, default=str)
            return f"!{{{match[1]}{body}}}"

        return _PLUGIN.sub(plugin, self.text("note"))

    def risk(self, risk_score: int) -> RiskBased | None:
        table = _child(_child(self.data, "triage"), "risk")
        if not table:
            return None
        impact, confidence = table.get("impact"), table.get("confidence")
        for name, given in (("impact", impact), ("confidence", confidence)):
            if not (_is_int(given) and 0 <= given <= 100):
                message = f"triage.risk.{name} must be a whole number from 0 to 100; not used"
                self.problem(message, "triage", "risk", name)
                return None
        risk = RiskBased(
            impact=int(impact or 0),
            confidence=int(confidence or 0),
            message=_text(table, "message").strip(),
            objects=tuple(
                RiskObject(_text(entry, "field"), _text(entry, "type"), _score(entry))
                for entry in _tables(table.get("objects"))
                if _text(entry, "field")
            ),
            threat_objects=tuple(
                ThreatObject(_text(entry, "field"), _text(entry, "type"))
                for entry in _tables(table.get("threat_objects"))
                if _text(entry, "field")
            ),
        )
        if risk.impact * risk.confidence != risk_score * 100:
            message = (
                f"impact {risk.impact} times confidence {risk.confidence} % is "
                f"{risk.impact * risk.confidence / 100:g}, but rule.risk_score is {risk_score}; "
                "make them agree"
            )
            self.problem(message, "triage", "risk", "impact")
        return risk

    def incident(self) -> Incident | None:
        """When a rule of type "risk" alerts; None, and a problem, where that is not said."""
        table = _child(_child(self.data, "triage"), "incident")
        place = ("triage", "incident") if table else ("rule", "type")
        window = times.duration(_text(table, "window"))
        least = {name: table.get(name, 0) for name in ("score", "tactics", "rules")}
        if not window:
            message = 'a rule of type "risk" needs [triage.incident] with a window like "24h"'
        elif not all(_is_int(given) and given >= 0 for given in least.values()):
            message = "score, tactics and rules of triage.incident are whole numbers from 0 up"
        elif not any(least.values()):
            message = "triage.incident asks for nothing: give it a score, tactics or rules"
        else:
            return Incident(window, **least, message=_text(table, "message").strip())
        self.problem(f"{message}; the rule does not run", *place, warning=False)
        return None

    def drilldowns(self) -> tuple[Drilldown, ...]:
        entries = _tables(_child(self.data, "triage").get("drilldown"))
        found = (self.drilldown(index, entry) for index, entry in enumerate(entries))
        return tuple(drilldown for drilldown in found if drilldown is not None)

    def drilldown(self, index: int, entry: dict[str, Any]) -> Drilldown | None:
        place = ("triage", "drilldown", index)
        name, query, window = (_text(entry, key) for key in ("name", "query", "window"))
        span = None if window == "alert" else times.duration(window)
        if window != "alert" and not span:
            message = f'window {window!r} is neither "alert" nor a time like "7d"; not used'
            self.problem(message, *place, "window")
        elif not name or not query:
            self.problem("a drill-down needs a name and a query; not used", *place)
        else:
            found = Drilldown(name, query, span)
            try:
                # Padded to the placeholder's width, so that a fault is shown at its column.
                parse(PLACEHOLDER.sub(lambda match: f'"{"x" * (len(match[0]) - 2)}"', query))
            except EqlError as error:
                at = self.places.inside((*place, "query"), error.line, error.column)
                self.problems.append(Problem(self.path, *at, error.message, "warning"))
            else:
                return found
        return None

    def text(self, name: str) -> str:
        return _text(self.table, name)

    def texts(self, name: str) -> tuple[str, ...]:
        return _texts(self.table.get(name))


def _fingerprint(*parts: str | int) -> str:
    body = json.dumps(parts)
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _technique(entry: dict[str, Any]) -> Technique:
    below = tuple(_technique(child) for child in _tables(entry.get("subtechnique")))
    return Technique(*_named(entry), below)


def _named(entry: dict[str, Any]) -> tuple[str, str, str]:
    return _text(entry, "id"), _text(entry, "name"), _text(entry, "reference")


def _score(entry: dict[str, Any]) -> int | None:
    score = entry.get("score")
    return score if _is_int(score) and 0 <= score <= 100 else None


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _child(table: dict[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _tables(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(table: dict[str, Any], name: str) -> str:
    found = table.get(name)
    return found if isinstance(found, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()
