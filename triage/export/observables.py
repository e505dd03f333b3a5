"""What an event shows, as STIX 2.1 cyber-observable objects: processes, files, addresses, keys."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import orjson

from triage import times
from triage.export.values import (
    address,
    hashes,
    hostname,
    instant,
    number,
    port,
    split_path,
    without_nothing,
)
from triage.fields import Doc, first_text

# Of the standard: the id of an observable is a UUIDv5 in this namespace of the members below.
_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
_NAMED_BY = {
    "directory": ("path",),
    "domain-name": ("value",),
    "file": ("hashes", "name", "parent_directory_ref"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "network-traffic": ("start", "src_ref", "dst_ref", "src_port", "dst_port", "protocols"),
    "user-account": ("user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
}
_KINDS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
_HIVES = {
    "HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKU": "HKEY_USERS",
    "HKCR": "HKEY_CLASSES_ROOT", "HKCC": "HKEY_CURRENT_CONFIG",
}  # fmt: skip


def steady_uuid(*parts: str) -> uuid.UUID:
    """The same for the same ``parts``, in the shape of a UUIDv4: the standard wants that shape
    wherever it does not say which members name an object."""
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=16).digest()
    return uuid.UUID(bytes=digest, version=4)


class Observables:
    """Makes the objects of events."""

    def __init__(self) -> None:
        self._found: list[Doc] = []

    def of(self, doc: Doc) -> list[Doc]:
        """The objects of one event, each after those it refers to; none where it shows nothing."""
        self._found = []
        self._process(doc)
        self._traffic(doc)
        if path := first_text(doc, "file.path", "file.name"):
            self._file(path, hashes(doc, "file.hash"))
        self._registry(doc)
        if name := hostname(doc, "dns.question.name"):
            self._add("domain-name", {"value": name})
        return self._found

    def _add(self, type_: str, members: dict[str, Any], named: str = "") -> str:
        """The id of an object of these members."""
        if type_ in _NAMED_BY:
            base = {name: members[name] for name in _NAMED_BY[type_] if name in members}
            if "hashes" in base:  # of several, the first in the standard's order
                base["hashes"] = dict([next(iter(base["hashes"].items()))])
            body = orjson.dumps(base, option=orjson.OPT_SORT_KEYS).decode()
            name = uuid.uuid5(_NAMESPACE, body)
        else:
            body = orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()
            name = steady_uuid(named, body)
        id_ = f"{type_}--{name}"
        if all(each["id"] != id_ for each in self._found):
            self._found.append({"type": type_, "spec_version": "2.1", "id": id_, **members})
        return id_

    def _process(self, doc: Doc) -> None:
        parent = self._one_process(doc, "process.parent", "")
        if self._one_process(doc, "process", parent) == "" and (
            name := first_text(doc, "user.name")
        ):
            self._add("user-account", {"account_login": name})

    def _one_process(self, doc: Doc, prefix: str, parent: str) -> str:
        path = first_text(doc, f"{prefix}.executable", f"{prefix}.name")
        pid = number(doc, f"{prefix}.pid")
        command = first_text(doc, f"{prefix}.command_line")
        if not (path or command or pid is not None):
            return ""
        user = first_text(doc, "user.name") if prefix == "process" else ""
        account = without_nothing({"user_id": first_text(doc, "user.id"), "account_login": user})
        started = instant(doc, f"{prefix}.start")
        members = without_nothing({
            "command_line": command,
            "created_time": times.iso(started) if started else "",
            "image_ref": self._file(path, hashes(doc, f"{prefix}.hash")) if path else "",
            "creator_user_ref": self._add("user-account", account) if user else "",
            "parent_ref": parent,
        })  # fmt: skip
        if pid is not None:
            members["pid"] = pid
        entity = first_text(doc, f"{prefix}.entity_id")
        return self._add("process", members, f"{first_text(doc, 'host.name')}\n{entity}")

    def _file(self, path: str, found: dict[str, str]) -> str:
        folder, name = split_path(path)
        members = without_nothing({
            "hashes": {_KINDS[kind]: value for kind, value in found.items()},
            "name": name or path,
            "parent_directory_ref": self._add("directory", {"path": folder}) if folder else "",
        })  # fmt: skip
        return self._add("file", members)

    def _traffic(self, doc: Doc) -> None:
        ends = {
            side: self._address(address(doc, f"{side}.ip")) for side in ("source", "destination")
        }
        if not any(ends.values()):
            return
        version = "ipv6" if any("ipv6" in end for end in ends.values()) else "ipv4"
        transport = first_text(doc, "network.transport").lower()
        members = without_nothing({
            "start": times.iso(at) if (at := instant(doc, "@timestamp")) else "",
            "src_ref": ends["source"],
            "dst_ref": ends["destination"],
            "src_port": port(doc, "source.port"),
            "dst_port": port(doc, "destination.port"),
            "protocols": [version, transport] if transport in ("tcp", "udp", "icmp") else [version],
        })  # fmt: skip
        self._add("network-traffic", members)
        if name := hostname(doc, "destination.domain"):
            self._add("domain-name", {"value": name})

    def _address(self, text: str) -> str:
        if not text:
            return ""
        return self._add("ipv6-addr" if ":" in text else "ipv4-addr", {"value": text})

    def _registry(self, doc: Doc) -> None:
        path = first_text(doc, "registry.path")
        if not path:
            return
        hive, slash, rest = path.lstrip("\\").partition("\\")
        key, name = _HIVES.get(hive.upper(), hive) + slash + rest, ""
        if value := first_text(doc, "registry.value"):
            folder, last = split_path(key)
            key, name = (folder, last) if last == value else (key, value)
        data = first_text(doc, "registry.data.strings")
        value_ = without_nothing({"name": name, "data": data})
        self._add(
            "windows-registry-key",
            without_nothing({"key": key, "values": [value_] if value_ else []}),
        )
