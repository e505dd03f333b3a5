"""Value lists: texts or address ranges, one a line, in a file of their own that many items share.

They lie in the folder ``values`` beside the lists, each under its id as Kibana knows it; what a
file system would refuse in a name is written ``%NN``. Blank lines and lines that begin with ``#``
say nothing.
"""

from __future__ import annotations

import ipaddress
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from triage.errors import TriageError
from triage.exceptions._model import VALUE_TYPES

FOLDER = "values"
MAX_BYTES = 32 << 20
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_DEVICES = {"con", "prn", "aux", "nul", *(f"{n}{d}" for n in ("com", "lpt") for d in range(10))}


def path_of(folder: Path, list_id: str) -> Path:
    """The file of a value list, for exception lists in ``folder``; no id leads out of it."""
    name = quote(list_id, safe=" ()+,;=@")
    if name.startswith((".", "~")) or name.partition(".")[0].lower() in _DEVICES:
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return folder / FOLDER / name


def value_lists(folder: Path) -> list[str]:
    """The ids of the value lists there are, sorted."""
    try:
        names = [entry.name for entry in os.scandir(folder / FOLDER) if entry.is_file()]
    except OSError:
        return []
    return sorted(unquote(name) for name in names if not name.startswith("."))


def read_values(folder: Path, list_id: str) -> tuple[str, ...]:
    """What a value list holds, in file order; raises TriageError where it can not be read."""
    path = path_of(folder, list_id)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise TriageError(f"there is no value list {list_id!r} in {path.parent}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TriageError(f"the value list {list_id!r} can not be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise TriageError(f"the value list {list_id!r} is longer than {MAX_BYTES >> 20} MiB")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise TriageError(f"the value list {list_id!r} is no UTF-8 text") from error
    found = (line.strip() for line in lines)
    return tuple(line for line in found if line and not line.startswith("#"))


def value_test(kind: str, listed: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is on a value list of type ``kind``; ValueError for a line that can not be."""
    if kind == "keyword":
        return frozenset(listed).__contains__
    if kind == "text":
        folded = frozenset(value.casefold() for value in listed)
        return lambda text: text.casefold() in folded
    if kind in ("ip", "ip_range"):
        return Ranges(listed).__contains__
    raise ValueError(f"unknown type of a value list {kind!r}: use {', '.join(VALUE_TYPES)}")


class Ranges:
    """Addresses and address ranges; whether one is in any of them costs a bisection."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Of ``10.0.4.7``, ``10.0.4.0/24`` or ``10.0.4.1-10.0.4.9``; ValueError for others."""
        spans: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for text in texts:
            version, first, last = _span(text)
            spans[version].append((first, last))
        self._starts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}
        for version, found in spans.items():
            merged: list[list[int]] = []
            for first, last in sorted(found):
                if merged and first <= merged[-1][1] + 1:
                    merged[-1][1] = max(last, merged[-1][1])
                else:
                    merged.append([first, last])
            self._starts[version] = [one[0] for one in merged]
            self._ends[version] = [one[1] for one in merged]

    def __contains__(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if self._has(address.version, int(address)):
            return True
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped is not None and self._has(4, int(mapped))

    def _has(self, version: int, address: int) -> bool:
        place = bisect_right(self._starts[version], address) - 1
        return place >= 0 and address <= self._ends[version][place]

    def covers(self, other: Ranges) -> bool:
        """Whether every address of ``other`` is in here."""
        return all(
            self._has(version, first) and self._has_span(version, first, last)
            for version in (4, 6)
            for first, last in zip(other._starts[version], other._ends[version], strict=True)
        )

    def _has_span(self, version: int, first: int, last: int) -> bool:
        place = bisect_right(self._starts[version], first) - 1
        return last <= self._ends[version][place]


def _span(text: str) -> tuple[int, int, int]:
    """IP version, first and last address of a range."""
    first, dash, last = text.partition("-")
    if dash:
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{text!r} is no address range")
        return low.version, int(low), int(high)
    net = network(text)
    return net.version, int(net[0]), int(net[-1])


def network(text: str) -> Network:
    """The address range "10.0.4.0/24" or the address "10.0.4.7" stands for; ValueError else."""
    return ipaddress.ip_network(text.strip(), strict=False)
