"""One record at a time, friendly and hostile: what it decodes to, or the reason why it can not."""

from __future__ import annotations

import io
import json
import pickle
import time
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.common import LOGS
from triage.event import order_of
from triage.fields import Doc, lookup
from triage.sources import FORMATS, RecordError, decode, evtx

STAMP = b'"@timestamp":"2026-03-02T09:15:00Z"'
XML = (LOGS / "wevtutil.xml").read_bytes().split(b"\r\n")[0]


def ecs(body: bytes) -> bytes:
    return b"{" + STAMP + b',"event":{},"x":' + body + b"}"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9223372036854775807", 9223372036854775807),
        (b"-9223372036854775808", -9223372036854775808),
        (b"9223372036854775808", "9223372036854775808"),
        (b"18446744073709551616", "18446744073709551616"),
        (b"-18446744073709551617", "-18446744073709551617"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b'"18446744073709551616"', "18446744073709551616"),
        (b"[1, 99999999999999999999]", [1, "99999999999999999999"]),
        (b"1.5", 1.5),
        (b'{"y":1},"x":2', 2),
        (b'"a\\u0000b"', "a\x00b"),
    ],
)
def test_t8_numbers_stay_exact_and_the_last_of_equal_keys_wins(body: bytes, value: object) -> None:
    doc = decode("ecs", ecs(body))
    assert doc is not None
    assert doc["x"] == value
    assert type(doc["x"]) is type(value)
    orjson.dumps(doc)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (ecs(b"NaN"), "not JSON"),
        (ecs(b"Infinity"), "not JSON"),
        (ecs(b'"\xff\xfe"'), "not JSON"),
        (ecs(b'"\\ud800"'), "not JSON"),
        (ecs(b"[" * 65 + b"]" * 65), "deeper than 64"),
        (ecs(b'{"a":' * 64 + b"1" + b"}" * 64), "deeper than 64"),
        (ecs(b"[" * 100_000 + b"]" * 100_000), "not JSON"),
        (b"[]", "not an object"),
        (b'"text"', "not an object"),
        (b'{"a":1}', "without @timestamp"),
        (b'{"Event":{}}', "without System"),
        (b'{"Event":{"System":{}}}', "without EventID"),
        (b'{"_source":{"_source":{"@timestamp":"x"}}}', "hit within a hit"),
        (b'{"RuleTitle":"x"}', "hayabusa"),
        (b'{"Provider":"p","EventId":1,"Payload":"{"}', "Payload can not be read: not JSON"),
        (b'{"Provider":"p","EventId":1,"Payload":"[]"}', "Payload can not be read: a JSON list"),
        (b'{"Provider":"p","EventId":1,"Payload":7}', "Payload can not be read"),
        (
            b'{"Provider":"p","EventId":1,"Payload":"' + b"[" * 900 + b"]" * 900 + b'"}',
            "Payload can not be read",
        ),
        (
            b'{"Provider":"p","EventId":1,"Payload":"'
            + b"{'UserData':".replace(b"'", b'\\"') * 80
            + b"1"
            + b"}" * 80
            + b'"}',
            "deeper than 64",
        ),
    ],
)
def test_t7_t9_a_record_that_can_not_be_read_says_why(record: bytes, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        decode("ecs", record)


def test_t7_depth_64_is_still_read() -> None:
    assert decode("ecs", ecs(b"[" * 63 + b"]" * 63)) is not None


def test_t7_a_record_of_very_many_keys_is_read_in_linear_time() -> None:
    record = ecs(json.dumps({f"k{n}": {"a": n} for n in range(80_000)}).encode())
    began = time.process_time()
    assert decode("ecs", record) is not None
    assert time.process_time() - began < 5  # a tenth of a second; a minute where it is quadratic


def test_an_action_of_bulk_carries_no_event() -> None:
    assert decode("elasticsearch", b'{"index":{"_index":"a","_id":"1"}}') is None
    assert decode("elasticsearch", b'{"delete":{"_id":"1"}}') is None


def test_dotted_keys_of_a_shipper_mean_the_same_as_nested_ones() -> None:
    nested = json.loads((LOGS / "winlogbeat_raw.ndjson").read_bytes().splitlines()[1])
    flat: dict[str, object] = {}

    def walk(node: dict[str, object], prefix: str) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = value

    walk(nested, "")
    one = decode("ecs", json.dumps(nested).encode())
    two = decode("ecs", json.dumps(flat).encode())
    assert one is not None
    assert two is not None
    for field in ("process.entity_id", "destination.ip", "host.os.type", "event.created"):
        assert lookup(one, field) == lookup(two, field) is not None


def test_a_mapped_document_is_not_mapped_again_but_its_guid_joins() -> None:
    record = {
        "@timestamp": "2026-03-02T09:15:00.483Z",
        "event": {"code": "1", "category": ["process"], "created": "2026-03-02T09:15:00.501Z"},
        "process": {"entity_id": "{5D1F0A3C-77AA-4B21-0C01-000000000C01}", "name": "x.exe"},
        "winlog": {
            "provider_name": "Microsoft-Windows-Sysmon",
            "computer_name": "atlas",
            "event_id": "1",
        },
    }
    doc = decode("ecs", json.dumps(record).encode())
    assert doc is not None
    assert doc["process"] == {
        "entity_id": "{5d1f0a3c-77aa-4b21-0c01-000000000c01}",
        "name": "x.exe",
    }
    assert doc["host"] == {"name": "atlas", "id": "atlas", "os": {"type": "windows"}}
    assert doc["event"] == record["event"]


def test_an_nxlog_record_without_utctime_takes_its_offset_from_the_collector() -> None:
    record = {
        "EventTime": "2026-03-02 03:45:00",
        "EventReceivedTime": "2026-03-02 03:45:02",
        "@timestamp": "2026-03-02T09:15:02.410Z",
        "EventID": 4688,
        "Channel": "Security",
        "SourceName": "Microsoft-Windows-Security-Auditing",
    }
    doc = decode("nxlog", json.dumps(record).encode())
    assert doc is not None
    assert doc["event"]["created"] == "2026-03-02T09:15:00.000Z"


def test_a_record_gives_an_order_in_which_a_late_connection_follows_its_process() -> None:
    start, connection, *_ = (LOGS / "wevtutil.xml").read_bytes().split(b"\r\n")
    docs = [decode("xml", record) for record in (start, connection)]
    orders = [order_of(doc, "log", 0) for doc in docs if doc is not None]
    assert docs[1] is not None
    assert docs[0] is not None
    assert docs[1]["@timestamp"] < docs[0]["@timestamp"]
    assert orders[0] is not None
    assert orders[1] is not None
    assert orders[0] < orders[1]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + XML, "DOCTYPE"),
        (XML.replace(b"<EventData>", b"<!ENTITY x 'y'><EventData>"), "DOCTYPE or ENTITY"),
        (XML.replace(b"LAB\\mara", b"&lol;"), "not XML"),
        (XML.replace(b"</System>", b""), "not XML"),
        (b"<Event>" + b"<a>" * 70 + b"</a>" * 70 + b"</Event>", "deeper than 64"),
        (b"<Event>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Event>", "not XML|deeper"),
        (b"<Event></Event>", "no Windows <Event>"),
        (b"<Other><System/></Other>", "no Windows <Event>"),
        (b"<Event><System></System></Event>", "without EventID"),
    ],
)
def test_t10_xml_that_is_hostile_or_no_event_is_refused(record: bytes, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        decode("xml", record)


def test_t10_no_file_is_read_through_xml() -> None:
    record = XML.replace(
        b"<EventData>",
        b"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' "
        b"href='/etc/passwd' parse='text'/><EventData>",
    )
    doc = decode("xml", record)
    assert doc is not None
    assert b"root:" not in orjson.dumps(doc)


@pytest.mark.parametrize("hidden", [b"&#27;[2J", b"&#x1b;[2J", b"\x1b[2J", b"&#x0;", b"&#xd800;"])
def test_a_control_character_does_not_hide_a_record(hidden: bytes) -> None:
    doc = decode("xml", XML.replace(b"/logfile=", hidden))
    assert doc is not None
    assert "\ufffd" in doc["process"]["command_line"]
    assert doc["process"]["pid"] == 4120


def _outcome(format: str, record: bytes) -> Doc | str | None:
    """The document, or the reason; any other exception fails the test."""
    try:
        return decode(format, record)
    except RecordError as error:
        return str(error)


@pytest.mark.parametrize("format", FORMATS)
@given(record=st.binary(max_size=200) | st.sampled_from([XML[:n] for n in range(0, 900, 50)]))
def test_any_bytes_decode_or_say_why(format: str, record: bytes) -> None:
    assert _outcome(format, record) != ""


@pytest.mark.parametrize(
    "stamp", ["9999-12-31T23:59:59-01:00", "9999-12-31 23:59:99", "0001-01-01T00:00:00+05:00"]
)
def test_a_time_before_or_beyond_all_years_stops_no_record(stamp: str) -> None:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": 1,
        "TimeCreated": {"#attributes": {"SystemTime": stamp}},
    }
    event = {"Event": {"System": system, "EventData": {"UtcTime": stamp, "Image": "C:\\a.exe"}}}
    doc = decode("evtx-json", orjson.dumps(event))
    assert doc is not None
    assert lookup(doc, "process.name") == "a.exe"
    assert order_of(doc, "x", 0) is None
    record = {"Id": 1, "Message": "", "TimeCreated": "/Date(999999999999999)/"}
    doc = decode("json", orjson.dumps(record))
    assert doc is not None
    assert order_of(doc, "x", 0) is None


_KEYS = [
    "Event", "System", "EventData", "EventID", "Provider", "Data", "winlog", "event", "host",
    "process", "@timestamp", "log_name", "event_id", "user", "event_data", "provider_name",
    "_source", "index", "Channel", "UtcTime", "EventTime", "#attributes", "#text", "Name",
    "os", "Image", "user_data", "CommandLine", "TargetObject", "QueryResults", "SourceIp",
    "Hashes", "source", "file", "Payload", "EventId", "UserData",
]  # fmt: skip
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["Microsoft-Windows-Sysmon", "1", "3", "13", "22", "a\\b", 'a "b', "0x1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(value=_JSON, data=_JSON)
def test_any_event_data_under_a_sysmon_record_decodes_or_says_why(
    value: object, data: object
) -> None:
    winlog = {"provider_name": "Microsoft-Windows-Sysmon", "event_id": value, "event_data": data}
    record = json.dumps({"@timestamp": value, "winlog": winlog, "event": data, "host": value})
    assert _outcome("ecs", record.encode()) != ""


@given(value=_JSON)
def test_any_shape_of_our_own_keys_decodes_or_says_why(value: object) -> None:
    record = orjson.dumps(value, default=str) if _fits(value) else json.dumps(value).encode()
    assert _outcome("ecs", record) != ""


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def test_decoding_can_be_sent_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(partial(decode, "xml", XML)))  # noqa: S301 - our own bytes
    assert again()["process"]["pid"] == 4120


@pytest.mark.parametrize("rest", [b"", bytes(100), bytes(100_000), b"\xff" * 5000])
def test_t12_garbage_that_begins_like_an_evtx_gives_reasons_and_no_record(rest: bytes) -> None:
    items: list[bytes | str] = []
    try:
        items += [item.content for item in evtx.read_records(io.BytesIO(evtx.MAGIC + rest))]
    except RecordError as error:
        items.append(str(error))
    assert all(isinstance(item, str) and "EVTX" in item for item in items)
