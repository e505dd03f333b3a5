"""Which ECS fields are made of which values of a Sysmon event's data, by the event's id.

One table for both who use it: :mod:`triage.sources.sysmon`, which makes all fields of an event, and
:mod:`triage.sources.evtx_glance`, which makes only those that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from triage.sources import sysmon_values as made
from triage.sources.facts import Fact
from triage.sources.sysmon_events import EVENTS, HASH_OF_FILE, HASH_OF_PROCESS, REGISTRY

NOTHING = frozenset({"", "-", "{00000000-0000-0000-0000-000000000000}"})  # no values


class Kind:
    """The events of an id."""

    def __init__(self, code: str) -> None:
        self.facts = tuple(_facts(code))
        self.by_field: dict[str, list[Fact]] = {}
        for fact in self.facts:
            for field in fact.fields:
                self.by_field.setdefault(field, []).append(fact)
        used = {name for fact in self.facts for name in (*fact.of, *fact.beside)}
        stay = _STAY if code in REGISTRY else _STAY | {"Details"}
        self.used_up = (used | _USED_UP) - stay  # the others stay in winlog.event_data


def kind_of(code: str) -> Kind:
    """The kind of an event by its id."""
    return _KINDS.get(code, _OTHER)


def _same(paths: dict[str, str], make: Callable[[str], Any] | None = None) -> Iterator[Fact]:
    """Facts of one value and one field each; names of the value parted by blanks."""
    for names, path in paths.items():
        yield Fact(tuple(names.split()), (path,), make)


def _below(owner: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{name}" for name in names)


_IMAGE = ("Image", "SourceImage", "Destination")
_FILE = ("TargetFilename", "Device", "ImageLoaded")
_ENDS = ("SourceIp", "SourcePort", "DestinationIp", "DestinationPort")
_STAY = frozenset({
    "Company", "Description", "FileVersion", "Product", "Signature", "SignatureStatus", "Signed",
})  # fmt: skip
# Of no use for another field in some events, and gone from these too.
_USED_UP = frozenset({
    "TargetObject", "Details", "Initiated", "SourceIsIpv6", "DestinationIsIpv6", "QueryStatus",
    "QueryResults", "DestinationPortName", "SourcePortName",
})  # fmt: skip


_COMMON: Sequence[Fact] = (
    Fact(("UtcTime",), ("@timestamp",), made.instant),
    *_same(
        {
            "ProcessGuid SourceProcessGuid SourceProcessGUID": "process.entity_id",
            " ".join(_IMAGE): "process.executable",
            "CommandLine": "process.command_line",
            "CurrentDirectory": "process.working_directory",
            "ParentProcessGuid": "process.parent.entity_id",
            "ParentImage": "process.parent.executable",
            "ParentCommandLine": "process.parent.command_line",
            "PipeName": "file.name",
            " ".join(_FILE): "file.path",
            "Signature": "file.code_signature.subject_name",
            "SignatureStatus": "file.code_signature.status",
            "Protocol": "network.transport",
            "SourceHostname": "source.domain",
            "DestinationHostname": "destination.domain",
            "QueryName": "dns.question.name",
            "RuleName": "rule.name",
            "TargetProcessGUID TargetProcessGuid": "winlog.event_data.TargetProcessGUID",
        }
    ),
    *_same(
        {
            "ProcessId SourceProcessId": "process.pid",
            "SourceThreadId": "process.thread.id",
            "ParentProcessId": "process.parent.pid",
            "SourcePort": "source.port",
            "DestinationPort": "destination.port",
        },
        made.number,
    ),
    *_same({"SourceIp": "source.ip", "DestinationIp": "destination.ip"}, made.ip),
    *_same(
        {"Archived": "sysmon.file.archived", "IsExecutable": "sysmon.file.is_executable"},
        made.boolean,
    ),
    Fact(("Signed",), ("file.code_signature.signed",), made.true),
    Fact(("SignatureStatus",), ("file.code_signature.valid",), made.valid),
    Fact(_IMAGE, ("process.name",), made.name_of),
    Fact(("ParentImage",), ("process.parent.name",), made.name_of),
    Fact(("CommandLine",), _below("process", "args", "args_count"), made.words),
    Fact(("ParentCommandLine",), _below("process.parent", "args", "args_count"), made.words),
    Fact(_FILE, _below("file", "name", "directory", "extension"), made.file_parts),
    Fact(("User",), ("user.domain", "user.name", "related.user"), made.account),
)
_CONNECTION: Sequence[Fact] = (
    Fact(("DestinationPortName", "SourcePortName"), ("network.protocol",)),
    Fact(("Initiated",), ("network.direction",), made.direction),
    Fact(("SourceIsIpv6",), ("network.type",), made.ip_version),
    Fact(("SourceIp", "DestinationIp"), ("related.ip",), made.addresses, ("DestinationIp",)),
    Fact(("Protocol",), ("network.community_id",), made.community_id, _ENDS),
)
_DNS: Sequence[Fact] = (
    Fact(("QueryStatus",), ("sysmon.dns.status",), made.dns_status),
    Fact(("QueryResults",), ("dns.answers", "dns.resolved_ip", "related.ip"), made.answers),
    Fact(
        ("QueryResults", "QueryName"),
        ("related.hosts",),
        made.names_told,
        ("QueryResults", "QueryName"),
    ),
    Fact(
        ("QueryName",),
        _below("dns.question", "registered_domain", "top_level_domain", "subdomain"),
        made.domain,
    ),
)


def _facts(code: str) -> Iterator[Fact]:
    yield from _COMMON
    owner = "file" if code == "7" else "process"  # the image that is loaded, or the program
    yield from _same(
        {
            "Company": f"{owner}.pe.company",
            "Description": f"{owner}.pe.description",
            "FileVersion": f"{owner}.pe.file_version",
            "Product": f"{owner}.pe.product",
            "OriginalFileName": f"{owner}.pe.original_file_name",
        }
    )
    hashes = ("Hashes", "Hash")
    if code in HASH_OF_PROCESS or code in HASH_OF_FILE:
        owner = "process" if code in HASH_OF_PROCESS else "file"
        paths = [f"{owner}.{'pe' if one == 'imphash' else 'hash'}.{one}" for one in made.DIGESTS]
        yield Fact(hashes, (*paths, "related.hash"), made.digests)
    else:
        yield Fact(hashes, ("related.hash",), made.every_digest)
    if code in REGISTRY:
        yield Fact(("TargetObject",), ("registry.path",))
        paths = ["hive", "key", "value", "data.type", "data.strings"]
        yield Fact(("TargetObject",), _below("registry", *paths), made.registry, ("Details",))
    yield from _DNS if code == "22" else _CONNECTION
    if code == "25":
        yield Fact(("Type",), ("message",))
    if code == "255":
        yield Fact(("ID",), ("error.code",))


_KINDS = {code: Kind(code) for code in EVENTS}
_OTHER = Kind("")
