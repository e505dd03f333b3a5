"""MITRE ATT&CK Enterprise: names of tactics and techniques by id, from ``attack.json`` beside it.

How that file is made is said in docs/attack-data.md; its licence in NOTICE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson

_SITE = "https://attack.mitre.org"


@dataclass(frozen=True, slots=True)
class Tactic:
    """What an adversary wants: "TA0005", Defense Evasion."""

    id: str
    name: str
    shortname: str  # "defense-evasion"
    url: str


@dataclass(frozen=True, slots=True)
class Technique:
    """How an adversary gets it: "T1218", or a sub-technique: "T1218.004"."""

    id: str
    name: str
    tactics: tuple[str, ...]  # ids of the tactics it serves
    parent: str  # id of the technique a sub-technique belongs to; "" for a technique
    url: str


@dataclass(frozen=True, slots=True)
class _Table:
    version: str
    tactics: dict[str, Tactic]
    techniques: dict[str, Technique]


def tactic(id: str) -> Tactic | None:
    """The tactic with ``id`` ("TA0005", any case), or None where ATT&CK has none."""
    return _table().tactics.get(id.strip().upper())


def technique(id: str) -> Technique | None:
    """The technique or sub-technique with ``id``, or None where ATT&CK has none (any longer)."""
    return _table().techniques.get(id.strip().upper())


def tactics() -> tuple[Tactic, ...]:
    """All tactics, in the order in which an attack goes."""
    return tuple(_table().tactics.values())


def techniques() -> tuple[Technique, ...]:
    """All techniques and sub-techniques."""
    return tuple(_table().techniques.values())


def tactic_order(id: str) -> tuple[int, str]:
    """A key that sorts tactic ids as ATT&CK does; those it does not have come last."""
    known = list(_table().tactics)
    return (known.index(id) if id in known else len(known), id)


def ids(threat: object) -> str:
    """The ids of tactics and techniques in a rule's ``threat``: "TA0005 T1218 T1218.004"."""
    found: list[str] = []

    def take(node: object) -> None:
        for one in node if isinstance(node, list) else [node]:
            if isinstance(one, dict):
                found.append("".join(str(one.get("id", "")).split()))
                for name in ("tactic", "technique", "subtechnique"):
                    take(one.get(name))

    take(threat)
    return " ".join(dict.fromkeys(one for one in found if one))


def version() -> str:
    """The version of ATT&CK the names are of: "18.1"."""
    return _table().version


@lru_cache(maxsize=1)
def _table() -> _Table:
    data = orjson.loads(Path(__file__).with_name("attack.json").read_bytes())
    tactics = {
        key: Tactic(key, name, short, f"{_SITE}/tactics/{key}/")
        for key, (name, short) in data["tactics"].items()
    }
    techniques = {
        key: Technique(
            id=key,
            name=name,
            tactics=tuple(serves),
            parent=key.partition(".")[0] if "." in key else "",
            url=f"{_SITE}/techniques/{key.replace('.', '/')}/",
        )
        for key, (name, serves) in data["techniques"].items()
    }
    return _Table(data["version"], tactics, techniques)
