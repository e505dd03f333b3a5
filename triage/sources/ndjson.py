"""JSON records, one object each: ECS as it is, and the shapes that other shippers write.

Each object says itself what it is, so a file that mixes shapes (a module switched on half way,
two exports in one file) is read all the same.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from triage import times
from triage.fields import Doc, flatten, lookup, put
from triage.sources import channels, clock, evtx, evtxecmd, getwinevent, one_form, sysmon
from triage.sources.block import RecordError
from triage.sources.channels import to_ecs
from triage.sources.winevent import WinEvent, event_data, number, text

MAX_DEPTH = 64
# One pass that makes every digit a 0 and every opening bracket a brace: both can then be looked
# for at the speed of a byte search, which costs less than half of what parsing does.
_SHAPE = bytes.maketrans(b"123456789[", b"000000000{")
_LONG_RUN = b"0" * 19  # 2**63 has 19 digits; shorter numbers fit
_LONG_NUMBER = re.compile(rb"[\s:,\[](-?\d{19,})(?=[\s,\]}]|$)")
_BULK_ACTIONS = frozenset({"index", "create", "update", "delete"})
# Keys of an NXLog or Logstash record that describe the record; the others are its EventData.
_NXLOG_HEADER = frozenset({
    "@timestamp", "@version", "AccountName", "AccountType", "Category", "Channel", "Domain",
    "EventID", "EventReceivedTime", "EventTime", "EventTypeOrignal", "ExecutionProcessID",
    "Hostname", "Keywords", "Level", "Message", "Opcode", "OpcodeValue", "ProviderGuid",
    "RecordNumber", "Severity", "SeverityValue", "SourceModuleName", "SourceModuleType",
    "SourceName", "Task", "ThreadID", "TimeCreated", "UserID", "Version", "host", "port",
    "tags", "ERROR_EVT_UNRESOLVED",
})  # fmt: skip
_NXLOG_TYPES = frozenset(
    {"INFO", "WARNING", "ERROR", "CRITICAL", "VERBOSE", "AUDIT_SUCCESS", "AUDIT_FAILURE"}
)
_SYSMON_EVENT_TYPE = re.compile(r"^EventType: (\w+)\s*$", re.MULTILINE)


def decode(record: bytes) -> Doc | None:
    """The ECS document of one JSON object; None where it carries no event (a ``_bulk`` action).

    Raises RecordError with the reason: no JSON, nested deeper than 64, no object, no event.
    """
    doc = loads(record)
    winlog = doc.get("winlog")
    if winlog.__class__ is dict:
        return one_form.settle(_windows(doc, winlog))
    if "event" in doc and "@timestamp" in doc and "EventID" not in doc:
        return one_form.settle(doc)
    other = _other(doc)
    return other if other is None else one_form.settle(other)


def loads(record: bytes) -> Doc:
    """One JSON object. Whole numbers beyond 64 bits become their exact text, never a float."""
    try:
        doc = orjson.loads(record)
    except orjson.JSONDecodeError as error:
        raise RecordError(f"not JSON: {error}") from error
    if doc.__class__ is not dict:
        raise RecordError(f"a JSON {type(doc).__name__}, not an object")
    shape = record.translate(_SHAPE)
    if shape.count(b"{") > MAX_DEPTH:
        _check_depth(doc)
    if _LONG_RUN in shape and _is_beyond(record, shape):
        return _exact(record)
    return doc


def _is_beyond(record: bytes, shape: bytes) -> bool:
    """Whether a number of a record is beyond 64 bits, or is what looks like one in a string."""
    at = shape.find(_LONG_RUN)
    while at > 0:
        before = at - 2 if record[at - 1 : at] == b"-" else at - 1
        match = _LONG_NUMBER.match(record, max(before, 0))
        if match is not None and not -(1 << 63) <= int(match[1][:40]) < 1 << 63:
            return True
        at = shape.find(_LONG_RUN, at + len(_LONG_RUN))
    return False


def _check_depth(doc: Doc) -> None:
    level: list[Any] = [doc]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if node.__class__ is dict else node)
            if child.__class__ is dict or child.__class__ is list
        ]
        if not level:
            return
    raise RecordError(f"JSON nested deeper than {MAX_DEPTH}")


def _exact(record: bytes) -> Doc:
    def whole(digits: str) -> int | str:
        value = int(digits) if len(digits) < 40 else 1 << 64
        return value if -(1 << 63) <= value < 1 << 63 else digits

    exact: Doc = json.loads(record, parse_int=whole)
    return exact


def complete(doc: Doc) -> Doc:
    """A nested ECS document as it is to be: mapped by us where it is of Windows and nobody did."""
    winlog = doc.get("winlog")
    return one_form.settle(_windows(doc, winlog) if winlog.__class__ is dict else doc)


def _windows(doc: Doc, winlog: Doc) -> Doc:
    """An ECS document of winlogbeat or Elastic Agent; mapped by us where no pipeline did."""
    host = doc.get("host")
    if host.__class__ is not dict:
        host = doc["host"] = {} if host is None else {"name": text(host)}
    computer = winlog.get("computer_name")
    if computer is not None:
        for name in ("name", "id"):
            if name not in host and f"host.{name}" not in doc:
                host[name] = computer
    # A record of a Windows log names its channel or provider; no rule matches it without the type.
    from_log = winlog.get("provider_name") is not None or winlog.get("channel") is not None
    if from_log and "host.os.type" not in doc and lookup(host, "os.type") is None:
        put(host, "os.type", "windows")
    if "@timestamp" not in doc:
        written = winlog.get("time_created") or lookup(doc, "event.created")
        if written is not None:
            doc["@timestamp"] = written
    return channels.complete(doc, winlog)


def _other(doc: Doc) -> Doc | None:
    if "Event" in doc:
        return to_ecs(evtx.from_json(doc))
    if "EventID" in doc and ("Channel" in doc or "SourceName" in doc):
        return to_ecs(_nxlog(doc))
    if getwinevent.is_record(doc):
        return to_ecs(getwinevent.from_properties(doc))
    if is_event_data(doc):
        return to_ecs(_event_data_alone(doc))
    if evtxecmd.is_record(doc):
        return to_ecs(evtxecmd.from_json(doc, _payload(doc)))
    if "log_name" in doc and "event_id" in doc:
        return to_ecs(_winlogbeat6(doc))
    inner = doc.get("_source")
    if inner.__class__ is dict and inner:
        return _hit(inner)
    if len(doc) == 1:
        (action, target), *_ = doc.items()
        if action in _BULK_ACTIONS and target.__class__ is dict:
            return None
    if "winlog.event_id" in doc or "winlog.channel" in doc:
        nested: Doc = {}
        for name, value in flatten(doc).items():
            put(nested, name, value)
        return complete(nested)
    if "@timestamp" in doc:
        return doc
    foreign = foreign_reason(doc)
    raise RecordError(foreign or f"a JSON object without @timestamp; {seen_keys(doc)}")


def _payload(doc: Doc) -> Doc:
    """EvtxECmd's JSON within JSON: as hostile as the record itself, so under the same limits."""
    payload = doc["Payload"]
    if isinstance(payload, dict):
        return payload
    try:
        return loads(payload.encode()) if payload else {}
    except (AttributeError, RecordError) as error:
        raise RecordError(f"an EvtxECmd record whose Payload can not be read: {error}") from error


def _hit(inner: Doc) -> Doc:
    winlog = inner.get("winlog")
    if winlog.__class__ is dict:
        return _windows(inner, winlog)
    if "_source" in inner:
        raise RecordError("an Elasticsearch hit within a hit")
    found = inner if "event" in inner and "EventID" not in inner else _other(inner)
    if found is None:
        raise RecordError("an Elasticsearch hit whose _source is no event")
    return found


def foreign_reason(doc: Doc) -> str:
    """Why this object is no event but something else that we know; "" where it is not that."""
    if "RuleTitle" in doc:
        return "these are detections of hayabusa (RuleTitle), not events: read the EVTX itself"
    if "detections" in doc or {"group", "kind", "document"} <= doc.keys():
        return "these are detections of chainsaw hunt, not events: read the EVTX itself"
    if "event_type" in doc and "unique_pid" in doc:
        return "these are events in Endgame's schema, not ECS: read the Sysmon log itself"
    return ""


def seen_keys(doc: Doc) -> str:
    """The first keys of an object, for a reason."""
    shown = ", ".join(key[:40] for key in list(doc)[:6])
    return f"its keys are {shown}" if shown else "it is empty"


def is_event_data(doc: Doc) -> bool:
    """Whether an object is Sysmon's EventData with its event id and nothing else."""
    return "EventId" in doc and "UtcTime" in doc and "Provider" not in doc


def _event_data_alone(doc: Doc) -> WinEvent:
    return WinEvent(
        provider=sysmon.PROVIDER,
        event_id=text(doc["EventId"]),
        channel=sysmon.CHANNEL,
        time=text(doc["UtcTime"]),
        data=event_data(pair for pair in doc.items() if pair[0] != "EventId"),
    )


def _winlogbeat6(doc: Doc) -> WinEvent:
    given = doc.get("user")
    user = given if isinstance(given, dict) else {}
    data, user_data = doc.get("event_data"), doc.get("user_data")
    return WinEvent(
        provider=text(doc.get("source_name")),
        provider_guid=text(doc.get("provider_guid")),
        event_id=text(doc["event_id"]),
        channel=text(doc["log_name"]),
        computer=text(doc.get("computer_name")),
        time=text(doc.get("@timestamp")),
        record_id=text(doc.get("record_number")),
        level=text(doc.get("level")),
        keywords=text(doc.get("keywords")),
        version=number(doc.get("version")),
        opcode=text(doc.get("opcode")),
        task=text(doc.get("task")),
        message=text(doc.get("message")),
        pid=number(doc.get("process_id")),
        tid=number(doc.get("thread_id")),
        user_sid=text(user.get("identifier")),
        user_name=text(user.get("name")),
        user_domain=text(user.get("domain")),
        data=event_data(data.items()) if isinstance(data, dict) else {},
        user_data=event_data(user_data.items()) if isinstance(user_data, dict) else {},
    )


def _nxlog(doc: Doc) -> WinEvent:
    """NXLog's flat record, and the same as Logstash writes it from event forwarding."""
    provider = text(doc.get("SourceName"))
    message = text(doc.get("Message"))
    pairs = [(name, value) for name, value in doc.items() if name not in _NXLOG_HEADER]
    if "ExecutionProcessID" not in doc:
        pairs = [pair for pair in pairs if pair[0] != "ProcessID"]
    data = event_data(pairs)
    # NXLog's own EventType ("INFO") overwrites Sysmon's ("SetValue"), which the message keeps.
    keywords = text(doc.get("Keywords"))
    if data.get("EventType") in _NXLOG_TYPES:
        keywords = keywords or data["EventType"]
        del data["EventType"]
        if provider == sysmon.PROVIDER and (kept := _SYSMON_EVENT_TYPE.search(message)):
            data["EventType"] = kept[1]
    return WinEvent(
        provider=provider,
        provider_guid=text(doc.get("ProviderGuid")),
        event_id=text(doc["EventID"]),
        channel=text(doc.get("Channel")),
        computer=text(doc.get("Hostname")),
        time=_nxlog_time(doc),
        record_id=text(doc.get("RecordNumber")),
        level=text(doc.get("Level") or doc.get("Severity")).replace("INFO", "information"),
        keywords=keywords,
        version=number(doc.get("Version")),
        opcode=text(doc.get("Opcode")),
        task=text(doc.get("Category")),
        message=message,
        pid=number(doc.get("ExecutionProcessID", doc.get("ProcessID"))),
        tid=number(doc.get("ThreadID")),
        user_sid=text(doc.get("UserID")),
        user_name=text(doc.get("AccountName")),
        user_domain=text(doc.get("Domain")),
        data=data,
    )


def _nxlog_time(doc: Doc) -> str:
    """SystemTime in UTC. ``EventTime`` is the host's local time and does not say its offset.

    The offset is taken from a pair of clocks that show the same moment in UTC and locally, rounded
    to 15 minutes as offsets are: Sysmon's UtcTime and EventTime, else the collector's @timestamp
    and EventReceivedTime. Where there is no such pair the time is taken to be UTC.
    """
    if "TimeCreated" in doc:
        return text(doc["TimeCreated"])
    local = times.parse(doc.get("EventTime"))
    if local is None:
        return text(doc.get("@timestamp"))
    for here, there in (("EventTime", "UtcTime"), ("EventReceivedTime", "@timestamp")):
        shift = clock.offset(times.parse(doc.get(here)), times.parse(doc.get(there)))
        if shift is not None:
            return times.iso(local + shift)
    return times.iso(local)
