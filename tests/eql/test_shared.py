"""Elasticsearch's own tests, its rules, and events made for them: breadth from shared data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomli

from triage.eql import EqlError, Hit, compile_stage, evaluate, parse, search

pytestmark = pytest.mark.shared

# Cases whose expectation is wrong, with Elasticsearch's words for it. None is known.
WRONG_EXPECTATIONS: dict[str, str] = {}
# The source prints dates in join keys as the mapping's epoch milliseconds; events hold ISO text.
EPOCH_KEYS = {"1671235200000": "2022-12-17T00:00:00.000Z"}


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / "eql-suite" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def shown(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


@pytest.fixture(scope="module")
def datasets(shared: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    folder = shared / "eql-suite" / "datasets"
    about = json.loads((folder / "datasets.json").read_text(encoding="utf-8"))
    return {name: (about[name], documents(folder / f"{name}.ndjson")) for name in about}


@pytest.mark.parametrize("name", ["cases", "derived"])
def test_queries_give_the_expected_events(
    shared: Path,
    datasets: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]],
    name: str,
) -> None:
    wrong = []
    for row in rows(shared, name):
        about, events = datasets[row["dataset"]]
        options = row.get("options", {})
        hits = search(
            row["query"],
            events,
            timestamp_field=about["ts"] or "@timestamp",
            event_category_field=about["cat"],
            tiebreaker_field=about["tie"],
            size=options.get("size", 50),
            field_types=about["types"],
            max_samples_per_key=options.get("max_samples_per_key", 1),
        )
        got = [ids(hit, about["id"]) for hit in hits]
        if row["kind"] == "event":
            got = [one for hit in got for one in hit]
        keys = [[shown(value) for value in hit.join_keys] for hit in hits]
        wanted = [[EPOCH_KEYS.get(key, key) for key in one] for one in row.get("join_keys", keys)]
        right = got in row.get("expected_any", [row["expected"]]) and keys == wanted
        if not right and row["id"] not in WRONG_EXPECTATIONS:
            wrong.append((row["id"], got, row["expected"], keys))
    assert wrong == []


def ids(hit: Hit, field: str) -> list[Any]:
    return [None if event is None else event[field] for event in hit.events]


def test_expressions_have_the_expected_value(shared: Path) -> None:
    for row in rows(shared, "expressions"):
        value = evaluate(row["expression"])
        assert (value, type(value)) == (row["expected_value"], type(row["expected_value"])), row


def test_what_must_be_rejected_is_with_its_place(shared: Path) -> None:
    accepted = []
    for row in rows(shared, "invalid"):
        if row.get("needs_schema"):
            continue
        error = error_of(row["query"])
        if error is None:
            accepted.append(row["query"])
            continue
        lines = row["query"].split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.message
        assert error.snippet.endswith("^")
    assert accepted == []


def error_of(query: str) -> EqlError | None:
    try:
        parse(query)
    except EqlError as error:
        return error
    return None


def test_odd_syntax_is_accepted(shared: Path) -> None:
    for row in rows(shared, "accept"):
        query = parse(row["query"])
        if row["level"] == "verify":
            for stage in query.stages:
                compile_stage(stage)


@pytest.fixture(scope="module")
def eql_rules(shared: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted((shared / "elastic-rules").glob("*.toml")):
        rule = tomli.loads(path.read_text(encoding="utf-8"))["rule"]
        if rule.get("language") == "eql":
            found[rule["rule_id"]] = rule
    return found


def test_every_rule_compiles(eql_rules: dict[str, dict[str, Any]]) -> None:
    assert len(eql_rules) == 651
    for rule in eql_rules.values():
        query = parse(rule["query"])
        for stage in query.stages:
            compiled = compile_stage(stage)
            assert compiled.matches({}) in (True, False)
            assert compiled.fields


def test_rules_raise_the_expected_alerts(
    shared: Path, eql_rules: dict[str, dict[str, Any]]
) -> None:
    index = json.loads((shared / "rule-events" / "index.json").read_text(encoding="utf-8"))
    wrong, cases = [], 0
    for rule_id, entry in index.items():
        query = parse(eql_rules[rule_id]["query"])
        events = documents(shared / "rule-events" / f"{rule_id}.ndjson")
        field = entry["event_category_field"]

        def alerts(some: list[dict[str, Any]], query: Any = query, field: str = field) -> int:
            return len(search(query, some, event_category_field=field, size=100_000))

        for case in entry["cases"]:
            if "disputed" in case:
                continue
            cases += 1
            got = alerts(events[case["first_line"] : case["first_line"] + case["lines"]])
            if got != case["expected_alerts"]:
                wrong.append((rule_id, case["case"], got, case["expected_alerts"]))
        if alerts(events) != entry["expected_alerts_whole_file"]:
            wrong.append((rule_id, "whole file", alerts(events), 0))
    assert wrong == []
    assert cases > 6000
