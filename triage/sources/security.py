"""The Security log's event data as ECS, with the names that Elastic's pipelines give it.

Event data stays as it was written, so that a rule may ask for either; only what Elastic's rules ask
for beside it (``NewUACList``, ``PrivilegeList`` as a list) is added or cut up. Whether an
audited action succeeded is told by the record's keywords alone, see ``winevent.outcome``.
"""

from __future__ import annotations

import re
from typing import Any

from triage.fields import Doc, nested, put
from triage.sources import security_events as facts
from triage.sources.derive import address, arguments, community_id, file_of
from triage.sources.winevent import number

PROVIDERS = frozenset({"", "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog"})

# Whose user is the account that was logged on; every other event's is the one that acted.
_TARGET_IS_USER = frozenset({
    "4624", "4625", "4627", "4634", "4647", "4768", "4769", "4770", "4771", "4776", "4964",
})  # fmt: skip
_EFFECTIVE = frozenset({"4648", "4688"})  # on behalf of another
_TARGET = frozenset({
    "4670", "4704", "4720", "4722", "4723", "4724", "4725", "4726", "4738", "4740", "4767", "4781",
    "4797", "4798", "4817", "4907",
})  # fmt: skip
_COMPUTER = frozenset({"4741", "4742", "4743"})
_SHARE = frozenset({"5140", "5142", "5143", "5144", "5145"})
_FLOW = frozenset({"5152", "5156", "5157", "5158"})
_OBJECT = frozenset({"4656", "4657", "4658", "4660", "4661", "4663"})
_LOGON_IDS = ("SubjectLogonId", "TargetLogonId", "LogonID")
_PADDED = re.compile(r"0x0+(?=[0-9A-Fa-f])")  # as python-evtx writes numbers
_NAME_IN_DN = re.compile(r"(?i:CN|OU)=((?:\\.|[^,\\])*)")
_DOMAIN_IN_DN = re.compile(r"(?i:,DC)=([^,]*)")


def map_fields(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of one event into ``doc``; its event data as it is to be kept."""
    if doc["event"].get("provider", "") not in PROVIDERS:
        return dict(data)  # others write into this log too, with ids of their own
    _classify(doc, code)
    kept: dict[str, Any] = dict(data)
    for name in _LOGON_IDS:
        if name in data:
            kept[name] = _PADDED.sub("0x", data[name].lower())
    related: dict[str, list[str]] = {"user": [], "ip": []}
    _users(doc, code, data, related)
    _logon(doc, code, data, kept)
    _process(doc, code, data)
    _ends(doc, code, data, related)
    if code in _SHARE:
        _share(doc, data)
    elif code in _OBJECT:
        _object(doc, data)
    elif code == "4664" and "FileName" in data:
        doc["file"] = file_of(data["FileName"])
    _service(doc, data)
    _decoded(kept, data)
    found = {name: list(dict.fromkeys(values)) for name, values in related.items() if values}
    if found:
        doc["related"] = found
    return kept


def _classify(doc: Doc, code: str) -> None:
    if (kind := facts.EVENTS.get(code)) is not None:
        category, type_, action = kind
        doc["event"].update(category=list(category), type=list(type_), action=action)


def _account(data: dict[str, str], whose: str) -> Doc:
    """id, name and domain of the ``Subject`` or ``Target`` of an event, as far as it names them."""
    named = {
        "id": data.get(f"{whose}UserSid") or data.get(f"{whose}Sid"),
        "name": data.get(f"{whose}UserName", "").partition("@")[0],
        "domain": data.get(f"{whose}DomainName"),
    }
    return {name: value for name, value in named.items() if value}


def _users(doc: Doc, code: str, data: dict[str, str], related: dict[str, list[str]]) -> None:
    subject = _account(data, "Subject")
    if code == "1102" and not subject:
        subject = _account(nested(doc["winlog"], "user_data"), "Subject")
    target = _account(data, "Target")
    user = subject
    if code in ("4778", "4779"):
        named = {"name": data.get("AccountName"), "domain": data.get("AccountDomain")}
        user = {name: value for name, value in named.items() if value}
    elif code in _TARGET_IS_USER:
        user = target
        related["user"] += [target["name"]] if "name" in target else []
    elif code in _EFFECTIVE and target:
        user = {**subject, "effective": target}
    elif code in _TARGET and target:
        user = {**subject, "target": target}
    elif code in _COMPUTER and target:
        doc["winlog"]["computerObject"] = target
    elif target and "group" in nested(doc, "event").get("type", ()):
        user = _group(doc, data, subject, target)
    if code == "4781":
        if "OldTargetUserName" in data:
            user["target"] = {**user.get("target", {}), "name": data["OldTargetUserName"]}
        if "NewTargetUserName" in data:
            user["changes"] = {"name": data["NewTargetUserName"]}
    if user:
        doc["user"] = user
    accounts = [subject, *(user.get(name, {}) for name in ("effective", "target", "changes")), user]
    related["user"] += [one["name"] for one in accounts if "name" in one]


def _group(doc: Doc, data: dict[str, str], subject: Doc, group: Doc) -> Doc:
    """The user of a group's event: who changed it, and whom it is about."""
    doc["group"] = group
    target: Doc = {}
    if (member := _NAME_IN_DN.match(data.get("MemberName", ""))) is not None:
        target["name"] = re.sub(r"\\(.)", r"\1", member[1])
        if (domain := _DOMAIN_IN_DN.search(data["MemberName"])) is not None:
            target["domain"] = domain[1]
    if "MemberSid" in data:
        target["id"] = data["MemberSid"]
    return {**subject, "target": {**target, "group": dict(group)}} if target else subject


def _logon(doc: Doc, code: str, data: dict[str, str], kept: dict[str, Any]) -> None:
    logon: Doc = {}
    user_data = nested(doc["winlog"], "user_data")
    # Elastic takes the subject's for a logon too, which is that of the service that let it in; the
    # events of the new session have its own, and a rule joins the two by it.
    names = (_LOGON_IDS[1], *_LOGON_IDS) if code in ("4624", "4627", "4964") else _LOGON_IDS
    for name in names:
        if found := kept.get(name) or user_data.get(name):
            logon["id"] = found
            break
    if (kind := facts.LOGON_TYPES.get(data.get("LogonType", ""))) is not None:
        logon["type"] = kind
    failure: Doc = {}
    if reason := data.get("FailureReason"):
        failure["reason"] = facts.FAILURE_REASONS.get(reason, reason)
    if code in ("4625", "4776"):
        for field, name in (("status", "Status"), ("sub_status", "SubStatus")):
            status = number(data.get(name))
            if status is not None and (meaning := facts.LOGON_STATUS.get(status)) is not None:
                failure[field] = meaning
    if failure:
        logon["failure"] = failure
    if logon:
        doc["winlog"]["logon"] = logon


def _process(doc: Doc, code: str, data: dict[str, str]) -> None:
    process: Doc = {}
    pid, path = data.get("ProcessId"), data.get("ProcessName") or data.get("CallerProcessName")
    if code == "4688":
        parent: Doc = {}
        _name(parent, data.get("ParentProcessName"), pid)
        pid, path = data.get("NewProcessId"), data.get("NewProcessName")
        if parent:
            process["parent"] = parent
        if line := data.get("CommandLine"):
            process["command_line"] = line
            process["args"] = arguments(line)
            process["args_count"] = len(process["args"])
    elif code in _FLOW:
        pid, path = data.get("ProcessID") or data.get("ProcessId"), data.get("Application")
    elif pid is None:
        pid = data.get("CallerProcessId")
    _name(process, path, pid)
    if process:
        doc["process"] = process


def _name(process: Doc, path: str | None, pid: str | None) -> None:
    if (found := number(pid)) is not None:
        process["pid"] = found
    if path:
        process["executable"] = path
        process["name"] = path.rpartition("\\")[2]


def _ends(doc: Doc, code: str, data: dict[str, str], related: dict[str, list[str]]) -> None:
    """Where it came from, and for the filtering platform where it went."""
    flow = code in _FLOW
    sides = (
        ("source", "SourceAddress" if flow else "IpAddress", "SourcePort" if flow else "IpPort"),
        ("destination", "DestAddress" if flow else "", "DestPort" if flow else ""),
    )
    for side, address_name, port_name in sides:
        end: Doc = {}
        given = data.get(address_name) or (data.get("ClientAddress") if side == "source" else "")
        if found := address("127.0.0.1" if given == "LOCAL" else given or ""):
            end["ip"] = found
            related["ip"].append(found)
        if (port := number(data.get(port_name))) is not None and 0 <= port < 1 << 16:
            end["port"] = port
        if end:
            doc[side] = end
    if name := data.get("WorkstationName") or data.get("ClientName") or data.get("Workstation"):
        doc.setdefault("source", {})["domain"] = name
    if flow:
        _flow(doc, data)


def _flow(doc: Doc, data: dict[str, str]) -> None:
    protocol = data.get("Protocol", "")
    network: Doc = {"iana_number": protocol} if protocol else {}
    if (transport := facts.IP_PROTOCOLS.get(protocol)) is not None:
        network["transport"] = transport
    if (direction := facts.DIRECTIONS.get(data.get("Direction", ""))) is not None:
        network["direction"] = direction
    source, destination = doc.get("source", {}), doc.get("destination", {})
    if all("ip" in end and "port" in end for end in (source, destination)):
        network["type"] = "ipv6" if ":" in source["ip"] else "ipv4"
        flow = community_id(
            source["ip"], source["port"], destination["ip"], destination["port"], transport or ""
        )
        if flow is not None:
            network["community_id"] = flow
    if network:
        doc["network"] = network


def _share(doc: Doc, data: dict[str, str]) -> None:
    folder = data.get("ShareLocalPath", "").removeprefix("\\??\\")
    share, name = data.get("ShareName", ""), data.get("RelativeTargetName", "")
    file: Doc = {"directory": folder} if folder else {}
    if name:
        file["name"] = name  # with the folders below the share, as rules for pipes and SYSVOL ask
        if folder:
            file["path"] = "\\".join((folder.rstrip("\\"), name.lstrip("\\")))
        if share:
            file["target_path"] = "\\".join((share, name.lstrip("\\")))
        if "." in name:
            file["extension"] = name.rpartition(".")[2]
    if file:
        doc["file"] = file


def _object(doc: Doc, data: dict[str, str]) -> None:
    """The file or registry key of an object access. That it was opened says nothing of a change, so
    an event of no kind in the table stays of none: rules on files mean writes."""
    name, kind = data.get("ObjectName", ""), data.get("ObjectType", "")
    if kind == "Key" or name.upper().startswith("\\REGISTRY\\"):
        registry: Doc = {"path": name}
        if "ObjectValueName" in data:
            registry["value"] = data["ObjectValueName"]
        if "NewValue" in data:
            registry["data"] = {"strings": [data["NewValue"]]}
        doc["registry"] = registry
    elif kind == "File" and name:
        doc["file"] = file_of(name)


def _service(doc: Doc, data: dict[str, str]) -> None:
    if name := data.get("ServiceName"):
        put(doc, "service.name", name)
    kind = number(data.get("ServiceType"))
    if kind is not None and (meaning := facts.SERVICE_TYPES.get(kind)) is not None:
        put(doc, "service.type", meaning)


def _decoded(kept: dict[str, Any], data: dict[str, str]) -> None:
    """What a number or a list written as text says, beside it."""
    flags = number(data.get("NewUacValue"))
    if flags:
        kept["NewUACList"] = [
            name for bit, name in enumerate(facts.UAC_FLAGS) if flags & (1 << bit)
        ]
    if "PrivilegeList" in data:
        kept["PrivilegeList"] = data["PrivilegeList"].split()
    kind = number(data.get("TicketEncryptionType"))
    if kind is not None and (meaning := facts.TICKET_ENCRYPTION.get(kind)) is not None:
        kept["TicketEncryptionTypeDescription"] = meaning
