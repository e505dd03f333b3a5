"""The one form every shape of a Windows event record decodes to, and its way to ECS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from triage import times
from triage.fields import Doc
from triage.sources import sysmon

_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_LEVELS = {
    "0": "information",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "information",
    "5": "verbose",
}


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
    """A whole number from decimal or 0x text, or from a number; None where it is none."""
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
        shown = text(value)
        if shown and shown != "-":
            data[name] = guid(shown) if name[-4:] in ("Guid", "GUID") else shown
    return data


def to_ecs(win: WinEvent) -> Doc:
    """The ECS document of a record: Sysmon's fields mapped, others under ``winlog.*``."""
    created = times.parse(win.time)
    stamp = times.iso(created) if created is not None else ""
    event: Doc = {"kind": "event", "code": win.event_id, "provider": win.provider}
    level = _LEVELS.get(win.level, win.level.lower())
    doc: Doc = {
        "event": event,
        "host": {"os": {"type": "windows"}},
        "winlog": _winlog(win),
    }
    if win.computer:
        # No record carries the host.id that Elastic's agents add; sequences are joined by it.
        doc["host"].update(name=win.computer, id=win.computer)
    if stamp:
        doc["@timestamp"] = stamp
        event["created"] = stamp
    if level:
        doc["log"] = {"level": level}
    if win.message:
        doc["message"] = win.message
    data = win.data
    if win.provider == sysmon.PROVIDER:
        data = sysmon.map_fields(doc, win.event_id, win.data, win.user_sid)
    if data:
        doc["winlog"]["event_data"] = data
    return doc


def _winlog(win: WinEvent) -> Doc:
    winlog: Doc = {
        name: value
        for name, value in (
            ("channel", win.channel),
            ("provider_name", win.provider),
            ("provider_guid", guid(win.provider_guid)),
            ("event_id", win.event_id),
            ("record_id", win.record_id),
            ("computer_name", win.computer),
            ("opcode", win.opcode),
            ("task", win.task),
        )
        if value
    }
    if win.version is not None:
        winlog["version"] = win.version
    if win.pid is not None:
        winlog["process"] = {"pid": win.pid}
        if win.tid is not None:
            winlog["process"]["thread"] = {"id": win.tid}
    user = {
        name: value
        for name, value in (
            ("identifier", win.user_sid),
            ("name", win.user_name),
            ("domain", win.user_domain),
        )
        if value
    }
    if user:
        winlog["user"] = user
    if win.user_data:
        winlog["user_data"] = win.user_data
    return winlog
