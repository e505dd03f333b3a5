"""Get-WinEvent's properties, as ConvertTo-Json and Export-Csv write them.

They name no value of the event: these are taken from the message, as far as it is understood.
"""

from __future__ import annotations

import re
from typing import Any

from triage import times
from triage.fields import Doc
from triage.sources import clock, messages, sysmon
from triage.sources.winevent import WinEvent, event_data, number, text

_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")


def is_record(doc: Doc) -> bool:
    """Whether an object, or a row by its columns, has the properties of an EventLogRecord."""
    return "Id" in doc and "Message" in doc and "TimeCreated" in doc


def from_properties(doc: Doc) -> WinEvent:
    """The record of one object, or of one row, whose values are all texts."""
    message = text(doc["Message"])
    provider = text(doc.get("ProviderName"))
    if not provider and messages.lines(message).keys() >= {"UtcTime", "ProcessGuid"}:
        provider = sysmon.PROVIDER  # only some properties were exported
    given = doc.get("Properties")
    values = [text(_value(item)) for item in given] if isinstance(given, list) else []
    positional = bool(values) and isinstance(given, list) and isinstance(given[0], dict)
    data: dict[str, str] = {}
    if provider == sysmon.PROVIDER and positional:
        data = messages.by_value(message, values)
    data = data or messages.told(provider, text(doc["Id"]), message)
    pairs = [("", value) for value in values] if positional and not data else data.items()
    user = doc.get("UserId")
    return WinEvent(
        provider=provider,
        provider_guid=text(doc.get("ProviderId")),
        event_id=text(doc["Id"]),
        channel=text(doc.get("LogName")),
        computer=text(doc.get("MachineName")),
        time=_time(doc["TimeCreated"], data.get("UtcTime", "")),
        record_id=text(doc.get("RecordId")),
        level=text(doc.get("Level")),
        keywords=text(doc.get("Keywords")) or text(doc.get("KeywordsDisplayNames")),
        version=number(text(doc.get("Version"))),
        task=text(doc.get("TaskDisplayName")),
        message=message,
        pid=number(text(doc.get("ProcessId"))),
        tid=number(text(doc.get("ThreadId"))),
        user_sid=text(_value(user)),
        data=event_data(pairs),
    )


def _value(item: Any) -> Any:
    """A .NET object as ConvertTo-Json writes it: its value, whatever else it tells of it."""
    return item.get("Value", item.get("value")) if isinstance(item, dict) else item


def _time(given: Any, utc: str) -> str:
    value = text(_value(given))
    date = _DATE.fullmatch(value)
    if date is not None:
        instant = times.parse(int(date[1]))
        return times.iso(instant) if instant is not None else ""
    if value and value[:1].isdigit() and times.parse(value) is not None and "T" in value:
        return value
    return clock.utc(value, utc)
