"""Sysmon's event data as ECS, field for field as Elastic's ingest pipelines give it.

The tables are beside it: what Sysmon's events are in :mod:`triage.sources.sysmon_events`, what
fields are made of in :mod:`triage.sources.sysmon_fields`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from triage.fields import Doc, nested, object_at, put
from triage.sources.facts import Script
from triage.sources.sysmon_events import EVENTS
from triage.sources.sysmon_fields import NOTHING, Kind, kind_of

PROVIDER = "Microsoft-Windows-Sysmon"
CHANNEL = "Microsoft-Windows-Sysmon/Operational"

Filler = Callable[[Doc, Doc, Callable[[str], str | None]], None]


def map_fields(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of one Sysmon event into ``doc``; what is left of its event data.

    ``data`` is the record's EventData by name. Sets ``@timestamp`` from ``UtcTime`` where there is
    one.
    """
    data = {name: value for name, value in data.items() if value not in NOTHING}
    _classify(doc, code)
    sid = nested(doc["winlog"], "user").get("identifier")  # of the account that wrote the record
    if isinstance(sid, str) and sid:
        doc["user"] = {"id": sid}
    kind = kind_of(code)
    left: dict[str, Any] = {name: value for name, value in data.items() if name not in kind.used_up}
    _filler(kind)(doc, left, data.get)
    return left


@cache  # there are as many as events that Sysmon has
def _filler(kind: Kind) -> Filler:
    """What puts all fields of such events into a document, or into what is left of the data."""
    holders = {"": "doc", "winlog.event_data": "left"}

    def load(variable: str, name: str) -> list[str]:
        return [f"{variable} = get({name!r})"]

    def store(field: str, value: str) -> list[str]:
        path, _, last = field.rpartition(".")
        holder = holders.setdefault(path, f"h{len(holders)}")
        made = f"if {holder} is None: {holder} = object_at(doc, {path!r})"
        return [*([made] if holder[0] == "h" else []), f"{holder}[{last!r}] = {value}"]

    script = Script(kind.facts, load, store)
    script.space["object_at"] = object_at
    none = [f"{holder} = None" for holder in holders.values() if holder[0] == "h"]
    made: Filler = script.function("fill", "doc, left, get", none, "None")
    return made


def _classify(doc: Doc, code: str) -> None:
    event = doc["event"]
    event["module"] = "sysmon"
    event.setdefault("dataset", "windows.sysmon_operational")
    if (kind := EVENTS.get(code)) is not None:
        category, type_, action = kind
        if category:
            event["category"] = list(category)
        event["type"] = list(type_)
        event.setdefault("action", action)
    if code == "22":
        put(doc, "network.protocol", "dns")
