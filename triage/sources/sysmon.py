"""Sysmon's event data as ECS, field for field as Elastic's ingest pipelines give it.

The tables are facts of those pipelines (names, categories, types); where their versions differ
the values are those of the Windows integration 1.24.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from triage import times
from triage.fields import Doc, nested, object_at, put
from triage.sources.derive import arguments, community_id, domain_parts, file_of, is_ip

PROVIDER = "Microsoft-Windows-Sysmon"
CHANNEL = "Microsoft-Windows-Sysmon/Operational"
_NOTHING = frozenset({"", "-", "{00000000-0000-0000-0000-000000000000}"})

# event id: (event.category, event.type, event.action)
_EVENTS: dict[str, tuple[list[str], list[str], str]] = {
    "1": (["process"], ["start"], "Process creation"),
    "2": (["file"], ["change"], "A process changed a file creation time"),
    "3": (["network"], ["start", "connection", "protocol"], "Network connection"),
    "4": (["process"], ["change"], "Sysmon service state changed"),
    "5": (["process"], ["end"], "Process terminated"),
    "6": (["driver"], ["start"], "Driver loaded"),
    "7": (["process"], ["change"], "Image loaded"),
    "8": (["process"], ["change"], "CreateRemoteThread"),
    "9": (["process"], ["access"], "RawAccessRead"),
    "10": (["process"], ["access"], "ProcessAccess"),
    "11": (["file"], ["creation"], "FileCreate"),
    "12": (["configuration", "registry"], ["change"], "RegistryEvent (Object create and delete)"),
    "13": (["configuration", "registry"], ["change"], "RegistryEvent (Value Set)"),
    "14": (["configuration", "registry"], ["change"], "RegistryEvent (Key and Value Rename)"),
    "15": (["file"], ["access"], "FileCreateStreamHash"),
    "16": (["configuration"], ["change"], "ServiceConfigurationChange"),
    "17": (["file"], ["creation"], "PipeEvent (Pipe Created)"),
    "18": (["file"], ["access"], "PipeEvent (Pipe Connected)"),
    "19": (["process"], ["creation"], "WmiEvent (WmiEventFilter activity detected)"),
    "20": (["process"], ["creation"], "WmiEvent (WmiEventConsumer activity detected)"),
    "21": (["process"], ["access"], "WmiEvent (WmiEventConsumerToFilter activity detected)"),
    "22": (["network"], ["connection", "protocol", "info"], "DNSEvent (DNS query)"),
    "23": (["file"], ["deletion"], "FileDelete (File Delete archived)"),
    "24": ([], ["change"], "ClipboardChange (New content in the clipboard)"),
    "25": (["process"], ["change"], "ProcessTampering (Process image change)"),
    "26": (["file"], ["deletion"], "FileDeleteDetected (File Delete logged)"),
    "27": (["file"], ["creation", "denied"], "FileBlockExecutable"),
    "28": (["file"], ["deletion", "denied"], "FileBlockShredding"),
    "29": (["file"], ["creation"], "FileExecutableDetected"),
    "255": (["process"], ["error"], "Error"),
}


class _Way(NamedTuple):
    """Where a value of the event data goes."""

    holder: str  # dotted name of the object, "" for the document itself
    name: str
    read: Callable[[str], Any] | None  # makes a value of the text, None of one that is none
    stays: bool  # in winlog.event_data too


def _ways(
    paths: dict[str, str], read: Callable[[str], Any] | None = None, stays: bool = False
) -> dict[str, _Way]:
    parted = {name: path.rpartition(".") for name, path in paths.items()}
    return {name: _Way(holder, last, read, stays) for name, (holder, _, last) in parted.items()}


def _number(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) < 19 else None


def _address(value: str) -> str | None:
    return value if is_ip(value) else None


def _boolean(value: str) -> bool | None:
    return _BOOLEANS.get(value.lower())


def _true(value: str) -> bool | None:
    return _boolean(value) or None


_BOOLEANS = {"true": True, "false": False}
_RENAMED = {
    "ProcessGuid": "process.entity_id",
    "SourceProcessGuid": "process.entity_id",
    "SourceProcessGUID": "process.entity_id",
    "Image": "process.executable",
    "SourceImage": "process.executable",
    "Destination": "process.executable",
    "CommandLine": "process.command_line",
    "CurrentDirectory": "process.working_directory",
    "ParentProcessGuid": "process.parent.entity_id",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line",
    "TargetFilename": "file.path",
    "Device": "file.path",
    "PipeName": "file.name",
    "ImageLoaded": "file.path",
    "Protocol": "network.transport",
    "SourceHostname": "source.domain",
    "DestinationHostname": "destination.domain",
    "QueryName": "dns.question.name",
    "RuleName": "rule.name",
    "TargetProcessGuid": "winlog.event_data.TargetProcessGUID",
}
_NUMBERS = {
    "ProcessId": "process.pid",
    "SourceProcessId": "process.pid",
    "SourceThreadId": "process.thread.id",
    "ParentProcessId": "process.parent.pid",
    "SourcePort": "source.port",
    "DestinationPort": "destination.port",
}
_ADDRESSES = {"SourceIp": "source.ip", "DestinationIp": "destination.ip"}
_FLAGS = {"Archived": "sysmon.file.archived", "IsExecutable": "sysmon.file.is_executable"}
_SIGNATURE = {
    "Signature": "file.code_signature.subject_name",
    "SignatureStatus": "file.code_signature.status",
}


def _described(owner: str) -> dict[str, _Way]:
    """Of the program that runs, or of the image that it loads."""
    pe = {
        "Company": f"{owner}.pe.company",
        "Description": f"{owner}.pe.description",
        "FileVersion": f"{owner}.pe.file_version",
        "Product": f"{owner}.pe.product",
    }
    return _ways(pe, stays=True) | _ways({"OriginalFileName": f"{owner}.pe.original_file_name"})


_WAYS = {
    **_ways(_RENAMED),
    **_ways(_NUMBERS, _number),
    **_ways(_ADDRESSES, _address),
    **_ways(_FLAGS, _boolean),
    **_ways(_SIGNATURE, stays=True),
    **_ways({"Signed": "file.code_signature.signed"}, _true, stays=True),
    **_described("process"),
}
_WAYS_OF_CODE = {
    "7": _WAYS | _described("file"),
    "25": _WAYS | _ways({"Type": "message"}),
    "255": _WAYS | _ways({"ID": "error.code"}),
}
_USED_UP = frozenset({
    "UtcTime", "User", "Hash", "Hashes", "TargetObject", "Details", "Initiated",
    "SourceIsIpv6", "DestinationIsIpv6", "QueryStatus", "QueryResults", "DestinationPortName",
    "SourcePortName",
})  # fmt: skip
_HASH_OF_PROCESS = frozenset({"1", "23", "24", "25", "26"})
_HASH_OF_FILE = frozenset({"6", "7", "15", "29"})
_HASHES = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})
_REGISTRY = frozenset({"12", "13", "14"})
_HIVES = {
    long: short
    for short, name in (
        ("HKCR", "HKEY_CLASSES_ROOT"),
        ("HKCC", "HKEY_CURRENT_CONFIG"),
        ("HKCU", "HKEY_CURRENT_USER"),
        ("HKDD", "HKEY_DYN_DATA"),
        ("HKLM", "HKEY_LOCAL_MACHINE"),
        ("HKPD", "HKEY_PERFORMANCE_DATA"),
        ("HKU", "HKEY_USERS"),
    )
    for long in (short, name)
}
_NUMERIC_DATA = re.compile(
    r"(?:QWORD \(0x([0-9A-Fa-f]{1,16})-0x([0-9A-Fa-f]{1,16})\)|DWORD \(0x([0-9A-Fa-f]{1,16})\))"
)
_DNS_RECORD = re.compile(r"type:\s*(\d{1,5})\s*(\S*)")
_DNS_TYPES = {
    "1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT",
    "28": "AAAA", "33": "SRV", "35": "NAPTR", "39": "DNAME", "43": "DS", "46": "RRSIG",
    "47": "NSEC", "48": "DNSKEY", "64": "SVCB", "65": "HTTPS", "255": "ANY", "257": "CAA",
}  # fmt: skip
# Win32 and DNS API status codes as QueryStatus carries them.
_DNS_STATUS = {
    "0": "SUCCESS",
    "5": "ERROR_ACCESS_DENIED",
    "8": "ERROR_NOT_ENOUGH_MEMORY",
    "13": "ERROR_INVALID_DATA",
    "14": "ERROR_OUTOFMEMORY",
    "87": "ERROR_INVALID_PARAMETER",
    "123": "ERROR_INVALID_NAME",
    "1214": "ERROR_INVALID_NETNAME",
    "1223": "ERROR_CANCELLED",
    "1460": "ERROR_TIMEOUT",
    "4312": "ERROR_OBJECT_NOT_FOUND",
    "9001": "DNS_ERROR_RCODE_FORMAT_ERROR",
    "9002": "DNS_ERROR_RCODE_SERVER_FAILURE",
    "9003": "DNS_ERROR_RCODE_NAME_ERROR",
    "9004": "DNS_ERROR_RCODE_NOT_IMPLEMENTED",
    "9005": "DNS_ERROR_RCODE_REFUSED",
    "9501": "DNS_INFO_NO_RECORDS",
    "9502": "DNS_ERROR_BAD_PACKET",
    "9560": "DNS_ERROR_INVALID_NAME",
    "9701": "DNS_ERROR_RECORD_DOES_NOT_EXIST",
    "9702": "DNS_ERROR_RECORD_FORMAT",
    "10054": "WSAECONNRESET",
    "10055": "WSAENOBUFS",
    "10060": "WSAETIMEDOUT",
    "11001": "WSAHOST_NOT_FOUND",
    "11002": "WSATRY_AGAIN",
    "11003": "WSANO_RECOVERY",
    "11004": "WSANO_DATA",
}


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
    left = _distribute(doc, data, _WAYS_OF_CODE.get(code, _WAYS))
    related: dict[str, list[str]] = {"user": [], "ip": [], "hosts": [], "hash": []}
    _user(doc, data, related)
    _process(doc)
    _file(doc)
    _hashes(doc, data, code, related)
    if code in _REGISTRY and "TargetObject" in data:
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


def _distribute(doc: Doc, data: dict[str, str], ways: dict[str, _Way]) -> dict[str, Any]:
    """Put the values that have a way where it leads; what is left of the event data."""
    left: dict[str, Any] = {}
    holders: dict[str, Doc] = {"": doc, "winlog.event_data": left}
    for name, value in data.items():
        way = ways.get(name)
        if way is None:
            if name not in _USED_UP:
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
    if (kind := _EVENTS.get(code)) is not None:
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
    owner = "process" if code in _HASH_OF_PROCESS else "file" if code in _HASH_OF_FILE else ""
    hashes: Doc = {}
    for part in listed.lower().split(","):
        kind, _, digest = part.strip().partition("=")
        if not digest or not digest.strip("0"):
            continue
        related["hash"].append(digest)
        if owner and kind == "imphash":
            put(doc, f"{owner}.pe.imphash", digest)
        elif owner and kind in _HASHES:
            hashes[kind] = digest
    if hashes:
        put(doc, f"{owner}.hash", hashes)


def _registry(path: str, details: str | None) -> Doc:
    registry: Doc = {"path": path}
    first, *rest = path.split("\\")
    hive = _HIVES.get(first)
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
    if initiated in _BOOLEANS:
        put(doc, "network.direction", "egress" if initiated == "true" else "ingress")
    ipv6 = data.get("SourceIsIpv6", "").lower()
    if ipv6 in _BOOLEANS:
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
        put(doc, "sysmon.dns.status", _DNS_STATUS.get(status, status))
    answers: list[Doc] = []
    addresses: list[str] = []
    for part in data.get("QueryResults", "").split(";"):
        part = part.strip()
        record = _DNS_RECORD.fullmatch(part)
        if record is not None:
            answer: Doc = {"type": _DNS_TYPES.get(record[1], record[1])}
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
