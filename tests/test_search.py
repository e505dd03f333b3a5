"""Searching the logs of a case: what is found, what need not be decoded, and when it stops."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.helpers import hunt_into
from triage.case.read import CaseReader
from triage.context import Condition, Progress, Wanted, fields_with, same_value, search
from triage.times import SECOND

T0 = 1_767_225_600 * SECOND  # 2026-01-01


def doc(second: int, host: str, **fields: Any) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z",
        "event": {"category": ["process"], "type": ["start"], "id": f"{host}-{second}"},
        "host": {"name": host},
        **fields,
    }


def write(path: Path, docs: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in docs))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseReader]:
    one = [
        doc(1, "alpha", process={"name": "cmd.exe", "command_line": 'cmd /c "C:\\a b\\x.bat"'}),
        doc(2, "alpha", process={"name": "x.exe", "parent": {"name": "CMD.EXE"}}),
        doc(3, "alpha", destination={"ip": "203.0.113.9", "port": 512}),
        doc(4, "alpha", process={"name": "other.exe", "pid": 512}),
    ]
    two = [
        doc(30, "beta", process={"name": "quiet.exe", "args": ["one", "C:\\Straße\\ü.exe"]}),
        doc(90, "beta", process={"name": "cmd.exe"}),
    ]
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "one.ndjson", one)
    write(tmp_path / "logs" / "two.ndjson", two)
    hunt_into(tmp_path / "own.triage", [str(tmp_path / "logs")], [])
    reader = CaseReader(str(tmp_path / "own.triage"))
    yield reader
    reader.close()


def found(case: CaseReader, wanted: Wanted) -> list[str]:
    events = [event for said in search(case, wanted) for event in said.events]
    return [event.id for event in sorted(events, key=lambda event: event.order)]


def test_the_same_value_is_found_in_any_field_and_case(case: CaseReader) -> None:
    assert found(case, same_value("process.name", "Cmd.exe")) == ["alpha-1", "alpha-2", "beta-90"]
    assert found(case, same_value("file.path", "C:\\Straße\\ü.exe")) == ["beta-30"]
    line = 'cmd /c "C:\\a b\\x.bat"'
    assert found(case, same_value("process.command_line", line)) == ["alpha-1"]
    assert found(case, same_value("process.name", "nowhere.exe")) == []


def test_a_bare_number_means_its_own_field(case: CaseReader) -> None:
    assert found(case, same_value("process.pid", "512")) == ["alpha-4"]
    assert found(case, same_value("destination.port", "512")) == ["alpha-3"]


def test_conditions_hosts_and_times_narrow(case: CaseReader) -> None:
    name = Condition("process.name", "cmd.exe")
    assert found(case, Wanted(((name,),), host="beta")) == ["beta-90"]
    assert found(case, Wanted(((name,),), start=T0, end=T0 + 60 * SECOND)) == ["alpha-1"]
    both = (Condition("host.name", "alpha"), Condition("process.name", kind="exists"))
    assert found(case, Wanted((both,))) == ["alpha-1", "alpha-2", "alpha-4"]
    others = (Condition("host.name", "alpha", excluded=True),)
    assert found(case, Wanted((others,))) == ["beta-30", "beta-90"]
    high = (Condition("destination.port", kind="range", low=500, high=513),)
    assert found(case, Wanted((high, (name,)))) == ["alpha-1", "alpha-3", "beta-90"]


def test_it_says_how_far_it_is_and_stops_when_asked(case: CaseReader) -> None:
    said = list(search(case, same_value("process.name", "cmd.exe")))
    assert [one.blocks for one in said] == [0, 1, 2]
    assert all(one.of == 2 for one in said)
    assert said[-1].done
    assert said[-1].found == 3
    walk = search(case, same_value("process.name", "cmd.exe"))
    next(walk)
    first = next(walk)
    walk.close()  # type: ignore[attr-defined] # a generator
    assert isinstance(first, Progress)
    assert not first.done


def test_what_a_log_no_longer_holds_is_said(case: CaseReader, tmp_path: Path) -> None:
    (tmp_path / "logs" / "one.ndjson").unlink()
    *_, said = search(case, same_value("process.name", "cmd.exe"))
    assert "one.ndjson" in said.missing[0]
    assert found(case, same_value("process.name", "cmd.exe")) == ["beta-90"]


@given(st.text(min_size=3, max_size=40).filter(lambda text: not text.isdigit()))
def test_a_needle_never_hides_a_record(value: str) -> None:
    """Whatever a value is, the bytes looked for stand in the JSON of a document that holds it."""
    body = {"process": {"command_line": value}}
    if not fields_with(body, value):
        return
    for ascii_only in (True, False):
        record = json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass").lower()
        assert all(needle in record for needle in same_value("process.name", value).needles)
