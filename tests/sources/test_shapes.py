"""The same four Sysmon events in every shape that tools write them in are the same ECS events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.common import LOGS, read
from triage import times
from triage.fields import flatten, lookup

# file: (format it is recognised as, nanoseconds its SystemTime is exact to)
SHAPES = {
    "wevtutil.xml": ("xml", 100),
    "eventviewer_bom.xml": ("xml", 100),
    "eventviewer_utf16le.xml": ("xml", 100),
    "eventviewer_utf16be.xml": ("xml", 100),
    "python_evtx.xml": ("xml", 1_000),
    "evtx_dump.ndjson": ("evtx-json", 1_000),
    "chainsaw_search.ndjson": ("evtx-json", 1_000),
    "xmltodict.ndjson": ("evtx-json", 1_000),
    "evtxecmd.json": ("evtxecmd", 100),
    "winlogbeat_raw.ndjson": ("ecs", 1_000_000),
    "winlogbeat6.ndjson": ("winlogbeat6", 1_000_000),
    "es_hits.ndjson": ("elasticsearch", 1_000_000),
    "es_bulk.ndjson": ("elasticsearch", 1_000_000),
    "logstash_wef.ndjson": ("nxlog", 1_000_000),
    "nxlog.ndjson": ("nxlog", 1_000_000_000),
    "array.json": ("json", 1_000_000),
    "array_oneline.json": ("json", 1_000_000),
    "pretty.json": ("json", 1_000_000),
    "es_search.json": ("search", 1_000_000),
    "getwinevent_5.json": ("json", 1_000_000),
    "getwinevent_7.json": ("json", 100),
    "export.csv": ("csv", 1_000_000_000),
    "kibana.csv": ("csv", 1_000_000),
}
WRITTEN = [
    "2026-03-02T09:15:00.5012345Z",
    "2026-03-02T09:15:02.75Z",
    "2026-03-02T09:15:03Z",
    "2026-03-02T09:15:04.1Z",
]
ID = "{5d1f0a3c-77aa-4b21-0c01-000000000c01}"
IMAGE = "C:\\Tools\\Build\\installutil.exe"
ALL: dict[str, object] = {
    "event.kind": "event",
    "event.provider": "Microsoft-Windows-Sysmon",
    "host.name": "atlas.lab.example",
    "host.id": "atlas.lab.example",
    "host.os.type": "windows",
    "log.level": "information",
    "process.entity_id": ID,
    "process.pid": 4120,
    "process.executable": IMAGE,
    "process.name": "installutil.exe",
    "user.domain": "LAB",
    "user.name": "mara",
    "winlog.channel": "Microsoft-Windows-Sysmon/Operational",
    "winlog.computer_name": "atlas.lab.example",
    "rule.name": None,
}
EXPECTED: list[dict[str, object]] = [
    {
        "@timestamp": "2026-03-02T09:15:00.483Z",
        "event.code": "1",
        "event.category": "process",
        "event.type": "start",
        "process.args": [IMAGE, "/logfile=", "/U", "C:\\Users\\mara\\new build\\svc.dll"],
        "process.args_count": 4,
        "process.working_directory": "C:\\Users\\mara\\",
        "process.hash.md5": "0123456789abcdef0123456789abcdef",
        "process.hash.sha256": "00112233445566778899aabbccddeeff" * 2,
        "process.pe.imphash": None,
        "process.pe.original_file_name": "InstallUtil.exe",
        "process.pe.description": "Größe & <Prüfung>",
        "process.parent.entity_id": "{5d1f0a3c-77aa-4b21-0c01-000000000b77}",
        "process.parent.pid": 3988,
        "process.parent.name": "cmd.exe",
        "process.parent.args": ["cmd.exe", "/c", "build.cmd"],
        "winlog.event_data.IntegrityLevel": "Medium",
        "winlog.event_data.ParentUser": "LAB\\mara",
        "winlog.event_data.LogonGuid": "{5d1f0a3c-77aa-4b21-0c01-000000000700}",
        "winlog.event_data.CommandLine": None,
        "winlog.event_data.UtcTime": None,
    },
    {
        "@timestamp": "2026-03-02T09:15:00.312Z",
        "event.code": "3",
        "event.category": "network",
        "event.type": ["start", "connection", "protocol"],
        "network.direction": "egress",
        "network.transport": "tcp",
        "network.type": "ipv4",
        "network.protocol": "https",
        "network.community_id": "1:aWO/LXdmouYNrOeDpn3RjDWBHb8=",
        "source.ip": "192.0.2.15",
        "source.port": 50123,
        "source.domain": "atlas.lab.example",
        "destination.ip": "198.51.100.7",
        "destination.port": 443,
        "destination.domain": None,
        "related.ip": ["192.0.2.15", "198.51.100.7"],
    },
    {
        "@timestamp": "2026-03-02T09:15:01.000Z",
        "event.code": "22",
        "event.category": "network",
        "network.protocol": "dns",
        "dns.question.name": "files.depot.co.uk",
        "dns.question.registered_domain": "depot.co.uk",
        "dns.question.subdomain": "files",
        "dns.question.top_level_domain": "co.uk",
        "dns.answers.data": ["edge.depot.example", "198.51.100.7"],
        "dns.answers.type": ["CNAME", "A"],
        "dns.resolved_ip": "198.51.100.7",
        "sysmon.dns.status": "SUCCESS",
    },
    {
        "@timestamp": "2026-03-02T09:15:04.090Z",
        "event.code": "13",
        "event.category": ["configuration", "registry"],
        "event.type": "change",
        "registry.path": "HKLM\\Software\\Lab\\Start",
        "registry.hive": "HKLM",
        "registry.key": "Software\\Lab\\Start",
        "registry.value": "Start",
        "registry.data.type": "SZ_DWORD",
        "registry.data.strings": "10",
        "winlog.event_data.EventType": "SetValue",
    },
]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_the_same_events(name: str) -> None:
    docs, reasons = read(LOGS / name)
    assert reasons == []
    assert [lookup(doc, "event.code") for doc in docs] == ["1", "3", "22", "13"]
    for doc, expected in zip(docs, EXPECTED, strict=True):
        for field, value in (ALL | expected).items():
            assert lookup(doc, field) == value, field


@pytest.mark.parametrize("name", SHAPES)
def test_event_created_is_the_time_the_record_was_written(name: str) -> None:
    docs, _ = read(LOGS / name)
    exact = SHAPES[name][1]
    for doc, written in zip(docs, WRITTEN, strict=True):
        found, meant = times.parse(lookup(doc, "event.created")), times.parse(written)
        assert found is not None
        assert meant is not None
        assert found // exact == meant // exact


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_empty_reaches_a_document(name: str) -> None:
    docs, _ = read(LOGS / name)
    for doc in docs:
        empty = {field: v for field, v in flatten(doc).items() if v in ("", "-", None, [])}
        assert empty == {}


def test_event_viewer_csv_lacks_the_host_and_nothing_else() -> None:
    docs, reasons = read(LOGS / "viewer.csv")
    assert reasons == []
    for doc, expected in zip(docs, EXPECTED, strict=True):
        lacking = dict.fromkeys(("host.name", "host.id", "winlog.channel", "winlog.computer_name"))
        for field, value in (ALL | expected | lacking).items():
            assert lookup(doc, field) == value, field
        assert str(lookup(doc, "event.created")).startswith("2026-03-02T09:15:0")


def test_a_value_of_a_table_may_hold_what_else_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    odd = "a\u2028b\x0cc\x1dd\x85e"
    path.write_text(
        "@timestamp,process.name,host.name,event.category\n"
        f'2026-03-02T09:15:00.000Z,{odd},atlas,"network, process"\n'
        f'2026-03-02T09:15:01.000Z,"{odd}\nf",atlas,process\n',
        "utf-8",
        newline="",
    )
    docs, reasons = read(path)
    assert reasons == []
    assert [lookup(doc, "process.name") for doc in docs] == [odd, odd + "\nf"]
    assert {lookup(doc, "host.name") for doc in docs} == {"atlas"}
    assert [lookup(doc, "event.category") for doc in docs] == [["network", "process"], "process"]


def test_a_row_with_too_few_columns_is_a_reject(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "@timestamp,process.name,host.name\n2026-03-02T09:15:00.000Z,a\n"
        "2026-03-02T09:15:00.000Z,a,b\n"
    )
    docs, reasons = read(path)
    assert len(docs) == 1
    assert len(reasons) == 1
    assert "2 columns under a header of 3" in reasons[0]


def test_kibana_writes_ids_with_commas_and_events_with_few_columns(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "@timestamp,winlog.channel,winlog.event_id,event.code,winlog.record_id,message\n"
        '"Mar 2, 2026 @ 09:15:00.501",Microsoft-Windows-Sysmon/Operational,1,1,"88,123",'
        '"Process Create:\nUtcTime: 2026-03-02 09:15:00.501\nImage: C:\\Lab\\a.exe"\n'
    )
    (doc,), reasons = read(path)
    assert reasons == []
    assert lookup(doc, "winlog.record_id") == "88123"
    assert lookup(doc, "process.executable") == "C:\\Lab\\a.exe"


def test_sysmon_event_data_alone_is_an_event(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        '[\n    {\n        "EventId":  12,\n        "UtcTime":  "2026-03-02 09:15:04.090",\n'
        '        "RuleName":  null,\n        "TargetObject":  "HKLM\\\\Software\\\\Lab"\n    }\n]\n'
    )
    (doc,), reasons = read(path)
    assert reasons == []
    assert lookup(doc, "registry.path") == "HKLM\\Software\\Lab"
    assert lookup(doc, "@timestamp") == "2026-03-02T09:15:04.090Z"


def test_splunk_classic_events_lie_among_those_in_xml(tmp_path: Path) -> None:
    classic = (
        "03/02/2026 09:15:01 AM\nLogName=Microsoft-Windows-PowerShell/Operational\n"
        "SourceName=Microsoft-Windows-PowerShell\nEventCode=4104\nType=Verbose\n"
        "ComputerName=atlas.lab.example\nSid=S-1-5-21-1-2-3-500\nRecordNumber=7\n"
        "Message=Creating Scriptblock text (1 of 2):\nGet-Item 'a=b'\n\n"
        "ScriptBlock ID: 5d1f0a3c-77aa-4b21-0c01-000000000001\nPath: \n"
    )
    event = (LOGS / "security.xml").read_text("utf-8")
    event = event[event.index("<Event") : event.index("</Event>") + 8]
    for text in (classic + event + "\n" + classic + classic, event + "\n" + classic, classic):
        path = tmp_path / "log"
        path.write_text(text)
        docs, reasons = read(path)
        assert reasons == []
        codes = [lookup(doc, "event.code") for doc in docs]
        assert codes.count("4104") == text.count("EventCode")
        assert codes.count("1102") == text.count("<Event ")
        doc = docs[codes.index("4104")]
        assert doc["@timestamp"] == "2026-03-02T09:15:01.000Z"
        assert lookup(doc, "powershell.file.script_block_text") == "Get-Item 'a=b'"
        assert lookup(doc, "winlog.record_id") == "7"


def test_the_log_of_another_channel_becomes_an_event_with_its_user_data() -> None:
    (doc,), reasons = read(LOGS / "security.xml")
    assert reasons == []
    assert doc["@timestamp"] == doc["event"]["created"] == "2026-03-02T09:20:00.123456700Z"
    expected = {
        "event.code": "1102",
        "event.provider": "Microsoft-Windows-Eventlog",
        "event.category": "iam",
        "event.action": "audit-log-cleared",
        "user.name": "mara",
        "host.os.type": "windows",
        "winlog.channel": "Security",
        "winlog.event_id": "1102",
        "winlog.record_id": "88",
        "winlog.provider_guid": "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}",
        "winlog.user_data.xml_name": "LogFileCleared",
        "winlog.user_data.SubjectUserName": "mara",
    }
    assert {field: lookup(doc, field) for field in expected} == expected


def test_an_ecs_document_of_another_agent_is_left_as_it_is() -> None:
    (doc,), reasons = read(LOGS / "defend.ndjson")
    assert reasons == []
    assert lookup(doc, "process.entity_id") == "QmFzZTY0SWQ="
    assert lookup(doc, "event.created") == "2026-03-02T09:15:00.5012345Z"
    assert "winlog" not in doc
