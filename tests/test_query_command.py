"""triage query: an EQL question to logs, answered as Elasticsearch would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import events
from tests.test_cli import triage


@pytest.fixture
def log(tmp_path: Path) -> Path:
    docs = [
        events.start(1, "p1", "a.exe"),
        events.connect(2, "p1", "a.exe"),
        events.start(3, "p2", "b.exe"),
        events.connect(4, "p2", "b.exe", **{"destination.ip": "198.51.100.9"}),
        events.start(5, "p3", "b.exe"),
    ]
    return events.write(tmp_path / "day.ndjson", docs)


def ask(query: str, log: Path, *more: str) -> tuple[list[dict[str, object]], str]:
    done = triage("query", query, log, *more, home=log.parent)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_an_event_query_prints_documents(log: Path) -> None:
    docs, said = ask('process where process.name : "B.EXE"', log)
    assert [doc["process"]["entity_id"] for doc in docs] == ["p2", "p3"]  # type: ignore[index] # JSON
    assert "5 events, 2 results" in said


def test_a_sequence_prints_its_keys_and_events(log: Path) -> None:
    hits, _ = ask(
        "sequence by process.entity_id with maxspan=1m [process where true] ![network where true]",
        log,
    )
    assert [hit["join_keys"] for hit in hits] == [["p3"]]
    assert hits[0]["events"][1] is None  # type: ignore[index] # JSON


def test_options_are_those_of_the_search(log: Path) -> None:
    assert len(ask("any where true", log, "--size", "2")[0]) == 2
    found, _ = ask(
        'start where destination.ip == "198.51.100.0/24"',
        log,
        *("--event-category-field", "event.type", "--field-type", "destination.ip=ip"),
    )
    assert len(found) == 1


def test_a_table_is_for_reading(log: Path) -> None:
    done = triage("query", "network where true", log, "--format", "table", home=log.parent)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["pc-1", "pc-1"]
    assert "a.exe → 203.0.113.7:443" in done.stdout


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('process where process.name = "x"', "line 1:28"),
        ("process where nofunction(process.name)", "nofunction"),
        ('process where process.name like~ ("x"', "line 1:"),
    ],
)
def test_a_query_that_cannot_run_is_shown_with_its_place(log: Path, query: str, said: str) -> None:
    done = triage("query", query, log, home=log.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "\n" + " " * 4 in done.stderr or "^" in done.stderr
    assert done.stdout == ""
