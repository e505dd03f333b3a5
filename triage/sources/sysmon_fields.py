"""Where each value of a Sysmon event's data goes in ECS, and what is made of its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from triage.sources.derive import is_ip


class Way(NamedTuple):
    """Where a value of the event data goes."""

    holder: str  # dotted name of the object, "" for the document itself
    name: str
    read: Callable[[str], Any] | None  # makes a value of the text, None of one that is none
    stays: bool  # in winlog.event_data too


def _ways(
    paths: dict[str, str], read: Callable[[str], Any] | None = None, stays: bool = False
) -> dict[str, Way]:
    parted = {name: path.rpartition(".") for name, path in paths.items()}
    return {name: Way(holder, last, read, stays) for name, (holder, _, last) in parted.items()}


def _number(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) < 19 else None


def _address(value: str) -> str | None:
    return value if is_ip(value) else None


def _boolean(value: str) -> bool | None:
    return BOOLEANS.get(value.lower())


def _true(value: str) -> bool | None:
    return _boolean(value) or None


BOOLEANS = {"true": True, "false": False}
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


def _described(owner: str) -> dict[str, Way]:
    """Of the program that runs, or of the image that it loads."""
    pe = {
        "Company": f"{owner}.pe.company",
        "Description": f"{owner}.pe.description",
        "FileVersion": f"{owner}.pe.file_version",
        "Product": f"{owner}.pe.product",
    }
    return _ways(pe, stays=True) | _ways({"OriginalFileName": f"{owner}.pe.original_file_name"})


WAYS = {
    **_ways(_RENAMED),
    **_ways(_NUMBERS, _number),
    **_ways(_ADDRESSES, _address),
    **_ways(_FLAGS, _boolean),
    **_ways(_SIGNATURE, stays=True),
    **_ways({"Signed": "file.code_signature.signed"}, _true, stays=True),
    **_described("process"),
}
WAYS_OF_CODE = {
    "7": WAYS | _described("file"),
    "25": WAYS | _ways({"Type": "message"}),
    "255": WAYS | _ways({"ID": "error.code"}),
}
USED_UP = frozenset({
    "UtcTime", "User", "Hash", "Hashes", "TargetObject", "Details", "Initiated",
    "SourceIsIpv6", "DestinationIsIpv6", "QueryStatus", "QueryResults", "DestinationPortName",
    "SourcePortName",
})  # fmt: skip
