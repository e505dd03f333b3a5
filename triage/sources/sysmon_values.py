"""What is made of the texts of a Sysmon event's data: the values of ECS fields, None for none."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from triage import times
from triage.fields import Doc
from triage.sources import derive
from triage.sources.derive import arguments, domain_parts, file_of, is_ip
from triage.sources.sysmon_events import DNS_STATUS, DNS_TYPES, HIVES

BOOLEANS = {"true": True, "false": False}
_REMEMBERED = 512  # characters of hashes, at most, that are kept in memory
DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512", "imphash")

_NUMERIC_DATA = re.compile(
    r"(?:QWORD \(0x([0-9A-Fa-f]{1,16})-0x([0-9A-Fa-f]{1,16})\)|DWORD \(0x([0-9A-Fa-f]{1,16})\))"
)
_DNS_RECORD = re.compile(r"type:\s*(\d{1,5})\s*(\S*)")


def number(text: str) -> int | None:
    """A whole number that surely has 64 bits."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def ip(text: str) -> str | None:
    """An IP address."""
    return text if is_ip(text) else None


def boolean(text: str) -> bool | None:
    """True or False."""
    return BOOLEANS.get(text.lower())


def true(text: str) -> bool | None:
    """True alone."""
    return boolean(text) or None


def valid(status: str) -> bool | None:
    """True of the status of a valid signature."""
    return True if status == "Valid" else None


def instant(text: str) -> str | None:
    """ISO 8601 of a time."""
    found = times.parse(text)
    return times.iso(found) if found is not None else None


def name_of(path: str) -> str | None:
    """The last part of a path. "System" and "Registry" have no path: their name is all there is."""
    return path.rpartition("\\")[2] or None


def words(command_line: str) -> tuple[list[str], int]:
    """The arguments of a command line, and how many they are."""
    found = arguments(command_line)
    return found, len(found)


def file_parts(path: str) -> tuple[str | None, str | None, str | None]:
    """Name, directory and extension of a file."""
    found = file_of(path)
    return found.get("name"), found.get("directory"), found.get("extension")


def account(user: str) -> tuple[str | None, str | None, list[str] | None]:
    """Domain and name of ``DOMAIN\\name``, and the name as one of those related."""
    domain, _, name = user.partition("\\")
    if domain and name and "\\" not in name:
        return domain, name, [name]
    return None, None, None


def digests(listed: str) -> tuple[Any, ...]:
    """Of each of :data:`DIGESTS` the hash, and at last all hashes, from ``MD5=…,SHA256=…``."""
    short = len(listed) <= _REMEMBERED
    *found, every = _remembered_digests(listed) if short else _digests(listed)
    return *found, list(every) or None


@lru_cache(maxsize=4096)  # the same programs start again and again
def _remembered_digests(listed: str) -> tuple[Any, ...]:
    return _digests(listed)


def _digests(listed: str) -> tuple[Any, ...]:
    hashes: dict[str, str] = {}
    every: dict[str, None] = {}
    for part in listed.lower().split(","):
        kind, _, digest = part.strip().partition("=")
        if digest and digest.strip("0"):
            every[digest] = None
            hashes[kind] = digest
    return *(hashes.get(kind) for kind in DIGESTS), tuple(every)


def every_digest(listed: str) -> list[str] | None:
    """All hashes alone."""
    found: list[str] | None = digests(listed)[-1]
    return found


def registry(path: str, details: str | None) -> tuple[Any, ...]:
    """Hive, key and value of a path of the registry; type and texts of the data set there."""
    first, *rest = path.split("\\")
    hive = HIVES.get(first)
    key = "\\".join(rest) if hive is not None and rest else None
    value = rest[-1] if rest and rest[-1] else None
    kind, text = (None, None) if details is None else _registry_data(details)
    return hive, key, value, kind, None if text is None else [text]


def _registry_data(details: str) -> tuple[str, str]:
    number = _NUMERIC_DATA.fullmatch(details)
    if number is None:
        return "REG_BINARY" if details == "Binary Data" else "REG_SZ", details
    if number[3] is not None:
        return "SZ_DWORD", str(int(number[3], 16))
    # Upstream shifts the high word by 8 bits, not 32; rules are written for its values.
    return "SZ_QWORD", str((int(number[1], 16) << 8) + int(number[2], 16))


def direction(initiated: str) -> str | None:
    """``network.direction`` of a connection."""
    ours = boolean(initiated)
    return None if ours is None else "egress" if ours else "ingress"


def ip_version(is_ipv6: str) -> str | None:
    """``network.type`` of a connection."""
    newer = boolean(is_ipv6)
    return None if newer is None else "ipv6" if newer else "ipv4"


def addresses(one: str, other: str | None) -> list[str] | None:
    """Those texts that are addresses."""
    return _distinct([text for text in (one, other) if text is not None and is_ip(text)])


def community_id(
    transport: str,
    source: str | None,
    source_port: str | None,
    destination: str | None,
    destination_port: str | None,
) -> str | None:
    """The id of a flow all of whose ends are known."""
    one, other = number(source_port or ""), number(destination_port or "")
    if source is None or destination is None or one is None or other is None:
        return None
    return derive.community_id(source, one, destination, other, transport)


def dns_status(code: str) -> str:
    """The name of a code of the DNS API."""
    return DNS_STATUS.get(code, code)


def answers(results: str) -> tuple[list[Doc] | None, list[str] | None, list[str] | None]:
    """The answers in ``type:  5 name;::ffff:address;``, their addresses, and the distinct ones."""
    found, addresses, _ = _parsed(results)
    return found or None, addresses or None, _distinct(addresses)


def names_told(_: str, results: str | None, name: str | None) -> list[str] | None:
    """The names in the answers, and the one that was asked for."""
    names = _parsed(results or "")[2]
    return _distinct(names if name is None else [*names, name])


def _parsed(results: str) -> tuple[list[Doc], list[str], list[str]]:
    found: list[Doc] = []
    addresses: list[str] = []
    names: list[str] = []
    for part in results.split(";"):
        part = part.strip()
        record = _DNS_RECORD.fullmatch(part)
        if record is not None:
            answer: Doc = {"type": DNS_TYPES.get(record[1], record[1])}
            if record[2]:
                answer["data"] = record[2]
                names.append(record[2])
            found.append(answer)
        elif is_ip(address := part.removeprefix("::ffff:")):  # Sysmon cuts long results off
            addresses.append(address)
    found += [{"type": "AAAA" if ":" in one else "A", "data": one} for one in addresses]
    return found, addresses, names


def domain(name: str) -> tuple[str | None, str | None, str | None]:
    """Registered domain, top-level domain and subdomain of a name."""
    parts = domain_parts(name)
    if parts is None:
        return None, None, None
    registered, sub, top = parts
    return registered, top, sub or None


def _distinct(texts: list[str]) -> list[str] | None:
    return list(dict.fromkeys(texts)) or None
