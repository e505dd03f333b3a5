"""Sysmon's event data as ECS, field for field as Elastic's ingest pipelines give it.

The tables are beside it: what Sysmon's events are in :mod:`triage.sources.sysmon_events`, where
their values go in :mod:`triage.sources.sysmon_fields`.
"""

from __future__ import annotations

import re
from typing import Any

from triage import times
from triage.fields import Doc, nested, object_at, put
from triage.sources.derive import arguments, community_id, domain_parts, file_of, is_ip
from triage.sources.sysmon_events import (
    DNS_STATUS,
    DNS_TYPES,
    EVENTS,
    HASH_OF_FILE,
    HASH_OF_PROCESS,
    HASHES,
    HIVES,
    REGISTRY,
)
from triage.sources.sysmon_fields import BOOLEANS, USED_UP, WAYS, WAYS_OF_CODE, Way

PROVIDER = "Microsoft-Windows-Sysmon"
CHANNEL = "Microsoft-Windows-Sysmon/Operational"
_NOTHING = frozenset({"", "-", "{00000000-0000-0000-0000-000000000000}"})


_NUMERIC_DATA = re.compile(
    r"(?:QWORD \(0x([0-9A-Fa-f]{1,16})-0x([0-9A-Fa-f]{1,16})\)|DWORD \(0x([0-9A-Fa-f]{1,16})\))"
)
_DNS_RECORD = re.compile(r"type:\s*(\d{1,5})\s*(\S*)")


def map_fields(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of one Sysmon event into ``doc``; what is left of its event data.

    ``data`` is the record's EventData by name. Sets ``@timestamp`` from ``UtcTime`` where there is
    one.
    """
    data = {name: value for name, value in data.items() if value not in _NOTHING}
    _classify(doc, code)
    occurred = times.parse(data.get("UtcTime"))
    if occurred is not None:
        doc["@timestamp"] = times.iso(occurred)
    left = _distribute(doc, data, WAYS_OF_CODE.get(code, WAYS))
    related: dict[str, list[str]] = {"user": [], "ip": [], "hosts": [], "hash": []}
    _user(doc, data, related)
    _process(doc)
    _file(doc)
    _hashes(doc, data, code, related)
    if code in REGISTRY and "TargetObject" in data:
        doc["registry"] = _registry(data["TargetObject"], data.get("Details"))
    elif "Details" in data:
        left["Details"] = data["Details"]
    _network(doc, data, code, related)
    if code == "22":
        _dns(doc, data, related)
    found = {name: list(dict.fromkeys(values)) for name, values in related.items() if values}
    if found:
        doc["related"] = found
    return left


def _distribute(doc: Doc, data: dict[str, str], ways: dict[str, Way]) -> dict[str, Any]:
    """Put the values that have a way where it leads; what is left of the event data."""
    left: dict[str, Any] = {}
    holders: dict[str, Doc] = {"": doc, "winlog.event_data": left}
    for name, value in data.items():
        way = ways.get(name)
        if way is None:
            if name not in USED_UP:
                left[name] = value
            continue
        path, last, read, stays = way
        if stays:
            left[name] = value
        found = value if read is None else read(value)
        if found is None:
            continue
        holder = holders.get(path)
        if holder is None:
            holder = holders[path] = object_at(doc, path)
        holder[last] = found
    return left


def _classify(doc: Doc, code: str) -> None:
    event = doc["event"]
    event["module"] = "sysmon"
    event.setdefault("dataset", "windows.sysmon_operational")
    if (kind := EVENTS.get(code)) is not None:
        category, type_, action = kind
        if category:
            event["category"] = list(category)
        event["type"] = list(type_)
        event.setdefault("action", action)


def _user(doc: Doc, data: dict[str, str], related: dict[str, list[str]]) -> None:
    sid = nested(doc["winlog"], "user").get("identifier")  # of the account that wrote the record
    user: Doc = {"id": sid} if isinstance(sid, str) and sid else {}
    domain, _, name = data.get("User", "").partition("\\")
    if domain and name and "\\" not in name:
        user["domain"], user["name"] = domain, name
        related["user"].append(name)
    if user:
        doc["user"] = user


def _process(doc: Doc) -> None:
    process = doc.get("process")
    if process is None:
        return
    for one in (process, process.get("parent")):
        if one is None:
            continue
        # "System" and "Registry" have no path: their name is all there is.
        if name := one.get("executable", "").rpartition("\\")[2]:
            one["name"] = name
        if "command_line" in one:
            one["args"] = arguments(one["command_line"])
            one["args_count"] = len(one["args"])


def _file(doc: Doc) -> None:
    file = doc.get("file")
    if file is None:
        return
    signature = file.get("code_signature")
    if signature is not None and signature.get("status") == "Valid":
        signature["valid"] = True
    if len(path := file.get("path", "")) > 1:
        file.update(file_of(path))


def _hashes(doc: Doc, data: dict[str, str], code: str, related: dict[str, list[str]]) -> None:
    listed = data.get("Hashes") or data.get("Hash")
    if listed is None:
        return
    owner = "process" if code in HASH_OF_PROCESS else "file" if code in HASH_OF_FILE else ""
    hashes: Doc = {}
    for part in listed.lower().split(","):
        kind, _, digest = part.strip().partition("=")
        if not digest or not digest.strip("0"):
            continue
        related["hash"].append(digest)
        if owner and kind == "imphash":
            put(doc, f"{owner}.pe.imphash", digest)
        elif owner and kind in HASHES:
            hashes[kind] = digest
    if hashes:
        put(doc, f"{owner}.hash", hashes)


def _registry(path: str, details: str | None) -> Doc:
    registry: Doc = {"path": path}
    first, *rest = path.split("\\")
    hive = HIVES.get(first)
    if hive is not None:
        registry["hive"] = hive
        if rest:
            registry["key"] = "\\".join(rest)
    if rest and rest[-1]:
        registry["value"] = rest[-1]
    if details is not None:
        number = _NUMERIC_DATA.fullmatch(details)
        if number is None:
            kind = "REG_BINARY" if details == "Binary Data" else "REG_SZ"
            registry["data"] = {"type": kind, "strings": [details]}
        elif number[3] is not None:
            registry["data"] = {"type": "SZ_DWORD", "strings": [str(int(number[3], 16))]}
        else:
            # Upstream shifts the high word by 8 bits, not 32; rules are written for its values.
            value = (int(number[1], 16) << 8) + int(number[2], 16)
            registry["data"] = {"type": "SZ_QWORD", "strings": [str(value)]}
    return registry


def _network(doc: Doc, data: dict[str, str], code: str, related: dict[str, list[str]]) -> None:
    if code == "22":
        put(doc, "network.protocol", "dns")
        return
    port_name = data.get("DestinationPortName") or data.get("SourcePortName")
    if port_name:
        put(doc, "network.protocol", port_name)
    initiated = data.get("Initiated", "").lower()
    if initiated in BOOLEANS:
        put(doc, "network.direction", "egress" if initiated == "true" else "ingress")
    ipv6 = data.get("SourceIsIpv6", "").lower()
    if ipv6 in BOOLEANS:
        put(doc, "network.type", "ipv6" if ipv6 == "true" else "ipv4")
    source, destination = doc.get("source", {}), doc.get("destination", {})
    related["ip"] += [end["ip"] for end in (source, destination) if "ip" in end]
    transport = data.get("Protocol")
    if transport and all("ip" in end and "port" in end for end in (source, destination)):
        flow = community_id(
            source["ip"], source["port"], destination["ip"], destination["port"], transport
        )
        if flow is not None:
            put(doc, "network.community_id", flow)


def _dns(doc: Doc, data: dict[str, str], related: dict[str, list[str]]) -> None:
    name = data.get("QueryName")
    if "QueryStatus" in data:
        status = data["QueryStatus"]
        put(doc, "sysmon.dns.status", DNS_STATUS.get(status, status))
    answers: list[Doc] = []
    addresses: list[str] = []
    for part in data.get("QueryResults", "").split(";"):
        part = part.strip()
        record = _DNS_RECORD.fullmatch(part)
        if record is not None:
            answer: Doc = {"type": DNS_TYPES.get(record[1], record[1])}
            if record[2]:
                answer["data"] = record[2]
                related["hosts"].append(record[2])
            answers.append(answer)
        elif is_ip(ip := part.removeprefix("::ffff:")):  # Sysmon cuts long results off
            addresses.append(ip)
    answers += [{"type": "AAAA" if ":" in ip else "A", "data": ip} for ip in addresses]
    related["ip"] += addresses
    if answers:
        put(doc, "dns.answers", answers)
    if addresses:
        put(doc, "dns.resolved_ip", addresses)
    if name is not None:
        related["hosts"].append(name)
        parts = domain_parts(name)
        if parts is not None:
            registered, sub, top = parts
            put(doc, "dns.question.registered_domain", registered)
            put(doc, "dns.question.top_level_domain", top)
            if sub:
                put(doc, "dns.question.subdomain", sub)
