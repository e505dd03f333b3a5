"""What tools name differently has one form downstream."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.sources.windows import Record
from triage.fields import Doc, lookup
from triage.sources import decode

ID = "{5d1f0a3c-77aa-4b21-0c01-000000000c01}"
SPELLINGS = [ID, ID.upper(), ID.strip("{}"), ID.strip("{}").upper()]
WHEN = {"@timestamp": "2026-03-02T09:15:00Z", "event": {"category": ["process"]}}


def ecs(**fields: Any) -> Doc:
    doc = decode("ecs", orjson.dumps({**WHEN, **fields}))
    assert doc is not None
    return doc


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_guid_is_one_id_however_it_was_written(spelling: str) -> None:
    # Of a pipeline that left no winlog.*, of winlogbeat's module, with dotted keys, from Sysmon.
    process = {"entity_id": spelling, "parent": {"entity_id": spelling}}
    winlog = {"provider_name": "Microsoft-Windows-Sysmon", "event_id": "1"}
    docs = [
        ecs(process=process),
        ecs(process=process, winlog=winlog),
        ecs(**{"process.entity_id": spelling, "process.parent.entity_id": spelling}),
        Record(
            "1",
            {"ProcessGuid": spelling, "ParentProcessGuid": spelling},
            provider="Microsoft-Windows-Sysmon",
        ).decoded(),
    ]
    ids = {lookup(doc, f"process.{of}entity_id") for doc in docs for of in ("", "parent.")}
    assert ids == {ID}


def test_an_id_of_elastic_defend_is_no_guid_and_stays() -> None:
    given = "MmIxZWI3ZjctYmQ2MS00MzZhLTk4YWYtYzJi"  # as long as a GUID is
    doc = ecs(process={"entity_id": given, "parent": {"entity_id": "AbC="}})
    assert lookup(doc, "process.entity_id") == given
    assert lookup(doc, "process.parent.entity_id") == "AbC="


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("outgoing", "egress"),
        ("outbound", "egress"),
        ("Incoming", "ingress"),
        ("inbound", "ingress"),
        ("egress", "egress"),
        ("internal", "internal"),
    ],
)
def test_a_direction_has_one_name(given: str, expected: str) -> None:
    assert lookup(ecs(network={"direction": given}), "network.direction") == expected
    assert lookup(ecs(**{"network.direction": given}), "network.direction") == expected
    assert ecs(network={"direction": ["a"]})["network"] == {"direction": ["a"]}


def test_sysmon_is_told_from_other_logs_whoever_mapped_it() -> None:
    sysmon = {"provider_name": "Microsoft-Windows-Sysmon", "event_id": "1"}
    mapped = ecs(process={"name": "x.exe"}, winlog=dict(sysmon))
    raw = ecs(winlog={**sysmon, "event_data": {"Image": "C:\\x.exe"}})
    record = Record("1", {"Image": "C:\\x.exe"}, provider="Microsoft-Windows-Sysmon").decoded()
    names = {lookup(doc, "data_stream.dataset") for doc in (mapped, raw, record)}
    assert names == {"windows.sysmon_operational"}
    agent = ecs(winlog=sysmon, process={}, data_stream={"dataset": "windows.forwarded"})
    assert lookup(agent, "data_stream.dataset") == "windows.forwarded"
