"""A glance at one of Sysmon's records shows what decoding it whole would, or nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.common import LOGS
from triage.engine.process import host_of
from triage.eql.access import reader
from triage.eql.values import text_of
from triage.event import order_of
from triage.sources import Block, Follower, Position, RecordError, decode
from triage.sources.evtx_glance import EvtxGlance
from triage.sources.sysmon_events import EVENTS
from triage.sources.sysmon_fields import kind_of

FACTS = [fact for code in EVENTS for fact in kind_of(code).facts]
OF_SYSTEM = (
    "@timestamp", "event.action", "event.category", "event.code", "event.created",
    "event.dataset", "event.kind", "event.module", "event.outcome", "event.provider",
    "event.type", "data_stream.dataset", "host", "host.id", "host.name", "host.os.type",
    "log.level", "message", "network.protocol", "user.id", "winlog.channel",
    "winlog.computer_name", "winlog.event_id", "winlog.keywords", "winlog.process.pid",
    "winlog.process.thread.id", "winlog.provider_guid", "winlog.provider_name",
    "winlog.record_id", "winlog.user.identifier", "winlog.version",
)  # fmt: skip
OF_DATA = (
    "Company", "Data", "Details", "EventType", "GrantedAccess", "Image", "Signed",
    "SourceProcessGuid", "TargetImage", "TargetObject", "TargetProcessGUID", "Type", "User",
    "ünder", "x.y", "x", "#text",
)  # fmt: skip
BELOW = ("dns.answers.data", "dns.answers.type", "process.args.x", "process", "registry.data")
NAMES = tuple(
    dict.fromkeys(
        (
            *OF_SYSTEM,
            *(field for fact in FACTS for field in fact.fields),
            *(f"winlog.event_data.{name}" for name in OF_DATA),
            *BELOW,
            "process.code_signature.trusted",
            "source.as.number",
        )
    )
)
GLANCE = EvtxGlance(NAMES)
READERS = {name: reader(name) for name in NAMES}
NOWHERE = Position("g", "log", 0, 0, "evtx-json", "utf-8", 0, 0)
GUID = "5D1F0A3C-77AA-4B21-0C01-000000000C01"


def block_of(*records: bytes, format: str = "evtx-json") -> Block:
    return Block("log", format, records, tuple(range(len(records))), NOWHERE)


def same(told: Any, wanted: Any) -> bool:
    return (told.__class__, told) == (wanted.__class__, wanted)


def texts_of(value: Any) -> str:
    several = [] if value is None else value if isinstance(value, list) else [value]
    return "\0".join(text_of(one) for one in several)


def check(block: Block, glance: EvtxGlance = GLANCE) -> int:
    """Compare all that is seen of a block with its documents; how many records that are."""
    found = 0
    for record in block.records if glance.takes(block) else ():
        seen = glance.look(record)
        if seen is None:
            continue
        found += 1
        doc = decode(block.format, record)
        assert doc is not None
        form = seen.form
        assert [*form.open, *form.known].sort() == [*glance.names].sort()
        wanted = {name: READERS[name](doc) for name in glance.names}
        for name in glance.names:
            told = form.reader(name)(seen)
            assert same(told, wanted[name]), (name, told, wanted[name], record)
        for name, told in form.known.items():
            assert same(told, wanted[name]), (name, told, wanted[name], record)
        values = [wanted[name] for name in form.open]
        assert form.several([*form.open])(seen) == tuple(values), record
        keys = tuple(tuple(one) if isinstance(one, list) else one for one in values)
        assert form.together(form.open)(seen) == keys, record
        assert form.joined([*form.open])(seen) == "\0".join(map(texts_of, values)), record
        order = order_of(doc, "log", 0)
        assert glance.time_of(seen) == (order[0] if order else None)
        assert order is None or glance.tiebreaker_of(seen) == order[1]
        assert seen.host.name == host_of(doc)
    return found


def record_of(code: Any, data: dict[str, Any], **system: Any) -> dict[str, Any]:
    return {
        "Event": {
            "#attributes": {"xmlns": "x"},
            "System": {
                "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon", "Guid": GUID}},
                "EventID": code,
                "Version": 5,
                "Level": 4,
                "Opcode": 0,
                "Keywords": "0x8000000000000000",
                "TimeCreated": {"#attributes": {"SystemTime": "2026-03-02T08:00:00.005000Z"}},
                "EventRecordID": 29337,
                "Correlation": None,
                "Execution": {"#attributes": {"ProcessID": 2708, "ThreadID": 3992}},
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "Computer": "WS-1.corp.example",
                "Security": {"#attributes": {"UserID": "S-1-5-18"}},
                **system,
            },
            "EventData": data,
        }
    }


KEYS = sorted({name for fact in FACTS for name in (*fact.of, *fact.beside)})
TEXTS = st.one_of(
    st.sampled_from(
        [
            "", "-", "{00000000-0000-0000-0000-000000000000}", GUID, "{" + GUID.lower() + "}",
            "C:\\Windows\\System32\\cmd.exe", "System", "C:\\", "\\lsass", "C:\\a.b\\c", "true",
            "False", "Valid", "LAB\\mara", "a\\b\\c", "10.0.0.1", "::1", "fe80::1", "443", "tcp",
            "SHA1=AB,MD5=0123,IMPHASH=00000000", "SHA256=ab", "HKLM\\Software\\Run",
            "HKU\\S-1\\x\\", "DWORD (0x0000000a)", "QWORD (0x1-0x2)", "Binary Data",
            "type:  5 a.example;::ffff:10.0.0.2;10.0.0.2;", "10.0.0.3;", "files.example.co.uk",
            "cmd  /c \"a b\" c", "é", "2026-03-02 08:00:00.005", "2026-03-02 08:00",
        ]
    ),
    st.text(max_size=8),
)  # fmt: skip
VALUES = st.one_of(
    TEXTS,
    TEXTS,
    st.sampled_from([0, 7, -5, 443, 1 << 63, -(1 << 63), 1 << 70, True, False, None, 1.0, -0.5]),
    st.sampled_from([[], ["x"], {}, {"#text": "x"}, {"#attributes": {"Name": "y"}, "#text": 1}]),
)
OTHER_KEYS = [
    "Data",
    "GrantedAccess",
    "EventType",
    "ünder",
    "x.y",
    "x",
    "#text",
    "a_attributes",
    "",
    "a b",
]
DATA = st.dictionaries(st.sampled_from([*KEYS, *OTHER_KEYS]), VALUES, max_size=12)
PATHS = st.sampled_from(
    [
        "Event", "Event.System", "Event.UserData", "Event.EventData", "EventID", "winlog", "event",
        *("Event.System." + one for one in (
            "Provider", "Provider.#attributes", "Provider.#attributes.Name",
            "Provider.#attributes.Guid", "Provider_attributes", "EventID", "Version", "Level",
            "Keywords", "TimeCreated", "TimeCreated.#attributes.SystemTime",
            "TimeCreated_attributes", "EventRecordID", "Execution", "Execution.#attributes",
            "Execution.#attributes.ProcessID", "Execution.ProcessID", "Execution_attributes",
            "Channel", "Computer", "Security", "Security.#attributes.UserID", "Security_attributes",
        )),
    ]
)  # fmt: skip
ODD = st.one_of(
    VALUES,
    st.sampled_from(
        [
            "Microsoft-Windows-Sysmon", "microsoft-windows-sysmon/operational", "1", 1, 22, "22",
            "0x8010000000000000", 1 << 53, "2026-03-02T08:00:00.0051234567Z", 1767225600000,
            "9999-12-30T00:00:00Z", {"ProcessID": 5}, {"UserID": "S-1-5-21"}, {"@UserID": "S-1"},
            {"#text": 1, "#attributes": {"Qualifiers": 1}}, {"SystemTime": "2026-01-01T00:00:00Z"},
            {"#attributes": None}, {"#attributes": {}},
        ]
    ),
)  # fmt: skip


def put(record: dict[str, Any], name: str, value: Any) -> None:
    node, parts = record, name.split(".")
    for part in parts[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            return
    node[parts[-1]] = copy.deepcopy(value)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([*EVENTS, *map(int, EVENTS), "30", "01"]),
    DATA,
    st.lists(st.tuples(PATHS, ODD), max_size=3),
    st.booleans(),
    st.sampled_from(["evtx", "evtx-json"]),
)
def test_what_is_seen_is_what_decoding_gives(
    code: Any, data: dict[str, Any], puts: list[tuple[str, Any]], plain: bool, format: str
) -> None:
    whole = record_of(code, data)
    for name, value in puts:
        put(whole, name, value)
    record = json.dumps(whole, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    try:
        decode(format, record)
    except RecordError:
        assert not check(block_of(record, format=format))
        return
    check(block_of(record, format=format))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=20))
def test_every_usual_record_is_seen(code: str, data: dict[str, str]) -> None:
    assert check(block_of(json.dumps(record_of(int(code), data)).encode()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_record_that_can_not_be_read_is_not_seen(data: st.DataObject) -> None:
    record = orjson.dumps(record_of(1, {"Image": "C:\\é.exe", "ProcessId": 7, "User": "A\\b"}))
    at = data.draw(st.integers(0, len(record) - 1))
    with_ = data.draw(st.binary(max_size=3))
    mutant = record[:at] + with_ + record[at + data.draw(st.integers(0, 3)) :]
    try:
        whole = decode("evtx-json", mutant)
    except RecordError:
        whole = None
    if whole is None:
        assert not check(block_of(mutant))
    else:
        check(block_of(mutant))


@pytest.mark.parametrize("twice", ['"Image":"a\\\\b"', '"Im\\u0061ge":"a\\\\b"', '"Image":null'])
def test_of_a_key_that_comes_twice_the_last_counts(twice: str) -> None:
    record = orjson.dumps(record_of(1, {"Image": "c\\d", "ProcessId": 7})).decode()
    for one in ('"ProcessId":7', '"Image":"c\\\\d"'):
        assert check(block_of(record.replace(one, f"{one},{twice}").encode())) == 1


def test_other_formats_and_odd_bytes_have_a_block_decoded_whole() -> None:
    record = orjson.dumps(record_of(1, {"Image": "c\\d"}))
    assert check(block_of(record, record)) == 2
    assert not GLANCE.takes(block_of(record, format="ecs"))
    assert not GLANCE.takes(block_of(record, record.replace(b"c\\\\d", b"\xff")))


def test_a_name_with_a_blank_is_asked_for_with_a_line() -> None:
    glance = EvtxGlance(("winlog.event_data.A_b", "winlog.event_data.c_attributes"))
    for name in ("winlog.event_data.A_b", "winlog.event_data.c_attributes"):
        READERS[name] = reader(name)
    for key in ("A_b", "c_attributes", "d"):
        assert check(block_of(orjson.dumps(record_of(1, {key: "x"}))), glance) == 1
    for key in ("A b", "c attributes"):
        assert not glance.takes(block_of(orjson.dumps(record_of(1, {key: "x"}))))


def test_fields_of_any_name_are_asked_for() -> None:
    record = orjson.dumps(record_of(1, {"Image": "c\\d"}))
    for name in ('winlog.event_data.a "b"', "winlog.event_data.a\\b", "winlog.event_data.a\nb"):
        assert not EvtxGlance(("process.name", name)).takes(block_of(record))


@pytest.mark.parametrize("field", NAMES)
def test_a_field_alone_is_seen_as_it_is_with_all_others(field: str) -> None:
    glance = EvtxGlance((field,))
    data = dict.fromkeys(KEYS, "x") | {"SourceIp": "::1", "SourcePort": 7, "DestinationPort": 8}
    for code in EVENTS:
        assert check(block_of(orjson.dumps(record_of(code, data))), glance) == 1


def test_our_logs_look_the_same_at_a_glance() -> None:
    seen = sum(
        check(block)
        for path in sorted(LOGS.iterdir())
        for block in Follower([str(path)], once=True).poll()
    )
    assert seen


def _records(line: bytes) -> list[bytes]:
    """The records of a golden pair, as an EVTX parser prints them."""
    raw = orjson.loads(line)["raw"]
    winlog = raw.get("winlog") if isinstance(raw, dict) else None
    if winlog is None or not str(winlog.get("event_id", "")).isdecimal():
        return []
    data = winlog.get("event_data") or {}
    record = record_of(int(winlog["event_id"]), data, Computer=winlog.get("computer_name"))
    return [orjson.dumps(record)]


@pytest.mark.shared
def test_golden_events_look_the_same_at_a_glance(shared: Path) -> None:
    lines = (shared / "golden-sysmon" / "golden.jsonl").read_bytes().splitlines()
    records = [record for line in lines for record in _records(line)]
    assert check(block_of(*records)) > 100


@pytest.mark.shared
def test_shared_logs_look_the_same_at_a_glance(shared: Path) -> None:
    logs = [
        path
        for path in sorted((shared / "logs").rglob("*"))
        if path.suffix in (".evtx", ".jsonl") and path.stat().st_size < 4 << 20
    ]
    seen = sum(
        check(block) for path in logs[::6] for block in Follower([str(path)], once=True).poll()
    )
    assert seen > 500
