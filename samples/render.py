"""The log formats of the samples: winlogbeat's ECS, Elastic Defend's ECS, and Windows event XML."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import shlex
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from samples.world import Host, Process, Record

_SYSMON = "Microsoft-Windows-Sysmon"
_CHANNEL = f"{_SYSMON}/Operational"
_PROVIDER_GUID = "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}"
_EVENT_IDS = {"start": 1, "network": 3, "end": 5, "file": 11, "registry": 13, "dns": 22}
_SCHEMA = {1: 5, 3: 5, 5: 3, 11: 2, 13: 2, 22: 5}  # version of each event's layout
_CATEGORIES = {
    "start": (["process"], ["start"]),
    "end": (["process"], ["end"]),
    "network": (["network"], ["start", "connection", "protocol"]),
    "dns": (["network"], ["connection", "protocol", "info"]),
    "file": (["file"], ["creation"]),
    "registry": (["configuration", "registry"], ["change"]),
}


def iso(time: int, digits: int = 3) -> str:
    """A time in milliseconds as ISO 8601 with 3 or 7 digits."""
    stamp = datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{time % 1000:03d}".ljust(20 + digits, "0") + "Z"


def winlogbeat(host: Host) -> bytes:
    """Sysmon as winlogbeat 8 ships it after Elastic's pipeline: a document a line."""
    documents = (_sysmon_document(host, number, record) for number, record in _numbered(host))
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


def defend(host: Host) -> bytes:
    """Elastic Defend's events: a document a line."""
    documents = (_defend_document(host, number, record) for number, record in _numbered(host))
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


def event_xml(host: Host) -> bytes:
    """Sysmon as Event Viewer saves it: one XML document, UTF-16 with a byte order mark."""
    lines = ['<?xml version="1.0" encoding="utf-16" standalone="yes"?>', "<Events>"]
    lines += [_event(host, number, record) for number, record in _numbered(host)]
    return ("\r\n".join([*lines, "</Events>"]) + "\r\n").encode("utf-16")


def _numbered(host: Host) -> list[tuple[int, Record]]:
    first = 41_000 + int(host.machine[:3], 16)
    return list(enumerate(host.ordered(), first))


def _event_data(record: Record) -> list[tuple[str, str]]:
    """The fields of a Sysmon event, in its order."""
    process = record.process
    clock = iso(record.time).replace("T", " ").removesuffix("Z")
    data = [
        ("RuleName", "-"),
        ("UtcTime", clock),
        ("ProcessGuid", process.guid),
        ("ProcessId", str(process.pid)),
        ("Image", process.image),
    ]
    facts = {name: str(value) for name, value in record.facts.items()}
    if record.kind == "start":
        original, description, product, version = process.version
        parent = process.parent
        data += [
            ("FileVersion", version),
            ("Description", description),
            ("Product", product),
            ("OriginalFileName", original),
            ("CommandLine", process.command_line),
            ("CurrentDirectory", process.directory),
            ("User", process.user),
            ("IntegrityLevel", process.integrity),
            ("Hashes", ",".join(f"{key.upper()}={value}" for key, value in process.hashes.items())),
            ("ParentProcessGuid", parent.guid if parent else "-"),
            ("ParentProcessId", str(parent.pid if parent else 4)),
            ("ParentImage", parent.image if parent else "System"),
            ("ParentCommandLine", parent.command_line if parent else "-"),
        ]
    elif record.kind == "network":
        wide = str(":" in facts["DestinationIp"]).lower()
        data += [("User", process.user), ("Protocol", facts["Protocol"]), ("Initiated", "true")]
        data += [("SourceIsIpv6", wide), ("SourceIp", facts["SourceIp"])]
        data += [("SourcePort", facts["SourcePort"]), ("DestinationIsIpv6", wide)]
        data += [(name, facts[name] or "-") for name in ("DestinationIp", "DestinationHostname")]
        data += [("DestinationPort", facts["DestinationPort"])]
    elif record.kind == "dns":
        results = "".join(f"{answer};" for answer in facts["QueryResults"].split(";"))
        data[-1:] = [
            ("QueryName", facts["QueryName"]),
            ("QueryStatus", "0"),
            ("QueryResults", results),
        ]
        data += [("Image", process.image), ("User", process.user)]
    elif record.kind == "file":
        data += [
            ("TargetFilename", facts["TargetFilename"]),
            ("CreationUtcTime", clock),
            ("User", process.user),
        ]
    elif record.kind == "registry":
        data.insert(1, ("EventType", "SetValue"))
        data += [(name, facts[name]) for name in ("TargetObject", "Details")] + [
            ("User", process.user)
        ]
    return data


def _event(host: Host, number: int, record: Record) -> str:
    code = _EVENT_IDS[record.kind]
    data = "".join(
        f"<Data Name={quoteattr(name)}>{escape(value)}</Data>"
        for name, value in _event_data(record)
    )
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='{_SYSMON}' Guid='{_PROVIDER_GUID}'/><EventID>{code}</EventID>"
        f"<Version>{_SCHEMA[code]}</Version><Level>4</Level><Task>{code}</Task><Opcode>0</Opcode>"
        "<Keywords>0x8000000000000000</Keywords>"
        f"<TimeCreated SystemTime='{iso(record.created, 7)}'/>"
        f"<EventRecordID>{number}</EventRecordID>"
        "<Correlation/><Execution ProcessID='3120' ThreadID='4288'/>"
        f"<Channel>{_CHANNEL}</Channel><Computer>{host.fqdn}</Computer>"
        f"<Security UserID='S-1-5-18'/></System><EventData>{data}</EventData></Event>"
    )


def _file(path: str) -> dict[str, Any]:
    folder, _, name = path.rpartition("\\")
    return {"path": path, "name": name, "directory": folder, "extension": path.rpartition(".")[2]}


def _registry(path: str, value: str) -> dict[str, Any]:
    hive, _, key = path.partition("\\")
    data = {"strings": [value], "type": "REG_SZ"}
    return {"path": path, "hive": hive, "key": key, "value": path.rpartition("\\")[2], "data": data}


def _dns(record: Record) -> dict[str, Any]:
    name = str(record.facts["QueryName"])
    addresses = str(record.facts["QueryResults"]).split(";")
    sub, _, registered = name.rpartition(".")[0].rpartition(".")
    question = {"name": name, "top_level_domain": name.rpartition(".")[2]}
    question["registered_domain"] = f"{registered}.{question['top_level_domain']}"
    if sub:
        question["subdomain"] = sub
    answers = [{"data": each, "type": "AAAA" if ":" in each else "A"} for each in addresses]
    return {"question": question, "answers": answers, "resolved_ip": addresses}


def _started(process: Process) -> dict[str, Any]:
    """What both agents tell of a process and its parent when it starts."""
    original, description, product, version = process.version
    arguments = shlex.split(process.command_line.replace("\\", "\\\\").replace("'", "\\'"))
    found: dict[str, Any] = {
        "command_line": process.command_line,
        "args": arguments,
        "args_count": len(arguments),
        "working_directory": process.directory,
        "pe": {
            "original_file_name": original,
            "description": description,
            "product": product,
            "file_version": version,
        },
    }
    if process.parent is not None:
        found["parent"] = {
            "executable": process.parent.image,
            "name": process.parent.name,
            "pid": process.parent.pid,
            "command_line": process.parent.command_line,
        }
    return found


def _common(host: Host, record: Record) -> dict[str, Any]:
    """The part of a document that both agents fill the same way."""
    facts = record.facts
    domain, _, user = record.process.user.partition("\\")
    document: dict[str, Any] = {
        "user": {"id": host.sid_of(record.process.user), "domain": domain, "name": user},
    }
    if record.kind == "network":
        document["source"] = {"ip": facts["SourceIp"], "port": facts["SourcePort"]}
        document["destination"] = {"ip": facts["DestinationIp"], "port": facts["DestinationPort"]}
        wide = ipaddress.ip_address(str(facts["DestinationIp"])).version == 6
        document["network"] = {
            "transport": facts["Protocol"],
            "type": "ipv6" if wide else "ipv4",
            "direction": "egress",
        }
    elif record.kind == "dns":
        document["dns"] = _dns(record)
        document["network"] = {"protocol": "dns"}
    elif record.kind == "file":
        document["file"] = _file(str(facts["TargetFilename"]))
    elif record.kind == "registry":
        document["registry"] = _registry(str(facts["TargetObject"]), str(facts["Details"]))
    return document


def _sysmon_document(host: Host, number: int, record: Record) -> dict[str, Any]:
    code = str(_EVENT_IDS[record.kind])
    category, kind = _CATEGORIES[record.kind]
    process = record.process
    about: dict[str, Any] = {
        "entity_id": process.guid,
        "executable": process.image,
        "name": process.name,
        "pid": process.pid,
    }
    document: dict[str, Any] = {
        "@timestamp": iso(record.time),
        "process": about,
        **_common(host, record),
    }
    if record.kind == "start":
        about.update(_started(process))
        digests = dict(process.hashes)
        about["pe"]["imphash"] = digests.pop("imphash")
        about["hash"] = digests
        if process.parent is not None:
            about["parent"]["entity_id"] = process.parent.guid
        document["related"] = {
            "hash": list(process.hashes.values()),
            "user": [document["user"]["name"]],
        }
    if record.facts.get("DestinationHostname"):
        document["destination"]["domain"] = record.facts["DestinationHostname"]
    document["event"] = {
        "category": category,
        "type": kind,
        "code": code,
        "created": iso(record.created),
        "kind": "event",
        "module": "sysmon",
        "provider": _SYSMON,
    }
    document["host"] = {"name": host.fqdn, "os": {"type": "windows"}}
    document["winlog"] = {
        "channel": _CHANNEL,
        "computer_name": host.fqdn,
        "event_id": code,
        "provider_name": _SYSMON,
        "record_id": str(number),
        "version": _SCHEMA[int(code)],
    }
    return document


def _defend_document(host: Host, number: int, record: Record) -> dict[str, Any]:
    process = record.process
    kind = {"dns": "network"}.get(record.kind, record.kind)
    dataset = "process" if kind in ("start", "end") else kind
    action = {"network": "connection_attempted", "dns": "lookup_requested", "file": "creation"}.get(
        record.kind, "modification" if kind == "registry" else kind
    )
    signed = process.image.startswith(("C:\\Windows\\System32\\", "C:\\Program Files\\"))
    signer = "Kontor Software GmbH" if "Kontor" in process.version[1] else "Microsoft Windows"
    signature: dict[str, Any] = {"exists": signed}
    if signed:
        signature |= {"subject_name": signer, "trusted": True, "status": "trusted"}
    about: dict[str, Any] = {
        "entity_id": process.entity_id,
        "executable": process.image,
        "name": process.name,
        "pid": process.pid,
        "code_signature": signature,
    }
    ancestry: list[str] = []
    above = process.parent
    while above is not None:
        ancestry.append(above.entity_id)
        above = above.parent
    about["Ext"] = {"ancestry": ancestry}
    document: dict[str, Any] = {
        "@timestamp": iso(record.time, 7),
        "process": about,
        **_common(host, record),
    }
    if record.kind == "start":
        about.update(_started(process))
        about["hash"] = {key: process.hashes[key] for key in ("md5", "sha256")}
        if process.parent is not None:
            about["parent"]["entity_id"] = process.parent.entity_id
    if kind == "network":
        types = ["start"] if record.kind == "network" else ["connection", "protocol", "info"]
    else:
        types = _CATEGORIES[record.kind][1]
    name = base64.b64encode(
        hashlib.md5(f"{host.name} {number}".encode(), usedforsecurity=False).digest()
    )
    document["event"] = {
        "id": name.decode()[:16] + f"+++++{number:04x}",
        "sequence": number,
        "created": iso(record.time, 7),
        "ingested": iso(record.created + 9_000),
        "kind": "event",
        "module": "endpoint",
        "dataset": f"endpoint.events.{dataset}",
        "category": [dataset],
        "type": types,
        "action": action,
    }
    document["host"] = {
        "name": host.name.lower(),
        "hostname": host.name,
        "ip": [host.address],
        "os": {"type": "windows", "family": "windows", "full": "Windows Server 2022 Standard"},
    }
    document["agent"] = {"id": host.agent, "type": "endpoint", "version": "8.17.2"}
    document["data_stream"] = {"dataset": f"endpoint.events.{dataset}", "type": "logs"}
    return document
