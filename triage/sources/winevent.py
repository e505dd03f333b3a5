"""The one form every shape of a Windows event record decodes to; ``channels`` makes ECS of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_GUID_LENGTHS = (36, 38)  # without and with braces
GUIDS = ("Guid", "GUID")  # how the names of values end that are GUIDs
_AUDIT_FAILURE, _AUDIT_SUCCESS = 1 << 52, 1 << 53


@dataclass(frozen=True, slots=True)
class WinEvent:
    """A Windows event record, whatever it was exported by. Texts are "" where unknown."""

    provider: str
    event_id: str  # decimal
    channel: str = ""
    computer: str = ""
    time: str = ""  # SystemTime: when the record was written; ISO 8601 UTC
    record_id: str = ""  # decimal
    provider_guid: str = ""
    level: str = ""  # a number or a word
    version: int | None = None
    keywords: str = ""  # a number, or names
    opcode: str = ""
    task: str = ""
    message: str = ""
    pid: int | None = None  # of the process that wrote the record
    tid: int | None = None
    user_sid: str = ""  # of the account that wrote the record
    user_name: str = ""
    user_domain: str = ""
    data: dict[str, str] = field(default_factory=dict)  # EventData by name; no empty values
    user_data: dict[str, str] = field(default_factory=dict)  # UserData by name


def guid(value: str) -> str:
    """A GUID as this program writes them, lower case in braces; any other text unchanged.

    The tools differ in both (evtx_dump: upper case, bare; EvtxECmd: lower case, bare), and ids
    must be equal for a sequence to join.
    """
    return _guid(value) if len(value) in _GUID_LENGTHS else value


@lru_cache(maxsize=4096)  # the same processes come again and again
def _guid(value: str) -> str:
    match = _GUID.fullmatch(value)
    return "{" + match[1].lower() + "}" if match else value


def text(value: Any) -> str:
    """A typed value (evtx_dump prints numbers and booleans) as the text Windows would show."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    if isinstance(value, dict):
        return text(value.get("#text", value.get("text", "")))
    return str(value)


def number(value: Any) -> int | None:
    """A whole number from decimal or 0x text, from a number, or from what holds either; None where
    it is none, or none of 64 bits."""
    found = value if value.__class__ is int else _whole(text(value))
    return found if found is not None and -(1 << 63) <= found < 1 << 63 else None


def _whole(value: Any) -> int | None:
    try:
        return int(str(value), 0)
    except ValueError:
        try:
            return int(str(value))  # "007": decimal with leading zeros
        except ValueError:
            return None


def event_data(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """EventData without its empty values; GUIDs in one form; nameless values are param1, param2…"""
    data: dict[str, str] = {}
    nameless = 0
    for name, value in pairs:
        if not name:
            nameless += 1
            name = f"param{nameless}"
        shown = value if value.__class__ is str else text(value)
        if shown and shown != "-":
            if " " in name:  # as winlogbeat has them, and a query can write them
                name = name.replace(" ", "_")
            data[name] = guid(shown) if name.endswith(GUIDS) else shown
    return data


def outcome(keywords: Any) -> str:
    """What an audit's keywords say of it, "success" or "failure"; "" where they say nothing.

    ``keywords`` are the mask as a number or its text (NXLog's is signed), or names in English.
    """
    if isinstance(keywords, list):
        keywords = ", ".join(text(item) for item in keywords)
    mask = _whole(keywords)
    if mask is not None:
        if mask & _AUDIT_FAILURE:
            return "failure"
        return "success" if mask & _AUDIT_SUCCESS else ""
    named = text(keywords).lower().replace("_", " ")
    if "audit failure" in named:
        return "failure"
    return "success" if "audit success" in named else ""
